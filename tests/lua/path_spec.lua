local native = require "kal.native"
local path = require "kal.path"

describe("path", function()
  local value = {
    data = { items = native.array { { id = 7 }, { id = 8 } }, none = native.null },
    ["0"] = "zero", list = native.array { false },
  }

  it("follows keys and positions from 0", function()
    assert.equal(7, path.get(value, "data.items.0.id"))
    assert.equal(8, path.get(value, "data.items.1.id"))
    assert.equal("zero", path.get(value, "0"))
    assert.is_false(path.get(value, "list.0"))
  end)

  it("gives nil for what is missing, null, or beyond a plain value", function()
    for _, text in ipairs { "data.items.2.id", "data.none", "data.none.x", "data.items.0.id.x", "",
      ".", "data..items", "data.items.-1", "data.items.x" } do
      assert.is_nil(path.get(value, text), text)
    end
    assert.is_nil(path.get(nil, "a"))
  end)
end)
