--- Segments: who a definition {type, rules, expression, predicate} takes in. Rules and expressions
--- are compiled once to a closure over a customer; what rules mean is said once more in SQL
--- (kal_rule_holds), for members, and a test holds the two against each other. A predicate is a
--- tenant's Lua: only the tenant's cell runs it, for those whom the rules or the expression let in.
---
--- A rule's field is email, phone, name, tags or timezone, else a dot path in properties. Rules are
--- ANDed; none take everyone in. Numbers are equal as kal.value has it: as doubles, whole ones from
--- 2^53 on exactly; their order is that of doubles.
local native = require "kal.native"
local code = require "kal.code"
local compare = require "kal.compare"
local expr = require "kal.expr"
local path = require "kal.path"
local value = require "kal.value"

local segment = {}

local null = native.null
local COLUMNS = { email = true, phone = true, name = true, tags = true, timezone = true }
local MOST = 50
local MOST_FIELD = 255
local MOST_SOURCE = 65536

--- Operators that rules have; `matches` is a condition's alone.
local OPERATORS = {}
for name in pairs(compare) do OPERATORS[name] = name ~= "matches" or nil end

local function present(x)
  if x == null then return nil end
  return x
end

-- ---- what is wrong with a definition ----

--- SQL takes a step with a sign for a position from the end, where Lua has a key.
local function is_path(field)
  for _, key in ipairs(path.split(field).keys) do
    if key == "" or key:find "^%s*[-+]%s*%d+$" then return false end
  end
  return true
end

local function check_rule(rule, report)
  if value.kind(rule) ~= "object" then return report("", "is invalid") end
  local field, operator = present(rule.field), present(rule.operator)
  if field == nil or field == "" then
    report("/field", "can't be blank")
  elseif type(field) ~= "string" or #field > MOST_FIELD or not is_path(field) then
    report("/field", "is invalid")
  end
  if operator == nil or operator == "" then
    report("/operator", "can't be blank")
  elseif not OPERATORS[operator] then
    report("/operator", "is invalid")
  elseif rule.value == nil and operator ~= "exists" then
    report("/value", "can't be blank")
  elseif (operator == "in" or operator == "not_in") and value.kind(rule.value) ~= "list" then
    report("/value", "must be a list")
  end
end

local function check_rules(rules, report)
  if value.kind(rules) ~= "list" then return report("is invalid") end
  if #rules > MOST then return report("has more than " .. MOST .. " rules") end
  for i, rule in ipairs(rules) do
    check_rule(rule, function(pointer, message)
      report("/" .. i - 1 .. pointer .. ": " .. message)
    end)
  end
end

local function check_predicate(source, report)
  if type(source) ~= "string" then return report "is invalid" end
  if source == "" then return report "can't be blank" end
  if #source > MOST_SOURCE then return report "is longer than 64 KB" end
  local problem = code.problem(source)
  if problem then report(problem) end
end

--- The problems of a definition by field: {} when it is right.
---@param given { type?: string, rules?: any, expression?: any, predicate?: any }
---@return table<string, string[]>
function segment.check(given)
  local problems = {}
  local function reporter(field)
    return function(message)
      problems[field] = problems[field] or native.array {}
      table.insert(problems[field], message)
    end
  end
  local rules, expression = present(given.rules), present(given.expression)
  local predicate = present(given.predicate)
  if rules ~= nil then check_rules(rules, reporter "rules") end
  if expression ~= nil then
    local ok, err = expr.check(expression)
    if not ok then reporter "expression"(err) end
  end
  local has_rules = type(rules) == "table" and #rules > 0
  if given.type == "static" and has_rules then
    reporter "rules" "can't be given for a static segment"
  end
  if given.type == "static" and expression ~= nil then
    reporter "expression" "can't be given for a static segment"
  elseif has_rules and expression ~= nil then
    reporter "expression" "can't be given beside rules"
  end
  if given.type == "static" and predicate ~= nil then
    reporter "predicate" "can't be given for a static segment"
  elseif predicate ~= nil then
    check_predicate(predicate, reporter "predicate")
  end
  return problems
end

-- ---- who is in ----

local function reader(field)
  if COLUMNS[field] then
    return function(customer) return present(customer[field]) end
  end
  local steps = path.split(field)
  return function(customer) return path.walk(customer.properties, steps) end
end

local function compile_rules(rules)
  local reads, tests, expected = {}, {}, {}
  for i, rule in ipairs(rules) do
    reads[i], tests[i], expected[i] = reader(rule.field), compare[rule.operator], rule.value
  end
  return function(customer)
    for i = 1, #tests do
      value.begin()
      if not tests[i](reads[i](customer), expected[i]) then return false end
    end
    return true
  end
end

--- The customer's members are names, as is `_customer` itself. What cannot be told is not in.
local function compile_expression(text)
  return function(customer, now_ms)
    local context = { _customer = customer }
    for key, x in pairs(customer) do context[key] = x end
    return expr.truth(text, context, nil, now_ms) == true
  end
end

--- A definition, but for its predicate, as a function of a customer (as the API shows one) and the
--- journey time. A static one takes nobody in: its members are listed.
---@param definition { type: string, rules?: table, expression?: string }
---@return fun(customer: table, now_ms: number): boolean
function segment.compile(definition)
  if definition.type == "static" then return function() return false end end
  local expression = present(definition.expression)
  if expression then return compile_expression(expression) end
  return compile_rules(present(definition.rules) or {})
end

--- Whether a definition, but for its predicate, takes a customer in.
---@return boolean
function segment.matches(definition, customer, now_ms)
  return segment.compile(definition)(customer, now_ms)
end

-- ---- tenants' segments ----

---@class kal.Segment
---@field matches fun(customer: table, now_ms: number): boolean
---@field predicate? string

---@type table<string, table<string, kal.Segment>>
local known = {}

--- Takes the place of all that was known of a tenant.
---@param tenant string
---@param definitions table<string, table> by id
function segment.load(tenant, definitions)
  local loaded = {}
  for id, definition in pairs(definitions) do
    loaded[id] = {
      matches = segment.compile(definition),
      predicate = present(definition.predicate),
    }
  end
  known[tenant] = next(loaded) and loaded or nil
end

--- Whether a tenant's customer is in a segment: by its definition, or listed in `static` (ids). An
--- unknown segment has no members. nil and the predicate when that has to be asked.
---@return boolean?
---@return string? predicate
function segment.member(tenant, id, customer, static, now_ms)
  id = id:lower()
  local asked = known[tenant] and known[tenant][id]
  if not asked then return false end
  if value.contains(static, id) then return true end
  if customer == nil or not asked.matches(customer, now_ms) then return false end
  if asked.predicate then return nil, asked.predicate end
  return true
end

return segment
