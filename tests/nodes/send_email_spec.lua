local support = require "support"

local function run(config, customer)
  return support.run("send_email", config, { context = support.context { _customer = customer } })
end

describe("send_email", function()
  local ann = { email = "ann@example.org", name = "Ann" }

  it("asks for a delivery and tells its id", function()
    local ran = run({ template_id = "hello" }, ann)
    local send = ran.effects[1]
    assert.equal("send", send.kind)
    assert.equal("email", send.channel)
    assert.equal("log", send.provider)
    assert.same({ email = "ann@example.org" }, send.recipient)
    assert.equal("hello", send.message.template_id)
    assert.same({ delivery_id = send.id, channel = "email", status = "pending" }, ran.result)
  end)

  it("writes the customer's data into the texts", function()
    local message = run({
      subject = "Hi {{ _customer.name }}", body = "You owe {{ 49.99 }}", from = "us@example.org",
    }, ann).effects[1].message
    assert.same({ subject = "Hi Ann", body = "You owe 49.99", from = "us@example.org" }, message)
  end)

  it("fails rather than sends a text that cannot be made", function()
    local ran = run({ body = "{{ 1 % len(missing) }}" }, ann)
    assert.equal("fail", ran.kind)
    assert.is_nil(ran.effects)
  end)

  it("says so when a real provider has no address to send to; the log needs none", function()
    local lost = run({ template_id = "hello", provider = "sendgrid" }, {})
    assert.equal("failed", lost.result.status)
    assert.equal("no_recipient", lost.effects[1].error)
    assert.equal("pending", run({ template_id = "hello" }, {}).result.status)
  end)

  it("refuses at publish a provider that could not send it", function()
    local pigeon = {
      version = "1", summary = "S.", channels = { "sms" }, send = function() end,
    }
    assert(support.load().add_provider("pigeon", pigeon, { path = "p.lua" }))
    local function problems(name)
      return support.problems("send_email", { body = "x", provider = name })
    end
    assert.same({}, problems "log")
    assert.same({ "/provider: is not installed" }, problems "lgo")
    assert.same({ "/provider: does not send by email" }, problems "pigeon")
    assert.same({ "/provider: is invalid" }, problems(7))
  end)

  it("needs the customer, and a template or a body", function()
    assert.same({ customer = true, flow_caps = true },
      support.describe("send_email", { body = "x" }).needs)
    assert.same({ "/template_id: can't be blank without a body" },
      support.problems("send_email", {}))
    assert.same({ "/template_id: can't be blank" },
      support.problems("send_email", { template_id = "" }))
    assert.same({ "/subject: has a {{ that is not closed" },
      support.problems("send_email", { template_id = "a", subject = "{{ x" }))
  end)
end)
