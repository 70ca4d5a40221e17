--- The host of specs: nodes run by the engine's own registry and runner, under its rules for
--- configs, needs, branches, waits and what may be kept. It has no server, and its clock stands.
local native = require "kal.native"
local duration = require "kal.duration"
local path = require "kal.path"
local registry = require "kal.registry"
local runner = require "kal.runner"
local segment = require "kal.segment"
local value = require "kal.value"

local host = {}

--- Where clocks begin: a Monday.
host.START = native.parse_time "2026-01-05T12:00:00Z"

--- Why the last node failed; nil when it did not.
---@type string?
host.failure = nil
--- The plugin whose spec runs.
---@type string?
host.plugin = nil

local LATEST_MS = 253402300799999 -- the end of the year 9999, as in the engine
local COLUMNS = { email = true, phone = true, name = true, timezone = true }

---@class kal.Host
local Host = {}
Host.__index = Host

--- A value as it comes out of JSON: lists are marked, nothing is shared with the spec.
function host.as_json(given)
  local text, err = native.encode(given)
  return native.decode(text or error("this is no JSON: " .. err, 3))
end

local function instant(iso)
  return native.parse_time(iso) or error("no ISO 8601 date and time: " .. tostring(iso), 3)
end

---@param given kal.HostOptions
---@return kal.Host
function host.new(given)
  local customer = host.as_json(given.customer or {})
  customer.external_id = customer.external_id or "customer-1"
  customer.properties = customer.properties or {}
  customer.tags = customer.tags or native.array {}
  local context = host.as_json(given.context or {})
  context.accumulated = context.accumulated or {}
  return setmetatable({
    now = given.at and instant(given.at) or host.START,
    customer = customer,
    context = context,
    caps = given.caps and host.as_json(given.caps) or nil,
    segments = host.as_json(given.segments or {}),
    effects = {},
    executions = 0,
  }, Host)
end

-- What the engine does with effects on the customer ----------------------------------------------

