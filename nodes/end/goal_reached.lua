--- Records that the customer did what the flow was for, and ends the instance.
local outcome = require "kal.outcome"

---@type kal.Node
return {
  type = "goal_reached",
  category = "end",
  version = "1",
  summary = "Record a goal and, unless told otherwise, end the customer's walk.",
  config = {
    type = "object",
    required = { "goal_name" },
    properties = {
      goal_name = { type = "string", maxLength = 255, description = "Name of the goal." },
      exit_after_goal = {
        type = "boolean", default = true,
        description = "End the whole instance; false ends this branch only.",
      },
      value = { type = "number", description = "What the goal is worth." },
    },
  },
  execute = function(config)
    local goal = config.goal_name
    local result = { exit = config.exit_after_goal, goal = goal }
    local given = config.exit_after_goal and outcome.exit(result, "goal_reached")
      or outcome.complete(result)
    return outcome.with(given,
      { kind = "convert", conversion_type = "goal:" .. goal, value = config.value })
  end,
}
