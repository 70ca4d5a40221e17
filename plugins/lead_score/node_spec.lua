local kit = require "kal.kit"
local describe, it, expect = kit.describe, kit.it, kit.expect

local CONFIG = { points = { demo = 20, unsubscribed = -5 }, half_life = "7d" }

local function score(host, event_type)
  local event = event_type and { event_type = event_type }
  return host:run("lead_score", CONFIG, { event = event }).result.score
end

describe("lead_score", function()
  it("counts an event's points, and one for any other", function()
    local host = kit.host()
    expect(score(host, "demo")).equals(20)
    expect(score(host, "page_view")).equals(21)
    expect(score(host, "unsubscribed")).equals(16)
    expect(score(host)).equals(17)
  end)

  it("halves with every half-life", function()
    local host = kit.host()
    score(host, "demo")
    host:advance "7d"
    expect(score(host, "page_view")).equals(11)
    host:advance "14d"
    expect(score(host, "page_view")).equals(3.75)
  end)

  it("loses nothing to rounding when events are minutes apart", function()
    local host = kit.host()
    score(host, "demo")
    local idle = { points = { ping = 0 }, half_life = "7d" }
    for _ = 1, 7 * 24 * 4 do
      host:advance "15m"
      host:run("lead_score", idle, { event = { event_type = "ping" } })
    end
    expect(host.customer.properties.lead_score).near(10, 0.001)
  end)

  it("keeps score and time in the profile, under the name it is given", function()
    local host = kit.host { at = "2026-01-05T12:00:00Z" }
    local done = host:run("lead_score", { property = "heat", default_points = 2 })
    expect(done.effects).equals { {
      kind = "update_profile", fields = { heat = 2, heat_at = "2026-01-05T12:00:00.000Z" },
    } }
  end)

  it("begins anew when the profile holds something else, and never grows by waiting", function()
    local host = kit.host { customer = { properties = { lead_score = "high" } } }
    expect(score(host, "demo")).equals(20)
    host = kit.host { customer = { properties = {
      lead_score = 8, lead_score_at = "2030-01-01T00:00:00Z",
    } } }
    expect(score(host, "demo")).equals(28)
  end)

  it("refuses points that are no numbers, and to keep the score in a column", function()
    expect(kit.problems("lead_score", { property = "email" })).equals {
      "/property: is a column of the customer's row",
    }
    expect(kit.problems("lead_score", { points = { demo = "many", x = 2 } })).equals {
      "/points/demo: must be a number up to 1000000",
    }
  end)
end)
