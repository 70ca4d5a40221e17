local support = require "support"

describe("join", function()
  it("waits for all unless told otherwise", function()
    assert.equal("all", support.describe("join", nil).join)
    assert.equal("all", support.describe("join", {}).join)
    assert.equal("any", support.describe("join", { mode = "any" }).join)
    assert.is_nil(support.describe("wait", {}).join)
  end)

  it("goes on plainly", function()
    local ran = support.run("join", {})
    assert.same({ joined = true }, ran.result)
    assert.is_nil(ran.branch)
  end)

  it("refuses another mode", function()
    assert.same({ "/mode: must be one of all, any" }, support.problems("join", { mode = "some" }))
  end)
end)
