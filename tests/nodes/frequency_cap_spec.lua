local support = require "support"

local DAY = 86400000

local function run(config, caps)
  return support.run("frequency_cap", config, { known = { caps = caps } })
end

local function cap(count, channel, window_ms)
  return { channel = channel or "all", window_ms = window_ms or DAY, count = count }
end

describe("frequency_cap", function()
  it("lets through below the maximum and takes the place", function()
    local ran = run({ max_messages = 2, time_window = "1d" }, { cap(1) })
    assert.equal("allowed", ran.branch)
    assert.same({ capped = false, count = 1, max = 2 }, ran.result)
    assert.same({ kind = "reserve", channel = "all" }, ran.effects[1])
  end)

  it("caps from the maximum on", function()
    for _, count in ipairs { 2, 3 } do
      local ran = run({ max_messages = 2, time_window = "1d" }, { cap(count) })
      assert.equal("capped", ran.branch)
      assert.same({ capped = true, count = count, max = 2 }, ran.result)
      assert.is_nil(ran.effects)
    end
  end)

  it("looks at its own channel and window only, and at none of the flow's caps", function()
    local flows_own = cap(9, "email")
    flows_own.max = 1
    local ran = run({ max_messages = 2, time_window = "1d", channel = "email" },
      { cap(9), cap(9, "email", 1), flows_own, cap(1, "email") })
    assert.equal(1, ran.result.count)
  end)

  it("says what must be counted", function()
    local function needs(config) return support.describe("frequency_cap", config).needs end
    assert.same({ caps = { { channel = "all", window_ms = DAY } } },
      needs { max_messages = 1, time_window = "1d" })
    assert.same({ caps = { { channel = "sms", window_ms = 1000 } } },
      needs { max_messages = 1, time_window = "1s", channel = "sms" })
    assert.is_nil(needs { max_messages = 1, time_window = "soon" })
  end)

  it("lets everybody through when its config is bad, and says so", function()
    for _, config in ipairs {
      { max_messages = "2", time_window = "1d" }, { max_messages = 2, time_window = "soon" },
      { max_messages = 2, time_window = "1d", channel = "pigeon" }, {},
    } do
      local ran = run(config, { cap(9) })
      assert.equal("allowed", ran.branch)
      assert.equal(false, ran.result.capped)
      assert.is_string(ran.result.error)
    end
  end)

  it("is refused at publish when it could not cap", function()
    assert.same({}, support.problems("frequency_cap", { max_messages = 0, time_window = "1d" }))
    assert.same({ "/max_messages: can't be blank", "/time_window: can't be blank" },
      support.problems("frequency_cap", {}))
    assert.same({ "/channel: must be one of all, email, sms, push, whatsapp, in_app, webhook" },
      support.problems("frequency_cap",
        { max_messages = 1, time_window = "1d", channel = "pigeon" }))
  end)
end)
