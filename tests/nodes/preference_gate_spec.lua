local support = require "support"

local function run(preferences, channel)
  local context = support.context { preferences = preferences }
  return support.run("preference_gate", { channel = channel or "email" }, { context = context })
end

describe("preference_gate", function()
  it("lets through who never said no", function()
    assert.equal("true", run({}).branch)
    assert.equal("true", run(nil).branch)
    assert.equal("true", run({ email = support.null }).branch)
    assert.same({ opted_in = true, channel = "email" }, run({ email = true }).result)
  end)

  it("stops who opted out, under either name of the key", function()
    assert.equal("false", run({ email = false }).branch)
    assert.equal("false", run({ email_opt_in = false }).branch)
    assert.equal("false", run({ email = false }, "email_opt_in").branch)
    assert.equal("false", run({ email = true, email_opt_in = false }).branch)
    assert.equal("true", run({ sms = false }).branch)
  end)

  it("asks for the customer's preferences to be loaded", function()
    assert.same({ customer = true }, support.describe("preference_gate", { channel = "sms" }).needs)
  end)

  it("needs a channel", function()
    assert.same({ "/channel: can't be blank" }, support.problems("preference_gate", {}))
  end)
end)
