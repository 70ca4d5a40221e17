local support = require "support"

local array = support.array

local function config(...)
  local variants = array {}
  for i, weight in ipairs { ... } do variants[i] = { key = "v" .. i, weight = weight } end
  return { variants = variants }
end

local function variant(given, customer, flow)
  local context = support.context { _customer_id = customer, _flow_id = flow }
  return support.run("ab_split", given, { context = context }).branch
end

describe("ab_split", function()
  it("gives shares within two percent over 10,000 customers", function()
    local split, count = config(70, 20, 10), {}
    for i = 1, 10000 do
      local key = variant(split, "customer-" .. i)
      count[key] = (count[key] or 0) + 1
    end
    for key, share in pairs { v1 = 0.7, v2 = 0.2, v3 = 0.1 } do
      assert.is_true(math.abs(count[key] / 10000 - share) < 0.02, key .. " " .. count[key])
    end
  end)

  it("gives a customer the same variant every time", function()
    local split = config(1, 1)
    for i = 1, 200 do
      local customer = "customer-" .. i
      assert.equal(variant(split, customer), variant(split, customer))
    end
  end)

  it("splits anew in another flow", function()
    local split, same = config(1, 1), 0
    for i = 1, 1000 do
      local customer = "customer-" .. i
      if variant(split, customer, "f-1") == variant(split, customer, "f-2") then same = same + 1 end
    end
    assert.is_true(same > 400 and same < 600)
  end)

  it("says which variant it chose", function()
    local ran = support.run("ab_split", config(1, 1))
    assert.same({ selected_variant = ran.branch }, ran.result)
  end)

  it("needs an edge for each variant", function()
    assert.same({ "v1", "v2", "v3" }, support.describe("ab_split", config(1, 2, 3)).branches)
  end)

  it("refuses variants that are too few, too many, too light or twice the same", function()
    assert.same({ "/variants: can't be blank" }, support.problems("ab_split", {}))
    assert.same({ "/variants: must have at least 2 items" },
      support.problems("ab_split", config(1)))
    assert.same({ "/variants: must have at most 5 items" },
      support.problems("ab_split", config(1, 1, 1, 1, 1, 1)))
    assert.same({ "/variants/1/weight: must be at least 1" },
      support.problems("ab_split", config(1, 0)))
    assert.same({ "/variants/0/weight: is invalid" }, support.problems("ab_split", config(1.5, 1)))
    local twice = array { { key = "a", weight = 1 }, { key = "a", weight = 1 } }
    assert.same({ "/variants/1/key: has already been taken" },
      support.problems("ab_split", { variants = twice }))
  end)
end)
