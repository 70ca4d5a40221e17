local support = require "support"

local function run(config, customer)
  return support.run("send_sms", config, { context = support.context { _customer = customer } })
end

describe("send_sms", function()
  it("goes to the customer's phone", function()
    local ran = run({ body = "Hi {{ _customer.name }}" }, { phone = "+1555", name = "Ann" })
    local send = ran.effects[1]
    assert.equal("sms", send.channel)
    assert.same({ phone = "+1555" }, send.recipient)
    assert.same({ body = "Hi Ann" }, send.message)
    assert.same({ delivery_id = send.id, channel = "sms", status = "pending" }, ran.result)
  end)

  it("says so when there is no phone; the log needs none", function()
    assert(support.load().add_provider("texts", {
      version = "1", summary = "S.", channels = { "sms" }, send = function() end,
    }, { path = "p.lua" }))
    local lost = run({ body = "x", provider = "texts" }, { email = "ann@example.org" })
    assert.equal("no_recipient", lost.effects[1].error)
    assert.equal("failed", lost.result.status)
    assert.equal("no_recipient", lost.result.error)
    assert.equal("pending", run({ body = "x" }, {}).result.status)
  end)

  it("refuses at publish a provider that sends no texts", function()
    assert.same({}, support.problems("send_sms", { template_id = "t" }))
    assert.same({ "/template_id: can't be blank without a body" }, support.problems("send_sms", {}))
    assert.same({ "/provider: is not installed" },
      support.problems("send_sms", { body = "x", provider = "none" }))
  end)
end)
