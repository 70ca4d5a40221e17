local support = require "support"

describe("remove_tag", function()
  it("asks for the tag and tells it", function()
    local ran = support.run("remove_tag", { tag = "vip" })
    assert.same({ { kind = "remove_tag", tag = "vip" } }, ran.effects)
    assert.same({ tagged = false, tag = "vip" }, ran.result)
  end)

  it("needs a tag", function()
    assert.same({ "/tag: can't be blank" }, support.problems("remove_tag", { tag = "" }))
  end)
end)
