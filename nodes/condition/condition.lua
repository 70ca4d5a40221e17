--- A fork on what is known: a field compared with a value, or an expression.
local compare = require "kal.compare"
local expr = require "kal.expr"
local native = require "kal.native"
local outcome = require "kal.outcome"
local path = require "kal.path"
local value = require "kal.value"

--- The result shows the field, and would hold itself.
local NO_NODE = "must name a node, as in accumulated.NODE"

local function shown(x)
  if x == nil then return native.null end
  return x
end

local function customer_is_read(config)
  local roots = {}
  if config.expression then
    local program = expr.compile(config.expression)
    roots = program and program.roots or roots
  elseif config.field then
    roots[path.split(config.field).keys[1]] = true
  end
  return expr.reads_customer(roots)
end

local function check(config)
  local problems = {}
  local function report(pointer, message)
    problems[#problems + 1] = { pointer = pointer, message = message }
  end
  if not config.expression then
    if config.field == nil or config.field == "" then report("/field", "can't be blank") end
    if config.field == "accumulated" then report("/field", NO_NODE) end
  elseif config.field then
    report("/expression", "can't be given beside a field")
  else
    local ok, err = expr.check(config.expression)
    if not ok then report("/expression", err) end
  end
  local operator, kind = config.operator, value.kind(config.value)
  if (operator == "in" or operator == "not_in") and kind ~= "list" then
    report("/value", "must be a list")
  elseif operator == "matches" and kind ~= "string" then
    report("/value", "must be text with * and ?")
  end
  return problems
end

local function by_expression(config, ctx)
  local matched, err = expr.truth(config.expression, ctx.context, ctx.event, ctx.now)
  if matched == nil then return outcome.fail("expression: " .. err) end
  return outcome.branch(matched and "true" or "false", {
    matched = matched,
    expression = config.expression,
    values = expr.reads(config.expression, ctx.context, ctx.event),
  })
end

---@type kal.Node
return {
  type = "condition",
  category = "condition",
  version = "1",
  summary = "Branch on a field of the context or on an expression.",
  config = {
    type = "object",
    properties = {
      field = {
        type = "string", maxLength = 4096,
        description = "Dot path into the context, for instance _customer.properties.plan.",
      },
      operator = {
        type = "string",
        enum = { "eq", "neq", "gt", "gte", "lt", "lte", "contains", "in", "not_in", "exists",
          "matches" },
        default = "eq",
        description = "How the field is compared with the value; matches is a glob with * and ?.",
      },
      value = { description = "What the field is compared with." },
      expression = {
        type = "string",
        description = "An expression, instead of field, operator and value.",
      },
    },
  },
  branches = { "true", "false" },
  needs = function(config) return { customer = customer_is_read(config) } end,
  check = check,
  execute = function(config, ctx)
    if config.expression then return by_expression(config, ctx) end
    value.begin()
    local actual = path.get(ctx.context, config.field)
    local matched = compare[config.operator](actual, config.value)
    return outcome.branch(matched and "true" or "false", {
      matched = matched,
      field = config.field,
      expected = shown(config.value),
      actual = shown(actual),
    })
  end,
}
