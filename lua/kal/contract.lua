--- What a file must return to be let in as a node type, a provider, an inbound or an interceptor.
--- Each function answers true, or nil and why not.
local schema = require "kal.schema"

local contract = {}

local CATEGORIES = { trigger = true, condition = true, wait = true, action = true, ["end"] = true }
local FUNCTIONS = { "events", "filter", "lookback", "needs", "check", "join", "resume" }

local function is_text(value)
  return type(value) == "string" and value ~= ""
end

local function optional_function(value)
  return value == nil or type(value) == "function"
end

local function check_branches(branches)
  if branches == nil or type(branches) == "function" then return true end
  if type(branches) ~= "table" or #branches == 0 then
    return nil, "branches is no list of keys and no function"
  end
  local seen = {}
  for _, key in ipairs(branches) do
    if not is_text(key) or seen[key] then return nil, "branches has a bad or a double key" end
    seen[key] = true
  end
  return true
end

---@param module any
---@return true? ok
---@return string? err
function contract.node(module)
  if type(module) ~= "table" then return nil, "no table returned" end
  if not is_text(module.type) or not module.type:find "^[a-z][a-z0-9_]*$" then
    return nil, "type is no snake_case name"
  end
  if not CATEGORIES[module.category] then return nil, "unknown category" end
  if not is_text(module.version) then return nil, "no version" end
  if not is_text(module.summary) then return nil, "no summary" end
  if type(module.execute) ~= "function" then return nil, "no execute" end
  for _, name in ipairs(FUNCTIONS) do
    if not optional_function(module[name]) then return nil, name .. " is no function" end
  end
  if module.category == "wait" and not module.resume then return nil, "a wait without resume" end
  local ok, err = check_branches(module.branches)
  if ok then ok, err = check_branches(module.optional_branches) end
  if not ok then return nil, err end
  if type(module.config) ~= "table" or module.config.type ~= "object" then
    return nil, "config is no object schema"
  end
  return schema.check(module.config)
end

local function check_common(module)
  if type(module) ~= "table" then return nil, "no table returned" end
  if not is_text(module.version) then return nil, "no version" end
  if not is_text(module.summary) then return nil, "no summary" end
  return true
end

---@param module any
---@return true? ok
---@return string? err
function contract.provider(module)
  local ok, err = check_common(module)
  if not ok then return nil, err end
  if type(module.send) ~= "function" then return nil, "no send" end
  if type(module.channels) ~= "table" or #module.channels == 0 then return nil, "no channels" end
  return true
end

---@param module any
---@return true? ok
---@return string? err
function contract.inbound(module)
  local ok, err = check_common(module)
  if not ok then return nil, err end
  if type(module.parse) ~= "function" then return nil, "no parse" end
  if not optional_function(module.verify) then return nil, "verify is no function" end
  return true
end

local function check_types(types)
  if types == nil then return true end
  if type(types) ~= "table" or #types == 0 then return false end
  for _, name in ipairs(types) do
    if not is_text(name) then return false end
  end
  return true
end

---@param module any
---@return true? ok
---@return string? err
function contract.interceptor(module)
  local ok, err = check_common(module)
  if not ok then return nil, err end
  local priority = module.priority
  if type(priority) ~= "number" or priority ~= priority then
    return nil, "priority is no number"
  end
  if not check_types(module.types) then return nil, "types is no list of node types" end
  for _, name in ipairs { "before", "after" } do
    if not optional_function(module[name]) then return nil, name .. " is no function" end
  end
  if not module.before and not module.after then return nil, "neither before nor after" end
  return true
end

return contract
