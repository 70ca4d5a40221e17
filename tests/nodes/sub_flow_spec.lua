local support = require "support"

local FLOW = "019b777f-7380-7017-a9f6-cad6a928fc98"

local function answered(answer)
  return support.run("sub_flow", { flow_id = FLOW },
    { trigger = "answer", known = { answer = answer } })
end

describe("sub_flow", function()
  it("asks for the flow, and waits to hear of it", function()
    local ran = support.run("sub_flow", { flow_id = FLOW, wait = true })
    assert.equal("wait", ran.kind)
    assert.same({ kind = "start", flow_id = FLOW, awaits = true }, ran.effects[1])
    assert.equal(false, support.run("sub_flow", { flow_id = FLOW }).effects[1].awaits)
  end)

  it("gives what it hears", function()
    local answer = { instance_id = "i", status = "completed", exit_reason = "enough" }
    local ran = answered(answer)
    assert.equal("complete", ran.kind)
    assert.same(answer, ran.result)
    assert.is_nil(ran.branch)
  end)

  it("takes its branch when it is refused, else fails for that reason", function()
    local ran = answered { refused = "already_in_flow" }
    assert.equal("refused", ran.branch)
    assert.same({ refused = "already_in_flow" }, ran.result)
    assert.equal("sub_flow already_in_flow", ran.reason)
  end)

  it("names the flow that must be ready, and a branch that may be there", function()
    local described = support.describe("sub_flow", { flow_id = FLOW })
    assert.same({ flows = { FLOW } }, described.needs)
    assert.is_nil(described.branches)
    assert.same({ "refused" }, described.optional_branches)
  end)

  it("is refused at publish without a flow's id", function()
    assert.same({}, support.problems("sub_flow", { flow_id = FLOW }))
    assert.same({ "/flow_id: can't be blank" }, support.problems("sub_flow", {}))
    assert.same({ "/flow_id: must be a flow's id" },
      support.problems("sub_flow", { flow_id = "welcome" }))
  end)
end)
