local channel = require "kal.channel"
local support = require "support"

support.load()

local function send(config, caps, given)
  local ask = { channel = "email", key = "email", address = "a@example.org", message = {} }
  for key, value in pairs(given or {}) do ask[key] = value end
  return channel.send(config, { caps = caps }, ask)
end

local LOG = { provider = "log" }

describe("channel", function()
  it("asks for a delivery with what the provider takes besides", function()
    local ran = send({ provider = "log", provider_opts = { tag = "x" } })
    assert.same({ kind = "send", channel = "email", provider = "log",
      recipient = { email = "a@example.org" }, message = { provider_opts = { tag = "x" } } },
      ran.effects[1])
    assert.same({ channel = "email", status = "pending" }, ran.result)
  end)

  it("sends no more than the flow's own caps allow", function()
    local function status(...)
      local ran = send(LOG, { ... })
      assert.equal(ran.result.error, ran.effects[1].error)
      return ran.result.error or ran.result.status
    end
    assert.equal("pending", status({ channel = "email", count = 1, max = 2 }))
    assert.equal("frequency_cap_exceeded", status({ channel = "email", count = 2, max = 2 }))
    assert.equal("frequency_cap_exceeded", status({ channel = "all", count = 3, max = 2 }))
    assert.equal("pending", status({ channel = "sms", count = 9, max = 2 }))
    assert.equal("pending", status({ channel = "email", count = 9 }))
  end)

  it("waits for what becomes of a delivery that leaves, and of no other", function()
    local waits = send(LOG, nil, { awaits = true })
    assert.equal("wait", waits.kind)
    assert.is_true(waits.effects[1].awaits)
    local capped = send(LOG, { { channel = "all", count = 1, max = 1 } }, { awaits = true })
    assert.equal("complete", capped.kind)
    assert.is_nil(capped.effects[1].awaits)
  end)

  it("takes a text that is there for an address", function()
    assert.equal("x", channel.address "x")
    for _, value in ipairs { "", 7, {}, support.null } do
      assert.is_nil(channel.address(value))
    end
  end)
end)
