--- Where customers enter through an entry webhook.
local outcome = require "kal.outcome"

---@type kal.Node
return {
  type = "webhook_entry",
  category = "trigger",
  version = "1",
  summary = "Start when the flow's entry webhook is called for a customer.",
  config = {
    type = "object",
    required = { "webhook_path" },
    properties = {
      webhook_path = {
        type = "string", maxLength = 255,
        description = "Name of the webhook, as its callers know it.",
      },
    },
  },
  execute = function(config, ctx)
    return outcome.complete {
      webhook_path = config.webhook_path,
      data = ctx.event and ctx.event.data,
    }
  end,
}
