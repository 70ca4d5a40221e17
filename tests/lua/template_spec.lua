local native = require "kal.native"
local template = require "kal.template"

local NOW = native.parse_time "2026-03-01T10:00:00Z"

local context = {
  name = "Ann", total = 49.99, count = 3, big = 1e15, none = native.null, yes = true,
  list = native.array { 1, "a" }, object = { a = 1 }, trick = "{{ name }}",
}

local function render(text, event)
  return template.render(text, context, event, NOW)
end

describe("template", function()
  it("leaves plain text alone", function()
    assert.equal("Hello }} { }", render "Hello }} { }")
    assert.equal("", render "")
  end)

  it("puts values in as people write them", function()
    assert.equal("Hi Ann, 3 for 49.99", render "Hi {{ name }}, {{count}} for {{ total }}")
    assert.equal("1000000000000000", render "{{ big }}")
    assert.equal("<> <true>", render "<{{ none }}{{ missing.x }}> <{{ yes }}>")
    assert.equal('[1,"a"] {"a":1}', render "{{ list }} {{ object }}")
    assert.equal("friend", render "{{ missing || 'friend' }}")
    assert.equal("7", render("{{ event.data.n }}", { data = { n = 7 } }))
  end)

  it("may hold braces in a text of the expression", function()
    assert.equal("}} {{", render [[{{ "}}" }} {{ '{{' }}]])
  end)

  it("does not render what a value brought", function()
    assert.equal("{{ name }}", render "{{ trick }}")
  end)

  it("says what is wrong", function()
    local function refused(text)
      local out, err = render(text)
      assert.is_nil(out)
      return err
    end
    assert.equal("has a {{ that is not closed", refused "Hi {{ name")
    assert.equal("{{ 1 / (count - 3) }}: division by zero", refused "{{ 1 / (count - 3) }}")
    assert.equal("{{ foo() }}: unknown function foo", refused "{{ foo() }}")
    assert.is_nil((template.check "{{ }}"))
    assert.is_true(template.check "Hi {{ name }}")
  end)

  it("bounds what it makes, and the work of all its expressions together", function()
    context.long = ("a"):rep(100000)
    assert.equal(200000, #render "{{ long }}{{ long }}")
    assert.same({ nil, "is longer than 256 KB" }, { render "{{ long }}{{ long }}{{ long }}" })
    local _, err = render(("{{ contains(long, 'b') }}"):rep(100))
    assert.matches("too much work$", err)
    assert.same({ nil, "is longer than 256 KB" },
      { template.check("{{ 1 }}" .. ("a"):rep(262144)) })
    context.long = nil
  end)

  it("refuses a quote that is not closed, however many there are", function()
    assert.same({ nil, "has a {{ that is not closed" },
      { template.check('{{' .. ('"\\'):rep(100000)) })
  end)

  it("knows whether it reads the customer", function()
    assert.is_true(template.reads_customer "{{ name }} {{ _customer.email }}")
    assert.is_true(template.reads_customer "{{ preferences.email }}")
    assert.is_false(template.reads_customer "_customer")
    assert.is_false(template.reads_customer "{{ name }} {{ '_customer' }}")
    assert.is_false(template.reads_customer(nil))
  end)

  it("fills the texts of a JSON value and leaves the rest as it is", function()
    local function fill(given) return template.render_all(given, context, nil, NOW) end
    local made = fill { a = native.array { "{{ count + 1 }}", 2, native.null }, b = { c = true } }
    assert.same({ a = native.array { "4", 2, native.null }, b = { c = true } }, made)
    assert.is_true(native.is_array(made.a))
    assert.equal(7, fill(7))
    assert.is_nil((fill(nil)))
    assert.same({ nil, "{{ 1 / 0 }}: division by zero" },
      { fill { a = native.array { "{{ 1 / 0 }}" } } })
  end)

  it("looks into a JSON value for wrong texts", function()
    assert.is_true(template.check_all { a = native.array { 1, "{{ name }}" } })
    assert.is_true(template.check_all(nil))
    assert.same({ nil, "has a {{ that is not closed" },
      { template.check_all { a = native.array { "{{ name" } } })
  end)
end)
