--- Runs one node and takes its outcome apart for the engine.
---
--- One `ctx` table serves every run of this state: nodes are pure, synchronous and never keep it,
--- so nothing is built for a node that needs nothing.
local native = require "kal.native"
local duration = require "kal.duration"
local intercept = require "kal.intercept"
local segment = require "kal.segment"

local runner = {}

---@type kal.Ctx
local ctx = {}

--- Milliseconds of a duration; the config's schema has checked it.
function ctx.duration(text)
  local ms, err = duration.parse(text)
  return ms or error("duration " .. err, 0)
end

--- A stable number in [0, 1) over its arguments.
function ctx.hash(...)
  return native.hash(table.concat({ ... }, "\0"))
end

--- The first instant, now included, at which clocks in the zone show "HH:MM".
function ctx.at(clock, zone)
  local hour, minute = clock:match "^(%d%d?):(%d%d)$"
  if not hour then error("time of day is invalid", 0) end
  return native.zone_next(zone or "UTC", tonumber(hour), tonumber(minute), ctx.now)
end

--- Whether the customer is in a segment of the tenant's; the node must need it. nil and its
--- predicate when a cell has to be asked (kal.code).
function ctx.in_segment(id)
  local context = ctx.context
  return segment.member(context._tenant_id, id, ctx.customer, context._segments, ctx.now)
end

--- How many sends each live context has seen, so that two of one burst never share an id.
local sends = setmetatable({}, { __mode = "k" })

--- A UUID (version 8) made from what identifies the send, so that a replay gives the same.
local function delivery_id(node, context)
  local count = (sends[context] or 0) + 1
  sends[context] = count
  local event = ctx.event
  local hex = native.sha256(table.concat({
    tostring(context._instance_id), node.id, string.format("%.0f", ctx.now),
    tostring(context._execution or 0), tostring(event and event.id), count,
  }, "\0"))
  local variant = string.format("%x", 8 + tonumber(hex:sub(17, 17), 16) % 4)
  return table.concat({
    hex:sub(1, 8), hex:sub(9, 12), "8" .. hex:sub(14, 16), variant .. hex:sub(18, 20),
    hex:sub(21, 32),
  }, "-")
end

local function identify_sends(node, context, given)
  for _, effect in ipairs(given.effects) do
    if effect.kind == "send" then
      effect.id = delivery_id(node, context)
      if given.kind ~= "wait" then
        given.result = given.result or {}
        given.result.delivery_id = given.result.delivery_id or effect.id
      end
    end
  end
  native.array(given.effects)
end

local function remember(context, id, result)
  local accumulated = context.accumulated
  if type(accumulated) ~= "table" then
    accumulated = {}
    context.accumulated = accumulated
  end
  accumulated[id] = result
end

local function call(node, trigger, config)
  if not trigger then return node.execute(config, ctx) end
  if not node.resume then error("a " .. node.type .. " cannot be resumed", 0) end
  return node.resume(config, ctx)
end

local function present(value)
  if value == native.null then return nil end
  return value
end

--- Executes a node (trigger nil) or resumes it. What a node raises is the host's to catch. The
--- result of a node that ended is put into the context's `accumulated`.
---@param node kal.RunnableNode
---@param context table
---@param now_ms number
---@param trigger? "event"|"timeout"|"answer"
---@param event? kal.Event
---@param state? table
---@param known? { answer?: table, caps?: kal.Cap[] } what is there for this node alone
---@return string kind "complete" | "wait" | "exit" | "fail"
---@return table? result
---@return string? branch
---@return string? reason
---@return number? until_ms
---@return boolean? absolute
---@return table? state
---@return kal.Effect[]? effects
function runner.run(node, context, now_ms, trigger, event, state, known)
  ctx.now, ctx.context, ctx.customer = now_ms, context, present(context._customer)
  ctx.trigger, ctx.event, ctx.state = trigger, present(event), present(state)
  ctx.node_id, ctx.flow_id = node.id, context._flow_id
  known = present(known)
  ctx.answer, ctx.caps = known and known.answer, known and known.caps

  local given
  if node.interceptors then
    given = intercept.run(node, ctx, trigger, call)
  else
    given = call(node, trigger, node.config)
  end
  local kind = type(given) == "table" and given.kind
  if not kind then error("a " .. node.type .. " gave no outcome", 0) end
  if given.branch and not node.branches[given.branch] then
    error("a " .. node.type .. " took the undeclared branch " .. tostring(given.branch), 0)
  end
  if given.effects then identify_sends(node, context, given) end
  if kind == "complete" or kind == "exit" then
    given.result = given.result or {}
    remember(context, node.id, given.result)
  end
  return kind, given.result, given.branch, given.reason, given.until_ms, given.absolute,
    given.state, given.effects
end

return runner
