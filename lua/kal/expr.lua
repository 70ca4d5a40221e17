--- Expressions: total, bounded, compiled to closures. The grammar is in kal.grammar, what the
--- values mean in kal.value, the functions in kal.functions.
---
--- Roots are the context's top-level members and `event`. A missing path is null. Arithmetic with
--- anything but numbers gives null, except `+` beside a text, which joins (null is empty). An order
--- between different types is false; `==` between them too, and null equals only null. `&&` and
--- `||` give the side that decided. Errors: division by zero, a number out of range, too much work.
local native = require "kal.native"
local cache = require "kal.cache"
local functions = require "kal.functions"
local grammar = require "kal.grammar"
local path = require "kal.path"
local value = require "kal.value"

local expr = {}

local truthy, number = value.truthy, value.number
local HUGE = math.huge
local SHOWN = 255 -- bytes of a text among what an expression reads

local function finite(x)
  if x ~= x or x == HUGE or x == -HUGE then error("number out of range", 0) end
  return x
end

local function arithmetic(apply)
  return function(a, b)
    a, b = number(a), number(b)
    if not a or not b then return nil end
    return finite(apply(a, b))
  end
end

local function divisor(b)
  if b == 0 then error("division by zero", 0) end
  return b
end

local add = arithmetic(function(a, b) return a + b end)

local OPERATORS = {
  ["+"] = function(a, b)
    if type(a) == "string" or type(b) == "string" then return value.join(a, b) end
    return add(a, b)
  end,
  ["-"] = arithmetic(function(a, b) return a - b end),
  ["*"] = arithmetic(function(a, b) return a * b end),
  ["/"] = arithmetic(function(a, b) return a / divisor(b) end),
  ["%"] = arithmetic(function(a, b) return math.fmod(a, divisor(b)) end),
  ["=="] = value.equal,
  ["!="] = function(a, b) return not value.equal(a, b) end,
  ["<"] = value.less,
  ["<="] = value.at_most,
  [">"] = function(a, b) return value.less(b, a) end,
  [">="] = function(a, b) return value.at_most(b, a) end,
  ["in"] = function(a, b) return value.contains(b, a) end,
}

local function negative(x)
  x = number(x)
  return x and -x
end

local compile

