--- A fork on whether the customer is in a segment.
local outcome = require "kal.outcome"
local value = require "kal.value"

---@type kal.Node
return {
  type = "check_segment",
  category = "condition",
  version = "1",
  summary = "Branch on whether the customer is in a segment.",
  config = {
    type = "object",
    required = { "segment_id" },
    properties = {
      segment_id = {
        type = "string", maxLength = 255,
        description = "Id of the segment; an unknown one has no members.",
      },
    },
  },
  branches = { "true", "false" },
  needs = function(config) return { customer = true, segments = { config.segment_id } } end,
  execute = function(config, ctx)
    local id, given = config.segment_id, ctx.context.segments
    value.begin()
    local inside = value.kind(given) == "list" and value.contains(given, id) or ctx.in_segment(id)
    return outcome.branch(inside and "true" or "false", { in_segment = inside, segment_id = id })
  end,
}
