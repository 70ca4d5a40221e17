--- Records a conversion, with what it earned.
local native = require "kal.native"
local outcome = require "kal.outcome"
local template = require "kal.template"

--- A number, or a template that gives one; an empty text is no revenue.
local function revenue_of(config, ctx)
  local given = config.revenue
  if type(given) ~= "string" then return given end
  local text, err = template.render(given, ctx.context, ctx.event, ctx.now)
  if not text then return nil, err end
  local amount = native.decode(text)
  if text ~= "" and type(amount) ~= "number" then return nil, "is no number" end
  return text ~= "" and amount or nil
end

local function check(config)
  if type(config.revenue) ~= "string" then return {} end
  local ok, err = template.check(config.revenue)
  if ok and not template.is_template(config.revenue) then ok, err = nil, "is invalid" end
  return ok and {} or { { pointer = "/revenue", message = err } }
end

---@type kal.Node
return {
  type = "track_conversion",
  category = "action",
  version = "1",
  summary = "Record a conversion of the customer.",
  config = {
    type = "object",
    required = { "event_name" },
    properties = {
      event_name = { type = "string", maxLength = 255, description = "Name of the conversion." },
      revenue = {
        type = { "number", "string" },
        description = "What it earned: a number, or a template such as {{ event.data.total }}.",
      },
      metadata = { type = "object", description = "Anything to keep with it." },
    },
  },
  needs = function(config) return { customer = template.reads_customer(config.revenue) } end,
  check = check,
  execute = function(config, ctx)
    local revenue, err = revenue_of(config, ctx)
    if err then return outcome.fail("revenue " .. err) end
    local name = config.event_name
    return outcome.with(
      outcome.complete { conversion_tracked = true, event_name = name, revenue = revenue },
      { kind = "convert", conversion_type = name, value = revenue, metadata = config.metadata })
  end,
}
