--- Runs a node between the interceptors that want its type, in their order.
local schema = require "kal.schema"

local intercept = {}

local KINDS = { complete = true, wait = true, exit = true, fail = true }

local function fault(interceptor, message)
  error("interceptor " .. interceptor.name .. ": " .. tostring(message), 0)
end

local function ask(interceptor, hook, ...)
  local ok, answer = pcall(interceptor[hook], ...)
  if not ok then fault(interceptor, answer) end
  if answer ~= nil and type(answer) ~= "table" then
    fault(interceptor, hook .. " gave a " .. type(answer))
  end
  return answer
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local made = setmetatable({}, getmetatable(value))
  for key, inner in pairs(value) do made[key] = copy(inner) end
  return made
end

local function check_config(interceptor, node, config)
  local problem = schema.validate(config, node.schema)[1]
  if problem then
    fault(interceptor, "the config's " .. problem.pointer .. " " .. problem.message)
  end
end

--- A node that cannot be resumed must not be left waiting.
local function check_wait(interceptor, node, given)
  if given.kind == "wait" and not node.resume then
    fault(interceptor, "a " .. node.type .. " cannot wait")
  end
end

--- The config that the node is to run with, or the outcome that stands in its place. Each hook gets
--- a copy, so that the node's own config stays what the graph says.
local function before(node, ctx)
  local config = node.config
  for _, interceptor in ipairs(node.interceptors) do
    if interceptor.before then
      local view = { id = node.id, type = node.type, config = copy(config) }
      local answer = ask(interceptor, "before", view, ctx)
      if answer and KINDS[answer.kind] then
        check_wait(interceptor, node, answer)
        return nil, answer
      elseif answer then
        check_config(interceptor, node, answer)
        config = answer
      end
    end
  end
  return config
end

local function after(node, ctx, config, given)
  for _, interceptor in ipairs(node.interceptors) do
    if interceptor.after then
      local view = { id = node.id, type = node.type, config = copy(config) }
      local answer = ask(interceptor, "after", view, ctx, given)
      if answer then
        if not KINDS[answer.kind] then fault(interceptor, "after gave no outcome") end
        check_wait(interceptor, node, answer)
        given = answer
      end
    end
  end
  return given
end

--- What a node raises is a failure like any other: hooks see it, as the engine does.
local function run(node, trigger, call, config)
  local ok, given = pcall(call, node, trigger, config)
  if ok then return given end
  local reason = type(given) == "string" and given:match "^[^\n]*" or "an error that is no text"
  return { kind = "fail", reason = reason }
end

--- The outcome of a node and its interceptors. A veto is final: neither the node nor any hook runs
--- after it.
---@param node kal.RunnableNode
---@param ctx kal.Ctx
---@param trigger? string
---@param call fun(node: kal.RunnableNode, trigger?: string, config: table): kal.Outcome
---@return kal.Outcome? # what the node gave, when it gave no outcome
function intercept.run(node, ctx, trigger, call)
  local config, veto = before(node, ctx)
  if veto then return veto end
  local given = run(node, trigger, call, config)
  if type(given) ~= "table" or not KINDS[given.kind] then return given end
  return after(node, ctx, config, given)
end

return intercept
