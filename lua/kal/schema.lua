--- The subset of JSON Schema 2020-12 that node configs are described with.
---
--- Keywords: type (a name or a list of names), properties, required, additionalProperties (only
--- false has a meaning), items, minItems, maxItems, enum, const, minimum, maximum,
--- exclusiveMinimum, minLength (characters), maxLength (bytes), format (duration, date-time, time),
--- anyOf, default, description. Null counts as left out, and a required string must not be empty.
local native = require "kal.native"
local duration = require "kal.duration"

local schema = {}

local null = native.null

local KEYWORDS = {
  type = true, properties = true, required = true, additionalProperties = true, items = true,
  minItems = true, maxItems = true, enum = true, const = true, minimum = true, maximum = true,
  exclusiveMinimum = true, minLength = true, maxLength = true, format = true, anyOf = true,
  default = true, description = true,
}

local LISTS = { "required", "enum", "anyOf" }
local COUNTS = { "minItems", "maxItems", "minLength", "maxLength" }
local NUMBERS = { "minimum", "maximum", "exclusiveMinimum" }

-- Schemas and values may be a tenant's: what one validation may cost, and say.
local CHECKS_MOST = 20000
local PROBLEMS_MOST = 100
local NAMES_MOST = 20

local checks_left

local function is_list(value)
  return type(value) == "table" and (native.is_array(value) or #value > 0)
end

local function is_number(value)
  return type(value) == "number" or type(value) == "cdata"
end

local TYPES = {
  string = function(value) return type(value) == "string" end,
  boolean = function(value) return type(value) == "boolean" end,
  number = is_number,
  integer = function(value) return is_number(value) and value % 1 == 0 end,
  array = is_list,
  object = function(value) return type(value) == "table" and not is_list(value) end,
  null = function(value) return value == null end,
}

local FORMATS = {
  duration = duration.parse,
  ["date-time"] = function(value)
    return native.parse_time(value) ~= nil, "must be an ISO 8601 date and time"
  end,
  time = function(value)
    local hour, minute = value:match "^(%d%d):(%d%d)$"
    return hour ~= nil and hour < "24" and minute < "60", "must be a time such as 09:30"
  end,
}

local check_value

local function report(problems, pointer, message)
  if #problems == PROBLEMS_MOST then return end
  problems[#problems + 1] = { pointer = pointer, message = message }
end

local function has_type(value, wanted)
  if type(wanted) == "string" then return TYPES[wanted](value) end
  for _, name in ipairs(wanted) do
    if TYPES[name](value) then return true end
  end
  return false
end

local function escape(key)
  return (tostring(key):gsub("~", "~0"):gsub("/", "~1"))
end

local function names(list)
  local texts = {}
  for i = 1, math.min(#list, NAMES_MOST) do texts[i] = tostring(list[i]):sub(1, 100) end
  return table.concat(texts, ", ") .. (#list > NAMES_MOST and ", …" or "")
end

local function contains(list, value)
  checks_left = checks_left - #list
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

local function check_number(value, node, pointer, problems)
  if node.minimum and value < node.minimum then
    report(problems, pointer, "must be at least " .. node.minimum)
  elseif node.exclusiveMinimum and value <= node.exclusiveMinimum then
    report(problems, pointer, "must be greater than " .. node.exclusiveMinimum)
  elseif node.maximum and value > node.maximum then
    report(problems, pointer, "must be at most " .. node.maximum)
  end
end

local function check_string(value, node, pointer, problems)
  if node.minLength and native.utf8_len(value) < node.minLength then
    local blank = node.minLength == 1
    report(problems, pointer, blank and "can't be blank"
      or "must have at least " .. node.minLength .. " characters")
  elseif node.maxLength and #value > node.maxLength then
    report(problems, pointer, "must have at most " .. node.maxLength .. " bytes")
  elseif node.format then
    local fits, message = FORMATS[node.format](value)
    if not fits then report(problems, pointer, message) end
  end
end

local function check_array(value, node, pointer, problems)
  if node.minItems and #value < node.minItems then
    report(problems, pointer, "must have at least " .. node.minItems .. " items")
  elseif node.maxItems and #value > node.maxItems then
    report(problems, pointer, "must have at most " .. node.maxItems .. " items")
  end
  if not node.items then return end
  for i, item in ipairs(value) do
    check_value(item, node.items, pointer .. "/" .. i - 1, problems)
  end
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function check_object(value, node, pointer, problems)
  local properties = node.properties or {}
  local missing = {}
  for _, key in ipairs(node.required or {}) do
    local given = value[key]
    if given == nil or given == null or given == "" then
      missing[key] = true
      report(problems, pointer .. "/" .. escape(key), "can't be blank")
    end
  end
  for _, key in ipairs(sorted_keys(properties)) do
    local given = value[key]
    if given ~= nil and given ~= null and not missing[key] then
      check_value(given, properties[key], pointer .. "/" .. escape(key), problems)
    end
  end
  if node.additionalProperties ~= false then return end
  for _, key in ipairs(sorted_keys(value)) do
    if not properties[key] then report(problems, pointer .. "/" .. escape(key), "is unknown") end
  end
end

local function matches_any(value, choices, pointer)
  for _, choice in ipairs(choices) do
    local problems = {}
    check_value(value, choice, pointer, problems)
    if #problems == 0 then return true end
  end
  return false
end

function check_value(value, node, pointer, problems)
  checks_left = checks_left - 1
  if checks_left < 0 then
    if #problems == 0 then report(problems, pointer, "is too large to be checked") end
    return
  end
  if node.type and not has_type(value, node.type) then
    return report(problems, pointer, "is invalid")
  end
  if node.anyOf and not matches_any(value, node.anyOf, pointer) then
    return report(problems, pointer, "is invalid")
  end
  if node.const ~= nil and value ~= node.const then
    return report(problems, pointer, "must be " .. tostring(node.const))
  end
  if node.enum and not contains(node.enum, value) then
    return report(problems, pointer, "must be one of " .. names(node.enum))
  end
  if is_number(value) then
    check_number(value, node, pointer, problems)
  elseif type(value) == "string" then
    check_string(value, node, pointer, problems)
  elseif is_list(value) then
    check_array(value, node, pointer, problems)
  elseif type(value) == "table" then
    check_object(value, node, pointer, problems)
  end
end

--- All problems of a value, in a stable order; empty when it fits.
---@param value any
---@param node table a schema that schema.check found right
---@return { pointer: string, message: string }[]
function schema.validate(value, node)
  local problems = {}
  checks_left = CHECKS_MOST
  check_value(value, node, "", problems)
  return problems
end

--- A copy of an object with nulls left out and the defaults of the schema's properties filled in.
---@param value table
---@param node table
---@return table
function schema.fill(value, node)
  local filled = {}
  for key, given in pairs(value) do
    if given ~= null then filled[key] = given end
  end
  for key, property in pairs(node.properties or {}) do
    if filled[key] == nil then filled[key] = property.default end
  end
  return filled
end

local function check_keywords(node, at)
  if type(node) ~= "table" then return nil, at .. " is no schema" end
  for keyword in pairs(node) do
    if not KEYWORDS[keyword] then return nil, at .. ": unknown keyword " .. tostring(keyword) end
  end
  local types = type(node.type) == "table" and node.type or { node.type }
  if type(node.type) == "table" and #types == 0 then return nil, at .. ": type is empty" end
  for _, name in ipairs(types) do
    if type(name) ~= "string" or not TYPES[name] then
      return nil, at .. ": unknown type " .. (type(name) == "string" and name or type(name))
    end
  end
  if node.format ~= nil and (type(node.format) ~= "string" or not FORMATS[node.format]) then
    return nil, at .. ": unknown format "
      .. (type(node.format) == "string" and node.format or type(node.format))
  end
  return true
end

local function is_scalar(value)
  local kind = type(value)
  return kind == "string" or kind == "boolean" or is_number(value) or value == null
end

--- What keywords hold: numbers that can be compared, lists of what can be equal.
local function check_operands(node, at)
  for _, keyword in ipairs(COUNTS) do
    local given = node[keyword]
    if given ~= nil and (type(given) ~= "number" or given < 0 or given % 1 ~= 0) then
      return nil, at .. ": " .. keyword .. " is no count"
    end
  end
  for _, keyword in ipairs(NUMBERS) do
    if node[keyword] ~= nil and type(node[keyword]) ~= "number" then
      return nil, at .. ": " .. keyword .. " is no number"
    end
  end
  for _, keyword in ipairs(LISTS) do
    local given = node[keyword]
    if given ~= nil and (type(given) ~= "table" or (#given == 0 and keyword ~= "required")) then
      return nil, at .. ": " .. keyword .. " is no list"
    end
  end
  for _, value in ipairs(node.enum or {}) do
    if not is_scalar(value) then return nil, at .. ": enum has a value that is no scalar" end
  end
  for _, key in ipairs(node.required or {}) do
    if type(key) ~= "string" then return nil, at .. ": required has a key that is no text" end
  end
  if node.const ~= nil and not is_scalar(node.const) then
    return nil, at .. ": const is no scalar"
  end
  if node.properties ~= nil and not TYPES.object(node.properties) then
    return nil, at .. ": properties is no object"
  end
  return true
end

local function check_schema(node, at)
  local ok, err = check_keywords(node, at)
  if ok then ok, err = check_operands(node, at) end
  if not ok then return nil, err end
  for _, keyword in ipairs(LISTS) do
    if node[keyword] then native.array(node[keyword]) end
  end
  if type(node.type) == "table" then native.array(node.type) end
  for key, property in pairs(node.properties or {}) do
    local inner = at .. "/" .. tostring(key)
    if type(property) ~= "table" or type(property.description) ~= "string"
      or property.description == "" then
      return nil, inner .. " has no description"
    end
    ok, err = check_schema(property, inner)
    if not ok then return nil, err end
  end
  for _, key in ipairs(node.required or {}) do
    if not (node.properties or {})[key] then return nil, at .. " requires an unknown " .. key end
  end
  for _, choice in ipairs(node.anyOf or {}) do
    ok, err = check_schema(choice, at)
    if not ok then return nil, err end
  end
  if node.items then return check_schema(node.items, at .. "/items") end
  return true
end

--- Checks a schema itself: known keywords only, every property described. Marks its lists as JSON
--- arrays, so that it can be shown.
---@param node any
---@return true? ok
---@return string? err
function schema.check(node)
  return check_schema(node, "config")
end

return schema
