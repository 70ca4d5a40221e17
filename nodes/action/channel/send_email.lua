--- Sends an e-mail: the engine writes the delivery, a dispatcher hands it to the provider.
local channel = require "kal.channel"

return channel.node {
  type = "send_email",
  summary = "Send an e-mail to the customer.",
  channel = "email",
}
