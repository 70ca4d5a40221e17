--- Pauses an instance until a date, or until a time of day where the customer lives.
local native = require "kal.native"
local outcome = require "kal.outcome"
local template = require "kal.template"

local PROBLEM = "must be an ISO 8601 date and time, HH:MM or a template"

local function is_clock(text)
  local hour, minute = text:match "^(%d%d):(%d%d)$"
  return hour ~= nil and hour < "24" and minute < "60"
end

local function zone_of(customer)
  local zone = customer and customer.timezone
  if type(zone) == "string" and native.zone_known(zone) then return zone end
  return "UTC"
end

local function instant(text, ctx)
  if is_clock(text) then return ctx.at(text, zone_of(ctx.customer)) end
  return native.parse_time(text)
end

local function check(config)
  local text, err = config.datetime, PROBLEM
  if template.is_template(text) then
    local ok
    ok, err = template.check(text)
    if ok then return {} end
  elseif is_clock(text) or native.parse_time(text) then
    return {}
  end
  return { { pointer = "/datetime", message = err } }
end

---@type kal.Node
return {
  type = "wait_until",
  category = "wait",
  version = "1",
  summary = "Pause until a date or a time of day.",
  config = {
    type = "object",
    required = { "datetime" },
    properties = {
      datetime = {
        type = "string",
        description = "ISO 8601 date and time, HH:MM in the customer's time zone (UTC when it is "
          .. "not known), or a template that gives one. What is past goes on at once.",
      },
    },
  },
  needs = function(config)
    local text = config.datetime
    return { customer = is_clock(text) or template.is_template(text) }
  end,
  check = check,
  execute = function(config, ctx)
    local text, err = template.render(config.datetime, ctx.context, ctx.event, ctx.now)
    if not text then return outcome.fail("datetime " .. err) end
    local until_ms = instant(text, ctx)
    if not until_ms then return outcome.fail("datetime " .. PROBLEM) end
    return outcome.wait { until_ms = math.max(until_ms, 0), absolute = true }
  end,
  resume = function()
    return outcome.complete { waited = true }
  end,
}
