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
  for _, name in ipairs(util.keys(c.args.subject or {})) do
    local texts = c.args.subject[name]
    for _, text in ipairs(type(texts) == "table" and texts or { texts }) do
      add(name, text)
    end
  end
  for _, entry in ipairs(c.args.subject_ordered or {}) do
    for name, text in pairs(entry) do
      add(name, text)
    end
  end
  return out
end

local function alternative_names(c)
  if c.args.subject_alt_name then
    return c.args.subject_alt_name
  end
  if c.args.use_common_name_for_san and c.args.common_name then
    return { "DNS:" .. c.args.common_name }
  end
  return {}
end

local GENERAL = { DNS = "DNS", IP = "IP", EMAIL = "email", URI = "URI", RID = "RID", DIRNAME = "dirName", OTHERNAME = "otherName" }

local function config(c)
  local lines = { "[req]", "prompt = no", "utf8 = yes", "string_mask = utf8only", "distinguished_name = dn", "req_extensions = ext", "[dn]" }
  for i, pair in ipairs(subject(c)) do
    lines[#lines + 1] = i .. "." .. pair[1] .. " = " .. pair[2]
  end
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
  for arg, name in pairs({ key_usage = "keyUsage", extended_key_usage = "extendedKeyUsage", basic_constraints = "basicConstraints" }) do
    if c.args[arg] and #c.args[arg] > 0 then
      add(name, table.concat(c.args[arg], ","), c.args[arg .. "_critical"])
    end
  end
  if c.args.ocsp_must_staple then
    add("tlsfeature", "status_request", c.args.ocsp_must_staple_critical)
  end
  if c.args.create_subject_key_identifier then
    add("subjectKeyIdentifier", "hash")
  elseif c.args.subject_key_identifier then
    add("subjectKeyIdentifier", c.args.subject_key_identifier)
  end
  local constraints = {}
  for arg, word in pairs({ name_constraints_permitted = "permitted", name_constraints_excluded = "excluded" }) do
    for _, name in ipairs(c.args[arg] or {}) do
      constraints[#constraints + 1] = word .. ";" .. name
    end
  end
  if #constraints > 0 then
    table.sort(constraints)
    add("nameConstraints", table.concat(constraints, ","), c.args.name_constraints_critical)
  end
  for _, point in ipairs(c.args.crl_distribution_points or {}) do
    if util.present(point.full_name) then
      add("crlDistributionPoints", table.concat(point.full_name, ","))
    end
  end
  table.sort(extensions)
  lines[#lines + 1] = "[ext]"
  util.extend(lines, extensions)
  util.extend(lines, sections)
  return util.unlines(lines), #extensions > 0
end

-- What a request says, without what is different each time.
local function said(c, path)
  local r = x509.openssl(c, { "req", "-in", path, "-noout", "-text", "-verify", "-nameopt", "utf8,sep_comma_plus_space,sname" }, { may_fail = true })
  if r.rc ~= 0 then
    return nil
  end
  return (r.stdout:gsub("\n%s*Signature Value:.*$", ""):gsub("(Signature Algorithm: [^\n]*\n).*$", "%1"):gsub("\n%s*Signature Value:?.*$", ""))
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
  util.append(words, "-" .. c.args.digest)
  x509.openssl(c, words, { what = "Making the request" })
  return dir .. "/new.csr"
end

local function plan(c)
  local a = c.args
  if x509.plan_absent(c) then
    return
  end
  for _, name in ipairs({ "authority_key_identifier", "authority_cert_issuer", "authority_cert_serial_number" }) do
    if a[name] then
      c:fail(name .. " is not supported")
    end
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
  c:set("subjectAltName", list(util.copy(alternative_names(c))))
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

local function critical(name, alias)
  return { type = "bool", default = false, aliases = { alias .. "_critical" }, doc = "Whether " .. name .. " is critical." }
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
    country_name = { aliases = { "C", "countryName" }, doc = "Country." },
    state_or_province_name = { aliases = { "ST", "stateOrProvinceName" }, doc = "State or province." },
    locality_name = { aliases = { "L", "localityName" }, doc = "Place." },
    organization_name = { aliases = { "O", "organizationName" }, doc = "Organization." },
    organizational_unit_name = { aliases = { "OU", "organizationalUnitName" }, doc = "Its unit." },
    common_name = { aliases = { "CN", "commonName" }, doc = "Common name." },
    email_address = { aliases = { "E", "emailAddress" }, doc = "Mail address." },
    subject_alt_name = { type = "list", elements = "str", aliases = { "subjectAltName" }, doc = "Other names, as DNS:example.org or IP:10.0.0.1." },
    subject_alt_name_critical = critical("subject_alt_name", "subjectAltName"),
    use_common_name_for_san = { type = "bool", default = true, aliases = { "useCommonNameForSAN" }, doc = "Without other names, the common name is one." },
    key_usage = { type = "list", elements = "str", aliases = { "keyUsage" }, doc = "Key usage." },
    key_usage_critical = critical("key_usage", "keyUsage"),
    extended_key_usage = { type = "list", elements = "str", aliases = { "extKeyUsage", "extendedKeyUsage" }, doc = "Extended key usage." },
    extended_key_usage_critical = critical("extended_key_usage", "extendedKeyUsage"),
    basic_constraints = { type = "list", elements = "str", aliases = { "basicConstraints" }, doc = "Basic constraints, as CA:TRUE." },
    basic_constraints_critical = critical("basic_constraints", "basicConstraints"),
    ocsp_must_staple = { type = "bool", default = false, aliases = { "ocspMustStaple" }, doc = "Must staple." },
    ocsp_must_staple_critical = critical("ocsp_must_staple", "ocspMustStaple"),
    name_constraints_permitted = { type = "list", elements = "str", doc = "Names a CA may sign." },
    name_constraints_excluded = { type = "list", elements = "str", doc = "Names it may not." },
    name_constraints_critical = { type = "bool", default = false, doc = "Whether they are critical." },
    create_subject_key_identifier = { type = "bool", default = false, doc = "Add the identifier of the key." },
    subject_key_identifier = { doc = "That identifier." },
    authority_key_identifier = { doc = "Not supported." },
    authority_cert_issuer = { type = "list", elements = "str", doc = "Not supported." },
    authority_cert_serial_number = { type = "int", doc = "Not supported." },
    crl_distribution_points = {
      type = "list", elements = "dict", doc = "Where revocation lists are.",
      options = {
        full_name = { type = "list", elements = "str", doc = "Addresses, as URI:http://..." },
        relative_name = { type = "list", elements = "str", doc = "Accepted." },
        crl_issuer = { type = "list", elements = "str", doc = "Accepted." },
        reasons = { type = "list", elements = "str", doc = "Accepted." },
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
