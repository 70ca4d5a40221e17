local native = require "kal.native"
local support = require "support"

local function run(config)
  return support.run("send_in_app", config)
end

describe("send_in_app", function()
  it("is addressed by the customer's id", function()
    local ran = run { template_id = "t", placement = "banner" }
    local send = ran.effects[1]
    assert.equal("in_app", send.channel)
    assert.same({ customer_id = "c-1" }, send.recipient)
    assert.same({ template_id = "t", placement = "banner" }, send.message)
    assert.same({ delivery_id = send.id, channel = "in_app", status = "pending" }, ran.result)
  end)

  it("says until when it is shown", function()
    local function until_when(expiry)
      return run({ template_id = "t", expiry = expiry }).effects[1].message.expires_at
    end
    assert.equal(native.format_time(support.NOW + 7 * 86400000), until_when "7d")
    assert.equal("2026-05-01T00:00:00.000Z", until_when "2026-05-01")
  end)

  it("refuses at publish what it cannot show", function()
    assert.same({ "/template_id: can't be blank" }, support.problems("send_in_app", {}))
    assert.same({ "/expiry: must be a duration such as 7d or an ISO 8601 date and time" },
      support.problems("send_in_app", { template_id = "t", expiry = "soon" }))
  end)
end)
