--- Takes a tag off the customer.
local outcome = require "kal.outcome"

---@type kal.Node
return {
  type = "remove_tag",
  category = "action",
  version = "1",
  summary = "Take a tag off the customer.",
  config = {
    type = "object",
    required = { "tag" },
    properties = {
      tag = { type = "string", maxLength = 255, description = "The tag to remove." },
    },
  },
  needs = function() return { customer = true } end,
  execute = function(config)
    return outcome.with(outcome.complete { tagged = false, tag = config.tag },
      { kind = "remove_tag", tag = config.tag })
  end,
}
