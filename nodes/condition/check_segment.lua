--- A fork on whether the customer is in a segment. A segment's predicate is Lua of the tenant's:
--- then the node waits for the cell that runs it.
local code = require "kal.code"
local outcome = require "kal.outcome"
local value = require "kal.value"

local function take(config, inside)
  return outcome.branch(inside and "true" or "false",
    { in_segment = inside, segment_id = config.segment_id })
end

local function ask(config, ctx)
  local id, given = config.segment_id, ctx.context.segments
  value.begin()
  if value.kind(given) == "list" and value.contains(given, id) then return take(config, true) end
  local inside, predicate = ctx.in_segment(id)
  if predicate then return code.ask_member(ctx, predicate) end
  return take(config, inside)
end

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
  execute = ask,
  resume = function(config, ctx)
    if not ctx.answer then return ask(config, ctx) end
    local inside, err = code.member(ctx.answer)
    if err then return outcome.fail(err) end
    return take(config, inside)
  end,
}
