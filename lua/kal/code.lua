--- What nodes share that run a tenant's code: the code goes to the tenant's cell, and what comes
--- back is looked at here before the engine acts on it. Nothing of it is trusted.
---
--- A node asks by an effect and waits, with a timer that is due at once: the answer comes for the
--- wait, and whoever finds the wait unanswered (after a crash, after a pause) fires the timer, by
--- which the node asks again for the same.
local native = require "kal.native"
local channel = require "kal.channel"
local duration = require "kal.duration"
local outcome = require "kal.outcome"

local code = {}

--- Most bytes of a text that names something: a tag, a type, a conversion.
local NAME_MOST = 255
--- Places that are tried for where a mistake is.
local TRIES = 100

--- What nodes that run code need.
function code.needs()
  return { customer = true, flow_caps = true }
end

-- ---- before it runs ----

local function failure(source)
  local chunk, err = load(source, "=code", "t")
  if chunk then return nil end
  local line, message = err:match "^code:(%d+): (.*)$"
  return { line = tonumber(line) or 1, message = message or err }
end

local function line_at(source, number)
  local from = 1
  for _ = 2, number do from = (source:find("\n", from, true) or #source) + 1 end
  return from, (source:find("\n", from, true) or #source + 1) - 1
end

--- The column where the parser stopped: of the places in the line where the token of its message
--- stands, the first up to which the text is wrong in itself and not just unfinished.
local function column_of(source, found)
  local from, to = line_at(source, found.line)
  local token = found.message:match " near '(.*)'$"
  if token == "<eof>" then return math.max(to - from + 2, 1) end
  local at = token and token ~= "" and source:find(token, from, true)
  for _ = 1, TRIES do
    if not at or at > to then break end
    local part = failure(source:sub(1, at + #token - 1))
    if part and not part.message:find("<eof>", 1, true) then return at - from + 1 end
    at = source:find(token, at + 1, true)
  end
  return 1
end

--- The first mistake of its syntax as "line 2, column 7: …"; nil when there is none. Compiles the
--- text and runs nothing of it.
---@param source string
---@return string?
function code.mistake(source)
  if source:sub(1, 1) == "\27" then return "must be Lua text, not bytecode" end
  local found = failure(source)
  if not found then return nil end
  return ("line %d, column %d: %s"):format(found.line, column_of(source, found), found.message)
end

--- Whether this deployment runs tenants' code, and what to say when it does not.
---@return string?
function code.refusal()
  if native.code_allowed then return nil end
  return "needs tenants' code, which is switched off in this deployment (ENABLE_CUSTOM_CODE)"
end

--- Why this code cannot be published; nil when it can.
---@param source string
---@return string?
function code.problem(source)
  return code.refusal() or code.mistake(source)
end

-- ---- asking ----

local HIDDEN = { _customer = true, _segments = true, accumulated = true }

local function own_context(context)
  local shown = {}
  for key, value in pairs(context) do
    if not HIDDEN[key] then shown[key] = value end
  end
  return shown
end

--- A wait for a call of the code with this input, which reads the time as input.now.
local function wait_for(given, input, seed, state)
  return outcome.wait {
    until_ms = input.now,
    absolute = true,
    state = state,
    effects = { {
      kind = "code",
      source = given.source,
      timeout_ms = given.timeout_ms,
      seed = seed,
      input = input,
    } },
  }
end

local function ask(ctx, given, asked)
  local context = ctx.context
  local seed = ("%s/%s/%.0f"):format(tostring(context._instance_id), ctx.node_id, asked.now)
  return wait_for(given, {
    customer = ctx.customer,
    context = own_context(context),
    accumulated = context.accumulated,
    call = given.config and "run",
    config = given.config,
    event = asked.event,
    now = asked.now,
    trigger = asked.trigger,
    state = asked.state,
  }, seed, { asked = asked })
end

-- ---- what came back ----

local function is_name(value)
  return type(value) == "string" and value ~= "" and #value <= NAME_MOST
end

local function is_object(value)
  return type(value) == "table" and not native.is_array(value)
end

local function present(value)
  if value == native.null then return nil end
  return value
end

--- What an effect that was asked for becomes, by kind; nil and why when it is not in order.
local effects = {}

function effects.update_profile(given)
  if not is_object(given.fields) then return nil, "update_profile needs a table of fields" end
  return { kind = "update_profile", fields = given.fields }
end

function effects.add_tag(given)
  if not is_name(given.tag) then return nil, "add_tag needs a tag of 1 to 255 bytes" end
  return { kind = "add_tag", tag = given.tag }
end

function effects.remove_tag(given)
  if not is_name(given.tag) then return nil, "remove_tag needs a tag of 1 to 255 bytes" end
  return { kind = "remove_tag", tag = given.tag }
end

function effects.convert(given)
  local value, metadata = present(given.value), present(given.metadata)
  if not is_name(given.conversion_type) then return nil, "convert needs an event_name" end
  if value ~= nil and type(value) ~= "number" then return nil, "convert's revenue is no number" end
  if metadata ~= nil and not is_object(metadata) then
    return nil, "convert's metadata is no table with names"
  end
  return { kind = "convert", conversion_type = given.conversion_type, value = value,
    metadata = metadata }
end

function effects.send(given, ctx)
  local message = {}
  for key, value in pairs(is_object(given.message) and given.message or {}) do
    message[key] = present(value)
  end
  return channel.effect(message, ctx)
end

function effects.emit(given)
  local data = present(given.data) or {}
  if not is_name(given.event_type) then return nil, "emit needs an event_type" end
  if not is_object(data) then return nil, "emit's data is no table with names" end
  return { kind = "emit", event_type = given.event_type, data = data }
end

local function add_effects(made, wanted, ctx)
  for _, given in ipairs(wanted or {}) do
    local build = effects[given.kind]
    if not build then return outcome.fail("the code asked for an unknown effect") end
    local effect, err = build(given, ctx)
    if not effect then return outcome.fail(err) end
    outcome.with(made, effect)
  end
  return made
end

local function wait_of(given, now)
  local text, date = present(given.duration), present(given["until"])
  local until_ms
  if type(text) == "string" then
    local ms, err = duration.parse(text)
    if not ms then return outcome.fail("kal.wait: the duration " .. err) end
    until_ms = now + ms
  elseif type(date) == "string" then
    until_ms = native.parse_time(date)
    if not until_ms then return outcome.fail "kal.wait: until is no ISO 8601 date and time" end
  else
    return outcome.fail "kal.wait needs a duration or until"
  end
  return outcome.wait { until_ms = math.max(until_ms, 0), absolute = type(text) ~= "string",
    state = { kept = present(given.state) } }
end

local function result_of(value)
  value = present(value)
  if value == nil then return {} end
  return is_object(value) and value or { value = value }
end

local function take(answer, ctx)
  if answer.error then return outcome.fail(answer.error) end
  local given = answer.outcome
  local kind = given.kind
  if kind == "fail" then
    return outcome.fail(type(given.reason) == "string" and given.reason or "no reason given")
  end
  if kind == "wait" then return add_effects(wait_of(given, ctx.now), given.effects, ctx) end
  local made = outcome.complete(result_of(given.result))
  made.branch = present(given.branch)
  if made.branch ~= nil and type(made.branch) ~= "string" then
    return outcome.fail "the code's branch is no text"
  end
  return add_effects(made, given.effects, ctx)
end

--- Runs the code: the node's `execute`.
---@param ctx kal.Ctx
---@param given { source: string, timeout_ms?: number, config?: table } config: of a plugin's node
---@return kal.Outcome
function code.execute(ctx, given)
  return ask(ctx, given, { now = ctx.now, event = ctx.event })
end

--- The node's `resume`: takes what the code gave, asks again, or runs it anew when the wait that it
--- wanted is over.
---@param ctx kal.Ctx
---@param given { source: string, timeout_ms?: number, config?: table }
---@return kal.Outcome
function code.resume(ctx, given)
  if ctx.answer then return take(ctx.answer, ctx) end
  local kept = ctx.state or {}
  local asked = kept.asked or { now = ctx.now, trigger = ctx.trigger, state = kept.kept }
  return ask(ctx, given, asked)
end

-- ---- predicates of segments ----

--- Asks a segment's predicate about the customer: the outcome of a node, which is resumed with the
--- answer, or asks anew.
---@param ctx kal.Ctx
---@param source string
---@return kal.Outcome
function code.ask_member(ctx, source)
  return wait_for({ source = source }, {
    call = "members",
    customers = native.array { ctx.customer },
    now = ctx.now,
  })
end

--- Whether the customer is in the segment, by the answer; nil and why when it cannot be told.
---@param answer table
---@return boolean?
---@return string? err
function code.member(answer)
  if answer.error then return nil, answer.error end
  local members, reason = answer.outcome.members, answer.outcome.reason
  if type(members) == "table" and type(members[1]) == "boolean" then return members[1] end
  return nil, type(reason) == "string" and reason or "the predicate gave no answer"
end

-- ---- plugins of a tenant's own ----

local CATEGORIES = { condition = true, action = true }
local MEMBERS = { "type", "category", "version", "summary", "config", "branches" }

local function check_branches(branches)
  if branches == nil then return true end
  if not native.is_array(branches) or #branches == 0 or #branches > 50 then return false end
  for _, key in ipairs(branches) do
    if not is_name(key) then return false end
  end
  return true
end

--- What a plugin's code says of itself, as its cell has answered: the members of a node type that
--- are data. nil and why when they are not in order; kal.registry asks for the rest.
---@param said any
---@return table?
---@return string? err
function code.description(said)
  if not is_object(said) then return nil, "the plugin returns no table" end
  local kept = {}
  for _, name in ipairs(MEMBERS) do kept[name] = present(said[name]) end
  kept.category = kept.category or "action"
  if not is_name(kept.type) then return nil, "type is no snake_case name" end
  if not CATEGORIES[kept.category] then
    return nil, "category must be condition or action"
  end
  kept.config = kept.config or { type = "object" }
  if not check_branches(kept.branches) then return nil, "branches is no list of keys" end
  return kept
end

--- The node type that runs a plugin's code in its tenant's cell.
---@param described table as code.description gives it
---@param source string
---@return kal.Node
function code.node(described, source)
  local node = {}
  for _, name in ipairs(MEMBERS) do node[name] = described[name] end
  local function given_of(config) return { source = source, config = config } end
  node.needs = code.needs
  function node.check()
    local err = code.refusal()
    return err and { { pointer = "", message = err } } or {}
  end
  function node.execute(config, ctx) return code.execute(ctx, given_of(config)) end
  function node.resume(config, ctx) return code.resume(ctx, given_of(config)) end
  return node
end

return code
