--- The node types and providers of this state: what the engine asks about them, and the invariants
--- that each must keep to be let in.
local native = require "kal.native"
local schema = require "kal.schema"

local registry = {}

local CATEGORIES = { trigger = true, condition = true, wait = true, action = true, ["end"] = true }
local FUNCTIONS = { "events", "filter", "lookback", "needs", "check", "join", "resume" }

local ON_ERROR = {
  type = "string",
  minLength = 1,
  description = "What a failure does: fail (the default), continue, or the branch to follow.",
}

---@type table<string, kal.Node>
local nodes = {}
---@type table<string, table>
local infos = {}
---@type table<string, kal.Provider>
local providers = {}
---@type kal.Interceptor[] in the order they run
local interceptors = {}

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

local function check_module(module, replaces)
  if type(module) ~= "table" then return nil, "no table returned" end
  if not is_text(module.type) or not module.type:find "^[a-z][a-z0-9_]*$" then
    return nil, "type is no snake_case name"
  end
  if nodes[module.type] and not replaces then return nil, "the type is there already" end
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

--- Lets a node type in. It gains the `on_error` config that the engine handles for every node.
---@param module any what the file returned
---@param info kal.Origin
---@return true? ok
---@return string? err
function registry.add(module, info)
  local ok, err = check_module(module, info.replaces)
  if not ok then
    local name = type(module) == "table" and is_text(module.type) and module.type or "?"
    return nil, info.path .. ": node type " .. name .. ": " .. err
  end
  module.config.properties = module.config.properties or {}
  module.config.properties.on_error = ON_ERROR
  nodes[module.type], infos[module.type] = module, info
  return true
end

--- Lets a provider in: {summary, version, channels, send(delivery) → what is to be done}.
---@param name string
---@param module any
---@param info kal.Origin
---@return true? ok
---@return string? err
function registry.add_provider(name, module, info)
  local err
  if type(module) ~= "table" then err = "no table returned"
  elseif providers[name] and not info.replaces then err = "the provider is there already"
  elseif type(module.send) ~= "function" then err = "no send"
  elseif not is_text(module.version) then err = "no version"
  elseif not is_text(module.summary) then err = "no summary"
  elseif type(module.channels) ~= "table" or #module.channels == 0 then err = "no channels"
  end
  if err then return nil, info.path .. ": provider " .. tostring(name) .. ": " .. err end
  providers[name] = module
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

local function check_interceptor(module)
  if type(module) ~= "table" then return "no table returned" end
  if not is_text(module.version) then return "no version" end
  if not is_text(module.summary) then return "no summary" end
  local priority = module.priority
  if type(priority) ~= "number" or priority ~= priority then return "priority is no number" end
  if not check_types(module.types) then return "types is no list of node types" end
  for _, name in ipairs { "before", "after" } do
    if not optional_function(module[name]) then return name .. " is no function" end
  end
  if not module.before and not module.after then return "neither before nor after" end
end

