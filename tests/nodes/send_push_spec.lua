local support = require "support"

local function recipient(customer)
  return support.run("send_push", { template_id = "t" },
    { context = support.context { _customer = customer } }).effects[1].recipient
end

describe("send_push", function()
  it("goes to the device that the profile names", function()
    assert.same({ push_token = "tok" }, recipient { properties = { push_token = "tok" } })
  end)

  it("takes nothing else for a device", function()
    assert.same({}, recipient { properties = { push_token = 7 } })
    assert.same({}, recipient { properties = { push_token = "" } })
    assert.same({}, recipient {})
  end)
end)
