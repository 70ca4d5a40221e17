local native = require "kal.native"
local code = require "kal.code"
local support = require "support"

--- The outcome of what a cell has answered.
local function answered(answer, given)
  local ctx = { now = 1000, node_id = "n", context = { _customer_id = "c" }, answer = answer }
  for key, value in pairs(given or {}) do ctx[key] = value end
  return code.resume(ctx, { source = "return 1" })
end

local function outcome(fields, given)
  return answered({ outcome = fields }, given)
end

local function effect(fields, given)
  local made = outcome({ kind = "complete", effects = native.array { fields } }, given)
  return made.kind == "complete" and made.effects[1] or made.reason
end

describe("kal.code", function()
  it("says where a mistake is", function()
    assert.is_nil(code.mistake("return 1"))
    assert.is_nil(code.mistake(""))
    assert.equal("line 1, column 8: unexpected symbol near ')'", code.mistake("return ) 1"))
    assert.equal("line 2, column 14: ')' expected near '='",
      code.mistake("local a = 1\nlocal b = (a = 2)"))
    assert.equal("line 1, column 11: ')' expected near '<eof>'", code.mistake("return (12"))
    assert.equal("must be Lua text, not bytecode", code.mistake(string.dump(function() end)))
  end)

  it("finds no place by trying for ever", function()
    local long = ("x = y; "):rep(9000) .. "x = = y"
    assert.truthy(code.mistake(long):find "^line 1, column %d+: ")
  end)

  it("asks for a call, and waits with a timer that is due", function()
    local ctx = { now = 5, node_id = "n", customer = { name = "Ann" }, event = { id = "e" },
      context = { _instance_id = "i", _customer = 1, accumulated = { a = 1 }, plan = "x" } }
    local made = code.execute(ctx, { source = "return 1", timeout_ms = 50 })
    assert.equal("wait", made.kind)
    assert.equal(5, made.until_ms)
    assert.is_true(made.absolute)
    assert.same({ kind = "code", source = "return 1", timeout_ms = 50, seed = "i/n/5", input = {
      customer = { name = "Ann" }, context = { _instance_id = "i", plan = "x" },
      accumulated = { a = 1 }, event = { id = "e" }, now = 5,
    } }, made.effects[1])
  end)

  it("asks again for the same when nobody has answered", function()
    local first = code.execute({ now = 5, node_id = "n", context = {}, event = { id = "e" } },
      { source = "s" })
    local again = code.resume({ now = 99, node_id = "n", context = {}, trigger = "timeout",
      state = first.state }, { source = "s" })
    assert.same(first, again)
  end)

  it("runs anew when the wait that it wanted is over", function()
    local wait = outcome { kind = "wait", duration = "1h", state = { n = 1 } }
    assert.equal(1000 + 3600000, wait.until_ms)
    local again = code.resume({ now = 7, node_id = "n", context = {}, trigger = "timeout",
      state = wait.state }, { source = "s" })
    assert.same({ n = 1 }, again.effects[1].input.state)
    assert.equal("timeout", again.effects[1].input.trigger)
  end)

  it("keeps any result as a table", function()
    assert.same({ a = 1 }, outcome({ kind = "complete", result = { a = 1 } }).result)
    assert.same({ value = 5 }, outcome({ kind = "complete", result = 5 }).result)
    assert.same({}, outcome({ kind = "complete", result = native.null }).result)
    local list = outcome({ kind = "complete", result = native.array { 1, 2 } }).result
    assert.same({ 1, 2 }, list.value)
  end)

  it("fails for what a cell says, and for what no sandbox of ours would say", function()
    assert.equal("code:1: x", answered({ error = "code:1: x" }).reason)
    assert.equal("no", outcome({ kind = "fail", reason = "no" }).reason)
    assert.equal("fail", outcome({ kind = "wait" }).kind)
    assert.equal("the code asked for an unknown effect", effect { kind = "start", flow_id = "x" })
    assert.equal("the code asked for an unknown effect", effect {})
    assert.equal("add_tag needs a tag of 1 to 255 bytes", effect { kind = "add_tag" })
    assert.equal("add_tag needs a tag of 1 to 255 bytes",
      effect { kind = "add_tag", tag = ("x"):rep(256) })
    assert.equal("update_profile needs a table of fields",
      effect { kind = "update_profile", fields = native.array { 1 } })
    assert.equal("emit needs an event_type", effect { kind = "emit", event_type = 5 })
    assert.equal("emit's data is no table with names",
      effect { kind = "emit", event_type = "x", data = "y" })
  end)

  it("sends to the customer's own address alone, with texts as they are", function()
    support.load()
    local customer = { email = "ann@example.com" }
    local sent = effect({ kind = "send",
      message = { channel = "email", body = "{{x}}", address = "eve@example.com" } },
      { customer = customer })
    assert.same({ kind = "send", channel = "email", provider = "log",
      recipient = { email = "ann@example.com" }, message = { body = "{{x}}" } }, sent)
    assert.equal("send needs a template_id or a body",
      effect({ kind = "send", message = { channel = "email" } }, { customer = customer }))
    assert.equal("send's body is no text",
      effect({ kind = "send", message = { channel = "email", body = 5 } }))
    assert.equal("send needs a channel: email, sms, push, whatsapp or in_app",
      effect({ kind = "send", message = { channel = "webhook", body = "x" } }))
  end)
end)
