local native = require "kal.native"
local segment = require "kal.segment"

local NOW = native.parse_time "2026-03-01T10:00:00Z"
local ANN = {
  email = "ann@example.com", phone = native.null, name = "Ann", timezone = "Europe/Berlin",
  tags = native.array { "vip", "new" }, preferences = {},
  properties = {
    plan = "pro", age = 34, list = native.array { 1, native.null }, deep = { a = { b = true } },
    email = "another", big = native.decode "9007199254740993", none = native.null,
  },
}

local function holds(field, operator, expected)
  local rule = { field = field, operator = operator, value = expected }
  return segment.matches({ type = "dynamic", rules = native.array { rule } }, ANN, NOW)
end

describe("segment", function()
  it("takes everyone in without rules, and those for whom all rules hold", function()
    assert.is_true(segment.matches({ rules = native.array {} }, ANN, NOW))
    assert.is_true(segment.matches({ rules = native.null, expression = native.null }, ANN, NOW))
    local plan = { field = "plan", operator = "eq", value = "pro" }
    local age = { field = "age", operator = "gt", value = 40 }
    assert.is_true(segment.matches({ rules = native.array { plan } }, ANN, NOW))
    assert.is_false(segment.matches({ rules = native.array { plan, age } }, ANN, NOW))
  end)

  it("reads columns by their names and properties by their paths", function()
    assert.is_true(holds("email", "eq", "ann@example.com"))
    assert.is_false(holds("phone", "exists"))
    assert.is_true(holds("tags", "contains", "vip"))
    assert.is_true(holds("tags.0", "neq", "vip")) -- of properties
    assert.is_true(holds("deep.a.b", "eq", true))
    assert.is_true(holds("list.0", "eq", 1))
    assert.is_false(holds("list.1", "exists"))
    assert.is_false(holds("none", "exists"))
    assert.is_false(holds("properties.plan", "exists"))
  end)

  it("knows every operator, and a type that does not fit is false", function()
    for _, case in ipairs {
      { "age", "eq", 34, true }, { "age", "eq", "34", false }, { "age", "neq", "34", true },
      { "age", "gt", 33.5, true }, { "age", "gt", "1", false }, { "age", "gte", 34, true },
      { "plan", "lt", "q", true }, { "plan", "lte", 9, false }, { "none", "lt", 1, false },
      { "plan", "contains", "ro", true }, { "age", "contains", 3, false },
      { "plan", "in", native.array { "free", "pro" }, true },
      { "none", "in", native.array { native.null }, true },
      { "plan", "not_in", native.array { "free" }, true }, { "age", "exists", nil, true },
      { "big", "eq", native.decode "9007199254740993", true },
      { "big", "eq", 9007199254740992, false }, { "big", "lte", 9007199254740992, true },
    } do
      assert.equal(case[4], holds(case[1], case[2], case[3]), case[1] .. " " .. case[2])
    end
  end)

  it("asks an expression over the customer instead", function()
    local function is(text)
      return segment.matches({ type = "dynamic", expression = text }, ANN, NOW)
    end
    assert.is_true(is 'properties.plan == "pro" && "vip" in tags')
    assert.is_true(is '_customer.name == "Ann"')
    assert.is_true(is "days_since(\"2026-02-27T10:00:00Z\") == 2")
    assert.is_false(is "plan")
    assert.is_false(is "1 / (properties.age - 34) > 0") -- what fails takes nobody in
  end)

  it("tells all that is wrong, by field", function()
    assert.same({}, segment.check { type = "dynamic" })
    assert.same({}, segment.check { type = "static", rules = native.array {} })
    local rules = native.array {
      "x", { field = "", operator = "eq", value = 1 }, { field = 5, operator = "no", value = 1 },
      { field = "a.+1", operator = "gt" }, { field = "a", operator = "exists" },
      { field = "a", operator = "not_in", value = 1 },
    }
    assert.same({
      rules = {
        "/0: is invalid", "/1/field: can't be blank", "/2/field: is invalid",
        "/2/operator: is invalid", "/3/field: is invalid", "/3/value: can't be blank",
        "/5/value: must be a list",
      },
      expression = { "must be text", "can't be given beside rules" },
    }, segment.check { type = "dynamic", rules = rules, expression = 5 })
  end)

  it("keeps tenants' segments apart, and forgets those that are gone", function()
    segment.load("t-1", { ["id-1"] = { type = "dynamic" }, ["id-2"] = { type = "static" } })
    segment.load("t-2", { ["id-3"] = { type = "dynamic" } })
    assert.is_true(segment.member("t-1", "ID-1", ANN, nil, NOW))
    assert.is_false(segment.member("t-2", "id-1", ANN, nil, NOW))
    assert.is_false(segment.member("t-1", "id-2", ANN, nil, NOW))
    assert.is_true(segment.member("t-1", "id-2", ANN, native.array { "id-2" }, NOW))
    assert.is_false(segment.member("t-1", "id-1", nil, nil, NOW))
    segment.load("t-1", {})
    assert.is_false(segment.member("t-1", "id-1", ANN, native.array { "id-1" }, NOW))
  end)
end)
