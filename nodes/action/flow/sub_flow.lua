--- Takes the customer into another flow, and goes on at once or when that has ended.
local outcome = require "kal.outcome"

local UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

local function is_id(text)
  return type(text) == "string" and text:find(UUID) ~= nil
end

---@type kal.Node
return {
  type = "sub_flow",
  category = "action",
  version = "1",
  summary = "Start another flow for the customer.",
  config = {
    type = "object",
    required = { "flow_id" },
    properties = {
      flow_id = { type = "string", description = "The flow to start, its active version." },
      wait = { type = "boolean", default = false,
        description = "Wait until the customer's walk there has ended." },
    },
  },
  optional_branches = { "refused" },
  needs = function(config)
    return { flows = { is_id(config.flow_id) and config.flow_id or nil } }
  end,
  check = function(config)
    if is_id(config.flow_id) or config.flow_id == "" then return {} end
    return { { pointer = "/flow_id", message = "must be a flow's id" } }
  end,
  execute = function(config)
    return outcome.wait {
      effects = { { kind = "start", flow_id = config.flow_id, awaits = config.wait } },
    }
  end,
  resume = function(_, ctx)
    local refused = ctx.answer.refused
    if refused then
      return outcome.refuse("refused", "sub_flow " .. refused, { refused = refused })
    end
    return outcome.complete(ctx.answer)
  end,
}
