local kit = require "kal.kit"
local describe, it, expect = kit.describe, kit.it, kit.expect

local function host_at(at, timezone)
  return kit.host { at = at, customer = { timezone = timezone } }
end

local function branch_at(at, timezone, config)
  return host_at(at, timezone):run("business_hours", config).branch
end

describe("business_hours", function()
  it("goes by the customer's clock, then the config's, then UTC", function()
    -- A Monday, 12:00 UTC: 13:00 in Berlin, 07:00 in New York, 21:00 in Tokyo.
    local noon = "2026-01-05T12:00:00Z"
    expect(branch_at(noon, "Europe/Berlin")).equals "open"
    expect(branch_at(noon, "America/New_York")).equals "closed"
    expect(branch_at(noon, "Asia/Tokyo")).equals "closed"
    expect(branch_at(noon, nil, { timezone = "Asia/Tokyo" })).equals "closed"
    expect(branch_at(noon, "Europe/Berlin", { timezone = "Asia/Tokyo" })).equals "open"
    expect(branch_at(noon, "Mars/Olympus")).equals "open"
  end)

  it("opens with the first minute and closes with the last", function()
    expect(branch_at("2026-01-05T08:59:59Z")).equals "closed"
    expect(branch_at("2026-01-05T09:00:00Z")).equals "open"
    expect(branch_at("2026-01-05T16:59:59Z")).equals "open"
    expect(branch_at("2026-01-05T17:00:00Z")).equals "closed"
  end)

  it("tells when it opens: after a weekend on Monday", function()
    local done = host_at("2026-01-09T18:00:00Z", "Europe/Berlin"):run "business_hours"
    expect(done.result).equals {
      open = false, timezone = "Europe/Berlin", opens_at = "2026-01-12T08:00:00.000Z",
    }
  end)

  it("keeps 09:00 at 09:00 when clocks change", function()
    -- In Berlin clocks go forward on 29 March 2026, back on 25 October.
    local week = { days = { "mon" }, wait = true }
    local spring = host_at("2026-03-27T20:00:00Z", "Europe/Berlin"):run("business_hours", week)
    expect(spring.until_at).equals "2026-03-30T07:00:00.000Z"
    local autumn = host_at("2026-10-23T20:00:00Z", "Europe/Berlin"):run("business_hours", week)
    expect(autumn.until_at).equals "2026-10-26T08:00:00.000Z"
  end)

  it("opens right after an hour that the clocks skip", function()
    local config = { days = { "sun" }, from = "02:30", to = "05:00" }
    expect(branch_at("2026-03-29T00:59:00Z", "Europe/Berlin", config)).equals "closed"
    expect(branch_at("2026-03-29T01:00:00Z", "Europe/Berlin", config)).equals "open"
  end)

  it("has nights that belong to the day they begin on", function()
    local night = { days = { "fri" }, from = "22:00", to = "06:00" }
    expect(branch_at("2026-01-09T21:59:00Z", nil, night)).equals "closed"
    expect(branch_at("2026-01-09T22:00:00Z", nil, night)).equals "open"
    expect(branch_at("2026-01-10T05:59:00Z", nil, night)).equals "open"
    expect(branch_at("2026-01-10T06:00:00Z", nil, night)).equals "closed"
    expect(branch_at("2026-01-09T05:00:00Z", nil, night)).equals "closed"
    local sunday = { days = { "sun" }, from = "00:00", to = "00:00" }
    expect(branch_at("2026-01-11T23:59:00Z", nil, sunday)).equals "open"
    expect(branch_at("2026-01-12T00:00:00Z", nil, sunday)).equals "closed"
  end)

  it("waits until it opens, and goes on at once when it is open", function()
    local host = host_at("2026-01-10T12:00:00Z")
    local done = host:run("business_hours", { wait = true })
    expect(done.kind).equals "wait"
    expect(done.until_at).equals "2026-01-12T09:00:00.000Z"
    expect(done.absolute).equals(true)
    expect(host:timeout().result).equals { open = true, timezone = "UTC", waited = true }
    done = host:run("business_hours", { wait = true })
    expect(done.result).equals { open = true, timezone = "UTC" }
  end)

  it("waits again when the timer comes after closing", function()
    local host = host_at("2026-01-12T06:00:00Z")
    host:run("business_hours", { wait = true })
    host:at "2026-01-12T20:00:00Z"
    expect(host:timeout().until_at).equals "2026-01-13T09:00:00.000Z"
  end)

  it("says what is wrong with a config", function()
    expect(kit.problems("business_hours", { days = { "mon" }, timezone = "Mars/Olympus" })).equals {
      "/timezone: is no known time zone",
    }
    expect(kit.problems("business_hours", { days = { "monday" }, from = "9" })).equals {
      "/days/0: must be one of mon, tue, wed, thu, fri, sat, sun",
      "/from: must be a time such as 09:30",
    }
  end)
end)
