--- What nodes that send share: the texts of a message, its address, and the delivery they ask for.
local outcome = require "kal.outcome"
local registry = require "kal.registry"
local template = require "kal.template"

local channel = {}

--- Every channel that a delivery may have.
channel.NAMES = { "email", "sms", "push", "whatsapp", "in_app", "webhook" }

local TEXTS = { "subject", "from", "body" }

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

--- Asks for a delivery. One that cannot leave is written as failed, and the node completes with
--- that; else it completes as pending or, with `awaits`, waits for what becomes of it.
---@param config table with the provider
---@param ctx kal.Ctx
---@param given { channel: string, key: string, address: string?, message: table, awaits?: boolean }
---@return kal.Outcome
function channel.send(config, ctx, given)
  local error = refusal(config, ctx, given.channel, given.address)
  local awaits = given.awaits and not error
  given.message.provider_opts = config.provider_opts
  local done = awaits and outcome.wait {} or outcome.complete {
    channel = given.channel, status = error and "failed" or "pending", error = error,
  }
  return outcome.with(done, {
    kind = "send",
    channel = given.channel,
    provider = config.provider,
    recipient = { [given.key] = given.address },
    message = given.message,
    error = error,
    awaits = awaits or nil,
  })
end

--- A text that is there, or nil.
---@param value any
---@return string?
function channel.address(value)
  return type(value) == "string" and value ~= "" and value or nil
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
---@param given { type: string, summary: string, channel: string, key: string,
---  address: fun(customer: table): any }
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
      return channel.send(config, ctx, {
        channel = given.channel,
        key = given.key,
        address = ctx.customer and channel.address(given.address(ctx.customer)),
        message = built,
      })
    end,
  }
end

return channel
