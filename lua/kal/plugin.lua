--- Runs the files of a plugin: node.lua, provider.lua, inbound.lua, interceptor.lua, and the parts
--- they require.
local plugin = {}

local ENTRIES = { "node", "provider", "inbound", "interceptor" }
local BUSY = {}

local function refuse_global(_, name)
  error("modules write no globals, '" .. tostring(name) .. "' is new", 2)
end

--- What a plugin's files see: everything, and a `require` of kal.* and of the plugin's own parts.
local function environment(require_own)
  return setmetatable({ require = require_own }, { __index = _G, __newindex = refuse_global })
end

--- What the entry files return, by entry. Raises what they raise.
---@param files table<string, string> text by path within the plugin
---@param path string what messages call the plugin; of a single file, ending in .lua, that file
---@return { node?: any, provider?: any, inbound?: any, interceptor?: any }
function plugin.load(files, path)
  local seen, env = {}, nil

  local function run(file)
    local name = path:find "%.lua$" and path or path .. "/" .. file
    local chunk, err = load(files[file], "@" .. name, "t", env)
    if not chunk then error(err, 0) end
    seen[file] = BUSY
    local value = chunk()
    if value == nil then value = true end
    seen[file] = value
    return value
  end

  env = environment(function(name)
    local part = tostring(name):match "^plugin%.(.+)$"
    if not part then
      if not tostring(name):find "^kal%." then
        error("a plugin requires kal.* and plugin.* only, not " .. tostring(name), 2)
      end
      return require(name)
    end
    local file = part:gsub("%.", "/") .. ".lua"
    if not files[file] then error("the plugin has no file " .. file, 2) end
    if seen[file] == BUSY then error(file .. " requires itself", 2) end
    if seen[file] == nil then return run(file) end
    return seen[file]
  end)

  local loaded = {}
  for _, entry in ipairs(ENTRIES) do
    local file = entry .. ".lua"
    if files[file] then
      loaded[entry] = seen[file]
      if loaded[entry] == nil then loaded[entry] = run(file) end
    end
  end
  return loaded
end

return plugin
