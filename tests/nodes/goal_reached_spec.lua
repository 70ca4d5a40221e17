local support = require "support"

describe("goal_reached", function()
  it("records the goal and ends the instance", function()
    local ran = support.run("goal_reached", { goal_name = "subscribed", value = 49.99 })
    assert.equal("exit", ran.kind)
    assert.same({ exit = true, goal = "subscribed" }, ran.result)
    assert.same({ { kind = "convert", conversion_type = "goal:subscribed", value = 49.99 } },
      ran.effects)
  end)

  it("only ends its branch when told so", function()
    local ran = support.run("goal_reached", { goal_name = "read", exit_after_goal = false })
    assert.equal("complete", ran.kind)
    assert.same({ exit = false, goal = "read" }, ran.result)
    assert.equal("goal:read", ran.effects[1].conversion_type)
  end)

  it("needs a name", function()
    assert.same({ "/goal_name: can't be blank" }, support.problems("goal_reached", nil))
  end)
end)
