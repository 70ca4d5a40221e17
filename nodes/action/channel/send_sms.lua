--- Sends a text message to the customer's phone.
local channel = require "kal.channel"

return channel.node {
  type = "send_sms",
  summary = "Send a text message to the customer's phone.",
  channel = "sms",
}
