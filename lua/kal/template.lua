--- Texts with {{ expression }} in them; each is replaced by its value as text.
local lpeg = require "lpeg"
local native = require "kal.native"
local cache = require "kal.cache"
local expr = require "kal.expr"
local value = require "kal.value"

local template = {}

local P, S, C, Ct = lpeg.P, lpeg.S, lpeg.C, lpeg.Ct
local MAX_BYTES = 262144

local function quoted(quote)
  return quote * (P "\\" * 1 + (1 - P(quote))) ^ 0 * quote
end

local inside = quoted '"' + quoted "'" + (1 - P "}}" - S "\"'")
local hole = P "{{" * Ct(C(inside ^ 0)) * "}}"
local parts_of = Ct((C((1 - P "{{") ^ 1) + hole) ^ 0) * -1

local TOO_LONG = "is longer than 256 KB"

--- Plain texts as they are, expressions in a table with their program; all names that they read.
local function compile(text)
  if #text > MAX_BYTES then return nil, TOO_LONG end
  local parts = parts_of:match(text)
  if not parts then return nil, "has a {{ that is not closed" end
  local compiled = { parts = parts, roots = {} }
  for _, part in ipairs(parts) do
    if type(part) == "table" then
      local program, err = expr.compile(part[1])
      if not program then return nil, "{{" .. part[1] .. "}}: " .. err end
      part.program = program
      for root in pairs(program.roots) do compiled.roots[root] = true end
    end
  end
  return compiled
end

local compiled = cache.new(compile, cache.LIMIT, cache.PROGRAMS)

local function hole_text(part, context, event, now_ms)
  return value.charged(value.text(part.program.run(context, event, now_ms)))
end

--- Whether a text has anything to replace.
---@param text any
---@return boolean
function template.is_template(text)
  return type(text) == "string" and text:find("{{", 1, true) ~= nil
end

--- Whether a text is a right template.
---@param text string
---@return true?
---@return string? err
function template.check(text)
  local found, err = compiled(text)
  if not found then return nil, err end
  return true
end

--- Whether a text reads what is loaded with the customer.
---@param text any
---@return boolean
function template.reads_customer(text)
  if not template.is_template(text) then return false end
  local found = compiled(text)
  return found ~= nil and expr.reads_customer(found.roots)
end

--- The text with its values, at most 256 KB, or nil and a sentence. A text without {{ comes back as
--- it is. All its expressions share one budget of work.
---@param text string
---@param context table
---@param event? table
---@param now_ms number
---@return string?
---@return string? err
function template.render(text, context, event, now_ms)
  if not template.is_template(text) then return text end
  local found, err = compiled(text)
  if not found then return nil, err end
  local out, bytes = {}, 0
  value.begin()
  for i, part in ipairs(found.parts) do
    if type(part) == "table" then
      local ok, x = pcall(hole_text, part, context, event, now_ms)
      if not ok then return nil, "{{" .. part[1] .. "}}: " .. tostring(x) end
      out[i] = x
    else
      out[i] = part
    end
    bytes = bytes + #out[i]
    if bytes > MAX_BYTES then return nil, TOO_LONG end
  end
  return table.concat(out)
end

--- Whether all texts within a JSON value are right templates.
---@param given any
---@return true?
---@return string? err
function template.check_all(given)
  if template.is_template(given) then return template.check(given) end
  if type(given) ~= "table" then return true end
  for _, member in pairs(given) do
    local ok, err = template.check_all(member)
    if not ok then return nil, err end
  end
  return true
end

local function filled(given, context, event, now_ms, budget)
  if template.is_template(given) then
    local text, err = template.render(given, context, event, now_ms)
    if not text then error(err, 0) end
    budget.bytes = budget.bytes - #text
    if budget.bytes < 0 then error(TOO_LONG, 0) end
    return text
  end
  if type(given) ~= "table" then return given end
  local made = native.is_array(given) and native.array {} or {}
  for key, member in pairs(given) do
    made[key] = filled(member, context, event, now_ms, budget)
  end
  return made
end

--- A JSON value with all texts in it rendered, together at most 256 KB, or nil and a sentence.
---@param given any
---@param context table
---@param event? table
---@param now_ms number
---@return any
---@return string? err
function template.render_all(given, context, event, now_ms)
  local ok, made = pcall(filled, given, context, event, now_ms, { bytes = MAX_BYTES })
  if not ok then return nil, made end
  return made
end

return template
