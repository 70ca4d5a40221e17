local support = require "support"

local array = support.array

local function event(event_type, data)
  return { id = "e-" .. event_type, event_type = event_type, data = data }
end

local function resume(config, trigger, given, state)
  return support.run("wait_for_event", config, { trigger = trigger, event = given, state = state })
end

describe("wait_for_event", function()
  local paid = { event_type = "paid", timeout = "5d" }

  it("waits until its timeout, or without end", function()
    assert.equal(support.NOW + 5 * 86400000, support.run("wait_for_event", paid).until_ms)
    local ran = support.run("wait_for_event", { event_type = "paid" })
    assert.equal("wait", ran.kind)
    assert.is_nil(ran.until_ms)
  end)

  it("goes the event's way with the event's data", function()
    local ran = resume(paid, "event", event("paid", { sum = 5 }))
    assert.equal("event_received", ran.branch)
    assert.same({ trigger = "event", event = { sum = 5 } }, ran.result)
  end)

  it("goes the timeout's way when the time has passed, never the event's", function()
    local ran = resume(paid, "timeout")
    assert.equal("timed_out", ran.branch)
    assert.same({ trigger = "timeout", timed_out = true }, ran.result)
  end)

  it("names its branches as told", function()
    local config = {
      event_type = "paid", timeout = "1d", event_branch = "yes", timeout_branch = "no",
    }
    assert.same({ "yes", "no" }, support.describe("wait_for_event", config).branches)
    assert.equal("yes", resume(config, "event", event "paid").branch)
    assert.equal("no", resume(config, "timeout").branch)
    assert.same({ "event_received" },
      support.describe("wait_for_event", { event_type = "paid" }).branches)
  end)

  it("is woken by any of several", function()
    local config = { any_of = array { "paid", "called" } }
    assert.same({ "paid", "called" }, support.describe("wait_for_event", config).events)
    assert.equal("event_received", resume(config, "event", event "called").branch)
  end)

  it("wants all of several, each once, in any order, until the first deadline", function()
    local config = { all_of = array { "a", "b", "c" }, timeout = "7d" }
    local began = support.run("wait_for_event", config)
    local first = resume(config, "event", event "c", began.state)
    assert.equal("wait", first.kind)
    assert.is_nil(first.until_ms) -- the timer that runs is kept
    local again = resume(config, "event", event "c", first.state)
    assert.equal("wait", again.kind)
    local second = resume(config, "event", event "a", again.state)
    assert.equal("wait", second.kind)
    local last = resume(config, "event", event("b", { n = 3 }), second.state)
    assert.equal("event_received", last.branch)
    assert.same({ trigger = "event", event = { n = 3 } }, last.result)
    assert.equal("timed_out", resume(config, "timeout", nil, second.state).branch)
  end)

  it("tells the engine what to listen to", function()
    local told = support.describe("wait_for_event",
      { event_type = "paid", filter = { plan = "pro" }, lookback = "5m" })
    assert.same({ "paid" }, told.events)
    assert.same({ plan = "pro" }, told.filter)
    assert.equal(300000, told.lookback)
    assert.is_nil(support.describe("wait_for_event", paid).lookback)
  end)

  it("refuses a wait for nothing, for too much, and branches of one name", function()
    assert.same({ "/event_type: can't be blank" }, support.problems("wait_for_event", {}))
    assert.same({ "/any_of: can't be given beside event_type" },
      support.problems("wait_for_event", { event_type = "a", any_of = array { "b" } }))
    assert.same({ "/all_of: must have at least 1 items" },
      support.problems("wait_for_event", { all_of = array {} }))
    assert.same({ "/timeout_branch: must differ from event_branch" }, support.problems(
      "wait_for_event", { event_type = "a", timeout = "1d", event_branch = "timed_out" }))
    assert.equal(2, #support.problems("wait_for_event",
      { event_type = "a", timeout = "soon", lookback = "1x" }))
  end)
end)
