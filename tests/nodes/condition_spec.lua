local support = require "support"

local array, null = support.array, support.null

local function context()
  return support.context {
    total = 120, name = "Ann", tags = array { "vip", "eu" }, empty = null,
    _customer = { properties = { plan = "pro" } },
    accumulated = { mail = { status = "sent" } },
  }
end

local function branch(config)
  return support.run("condition", config, { context = context() }).branch
end

describe("condition", function()
  it("compares a field with a value", function()
    local cases = {
      { "total", "eq", 120, "true" }, { "total", "eq", "120", "false" },
      { "total", "neq", 120, "false" }, { "nothing", "neq", 1, "true" },
      { "total", "gt", 119, "true" }, { "total", "gt", 120, "false" },
      { "total", "gte", 120, "true" }, { "total", "lt", 120, "false" },
      { "total", "lte", 120, "true" }, { "total", "gt", "1", "false" },
      { "nothing", "lt", 5, "false" }, { "name", "contains", "nn", "true" },
      { "tags", "contains", "vip", "true" }, { "tags", "contains", "v", "false" },
      { "name", "in", array { "Bob", "Ann" }, "true" },
      { "name", "not_in", array { "Bob" }, "true" },
      { "total", "exists", nil, "true" }, { "empty", "exists", nil, "false" },
      { "empty", "eq", nil, "true" }, { "name", "matches", "A*", "true" },
      { "name", "matches", "a*", "false" }, { "tags.1", "eq", "eu", "true" },
      { "_customer.properties.plan", "eq", "pro", "true" },
      { "accumulated.mail.status", "eq", "sent", "true" },
    }
    for _, case in ipairs(cases) do
      local field, operator, value, expected = unpack(case, 1, 4)
      assert.equal(expected, branch { field = field, operator = operator, value = value },
        field .. " " .. operator)
    end
  end)

  it("compares with eq when no operator is given", function()
    assert.equal("true", branch { field = "name", value = "Ann" })
  end)

  it("says what it compared, so that an operator can see why", function()
    local ran = support.run("condition", { field = "gone", value = "x" }, { context = context() })
    assert.same({ matched = false, field = "gone", expected = "x", actual = null }, ran.result)
  end)

  it("takes an expression, with the event in sight", function()
    local event = { data = { n = 2 } }
    local ran = support.run("condition", { expression = "event.data.n > 1 && total == 120" },
      { context = context(), event = event })
    assert.equal("true", ran.branch)
    assert.is_true(ran.result.matched)
  end)

  it("says what the expression read", function()
    local given = context()
    given.list, given.long = { 1 }, string.rep("x", 256)
    local text = "total == 120 || gone == 1 || len(list) > 0 || event.data.n > 1 || long == ''"
    local ran = support.run("condition", { expression = text },
      { context = given, event = { data = { n = 2 } } })
    assert.same({ total = 120, gone = null, list = "(list)", ["event.data.n"] = 2,
      long = "(string)" }, ran.result.values)
  end)

  it("fails, and does not guess, when the expression divides by zero", function()
    local ran = support.run("condition", { expression = "1 / (total - 120) > 1" },
      { context = context() })
    assert.equal("fail", ran.kind)
    assert.equal("expression: division by zero", ran.reason)
  end)

  it("refuses at publish what cannot work", function()
    assert.same({ "/field: can't be blank" }, support.problems("condition", {}))
    assert.same({ "/field: must name a node, as in accumulated.NODE" },
      support.problems("condition", { field = "accumulated", operator = "exists" }))
    assert.same({ "/expression: unknown function foo" },
      support.problems("condition", { expression = "foo(1)" }))
    assert.same({ "/expression: can't be given beside a field" },
      support.problems("condition", { expression = "1", field = "a" }))
    assert.same({ "/value: must be a list" },
      support.problems("condition", { field = "a", operator = "in", value = "x" }))
    assert.equal(1, #support.problems("condition", { field = "a", operator = "like" }))
  end)

  it("asks for the customer only when it reads the customer", function()
    local function needs(config) return support.describe("condition", config).needs end
    assert.same({ customer = true }, needs { field = "_customer.email" })
    assert.same({ customer = true }, needs { field = "preferences.email" })
    assert.same({ customer = true }, needs { expression = "a == 1 or len(_customer.tags) > 0" })
    assert.is_nil(needs { field = "total" })
    assert.is_nil(needs { expression = "'_customer' == name" })
  end)

  it("has the branches true and false", function()
    assert.same({ "true", "false" }, support.describe("condition", { field = "a" }).branches)
  end)
end)
