-- openssl_csr: certificate signing requests. A new one is made in private and compared with the one that is there.

local util = use("util")
local x509 = use("x509")

local SUBJECT = {
  { "country_name", "C" }, { "state_or_province_name", "ST" }, { "locality_name", "L" }, { "organization_name", "O" },
  { "organizational_unit_name", "OU" }, { "common_name", "CN" }, { "email_address", "emailAddress" },
}

-- A value in a configuration file of openssl.
local function value(text)
  if tostring(text):find("[\r\n]") then
    return nil
  end
  return (tostring(text):gsub("[\\$#]", "\\%0"))
end

local function subject(c)
  local out = {}
  local function add(name, text)
    out[#out + 1] = { name, value(text) or error("line end") }
  end
  for _, pair in ipairs(SUBJECT) do
    if c.args[pair[1]] then
      add(pair[2], c.args[pair[1]])
    end
  end
  if #out > 0 and #(c.args.subject_ordered or {}) > 0 then
    c:fail("subject_ordered cannot be combined with any other subject field")
  end
  for _, name in ipairs(c:order("subject")) do
    local texts = c.args.subject[name]
    for _, text in ipairs(type(texts) == "table" and texts or { texts }) do
      add(name, text)
    end
  end
  for i, entry in ipairs(c.args.subject_ordered or {}) do
    for _, name in ipairs(c:order("subject_ordered", i)) do
      local texts = entry[name]
      for _, text in ipairs(type(texts) == "table" and texts or { texts }) do
        add(name, text)
      end
    end
  end
  return out
end

local function alternative_names(c)
  if c.args.subject_alt_name then
    return c.args.subject_alt_name
  end
  for _, pair in ipairs(c.args.use_common_name_for_san and subject(c) or {}) do
    if pair[1] == "CN" or pair[1] == "commonName" then
      return { "DNS:" .. pair[2] }
    end
  end
  return {}
end

local GENERAL = { DNS = "DNS", IP = "IP", EMAIL = "email", URI = "URI", RID = "RID", DIRNAME = "dirName", OTHERNAME = "otherName" }

-- A network as openssl writes it in constraints: address and mask.
local function network(c, name)
  local address, bits = name:match("^[Ii][Pp]:(%d+%.%d+%.%d+%.%d+)/(%d+)$")
  bits = math.tointeger(tonumber(bits))
  if not address then
    return name
  elseif bits > 32 then
    c:fail("'" .. name .. "' is no network: it has more than 32 bits")
  end
  local mask = bits == 0 and 0 or (0xFFFFFFFF << (32 - bits)) & 0xFFFFFFFF
  return ("IP:%s/%d.%d.%d.%d"):format(address, mask >> 24, mask >> 16 & 255, mask >> 8 & 255, mask & 255)
end

-- openssl has no way to name an authority that is not there, so its identifier is given as ASN.1.
local ASN1 = { DNS = "IMPLICIT:2,IA5STRING:", EMAIL = "IMPLICIT:1,IA5STRING:", URI = "IMPLICIT:6,IA5STRING:", RID = "IMPLICIT:8,OID:" }

local function authority(c, sections)
  local a = c.args
  local id = a.authority_key_identifier
  if not (id or a.authority_cert_issuer or a.authority_cert_serial_number) then
    return nil
  end
  util.append(sections, "[aki]")
  if id then
    local hex = id:gsub(":", "")
    if #hex == 0 or #hex % 2 == 1 or hex:find("%X") then
      c:fail("Cannot parse authority_key_identifier: '" .. id .. "' is no row of bytes such as 00:1A:2B")
    end
    util.append(sections, "id = IMPLICIT:0,FORMAT:HEX,OCTETSTRING:" .. hex)
  end
  if a.authority_cert_issuer then
    util.append(sections, "issuer = IMPLICIT:1,SEQUENCE:aki_issuer")
  end
  if a.authority_cert_serial_number then
    util.append(sections, "serial = IMPLICIT:2,INTEGER:" .. a.authority_cert_serial_number)
  end
  util.append(sections, "[aki_issuer]")
  for i, name in ipairs(a.authority_cert_issuer or {}) do
    local kind, text = name:match("^(%a+):(.*)$")
    if not kind or not ASN1[kind:upper()] or not value(text) then
      c:fail("authority_cert_issuer: '" .. name .. "' is not supported: DNS:, email:, URI: or RID:")
    end
    util.append(sections, "n" .. i .. " = " .. ASN1[kind:upper()] .. value(text))
  end
  return "ASN1:SEQUENCE:aki"
end

local REASONS = {
  key_compromise = "keyCompromise", ca_compromise = "CACompromise", affiliation_changed = "affiliationChanged",
  superseded = "superseded", cessation_of_operation = "cessationOfOperation", certificate_hold = "certificateHold",
  privilege_withdrawn = "privilegeWithdrawn", aa_compromise = "AACompromise",
}

-- The places of revocation lists: a section for each, and their names.
local function revocation(c, sections)
  local names = {}
  for i, point in ipairs(c.args.crl_distribution_points or {}) do
    names[i] = "crl" .. i
    util.append(sections, "[crl" .. i .. "]")
    local function add(word, texts)
      for _, text in ipairs(texts) do
        if not value(text) or text:find(",", 1, true) then
          c:fail("crl_distribution_points: '" .. text .. "' has a comma or a line end")
        end
      end
      util.append(sections, word .. " = " .. value(table.concat(texts, ",")))
    end
    if util.present(point.full_name) then
      add("fullname", point.full_name)
    end
    if util.present(point.relative_name) then
      util.append(sections, "relativename = crl" .. i .. "_name", "[crl" .. i .. "_name]")
      for _, part in ipairs(point.relative_name) do
        local name, text = part:match("^%s*([%w%.]+)%s*=%s*(.-)%s*$")
        if not name or not value(text) then
          c:fail("crl_distribution_points: '" .. part .. "' is no part of a name such as CN=a")
        end
        util.append(sections, name .. " = " .. value(text))
      end
      util.append(sections, "[crl" .. i .. "]")
    end
    if util.present(point.crl_issuer) then
      add("CRLissuer", point.crl_issuer)
    end
    if util.present(point.reasons) then
      local words = {}
      for k, reason in ipairs(point.reasons) do
        words[k] = REASONS[reason] or c:fail("crl_distribution_points: there is no reason '" .. tostring(reason) .. "'")
      end
      util.append(sections, "reasons = " .. table.concat(words, ", "))
    end
  end
  return #names > 0 and table.concat(names, ",") or nil
end

local function config(c)
  local lines = { "[req]", "prompt = no", "utf8 = yes", "string_mask = utf8only", "distinguished_name = dn", "req_extensions = ext", "[dn]" }
  for i, pair in ipairs(subject(c)) do
    lines[#lines + 1] = i .. "." .. pair[1] .. " = " .. pair[2]
  end
  -- in the order in which Ansible's module adds them: its requests need not be made anew
  local extensions = {}
  local function add(name, text, critical)
    extensions[#extensions + 1] = name .. " = " .. (critical and "critical," or "") .. text
  end
  local names = alternative_names(c)
  local sections = {}
  if #names > 0 then
    add("subjectAltName", "@alt", c.args.subject_alt_name_critical)
    sections[#sections + 1] = "[alt]"
    for i, name in ipairs(names) do
      local kind, text = name:match("^(%a+):(.*)$")
      if not kind or not GENERAL[kind:upper()] then
        c:fail('Cannot parse Subject Alternative Name "' .. name .. '" (potentially unsupported by cryptography backend)')
      end
      sections[#sections + 1] = GENERAL[kind:upper()] .. "." .. i .. " = " .. value(text)
    end
  end
  for _, pair in ipairs({ { "key_usage", "keyUsage" }, { "extended_key_usage", "extendedKeyUsage" }, { "basic_constraints", "basicConstraints" } }) do
    local arg = pair[1]
    if c.args[arg] and #c.args[arg] > 0 then
      add(pair[2], table.concat(c.args[arg], ","), c.args[arg .. "_critical"])
    end
  end
  if c.args.ocsp_must_staple then
    add("tlsfeature", "status_request", c.args.ocsp_must_staple_critical)
  end
  local constraints = {}
  for arg, word in pairs({ name_constraints_permitted = "permitted", name_constraints_excluded = "excluded" }) do
    for _, name in ipairs(c.args[arg] or {}) do
      constraints[#constraints + 1] = word .. ";" .. network(c, name)
    end
  end
  if #constraints > 0 then
    table.sort(constraints)
    add("nameConstraints", table.concat(constraints, ","), c.args.name_constraints_critical)
  end
  if c.args.create_subject_key_identifier then
    add("subjectKeyIdentifier", "hash")
  elseif c.args.subject_key_identifier then
    add("subjectKeyIdentifier", c.args.subject_key_identifier)
  end
  local identifier = authority(c, sections)
  if identifier then
    add("authorityKeyIdentifier", identifier)
  end
  local lists = revocation(c, sections)
  if lists then
    add("crlDistributionPoints", lists)
  end
  lines[#lines + 1] = "[ext]"
  util.extend(lines, extensions)
  util.extend(lines, sections)
  return util.unlines(lines), #extensions > 0
end

-- The parts of a line in an order of their own.
local function sorted(line, separator)
  local parts = {}
  for part in (line .. separator):gmatch("(.-)" .. separator) do
    parts[#parts + 1] = part
  end
  table.sort(parts)
  return table.concat(parts, separator)
end

-- What a request says, without what is different each time. Neither names nor usages have an order, as in Ansible, nor has a
-- subject that is not subject_ordered.
local function said(c, path)
  local r = x509.openssl(c, { "req", "-in", path, "-noout", "-text", "-verify", "-nameopt", "utf8,sep_comma_plus_space,sname" }, { may_fail = true })
  if r.rc ~= 0 then
    return nil
  end
  local text = r.stdout
  for _, name in ipairs({ "Subject Alternative Name", "Extended Key Usage" }) do
    text = text:gsub("(X509v3 " .. name .. ":[^\n]*\n%s*)([^\n]*)", function(head, line)
      return head .. sorted(line, ", ")
    end)
  end
  if not c.args.subject_ordered then
    local parts = x509.openssl(c, { "req", "-in", path, "-noout", "-subject", "-nameopt", "multiline,utf8" }).stdout
    text = text:gsub("(\n%s*Subject: )[^\n]*", function(head)
      return head .. sorted(parts, "\n")
    end)
  end
  return (text:gsub("\n%s*Signature Value:.*$", ""):gsub("(Signature Algorithm: [^\n]*\n).*$", "%1"):gsub("\n%s*Signature Value:?.*$", ""))
end

local function make(c)
  local key = x509.input(c, "privatekey_path", "privatekey_content")
  if not key then
    c:fail("one of the following is required: privatekey_path, privatekey_content")
  end
  local dir = c:tmpdir()
  local text, any = config(c)
  if not any then
    text = text:gsub("req_extensions = ext\n", "")
  end
  c.fs.write(dir .. "/req.cnf", text, { mode = 384 })
  local words = { "req", "-new", "-key", key, "-out", dir .. "/new.csr", "-config", dir .. "/req.cnf" }
  util.append(words, "-passin", x509.secret(c, "passin", c.args.privatekey_passphrase or ""))
  if #subject(c) == 0 then
    util.append(words, "-subj", "/")
  end
  util.append(words, "-" .. c.args.digest)
  x509.openssl(c, words, { what = "Making the request" })
  return dir .. "/new.csr"
end

local function plan(c)
  local a = c.args
  if x509.plan_absent(c) then
    return
  end
  local ok, new = pcall(make, c)
  if not ok then
    error(new, 0)
  end
  local text = c.fs.read(new)
  local now = c.fs.exists(a.path) and said(c, a.path)
  c:set("filename", a.path)
  c:set("privatekey", a.privatekey_path or null)
  local pairs_out = list()
  for _, pair in ipairs(subject(c)) do
    pairs_out[#pairs_out + 1] = list({ pair[1], pair[2] })
  end
  c:set("subject", pairs_out)
  local names = alternative_names(c)
  c:set("subjectAltName", #names > 0 and list(util.copy(names)) or null)
  for arg, key in pairs({ key_usage = "keyUsage", extended_key_usage = "extendedKeyUsage", basic_constraints = "basicConstraints" }) do
    c:set(key, a[arg] or null)
  end
  c:set("ocspMustStaple", a.ocsp_must_staple)
  c:set("name_constraints_permitted", list(util.copy(a.name_constraints_permitted or {})))
  c:set("name_constraints_excluded", list(util.copy(a.name_constraints_excluded or {})))
  if a.force or now ~= said(c, new) then
    c.state.text = text
    c:differs("request", now or null, said(c, new))
    c:changed()
  end
  if c.fs.exists(a.path) then
    c:attrs_differ(a.path)
  end
  if a.return_content then
    c:set("csr", c.state.text or c.fs.read(a.path))
  end
end

local function run(c)
  if c.args.state == "absent" then
    x509.run_absent(c)
    return
  end
  if c.state.text then
    x509.write(c, c.state.text, 420)
  end
  c:attrs_apply(c.args.path)
end

local function critical(name, alias, other)
  return { type = "bool", default = false, aliases = { alias .. "_critical", other }, doc = "Whether " .. name .. " is critical." }
end

return {
  doc = "Make certificate signing requests.",
  spec = "community.crypto.openssl_csr",
  example = "- community.crypto.openssl_csr:\n    path: /etc/ssl/example.org.csr\n    privatekey_path: /etc/ssl/private/example.org.pem\n    common_name: example.org\n    subject_alt_name: [\"DNS:example.org\", \"DNS:www.example.org\"]",
  returns = "filename: The file.\nprivatekey: File of the key.\nsubject: The subject.\nsubjectAltName: Its other names.\nkeyUsage: Key usage.\n" ..
      "extendedKeyUsage: Extended key usage.\nbasicConstraints: Basic constraints.\nbackup_file: Name of the backup.\ncsr: The request, with return_content.",
  side = "target",
  check = "full",
  diff = "full",
  file_args = true,
  args = {
    path = { type = "path", required = true, doc = "The file." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    privatekey_path = { type = "path", doc = "File of the private key." },
    privatekey_content = { no_log = true, doc = "The private key itself." },
    privatekey_passphrase = { no_log = true, doc = "Its passphrase." },
    digest = { default = "sha256", doc = "Digest of the signature." },
    version = { type = "int", default = 1, choices = { 1 }, doc = "Version of the request." },
    subject = { type = "dict", doc = "More parts of the subject." },
    subject_ordered = { type = "list", elements = "dict", doc = "Parts of the subject, in order." },
    country_name = { empty_is_none = true, aliases = { "C", "countryName" }, doc = "Country." },
    state_or_province_name = { empty_is_none = true, aliases = { "ST", "stateOrProvinceName" }, doc = "State or province." },
    locality_name = { empty_is_none = true, aliases = { "L", "localityName" }, doc = "Place." },
    organization_name = { empty_is_none = true, aliases = { "O", "organizationName" }, doc = "Organization." },
    organizational_unit_name = { empty_is_none = true, aliases = { "OU", "organizationalUnitName" }, doc = "Its unit." },
    common_name = { empty_is_none = true, aliases = { "CN", "commonName" }, doc = "Common name." },
    email_address = { empty_is_none = true, aliases = { "E", "emailAddress" }, doc = "Mail address." },
    subject_alt_name = { type = "list", elements = "str", aliases = { "subjectAltName" }, doc = "Other names, as DNS:example.org or IP:10.0.0.1." },
    subject_alt_name_critical = critical("subject_alt_name", "subjectAltName"),
    use_common_name_for_san = { type = "bool", default = true, aliases = { "useCommonNameForSAN" }, doc = "Without other names, the common name is one." },
    key_usage = { type = "list", elements = "str", aliases = { "keyUsage" }, doc = "Key usage." },
    key_usage_critical = critical("key_usage", "keyUsage"),
    extended_key_usage = { type = "list", elements = "str", aliases = { "extKeyUsage", "extendedKeyUsage" }, doc = "Extended key usage." },
    extended_key_usage_critical = critical("extended_key_usage", "extendedKeyUsage", "extKeyUsage_critical"),
    basic_constraints = { type = "list", elements = "str", aliases = { "basicConstraints" }, doc = "Basic constraints, as CA:TRUE." },
    basic_constraints_critical = critical("basic_constraints", "basicConstraints"),
    ocsp_must_staple = { type = "bool", default = false, aliases = { "ocspMustStaple" }, doc = "Must staple." },
    ocsp_must_staple_critical = critical("ocsp_must_staple", "ocspMustStaple"),
    name_constraints_permitted = { type = "list", elements = "str", doc = "Names a CA may sign." },
    name_constraints_excluded = { type = "list", elements = "str", doc = "Names it may not." },
    name_constraints_critical = { type = "bool", default = false, doc = "Whether they are critical." },
    create_subject_key_identifier = { type = "bool", default = false, doc = "Add the identifier of the key." },
    subject_key_identifier = { empty_is_none = true, doc = "That identifier." },
    authority_key_identifier = { empty_is_none = true, doc = "Identifier of the authority's key, as bytes: 00:1A." },
    authority_cert_issuer = { type = "list", elements = "str", doc = "Names of who made the authority's certificate." },
    authority_cert_serial_number = { type = "int", doc = "Its serial number." },
    crl_distribution_points = {
      type = "list", elements = "dict", doc = "Where revocation lists are.",
      options = {
        full_name = { type = "list", elements = "str", doc = "Addresses, as URI:http://..." },
        relative_name = { type = "list", elements = "str", doc = "A name under the issuer's, as CN=a." },
        crl_issuer = { type = "list", elements = "str", doc = "Who signs the list." },
        reasons = { type = "list", elements = "str", doc = "What is in the list." },
      },
    },
    force = { type = "bool", default = false, doc = "Make a new one in any case." },
    backup = { type = "bool", default = false, doc = "Keep the old file under a dated name." },
    return_content = { type = "bool", default = false, doc = "Return the request." },
    select_crypto_backend = { default = "auto", choices = { "auto", "cryptography" }, doc = "Accepted." },
  },
  exclusive = { { "privatekey_path", "privatekey_content" }, { "subject", "subject_ordered" } },
  plan = plan,
  run = run,
}
