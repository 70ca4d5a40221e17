--- The functions that expressions may call. All are total: an argument of the wrong type gives
--- null, or false from those that answer yes or no. The time of the evaluation comes last.
local native = require "kal.native"
local value = require "kal.value"

local DAY = 86400000

local function len(x)
  local kind = value.kind(x)
  if kind == "null" then return 0 end
  if kind == "string" then return native.utf8_len(value.charged(x)) end
  if kind == "list" then return #x end
  if kind ~= "object" then return nil end
  local count = 0
  for _ in pairs(x) do count = count + 1 end
  return count
end

local function abs(x)
  local number = value.number(x)
  return number and math.abs(number)
end

local function on_text(change)
  return function(x)
    if type(x) ~= "string" then return nil end
    return change(value.charged(x))
  end
end

--- From both ends apart: one pattern for both would read blanks again and again.
local function trim(text)
  local from = text:match "^%s*()"
  return from > #text and "" or text:match(".*%S", from)
end

local function starts_with(text, head)
  return type(text) == "string" and type(head) == "string" and text:sub(1, #head) == head
end

local function ends_with(text, tail)
  return type(text) == "string" and type(tail) == "string"
    and #tail <= #text and text:sub(#text - #tail + 1) == tail
end

--- Whole days between an instant (ISO text or milliseconds) and now.
local function days_since(x, now)
  local ms = type(x) == "string" and native.parse_time(x) or value.number(x)
  return ms and math.floor((now - ms) / DAY)
end

---@type table<string, { arity: integer, timed?: boolean, call: function }>
return {
  len = { arity = 1, call = len },
  abs = { arity = 1, call = abs },
  lower = { arity = 1, call = on_text(string.lower) },
  upper = { arity = 1, call = on_text(string.upper) },
  trim = { arity = 1, call = on_text(trim) },
  contains = { arity = 2, call = value.contains },
  starts_with = { arity = 2, call = starts_with },
  ends_with = { arity = 2, call = ends_with },
  matches = { arity = 2, call = value.matches },
  days_since = { arity = 1, timed = true, call = days_since },
  now = { arity = 0, timed = true, call = function(now) return native.format_time(now) end },
}
