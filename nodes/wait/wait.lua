--- Pauses an instance for a fixed time.
local outcome = require "kal.outcome"

---@type kal.Node
return {
  type = "wait",
  category = "wait",
  version = "1",
  summary = "Pause for a duration such as 3d or 12h.",
  config = {
    type = "object",
    required = { "duration" },
    properties = {
      duration = {
        type = "string", format = "duration",
        description = "How long: a number and ms, s, m, h, d or w; at most 10 years.",
      },
    },
  },
  execute = function(config, ctx)
    return outcome.wait { until_ms = ctx.now + ctx.duration(config.duration) }
  end,
  resume = function()
    return outcome.complete { waited = true }
  end,
}
