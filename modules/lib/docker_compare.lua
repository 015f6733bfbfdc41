-- docker_compare: whether an option of a container is as wanted. Returns matches(kind, how, want, have): `kind` is what the
-- option holds (value, list, dict, keys, set, set_of_dicts), `how` whether more than is wanted may be there.

local util = use("util")

local function empty(value)
  return value == nil or value == null or value == "" or value == false or value == 0 or
      type(value) == "table" and next(value) == nil
end

local function same(want, have)
  if empty(want) and empty(have) then
    return true
  end
  if type(want) == "number" and type(have) == "number" then
    return want == have
  end
  return util.equal(want, have)
end

-- Every part of `want` stands in `have`.
local function within(want, have)
  if type(want) ~= "table" then
    return same(want, have)
  end
  if type(have) ~= "table" then
    return empty(want)
  end
  for key, value in pairs(want) do
    if not within(value, have[key]) then
      return false
    end
  end
  return true
end

local function has_item(items, wanted)
  for _, item in ipairs(items) do
    if within(wanted, item) then
      return true
    end
  end
  return false
end

return function(kind, how, want, have)
  if kind == "value" then
    return same(want, have)
  end
  want, have = util.present(want) or {}, util.present(have) or {}
  if type(have) ~= "table" then
    return false
  end
  if kind == "list" then
    return #want == #have and util.equal(want, have)
  elseif kind == "dict" then
    return within(want, have) and (how ~= "strict" or within(have, want))
  elseif kind == "keys" then
    for key in pairs(want) do
      if have[key] == nil then
        return false
      end
    end
    return how ~= "strict" or #util.keys(want) == #util.keys(have)
  end
  for _, item in ipairs(want) do
    if not has_item(have, item) then
      return false
    end
  end
  return how ~= "strict" or #want == #have
end
