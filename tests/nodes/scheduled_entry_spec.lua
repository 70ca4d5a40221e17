local support = require "support"

local CONFIG = { cron = "0 9 * * mon", segment_id = "s-1" }

describe("scheduled_entry", function()
  it("tells the instant it stands for, else the time of a trigger", function()
    local context = support.context { _scheduled_for = "2026-03-02T08:00:00.000Z" }
    local given = support.run("scheduled_entry", CONFIG, { context = context })
    assert.same({ scheduled_for = "2026-03-02T08:00:00.000Z" }, given.result)
    assert.same({ scheduled_for = "2026-03-01T10:00:00.000Z" },
      support.run("scheduled_entry", CONFIG).result)
  end)

  it("needs a schedule, a segment, and a zone that is known", function()
    assert.same({}, support.problems("scheduled_entry", CONFIG))
    assert.same({ "/cron: can't be blank", "/segment_id: can't be blank" },
      support.problems("scheduled_entry", {}))
    local wrong = { cron = "60 * * * *", timezone = "Mars/Base", segment_id = "s-1" }
    assert.same({
      "/cron: the minute is no list of 0 to 59", "/timezone: is not a known time zone",
    }, support.problems("scheduled_entry", wrong))
  end)
end)
