--- Where a segment's members enter, each membership once. The engine finds them.
local outcome = require "kal.outcome"

---@type kal.Node
return {
  type = "segment_entry",
  category = "trigger",
  version = "1",
  summary = "Start for each customer who comes into a segment.",
  config = {
    type = "object",
    required = { "segment_id" },
    properties = {
      segment_id = {
        type = "string", maxLength = 255,
        description = "Id of the segment whose members enter.",
      },
    },
  },
  execute = function(config)
    return outcome.complete { segment_id = config.segment_id }
  end,
}
