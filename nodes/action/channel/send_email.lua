--- Sends an e-mail: the engine writes the delivery, a dispatcher hands it to the provider.
local outcome = require "kal.outcome"
local registry = require "kal.registry"
local template = require "kal.template"

local TEXTS = { "subject", "from", "body" }

local function check(config)
  local problems = {}
  if not config.template_id and not config.body then
    problems[1] = { pointer = "/template_id", message = "can't be blank without a body" }
  end
  for _, key in ipairs(TEXTS) do
    if config[key] then
      local ok, err = template.check(config[key])
      if not ok then problems[#problems + 1] = { pointer = "/" .. key, message = err } end
    end
  end
  local ok, err = registry.check_provider(config.provider, "email")
  if not ok then problems[#problems + 1] = { pointer = "/provider", message = err } end
  return problems
end

local function message(config, ctx)
  local built = { template_id = config.template_id }
  for _, key in ipairs(TEXTS) do
    if config[key] then
      local text, err = template.render(config[key], ctx.context, ctx.event, ctx.now)
      if not text then return nil, key .. " " .. err end
      built[key] = text
    end
  end
  return built
end

local function address(customer)
  local email = customer and customer.email
  return type(email) == "string" and email ~= "" and email or nil
end

---@type kal.Node
return {
  type = "send_email",
  category = "action",
  version = "1",
  summary = "Send an e-mail to the customer.",
  config = {
    type = "object",
    properties = {
      template_id = { type = "string", minLength = 1, maxLength = 255,
        description = "The provider's template; needed when there is no body." },
      subject = { type = "string", description = "Subject; may hold {{ expressions }}." },
      from = { type = "string", description = "Sender's address, else the channel's own." },
      body = { type = "string", minLength = 1,
        description = "Text of the message; may hold {{ expressions }}." },
      provider = { type = "string", minLength = 1, maxLength = 255, default = "log",
        description = "Name of the provider plugin." },
      provider_opts = { type = "object", description = "What the provider takes besides." },
    },
  },
  needs = function() return { customer = true } end,
  check = check,
  execute = function(config, ctx)
    local built, err = message(config, ctx)
    if not built then return outcome.fail(err) end
    built.provider_opts = config.provider_opts
    local email = address(ctx.customer)
    local lost = not email and config.provider ~= "log"
    return outcome.with(
      outcome.complete { channel = "email", status = lost and "failed" or "pending" },
      {
        kind = "send",
        channel = "email",
        provider = config.provider,
        recipient = { email = email },
        message = built,
        error = lost and "no_recipient" or nil,
      })
  end,
}
