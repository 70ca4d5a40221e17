--- What nodes that send share: the texts of a message, its address, and the delivery they ask for.
local outcome = require "kal.outcome"
local registry = require "kal.registry"
local template = require "kal.template"

local channel = {}

--- Every channel that a delivery may have.
channel.NAMES = { "email", "sms", "push", "whatsapp", "in_app", "webhook" }

local TEXTS = { "subject", "from", "body" }

local function phone(ctx)
  return ctx.customer and ctx.customer.phone
end

--- Whom a message of a channel reaches: the name of the address, and where it is found.
---@type table<string, { key: string, address: fun(ctx: kal.Ctx): any }>
local RECIPIENTS = {
  email = { key = "email", address = function(ctx) return ctx.customer and ctx.customer.email end },
  sms = { key = "phone", address = phone },
  whatsapp = { key = "phone", address = phone },
  push = {
    key = "push_token",
    address = function(ctx)
      local properties = ctx.customer and ctx.customer.properties
      return type(properties) == "table" and properties.push_token
    end,
  },
  in_app = { key = "customer_id", address = function(ctx) return ctx.context._customer_id end },
}

--- The properties that every node which sends has.
---@return table<string, table>
function channel.properties()
  return {
    provider = { type = "string", minLength = 1, maxLength = 255, default = "log",
      description = "Name of the provider plugin." },
    provider_opts = { type = "object", description = "What the provider takes besides." },
  }
end

--- Adds to the problems that the provider is not there or does not send by the channel.
---@param problems kal.Problem[]
---@param config table
---@param name string
---@return kal.Problem[]
function channel.check_provider(problems, config, name)
  local ok, err = registry.check_provider(config.provider, name)
  if not ok then problems[#problems + 1] = { pointer = "/provider", message = err } end
  return problems
end

--- One of the flow's own caps is reached for this channel.
local function is_capped(ctx, name)
  for _, cap in ipairs(ctx.caps or {}) do
    if cap.max and cap.count >= cap.max and (cap.channel == "all" or cap.channel == name) then
      return true
    end
  end
  return false
end

local function refusal(config, ctx, name, address)
  if not address and config.provider ~= "log" then return "no_recipient" end
  return is_capped(ctx, name) and "frequency_cap_exceeded" or nil
end

--- The caps see a message that goes, before the next one of the same walk asks.
local function count(ctx, name)
  for _, cap in ipairs(ctx.caps or {}) do
    if cap.channel == "all" or cap.channel == name then cap.count = cap.count + 1 end
  end
end

--- The effect of a delivery, to the channel's address of the customer when none is given: one that
--- cannot leave has an error.
local function delivery(config, ctx, given)
  if not given.key then
    local recipient = RECIPIENTS[given.channel]
    given.key, given.address = recipient.key, channel.address(recipient.address(ctx))
  end
  local error = refusal(config, ctx, given.channel, given.address)
  if not error then count(ctx, given.channel) end
  given.message.provider_opts = config.provider_opts
  return {
    kind = "send",
    channel = given.channel,
    provider = config.provider,
    recipient = { [given.key] = given.address },
    message = given.message,
    error = error,
  }
end

--- Asks for a delivery. One that cannot leave is written as failed, and the node completes with
--- that; else it completes as pending or, with `awaits`, waits for what becomes of it.
---@param config table with the provider
---@param ctx kal.Ctx
---@param given { channel: string, key?: string, address?: string, message: table,
---  awaits?: boolean }
---@return kal.Outcome
function channel.send(config, ctx, given)
  local effect = delivery(config, ctx, given)
  effect.awaits = given.awaits and not effect.error or nil
  local done = effect.awaits and outcome.wait {} or outcome.complete {
    channel = given.channel, status = effect.error and "failed" or "pending", error = effect.error,
  }
  return outcome.with(done, effect)
end

--- A text that is there, or nil.
---@param value any
---@return string?
function channel.address(value)
  return type(value) == "string" and value ~= "" and value or nil
end

local MESSAGE = { "template_id", "subject", "from", "body", "placement", "expires_at" }

--- The effect of a message that code asks for, {channel, provider?, provider_opts?, and the
--- message's own fields}; nil and why when it is not in order. Its texts are taken as they are.
---@param given any
---@param ctx kal.Ctx
---@return kal.Effect?
---@return string? err
function channel.effect(given, ctx)
  if type(given) ~= "table" or not RECIPIENTS[given.channel] then
    return nil, "send needs a channel: email, sms, push, whatsapp or in_app"
  end
  local config = { provider = given.provider or "log", provider_opts = given.provider_opts }
  local ok, err = registry.check_provider(config.provider, given.channel)
  if not ok then return nil, "send's provider " .. err end
  local message = {}
  for _, key in ipairs(MESSAGE) do
    local value = given[key]
    if value ~= nil and type(value) ~= "string" then
      return nil, "send's " .. key .. " is no text"
    end
    message[key] = value
  end
  if not message.template_id and not message.body then
    return nil, "send needs a template_id or a body"
  end
  if config.provider_opts ~= nil and type(config.provider_opts) ~= "table" then
    return nil, "send's provider_opts is no table"
  end
  return delivery(config, ctx, { channel = given.channel, message = message })
end

local function check_texts(config)
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

--- A node type that sends a text to an address of the customer's.
---@param given { type: string, summary: string, channel: string }
---@return kal.Node
function channel.node(given)
  local properties = channel.properties()
  properties.template_id = { type = "string", minLength = 1, maxLength = 255,
    description = "The provider's template; needed when there is no body." }
  properties.subject = { type = "string", description = "Subject; may hold {{ expressions }}." }
  properties.from = { type = "string", description = "Sender's address, else the channel's own." }
  properties.body = { type = "string", minLength = 1,
    description = "Text of the message; may hold {{ expressions }}." }
  return {
    type = given.type,
    category = "action",
    version = "1",
    summary = given.summary,
    config = { type = "object", properties = properties },
    needs = function() return { customer = true, flow_caps = true } end,
    check = function(config)
      return channel.check_provider(check_texts(config), config, given.channel)
    end,
    execute = function(config, ctx)
      local built, err = message(config, ctx)
      if not built then return outcome.fail(err) end
      return channel.send(config, ctx, { channel = given.channel, message = built })
    end,
  }
end

return channel
