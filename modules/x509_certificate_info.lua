-- x509_certificate_info: what stands in a certificate.

local der = use("der")
local names = use("generalname")
local oids = use("oids")
local pubkey = use("pubkey")
local util = use("util")
local x509 = use("x509")

local KEY_USAGES = {
  "Digital Signature", "Non Repudiation", "Key Encipherment", "Data Encipherment", "Key Agreement", "Certificate Sign", "CRL Sign",
  "Encipher Only", "Decipher Only",
}
local KEY_AGREEMENT, STATUS_REQUEST = 5, 5
local OCSP, CA_ISSUERS = "1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2"

-- -- the text ------------------------------------------------------------------------------------------------------------

-- The first certificate in a text; nil when there is none.
local function from_pem(c, text)
  for label, body in ("\n" .. text):gmatch("\n%-%-%-%-%-BEGIN ([%w ]-)%-%-%-%-%-\r?\n(.-)\n%-%-%-%-%-END [%w ]-%-%-%-%-%-") do
    if label == "CERTIFICATE" or label == "X509 CERTIFICATE" then
      local ok, bytes = pcall(c.base64.decode, (body:gsub("%s", "")))
      return ok and bytes or nil
    end
  end
end

local function certificate(c)
  local a = c.args
  local text = a.content or c.fs.read(a.path)
  if not text then
    c:fail("Error while reading certificate file from disk: [Errno 2] No such file or directory: '" .. a.path .. "'")
  end
  -- A file is DER unless it begins as PEM does.
  local pem = a.content or text:match("^%-%-%-%-%-BEGIN [^\n]+%-%-%-%-%-\r?\n")
  return not pem and text or from_pem(c, text) or
    c:fail("Unable to load PEM file: expected a certificate between the lines -----BEGIN CERTIFICATE----- and " ..
      "-----END CERTIFICATE----- in " .. (a.content and "content" or a.path) .. ", and found none that can be read")
end

-- -- times ---------------------------------------------------------------------------------------------------------------

-- UTCTime or GeneralizedTime as YYYYMMDDHHMMSSZ.
local function time(value)
  local text = value.body
  if value.tag == 0x17 and text:match("^%d%d%d%d%d%d%d%d%d%d%d%dZ$") then
    return (tonumber(text:sub(1, 2)) < 50 and "20" or "19") .. text
  elseif value.tag == 0x18 and text:match("^%d%d%d%d%d%d%d%d%d%d%d%d%d%dZ$") then
    return text
  end
  error("a time that is neither YYMMDDHHMMSSZ nor YYYYMMDDHHMMSSZ", 0)
end

-- The points of valid_at, by name.
local function points(c)
  local out = {}
  for name, text in pairs(c.args.valid_at or {}) do
    if type(text) ~= "string" then
      c:fail("The value for valid_at." .. name .. " must be of type string (got " .. type(text) .. ")")
    end
    out[name] = x509.time(c, text, "valid_at." .. name)
  end
  return out
end

-- -- extensions ----------------------------------------------------------------------------------------------------------

