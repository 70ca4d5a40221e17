--- Sends a WhatsApp message to the customer's phone.
local channel = require "kal.channel"

return channel.node {
  type = "send_whatsapp",
  summary = "Send a WhatsApp message to the customer's phone.",
  channel = "whatsapp",
}
