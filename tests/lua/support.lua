--- What the specs share: every node and provider of the tree in a registry, and nodes run without
--- an engine.
local lfs = require "lfs"
local native = require "kal.native"
local plugin = require "kal.plugin"
local registry = require "kal.registry"
local runner = require "kal.runner"

local support = {}

support.NOW = native.parse_time "2026-03-01T10:00:00Z"

local function each_file(folder, visit)
  for entry in lfs.dir(folder) do
    local path = folder .. "/" .. entry
    if entry:sub(1, 1) ~= "." then
      if lfs.attributes(path, "mode") == "directory" then
        each_file(path, visit)
      elseif entry:match "%.lua$" then
        visit(path)
      end
    end
  end
end

--- What the entry files of each plugin return: {path, name, module}.
local function plugin_files(entry)
  local plugins, list = {}, {}
  each_file("plugins", function(path)
    local name, within = path:match "^plugins/([^/]+)/(.+)$"
    if not name then name, within = path:match "^plugins/(.+)%.lua$", "node.lua" end
    local file = assert(io.open(path))
    plugins[name] = plugins[name] or {}
    plugins[name][within] = file:read "*a"
    file:close()
  end)
  for name, files in pairs(plugins) do
    local path = "plugins/" .. name
    local module = plugin.load(files, path)[entry]
    if module then
      list[#list + 1] = { path = path .. "/" .. entry .. ".lua", name = name, module = module }
    end
  end
  return list
end

--- Every file that holds a node type, the plugins' too: {path, module}.
function support.node_files()
  local list = plugin_files "node"
  each_file("nodes", function(path)
    list[#list + 1] = { path = path, module = dofile(path) }
  end)
  return list
end

--- Every plugins/NAME/provider.lua: {path, name, module}.
function support.provider_files()
  return plugin_files "provider"
end

--- Fills the registry, once.
function support.load()
  if #registry.types() > 0 then return registry end
  for _, file in ipairs(support.node_files()) do
    assert(registry.add(file.module, { origin = "builtin", path = file.path, hash = "" }))
  end
  for _, file in ipairs(support.provider_files()) do
    assert(registry.add_provider(file.name, file.module,
      { origin = "plugin", path = file.path, hash = "" }))
  end
  return registry
end

--- An instance's context, with the given members over the usual ones.
function support.context(members)
  local context = {
    _customer_id = "c-1", _flow_id = "f-1", _tenant_id = "t-1", _instance_id = "i-1",
    accumulated = {},
  }
  for key, value in pairs(members or {}) do context[key] = value end
  return context
end

--- Runs a node: what runner.run gives, as a table, with the context it left.
---@param given? { context?: table, now?: number, trigger?: string, event?: table, state?: table,
---  known?: table }
function support.run(type, config, given)
  support.load()
  given = given or {}
  local context = given.context or support.context()
  local node = registry.node(type, "n-1", config)
  local kind, result, branch, reason, until_ms, absolute, state, effects = runner.run(
    node, context, given.now or support.NOW, given.trigger, given.event, given.state,
    given.known)
  return {
    kind = kind, result = result, branch = branch, reason = reason, until_ms = until_ms,
    absolute = absolute, state = state, effects = effects, context = context,
  }
end

--- The problems of a config, as the graph check shows them.
function support.problems(type, config)
  local described = support.load().describe(type, config)
  local list = {}
  for i, problem in ipairs(described.problems) do list[i] = problem end
  return list
end

function support.describe(type, config)
  return support.load().describe(type, config)
end

support.array, support.null = native.array, native.null

return support
