--- Where a segment's members enter at the instants of a schedule. The engine finds them.
local native = require "kal.native"
local outcome = require "kal.outcome"

local function check(config)
  local problems = {}
  local ok, err = native.cron_check(config.cron)
  if not ok then problems[#problems + 1] = { pointer = "/cron", message = err } end
  if config.timezone and not native.zone_known(config.timezone) then
    problems[#problems + 1] = { pointer = "/timezone", message = "is not a known time zone" }
  end
  return problems
end

---@type kal.Node
return {
  type = "scheduled_entry",
  category = "trigger",
  version = "1",
  summary = "Start for all members of a segment at the instants of a schedule.",
  config = {
    type = "object",
    required = { "cron", "segment_id" },
    properties = {
      cron = {
        type = "string", maxLength = 255,
        description = "Minute, hour, day of month, month, day of week, as in 0 9 * * mon-fri.",
      },
      timezone = {
        type = "string", maxLength = 255, default = "UTC",
        description = "Time zone of the schedule, such as Europe/Berlin.",
      },
      segment_id = {
        type = "string", maxLength = 255,
        description = "Id of the segment whose members enter.",
      },
    },
  },
  check = check,
  execute = function(_, ctx)
    return outcome.complete {
      scheduled_for = ctx.context._scheduled_for or native.format_time(ctx.now),
    }
  end,
}
