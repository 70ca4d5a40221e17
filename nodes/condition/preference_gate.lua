--- A fork on the customer's consent for a channel.
local native = require "kal.native"
local outcome = require "kal.outcome"
local value = require "kal.value"

local SUFFIX = "_opt_in"

--- `email` and `email_opt_in` are one key; where both are there, a refusal in either counts.
local function opted_in(preferences, channel)
  if type(preferences) ~= "table" then return true end
  local plain = channel:sub(-#SUFFIX) == SUFFIX and channel:sub(1, -#SUFFIX - 1) or channel
  local short, long = preferences[plain], preferences[plain .. SUFFIX]
  local function agreed(choice)
    return choice == nil or choice == native.null or value.truthy(choice)
  end
  return agreed(short) and agreed(long)
end

---@type kal.Node
return {
  type = "preference_gate",
  category = "condition",
  version = "1",
  summary = "Let through the customers who have not opted out of a channel.",
  config = {
    type = "object",
    required = { "channel" },
    properties = {
      channel = {
        type = "string", maxLength = 255,
        description = "Key in the customer's preferences, such as email; absent means opted in.",
      },
    },
  },
  branches = { "true", "false" },
  needs = function() return { customer = true } end,
  execute = function(config, ctx)
    local allowed = opted_in(ctx.context.preferences, config.channel)
    return outcome.branch(allowed and "true" or "false",
      { opted_in = allowed, channel = config.channel })
  end,
}