--- Lets an interceptor in: {version, summary, priority, types?, before?, after?}. It sees the nodes
--- that are made afterwards.
---@param name string
---@param module any
---@param info kal.Origin
---@return true? ok
---@return string? err
function registry.add_interceptor(name, module, info)
  local err, kept = check_interceptor(module), {}
  for _, other in ipairs(interceptors) do
    if other.name ~= name then kept[#kept + 1] = other
    elseif not info.replaces then err = err or "the interceptor is there already" end
  end
  if err then return nil, info.path .. ": interceptor " .. tostring(name) .. ": " .. err end
  kept[#kept + 1] = {
    name = name, priority = module.priority, types = module.types,
    before = module.before, after = module.after,
  }
  table.sort(kept, function(a, b)
    if a.priority ~= b.priority then return a.priority < b.priority end
    return a.name < b.name
  end)
  interceptors = kept
  return true
end

local function wants(interceptor, type)
  if not interceptor.types then return true end
  for _, name in ipairs(interceptor.types) do
    if name == type then return true end
  end
  return false
end

--- The interceptors of a node type in their order; nil for none.
local function interceptors_of(type)
  local list
  for _, interceptor in ipairs(interceptors) do
    if wants(interceptor, type) then
      list = list or {}
      list[#list + 1] = interceptor
    end
  end
  return list
end

---@param name string
---@return kal.Provider?
function registry.provider(name)
  return providers[name]
end

--- Whether a provider is there and sends by the channel.
---@param name any
---@param channel string
---@return true?
---@return string? err
function registry.check_provider(name, channel)
  local provider = providers[name]
  if not provider then return nil, "is not installed" end
  for _, known in ipairs(provider.channels) do
    if known == channel then return true end
  end
  return nil, "does not send by " .. channel
end

local function texts(list)
  if type(list) ~= "table" then return nil end
  local kept = native.array {}
  for _, text in ipairs(list) do
    if is_text(text) then kept[#kept + 1] = text end
  end
  return #kept > 0 and kept or nil
end

local function shown_branches(module)
  if type(module.branches) ~= "function" then
    return module.branches and native.array(module.branches)
  end
  local text = module.branches_summary
  return native.array { text and "… " .. text or "…" }
end

--- All node types as data, sorted. Branches that depend on the config are one text that begins
--- with "…".
---@return table[]
function registry.types()
  local list = native.array {}
  for name, module in pairs(nodes) do
    local info = infos[name]
    list[#list + 1] = {
      type = name,
      category = module.category,
      version = module.version,
      summary = module.summary,
      config = module.config,
      branches = shown_branches(module),
      optional_branches = texts(module.optional_branches),
      origin = info.origin,
      hash = info.hash,
    }
  end
  table.sort(list, function(a, b) return a.type < b.type end)
  return list
end

--- A module's function over a config that may be anything: its value, or nil when it raises.
local function ask(func, config)
  if not func then return nil end
  local ok, value = pcall(func, config)
  if ok then return value end
  return nil
end

--- What is needed, as data; nil for nothing.
local function needs_of(module, config)
  local needs = ask(module.needs, config)
  if type(needs) ~= "table" then return nil end
  local kept = {
    customer = needs.customer and true or nil,
    flow_caps = needs.flow_caps and true or nil,
    caps = type(needs.caps) == "table" and #needs.caps > 0 and native.array(needs.caps) or nil,
    flows = texts(needs.flows),
    segments = texts(needs.segments),
  }
  return next(kept) and kept or nil
end

local function branches_of(module, config)
  if type(module.branches) ~= "function" then return texts(module.branches) end
  return texts(ask(module.branches, config))
end

local function problems_of(module, given, config)
  local problems, seen = native.array {}, {}
  local function add(found)
    for _, problem in ipairs(found or {}) do
      if not seen[problem.pointer] then
        problems[#problems + 1] = (problem.pointer == "" and "/" or problem.pointer)
          .. ": " .. problem.message
      end
    end
    for _, problem in ipairs(found or {}) do seen[problem.pointer] = true end
  end
  add(schema.validate(given, module.config))
  if module.check then
    local ok, found = pcall(module.check, config)
    if ok then
      add(found)
    elseif #problems == 0 then
      add { { pointer = "", message = "could not be checked" } }
    end
  end
  return problems
end

local function config_of(module, config)
  if type(config) ~= "table" then return {} end
  return schema.fill(config, module.config)
end

--- What a type says about one node, as lua/host/host.h documents; nil when the type is unknown.
--- Never raises, whatever the config is.
---@param name string
---@param config any nil and null count as {}
---@return table?
function registry.describe(name, config)
  local module = nodes[name]
  if not module then return nil end
  if config == nil or config == native.null then config = {} end
  local filled = config_of(module, config)
  local lookback = ask(module.lookback, filled)
  return {
    category = module.category,
    version = module.version,
    problems = problems_of(module, config, filled),
    branches = branches_of(module, filled),
    optional_branches = texts(module.optional_branches),
    events = texts(ask(module.events, filled)),
    filter = ask(module.filter, filled),
    lookback = type(lookback) == "number" and lookback > 0 and lookback or nil,
    needs = needs_of(module, filled),
    join = ask(module.join, filled),
  }
end

--- A node ready to run: its type's functions, its config with the defaults, its branches.
---@param name string
---@param id string
---@param config any
---@return kal.RunnableNode?
function registry.node(name, id, config)
  local module = nodes[name]
  if not module then return nil end
  local filled = config_of(module, config)
  local branches = {}
  for _, key in ipairs(branches_of(module, filled) or {}) do branches[key] = true end
  for _, key in ipairs(module.optional_branches or {}) do branches[key] = true end
  return {
    id = id,
    type = name,
    config = filled,
    branches = branches,
    execute = module.execute,
    resume = module.resume,
    schema = module.config,
    interceptors = interceptors_of(name),
  }
end

return registry
