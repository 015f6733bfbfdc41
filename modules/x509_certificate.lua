-- x509_certificate: certificates, self-signed or signed by one's own authority.

local util = use("util")
local x509 = use("x509")

local POLICY = {
  "countryName", "stateOrProvinceName", "localityName", "organizationName", "organizationalUnitName", "commonName",
  "emailAddress", "serialNumber", "surname", "givenName", "title", "domainComponent", "userId", "streetAddress", "postalCode",
  "businessCategory",
}

local function key_of(c, words)
  local r = x509.openssl(c, words, { may_fail = true })
  return r.rc == 0 and r.stdout or nil, util.trim(r.stderr)
end

local function settings(c)
  local own = c.args.provider == "ownca"
  local p = own and "ownca_" or "selfsigned_"
  return {
    own = own,
    digest = c.args[p .. "digest"],
    from = x509.time(c, c.args[p .. "not_before"], p .. "not_before"),
    to = x509.time(c, c.args[p .. "not_after"], p .. "not_after"),
    ski = c.args[p .. "create_subject_key_identifier"],
    aki = own and c.args.ownca_create_authority_key_identifier,
  }
end

-- A request for a self-signed certificate without one: its subject is empty.
local function request(c, key, pass)
  local csr = x509.input(c, "csr_path", "csr_content")
  if csr or c.args.provider == "ownca" then
    return csr
  end
  local dir = c:tmpdir()
  c.fs.write(dir .. "/empty.cnf", "[req]\nprompt = no\ndistinguished_name = dn\n[dn]\n", { mode = 384 })
  x509.openssl(c, { "req", "-new", "-key", key, "-out", dir .. "/empty.csr", "-config", dir .. "/empty.cnf", "-subj", "/", "-passin", pass })
  return dir .. "/empty.csr"
end

local function text_of(c, kind, path)
  return x509.openssl(c, { kind, "-in", path, "-noout", "-text" }, { what = "Reading " .. path }).stdout
end

local function subject_of(c, kind, path)
  local r = x509.openssl(c, { kind, "-in", path, "-noout", "-subject", "-nameopt", "utf8,sep_comma_plus_space,sname" }, { what = "Reading " .. path })
  return (util.trim(r.stdout):gsub("^subject=%s*", ""))
end

-- Why the certificate that is there will not do; nil when it does.
local function mismatch(c, want)
  local path = c.args.path
  local public, why = key_of(c, { "x509", "-in", path, "-noout", "-pubkey" })
  if not public then
    return "it cannot be read: " .. why
  end
  if public ~= key_of(c, { "req", "-in", want.csr, "-noout", "-pubkey" }) then
    return "it is for another key"
  end
  if subject_of(c, "x509", path) ~= subject_of(c, "req", want.csr) then
    return "its subject is another one"
  end
  local cert = text_of(c, "x509", path)
  local have, asked = x509.extensions(cert), x509.extensions(text_of(c, "req", want.csr))
  for name, text in pairs(asked) do
    if have[name] ~= text then
      return "its extension " .. name .. " is another one"
    end
  end
  for name in pairs(have) do
    if not asked[name] and not name:match("Key Identifier") then
      return "it has the extension " .. name
    end
  end
  local ca = want.own and want.ca or path
  local r = x509.openssl(c, { "verify", "-partial_chain", "-no_check_time", "-check_ss_sig", "-CAfile", ca, path }, { may_fail = true })
  if r.rc ~= 0 then
    return want.own and "it is not signed by that authority" or "it is not signed by its own key"
  end
  if not c.args.ignore_timestamps then
    local to = x509.openssl(c, { "x509", "-in", path, "-noout", "-checkend", "0" }, { may_fail = true })
    if to.rc ~= 0 then
      return "it has expired"
    end
  end
end

-- The times of the certificate that is there, as 20300101000000Z.
local function tell_times(c)
  local said = x509.openssl(c, { "x509", "-in", c.args.path, "-noout", "-startdate", "-enddate", "-dateopt", "iso_8601" }, { may_fail = true }).stdout
  for name, time in said:gmatch("(not%a+)=([^\n]+)") do
    c:set(name, (time:gsub("[^%dZ]", "")))
  end
