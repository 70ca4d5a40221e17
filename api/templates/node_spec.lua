--- Run it by `kalcifer node test`. Nothing is real but the node: the clock stands where the spec
--- puts it, and what the node wants done is written down.
local kit = require "kal.kit"
local describe, it, expect = kit.describe, kit.it, kit.expect

describe("my_node", function()
  it("tags who has bought often enough", function()
    local host = kit.host { customer = { properties = { orders = 5 } } }
    local done = host:run("my_node", { tag = "regular" })
    expect(done.kind).equals "complete"
    expect(done.result).equals { tagged = true }
    expect(done.effects).equals { { kind = "add_tag", tag = "regular" } }
    expect(host.customer.tags).equals { "regular" }
  end)

  it("leaves the others alone", function()
    local done = kit.host():run("my_node", { tag = "regular" })
    expect(done.result.tagged).equals(false)
    expect(done.effects).equals {}
  end)

  it("says what is wrong with a config", function()
    expect(kit.problems("my_node", { at_least = 0 })).equals {
      "/tag: can't be blank", "/at_least: must be at least 1",
    }
  end)
end)
