local support = require "support"

describe("event_entry", function()
  local config = { event_type = "signed_up" }

  it("keeps the data of the event that started it", function()
    local event = { id = "e-1", event_type = "signed_up", data = { plan = "pro" } }
    local ran = support.run("event_entry", config, { event = event })
    assert.same({ event_type = "signed_up", data = { plan = "pro" } }, ran.result)
    assert.same(ran.result, ran.context.accumulated["n-1"])
  end)

  it("has no data when it was triggered by hand", function()
    assert.same({ event_type = "signed_up" }, support.run("event_entry", config).result)
  end)

  it("needs an event type", function()
    assert.same({ "/event_type: can't be blank" }, support.problems("event_entry", {}))
    assert.same({ "/event_type: is invalid", "/filter: is invalid" },
      support.problems("event_entry", { event_type = 3, filter = support.array { "x" } }))
    assert.same({ "/event_type: must have at most 255 bytes" }, -- no event could have it
      support.problems("event_entry", { event_type = ("漢"):rep(100) }))
  end)
end)
