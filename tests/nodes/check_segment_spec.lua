local segment = require "kal.segment"
local support = require "support"

local ID = "0190aaaa-0000-7000-8000-000000000001"

local function run(context)
  local all = support.context { _customer = { name = "Ann", properties = {} } }
  for key, value in pairs(context or {}) do all[key] = value end
  return support.run("check_segment", { segment_id = ID }, { context = all })
end

describe("check_segment", function()
  after_each(function() segment.load("t-1", {}) end)

  it("asks the tenant's segment about the customer", function()
    segment.load("t-1", { [ID] = { type = "dynamic", expression = 'name == "Ann"' } })
    local given = run()
    assert.equal("true", given.branch)
    assert.same({ in_segment = true, segment_id = ID }, given.result)
    segment.load("t-1", { [ID] = { type = "dynamic", expression = 'name == "Bo"' } })
    assert.equal("false", run().branch)
  end)

  it("finds the customer on a list that was loaded", function()
    segment.load("t-1", { [ID] = { type = "static" } })
    assert.equal("false", run().branch)
    assert.equal("true", run({ _segments = support.array { ID } }).branch)
  end)

  it("takes the caller's word, as a list", function()
    assert.equal("true", run({ segments = support.array { "x", ID } }).branch)
    assert.equal("false", run({ segments = support.array { "x" } }).branch)
    assert.equal("false", run({ segments = ID }).branch)
  end)

  it("waits for the cell that runs the segment's predicate, and takes its answer", function()
    segment.load("t-1", { [ID] = { type = "dynamic", expression = 'name == "Ann"',
      predicate = "return true" } })
    local asked = run()
    assert.equal("wait", asked.kind)
    local effect = asked.effects[1]
    assert.equal("return true", effect.source)
    assert.equal("members", effect.input.call)
    assert.equal("Ann", effect.input.customers[1].name)
    assert.equal(effect.input.now, asked.until_ms)

    local function answered(members, reason)
      return support.run("check_segment", { segment_id = ID }, {
        trigger = "answer", known = { answer = {
          outcome = { kind = "members", members = members, reason = reason } } } })
    end
    assert.equal("true", answered(support.array { true }).branch)
    assert.equal("false", answered(support.array { false }).branch)
    assert.equal("code:1: x", answered(support.array { support.null }, "code:1: x").reason)
    for _, odd in ipairs { 1, "x", support.array {}, { a = 1 } } do
      assert.equal("the predicate gave no answer", answered(odd).reason)
    end
  end)

  it("asks no predicate about whom the rest excludes", function()
    segment.load("t-1", { [ID] = { type = "dynamic", expression = 'name == "Bo"',
      predicate = "return true" } })
    assert.equal("false", run().branch)
  end)

  it("has no members when it is unknown", function()
    assert.same({ in_segment = false, segment_id = ID }, run().result)
  end)

  it("asks for the customer and the segment's list to be loaded", function()
    assert.same({ customer = true, segments = { ID } },
      support.describe("check_segment", { segment_id = ID }).needs)
    assert.same({ "/segment_id: can't be blank" }, support.problems("check_segment", {}))
    assert.same({ customer = true }, support.describe("check_segment", {}).needs)
  end)
end)
