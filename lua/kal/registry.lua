--- The node types and providers of this state: what the engine asks about them, and the invariants
--- that each must keep to be let in. Those in force are known by name; the code of plugins besides
--- by its hash, so that a version walks by what it was published with.
local native = require "kal.native"
local plugin = require "kal.plugin"
local schema = require "kal.schema"

local registry = {}

local CATEGORIES = { trigger = true, condition = true, wait = true, action = true, ["end"] = true }
local FUNCTIONS = { "events", "filter", "lookback", "needs", "check", "join", "resume" }

local ON_ERROR = {
  type = "string",
  minLength = 1,
  description = "What a failure does: fail (the default), continue, or the branch to follow.",
}

---@class kal.Force what is in force
---@field nodes table<string, kal.Node>
---@field infos table<string, { origin: string, path: string, hash: string }> of the nodes
---@field providers table<string, kal.Provider>
---@field inbounds table<string, kal.Inbound>

---@type kal.Force
local force = { nodes = {}, infos = {}, providers = {}, inbounds = {} }
---@type table<string, { node?: any, provider?: any, inbound?: any }>
local codes = {}

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

local function check_module(module)
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

--- A right module gains the `on_error` config that the engine handles for every node.
local function check_node(module, path)
  local ok, err = check_module(module)
  if not ok then
    local name = type(module) == "table" and is_text(module.type) and module.type or "?"
    return nil, path .. ": node type " .. name .. ": " .. err
  end
  module.config.properties = module.config.properties or {}
  module.config.properties.on_error = ON_ERROR
  return true
end

local function add_node(into, module, info)
  local ok, err = check_node(module, info.path)
  if not ok then return nil, err end
  if into.nodes[module.type] then
    return nil, info.path .. ": node type " .. module.type .. ": the type is there already"
  end
  into.nodes[module.type], into.infos[module.type] = module, info
  return true
end

local function add_provider(into, name, module, info)
  local err
  if type(module) ~= "table" then err = "no table returned"
  elseif into.providers[name] then err = "the provider is there already"
  elseif type(module.send) ~= "function" then err = "no send"
  elseif not is_text(module.version) then err = "no version"
  elseif not is_text(module.summary) then err = "no summary"
  elseif type(module.channels) ~= "table" or #module.channels == 0 then err = "no channels"
  end
  if err then return nil, info.path .. ": provider " .. tostring(name) .. ": " .. err end
  into.providers[name] = module
  return true
end

local function add_inbound(into, name, module, info)
  local err
  if type(module) ~= "table" then err = "no table returned"
  elseif type(module.parse) ~= "function" then err = "no parse"
  elseif not optional_function(module.verify) then err = "verify is no function"
  elseif not is_text(module.version) then err = "no version"
  elseif not is_text(module.summary) then err = "no summary"
  end
  if err then return nil, info.path .. ": inbound " .. tostring(name) .. ": " .. err end
  into.inbounds[name] = module
  return true
end

--- Lets a node type in.
---@param module any what the file returned
---@param info { origin: string, path: string, hash: string }
---@return true? ok
---@return string? err
function registry.add(module, info)
  return add_node(force, module, info)
end

--- Lets a provider in: {summary, version, channels, send(delivery) → what is to be done}.
---@param name string
---@param module any
---@param info { origin: string, path: string, hash: string }
---@return true? ok
---@return string? err
function registry.add_provider(name, module, info)
  return add_provider(force, name, module, info)
end

--- The code of an artefact (JSON {files: {path: text}}), loaded once.
local function load_artefact(hash, artefact, path)
  if codes[hash] then return codes[hash] end
  local given, err = native.decode(artefact)
  local files = type(given) == "table" and given.files
  if type(files) ~= "table" then return nil, path .. ": " .. (err or "no files") end
  local ok, loaded = pcall(plugin.load, files, path)
  if ok then return loaded end
  local why = type(loaded) == "string" and loaded or "an error that is no text"
  return nil, why:find(path, 1, true) and why or path .. ": " .. why
end

local function add_plugin(into, given)
  local loaded, err = load_artefact(given.hash, given.artefact, given.path)
  if not loaded then return nil, err end
  local info = { origin = "plugin", path = given.path, hash = given.hash }
  local ok = true
  if loaded.node ~= nil then ok, err = add_node(into, loaded.node, info) end
  if ok and loaded.provider ~= nil then
    ok, err = add_provider(into, given.name, loaded.provider, info)
  end
  if ok and loaded.inbound ~= nil then
    ok, err = add_inbound(into, given.name, loaded.inbound, info)
  end
  if ok then codes[given.hash] = loaded end
  return ok, err
end

--- Puts these plugins in force, and no others; nothing changes when one of them is refused.
---@param plugins { name: string, path: string, hash: string, artefact: string }[]
---@return true? ok
---@return string? err
---@return integer? at of the one refused
function registry.adopt(plugins)
  local into = { nodes = {}, infos = {}, providers = {}, inbounds = {} }
  for name, info in pairs(force.infos) do
    if info.origin == "builtin" then
      into.nodes[name], into.infos[name] = force.nodes[name], info
    end
  end
  for at, given in ipairs(plugins) do
    local ok, err = add_plugin(into, given)
    if not ok then return nil, err, at end
  end
  force = into
  return true
end

--- Keeps the code that a version was published with.
---@param hash string
---@param artefact string
---@return true? ok
---@return string? err
function registry.keep(hash, artefact)
  if codes[hash] then return true end
  local path = "plugins/@" .. hash:sub(1, 12)
  local loaded, err = load_artefact(hash, artefact, path)
  if not loaded then return nil, err end
  local ok
  ok, err = check_node(loaded.node, path .. "/node.lua")
  if not ok then return nil, err end
  codes[hash] = loaded
  return true
end

--- The hashes of the code that is kept.
---@return string[]
function registry.kept()
  local list = native.array {}
  for hash in pairs(codes) do list[#list + 1] = hash end
  return list
end

---@param name string
---@return kal.Provider?
function registry.provider(name)
  return force.providers[name]
end

---@param name string
---@return kal.Inbound?
function registry.inbound(name)
  return force.inbounds[name]
end

--- A type by the code with that hash; without one, the type in force.
local function module_of(name, hash)
  if hash == nil then return force.nodes[name] end
  local module = codes[hash] and codes[hash].node
  if type(module) == "table" and module.type == name then return module end
  return nil
end

--- The hash of a plugin's type; nil of a built-in one.
local function plugin_of(name, hash)
  if hash ~= nil then return hash end
  local info = force.infos[name]
  return info.origin == "plugin" and info.hash or nil
end

--- Whether a provider is there and sends by the channel.
---@param name any
---@param channel string
---@return true?
---@return string? err
function registry.check_provider(name, channel)
  local provider = force.providers[name]
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
  for name, module in pairs(force.nodes) do
    local info = force.infos[name]
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
---@param hash? string of the plugin's code; nil: the type in force
---@return table?
function registry.describe(name, config, hash)
  local module = module_of(name, hash)
  if not module then return nil end
  if config == nil or config == native.null then config = {} end
  local filled = config_of(module, config)
  local lookback = ask(module.lookback, filled)
  return {
    category = module.category,
    version = module.version,
    plugin = plugin_of(name, hash),
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
---@param hash? string as for describe
---@return kal.RunnableNode?
function registry.node(name, id, config, hash)
  local module = module_of(name, hash)
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
  }
end

return registry
