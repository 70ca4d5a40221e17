--- Pauses an instance until the customer does something, or for as long as a timeout says.
local duration = require "kal.duration"
local outcome = require "kal.outcome"

local EVENT_KEYS = { "event_type", "any_of", "all_of" }

local function event_types(description)
  return {
    type = "array", minItems = 1, maxItems = 20,
    description = description,
    items = { type = "string", minLength = 1, maxLength = 255 },
  }
end

local function branch_name(default, description)
  return { type = "string", minLength = 1, maxLength = 255, default = default,
    description = description }
end

local function events(config)
  return config.all_of or config.any_of or { config.event_type }
end

local function branches(config)
  return { config.event_branch, config.timeout and config.timeout_branch }
end

local function check(config)
  local given = {}
  for _, key in ipairs(EVENT_KEYS) do
    if config[key] ~= nil then given[#given + 1] = key end
  end
  local problems = {}
  if #given == 0 or config.event_type == "" then
    problems[1] = { pointer = "/event_type", message = "can't be blank" }
  elseif #given > 1 then
    problems[1] = { pointer = "/" .. given[2], message = "can't be given beside " .. given[1] }
  end
  if config.timeout and config.event_branch == config.timeout_branch then
    problems[#problems + 1] = {
      pointer = "/timeout_branch", message = "must differ from event_branch",
    }
  end
  return problems
end

--- Of all_of: the types seen so far, this event among them, and whether that is all of them.
local function take(config, state, event)
  local seen, all = {}, true
  for _, name in ipairs(config.all_of) do
    seen[name] = name == event.event_type or (state.seen and state.seen[name]) or nil
    all = all and seen[name] ~= nil
  end
  return seen, all
end

local function on_event(config, ctx)
  local state = ctx.state or {}
  if config.all_of then
    local seen, all = take(config, state, ctx.event)
    -- Waiting again keeps the timer that runs.
    if not all then return outcome.wait { state = { seen = seen } } end
  end
  return outcome.branch(config.event_branch, { trigger = "event", event = ctx.event.data or {} })
end

---@type kal.Node
return {
  type = "wait_for_event",
  category = "wait",
  version = "1",
  summary = "Pause until an event arrives, any of several, or all of them.",
  config = {
    type = "object",
    properties = {
      event_type = { type = "string", maxLength = 255, description = "Type of the event." },
      any_of = event_types "Types of which one is enough.",
      all_of = event_types "Types that must all arrive, in any order.",
      timeout = { type = "string", format = "duration", description = "How long at most." },
      filter = {
        type = "object",
        description = "Dot paths into the event's data, and what they equal; a list: any of it.",
      },
      lookback = {
        type = "string", format = "duration",
        description = "How long before the wait began an event may have arrived.",
      },
      event_branch = branch_name("event_received", "Branch to follow when the event arrived."),
      timeout_branch = branch_name("timed_out", "Branch to follow when the timeout passed."),
    },
  },
  branches = branches,
  branches_summary = "event_branch and, with a timeout, timeout_branch",
  events = events,
  filter = function(config) return config.filter end,
  lookback = function(config) return (duration.parse(config.lookback)) end,
  check = check,
  execute = function(config, ctx)
    return outcome.wait {
      until_ms = config.timeout and ctx.now + ctx.duration(config.timeout),
    }
  end,
  resume = function(config, ctx)
    if ctx.trigger == "event" then return on_event(config, ctx) end
    return outcome.branch(config.timeout_branch, { trigger = "timeout", timed_out = true })
  end,
}
