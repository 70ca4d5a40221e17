local plugin = require "kal.plugin"

local function fails(files, reason)
  local ok, err = pcall(plugin.load, files, "plugins/shop")
  assert.is_false(ok)
  assert.equal(reason, err)
end

describe("plugin", function()
  it("runs its entry files and what they require, once", function()
    local loaded = plugin.load({
      ["node.lua"] = "return { part = require 'plugin.deep.part', path = require 'kal.path' }",
      ["provider.lua"] = "return { part = require 'plugin.deep.part' }",
      ["inbound.lua"] = "return { node = require 'plugin.node' }",
      ["deep/part.lua"] = "return { }",
      ["spec.lua"] = "error 'nobody asked for it'",
    }, "plugins/shop")
    assert.is_table(loaded.node.part)
    assert.equal(loaded.node.part, loaded.provider.part)
    assert.equal(loaded.node, loaded.inbound.node)
    assert.equal(require "kal.path", loaded.node.path)
    assert.same({}, plugin.load({}, "plugins/empty"))
  end)

  it("has no part of another plugin's, nor another's code before", function()
    local files = { ["node.lua"] = "return require 'plugin.part'", ["part.lua"] = "return 'old'" }
    assert.equal("old", plugin.load(files, "p").node)
    files["part.lua"] = "return 'new'"
    assert.equal("new", plugin.load(files, "p").node)
  end)

  it("says what is wrong with it, and where", function()
    fails({ ["node.lua"] = "\nerror 'no'" }, "plugins/shop/node.lua:2: no")
    fails({ ["node.lua"] = "x = 1" },
      "plugins/shop/node.lua:1: modules write no globals, 'x' is new")
    fails({ ["node.lua"] = "require 'lfs'" },
      "plugins/shop/node.lua:1: a plugin requires kal.* and plugin.* only, not lfs")
    fails({ ["node.lua"] = "require 'plugin.part'" },
      "plugins/shop/node.lua:1: the plugin has no file part.lua")
    fails({ ["node.lua"] = "local x = require 'plugin.part' return x",
      ["part.lua"] = "local x = require 'plugin.part' return x" },
      "plugins/shop/part.lua:1: part.lua requires itself")
    assert.is_nil(rawget(_G, "x"))
  end)
end)
