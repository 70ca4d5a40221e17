local support = require "support"

describe("send_whatsapp", function()
  it("goes to the customer's phone", function()
    local ran = support.run("send_whatsapp", { template_id = "t", from = "us" },
      { context = support.context { _customer = { phone = "+1555" } } })
    local send = ran.effects[1]
    assert.equal("whatsapp", send.channel)
    assert.same({ phone = "+1555" }, send.recipient)
    assert.same({ template_id = "t", from = "us" }, send.message)
    assert.same({ delivery_id = send.id, channel = "whatsapp", status = "pending" }, ran.result)
  end)
end)
