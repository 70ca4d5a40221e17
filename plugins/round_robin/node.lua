--- Assigns customers to people by weight, and for good.
---
--- Nodes share no state, so nobody counts turns: a stable hash of the customer decides (weighted
--- rendezvous). Shares come out right over many customers, not from one to the next; and when
--- somebody joins or leaves, only the customers who must move would be assigned elsewhere.
local outcome = require "kal.outcome"

-- Of the customer's row: a property of such a name would write there.
local COLUMNS = { email = true, phone = true, name = true, timezone = true }

local function check(config)
  local problems, seen = {}, {}
  if COLUMNS[config.property] then
    problems[1] = { pointer = "/property", message = "is a column of the customer's row" }
  end
  for i, assignee in ipairs(config.assignees) do
    if seen[assignee.key] then
      problems[#problems + 1] = {
        pointer = "/assignees/" .. i - 1 .. "/key", message = "has already been taken",
      }
    end
    seen[assignee.key] = true
  end
  return problems
end

--- Whoever's clock, running at the speed of the weight, would ring first.
local function choose(assignees, ctx)
  local chosen, first
  for _, assignee in ipairs(assignees) do
    local point = ctx.hash(tostring(ctx.context._customer_id), assignee.key)
    local rings = -math.log(1 - point) / (assignee.weight or 1)
    if not first or rings < first then chosen, first = assignee.key, rings end
  end
  return chosen
end

local function kept(config, ctx)
  local before = ctx.customer and ctx.customer.properties[config.property]
  for _, assignee in ipairs(config.assignees) do
    if assignee.key == before then return before end
  end
end

---@type kal.Node
return {
  type = "round_robin",
  category = "action",
  version = "1",
  summary = "Assign a customer to one of several people by weight and a stable hash, for good.",
  config = {
    type = "object",
    required = { "assignees" },
    properties = {
      assignees = {
        type = "array", minItems = 1, maxItems = 100,
        description = "Who customers are assigned to.",
        items = {
          type = "object",
          required = { "key" },
          properties = {
            key = { type = "string", maxLength = 255,
              description = "Who it is, such as an e-mail address." },
            weight = { type = "integer", minimum = 1, maximum = 100, default = 1,
              description = "Share of the customers, relative to the sum of all weights." },
          },
        },
      },
      property = {
        type = "string", minLength = 1, maxLength = 200, default = "assigned_to",
        description = "The profile's property that keeps the assignment.",
      },
    },
  },
  needs = function() return { customer = true } end,
  check = check,
  execute = function(config, ctx)
    local before = kept(config, ctx)
    if before then return outcome.complete { assigned_to = before, new = false } end
    local chosen = choose(config.assignees, ctx)
    return outcome.with(outcome.complete { assigned_to = chosen, new = true },
      { kind = "update_profile", fields = { [config.property] = chosen } })
  end,
}
