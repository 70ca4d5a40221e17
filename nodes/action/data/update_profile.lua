--- Writes fields of the customer's profile.
local native = require "kal.native"
local outcome = require "kal.outcome"
local template = require "kal.template"

local function names(fields)
  local list = native.array {}
  for name in pairs(fields) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function check(config)
  local problems = {}
  for _, name in ipairs(names(config.fields)) do
    local given = config.fields[name]
    if template.is_template(given) then
      local ok, err = template.check(given)
      if not ok then problems[#problems + 1] = { pointer = "/fields/" .. name, message = err } end
    end
  end
  return problems
end

---@type kal.Node
return {
  type = "update_profile",
  category = "action",
  version = "1",
  summary = "Set fields of the customer's profile.",
  config = {
    type = "object",
    required = { "fields" },
    properties = {
      fields = {
        type = "object",
        description = "Field names and their new values; a text may hold {{ expressions }}.",
      },
    },
  },
  needs = function() return { customer = true } end,
  check = check,
  execute = function(config, ctx)
    local fields = {}
    for name, given in pairs(config.fields) do
      if template.is_template(given) then
        local err
        given, err = template.render(given, ctx.context, ctx.event, ctx.now)
        if not given then return outcome.fail("fields." .. name .. " " .. err) end
      end
      fields[name] = given
    end
    return outcome.with(outcome.complete { updated = true, fields = names(fields) },
      { kind = "update_profile", fields = fields })
  end,
}
