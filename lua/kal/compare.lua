--- The operators that conditions and segment rules compare a field with. A type that does not fit
--- is false; a missing field is nil.
local value = require "kal.value"

---@type table<string, fun(actual: any, expected: any): boolean>
return {
  eq = value.equal,
  neq = function(actual, expected) return not value.equal(actual, expected) end,
  gt = function(actual, expected) return value.less(expected, actual) end,
  gte = function(actual, expected) return value.at_most(expected, actual) end,
  lt = value.less,
  lte = value.at_most,
  contains = value.contains,
  ["in"] = function(actual, expected) return value.contains(expected, actual) end,
  not_in = function(actual, expected) return not value.contains(expected, actual) end,
  exists = function(actual) return actual ~= nil end,
  matches = value.matches,
}