end

local function plan(c)
  local a = c.args
  if x509.plan_absent(c) then
    return
  end
  if not a.provider then
    c:fail("state is present but all of the following are missing: provider")
  end
  if a.provider ~= "selfsigned" and a.provider ~= "ownca" then
    c:fail("provider " .. a.provider .. " is not supported: selfsigned and ownca are; for ACME use certbot")
  end
  local want = settings(c)
  want.pass = x509.secret(c, "passin", a.privatekey_passphrase or "")
  want.key = x509.input(c, "privatekey_path", "privatekey_content")
  if want.own then
    want.ca = x509.input(c, "ownca_path", "ownca_content") or c:fail("provider is ownca but ownca_path and ownca_content are missing")
    want.key = x509.input(c, "ownca_privatekey_path", "ownca_privatekey_content") or c:fail("provider is ownca but ownca_privatekey_path and ownca_privatekey_content are missing")
    want.pass = x509.secret(c, "capass", a.ownca_privatekey_passphrase or "")
  elseif not want.key then
    c:fail("privatekey_path or privatekey_content is needed for a self-signed certificate")
  end
  want.csr = request(c, want.key, want.pass) or c:fail("csr_path or csr_content is needed")
  c:set("filename", a.path)
  c:set("privatekey", a.privatekey_path or null)
  c:set("csr", a.csr_path or null)
  local exists = c.fs.exists(a.path)
  local why = not exists and "there is none" or a.force and "a new one is asked for" or mismatch(c, want)
  if why then
    c.state.make = true
    c:differs("certificate", why, "as asked for")
  end
  if exists then
    c:attrs_differ(a.path)
  end
  if exists and not why then
    tell_times(c)
  end
  if a.return_content and exists and not why then
    c:set("certificate", c.fs.read(a.path))
  end
end

