local support = require "support"

describe("add_tag", function()
  it("asks for the tag and tells it", function()
    local ran = support.run("add_tag", { tag = "vip" })
    assert.same({ { kind = "add_tag", tag = "vip" } }, ran.effects)
    assert.same({ tagged = true, tag = "vip" }, ran.result)
  end)

  it("needs a tag", function()
    assert.same({ "/tag: can't be blank" }, support.problems("add_tag", { tag = "" }))
  end)
end)
