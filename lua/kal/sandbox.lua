--- What a tenant's code sees, inside a cell. Loaded by the worker (lua/host/worker.c) with what the
--- host gives; built by an allow-list, so that a library's new function is not let in by itself.
---
--- Nothing here is shared between calls but what cannot be changed: libraries are read-only, and
--- each call gets an environment of its own.

local host = ...
local setmetatable, type, next, ipairs = setmetatable, type, next, ipairs
local newproxy, getmetatable = newproxy, getmetatable

local function refuse(_, key)
  error("'" .. tostring(key) .. "' is read-only", 2)
end

--- A view of a table that shows it and lets nothing be changed. A table would not do: what writes
--- past metatables (table.insert) would leave something in it for the next call.
local function sealed(members)
  local view = newproxy(true)
  local meta = getmetatable(view)
  meta.__index, meta.__newindex, meta.__metatable = members, refuse, false
  return view
end

local function pick(library, names)
  local picked = {}
  for name in names:gmatch "%S+" do
    picked[name] = library[name] or error(name .. " is not there")
  end
  return picked
end

-- Outcomes and effects carry this metatable: no table of a tenant's passes for one by its fields.
local OUTCOME = { __metatable = false }
local EFFECT = { __metatable = false }

local function is(value, meta)
  return type(value) == "table" and host.metatable(value) == meta
end

local function effect(kind, fields)
  fields.kind = kind
  return setmetatable(fields, EFFECT)
end

local function want(value, kind, what)
  if type(value) ~= kind then error(what .. " must be a " .. kind, 3) end
  return value
end

local pending -- the effects that the call under way has asked for; nil when it may ask for none

local function ask(kind, fields)
  if not pending then error("a segment's predicate has no effects", 3) end
  if #pending >= 100 then error("more than 100 effects", 3) end
  pending[#pending + 1] = effect(kind, fields)
end

local effects = {}

function effects.update_profile(fields)
  ask("update_profile", { fields = want(fields, "table", "update_profile's fields") })
end

function effects.add_tag(tag)
  ask("add_tag", { tag = want(tag, "string", "add_tag's tag") })
end

function effects.remove_tag(tag)
  ask("remove_tag", { tag = want(tag, "string", "remove_tag's tag") })
end

function effects.convert(conversion)
  want(conversion, "table", "convert's argument")
  ask("convert", {
    conversion_type = want(conversion.event_name, "string", "convert's event_name"),
    value = conversion.revenue,
    metadata = conversion.metadata,
  })
end

function effects.send(message)
  want(message, "table", "send's argument")
  ask("send", {
    channel = want(message.channel, "string", "send's channel"),
    provider = message.provider,
    message = message,
  })
end

function effects.emit(event)
  want(event, "table", "emit's argument")
  ask("emit", {
    event_type = want(event.event_type, "string", "emit's event_type"),
    data = event.data,
  })
end

local kal = { effect = sealed(effects), null = host.null, array = host.array }

function kal.branch(key, result)
  return setmetatable({ kind = "complete", branch = want(key, "string", "branch's key"),
    result = result }, OUTCOME)
end

function kal.wait(wait)
  want(wait, "table", "wait's argument")
  return setmetatable({ kind = "wait", duration = wait.duration, ["until"] = wait["until"],
    state = wait.state }, OUTCOME)
end

function kal.fail(reason)
  return setmetatable({ kind = "fail", reason = want(reason, "string", "fail's reason") }, OUTCOME)
end

local base = pick(_G, "assert error getmetatable ipairs next pairs rawequal rawget select "
  .. "setmetatable tonumber tostring type unpack")
base.pcall, base.xpcall = host.pcall, host.xpcall
base._VERSION = _VERSION
base.string = sealed(pick(string, "byte char find format gmatch gsub len lower match rep reverse "
  .. "sub upper"))
base.table = sealed(pick(table, "concat insert maxn remove sort"))
local maths = pick(math, "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge "
  .. "ldexp log log10 max min modf pi pow rad sin sinh sqrt tan tanh")
maths.random = host.random
base.math = sealed(maths)
base.bit = sealed(pick(host.bit, "arshift band bnot bor bxor lshift rol ror rshift tobit tohex"))
base.kal = sealed(kal)

-- Methods of strings come from the same short list.
local strings = host.metatable ""
strings.__index, strings.__metatable = base.string, false

local ENV = { __index = sealed(base), __metatable = false }

--- What a plugin's table says of itself; functions stay here.
local function description(module)
  local text = "plugin " .. tostring(module.type)
  if type(module.execute) ~= "function" then error(text .. " has no execute", 0) end
  if module.resume ~= nil and type(module.resume) ~= "function" then
    error(text .. ": resume is no function", 0)
  end
  return { type = module.type, category = module.category, version = module.version,
    summary = module.summary, config = module.config, branches = module.branches }
end

--- A chunk is a node's code, whose value is the outcome; or (call) a plugin's, whose value is a
--- table of what it is and does: "describe" asks for the former, "run" has it execute or resume.
local function value_of(chunk, input)
  local value = chunk()
  if not input.call then return value end
  if type(value) ~= "table" then error("the plugin returns no table", 0) end
  local described = description(value)
  if input.call == "describe" then return described end
  local run = input.trigger and value.resume or value.execute
  return run(input.config, input)
end

local function show(chunk, ctx)
  ctx.random = host.random
  host.setenv(chunk, setmetatable({ ctx = ctx }, ENV))
end

--- A predicate's value, as Lua takes it for true.
local function verdict(value)
  if is(value, OUTCOME) then error("a segment's predicate returns true or false", 0) end
  return value ~= host.null and value and true or false
end

--- Runs a segment's predicate for each of the input's customers: true, false, or null where it has
--- failed, and the first reason why.
local function members(chunk, input)
  local verdicts, reason = host.array {}, nil
  pending = nil
  local function ask_one() return verdict(chunk()) end
  for i, customer in ipairs(input.customers) do
    show(chunk, { customer = customer, now = input.now })
    local ok, value = host.attempt(ask_one, customer.external_id)
    verdicts[i] = not ok and host.null or value
    reason = reason or not ok and value or nil
  end
  return { kind = "members", members = verdicts, reason = reason }
end

--- Runs a chunk over its input {customer, context, accumulated, event, now, trigger, state; call,
--- config}, or (call: "members") {customers, now}; answers the outcome as a plain table for JSON.
return function(chunk, input)
  if input.call == "members" then return members(chunk, input) end
  pending = {}
  show(chunk, input)
  local result = value_of(chunk, input)
  local outcome = {}
  if is(result, OUTCOME) then
    for key, value in next, result do outcome[key] = value end
  else
    outcome.kind, outcome.result = "complete", result
  end
  outcome.effects = pending[1] and host.array(pending) or nil
  return outcome
end
