--- Calls a URL: a delivery like any other, whose answer the node may wait for.
local channel = require "kal.channel"
local outcome = require "kal.outcome"
local template = require "kal.template"

local HEADER = "^[%w!#$%%&'*+.^_`|~-]+$"
local URL = "^https?://[^%s/]"

local properties = channel.properties()
properties.url = { type = "string", maxLength = 4096,
  description = "Where to, http or https; may hold {{ expressions }}." }
properties.method = { type = "string", enum = { "GET", "POST", "PUT", "PATCH", "DELETE" },
  default = "POST", description = "The request's method." }
properties.headers = { type = "object",
  description = "Headers by name; a text may hold {{ expressions }}." }
properties.body = {
  description = "What is sent: a text, or any JSON; texts in it may hold {{ expressions }}." }
properties.secret = { type = "string", minLength = 1, maxLength = 255,
  description = "What the request is signed with." }
properties.wait_for_response = { type = "boolean", default = false,
  description = "Wait for the answer, and give its status and body." }

local function check(config)
  local problems = channel.check_provider({}, config, "webhook")
  local function report(pointer, message)
    problems[#problems + 1] = { pointer = pointer, message = message }
  end
  local ok, err = template.check_all(config.url)
  local fixed = type(config.url) == "string" and not template.is_template(config.url)
  if not ok then
    report("/url", err)
  elseif fixed and not config.url:find(URL) then
    report("/url", "must begin with http:// or https://")
  end
  for name, value in pairs(config.headers or {}) do
    local at = "/headers/" .. tostring(name)
    if type(value) ~= "string" or not tostring(name):find(HEADER) then report(at, "is invalid") end
  end
  for _, key in ipairs { "headers", "body" } do
    ok, err = template.check_all(config[key])
    if not ok then report("/" .. key, err) end
  end
  return problems
end

local function message(config, ctx)
  local built = { method = config.method, secret = config.secret }
  for _, key in ipairs { "url", "headers", "body" } do
    local value, err = template.render_all(config[key], ctx.context, ctx.event, ctx.now)
    if err then return nil, key .. " " .. err end
    built[key] = value
  end
  if built.url ~= "" and not built.url:find(URL) then return nil, "url is no http or https URL" end
  for name, value in pairs(built.headers or {}) do
    if value:find "%c" then return nil, "headers." .. name .. " has more than one line" end
  end
  return built
end

---@type kal.Node
return {
  type = "call_webhook",
  category = "action",
  version = "1",
  summary = "Call a URL, and go on at once or with its answer.",
  config = { type = "object", required = { "url" }, properties = properties },
  needs = function() return { customer = true, flow_caps = true } end,
  check = check,
  execute = function(config, ctx)
    local built, err = message(config, ctx)
    if not built then return outcome.fail(err) end
    return channel.send(config, ctx, {
      channel = "webhook",
      key = "url",
      address = channel.address(built.url),
      message = built,
      awaits = config.wait_for_response,
    })
  end,
  resume = function(_, ctx)
    local answer = ctx.answer
    if answer.error then return outcome.fail("call_webhook " .. answer.error) end
    return outcome.complete { status = answer.status, body = answer.body }
  end,
}
