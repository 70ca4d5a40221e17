--- Leaves a message for the customer within the product, addressed by the customer's id.
local native = require "kal.native"
local channel = require "kal.channel"
local duration = require "kal.duration"

local properties = channel.properties()
properties.template_id = { type = "string", maxLength = 255, description = "The message to show." }
properties.placement = { type = "string", minLength = 1, maxLength = 255,
  description = "Where it is shown, for instance home_banner." }
properties.expiry = { type = "string",
  description = "How long it is shown, such as 7d, or until when (ISO 8601)." }

--- When it is shown no longer, in milliseconds; nil for what is neither.
local function expires(text, now)
  local ms = duration.parse(text)
  return ms and now + ms or native.parse_time(text)
end

---@type kal.Node
return {
  type = "send_in_app",
  category = "action",
  version = "1",
  summary = "Show the customer a message within the product.",
  config = { type = "object", required = { "template_id" }, properties = properties },
  needs = function() return { customer = true, flow_caps = true } end,
  check = function(config)
    local problems = channel.check_provider({}, config, "in_app")
    if type(config.expiry) == "string" and not expires(config.expiry, 0) then
      problems[#problems + 1] = {
        pointer = "/expiry", message = "must be a duration such as 7d or an ISO 8601 date and time",
      }
    end
    return problems
  end,
  execute = function(config, ctx)
    return channel.send(config, ctx, {
      channel = "in_app",
      message = {
        template_id = config.template_id,
        placement = config.placement,
        expires_at = config.expiry and native.format_time(expires(config.expiry, ctx.now)),
      },
    })
  end,
}
