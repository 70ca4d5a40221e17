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

  it("keeps no text that is too long for it, and what it has", function()
    local made = 0
    local get = cache.new(function(text) made = made + 1 return text end, 10, 100)
    get "a"
    local long = ("x"):rep(101)
    assert.equal(long, get(long))
    assert.equal(long, get(long))
    assert.equal(3, made)
    get "a"
    assert.equal(3, made)
  end)

  it("keeps less of what is compiled, which is larger than its text", function()
    local expr = require "kal.expr"
    local first = expr.compile "one"
    for i = 1, 60 do expr.compile(("a+"):rep(2000) .. i) end
    assert.equal(first, expr.compile "one")
    for i = 61, 70 do expr.compile(("a+"):rep(2000) .. i) end
    assert.are_not.equal(first, expr.compile "one")
  end)
end)
