--- A weighted split that gives the same customer the same variant every time.
local outcome = require "kal.outcome"

local function keys(config)
  local list = {}
  for i, variant in ipairs(config.variants) do list[i] = variant.key end
  return list
end

local function check(config)
  local problems, seen = {}, {}
  for i, variant in ipairs(config.variants) do
    if seen[variant.key] then
      problems[#problems + 1] = {
        pointer = "/variants/" .. i - 1 .. "/key", message = "has already been taken",
      }
    end
    seen[variant.key] = true
  end
  return problems
end

---@type kal.Node
return {
  type = "ab_split",
  category = "condition",
  version = "1",
  summary = "Split customers between variants by weight, stable for each customer.",
  config = {
    type = "object",
    required = { "variants" },
    properties = {
      variants = {
        type = "array", minItems = 2, maxItems = 5,
        description = "The variants; each is a branch.",
        items = {
          type = "object",
          required = { "key", "weight" },
          properties = {
            key = { type = "string", maxLength = 255, description = "Key of the branch." },
            weight = {
              type = "integer", minimum = 1, maximum = 100,
              description = "Share of this variant, relative to the sum of all weights.",
            },
          },
        },
      },
    },
  },
  branches = keys,
  branches_summary = "the key of each variant",
  check = check,
  execute = function(config, ctx)
    local variants, total = config.variants, 0
    for i = 1, #variants do total = total + variants[i].weight end
    local point = ctx.hash(ctx.context._customer_id, ctx.flow_id, ctx.node_id) * total
    local chosen = 1
    while chosen < #variants and point >= variants[chosen].weight do
      point = point - variants[chosen].weight
      chosen = chosen + 1
    end
    local key = variants[chosen].key
    return outcome.branch(key, { selected_variant = key })
  end,
}
