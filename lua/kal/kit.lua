--- Specs of plugins: describe, it, expect, and a host that runs nodes without a server.
--- `kalcifer node test` runs each spec file by `kit.run`, after the plugin beside it.
local native = require "kal.native"
local host = require "kal.kit_host"
local registry = require "kal.registry"

local kit = {}

--- What the spec file that runs has come to.
---@type { names: string[], tests: table[] }?
local running

local function current()
  return running or error("specs are run by kalcifer node test", 3)
end

local function show(value)
  if type(value) == "table" and value ~= native.null then
    return native.encode(value) or "a table that is no JSON"
  end
  return type(value) == "string" and string.format("%q", value) or tostring(value)
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

--- Groups tests; groups may lie within each other.
---@param name string
---@param body fun()
function kit.describe(name, body)
  local names = current().names
  names[#names + 1] = name
  body()
  names[#names] = nil
end

--- One test: it passes unless its body raises.
---@param name string
---@param body fun()
function kit.it(name, body)
  local spec = current()
  host.failure = nil
  local ok, err = pcall(body)
  local message = not ok and tostring(err) or nil
  if message and host.failure then
    message = message .. " (the last node failed: " .. host.failure .. ")"
  end
  spec.tests[#spec.tests + 1] = {
    name = table.concat(spec.names, " ") .. (#spec.names > 0 and " " or "") .. name,
    ok = ok,
    error = message,
  }
end

--- What is expected of a value; what is not so raises, with the line of the spec.
---@param actual any
---@return kal.Expectation
function kit.expect(actual)
  local function refuse(what) error("expected " .. what .. ", got " .. show(actual), 3) end
  return {
    equals = function(expected)
      if not same(actual, expected) then refuse(show(expected)) end
    end,
    near = function(expected, tolerance)
      local is_near = type(actual) == "number" and math.abs(actual - expected) <= tolerance
      if not is_near then refuse(show(expected) .. " within " .. show(tolerance)) end
    end,
    matches = function(pattern)
      if not tostring(actual):find(pattern) then refuse("a match of " .. show(pattern)) end
    end,
    raises = function(pattern)
      local ok, err = pcall(actual)
      if ok then error("expected an error, got none", 2) end
      if not tostring(err):find(pattern or "") then
        error("expected an error like " .. show(pattern) .. ", got " .. show(tostring(err)), 2)
      end
    end,
  }
end

--- A customer in a journey, with a clock that only the spec moves.
---@param given? kal.HostOptions
---@return kal.Host
function kit.host(given)
  return host.new(given or {})
end

--- What is wrong with a config, as a flow's publication would tell: "/days: is invalid".
---@param type string
---@param config? table
---@return string[]
function kit.problems(type, config)
  local described = registry.describe(type, host.as_json(config or {}))
  if not described then error("there is no node type " .. type, 2) end
  local problems = {}
  for i, problem in ipairs(described.problems) do problems[i] = problem end
  return problems
end

--- What a provider wants done with a delivery, or nil and why it refuses.
---@param provider string
---@param delivery table members of kal.Delivery; the others are filled in
---@return table?
---@return string? err
function kit.send(provider, delivery)
  local module = registry.provider(provider)
  if not module then error("there is no provider " .. provider, 2) end
  local full = {
    id = "delivery-1", channel = module.channels[1], at = native.format_time(host.START),
    recipient = {}, message = {},
  }
  for key, value in pairs(delivery) do full[key] = value end
  return module.send(host.as_json(full))
end

--- Runs a spec.
---@param chunk fun() the spec file
---@param plugin string of whose interceptors alone nodes run in it
---@return { tests: { name: string, ok: boolean, error: string? }[] }
function kit.run(chunk, plugin)
  local spec = { names = {}, tests = native.array {} }
  running, host.plugin = spec, plugin
  local ok, err = pcall(chunk)
  running = nil
  if not ok then
    spec.tests[#spec.tests + 1] = { name = "the file runs", ok = false, error = tostring(err) }
  end
  return { tests = spec.tests }
end

return kit