-- `openssl ca` is the way to sign that takes exact times.
local function sign(c, want)
  local dir = c:tmpdir()
  local lines = {
    "[ca]", "default_ca = own", "[own]", "database = " .. dir .. "/index", "new_certs_dir = " .. dir, "rand_serial = yes",
    "default_md = " .. want.digest, "policy = any", "unique_subject = no", "copy_extensions = copyall", "email_in_dn = yes",
    "x509_extensions = ext", "string_mask = utf8only", "utf8 = yes", "[any]",
  }
  for _, name in ipairs(POLICY) do
    lines[#lines + 1] = name .. " = optional"
  end
  lines[#lines + 1] = "[ext]"
  local asked = x509.extensions(text_of(c, "req", want.csr))
  if want.ski == "always_create" or want.ski == "create_if_not_provided" and not asked["X509v3 Subject Key Identifier"] then
    lines[#lines + 1] = "subjectKeyIdentifier = hash"
  end
  if want.aki and not asked["X509v3 Authority Key Identifier"] then
    lines[#lines + 1] = "authorityKeyIdentifier = keyid:always"
  end
  c.fs.write(dir .. "/ca.cnf", util.unlines(lines), { mode = 384 })
  c.fs.write(dir .. "/index", "", { mode = 384 })
  local words = {
    "ca", "-config", dir .. "/ca.cnf", "-batch", "-notext", "-preserveDN", "-in", want.csr, "-out", dir .. "/cert.pem", "-keyfile", want.key,
    "-startdate", want.from, "-enddate", want.to, "-passin", want.pass,
  }
  if want.own then
    util.append(words, "-cert", want.ca)
  else
    util.append(words, "-selfsign")
  end
  x509.openssl(c, words, { what = "Signing the certificate" })
  return c.fs.read(dir .. "/cert.pem")
end

local function run(c)
  local a = c.args
  if a.state == "absent" then
    x509.run_absent(c)
    return
  end
  if c.state.make then
    local want = settings(c)
    want.pass = x509.secret(c, "passin", a.privatekey_passphrase or "")
    want.key = x509.input(c, "privatekey_path", "privatekey_content")
    if want.own then
      want.ca = x509.input(c, "ownca_path", "ownca_content")
      want.key = x509.input(c, "ownca_privatekey_path", "ownca_privatekey_content")
      want.pass = x509.secret(c, "capass", a.ownca_privatekey_passphrase or "")
    end
    want.csr = request(c, want.key, want.pass)
    x509.write(c, sign(c, want), 420)
  end
  c:attrs_apply(a.path)
  tell_times(c)
  if a.return_content then
    c:set("certificate", c.fs.read(a.path))
  end
end

local SKI = { "create_if_not_provided", "always_create", "never_create" }

return {
  doc = "Make certificates: self-signed, or signed by an authority of one's own.",
  spec = "community.crypto.x509_certificate",
  example = "- community.crypto.x509_certificate:\n    path: /etc/ssl/example.org.pem\n    csr_path: /etc/ssl/example.org.csr\n    privatekey_path: /etc/ssl/private/example.org.pem\n    provider: selfsigned",
  returns = "filename: The file.\nbackup_file: Name of the backup.\ncertificate: The certificate, with return_content.\nnotBefore: Since when it holds.\nnotAfter: Until when.",
  side = "target",
  check = "full",
  diff = "full",
  file_args = true,
  args = {
    path = { type = "path", required = true, doc = "The file." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    provider = { choices = { "acme", "entrust", "ownca", "selfsigned" }, doc = "Who signs: selfsigned or ownca." },
    csr_path = { type = "path", doc = "The request." },
    csr_content = { doc = "The request itself." },
    privatekey_path = { type = "path", doc = "File of the private key, for selfsigned." },
    privatekey_content = { no_log = true, doc = "The private key itself." },
    privatekey_passphrase = { no_log = true, doc = "Its passphrase." },
    ignore_timestamps = { type = "bool", default = true, doc = "A certificate that has expired stays." },
    selfsigned_version = { type = "int", default = 3, doc = "Accepted." },
    selfsigned_digest = { default = "sha256", doc = "Digest of the signature." },
    selfsigned_not_before = { default = "+0s", aliases = { "selfsigned_notBefore" }, doc = "Valid from, as +0s or 20300101000000Z." },
    selfsigned_not_after = { default = "+3650d", aliases = { "selfsigned_notAfter" }, doc = "Valid to." },
    selfsigned_create_subject_key_identifier = { default = "create_if_not_provided", choices = SKI, doc = "Whether the key's identifier is added." },
    ownca_path = { type = "path", doc = "Certificate of the authority." },
    ownca_content = { doc = "That certificate itself." },
    ownca_privatekey_path = { type = "path", doc = "Its private key." },
    ownca_privatekey_content = { no_log = true, doc = "That key itself." },
    ownca_privatekey_passphrase = { no_log = true, doc = "Its passphrase." },
    ownca_digest = { default = "sha256", doc = "Digest of the signature." },
    ownca_version = { type = "int", default = 3, doc = "Accepted." },
    ownca_not_before = { default = "+0s", doc = "Valid from." },
    ownca_not_after = { default = "+3650d", doc = "Valid to." },
    ownca_create_subject_key_identifier = { default = "create_if_not_provided", choices = SKI, doc = "Whether the key's identifier is added." },
    ownca_create_authority_key_identifier = { type = "bool", default = true, doc = "Whether the authority's identifier is added." },
    force = { type = "bool", default = false, doc = "Make a new one in any case." },
    backup = { type = "bool", default = false, doc = "Keep the old file under a dated name." },
    return_content = { type = "bool", default = false, doc = "Return the certificate." },
    select_crypto_backend = { default = "auto", choices = { "auto", "cryptography" }, doc = "Accepted." },
  },
  exclusive = {
    { "csr_path", "csr_content" }, { "privatekey_path", "privatekey_content" }, { "ownca_path", "ownca_content" },
    { "ownca_privatekey_path", "ownca_privatekey_content" },
  },
  plan = plan,
  run = run,
}
