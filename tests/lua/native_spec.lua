local native = require "kal.native"

local function local_at(zone, iso)
  return native.zone_local(zone, (assert(native.parse_time(iso))))
end

describe("zone_local", function()
  it("shows what clocks in the zone show", function()
    assert.same({ year = 2025, month = 12, day = 31, hour = 19, minute = 30, weekday = 3 },
      local_at("America/New_York", "2026-01-01T00:30:59Z"))
    assert.same({ year = 2026, month = 1, day = 1, hour = 9, minute = 30, weekday = 4 },
      local_at("Asia/Tokyo", "2026-01-01T00:30:59Z"))
    assert.same(local_at("UTC", "2026-01-01T00:30:00Z"), local_at("Mars/Olympus",
      "2026-01-01T00:30:00Z"))
  end)

  it("knows the days of the week over leap years and centuries", function()
    local days = {
      ["2024-02-28"] = 3, ["2024-02-29"] = 4, ["2024-03-01"] = 5, ["2000-02-29"] = 2,
      ["1900-03-01"] = 4, ["2100-02-28"] = 7, ["2100-03-01"] = 1, ["1970-01-01"] = 4,
    }
    for day, weekday in pairs(days) do
      assert.equal(weekday, local_at("UTC", day .. "T12:00:00Z").weekday, day)
    end
  end)
end)