-- OID to { critical, value }.
local function extensions(field)
  local out = {}
  for _, one in ipairs(field and der.sequence(field.body) or {}) do
    local parts = der.children(one.body)
    local id, value = der.oid(parts[1].body), parts[#parts]
    if out[id] then
      error("the extension " .. id .. " is there twice", 0)
    end
    if value.tag ~= 0x04 then
      error("the extension " .. id .. " has no octet string", 0)
    end
    out[id] = { critical = #parts == 3 and parts[2].body ~= "\0", value = value.body }
  end
  return out
end

local READ = {}

function READ.key_usage(value)
  local body, out = der.only(value, 0x03).body, list()
  local function bit(n)
    return ((body:byte(2 + (n - 1) // 8) or 0) >> (7 - (n - 1) % 8)) & 1 == 1
  end
  for n, name in ipairs(KEY_USAGES) do
    if bit(n) and (n < 8 or bit(KEY_AGREEMENT)) then
      out[#out + 1] = name
    end
  end
  table.sort(out)
  return out
end

function READ.extended_key_usage(value)
  local out = list()
  for _, one in ipairs(der.sequence(value)) do
    out[#out + 1] = oids.name(der.oid(one.body))
  end
  table.sort(out)
  return out
end

function READ.basic_constraints(value)
  local out = list({ "CA:FALSE" })
  for _, one in ipairs(der.sequence(value)) do
    if one.tag == 0x01 then
      out[1] = one.body ~= "\0" and "CA:TRUE" or "CA:FALSE"
    else
      out[2] = "pathlen:" .. tostring(der.integer(one.body))
    end
  end
  return out
end

function READ.ocsp_must_staple(value)
  for _, one in ipairs(der.sequence(value)) do
    if der.integer(one.body) == STATUS_REQUEST then
      return true
    end
  end
  return false
end

function READ.subject_alt_name(value, encoding)
  return names.list(der.only(value, 0x30).body, encoding)
end

local OIDS = {
  key_usage = "2.5.29.15", extended_key_usage = "2.5.29.37", basic_constraints = "2.5.29.19", ocsp_must_staple = "1.3.6.1.5.5.7.1.24",
  subject_alt_name = "2.5.29.17",
}

local function authority(out, value, encoding)
  for _, part in ipairs(value and der.sequence(value) or {}) do
    if part.tag == 0x80 then
      out.authority_key_identifier = names.hex(part.body)
    elseif part.tag == 0xa1 then
      out.authority_cert_issuer = names.list(part.body, encoding)
    elseif part.tag == 0x82 then
      out.authority_cert_serial_number = der.integer(part.body)
    end
  end
end

local function access(out, value)
  for _, one in ipairs(value and der.sequence(value) or {}) do
    local parts = der.children(one.body)
    local id, where = der.oid(parts[1].body), parts[2]
    local key = id == OCSP and "ocsp_uri" or id == CA_ISSUERS and "issuer_uri"
    if key and out[key] == null and where.tag == 0x86 then
      out[key] = where.body
    end
  end
end

local function read_extensions(c, out, field)
  local found, encoding = extensions(field), c.args.name_encoding
  for key, id in pairs(OIDS) do
    local one = found[id]
    out[key], out[key .. "_critical"] = null, one ~= nil and one.critical
    if one then
      out[key] = READ[key](one.value, encoding)
    end
  end
  local function value(id)
    return found[id] and found[id].value
  end
  for _, key in ipairs({ "authority_key_identifier", "authority_cert_issuer", "authority_cert_serial_number", "ocsp_uri", "issuer_uri" }) do
    out[key] = null
  end
  local ski = value("2.5.29.14")
  out.subject_key_identifier = ski and names.hex(der.only(ski, 0x04).body) or null
  authority(out, value("2.5.29.35"), encoding)
  access(out, value("1.3.6.1.5.5.7.1.1"))
  out.extensions_by_oid = dict()
  for id, one in pairs(found) do
    out.extensions_by_oid[id] = { critical = one.critical, value = c.base64.encode(one.value) }
  end
end

-- -- the certificate -----------------------------------------------------------------------------------------------------

-- The fields by their names: the version and the extensions may be missing.
local function fields(bytes)
  local outer = der.sequence(bytes)
  local parts = der.children(outer[1].body)
  local version = 0
  if parts[1].tag == 0xa0 then
    version = der.integer(der.only(table.remove(parts, 1).body, 0x02).body)
  end
  if version ~= 0 and version ~= 2 then
    error("a certificate of version " .. tostring(version) .. ": expected 0 or 2, which are version 1 and 3", 0)
  end
  local out = { version = version + 1, serial = parts[1], issuer = parts[3], times = der.children(parts[4].body), subject = parts[5], key = parts[6] }
  out.algorithm = der.children(parts[2].body)[1]
  for i = 7, #parts do
    if parts[i].tag == 0xa3 then
      out.extensions = parts[i]
    end
  end
  return out
end

local function describe(c, bytes)
  local f, out = fields(bytes), {}
  out.signature_algorithm = oids.name(der.oid(f.algorithm.body))
  out.subject, out.subject_ordered = names.attributes(f.subject.body)
  out.issuer, out.issuer_ordered = names.attributes(f.issuer.body)
  out.version, out.serial_number = f.version, der.integer(f.serial.body)
  out.not_before, out.not_after = time(f.times[1]), time(f.times[2])
  out.expired = out.not_after < util.utc(c.now()) .. "Z"
  out.public_key = der.pem(c, "PUBLIC KEY", f.key.whole)
  out.public_key_type, out.public_key_data = pubkey.describe(f.key.whole)
  out.public_key_fingerprints = x509.fingerprints(c, f.key.whole)
  out.fingerprints = x509.fingerprints(c, bytes)
  read_extensions(c, out, f.extensions)
  return out
end

local function run(c)
  local bytes, when = certificate(c), points(c)
  local ok, found = pcall(describe, c, bytes)
  if not ok then
    c:fail("Cannot parse the certificate: " .. tostring(found))
  end
  for key, value in pairs(found) do
    c:set(key, value)
  end
  local valid = dict()
  for name, at in pairs(when) do
    valid[name] = found.not_before <= at and at <= found.not_after
  end
  c:set("valid_at", valid)
end

return {
  doc = "Tell what stands in a certificate.",
  spec = "community.crypto.x509_certificate_info",
  example = "- community.crypto.x509_certificate_info:\n    path: /etc/ssl/example.org.pem\n    valid_at:\n      in_three_weeks: +3w\n  register: certificate",
  returns = "subject: The parts of the name by theirs.\nsubject_ordered: All of them as pairs, in order.\nissuer: The name of who signed.\nissuer_ordered: Its parts as pairs.\nversion: 1 or 3.\nserial_number: The number, of any size.\nsignature_algorithm: How it is signed.\nnot_before: Since when it holds, as YYYYMMDDHHMMSSZ.\nnot_after: Until when.\nexpired: Whether that is over.\nvalid_at: For each time of valid_at, whether it holds then.\npublic_key: The public key in PEM format.\npublic_key_type: RSA, DSA, ECC, Ed25519, Ed448, X25519 or X448.\npublic_key_data: Its numbers.\npublic_key_fingerprints: Digests of the key.\nfingerprints: Digests of the certificate.\nbasic_constraints: CA:TRUE or CA:FALSE, and pathlen; as the next ones null without such an extension, and with `_critical` beside it.\nkey_usage: What the key is for.\nextended_key_usage: What else.\nsubject_alt_name: Its other names.\nocsp_must_staple: Whether a server must send an OCSP answer along.\nsubject_key_identifier: The key's identifier, in hexadecimal.\nauthority_key_identifier: That of the key which signed.\nauthority_cert_issuer: Names of the issuer of the certificate which signed.\nauthority_cert_serial_number: Its number.\nocsp_uri: Where to ask whether it is revoked.\nissuer_uri: Where the issuer's certificate is.\nextensions_by_oid: Each extension: critical, and value in base64.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    path = { type = "path", doc = "The file, in PEM or DER format." },
    content = { doc = "The certificate itself, in PEM format." },
    valid_at = { type = "dict", doc = "Times by name, as +1w2d or 20300101000000Z, to tell whether it holds then." },
    name_encoding = {
      default = "ignore", choices = { "ignore", "idna", "unicode" },
      doc = "How names of hosts are told: as they stand, or xn-- labels as Unicode with `unicode`.",
    },
    select_crypto_backend = { default = "auto", choices = { "auto", "cryptography" }, doc = "Accepted." },
  },
  required_one_of = { { "path", "content" } },
  exclusive = { { "path", "content" } },
  run = run,
}
