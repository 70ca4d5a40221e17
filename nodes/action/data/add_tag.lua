--- Puts a tag on the customer.
local outcome = require "kal.outcome"

---@type kal.Node
return {
  type = "add_tag",
  category = "action",
  version = "1",
  summary = "Put a tag on the customer.",
  config = {
    type = "object",
    required = { "tag" },
    properties = {
      tag = { type = "string", maxLength = 255, description = "The tag to add." },
    },
  },
  needs = function() return { customer = true } end,
  execute = function(config)
    return outcome.with(outcome.complete { tagged = true, tag = config.tag },
      { kind = "add_tag", tag = config.tag })
  end,
}
