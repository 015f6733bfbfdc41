-- generalname: the names in certificates, as Ansible writes them.

local der = use("der")
local oids = use("oids")
local util = use("util")

local names = {}

function names.hex(bytes)
  return (util.hex(bytes):gsub("%x%x", "%0:"):gsub(":$", ""))
end

-- -- distinguished names -------------------------------------------------------------------------------------------------

-- The text of a string of ASN.1 as UTF-8.
local function text_of(value)
  if value.tag ~= 0x1e and value.tag ~= 0x1c then
    return utf8.len(value.body) and value.body or error("a text that is not UTF-8", 0)
  end
  local out, unit, high = {}, value.tag == 0x1e and ">I2" or ">I4", nil
  if #value.body % string.packsize(unit) ~= 0 then
    error("a text that is cut off", 0)
  end
  for at = 1, #value.body, string.packsize(unit) do
    local code = string.unpack(unit, value.body, at)
    if high and code >= 0xdc00 and code < 0xe000 then
      code, high = 0x10000 + ((high - 0xd800) << 10) + code - 0xdc00, nil
    elseif high or code >= 0xdc00 and code < 0xe000 or code > 0x10ffff then
      error("a text that is no Unicode", 0)
    end
    if code >= 0xd800 and code < 0xdc00 then
      high = code
    else
      out[#out + 1] = utf8.char(code)
    end
  end
  return not high and table.concat(out) or error("a text that is no Unicode", 0)
end

-- Pairs of an OID and a text, in order.
local function parts(body)
  local out = {}
  for _, set in ipairs(der.children(body)) do
    for _, pair in ipairs(der.children(set.body)) do
      local two = der.children(pair.body)
      out[#out + 1] = { der.oid(two[1].body), text_of(two[2]) }
    end
  end
  return out
end

-- A name as a dict, in which the last of several stays, and as a list of pairs.
function names.attributes(body)
  local by_name, ordered = dict(), list()
  for i, part in ipairs(parts(body)) do
    local name = oids.name(part[1])
    by_name[name], ordered[i] = part[2], list({ name, part[2] })
  end
  return by_name, ordered
end

local function escape(text)
  text = text:gsub('[\\,+<>;"]', "\\%0"):gsub("%z", "\\00"):gsub("^[ #]", "\\%0")
  return (text:gsub(" $", "\\ "))
end

local function directory(body)
  local out, all = {}, parts(body)
  for i = #all, 1, -1 do
    out[#out + 1] = oids.name(all[i][1], true) .. "=" .. escape(all[i][2])
  end
  return table.concat(out, ",")
end

-- -- addresses -----------------------------------------------------------------------------------------------------------

local function ip_text(bytes)
  if #bytes == 4 then
    return ("%d.%d.%d.%d"):format(bytes:byte(1, 4))
  end
  local groups, best, length, run = {}, 0, 1, 0
  for i = 1, 8 do
    groups[i] = ("%x"):format(string.unpack(">I2", bytes, 2 * i - 1))
    run = groups[i] == "0" and run + 1 or 0
    if run > length then
      best, length = i - run + 1, run
    end
  end
  if best == 0 then
    return table.concat(groups, ":")
  end
  return table.concat(groups, ":", 1, best - 1) .. "::" .. table.concat(groups, ":", best + length)
end

local function address(bytes)
  if #bytes == 4 or #bytes == 16 then
    return ip_text(bytes)
  elseif #bytes ~= 8 and #bytes ~= 32 then
    error(("an address of %d bytes"):format(#bytes), 0)
  end
  local half, prefix, ended = #bytes // 2, 0, false
  for i = half * 8, #bytes * 8 - 1 do
    local set = (bytes:byte(i // 8 + 1) >> (7 - i % 8)) & 1 == 1
    if set and ended then
      error("an address with a mask that has gaps", 0)
    end
    prefix, ended = prefix + (set and 1 or 0), not set
  end
  return ip_text(bytes:sub(1, half)) .. "/" .. prefix
end

-- -- hosts ---------------------------------------------------------------------------------------------------------------

-- A label behind xn-- in Unicode: RFC 3492.
local function punycode(label)
  local plain, coded = label:match("^(.*)%-([^-]*)$")
  local out, n, i, bias = {}, 128, 0, 72
  for _, code in utf8.codes(plain or "") do
    out[#out + 1] = code
  end
  coded = coded or label
  local at, first = 1, true
  while at <= #coded do
    local old, weight, k = i, 1, 36
    while true do
      local ch = coded:sub(at, at):lower()
      local digit = ch:match("%l") and ch:byte() - 97 or ch:match("%d") and ch:byte() - 22
      if not digit or i > 1 << 40 then
        error("the name xn--" .. label .. " is no Punycode", 0)
      end
      at, i = at + 1, i + digit * weight
      local threshold = math.max(1, math.min(26, k - bias))
      if digit < threshold then
        break
      end
      weight, k = weight * (36 - threshold), k + 36
    end
    local delta = (i - old) // (first and 700 or 2)
    delta, k, first = delta + delta // (#out + 1), 0, false
    while delta > 455 do
      delta, k = delta // 35, k + 36
    end
    bias = k + 36 * delta // (delta + 38)
    n, i = n + i // (#out + 1), i % (#out + 1)
    if n > 0x10ffff then
      error("the name xn--" .. label .. " is no Punycode", 0)
    end
    table.insert(out, i + 1, n)
    i = i + 1
  end
  return utf8.char(table.unpack(out))
end

local function host(name, encoding)
  if encoding ~= "unicode" then
    return name
  end
  return (name:gsub("[^.]+", function(label)
    return label:match("^xn%-%-") and punycode(label:sub(5)) or nil
  end))
end

local function email(text, encoding)
  local user, domain = text:match("^([^@]*)@(.*)$")
  return user and user .. "@" .. host(domain, encoding) or text
end

-- A URI with its scheme and host in small letters, without empty parts, as Python puts it together again.
local function uri(text, encoding)
  local scheme, rest = text:match("^(%a[%w+.-]*):(.*)$")
  if not scheme then
    return text
  end
  local place, tail = rest:match("^//([^/?#]*)(.*)$")
  tail = (tail or rest):gsub("#$", ""):gsub("%?$", ""):gsub("%?#", "#")
  if not place then
    return scheme:lower() .. ":" .. tail
  end
  local user, where = place:match("^(.*)@([^@]*)$")
  where = where or place
  local name, port = where:match("^%[(.-)%]:?(%d*)$")
  if not name then
    name, port = where:match("^(.-):(%d*)$")
  end
  port = tonumber(port or "")
  return scheme:lower() .. "://" .. (user and user .. "@" or "") .. host((name or where):lower(), encoding) .. (port and ":" .. port or "") .. tail
end

-- -- general names -------------------------------------------------------------------------------------------------------

local KINDS = {
  [0x82] = function(body, encoding) return "DNS:" .. host(body, encoding) end,
  [0x81] = function(body, encoding) return "email:" .. email(body, encoding) end,
  [0x86] = function(body, encoding) return "URI:" .. uri(body, encoding) end,
  [0x87] = function(body) return "IP:" .. address(body) end,
  [0x88] = function(body) return "RID:" .. der.oid(body) end,
  [0xa4] = function(body) return "dirName:" .. directory(der.only(body, 0x30).body) end,
  [0xa0] = function(body)
    local two = der.children(body)
    return "otherName:" .. der.oid(two[1].body) .. ";" .. names.hex(two[2].body)
  end,
}

-- The names in a content.
function names.list(body, encoding)
  local out = list()
  for i, value in ipairs(der.children(body)) do
    local read = KINDS[value.tag] or error(("a name of the type %d, which is not known"):format(value.tag % 32), 0)
    if value.tag < 0x87 and value.body:find("[\128-\255]") then
      error("a name of a host with bytes beyond ASCII", 0)
    end
    out[i] = read(value.body, encoding)
  end
  return out
end

return names
