local native = require "kal.native"
local schema = require "kal.schema"

local array, null = native.array, native.null

local function problems(value, node)
  local list = {}
  for i, problem in ipairs(schema.validate(value, node)) do
    list[i] = problem.pointer .. ": " .. problem.message
  end
  return list
end

local function described(property)
  property.description = "x"
  return { type = "object", properties = { x = property } }
end

local function one(property, x)
  return problems({ x = x }, described(property))
end

describe("schema", function()
  it("tells all problems at once, in a stable order", function()
    local node = {
      type = "object",
      required = { "name", "size" },
      properties = {
        name = { type = "string" }, size = { type = "integer" }, on = { type = "boolean" },
      },
    }
    assert.same({ "/name: can't be blank", "/on: is invalid", "/size: is invalid" },
      problems({ name = "", size = 1.5, on = "yes" }, node))
    assert.same({}, problems({ name = "a", size = 2, more = 1 }, node))
    assert.same({ ": is invalid" }, problems("text", node))
    assert.same({ ": is invalid" }, problems(array { 1 }, node))
  end)

  it("counts null as left out", function()
    assert.same({}, one({ type = "string" }, null))
    assert.same({ "/x: can't be blank" },
      problems({ x = null }, { type = "object", required = { "x" },
        properties = { x = { type = "string" } } }))
  end)

  it("knows the types", function()
    local values = {
      string = "a", number = 1.5, integer = 3, boolean = false, array = array {}, object = {},
    }
    for wanted in pairs(values) do
      for given, value in pairs(values) do
        local fits = wanted == given or (wanted == "number" and given == "integer")
        assert.same(fits and {} or { "/x: is invalid" }, one({ type = wanted }, value),
          wanted .. " " .. given)
      end
    end
    assert.same({}, one({ type = { "string", "number" } }, 1))
    assert.same({ "/x: is invalid" }, one({ type = { "string", "number" } }, true))
  end)

  it("keeps numbers in their range", function()
    assert.same({ "/x: must be at least 1" }, one({ type = "number", minimum = 1 }, 0.5))
    assert.same({ "/x: must be at most 100" }, one({ type = "number", maximum = 100 }, 101))
    assert.same({ "/x: must be greater than 0" }, one({ type = "number", exclusiveMinimum = 0 }, 0))
    assert.same({}, one({ type = "number", minimum = 1, maximum = 100 }, 100))
  end)

  it("counts the most in bytes, as the API does, and the least in characters", function()
    assert.same({}, one({ type = "string", maxLength = 4 }, "éé"))
    assert.same({ "/x: must have at most 3 bytes" },
      one({ type = "string", maxLength = 3 }, "éé"))
    assert.same({ "/x: must have at least 2 characters" },
      one({ type = "string", minLength = 2 }, "é"))
    assert.same({ "/x: can't be blank" }, one({ type = "string", minLength = 1 }, ""))
  end)

  it("points into lists", function()
    local node = { type = "array", minItems = 1, maxItems = 2, items = { type = "string" } }
    assert.same({ "/x/1: is invalid" }, one(node, array { "a", 5 }))
    assert.same({ "/x: must have at least 1 items" }, one(node, array {}))
    assert.same({ "/x: must have at most 2 items" }, one(node, array { "a", "b", "c" }))
  end)

  it("escapes keys in pointers", function()
    local node = { type = "object", properties = { ["a/b~c"] = { type = "string" } } }
    assert.same({ "/a~1b~0c: is invalid" }, problems({ ["a/b~c"] = 1 }, node))
  end)

  it("keeps to enum, const, anyOf and closed objects", function()
    assert.same({ "/x: must be one of a, b" }, one({ enum = { "a", "b" } }, "c"))
    assert.same({ "/x: must be 1" }, one({ const = 1 }, 2))
    local either = { anyOf = { { type = "string" }, { type = "integer" } } }
    assert.same({}, one(either, 1))
    assert.same({ "/x: is invalid" }, one(either, true))
    assert.same({ "/b: is unknown" }, problems({ a = 1, b = 2 },
      { type = "object", additionalProperties = false, properties = { a = {} } }))
  end)

  it("checks durations, times and dates", function()
    assert.equal(1, #one({ type = "string", format = "duration" }, "soon"))
    assert.same({}, one({ type = "string", format = "duration" }, "3d"))
    assert.equal(1, #one({ type = "string", format = "time" }, "24:00"))
    assert.same({}, one({ type = "string", format = "time" }, "09:30"))
    assert.equal(1, #one({ type = "string", format = "date-time" }, "now"))
    assert.same({}, one({ type = "string", format = "date-time" }, "2026-03-01T10:00:00Z"))
  end)

  it("fills defaults in and leaves nulls out, in a copy", function()
    local node = described { type = "string", default = "a" }
    local given = { x = null, y = 1, z = null }
    assert.same({ x = "a", y = 1 }, schema.fill(given, node))
    assert.equal(null, given.x)
    assert.same({ x = "b" }, schema.fill({ x = "b" }, node))
  end)

  it("bounds what a validation costs and says", function()
    local choices, items = {}, {}
    for i = 1, 3000 do choices[i], items[i] = { const = -i }, i end
    local began = os.clock()
    local found = schema.validate({ x = native.array(items) },
      described { type = "array", items = { anyOf = choices } })
    assert.is_true(os.clock() - began < 1)
    assert.is_true(#found <= 100)
    local enum = {}
    for i = 1, 1000 do enum[i] = ("x"):rep(200) .. i end
    local message = schema.validate({ x = "y" }, described { enum = enum })[1].message
    assert.is_true(#message < 3000)
  end)

  it("refuses keywords whose values mean nothing", function()
    for keyword, value in pairs {
      maxLength = "x", minLength = {}, minimum = "x", maximum = {}, minItems = "a",
      exclusiveMinimum = true, type = {}, anyOf = {}, enum = "x", required = "a",
      properties = "x", const = {}, format = 5,
    } do
      local ok, err = schema.check(described { [keyword] = value })
      assert.is_nil(ok, keyword)
      assert.truthy(err:find("^config/x"), err)
      assert.is_nil(err:find "table: ")
    end
    assert.is_nil(schema.check(described { enum = { {} } }))
  end)

  it("refuses schemas that no editor could show", function()
    assert.is_true(schema.check(described { type = "string" }))
    local function refused(node)
      local ok, err = schema.check(node)
      assert.is_nil(ok)
      return err
    end
    assert.equal("config/x has no description",
      refused { type = "object", properties = { x = { type = "string" } } })
    assert.equal("config/x: unknown keyword pattern", refused(described { pattern = "a" }))
    assert.equal("config/x: unknown type text", refused(described { type = "text" }))
    assert.equal("config/x: unknown format uri", refused(described { format = "uri" }))
    assert.equal("config requires an unknown y",
      refused { type = "object", required = { "y" }, properties = {} })
    assert.equal("config/x/items/k has no description", refused(described {
      type = "array", items = { type = "object", properties = { k = {} } },
    }))
  end)
end)
