--- A lead's score: points for what the customer does, halved every half-life. The profile keeps the
--- score as of its time, `lead_score` and `lead_score_at`, so that no job has to age it.
local native = require "kal.native"
local outcome = require "kal.outcome"

local PRECISION = 1e6 -- steps too small to see, so that decay over minutes is not rounded away

local LIMIT = 1e12

local function number_of(value)
  return type(value) == "number" and math.abs(value) <= LIMIT and value or 0
end

--- What is left of a score that was right at `since` (ISO 8601).
local function decayed(score, since, now, half_life)
  local at = type(since) == "string" and native.parse_time(since) or now
  return score * 0.5 ^ (math.max(now - at, 0) / half_life)
end

local function points_for(config, event)
  local given = event and config.points[event.event_type]
  return given and number_of(given) or config.default_points
end

-- Of the customer's row: a property of such a name would write there.
local COLUMNS = { email = true, phone = true, name = true, timezone = true }

local function check(config)
  local problems = {}
  for name, given in pairs(config.points) do
    if type(given) ~= "number" or math.abs(given) > 1e6 then
      problems[#problems + 1] = {
        pointer = "/points/" .. tostring(name), message = "must be a number up to 1000000",
      }
    end
  end
  if COLUMNS[config.property] then
    problems[#problems + 1] = {
      pointer = "/property", message = "is a column of the customer's row",
    }
  end
  table.sort(problems, function(a, b) return a.pointer < b.pointer end)
  return problems
end

---@type kal.Node
return {
  type = "lead_score",
  category = "action",
  version = "1",
  summary = "Add an event's points to a lead's score, which halves every half-life.",
  config = {
    type = "object",
    properties = {
      points = {
        type = "object", default = {},
        description = "Points by type of the event that brought the walk here; may be negative.",
      },
      default_points = {
        type = "number", minimum = -1000000, maximum = 1000000, default = 1,
        description = "Points when `points` does not name the event's type.",
      },
      half_life = {
        type = "string", format = "duration", default = "14d",
        description = "After this time half of the score is left.",
      },
      property = {
        type = "string", minLength = 1, maxLength = 200, default = "lead_score",
        description = "The profile's property that keeps the score; its time is beside it, `…_at`.",
      },
    },
  },
  needs = function() return { customer = true } end,
  check = check,
  execute = function(config, ctx)
    local properties = ctx.customer and ctx.customer.properties or {}
    local half_life = math.max(ctx.duration(config.half_life), 1)
    local property, points = config.property, points_for(config, ctx.event)
    local before = decayed(number_of(properties[property]), properties[property .. "_at"],
      ctx.now, half_life)
    local score = math.floor((before + points) * PRECISION + 0.5) / PRECISION
    return outcome.with(outcome.complete { score = score, points = points }, {
      kind = "update_profile",
      fields = { [property] = score, [property .. "_at"] = native.format_time(ctx.now) },
    })
  end,
}