local function compile_all(trees, first, roots)
  local parts, fixed = {}, true
  for i = first, #trees do
    local part, constant = compile(trees[i], roots)
    parts[#parts + 1] = part
    fixed = fixed and constant
  end
  return parts, fixed
end

local compilers = {}

function compilers.constant(tree)
  local x = tree.value
  return function() return x end, true
end

function compilers.path(tree, roots)
  local root = tree[1]
  local steps = path.of(tree)
  roots[root] = true
  local function read(context, event)
    if root ~= "event" or event == nil then return path.walk(context, steps) end
    return path.walk(event, steps, 2)
  end
  roots[#roots + 1] = { name = table.concat(tree, "."), read = read }
  return read, false
end

function compilers.list(tree, roots)
  local parts, fixed = compile_all(tree, 1, roots)
  return function(context, event, now)
    local list = native.array {}
    for i = 1, #parts do
      local x = parts[i](context, event, now)
      if x == nil then x = native.null end
      list[i] = x
    end
    return list
  end, fixed
end

--- The first part whose truth is `deciding`, else the last.
local function first_that(deciding)
  return function(tree, roots)
    local parts, fixed = compile_all(tree, 1, roots)
    return function(context, event, now)
      local x
      for i = 1, #parts do
        x = parts[i](context, event, now)
        if truthy(x) == deciding then return x end
      end
      return x
    end, fixed
  end
end

compilers["or"] = first_that(true)
compilers["and"] = first_that(false)

local function compile_pair(apply, a, b)
  return function(context, event, now)
    return apply(a(context, event, now), b(context, event, now))
  end
end

function compilers.binary(tree, roots)
  local first, fixed = compile(tree[1], roots)
  local operators, parts = {}, {}
  for i = 2, #tree, 2 do
    local part, constant = compile(tree[i + 1], roots)
    operators[#operators + 1], parts[#parts + 1] = OPERATORS[tree[i]], part
    fixed = fixed and constant
  end
  if #parts == 1 then return compile_pair(operators[1], first, parts[1]), fixed end
  return function(context, event, now)
    local x = first(context, event, now)
    for i = 1, #parts do x = operators[i](x, parts[i](context, event, now)) end
    return x
  end, fixed
end

function compilers.unary(tree, roots)
  if #tree > grammar.MAX_DEPTH + 1 then error(grammar.TOO_DEEP, 0) end
  local operand, fixed = compile(tree[#tree], roots)
  return function(context, event, now)
    local x = operand(context, event, now)
    for i = #tree - 1, 1, -1 do
      if tree[i] == "!" then x = not truthy(x) else x = negative(x) end
    end
    return x
  end, fixed
end

local function calls(call, parts)
  local a, b = parts[1], parts[2]
  if b then
    return function(context, event, now)
      return call(a(context, event, now), b(context, event, now), now)
    end
  elseif a then
    return function(context, event, now) return call(a(context, event, now), now) end
  end
  return function(_, _, now) return call(now) end
end

function compilers.call(tree, roots)
  local name = tree[1]
  local func = functions[name]
  if not func then error("unknown function " .. name, 0) end
  local parts, fixed = compile_all(tree, 2, roots)
  if #parts ~= func.arity then
    error(name .. " takes " .. func.arity .. " arguments, not " .. #parts, 0)
  end
  return calls(func.call, parts), fixed and not func.timed
end

--- What does not depend on the context is worked out now, so that its errors show at publish.
function compile(tree, roots)
  local run, fixed = compilers[tree.tag](tree, roots)
  if not fixed or tree.tag == "constant" then return run, fixed end
  local x = run()
  return function() return x end, true
end

local function compile_text(text)
  local tree, err = grammar.parse(text)
  if not tree then return nil, err end
  value.begin()
  local roots = {}
  local ok, run = pcall(compile, tree, roots)
  if not ok then return nil, run end
  local reads = {}
  for i = #roots, 1, -1 do reads[i], roots[i] = roots[i], nil end
  return { run = run, roots = roots, reads = reads }
end

local compiled = cache.new(compile_text, cache.LIMIT, cache.PROGRAMS)

--- The compiled expression, or nil and a sentence.
---@param text any
---@return kal.Program?
---@return string? err
function expr.compile(text)
  if type(text) ~= "string" then return nil, "must be text" end
  return compiled(text)
end

--- Whether one of these names is of what is loaded with the customer.
---@param roots table<string, true>
---@return boolean
function expr.reads_customer(roots)
  return roots._customer == true or roots.preferences == true
end

--- Whether a text is an expression.
---@param text any
---@return true?
---@return string? err
function expr.check(text)
  local program, err = expr.compile(text)
  if not program then return nil, err end
  return true
end

--- The value of an expression: true and the value (nil for null), or false and a sentence.
---@param text any
---@param context table
---@param event? table
---@param now_ms number
---@return boolean ok
---@return any
function expr.eval(text, context, event, now_ms)
  local program, err = expr.compile(text)
  if not program then return false, err end
  value.begin()
  return pcall(program.run, context, event, now_ms)
end

local function shown(x)
  if x == nil then return native.null end
  local long = type(x) == "table" or type(x) == "string" and #x > SHOWN
  return long and "(" .. value.kind(x) .. ")" or x
end

--- What an expression reads, for people: its paths and their values, of long ones the kind.
---@param text string
---@param context table
---@param event? table
---@return table<string, any>
function expr.reads(text, context, event)
  local values = {}
  for _, read in ipairs(expr.compile(text).reads) do
    values[read.name] = shown(read.read(context, event))
  end
  return values
end

--- The truth of an expression.
---@param text any
---@param context table
---@param event? table
---@param now_ms number
---@return boolean?
---@return string? err
function expr.truth(text, context, event, now_ms)
  local ok, x = expr.eval(text, context, event, now_ms)
  if not ok then return nil, tostring(x) end
  return truthy(x)
end

return expr
