local expr = require "kal.expr"
local native = require "kal.native"

local NOW = native.parse_time "2026-03-01T10:00:00Z"

local context = {
  a = 1, b = "x", zero = 0, none = native.null, yes = true, no = false, text = "Größe",
  list = native.array { 1, "q", native.null }, empty = native.array {}, object = { k = 1 },
  since = "2026-02-26T09:00:00Z",
  accumulated = { ["send-1"] = { status = "sent" }, mail = { status = "sent" } },
  _customer = { properties = { plan = "pro", items = native.array { { id = 7 } } } },
}
local event = { event_type = "paid", data = { sum = 12.5 } }

local function value(text)
  local ok, x = expr.eval(text, context, event, NOW)
  assert(ok, text .. ": " .. tostring(x))
  return x
end

local function truth(text)
  local x, err = expr.truth(text, context, event, NOW)
  assert(x ~= nil, text .. ": " .. tostring(err))
  return x
end

local function err_of(text)
  local x, err = expr.truth(text, context, event, NOW)
  assert.is_nil(x, text)
  return err
end

describe("expr", function()
  it("reads literals", function()
    assert.equal(12, value "12")
    assert.equal(1.5, value "1.5")
    assert.equal(2500, value "2.5e3")
    assert.equal('a"b\n', value [["a\"b\n"]])
    assert.equal("it's", value [['it\'s']])
    assert.is_nil(value "null")
    assert.is_true(value "true")
    assert.same(native.array { 1, "a" }, value "[1, 'a']")
    assert.same(0, #value "[]")
  end)

  it("reads paths from the context and the event; what is missing is null", function()
    assert.equal("pro", value "_customer.properties.plan")
    assert.equal(7, value "_customer.properties.items.0.id")
    assert.equal("sent", value "accumulated.mail.status")
    assert.equal("sent", value [[accumulated["send-1"].status]])
    assert.equal(12.5, value "event.data.sum")
    assert.equal("paid", value "event.event_type")
    for _, text in ipairs { "gone", "gone.far.off", "none", "none.x", "b.x", "a.0", "list.9" } do
      assert.is_nil(value(text), text)
    end
  end)

  it("binds as written down", function()
    assert.equal(7, value "1 + 2 * 3")
    assert.equal(9, value "(1 + 2) * 3")
    assert.equal(1, value "7 - 4 - 2")
    assert.equal(2, value "8 / 2 / 2")
    assert.equal(-1, value "-a")
    assert.equal(3, value "1 - -2")
    assert.is_true(value "1 < 2 == true")
    assert.is_true(value "1 + 1 == 2 && 2 < 3 || false")
    assert.is_true(value "true or false and false")
    assert.is_true(value "!no && !(a > 1)")
    assert.is_true(value "!!a")
  end)

  it("takes words and signs for and and or", function()
    assert.is_true(truth "yes and a == 1")
    assert.is_true(truth "no or yes")
    assert.equal("x", value "gone || b")
    assert.equal(0, value "zero && b")
    assert.equal("anderson", select(2, expr.eval("andy", { andy = "anderson" }, nil, NOW)))
    assert.equal(5, select(2, expr.eval("order", { order = 5 }, nil, NOW)))
  end)

  it("knows what is false", function()
    for _, text in ipairs { "null", "false", "0", '""', "[]", "gone", "none", "zero", "empty" } do
      assert.is_false(truth(text), text)
      assert.is_true(truth("!" .. text), text)
    end
    for _, text in ipairs { "1", '"0"', "[0]", "object", "list", "yes", "-1" } do
      assert.is_true(truth(text), text)
    end
  end)

  it("compares, without guessing across types", function()
    assert.is_true(truth "1 == 1.0")
    assert.is_true(truth "'a' < 'b' && 2 >= 2")
    assert.is_true(truth "[1, ['a']] == [1, ['a']] and [1] != [2]")
    assert.is_true(truth "null == gone && none == null")
    for _, text in ipairs { "1 == '1'", "null == false", "null == 0", "1 < '2'", "gone < 1",
      "gone >= 0", "true > false", "[] == ''", "null < null" } do
      assert.is_false(truth(text), text)
    end
  end)

  it("adds, joins, and gives null where there is nothing to reckon", function()
    assert.equal("x1", value "b + 1")
    assert.equal("49.99 EUR", value "49.99 + ' EUR'")
    assert.equal("<>", value "'<' + gone + '>'")
    assert.is_nil(value "gone + 1")
    assert.is_nil(value "b * 2")
    assert.is_nil(value "yes - 1")
    assert.is_nil(value "-b")
    assert.equal(1, value "7 % 3")
    assert.equal(-1, value "-7 % 3")
  end)

  it("looks for members", function()
    assert.is_true(truth "'q' in list and null in list and 'k' in object and 'rö' in text")
    assert.is_false(truth "2 in list or 'z' in object or 1 in gone or 1 in 'a1'")
    assert.is_true(truth "contains(list, 1) && contains(text, 'ß')")
  end)

  it("calls functions", function()
    assert.equal(5, value "len(text)")
    assert.equal(3, value "len(list)")
    assert.equal(1, value "len(object)")
    assert.equal(0, value "len(gone)")
    assert.equal(3, value "abs(-3)")
    assert.equal("ab", value "lower('AB')")
    assert.equal("AB", value "upper('ab')")
    assert.equal("a b", value "trim('  a b\\t')")
    assert.equal("", value "trim('   ')")
    assert.is_true(truth "starts_with(text, 'Gr') && ends_with(text, 'ße')")
    assert.is_false(truth "ends_with('a', 'ba') || starts_with('a', 'ab')")
    assert.equal(3, value "days_since(since)")
    assert.is_nil(value "days_since(gone)")
    assert.is_nil(value "days_since('never')")
    assert.equal(NOW, native.parse_time(value "now()"))
    assert.equal(0, value "days_since(now())")
    assert.is_nil(value "lower(1)")
    assert.is_nil(value "abs('x')")
  end)

  it("matches globs", function()
    local cases = {
      { "hello", "hello", true }, { "hello", "h*o", true }, { "hello", "h?llo", true },
      { "hello", "*", true }, { "hello", "h*", true }, { "hello", "*l*", true },
      { "hello", "*x*", false }, { "hello", "hell", false }, { "hello", "ello", false },
      { "", "*", true }, { "", "", true }, { "", "?", false }, { "größe", "gr??e", true },
      { "a.b", "a.b", true }, { "axb", "a.b", false }, { "aab", "*ab", true },
      { "mississippi", "m*iss*ip*i", true }, { "abc", "abc**", true }, { "%d", "%?", true },
    }
    for _, case in ipairs(cases) do
      local text = ("matches('%s', '%s')"):format(case[1], case[2])
      assert.equal(case[3], value(text), text)
    end
    assert.is_false(truth "matches(gone, '*')")
  end)

  it("finds errors that need no context when it is checked", function()
    local function refused(text)
      local ok, err = expr.check(text)
      assert.is_nil(ok, text)
      return err
    end
    assert.equal("division by zero", refused "a + 1 / 0")
    assert.equal("division by zero", refused "5 % (2 - 2)")
    assert.equal("unknown function foo", refused "foo(1)")
    assert.equal("len takes 1 arguments, not 2", refused "len(a, b)")
    assert.equal("number out of range", refused "1e308 * 10")
    assert.equal("unexpected end", refused "a ==")
    assert.equal("unexpected end", refused "")
    assert.equal("unexpected b at column 3", refused "a b")
    assert.equal("must be text", refused(nil))
    for _, text in ipairs { "1 +", "a = 1", "(a", "a)", "'open", "a..b", "1abc", "and", "in",
      "a.", "f(", "[1,", "[,]", "a[b]", "`a`", "a; b", "function() end", "'\\x'" } do
      refused(text)
    end
    assert.is_true(expr.check "a / b > 1")
  end)

  it("turns errors of the evaluation into a sentence", function()
    assert.equal("division by zero", err_of "a / zero")
    assert.equal("division by zero", err_of "a % zero")
    assert.is_false(truth "no && a / zero")
  end)

  it("is bounded in size and depth", function()
    assert.is_true(truth(("("):rep(64) .. "1" .. (")"):rep(64)))
    assert.equal("is nested deeper than 64", err_of(("("):rep(65) .. "1" .. (")"):rep(65)))
    assert.equal("is nested deeper than 64", err_of(("["):rep(2000) .. ("]"):rep(2000)))
    assert.equal("is nested deeper than 64", err_of(("len("):rep(100) .. "a" .. (")"):rep(100)))
    assert.is_true(truth(("!"):rep(64) .. "a"))
    assert.equal("is nested deeper than 64", err_of(("!"):rep(4000) .. "a"))
    assert.equal("is nested deeper than 64", err_of(("- "):rep(2000) .. "a"))
    assert.is_true(truth("'" .. ("(!"):rep(100) .. "' != ''"))
    assert.equal(2048, value(("a+"):rep(2047) .. "a"))
    assert.is_true(truth(("no or "):rep(600) .. "yes"))
    assert.equal("is longer than 4 KB", err_of(("a+"):rep(2048) .. "a"))
    assert.is_nil((expr.check(("("):rep(4000))))
  end)

  it("gives up on work that grows, before anyone waits for it", function()
    local big = { s = ("a"):rep(200000), n = ("a"):rep(100000) .. "b" }
    local function run(text) return expr.truth(text, big, nil, NOW) end
    assert.is_false(run "contains(s, n)")
    assert.same({ nil, "too much work" }, { run(("s+"):rep(1000) .. "s") })
    assert.same({ nil, "too much work" }, { run "matches(s, '*' + n)" })
    assert.same({ nil, "too much work" }, { run(("contains(s, n) or "):rep(200) .. "s") })
    assert.is_true(run "matches(s, '*a') and len(trim(s)) == 200000")
    big.s = (" "):rep(400000) -- minutes, were it read once for each blank
    assert.is_true(run "trim(s) == ''")
    assert.is_true(run "len(trim('x' + s + 'y')) == 400002")
  end)

  it("never raises, whatever the text is", function()
    local pieces = {
      "a", "b", "gone", "list", "object.k", "event.data", "1", "0", "2.5", "'t'", '"', "'", "[",
      "]",
      "(", ")", ",", "+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "!", "&&", "||",
      " and ", " or ", " in ", "null", "true", "false", "len(", "abs(", "matches(", "contains(",
      "days_since(", "now()", "lower(", "trim(", ".", "\\", "\0", "\255", " ", "[1]", '["k"]', "{",
    }
    math.randomseed(7)
    for _ = 1, 20000 do
      local parts = {}
      for i = 1, math.random(1, 12) do parts[i] = pieces[math.random(#pieces)] end
      local text = table.concat(parts)
      local ok, x, err = pcall(expr.truth, text, context, event, NOW)
      assert(ok, text .. ": " .. tostring(x))
      assert(type(x) == "boolean" or (x == nil and type(err) == "string"), text)
    end
  end)

  it("never raises on a right expression, whatever the types are", function()
    local leaves = { "a", "b", "gone", "list", "object", "event.data.sum", "zero", "'t'", "null",
      "yes", "[1, b]", "2.5", "now()" }
    local binary = { "+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "in", "and", "||" }
    local one = { "len", "abs", "lower", "upper", "trim", "days_since" }
    local two = { "contains", "starts_with", "ends_with", "matches" }
    local function pick(list) return list[math.random(#list)] end
    local function grow(depth)
      local kind = depth == 0 and 0 or math.random(0, 4)
      if kind == 0 then return pick(leaves) end
      if kind == 1 then return pick { "!", "-" } .. grow(depth - 1) end
      if kind == 2 then return pick(one) .. "(" .. grow(depth - 1) .. ")" end
      if kind == 3 then
        return pick(two) .. "(" .. grow(depth - 1) .. ", " .. grow(depth - 1) .. ")"
      end
      return "(" .. grow(depth - 1) .. " " .. pick(binary) .. " " .. grow(depth - 1) .. ")"
    end
    math.randomseed(11)
    local allowed = { ["division by zero"] = true, ["number out of range"] = true }
    for _ = 1, 20000 do
      local text = grow(5)
      local x, err = expr.truth(text, context, event, NOW)
      assert(type(x) == "boolean" or allowed[err], text .. ": " .. tostring(err))
    end
  end)
end)
