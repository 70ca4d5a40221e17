local support = require "support"

describe("exit", function()
  it("ends the instance with its reason", function()
    local ran = support.run("exit", { reason = "trial_ended" })
    assert.equal("exit", ran.kind)
    assert.same({ exit = true }, ran.result)
    assert.equal("trial_ended", ran.reason)
    assert.same({ exit = true }, ran.context.accumulated["n-1"])
  end)

  it("needs no reason", function()
    assert.same({}, support.problems("exit", nil))
    assert.is_nil(support.run("exit", {}).reason)
  end)
end)
