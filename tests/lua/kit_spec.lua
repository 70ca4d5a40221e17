local kit = require "kal.kit"
local outcome = require "kal.outcome"
local registry = require "kal.registry"
local support = require "support"

support.load()

local number = 0

--- A node type of the test's own.
local function add(changes)
  number = number + 1
  local module = {
    type = "kit_probe_" .. number, category = "action", version = "1", summary = "A probe.",
    config = { type = "object", properties = {
      n = { type = "integer", default = 7, description = "A number." },
    } },
    execute = function() return outcome.complete() end,
  }
  for key, value in pairs(changes) do module[key] = value end
  assert(registry.add(module, { origin = "plugin", path = "p.lua", hash = "" }))
  return module.type
end

--- The tests that a spec of this body reports.
local function tests(body, plugin)
  return kit.run(body, plugin or "none").tests
end

--- Why the one test of this body fails.
local function why(body)
  local test = tests(function() kit.it("t", body) end)[1]
  assert.is_false(test.ok)
  return test.error
end

--- Runs the body as a test, which must pass.
local function passes(body, plugin)
  local test = tests(function() kit.it("t", body) end, plugin)[1]
  assert.is_nil(test.error)
end

describe("a spec", function()
  it("reports each test by its groups, failed ones with the line", function()
    local list = tests(function()
      kit.describe("outer", function()
        kit.describe("inner", function() kit.it("passes", function() end) end)
        kit.it("fails", function() kit.expect(1).equals(2) end)
      end)
      kit.it("alone", function() error "broken" end)
    end)
    assert.same({ "outer inner passes", "outer fails", "alone" },
      { list[1].name, list[2].name, list[3].name })
    assert.same({ true, false, false }, { list[1].ok, list[2].ok, list[3].ok })
    assert.matches("kit_spec.lua:%d+: expected 2, got 1$", list[2].error)
    assert.matches("kit_spec.lua:%d+: broken$", list[3].error)
  end)

  it("that breaks outside of its tests fails", function()
    local list = tests(function() kit.it("a", function() end) error "broken" end)
    assert.same({ 2, false, "the file runs" }, { #list, list[2].ok, list[2].name })
    assert.matches("kit_spec.lua:%d+: broken$", list[2].error)
    assert.is_false(pcall(kit.it, "outside of a run", function() end))
  end)

  it("says why the node failed when something else was expected", function()
    local type = add { execute = function() error "out of stock" end }
    local message = why(function() kit.expect(kit.host():run(type).kind).equals "complete" end)
    assert.matches('expected "complete", got "fail"', message)
    assert.matches("%(the last node failed: .*kit_spec.lua:%d+: out of stock%)$", message)
  end)
end)

describe("expect", function()
  it("compares deeply", function()
    passes(function()
      kit.expect({ a = { 1, { b = "x" } } }).equals { a = { 1, { b = "x" } } }
      kit.expect(nil).equals(nil)
      kit.expect(1.05).near(1, 0.1)
      kit.expect("order 12").matches "%d+$"
      kit.expect(function() error "bad luck" end).raises "luck"
    end)
    for _, wrong in ipairs {
      function() kit.expect({ a = 1 }).equals { a = 1, b = 2 } end,
      function() kit.expect({ a = 1, b = 2 }).equals { a = 1 } end,
      function() kit.expect(nil).equals(support.null) end,
      function() kit.expect(2).near(1, 0.1) end,
      function() kit.expect("two").near(1, 0.1) end,
      function() kit.expect("order").matches "%d" end,
      function() kit.expect(function() end).raises() end,
      function() kit.expect(function() error "bad" end).raises "luck" end,
    } do
      assert.matches("kit_spec.lua:%d+: expected ", why(wrong))
    end
  end)
end)

describe("the host", function()
  it("checks configs and fills in defaults as a flow's publication does", function()
    local type = add { execute = function(config) return outcome.complete { n = config.n } end }
    passes(function()
      kit.expect(kit.host():run(type).result).equals { n = 7 }
      kit.expect(kit.problems(type, { n = "x" })).equals { "/n: is invalid" }
    end)
    assert.matches("kit_spec.lua:%d+: config /n: is invalid",
      why(function() kit.host():run(type, { n = "x" }) end))
    assert.matches("there is no node type teleport",
      why(function() kit.host():run "teleport" end))
  end)

  it("shows the customer only to a node that needs it", function()
    local function execute(_, ctx) return outcome.complete { there = ctx.customer ~= nil } end
    local without = add { execute = execute }
    local with = add { execute = execute, needs = function() return { customer = true } end }
    passes(function()
      local host = kit.host { customer = { email = "a@example.org" } }
      kit.expect(host:run(without).result.there).equals(false)
      kit.expect(host:run(with).result.there).equals(true)
    end)
  end)

  it("refuses what the engine would refuse", function()
    local fork = { category = "condition", branches = { "yes", "no" } }
    local cases = {
      { { execute = function() return outcome.branch "maybe" end }, "undeclared branch maybe" },
      { { category = "condition", branches = fork.branches }, "took none of its branches" },
      { { execute = function() return outcome.complete { f = print } end },
        "the outcome's result cannot be kept" },
      { { execute = function() return outcome.wait { until_ms = 1, state = { print } } end },
        "the outcome's state cannot be kept" },
      { { execute = function() return outcome.wait { until_ms = 0 / 0 } end },
        "the outcome's until_ms is no time" },
      { { execute = function() end }, "gave no outcome" },
    }
    for _, case in ipairs(cases) do
      local type = add(case[1])
      passes(function()
        local done = kit.host():run(type)
        kit.expect(done.kind).equals "fail"
        kit.expect(done.reason).matches(case[2])
      end)
    end
  end)

  it("resumes a wait by its timer, on a clock that stands", function()
    passes(function()
      local host = kit.host { at = "2026-03-01T10:00:00Z" }
      local done = host:run("wait", { duration = "3d" })
      kit.expect(done.kind).equals "wait"
      kit.expect(done.until_at).equals "2026-03-04T10:00:00.000Z"
      kit.expect(host:timeout().result).equals { waited = true }
      kit.expect(host.now).equals(done.until_ms)
      kit.expect(function() host:timeout() end).raises "no node waits"
      host:advance "1h"
      kit.expect(host.now).equals(done.until_ms + 3600000)
    end)
  end)

  it("resumes a wait by an event that it listens to and whose data fit", function()
    passes(function()
      local host = kit.host()
      host:run("wait_for_event", { event_type = "paid", filter = { plan = { "pro", "max" } } })
      kit.expect(host:event("clicked")).equals(nil)
      kit.expect(host:event("paid", { plan = "free" })).equals(nil)
      local done = host:event("paid", { plan = "max" })
      kit.expect(done.branch).equals "event_received"
      kit.expect(done.result.event).equals { plan = "max" }
    end)
  end)

  it("gives an answer to a node that waits for one, and records what was sent", function()
    passes(function()
      local host = kit.host()
      local done = host:run("call_webhook",
        { url = "https://example.org", wait_for_response = true })
      kit.expect(done.kind).equals "wait"
      kit.expect(host.effects[1].message.url).equals "https://example.org"
      kit.expect(host:answer({ status = 201, body = "made" }).result)
        .equals { status = 201, body = "made" }
    end)
  end)

  it("keeps a wait's state as JSON would, and its timer when it goes on waiting", function()
    local type = add {
      category = "wait", events = function() return { "tick" } end,
      execute = function() return outcome.wait { until_ms = 5, state = { n = 1 } } end,
      resume = function(_, ctx)
        if ctx.trigger == "timeout" then return outcome.complete { n = ctx.state.n } end
        return outcome.wait { state = { n = ctx.state.n + 1 } }
      end,
    }
    passes(function()
      local host = kit.host()
      host:run(type)
      host:event "tick"
      kit.expect(host:event("tick").state).equals { n = 3 }
      kit.expect(host:timeout().result).equals { n = 3 }
    end)
  end)

  it("does to the customer what effects ask for, and keeps results for later nodes", function()
    passes(function()
      local host = kit.host { customer = { properties = { a = 1 }, tags = { "old" } } }
      host:run("update_profile", { fields = { name = "Ada", plan = "pro", phone = 5 } })
      host:run("add_tag", { tag = "vip" }, { id = "tagging" })
      host:run("add_tag", { tag = "vip" })
      host:run("remove_tag", { tag = "old" })
      kit.expect(host.customer.name).equals "Ada"
      kit.expect(host.customer.properties).equals { a = 1, plan = "pro", phone = 5 }
      kit.expect(host.customer.tags).equals { "vip" }
      kit.expect(host.context.accumulated.tagging).equals { tagged = true, tag = "vip" }
      kit.expect(#host.effects).equals(4)
    end)
  end)

  it("asks the segments it was given", function()
    passes(function()
      local host = kit.host { customer = { name = "Ada" }, segments = {
        ["00000000-0000-7000-8000-000000000001"] = {
          type = "dynamic", rules = { { field = "name", operator = "eq", value = "Ada" } },
        },
      } }
      local done = host:run("check_segment",
        { segment_id = "00000000-0000-7000-8000-000000000001" })
      kit.expect(done.branch).equals "true"
    end)
  end)

  it("runs the interceptor of the plugin under test, and no other's", function()
    local type = add {}
    for _, name in ipairs { "mine", "theirs" } do
      assert(registry.add_interceptor("kit_" .. name, {
        version = "1", summary = "S.", priority = 1, types = { type },
        before = function() return outcome.fail(name) end,
      }, { origin = "plugin", path = name .. ".lua", hash = "" }))
    end
    passes(function() kit.expect(kit.host():run(type).reason).equals "mine" end, "kit_mine")
    passes(function() kit.expect(kit.host():run(type).kind).equals "complete" end)
  end)

  it("asks providers what they want done", function()
    passes(function()
      local wanted = kit.send("log", { message = { template_id = "hello" } })
      kit.expect(wanted.sink).equals "log"
      kit.expect(wanted.line.template_id).equals "hello"
      kit.expect(function() kit.send("pigeon", {}) end).raises "no provider pigeon"
    end)
  end)
end)
