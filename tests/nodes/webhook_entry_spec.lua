local support = require "support"

describe("webhook_entry", function()
  local config = { webhook_path = "orders" }

  it("keeps what the webhook brought", function()
    local event = { id = "e-1", event_type = "webhook", data = { order = 7 } }
    local ran = support.run("webhook_entry", config, { event = event })
    assert.same({ webhook_path = "orders", data = { order = 7 } }, ran.result)
    assert.same({ webhook_path = "orders" }, support.run("webhook_entry", config).result)
  end)

  it("needs a path", function()
    assert.same({ "/webhook_path: can't be blank" },
      support.problems("webhook_entry", { webhook_path = "" }))
  end)
end)
