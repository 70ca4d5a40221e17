--- Durations such as 30s, 12h or 3d, in milliseconds.
local cache = require "kal.cache"

local duration = {}

local UNITS = { ms = 1, s = 1000, m = 60000, h = 3600000, d = 86400000, w = 604800000 }

--- Ten years, three leap days among them.
duration.MAX = 3653 * UNITS.d

local function parse(text)
  local digits, unit = text:match "^(%d+)(%l%l?)$"
  local factor = UNITS[unit]
  if not factor then return nil, "must be a duration such as 30s, 12h or 3d" end
  local ms = tonumber(digits) * factor
  if ms > duration.MAX then return nil, "must be at most 10 years" end
  return ms
end

local parse_cached = cache.new(parse)

--- Milliseconds of a duration, or nil and why not.
---@param text any
---@return number? ms
---@return string? err
function duration.parse(text)
  if type(text) ~= "string" then return nil, "is invalid" end
  return parse_cached(text)
end

return duration
