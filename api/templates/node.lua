--- Tags customers who have bought often enough.
--- A node decides and the engine does: no clock, file or network here. It may require kal.* only.
local outcome = require "kal.outcome"

---@type kal.Node
return {
  type = "my_node", -- flows name it: it stays as it is once a flow uses it
  category = "action", -- trigger, condition, wait, action or end
  version = "1", -- another one when configs or results change their meaning
  summary = "Tag customers who have bought often enough.",

  -- A JSON Schema: flows are checked by it when they are published, editors show it as a form.
  config = {
    type = "object",
    required = { "tag" },
    properties = {
      tag = { type = "string", maxLength = 255, description = "The tag to add." },
      at_least = {
        type = "integer", minimum = 1, default = 3,
        description = "From how many orders on; the profile counts them as `orders`.",
      },
    },
  },

  -- A node that forks names the edges that a flow must draw, and gives outcome.branch("yes"):
  -- branches = { "yes", "no" },

  -- What the engine loads before: without this, ctx.customer is nil.
  needs = function() return { customer = true } end,

  -- The config has its defaults. ctx has now, customer, context, event, duration, hash, at.
  -- Other outcomes: outcome.wait { until_ms = … } (with a `resume` beside this function),
  -- outcome.exit, outcome.fail "why".
  execute = function(config, ctx)
    local customer = ctx.customer
    local orders = customer and tonumber(customer.properties.orders) or 0
    if orders < config.at_least then return outcome.complete { tagged = false } end
    return outcome.with(outcome.complete { tagged = true },
      { kind = "add_tag", tag = config.tag })
  end,
}
