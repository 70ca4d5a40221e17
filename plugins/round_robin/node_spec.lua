local kit = require "kal.kit"
local describe, it, expect = kit.describe, kit.it, kit.expect

local TEAM = { assignees = {
  { key = "ada", weight = 2 }, { key = "ben", weight = 1 }, { key = "cid", weight = 1 },
} }

local function assign(id, config)
  local host = kit.host { customer = { external_id = id } }
  return host:run("round_robin", config).result.assigned_to
end

describe("round_robin", function()
  it("gives each their share of many customers", function()
    local counts = { ada = 0, ben = 0, cid = 0 }
    for i = 1, 4000 do
      local who = assign("customer-" .. i, TEAM)
      counts[who] = counts[who] + 1
    end
    expect(counts.ada).near(2000, 150)
    expect(counts.ben).near(1000, 150)
    expect(counts.cid).near(1000, 150)
  end)

  it("assigns for good, whatever the weights become", function()
    local host = kit.host { customer = { external_id = "customer-1" } }
    local first = host:run("round_robin", TEAM)
    local who = first.result.assigned_to
    expect(first.result.new).equals(true)
    expect(host.customer.properties.assigned_to).equals(who)
    local heavy = { assignees = { { key = who }, { key = "dee", weight = 100 } } }
    local again = host:run("round_robin", heavy)
    expect(again.result).equals { assigned_to = who, new = false }
    expect(again.effects).equals {}
  end)

  it("assigns anew when the person has left, and moves nobody else", function()
    local without_ben = { assignees = { TEAM.assignees[1], TEAM.assignees[3] } }
    local moved = 0
    for i = 1, 400 do
      local before, now = assign("c" .. i, TEAM), assign("c" .. i, without_ben)
      if before ~= now then
        expect(before).equals "ben"
        moved = moved + 1
      end
    end
    expect(moved > 0).equals(true)
    local host = kit.host { customer = { properties = { assigned_to = "gone" } } }
    expect(host:run("round_robin", TEAM).result.new).equals(true)
  end)

  it("refuses two of one name, and to write an address over", function()
    expect(kit.problems("round_robin", { assignees = { { key = "a" } }, property = "email" }))
      .equals { "/property: is a column of the customer's row" }
    expect(kit.problems("round_robin", { assignees = { { key = "a" }, { key = "a" } } })).equals {
      "/assignees/1/key: has already been taken",
    }
  end)
end)
