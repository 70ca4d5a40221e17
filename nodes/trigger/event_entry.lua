--- Where customers enter on an event.
local outcome = require "kal.outcome"

---@type kal.Node
return {
  type = "event_entry",
  category = "trigger",
  version = "1",
  summary = "Start when an event of a type arrives for a customer.",
  config = {
    type = "object",
    required = { "event_type" },
    properties = {
      event_type = {
        type = "string", maxLength = 255,
        description = "Type of the event that starts the flow.",
      },
      filter = {
        type = "object",
        description = "Dot paths into the event's data, and what they equal; a list: any of it.",
      },
    },
  },
  execute = function(config, ctx)
    return outcome.complete {
      event_type = config.event_type,
      data = ctx.event and ctx.event.data,
    }
  end,
}
