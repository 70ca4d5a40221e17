--- Business hours, by the customer's own clock. Hours may pass midnight (22:00 to 06:00) and then
--- belong to the day they begin on; equal times mean 24 hours.
local native = require "kal.native"
local outcome = require "kal.outcome"

local DAYS = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" }
local MINUTE = 60000

local function zone_of(config, customer)
  local zone = customer and customer.timezone
  if type(zone) == "string" and native.zone_known(zone) then return zone end
  return config.timezone or "UTC"
end

--- Minutes since midnight.
local function minutes(clock)
  local hour, minute = clock:match "^(%d%d):(%d%d)$"
  return hour * 60 + minute
end

local function has_day(config, weekday)
  for _, day in ipairs(config.days) do
    if day == DAYS[weekday] then return true end
  end
  return false
end

local function is_open(config, zone, now)
  local clock = native.zone_local(zone, now)
  local at, from, to = clock.hour * 60 + clock.minute, minutes(config.from), minutes(config.to)
  local today = has_day(config, clock.weekday)
  if from < to then return today and at >= from and at < to end
  return today and at >= from or at < to and has_day(config, (clock.weekday + 5) % 7 + 1)
end

--- The next instant when the hours begin: within eight days, since some day of the week has them.
local function next_opening(config, zone, now)
  local hour, minute = math.floor(minutes(config.from) / 60), minutes(config.from) % 60
  local at = native.zone_next(zone, hour, minute, now)
  for _ = 1, 8 do
    if has_day(config, native.zone_local(zone, at).weekday) then break end
    at = native.zone_next(zone, hour, minute, at + MINUTE)
  end
  return at
end

local function check(config)
  local zone = config.timezone
  if zone == nil or type(zone) == "string" and native.zone_known(zone) then return {} end
  return { { pointer = "/timezone", message = "is no known time zone" } }
end

local function decide(config, ctx)
  local zone = zone_of(config, ctx.customer)
  local result = { open = is_open(config, zone, ctx.now), timezone = zone }
  if result.open then
    result.waited = config.wait and ctx.trigger ~= nil or nil
    return config.wait and outcome.complete(result) or outcome.branch("open", result)
  end
  local opens = next_opening(config, zone, ctx.now)
  if config.wait then return outcome.wait { until_ms = opens, absolute = true } end
  result.opens_at = native.format_time(opens)
  return outcome.branch("closed", result)
end

---@type kal.Node
return {
  type = "business_hours",
  category = "condition",
  version = "1",
  summary = "Fork on business hours in the customer's time zone, or wait until they begin.",
  config = {
    type = "object",
    properties = {
      days = {
        type = "array", minItems = 1, maxItems = 7,
        default = native.array { "mon", "tue", "wed", "thu", "fri" },
        description = "The days with business hours.",
        items = { type = "string", enum = DAYS },
      },
      from = { type = "string", format = "time", default = "09:00",
        description = "When they begin." },
      to = { type = "string", format = "time", default = "17:00",
        description = "When they end; not after `from` means the day after." },
      timezone = { type = "string", maxLength = 255,
        description = "Where a customer is whose own time zone is not known; else UTC." },
      wait = { type = "boolean", default = false,
        description = "Wait until the hours begin and go on, rather than fork." },
    },
  },
  branches = function(config) return config.wait and {} or { "open", "closed" } end,
  branches_summary = "open and closed, none with wait",
  needs = function() return { customer = true } end,
  check = check,
  execute = decide,
  -- A timer may come late, after a stop or a pause: the hours may be over again.
  resume = decide,
}
