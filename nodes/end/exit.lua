--- Ends the whole instance.
local outcome = require "kal.outcome"

---@type kal.Node
return {
  type = "exit",
  category = "end",
  version = "1",
  summary = "End the customer's walk, with all its branches.",
  config = {
    type = "object",
    properties = {
      reason = { type = "string", maxLength = 255, description = "Why, kept as exit_reason." },
    },
  },
  execute = function(config)
    return outcome.exit({ exit = true }, config.reason)
  end,
}
