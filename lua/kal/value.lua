--- What JSON values mean to expressions and conditions: truth, equality, order, text, membership.
---
--- A missing value and null are the same: nil here. Values of different types are never equal and
--- never in order. Work is bounded: what is more than one look at a value is charged (deep
--- equality, searches, texts made), and an evaluation that goes over its budget raises; what is not
--- charged is as much as an expression of 4 KB can ask for. So no text of a tenant holds the engine
--- up.
local native = require "kal.native"

local value = {}

local null, is_array = native.null, native.is_array
local byte, find = string.byte, string.find
local BUDGET = 4000000
local SHORT = 32
local WHOLE = 2 ^ 53

local left = BUDGET

--- Begins an evaluation with a full budget.
function value.begin()
  left = BUDGET
end

local function charge(cost)
  left = left - cost
  if left < 0 then error("too much work", 0) end
end

--- "null", "boolean", "number", "string", "list" or "object".
---@param x any
---@return string
function value.kind(x)
  local kind = type(x)
  if x == nil or x == null then return "null" end
  if kind == "table" then return (is_array(x) or #x > 0) and "list" or "object" end
  if kind == "cdata" then return "number" end
  return kind
end

local kind_of = value.kind

--- A number as a double (64-bit integers come as boxed ones), nil for anything else.
---@param x any
---@return number?
function value.number(x)
  if type(x) == "number" then return x end
  if type(x) == "cdata" then return tonumber(x) end
  return nil
end

local number = value.number

--- Falsy: null, false, 0, "" and [].
---@param x any
---@return boolean
function value.truthy(x)
  if x == nil or x == null or x == false or x == "" then return false end
  local kind = type(x)
  if kind == "number" or kind == "cdata" then return x ~= 0 end
  if kind == "table" then return not (is_array(x) and #x == 0) end
  return true
end

local equal

local function equal_lists(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do
    if not equal(a[i], b[i]) then return false end
  end
  return true
end

local function equal_objects(a, b)
  for key, x in pairs(a) do
    if not equal(x, b[key]) then return false end
  end
  for key, x in pairs(b) do
    if a[key] == nil and x ~= null then return false end
  end
  return true
end

function equal(a, b)
  charge(1)
  if a == null then a = nil end
  if b == null then b = nil end
  if rawequal(a, b) then return true end
  local kind = kind_of(a)
  if kind ~= kind_of(b) then return false end
  if kind == "number" then
    if type(a) == type(b) then return a == b end
    return number(a) == number(b) and a == b -- of 64 bits, which a double may only resemble
  end
  if kind == "list" then return equal_lists(a, b) end
  if kind == "object" then return equal_objects(a, b) end
  return a == b
end

--- Deep equality; 1 and 1.0 are equal.
value.equal = equal

--- a < b: two numbers, or two strings byte by byte; anything else is false.
---@return boolean
function value.less(a, b)
  if type(a) == "string" then return type(b) == "string" and a < b end
  a, b = number(a), number(b)
  return a ~= nil and b ~= nil and a < b
end

--- a <= b, in the same manner.
---@return boolean
function value.at_most(a, b)
  if type(a) == "string" then return type(b) == "string" and a <= b end
  a, b = number(a), number(b)
  return a ~= nil and b ~= nil and a <= b
end

--- A value as people read it: null is empty, 49.99 stays 49.99, lists and objects are JSON.
---@return string
function value.text(x)
  local kind = type(x)
  if kind == "string" then return x end
  if x == nil or x == null then return "" end
  if kind == "boolean" then return tostring(x) end
  if kind == "number" and x % 1 == 0 and x > -WHOLE and x < WHOLE then
    return string.format("%d", x)
  end
  local text, err = native.encode(x)
  if not text then error(err, 0) end
  charge(#text)
  return text
end

--- Both as text, one after the other.
---@return string
function value.join(a, b)
  a, b = value.text(a), value.text(b)
  charge(#a + #b)
  return a .. b
end

--- Knuth, Morris and Pratt: a plain search is quadratic on near matches.
local function find_long(text, needle)
  charge(#text + #needle)
  local back, k = { 0 }, 0
  for i = 2, #needle do
    local c = byte(needle, i)
    while k > 0 and byte(needle, k + 1) ~= c do k = back[k] end
    if byte(needle, k + 1) == c then k = k + 1 end
    back[i] = k
  end
  k = 0
  for i = 1, #text do
    local c = byte(text, i)
    while k > 0 and byte(needle, k + 1) ~= c do k = back[k] end
    if byte(needle, k + 1) == c then k = k + 1 end
    if k == #needle then return true end
  end
  return false
end

local function has_text(text, needle)
  if #needle > #text then return false end
  if #needle > SHORT then return find_long(text, needle) end
  charge(#text)
  return find(text, needle, 1, true) ~= nil
end

--- A list has an equal member, a text has the text in it, an object has the key.
---@return boolean
function value.contains(whole, part)
  local kind = kind_of(whole)
  if kind == "string" then return type(part) == "string" and has_text(whole, part) end
  if kind == "object" then
    return type(part) == "string" and whole[part] ~= nil and whole[part] ~= null
  end
  if kind ~= "list" then return false end
  for i = 1, #whole do
    if equal(whole[i], part) then return true end
  end
  return false
end

--- The position after the UTF-8 character at `i`.
local function after(text, i)
  i = i + 1
  local c = byte(text, i)
  while c and c >= 0x80 and c < 0xC0 do
    i = i + 1
    c = byte(text, i)
  end
  return i
end

--- The whole text fits a glob: `*` is any run of characters, `?` one character. One star is
--- remembered at a time, so the work grows with the text, not with the number of stars.
---@return boolean
function value.matches(text, pattern)
  if type(text) ~= "string" or type(pattern) ~= "string" then return false end
  local i, j, star, mark = 1, 1, nil, nil
  while i <= #text do
    charge(1)
    local p = byte(pattern, j)
    if p == 42 then
      star, mark, j = j, i, j + 1
    elseif p == 63 then
      i, j = after(text, i), j + 1
    elseif p == byte(text, i) then
      i, j = i + 1, j + 1
    elseif star then
      mark = after(text, mark)
      i, j = mark, star + 1
    else
      return false
    end
  end
  charge(#pattern)
  return find(pattern, "^%**$", j) ~= nil
end

--- Charges for work done elsewhere on a text.
---@param text string
---@return string
function value.charged(text)
  charge(#text)
  return text
end

return value
