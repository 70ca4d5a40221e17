local native = require "kal.native"
local value = require "kal.value"

local function random_text(letters, length)
  local out = {}
  for i = 1, length do
    local at = math.random(#letters)
    out[i] = letters:sub(at, at)
  end
  return table.concat(out)
end

--- The definition of a glob, slow and plain.
local function fits(text, pattern)
  if pattern == "" then return text == "" end
  local first, rest = pattern:sub(1, 1), pattern:sub(2)
  if first == "*" then
    for i = 1, #text + 1 do
      if fits(text:sub(i), rest) then return true end
    end
    return false
  end
  if text == "" then return false end
  return (first == "?" or first == text:sub(1, 1)) and fits(text:sub(2), rest)
end

describe("value", function()
  before_each(value.begin)

  it("matches globs as they are defined", function()
    math.randomseed(3)
    for _ = 1, 5000 do
      local text = random_text("ab", math.random(0, 10))
      local pattern = random_text("ab*?", math.random(0, 6))
      value.begin()
      assert.equal(fits(text, pattern), value.matches(text, pattern), text .. " " .. pattern)
    end
  end)

  it("finds long texts as it finds short ones", function()
    math.randomseed(5)
    for _ = 1, 2000 do
      local needle = random_text("ab", 33 + math.random(0, 8))
      local text = random_text("ab", math.random(0, 30))
        .. (math.random(2) == 1 and needle or needle:sub(2)) .. random_text("ab", 20)
      value.begin()
      assert.equal(text:find(needle, 1, true) ~= nil, value.contains(text, needle))
    end
  end)

  it("compares deeply; null and missing are the same", function()
    local null = native.null
    assert.is_true(value.equal({ a = 1, b = null }, { a = 1 }))
    assert.is_true(value.equal({ a = 1 }, { a = 1, b = null }))
    assert.is_false(value.equal({ a = 1 }, { a = 1, b = false }))
    assert.is_false(value.equal({ a = 1, c = 2 }, { a = 1 }))
    assert.is_true(value.equal(native.array { null }, native.array { null }))
    assert.is_false(value.equal(native.array {}, {}))
  end)

  it("takes 64-bit integers as numbers, whole to the last digit", function()
    local a, b = 1732147200123456789LL, 1732147200123456790LL
    assert.equal("number", value.kind(a))
    assert.is_true(value.equal(a, 1732147200123456789LL))
    assert.is_false(value.equal(a, b))
    assert.is_true(value.truthy(a))
    assert.is_true(value.less(1, a))
    assert.is_false(value.equal(a, "x"))
  end)

  it("writes numbers as people do", function()
    local cases = { [49.99] = "49.99", [3] = "3", [-0.5] = "-0.5", [1e15] = "1000000000000000" }
    for number, text in pairs(cases) do assert.equal(text, value.text(number)) end
    assert.equal("0", value.text(-0))
  end)
end)
