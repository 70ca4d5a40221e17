local support = require "support"

describe("wait", function()
  it("waits as long as it says, shifted by a pause", function()
    local ran = support.run("wait", { duration = "3d" })
    assert.equal("wait", ran.kind)
    assert.equal(support.NOW + 3 * 86400000, ran.until_ms)
    assert.is_falsy(ran.absolute)
    assert.is_nil(ran.context.accumulated["n-1"])
  end)

  it("takes 0s as going on at once", function()
    assert.equal(support.NOW, support.run("wait", { duration = "0s" }).until_ms)
  end)

  it("is done when the time has passed", function()
    local ran = support.run("wait", { duration = "3d" }, { trigger = "timeout" })
    assert.same({ waited = true }, ran.result)
    assert.same({ waited = true }, ran.context.accumulated["n-1"])
  end)

  it("refuses a duration that is none", function()
    assert.same({ "/duration: can't be blank" }, support.problems("wait", {}))
    assert.same({ "/duration: is invalid" }, support.problems("wait", { duration = 5 }))
    for _, text in ipairs { "3", "3x", "-1d", "1.5h", "3 d", "3days" } do
      assert.same({ "/duration: must be a duration such as 30s, 12h or 3d" },
        support.problems("wait", { duration = text }))
    end
    assert.same({ "/duration: must be at most 10 years" },
      support.problems("wait", { duration = "4000d" }))
  end)
end)
