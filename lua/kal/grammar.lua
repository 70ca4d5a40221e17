--- The grammar of expressions: text to tree, with LPeg.
---
---     or         and  { ("||" | "or") and }
---     and        equality  { ("&&" | "and") equality }
---     equality   relation  { ("==" | "!=") relation }
---     relation   sum  { ("<=" | ">=" | "<" | ">" | "in") sum }
---     sum        product  { ("+" | "-") product }
---     product    unary  { ("*" | "/" | "%") unary }
---     unary      { "!" | "-" } primary
---     primary    number | string | true | false | null | "[" [or {"," or}] "]" | "(" or ")"
---                | name "(" [or {"," or}] ")"
---                | name { "." (name | digits) | "[" (string | digits) "]" }
---
--- Chains stay flat and only brackets nest, so the depth of a tree is the depth of its brackets.
local lpeg = require "lpeg"

local grammar = {}

grammar.MAX_BYTES = 4096
grammar.MAX_DEPTH = 64
grammar.TOO_DEEP = "is nested deeper than 64"

-- 64 levels of brackets pass ten rules each.
lpeg.setmaxstack(4000)

local P, R, S, V = lpeg.P, lpeg.R, lpeg.S, lpeg.V
local C, Cc, Cmt, Cs, Ct = lpeg.C, lpeg.Cc, lpeg.Cmt, lpeg.Cs, lpeg.Ct

local farthest

--- Remembers how far the text made sense, for the message.
local reached = P(function(_, position)
  if position > farthest then farthest = position end
  return true
end)

local space = S " \t\r\n" ^ 0 * reached
local letter = R("az", "AZ") + "_"
local digit = R "09"
local rest = letter + digit

local function token(pattern)
  return pattern * space
end

local function keyword(word)
  return token(P(word) * -rest)
end

local reserved = (P "and" + "or" + "in" + "true" + "false" + "null") * -rest
local name = C(letter * rest ^ 0)
local key = C(rest ^ 1)

local escapes = { n = "\n", r = "\r", t = "\t", ["\\"] = "\\", ['"'] = '"', ["'"] = "'" }

local function quoted(quote)
  local escape = P "\\" * C(S "nrt\\\"'") / escapes
  return quote * Cs((escape + (1 - S("\\" .. quote))) ^ 0) * quote
end

local text = quoted '"' + quoted "'"
local number = C(digit ^ 1 * ("." * digit ^ 1) ^ -1 * (S "eE" * S "+-" ^ -1 * digit ^ 1) ^ -1)
  * -rest / tonumber

local function constant(value)
  return { tag = "constant", value = value }
end

local function chain(tag)
  return function(parts)
    if #parts == 1 then return parts[1] end
    parts.tag = tag
    return parts
  end
end

local function left(tag, part, operator)
  return Ct(part * (operator * part) ^ 0) / chain(tag)
end

local function unary(parts)
  if #parts == 1 then return parts[1] end
  parts.tag = "unary"
  return parts
end

local function tagged(tag)
  return function(parts)
    parts.tag = tag
    return parts
  end
end

--- A bracket's tree, made as soon as it is closed: LPeg nests captures at most 200 deep.
local function bracket(pattern)
  return Cmt(pattern, function(_, position, tree) return position, tree end)
end

local items = (V "or" * (token "," * V "or") ^ 0) ^ -1

local rules = P {
  space * V "or" * -1,
  ["or"] = left("or", V "and", token "||" + keyword "or"),
  ["and"] = left("and", V "equality", token "&&" + keyword "and"),
  equality = left("binary", V "relation", token(C(P "==" + "!="))),
  relation = left("binary", V "sum",
    token(C(P "<=" + ">=" + "<" + ">")) + Cc "in" * keyword "in"),
  sum = left("binary", V "product", token(C(S "+-"))),
  product = left("binary", V "unary", token(C(S "*/%"))),
  unary = Ct(token(C(P "!" * -P "=" + "-")) ^ 0 * V "primary") / unary,
  primary = token(number) / constant
    + token(text) / constant
    + keyword "true" / function() return constant(true) end
    + keyword "false" / function() return constant(false) end
    + keyword "null" / function() return constant(nil) end
    + bracket(token "[" * Ct(items) / tagged "list" * token "]")
    + bracket(token "(" * V "or" * token ")")
    + -reserved * (V "call" + V "path"),
  call = bracket(Ct(token(name) * token "(" * items * token ")") / tagged "call"),
  path = token(Ct(name * ("." * key + "[" * (text + C(digit ^ 1)) * "]") ^ 0)) / tagged "path",
}

--- Brackets are counted before the grammar runs, so nothing in it can run deep.
local function depth_of(source)
  local depth, deepest, quote, i = 0, 0, nil, 1
  while i <= #source do
    local c = source:sub(i, i)
    if quote then
      if c == "\\" then i = i + 1 elseif c == quote then quote = nil end
    elseif c == '"' or c == "'" then
      quote = c
    elseif c == "(" or c == "[" then
      depth = depth + 1
      if depth > deepest then deepest = depth end
    elseif c == ")" or c == "]" then
      depth = depth - 1
    end
    i = i + 1
  end
  return deepest
end

local function complaint(source, position)
  local seen = source:match("^[%w_.]+", position) or source:match("^[^%s]", position)
  if not seen then return "unexpected end" end
  return "unexpected " .. seen:sub(1, 40) .. " at column " .. position
end

--- The tree of an expression, or nil and a sentence.
---@param source any
---@return table? tree
---@return string? err
function grammar.parse(source)
  if type(source) ~= "string" then return nil, "must be text" end
  if #source > grammar.MAX_BYTES then return nil, "is longer than 4 KB" end
  if depth_of(source) > grammar.MAX_DEPTH then return nil, grammar.TOO_DEEP end
  farthest = 1
  local ok, tree = pcall(rules.match, rules, source)
  if not ok then return nil, "is too complex" end
  if not tree then return nil, complaint(source, farthest) end
  return tree
end

return grammar
