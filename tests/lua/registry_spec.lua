local native = require "kal.native"
local support = require "support"

local registry = support.load()

local function info(path)
  return { origin = "plugin", path = path, hash = "h" }
end

local function module(changes)
  local made = {
    type = "probe", category = "action", version = "1", summary = "A probe.",
    config = { type = "object", properties = {} },
    execute = function() end,
  }
  for key, value in pairs(changes) do made[key] = value end
  return made
end

describe("every node and plugin", function()
  it("keeps the registry's invariants", function()
    local types, files = registry.types(), support.node_files()
    assert.equal(#files, #types)
    for i, kind in ipairs(types) do
      assert.is_true(i == 1 or types[i - 1].type < kind.type)
      assert.is_true(kind.summary:match "%.$" ~= nil, kind.type)
      assert.equal("string", kind.config.properties.on_error.type)
      assert.is_string((assert(native.encode(kind))))
    end
    for _, file in ipairs(files) do
      local folder = file.path:match "^nodes/(%l+)/"
      assert.equal(folder or file.module.category, file.module.category)
      if folder then assert.equal(file.module.type, file.path:match "([^/]+)%.lua$") end
    end
  end)

  it("describes itself whatever the config is", function()
    local configs = { 1, "x", true, native.null, native.array { 1 }, {}, false }
    for _, key in ipairs { "event_type", "field", "expression", "variants", "channel", "duration",
      "datetime", "any_of", "all_of", "timeout", "timeout_branch", "lookback", "filter", "fields",
      "template_id", "body", "subject", "revenue", "tag", "goal_name", "mode", "on_error",
      "operator", "value", "url", "headers", "method", "flow_id", "time_window", "max_messages",
      "expiry" } do
      for _, value in ipairs { 1, "x", "{{", true, native.null, native.array { 1, {} }, { a = {} },
        native.array { native.array {} } } do
        configs[#configs + 1] = { [key] = value }
      end
    end
    for _, kind in ipairs(registry.types()) do
      for i = 0, #configs do
        local described = registry.describe(kind.type, configs[i])
        assert.equal(kind.category, described.category)
        assert.is_true(native.is_array(described.problems))
        for _, problem in ipairs(described.problems) do assert.matches("^/.*: .+", problem) end
        assert.is_string((assert(native.encode(described))))
      end
    end
  end)

  it("takes on_error in its config", function()
    assert.same({}, support.problems("exit", { on_error = "continue" }))
    assert.same({ "/on_error: is invalid" }, support.problems("exit", { on_error = 5 }))
  end)

  it("provides for its channels", function()
    local log = registry.provider "log"
    local line = log.send {
      id = "d-1", channel = "email", recipient = { email = "a@example.org" },
      message = { template_id = "hello", subject = "Hi", body = "secret" },
      at = "2026-03-01T10:00:00Z",
    }
    assert.same({ sink = "log", line = {
      delivery_id = "d-1", channel = "email", recipient = { email = "a@example.org" },
      template_id = "hello", subject = "Hi", at = "2026-03-01T10:00:00Z",
    } }, line)
    local answered = log.send { id = "d", channel = "webhook", recipient = { url = "u" } }
    assert.same({ status = 200, body = native.null }, answered.response)
    assert.is_nil(registry.provider "none")
  end)
end)

describe("registry", function()
  it("does not know other types", function()
    assert.is_nil(registry.describe("teleport", {}))
    assert.is_nil(registry.node("teleport", "n", {}))
  end)

  it("names the file and the fault of a module it refuses", function()
    local cases = {
      { "text", "node type ?: no table returned" },
      { module { type = "Probe" }, "node type Probe: type is no snake_case name" },
      { module { type = "wait" }, "node type wait: the type is there already" },
      { module { category = "magic" }, "node type probe: unknown category" },
      { module { version = 1 }, "node type probe: no version" },
      { module { summary = "" }, "node type probe: no summary" },
      { module { execute = false }, "node type probe: no execute" },
      { module { category = "wait" }, "node type probe: a wait without resume" },
      { module { events = "paid" }, "node type probe: events is no function" },
      { module { branches = {} }, "node type probe: branches is no list of keys and no function" },
      { module { branches = { "a", "a" } }, "node type probe: branches has a bad or a double key" },
      { module { optional_branches = { "" } },
        "node type probe: branches has a bad or a double key" },
      { module { config = {} }, "node type probe: config is no object schema" },
      { module { config = { type = "object", properties = { a = {} } } },
        "node type probe: config/a has no description" },
    }
    for _, case in ipairs(cases) do
      assert.same({ nil, "x.lua: " .. case[2] }, { registry.add(case[1], info "x.lua") })
    end
  end)

  it("refuses a provider that cannot send, and two of one name", function()
    local provider = {
      version = "1", summary = "S.", channels = { "email" }, send = function() end,
    }
    assert.is_true(registry.add_provider("p", provider, info "p.lua"))
    assert.same({ nil, "p.lua: provider p: the provider is there already" },
      { registry.add_provider("p", provider, info "p.lua") })
    assert.same({ nil, "q.lua: provider q: no send" },
      { registry.add_provider("q", { version = "1", summary = "S." }, info "q.lua") })
  end)

  it("puts plugins in force together, or none of them", function()
    local function code(type, summary)
      return native.encode { files = { ["node.lua"] = string.format([[return {
        type = %q, category = "action", version = "1", summary = %q,
        config = { type = "object" }, execute = function() return %q end }]],
        type, summary, summary) } }
    end
    local function given(name, hash, artefact)
      return { name = name, path = "plugins/" .. name, hash = hash, artefact = artefact }
    end
    local first = given("a", "hash-a", code("speak", "old"))
    assert.is_true(registry.adopt { first })
    assert.equal("hash-a", registry.describe("speak", {}).plugin)
    assert.is_nil(registry.describe("wait", {}).plugin)
    local second = given("a", "hash-b", code("speak", "new"))
    assert.same({ nil, "plugins/b: node type speak: the type is there already", 2 },
      { registry.adopt { second, given("b", "hash-c", code("speak", "other")) } })
    assert.same({ nil, "plugins/b: no files", 1 }, { registry.adopt { given("b", "x", "{}") } })
    assert.equal("old", registry.node("speak", "n", {}).execute())
    assert.is_true(registry.adopt { second })
    assert.equal("new", registry.node("speak", "n", {}).execute())
    assert.equal("old", registry.node("speak", "n", {}, "hash-a").execute())
    assert.equal("hash-a", registry.describe("speak", {}, "hash-a").plugin)
    assert.is_true(registry.adopt {})
    assert.is_nil(registry.node("speak", "n", {}))
    assert.equal("new", registry.node("speak", "n", {}, "hash-b").execute())
    assert.is_table(registry.node("wait", "n", {}))
    for _, pair in ipairs { { "speak", "hash-x" }, { "wait", "hash-a" } } do
      assert.is_nil(registry.node(pair[1], "n", {}, pair[2]))
      assert.is_nil(registry.describe(pair[1], {}, pair[2]))
    end
  end)

  it("keeps the code of an artefact", function()
    local artefact = native.encode { files = { ["node.lua"] = [[return { type = "kept",
      category = "action", version = "1", summary = "S.", config = { type = "object" },
      execute = function() return require "plugin.word" end }]], ["word.lua"] = "return 'w'" } }
    assert.is_true(registry.keep("hash-k", artefact))
    assert.equal("w", registry.node("kept", "n", {}, "hash-k").execute())
    assert.is_nil(registry.node("kept", "n", {}))
    assert.same({ nil, "plugins/@hash-l: no files" }, { registry.keep("hash-l", "[]") })
    assert.same({ nil, "plugins/@hash-m/node.lua: node type ?: no table returned" },
      { registry.keep("hash-m", [[{"files":{"part.lua":""}}]]) })
    local kept = {}
    for _, hash in ipairs(registry.kept()) do kept[hash] = true end
    assert.is_true(kept["hash-k"])
    assert.is_nil(kept["hash-l"] or kept["hash-m"])
  end)

  it("survives a plugin whose functions raise", function()
    local function broken() error "broken" end
    assert.is_true(registry.add(module {
      type = "broken", branches = broken, events = broken, filter = broken, lookback = broken,
      needs = broken, check = broken, join = broken,
    }, info "b.lua"))
    local described = registry.describe("broken", {})
    assert.same({ "/: could not be checked" }, { described.problems[1] })
    assert.is_nil(described.branches)
    assert.is_table(registry.node("broken", "n", {}))
  end)

  it("shows branches that depend on the config as a text", function()
    for _, kind in ipairs(registry.types()) do
      if kind.type == "ab_split" then assert.same({ "… the key of each variant" },
        { kind.branches[1] }) end
      if kind.type == "condition" then assert.equal(2, #kind.branches) end
      if kind.type == "wait" then assert.is_nil(kind.branches) end
      if kind.type == "sub_flow" then assert.same({ "refused" }, kind.optional_branches) end
    end
  end)
end)
