--- A memory of a pure function of one string, bounded by the count of the texts and by their bytes.
--- When it is full it is emptied, not aged: what the flows in use need is made once more, and no
--- bookkeeping sits on the hot path. A text that would fill it alone is not kept.
local cache = {}

cache.LIMIT = 1000
cache.BYTES = 4194304
--- Of what is compiled: that takes up to some 250 times the room of its text.
cache.PROGRAMS = 262144

--- Wraps `make(text)` → value | nil, err so that each text is made once.
---@generic T
---@param make fun(text: string): T?, string?
---@param limit? integer texts
---@param most? integer their bytes together
---@return fun(text: string): T?, string?
function cache.new(make, limit, most)
  limit, most = limit or cache.LIMIT, most or cache.BYTES
  local values, errors, count, bytes = {}, {}, 0, 0

  return function(text)
    local value = values[text]
    if value ~= nil then return value end
    local err = errors[text]
    if err then return nil, err end
    if #text > most then return make(text) end
    if count >= limit or bytes + #text > most then
      values, errors, count, bytes = {}, {}, 0, 0
    end
    count, bytes = count + 1, bytes + #text
    value, err = make(text)
    if value == nil then errors[text] = err else values[text] = value end
    return value, err
  end
end

return cache
