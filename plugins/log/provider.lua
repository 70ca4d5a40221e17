--- The provider that sends nothing: each delivery becomes one line of the log. Who waits for the
--- answer of a webhook gets an empty one.
local native = require "kal.native"

---@type kal.Provider
return {
  version = "1",
  summary = "Write messages to the log instead of sending them.",
  channels = { "email", "sms", "push", "whatsapp", "in_app", "webhook" },
  send = function(delivery)
    local message = delivery.message or {}
    return {
      sink = "log",
      line = {
        delivery_id = delivery.id,
        channel = delivery.channel,
        recipient = delivery.recipient,
        template_id = message.template_id,
        subject = message.subject,
        at = delivery.at,
      },
      response = delivery.channel == "webhook" and { status = 200, body = native.null } or nil,
    }
  end,
}
