local native = require "kal.native"
local support = require "support"

local function run(datetime, members)
  return support.run("wait_until", { datetime = datetime }, { context = support.context(members) })
end

describe("wait_until", function()
  it("waits for a date, which a pause does not shift", function()
    local ran = run "2026-03-02T08:00:00Z"
    assert.equal("wait", ran.kind)
    assert.equal(native.parse_time "2026-03-02T08:00:00Z", ran.until_ms)
    assert.is_true(ran.absolute)
  end)

  it("keeps a date in the past, so that it fires at once", function()
    assert.equal(native.parse_time "2020-01-01T00:00:00Z", run("2020-01-01T00:00:00Z").until_ms)
    assert.equal(0, run("1950-01-01T00:00:00Z").until_ms)
  end)

  it("waits for a time of day where the customer lives; what is past is tomorrow", function()
    local berlin = { _customer = { timezone = "Europe/Berlin" } }
    assert.equal(native.parse_time "2026-03-01T17:30:00Z", run("18:30", berlin).until_ms)
    assert.equal(native.parse_time "2026-03-02T08:00:00Z", run("09:00", berlin).until_ms)
  end)

  it("takes UTC when the zone is not known", function()
    local utc = native.parse_time "2026-03-01T18:30:00Z"
    assert.equal(utc, run("18:30").until_ms)
    assert.equal(utc, run("18:30", { _customer = { timezone = "Mars/Olympus" } }).until_ms)
    assert.equal(utc, run("18:30", { _customer = { timezone = support.null } }).until_ms)
  end)

  it("takes the date from the context", function()
    assert.equal(native.parse_time "2026-04-01T12:00:00Z",
      run("{{ due }}", { due = "2026-04-01T12:00:00Z" }).until_ms)
    assert.equal(native.parse_time "2026-04-01T12:00:00Z",
      run("{{ day }}T12:00:00Z", { day = "2026-04-01" }).until_ms)
  end)

  it("fails when the template gives no date", function()
    local ran = run "{{ due }}"
    assert.equal("fail", ran.kind)
    assert.matches("^datetime must be", ran.reason)
  end)

  it("is done when the time has come", function()
    local ran = support.run("wait_until", { datetime = "09:00" }, { trigger = "timeout" })
    assert.same({ waited = true }, ran.result)
  end)

  it("refuses what is no date", function()
    assert.same({ "/datetime: can't be blank" }, support.problems("wait_until", {}))
    for _, text in ipairs { "tomorrow", "25:00", "09:60", "2026-13-40T00:00:00Z" } do
      assert.equal(1, #support.problems("wait_until", { datetime = text }), text)
    end
    assert.same({ "/datetime: {{ foo( }}: unexpected end" },
      support.problems("wait_until", { datetime = "{{ foo( }}" }))
    assert.same({}, support.problems("wait_until", { datetime = "{{ due }}" }))
  end)

  it("asks for the customer only when the date depends on it", function()
    assert.is_nil(support.describe("wait_until", { datetime = "2026-03-02T08:00:00Z" }).needs)
    assert.same({ customer = true }, support.describe("wait_until", { datetime = "09:00" }).needs)
  end)
end)
