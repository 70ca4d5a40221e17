--- What a node gives back: complete, branch, wait, exit or fail, with the effects it wants done.
--- An outcome is a plain table; the runner takes it apart, nothing else looks inside.
local outcome = {}

--- The node is done; every outgoing edge is followed.
---@param result? table
---@return kal.Outcome
function outcome.complete(result)
  return { kind = "complete", result = result }
end

--- The node is done; the edges whose branch is `key` are followed.
---@param key string
---@param result? table
---@return kal.Outcome
function outcome.branch(key, result)
  return { kind = "complete", branch = key, result = result }
end

--- The node was refused what it is for: the edges whose branch is `key` are followed when the graph
--- has any, else the node fails for the reason.
---@param key string of the type's optional branches
---@param reason string
---@param result? table
---@return kal.Outcome
function outcome.refuse(key, reason, result)
  return { kind = "complete", branch = key, reason = reason, result = result }
end

--- The instance stays here until `until_ms` or until an event of the node's `events`.
--- `absolute`: the timer is a date, which a pause does not shift. `state` comes back at resume.
---@param wait { until_ms?: number, absolute?: boolean, state?: table, effects?: table[] }
---@return kal.Outcome
function outcome.wait(wait)
  wait.kind = "wait"
  return wait
end

--- The whole instance ends here.
---@param result? table
---@param reason? string
---@return kal.Outcome
function outcome.exit(result, reason)
  return { kind = "exit", result = result, reason = reason }
end

--- The node failed; what follows is for its `on_error` to say.
---@param reason string
---@return kal.Outcome
function outcome.fail(reason)
  return { kind = "fail", reason = reason }
end

--- Adds wanted effects to an outcome, in order.
---@param given kal.Outcome
---@param ... kal.Effect
---@return kal.Outcome
function outcome.with(given, ...)
  local effects = given.effects or {}
  for i = 1, select("#", ...) do
    effects[#effects + 1] = (select(i, ...))
  end
  given.effects = effects
  return given
end

return outcome
