--- Sends a push notification to the customer's device.
local channel = require "kal.channel"

return channel.node {
  type = "send_push",
  summary = "Send a push notification to the customer's device.",
  channel = "push",
  key = "push_token",
  address = function(customer)
    return type(customer.properties) == "table" and customer.properties.push_token
  end,
}
