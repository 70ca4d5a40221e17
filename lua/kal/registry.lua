--- The node types and providers of this state: what the engine asks about them, and the invariants
--- that each must keep to be let in. Those in force are known by name; the code of plugins besides
--- by its hash, so that a version walks by what it was published with.
local native = require "kal.native"
local contract = require "kal.contract"
local plugin = require "kal.plugin"
local schema = require "kal.schema"

local registry = {}

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
---@field interceptors table<string, kal.Interceptor>

---@type kal.Force
local force = { nodes = {}, infos = {}, providers = {}, inbounds = {}, interceptors = {} }
---@type table<string, { node?: any, provider?: any, inbound?: any, interceptor?: any }>
local codes = {}

local function is_text(value)
  return type(value) == "string" and value ~= ""
end

--- A right module gains the `on_error` config that the engine handles for every node.
local function check_node(module, path)
  local ok, err = contract.node(module)
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

--- Lets what is no node type in under its plugin's name.
local function add_named(into, part, kind, name, module, info)
  local ok, err = contract[kind](module)
  if ok and into[part][name] then ok, err = nil, "the " .. kind .. " is there already" end
  if not ok then return nil, info.path .. ": " .. kind .. " " .. tostring(name) .. ": " .. err end
  into[part][name] = module
  return true
end

local function add_provider(into, name, module, info)
  return add_named(into, "providers", "provider", name, module, info)
end

local function add_inbound(into, name, module, info)
  return add_named(into, "inbounds", "inbound", name, module, info)
end

local function add_interceptor(into, name, module, info)
  return add_named(into, "interceptors", "interceptor", name, module, info)
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

--- Lets an interceptor in: {version, summary, priority, types?, before?, after?}. It sees the nodes
--- that are made afterwards.
---@param name string
---@param module any
---@param info { origin: string, path: string, hash: string }
---@return true? ok
---@return string? err
function registry.add_interceptor(name, module, info)
  return add_interceptor(force, name, module, info)
end

--- A tenant's plugin, whose code runs in its cell and nowhere else. (kal.code asks this module.)
local function load_own(given)
  return { node = require "kal.code".node(given.plugin, given.source) }
end

--- The code of an artefact (JSON {files: {path: text}}, or {plugin, source} of a tenant's own),
--- loaded once.
local function load_artefact(hash, artefact, path)
  if codes[hash] then return codes[hash] end
  local given, err = native.decode(artefact)
  if type(given) == "table" and given.plugin then return load_own(given) end
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
  if ok and loaded.interceptor ~= nil then
    ok, err = add_interceptor(into, given.name, loaded.interceptor, info)
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
  local into = { nodes = {}, infos = {}, providers = {}, inbounds = {}, interceptors = {} }
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

local function copy_of(list)
  local copy = {}
  for key, value in pairs(list) do copy[key] = value end
  return copy
end

--- Puts a plugin in force in the place of what has its names: the one whose spec is run.
---@param given { name: string, path: string, hash: string, artefact: string }
---@return true? ok
---@return string? err
function registry.replace(given)
  local loaded, err = load_artefact(given.hash, given.artefact, given.path)
  if not loaded then return nil, err end
  local into = {}
  for part, list in pairs(force) do into[part] = copy_of(list) end
  local type_name = type(loaded.node) == "table" and loaded.node.type
  local there = type_name and into.infos[type_name]
  if there and there.origin == "plugin" then
    into.nodes[type_name], into.infos[type_name] = nil, nil
  end
  for _, part in ipairs { "providers", "inbounds", "interceptors" } do
    into[part][given.name] = nil
  end
  local ok
  ok, err = add_plugin(into, given)
  if ok then force = into end
  return ok, err
end

local function wants(interceptor, type)
  if not interceptor.types then return true end
  for _, name in ipairs(interceptor.types) do
    if name == type then return true end
  end
  return false
end

--- The interceptors of a node type: lower priorities first, names between equals; nil for none.
local function interceptors_of(type)
  local list
  for name, module in pairs(force.interceptors) do
    if wants(module, type) then
      list = list or {}
      list[#list + 1] = { name = name, priority = module.priority, before = module.before,
        after = module.after }
    end
  end
  if list then
    table.sort(list, function(a, b)
      if a.priority ~= b.priority then return a.priority < b.priority end
      return a.name < b.name
    end)
  end
  return list
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

--- A tenant's plugin by what its code said of itself: the text that it is kept as.
---@param said any
---@param source string
---@return { type: string, artefact: string }?
---@return string? err
function registry.own_plugin(said, source)
  local described, err = require "kal.code".description(said)
  if not described then return nil, err end
  local given = { plugin = described, source = source }
  local artefact = native.encode(given)
  local ok
  ok, err = contract.node(load_own(given).node)
  if ok and force.nodes[described.type] then ok, err = nil, "the type is there already" end
  if not ok then return nil, err end
  return { type = described.type, artefact = artefact }
end

--- Forgets the code of tenants' own types, which nothing that was made of it needs.
---@param own table<string, string> hash by type
function registry.forget_own(own)
  for _, hash in pairs(own) do codes[hash] = nil end
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
    schema = module.config,
    interceptors = interceptors_of(name),
  }
end

return registry