local function without(tags, tag)
  local kept = native.array {}
  for _, other in ipairs(tags) do
    if other ~= tag then kept[#kept + 1] = other end
  end
  return kept
end

local apply = {}

function apply.update_profile(customer, effect)
  for name, given in pairs(effect.fields) do
    if COLUMNS[name] and type(given) == "string" then
      customer[name] = given
    else
      customer.properties[name] = given
    end
  end
end

function apply.add_tag(customer, effect)
  customer.tags = without(customer.tags, effect.tag)
  customer.tags[#customer.tags + 1] = effect.tag
end

function apply.remove_tag(customer, effect)
  customer.tags = without(customer.tags, effect.tag)
end

-- Running ----------------------------------------------------------------------------------------

--- The context as the node sees it: the customer's row only when it has said that it needs it.
local function context_for(self, described)
  local context = self.context
  context._customer_id = self.customer.external_id
  context._tenant_id, context._flow_id = "tenant-1", "flow-1"
  context._instance_id = "instance-1"
  local needs = described.needs or {}
  context._customer = needs.customer and host.as_json(self.customer) or nil
  self.executions = self.executions + 1
  context._execution = self.executions
  segment.load("tenant-1", needs.segments and self.segments or {})
  return context
end

local function keep(given, what)
  if given == nil then return nil end
  local text, err = native.encode(given)
  if not text then error("the outcome's " .. what .. " cannot be kept: " .. err, 0) end
  return native.decode(text)
end

local function check_until(until_ms)
  if until_ms == nil then return end
  if type(until_ms) ~= "number" or not (until_ms >= 0 and until_ms <= LATEST_MS) then
    error("the outcome's until_ms is no time", 0)
  end
end

local function check_branch(node, described, done)
  local takes = described.branches and described.category ~= "action"
  if done.kind == "complete" and takes and not done.branch then
    error("a " .. node.type .. " took none of its branches", 0)
  end
end

local function run(self, trigger, event, answer)
  local node, described = self.node, self.described
  local known = { answer = answer, caps = self.caps }
  local kind, result, branch, reason, until_ms, absolute, state, effects = runner.run(node,
    context_for(self, described), self.now, trigger, event, self.state, known)
  check_until(until_ms)
  local done = {
    kind = kind, branch = branch, reason = reason, until_ms = until_ms, absolute = absolute,
    until_at = until_ms and native.format_time(until_ms),
    result = keep(result, "result"),
    state = keep(state, "state"),
    effects = keep(effects, "effects") or {},
  }
  check_branch(node, described, done)
  return done
end

local function record(self, done)
  for _, effect in ipairs(done.effects) do
    self.effects[#self.effects + 1] = effect
    if apply[effect.kind] then apply[effect.kind](self.customer, effect) end
  end
end

--- Runs the node; what it raises fails it, as in the engine.
local function step(self, trigger, event, answer)
  local waited_until = self.until_ms
  local ok, done = pcall(run, self, trigger, event, answer)
  if not ok then done = { kind = "fail", reason = tostring(done), effects = {} } end
  host.failure = done.kind == "fail" and (done.reason or "no reason given") or nil
  record(self, done)
  self.waits = done.kind == "wait"
  self.state = done.state
  self.until_ms = self.waits and (done.until_ms or trigger and waited_until) or nil
  return done
end

local function event_of(self, given)
  if not given then return nil end
  return host.as_json {
    id = given.id or "event-1", event_type = given.event_type or "event", data = given.data or {},
    occurred_at = given.occurred_at or native.format_time(self.now),
  }
end

local function own_interceptors(list)
  local own
  for _, interceptor in ipairs(list or {}) do
    if interceptor.name == host.plugin then own = { interceptor } end
  end
  return own
end

--- Executes a node of the type. A config that a publication would refuse raises.
---@param type string
---@param config? table
---@param given? { id?: string, event?: table } the node's id; the event that brought the walk here
---@return kal.Done
function Host:run(type, config, given)
  given = given or {}
  local json = host.as_json(config or {})
  local described = registry.describe(type, json)
  if not described then error("there is no node type " .. tostring(type), 2) end
  if described.problems[1] then error("config " .. described.problems[1], 2) end
  self.node = registry.node(type, given.id or "node-1", json)
  self.node.interceptors = own_interceptors(self.node.interceptors)
  self.described, self.state, self.until_ms = described, nil, nil
  return step(self, nil, event_of(self, given.event))
end

local function expect_wait(self)
  if not self.waits then error("no node waits", 3) end
end

--- Moves the clock to the end of the wait and resumes the node.
---@return kal.Done
function Host:timeout()
  expect_wait(self)
  if not self.until_ms then error("the wait has no timer", 2) end
  self.now = math.max(self.now, self.until_ms)
  return step(self, "timeout")
end

local function is_listed(list, wanted)
  for _, name in ipairs(list or {}) do
    if name == wanted then return true end
  end
  return false
end

local function matches(filter, data)
  value.begin()
  for key, wanted in pairs(filter or {}) do
    local actual = path.get(data, key)
    local choices = native.is_array(wanted) and wanted or { wanted }
    local found = false
    for _, choice in ipairs(choices) do found = found or value.equal(actual, choice) end
    if not found then return false end
  end
  return true
end

--- An event comes: the node that waits is resumed when it listens to it.
---@param event_type string
---@param data? table
---@return kal.Done? # nil when the wait goes on
function Host:event(event_type, data)
  expect_wait(self)
  local event = event_of(self, { event_type = event_type, data = data })
  local described = self.described
  if not is_listed(described.events, event_type) then return nil end
  if not matches(described.filter, event.data) then return nil end
  return step(self, "event", event)
end

--- What a node with an effect that `awaits` has waited for: ctx.answer.
---@param answer table
---@return kal.Done
function Host:answer(answer)
  expect_wait(self)
  return step(self, "answer", nil, host.as_json(answer))
end

--- Moves the clock on: "90m", "3d".
---@param text string
function Host:advance(text)
  local ms, err = duration.parse(text)
  self.now = self.now + (ms or error("duration " .. err, 2))
end

--- Sets the clock.
---@param iso string
function Host:at(iso)
  self.now = instant(iso)
end

return host
