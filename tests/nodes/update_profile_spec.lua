local support = require "support"

describe("update_profile", function()
  it("asks for the fields to be written and names them", function()
    local ran = support.run("update_profile", { fields = { stage = "trial", score = 3 } })
    assert.same({ kind = "update_profile", fields = { stage = "trial", score = 3 } },
      ran.effects[1])
    assert.same({ updated = true, fields = { "score", "stage" } }, ran.result)
  end)

  it("takes values from the context", function()
    local ran = support.run("update_profile", { fields = { plan = "{{ upper(plan) }}" } },
      { context = support.context { plan = "pro" } })
    assert.equal("PRO", ran.effects[1].fields.plan)
  end)

  it("keeps a null, which empties the field", function()
    local ran = support.run("update_profile", { fields = { stage = support.null } })
    assert.equal(support.null, ran.effects[1].fields.stage)
  end)

  it("refuses fields that are none and templates that do not parse", function()
    assert.same({ "/fields: can't be blank" }, support.problems("update_profile", {}))
    assert.same({ "/fields: is invalid" }, support.problems("update_profile", { fields = "x" }))
    assert.same({ "/fields/a: {{ + }}: unexpected + at column 2" },
      support.problems("update_profile", { fields = { a = "{{ + }}" } }))
  end)

  it("asks for the customer whom it writes", function()
    local described = support.describe("update_profile", { fields = { a = "b" } })
    assert.same({ customer = true }, described.needs)
  end)
end)
