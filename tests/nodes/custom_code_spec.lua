local support = require "support"

describe("custom_code", function()
  it("is refused where code is off", function()
    assert.same({ "/code: needs tenants' code, which is switched off in this deployment "
      .. "(ENABLE_CUSTOM_CODE)" }, support.problems("custom_code", { code = "return 1" }))
  end)

  it("has the branches of its config", function()
    assert.is_nil(support.describe("custom_code", { code = "x" }).branches)
    assert.same({ "a", "b" },
      support.describe("custom_code", { code = "x", branches = { "a", "b" } }).branches)
  end)
end)
