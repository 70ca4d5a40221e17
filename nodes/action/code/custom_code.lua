--- Runs a tenant's Lua in the tenant's cell.
local code = require "kal.code"

local function given_of(config)
  return { source = config.code, timeout_ms = config.timeout_ms }
end

local function check(config)
  local problems = {}
  local source = config.code
  local err = type(source) == "string" and code.problem(source)
  if err then problems[1] = { pointer = "/code", message = err } end
  return problems
end

---@type kal.Node
return {
  type = "custom_code",
  category = "action",
  version = "1",
  summary = "Run Lua code of your own.",
  config = {
    type = "object",
    required = { "code" },
    properties = {
      code = {
        type = "string", minLength = 1, maxLength = 262144,
        description = "Lua that sees ctx and returns a result, kal.branch, kal.wait or kal.fail.",
      },
      timeout_ms = {
        type = "integer", minimum = 1, maximum = 1000,
        description = "What a run may take, in milliseconds; 100 when it is not said.",
      },
      branches = {
        type = "array", minItems = 1, maxItems = 50,
        items = { type = "string", minLength = 1, maxLength = 255 },
        description = "The branches that the code may take by kal.branch.",
      },
    },
  },
  branches = function(config) return config.branches end,
  branches_summary = "those of branches",
  needs = code.needs,
  check = check,
  execute = function(config, ctx)
    return code.execute(ctx, given_of(config))
  end,
  resume = function(config, ctx)
    return code.resume(ctx, given_of(config))
  end,
}
