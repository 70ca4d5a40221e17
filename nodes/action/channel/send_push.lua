--- Sends a push notification to the customer's device.
local channel = require "kal.channel"

return channel.node {
  type = "send_push",
  summary = "Send a push notification to the customer's device.",
  channel = "push",
}
