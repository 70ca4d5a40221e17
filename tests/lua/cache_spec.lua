local cache = require "kal.cache"

describe("cache", function()
  it("makes a value once, and an error too", function()
    local made = 0
    local get = cache.new(function(text)
      made = made + 1
      if text == "bad" then return nil, "no" end
      return { text }
    end)
    assert.equal(get "a", get "a")
    assert.same({ nil, "no" }, { get "bad" })
    assert.same({ nil, "no" }, { get "bad" })
    assert.equal(2, made)
  end)

  it("does not grow with what tenants write", function()
    local made = 0
    local get = cache.new(function(text) made = made + 1 return text end, 10)
    for i = 1, 100 do get("t" .. i) end
    get "t100"
    assert.equal(100, made)
    get "t1"
    assert.equal(101, made)
    for i = 1, 9 do get(("x"):rep(1000000) .. i) end
    get "t1"
    assert.equal(111, made)
  end)
end)
