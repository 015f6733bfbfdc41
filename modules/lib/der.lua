-- der: reads ASN.1 values in DER, as certificates and keys are written. What is wrong is an error with the reason: pcall.

local der = {}

-- The value at a place: its tag, its content, all of its bytes; then the place behind it.
function der.read(text, at)
  at = at or 1
  local tag, length = text:byte(at, at + 1)
  local from = at + 2
  if not length then
    error("a value is cut off", 0)
  end
  if tag % 32 == 31 then
    error("a tag of more than one byte", 0)
  end
  if length >= 128 then
    local bytes = length - 128
    if bytes == 0 or bytes > 4 or from + bytes - 1 > #text then
      error("a length that is not DER's", 0)
    end
    length = string.unpack(">I" .. bytes, text, from)
    from = from + bytes
  end
  if from + length - 1 > #text then
    error("a value is cut off", 0)
  end
  return { tag = tag, body = text:sub(from, from + length - 1), whole = text:sub(at, from + length - 1) }, from + length
end

-- The one value that fills a text, of that tag where one is given.
function der.only(text, tag)
  local value, behind = der.read(text)
  if behind <= #text then
    error("something follows the value", 0)
  end
  if tag and value.tag ~= tag then
    error(("expected a value with tag 0x%02x, found 0x%02x"):format(tag, value.tag), 0)
  end
  return value
end

-- The values within a content.
function der.children(text)
  local out, at = {}, 1
  while at <= #text do
    out[#out + 1], at = der.read(text, at)
  end
  return out
end

-- The values in the one sequence that a text is.
function der.sequence(text)
  return der.children(der.only(text, 0x30).body)
end

-- An object identifier's content in its dotted form.
function der.oid(body)
  local out, value = {}, 0
  for i = 1, #body do
    local byte = body:byte(i)
    if value >= 1 << 55 then
      error("an object identifier with a part of more than 62 bits", 0)
    end
    value = value * 128 + byte % 128
    if byte < 128 then
      if #out == 0 then
        local first = math.min(value // 40, 2)
        out[1], out[2] = first, value - 40 * first
      else
        out[#out + 1] = value
      end
      value = 0
    end
  end
  if #out == 0 or body:byte(-1) >= 128 then
    error("an object identifier is cut off", 0)
  end
  return table.concat(out, ".")
end

-- The number that unsigned bytes are, most significant first.
function der.unsigned(bytes)
  local limbs, from = { 0 }, bytes:find("[^\0]") or #bytes + 1
  if #bytes - from >= 1785 then
    error("a number of more than 4300 digits", 0)
  end
  for at = from, #bytes do
    local carry = bytes:byte(at)
    for i = 1, #limbs do
      local value = limbs[i] * 256 + carry
      limbs[i], carry = value % 1000000000000, value // 1000000000000
    end
    if carry > 0 then
      limbs[#limbs + 1] = carry
    end
  end
  local text = { tostring(limbs[#limbs]) }
  for i = #limbs - 1, 1, -1 do
    text[#text + 1] = ("%012d"):format(limbs[i])
  end
  return integer(table.concat(text))
end

-- The number in the content of an integer.
function der.integer(body)
  if body == "" then
    error("an integer without content", 0)
  end
  if body:byte(1) < 128 then
    return der.unsigned(body)
  end
  local positive, carry = {}, 1  -- two's complement
  for i = #body, 1, -1 do
    local byte = 255 - body:byte(i) + carry
    positive[i], carry = string.char(byte % 256), byte // 256
  end
  return integer("-" .. tostring(der.unsigned(table.concat(positive))))
end

-- The bits of a bit string's content, which has only whole bytes.
function der.bytes(body)
  if body:byte(1) ~= 0 then
    error("a bit string that does not end with a byte", 0)
  end
  return body:sub(2)
end

function der.pem(c, label, bytes)
  local lines = c.base64.encode(bytes):gsub("%s", ""):gsub(("."):rep(64), "%0\n"):gsub("\n$", "")
  return "-----BEGIN " .. label .. "-----\n" .. lines .. "\n-----END " .. label .. "-----\n"
end

return der
