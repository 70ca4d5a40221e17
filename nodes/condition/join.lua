--- Where parallel branches meet. The engine does the joining; the node only says how.
local outcome = require "kal.outcome"

---@type kal.Node
return {
  type = "join",
  category = "condition",
  version = "1",
  summary = "Bring parallel branches together.",
  config = {
    type = "object",
    properties = {
      mode = {
        type = "string", enum = { "all", "any" }, default = "all",
        description = "all: go on when no live branch can still arrive; any: at the first one.",
      },
    },
  },
  join = function(config) return config.mode end,
  execute = function()
    return outcome.complete { joined = true }
  end,
}
