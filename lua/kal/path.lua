--- Dot paths into JSON values: object keys and list positions from 0, "data.items.0.id".
local native = require "kal.native"
local cache = require "kal.cache"

local path = {}

local null = native.null

--- One step: the key as text, and as a Lua list position when it is a number.
---@param keys string[]
---@return kal.Path
function path.of(keys)
  local steps = { keys = keys, positions = {} }
  for i, key in ipairs(keys) do
    local digits = key:match "^%d+$"
    steps.positions[i] = digits and tonumber(digits) + 1 or false
  end
  return steps
end

local function split(text)
  local keys = {}
  for key in (text .. "."):gmatch "([^.]*)%." do keys[#keys + 1] = key end
  return path.of(keys)
end

--- The steps of a dot path.
---@type fun(text: string): kal.Path
path.split = cache.new(split, cache.LIMIT, cache.PROGRAMS)

--- The value at the end of the steps from the `first` one on; nil when missing or null.
---@param value any
---@param steps kal.Path
---@param first? integer
---@return any
function path.walk(value, steps, first)
  local keys, positions = steps.keys, steps.positions
  for i = first or 1, #keys do
    if type(value) ~= "table" then return nil end
    local inner = value[keys[i]]
    if inner == nil and positions[i] then inner = value[positions[i]] end
    value = inner
  end
  if value == null then return nil end
  return value
end

--- The value at a dot path, nil when missing or null.
---@param value any
---@param text string
---@return any
function path.get(value, text)
  return path.walk(value, path.split(text))
end

return path
