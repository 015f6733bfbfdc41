-- pubkey: what a public key is, from its DER form.

local der = use("der")

local pubkey = {}

local TYPES = {
  ["1.2.840.113549.1.1.1"] = "RSA", ["1.2.840.113549.1.1.10"] = "RSA", ["1.2.840.10040.4.1"] = "DSA", ["1.2.840.10045.2.1"] = "ECC",
  ["1.3.101.110"] = "X25519", ["1.3.101.111"] = "X448", ["1.3.101.112"] = "Ed25519", ["1.3.101.113"] = "Ed448",
}

local CURVES = {
  ["1.2.840.10045.3.1.1"] = { "secp192r1", 192 }, ["1.2.840.10045.3.1.7"] = { "secp256r1", 256 }, ["1.3.132.0.33"] = { "secp224r1", 224 },
  ["1.3.132.0.34"] = { "secp384r1", 384 }, ["1.3.132.0.35"] = { "secp521r1", 521 }, ["1.3.132.0.10"] = { "secp256k1", 256 },
  ["1.3.36.3.3.2.8.1.1.7"] = { "brainpoolP256r1", 256 }, ["1.3.36.3.3.2.8.1.1.11"] = { "brainpoolP384r1", 384 },
  ["1.3.36.3.3.2.8.1.1.13"] = { "brainpoolP512r1", 512 },
}

-- How many bits the number in an integer's content has.
local function bits(body)
  local bytes = body:match("^\0*(.*)$")
  local top, n = bytes:byte(1) or 0, 0
  while top > 0 do
    top, n = top >> 1, n + 1
  end
  return math.max(#bytes - 1, 0) * 8 + n
end

local function curve_point(parameters, point)
  local curve, size = pubkey.curve(parameters)
  if not curve then
    error("a key on a curve that is not known", 0)
  end
  local width = (#point - 1) // 2
  if point:byte(1) ~= 4 or width ~= (size + 7) // 8 or #point ~= 2 * width + 1 then
    error("a point on " .. curve .. " that is not in uncompressed form", 0)
  end
  return dict({
    curve = curve, exponent_size = size, x = der.unsigned(point:sub(2, width + 1)), y = der.unsigned(point:sub(width + 2)),
  })
end

-- The type of a key, nil for one that is not known; the key itself; the parameters of its type; the type's identifier.
function pubkey.parts(spki)
  local outer = der.sequence(spki)
  local algorithm = der.children(outer[1].body)
  local id = der.oid(algorithm[1].body)
  return TYPES[id], der.bytes(outer[2].body), algorithm[2], id
end

-- The name of the curve that the parameters of a type ECC are, and its bits; nil for one that is not known.
function pubkey.curve(parameters)
  return table.unpack(parameters.tag == 0x06 and CURVES[der.oid(parameters.body)] or {})
end

-- The type of a key and its numbers, as Ansible shows them; an error for a key that is not known.
function pubkey.describe(spki)
  local kind, key, parameters, id = pubkey.parts(spki)
  local data = dict()
  if kind == "RSA" then
    local numbers = der.sequence(key)
    data = dict({ size = bits(numbers[1].body), modulus = der.integer(numbers[1].body), exponent = der.integer(numbers[2].body) })
  elseif kind == "DSA" then
    local numbers = der.children(parameters.body)
    data = dict({
      size = bits(numbers[1].body), p = der.integer(numbers[1].body), q = der.integer(numbers[2].body), g = der.integer(numbers[3].body),
      y = der.integer(der.only(key, 0x02).body),
    })
  elseif kind == "ECC" then
    data = curve_point(parameters, key)
  elseif not kind then
    error("a public key of the type " .. id .. ", which is not known", 0)
  end
  return kind, data
end

return pubkey
