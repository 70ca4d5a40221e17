--- A fork on how many messages the customer has got lately, whichever flow sent them.
local channel = require "kal.channel"
local duration = require "kal.duration"
local outcome = require "kal.outcome"

local CHANNELS = { "all", unpack(channel.NAMES) }

--- What the config counts; nil when it cannot be told.
local function counted(config)
  local window_ms = duration.parse(config.time_window)
  for _, name in ipairs(CHANNELS) do
    if name == config.channel and window_ms and type(config.max_messages) == "number" then
      return { channel = name, window_ms = window_ms }
    end
  end
end

local function count_of(caps, wanted)
  for _, cap in ipairs(caps or {}) do
    if not cap.max and cap.channel == wanted.channel and cap.window_ms == wanted.window_ms then
      return cap.count
    end
  end
end

---@type kal.Node
return {
  type = "frequency_cap",
  category = "condition",
  version = "1",
  summary = "Let through the customers who have not got too many messages lately.",
  config = {
    type = "object",
    required = { "max_messages", "time_window" },
    properties = {
      max_messages = {
        type = "integer", minimum = 0, maximum = 10000,
        description = "From how many messages on the customer is capped.",
      },
      time_window = {
        type = "string", format = "duration",
        description = "How far back messages count, such as 1d.",
      },
      channel = {
        type = "string", enum = CHANNELS, default = "all",
        description = "Which messages count.",
      },
    },
  },
  branches = { "allowed", "capped" },
  needs = function(config) return { caps = { counted(config) } } end,
  execute = function(config, ctx)
    local wanted = counted(config)
    local count = wanted and count_of(ctx.caps, wanted)
    if not count then
      return outcome.branch("allowed", { capped = false, error = "the cap's config is invalid" })
    end
    local capped = count >= config.max_messages
    local result = { capped = capped, count = count, max = config.max_messages }
    if capped then return outcome.branch("capped", result) end
    return outcome.with(outcome.branch("allowed", result),
      { kind = "reserve", channel = wanted.channel })
  end,
}
