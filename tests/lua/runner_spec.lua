local outcome = require "kal.outcome"
local support = require "support"
local runner = require "kal.runner"

local NODE = { id = "n-1", type = "probe", config = {}, branches = { yes = true } }

local function node(execute)
  local copy = {}
  for key, value in pairs(NODE) do copy[key] = value end
  copy.execute = execute
  return copy
end

local function sender()
  return outcome.with(outcome.complete {}, { kind = "send" }, { kind = "send" })
end

describe("runner", function()
  it("keeps the results of complete and exit for later nodes, not of waits", function()
    local context = support.context()
    runner.run(node(function() return outcome.complete { a = 1 } end), context, 0)
    assert.same({ ["n-1"] = { a = 1 } }, context.accumulated)
    context = support.context()
    runner.run(node(function() return outcome.wait { until_ms = 1 } end), context, 0)
    assert.same({}, context.accumulated)
    context.accumulated = nil
    runner.run(node(function() return outcome.exit() end), context, 0)
    assert.same({ ["n-1"] = {} }, context.accumulated)
  end)

  it("gives a send the same id in every replay, and each send another", function()
    local function ids(context, now)
      local _, result, _, _, _, _, _, effects = runner.run(node(sender), context, now or 5)
      assert.equal(result.delivery_id, effects[1].id)
      return effects[1].id, effects[2].id
    end
    local context = support.context()
    local first, second = ids(context)
    assert.matches("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-8%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$",
      first)
    assert.not_equal(first, second)
    assert.same({ first, second }, { ids(support.context()) })
    assert.not_equal(first, (ids(context)))
    assert.not_equal(first, (ids(support.context(), 6)))
    assert.not_equal(first, (ids(support.context { _instance_id = "i-2" })))
    assert.not_equal(first, (ids(support.context { _execution = 2 })))
  end)

  it("hands the node its time, customer, event and state, and nothing of the run before", function()
    local seen
    local probe = node(function(_, ctx)
      seen = { ctx.now, ctx.customer, ctx.event, ctx.state, ctx.trigger, ctx.node_id, ctx.flow_id }
      return outcome.complete()
    end)
    probe.resume = probe.execute
    local context = support.context { _customer = { email = "a" } }
    runner.run(probe, context, 7, "event", { id = "e" }, { s = 1 })
    assert.same({ 7, { email = "a" }, { id = "e" }, { s = 1 }, "event", "n-1", "f-1" }, seen)
    runner.run(probe, support.context { _customer = support.null }, 8, nil, support.null, nil)
    assert.same({ 8, nil, nil, nil, nil, "n-1", "f-1" }, seen)
  end)

  it("refuses what a node must not do", function()
    local function refused(execute, trigger)
      local ok, err = pcall(runner.run, node(execute), support.context(), 0, trigger)
      assert.is_false(ok)
      return err
    end
    assert.equal("a probe gave no outcome", refused(function() end))
    assert.equal("a probe gave no outcome", refused(function() return {} end))
    assert.equal("a probe took the undeclared branch no",
      refused(function() return outcome.branch("no") end))
    assert.equal("a probe cannot be resumed", refused(function() end, "event"))
    assert.matches("duration must be", refused(function(_, ctx) return ctx.duration("soon") end))
  end)
end)
