local support = require "support"

describe("track_conversion", function()
  it("records the name, the revenue and what goes with it", function()
    local ran = support.run("track_conversion",
      { event_name = "order", revenue = 49.99, metadata = { shop = 2 } })
    assert.same({ {
      kind = "convert", conversion_type = "order", value = 49.99, metadata = { shop = 2 },
    } }, ran.effects)
    assert.same({ conversion_tracked = true, event_name = "order", revenue = 49.99 }, ran.result)
  end)

  it("takes the revenue from the event", function()
    local config = { event_name = "order", revenue = "{{ event.data.total }}" }
    local ran = support.run("track_conversion", config, { event = { data = { total = 12.5 } } })
    assert.equal(12.5, ran.effects[1].value)
    ran = support.run("track_conversion", config, { event = { data = {} } })
    assert.is_nil(ran.result.revenue)
    ran = support.run("track_conversion", config, { event = { data = { total = "much" } } })
    assert.equal("fail", ran.kind)
  end)

  it("refuses a revenue that is no number", function()
    assert.same({ "/event_name: can't be blank" }, support.problems("track_conversion", {}))
    for _, revenue in ipairs { "much", true, "{{ ( }}" } do
      local config = { event_name = "a", revenue = revenue }
      assert.equal(1, #support.problems("track_conversion", config))
    end
  end)
end)
