local outcome = require "kal.outcome"
local registry = require "kal.registry"
local runner = require "kal.runner"
local support = require "support"

local number = 0

--- A node type of the test's own, so that its interceptors meet nobody else's nodes.
local function probe(changes)
  number = number + 1
  local module = {
    type = "intercepted_" .. number, category = "action", version = "1", summary = "A probe.",
    branches = { "yes", "no" },
    config = { type = "object", properties = {
      text = { type = "string", description = "A text." },
      list = { type = "array", description = "A list." },
    } },
    execute = function(config) return outcome.complete { text = config.text } end,
  }
  for key, value in pairs(changes or {}) do module[key] = value end
  assert(registry.add(module, { origin = "plugin", path = "p.lua", hash = "" }))
  return module.type
end

local function add(name, type, changes)
  local module = { version = "1", summary = "S.", priority = 1, types = { type } }
  for key, value in pairs(changes) do module[key] = value end
  assert(registry.add_interceptor(name, module,
    { origin = "plugin", path = name .. ".lua", hash = "" }))
end

local function run(type, config, given)
  return support.run(type, config or { text = "graph's" }, given)
end

local function refusal(type)
  local ok, err = pcall(run, type)
  assert.is_false(ok)
  return err
end

describe("an interceptor", function()
  it("changes the config of a run, never that of the node", function()
    local type, seen = probe(), {}
    add("change-" .. type, type, { before = function(node)
      seen[#seen + 1] = node.config.text
      node.config.list[1] = "changed"
      node.config.text = "hook's"
      return node.config
    end })
    local node = registry.node(type, "n-1", { text = "graph's", list = support.array { "a" } })
    for _ = 1, 2 do
      local _, result = runner.run(node, support.context(), 0)
      assert.same({ text = "hook's" }, result)
    end
    assert.same({ "graph's", "graph's" }, seen)
    assert.same({ text = "graph's", list = { "a" } }, node.config)
  end)

  it("vetoes: neither the node nor a later hook runs", function()
    local ran = {}
    local type = probe { execute = function() ran[#ran + 1] = "node" end }
    add("veto-" .. type, type, { before = function() return outcome.fail "not at night" end })
    add("later-" .. type, type, { priority = 2,
      before = function() ran[#ran + 1] = "before" end,
      after = function() ran[#ran + 1] = "after" end })
    local done = run(type)
    assert.same({ "fail", "not at night" }, { done.kind, done.reason })
    assert.same({}, ran)
  end)

  it("may veto by any outcome, which counts as the node's", function()
    local type = probe()
    local skipped = outcome.complete { skipped = true }
    add("skip-" .. type, type, { before = function() return skipped end })
    local done = run(type)
    assert.same({ "complete", { skipped = true } }, { done.kind, done.result })
    assert.same({ ["n-1"] = { skipped = true } }, done.context.accumulated)
  end)

  it("gives another outcome afterwards, whose branch is checked", function()
    local type, seen = probe()
    add("after-" .. type, type, { after = function(node, ctx, given)
      seen = { node.id, node.config.text, ctx.now, given.result.text }
      return outcome.branch("yes", { by = "hook" })
    end })
    local done = run(type)
    assert.same({ "yes", { by = "hook" } }, { done.branch, done.result })
    assert.same({ "n-1", "graph's", support.NOW, "graph's" }, seen)
    add("bad-" .. type, type, { priority = 2,
      after = function() return outcome.branch "maybe" end })
    assert.equal("a " .. type .. " took the undeclared branch maybe", refusal(type))
  end)

  it("sees a failure, raised or returned, and may mend it", function()
    local raising = probe { execute = function() error "out of stock\nsecond line" end }
    local failing = probe { execute = function() return outcome.fail "out of stock" end }
    for _, type in ipairs { raising, failing } do
      local seen
      add("mend-" .. type, type, { after = function(_, _, given)
        seen = given
        return outcome.complete { mended = true }
      end })
      assert.same({ mended = true }, run(type).result)
      assert.equal("fail", seen.kind)
      assert.matches("out of stock$", seen.reason)
    end
  end)

  it("runs in the order of priority, then name, each seeing what the one before made", function()
    local type, order = probe(), {}
    local function note(name, priority)
      add(name .. type, type, { priority = priority,
        before = function(node)
          order[#order + 1] = name .. ":" .. node.config.text
          return { text = node.config.text .. name }
        end,
        after = function(node, _, given)
          order[#order + 1] = name .. ">" .. node.config.text
          return outcome.complete { text = given.result.text .. name }
        end })
    end
    note("c", 5)
    note("b", 5)
    note("a", 9)
    note("d", -1)
    assert.equal("xdbcadbca", run(type, { text = "x" }).result.text)
    assert.same({ "d:x", "b:xd", "c:xdb", "a:xdbc", "d>xdbca", "b>xdbca", "c>xdbca", "a>xdbca" },
      order)
  end)

  it("stands around a resume too, and sees why it comes", function()
    local type, triggers = probe {
      category = "wait", branches = function() return {} end,
      execute = function() return outcome.wait { until_ms = 5 } end,
      resume = function() return outcome.complete { waited = true } end,
    }, {}
    add("resume-" .. type, type, { before = function(_, ctx)
      triggers[#triggers + 1] = ctx.trigger or "none"
    end })
    assert.equal("wait", run(type).kind)
    assert.same({ waited = true }, run(type, nil, { trigger = "timeout" }).result)
    assert.same({ "none", "timeout" }, triggers)
  end)

  it("that breaks fails the node, and is named", function()
    local cases = {
      { { before = function() error "broken" end },
        "interceptor NAME: .*intercept_spec.lua:%d+: broken$" },
      { { before = function() return 5 end }, "interceptor NAME: before gave a number$" },
      { { before = function() return { text = 5 } end },
        "interceptor NAME: the config's /text is invalid$" },
      { { before = function() return outcome.wait {} end },
        "interceptor NAME: a TYPE cannot wait$" },
      { { after = function() return {} end }, "interceptor NAME: after gave no outcome$" },
      { { after = function() error({}) end }, "interceptor NAME: table" },
    }
    for i, case in ipairs(cases) do
      local type = probe()
      local name = "broken_" .. i
      add(name, type, case[1])
      assert.matches((case[2]:gsub("NAME", name):gsub("TYPE", type)), refusal(type))
    end
  end)

  it("leaves a node alone whose type it does not want", function()
    local wanted, other = probe(), probe()
    add("only-" .. wanted, wanted, { before = function() return outcome.fail "no" end })
    assert.equal("fail", run(wanted).kind)
    assert.equal("complete", run(other).kind)
    assert.is_nil(registry.node(other, "n", {}).interceptors)
  end)

  it("is refused with its file and fault", function()
    local function refused(changes, name)
      local module = { version = "1", summary = "S.", priority = 1, types = { "none" } }
      for key, value in pairs(changes) do module[key] = value end
      local ok, err = registry.add_interceptor(name or "bad", module,
        { origin = "plugin", path = "x.lua", hash = "" })
      return ok, err
    end
    local fault = "x.lua: interceptor bad: "
    assert.same({ nil, fault .. "no version" }, { refused { version = 1 } })
    assert.same({ nil, fault .. "no summary" }, { refused { summary = "" } })
    assert.same({ nil, fault .. "priority is no number" }, { refused { priority = "high" } })
    assert.same({ nil, fault .. "priority is no number" }, { refused { priority = 0 / 0 } })
    assert.same({ nil, fault .. "types is no list of node types" }, { refused { types = {} } })
    assert.same({ nil, fault .. "before is no function" }, { refused { before = 5 } })
    assert.same({ nil, fault .. "neither before nor after" }, { refused {} })
    assert.same({ nil, "x.lua: interceptor bad: no table returned" },
      { registry.add_interceptor("bad", 5, { path = "x.lua" }) })
    local function before() end
    assert.is_true(refused({ before = before }, "twice"))
    assert.same({ nil, "x.lua: interceptor twice: the interceptor is there already" },
      { refused({ before = before }, "twice") })
  end)
end)
