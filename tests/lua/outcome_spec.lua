local outcome = require "kal.outcome"

describe("outcome", function()
  it("says what a node decided", function()
    assert.same({ kind = "complete", result = { a = 1 } }, outcome.complete { a = 1 })
    assert.same({ kind = "complete", branch = "yes", result = {} }, outcome.branch("yes", {}))
    assert.same({ kind = "wait", until_ms = 5, absolute = true },
      outcome.wait { until_ms = 5, absolute = true })
    assert.same({ kind = "exit", reason = "done" }, outcome.exit(nil, "done"))
    assert.same({ kind = "fail", reason = "why" }, outcome.fail "why")
  end)

  it("carries effects in order, also in several goes", function()
    local given = outcome.with(outcome.complete(), { kind = "add_tag", tag = "a" })
    outcome.with(given, { kind = "add_tag", tag = "b" }, { kind = "remove_tag", tag = "c" })
    assert.equal("abc", given.effects[1].tag .. given.effects[2].tag .. given.effects[3].tag)
  end)
end)
