local support = require "support"

local array, null = support.array, support.null
local URL = "https://example.org/hook"

local function run(config, context, more)
  local given = more or {}
  given.context = support.context(context)
  return support.run("call_webhook", config, given)
end

describe("call_webhook", function()
  it("asks for a delivery and goes on", function()
    local ran = run({ url = URL .. "/{{ id }}", headers = { ["X-N"] = "{{ n }}" },
      body = { deep = array { "{{ n }}", 1, array {} } }, secret = "s" }, { id = 7, n = 49.99 })
    local send = ran.effects[1]
    assert.equal("webhook", send.channel)
    assert.same({ url = URL .. "/7" }, send.recipient)
    assert.same({ url = URL .. "/7", method = "POST", secret = "s", headers = { ["X-N"] = "49.99" },
      body = { deep = array { "49.99", 1, array {} } } }, send.message)
    assert.same({ delivery_id = send.id, channel = "webhook", status = "pending" }, ran.result)
  end)

  it("keeps the kind of what it sends", function()
    local function body(given) return run({ url = URL, body = given }).effects[1].message.body end
    assert.is_true(require "kal.native".is_array(body(array {})))
    assert.equal(false, body(false))
    assert.equal("{{", body "{{ '{{' }}")
  end)

  it("waits for its delivery's answer", function()
    local ran = run { url = URL, wait_for_response = true }
    assert.equal("wait", ran.kind)
    assert.is_true(ran.effects[1].awaits)
    assert.is_nil(ran.until_ms)
    local answered = run({ url = URL }, nil,
      { trigger = "answer", known = { answer = { status = 200, body = null } } })
    assert.equal("complete", answered.kind)
    assert.same({ status = 200, body = null }, answered.result)
  end)

  it("fails when the call has failed", function()
    local ran = run({ url = URL }, nil,
      { trigger = "answer", known = { answer = { error = "x" } } })
    assert.equal("fail", ran.kind)
    assert.equal("call_webhook x", ran.reason)
  end)

  it("does not wait for a delivery that cannot leave", function()
    assert(support.load().add_provider("hooks", {
      version = "1", summary = "S.", channels = { "webhook" }, send = function() end,
    }, { path = "p.lua" }))
    local ran = run { url = "{{ missing }}", provider = "hooks", wait_for_response = true }
    assert.equal("complete", ran.kind)
    assert.equal("no_recipient", ran.result.error)
    assert.is_nil(ran.effects[1].awaits)
  end)

  it("fails rather than calls what is no URL, or smuggles a header in", function()
    assert.equal("url is no http or https URL", run({ url = "{{ 'file:///etc' }}" }).reason)
    assert.equal("headers.X has more than one line",
      run({ url = URL, headers = { X = "{{ x }}" } }, { x = "a\r\nHost: b" }).reason)
    local long = string.rep("x", 200000)
    assert.equal("body is longer than 256 KB",
      run({ url = URL, body = array { "{{ x }}", "{{ x }}" } }, { x = long }).reason)
  end)

  it("refuses at publish what could never be called", function()
    local function problems(config)
      config.url = config.url or URL
      return support.problems("call_webhook", config)
    end
    assert.same({}, problems { body = array { 1 }, headers = { ["Content-Type"] = "a/b" } })
    assert.same({ "/url: can't be blank" }, support.problems("call_webhook", {}))
    assert.same({ "/url: must begin with http:// or https://" }, problems { url = "example.org" })
    assert.same({ "/headers/a b: is invalid" }, problems { headers = { ["a b"] = "x" } })
    assert.same({ "/body: has a {{ that is not closed" }, problems { body = { a = "{{" } })
    assert.same({ "/method: must be one of GET, POST, PUT, PATCH, DELETE" },
      problems { method = "TRACE" })
  end)
end)
