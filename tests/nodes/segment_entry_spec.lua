local support = require "support"

describe("segment_entry", function()
  it("tells the segment that the customer came by", function()
    assert.same({ segment_id = "s-1" }, support.run("segment_entry", { segment_id = "s-1" }).result)
  end)

  it("needs a segment", function()
    assert.same({ "/segment_id: can't be blank" }, support.problems("segment_entry", {}))
    assert.same({ "/segment_id: is invalid" },
      support.problems("segment_entry", { segment_id = 5 }))
  end)
end)
