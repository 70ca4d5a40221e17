local duration = require "kal.duration"

describe("duration", function()
  it("reads every unit", function()
    local cases = {
      ["250ms"] = 250, ["0s"] = 0, ["30s"] = 30000, ["5m"] = 300000, ["12h"] = 43200000,
      ["3d"] = 259200000, ["2w"] = 1209600000, ["520w"] = 314496000000, ["3650d"] = 315360000000,
    }
    for text, ms in pairs(cases) do assert.equal(ms, duration.parse(text), text) end
  end)

  it("refuses anything else, also more than ten years", function()
    for _, text in ipairs { "", "3", "d", "-1d", "1.5h", " 3d", "3d ", "3D", "3min", "1e3s", "３d",
      "11000000h", ("9"):rep(400) .. "d" } do
      local ms, err = duration.parse(text)
      assert.is_nil(ms, text)
      assert.is_string(err)
    end
    assert.is_nil((duration.parse(nil)))
    assert.is_nil((duration.parse {}))
  end)
end)
