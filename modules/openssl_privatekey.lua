-- openssl_privatekey: private keys.

local util = use("util")
local x509 = use("x509")

local CURVES = { secp256r1 = "prime256v1", secp192r1 = "prime192v1" }

local function curve_name(c)
  return CURVES[c.args.curve] or c.args.curve
end

-- What the key at a path is: kind, size, curve; nil and openssl's words when it cannot be read.
local function describe(c, path)
  local words = { "pkey", "-in", path, "-noout", "-text" }
  util.append(words, "-passin", x509.secret(c, "passin", c.args.passphrase or ""))
  local r = x509.openssl(c, words, { may_fail = true })
  if r.rc ~= 0 then
    return nil, util.trim(r.stderr)
  end
  local text = r.stdout
  local kind = text:match("^(%w+) Private%-Key:")
  local size = tonumber(text:match("Private%-Key: %((%d+) bit"))
  if kind then
    kind = ({ ED25519 = "Ed25519", ED448 = "Ed448", X25519 = "X25519", X448 = "X448" })[kind] or kind
  end
  if not kind or kind == "RSA" or kind == "DSA" or kind == "EC" then
    kind = text:find("modulus:", 1, true) and "RSA" or text:find("ASN1 OID:", 1, true) and "ECC" or "DSA"
  end
  return { kind = kind, size = size and math.tointeger(size), curve = text:match("ASN1 OID: (%S+)") }
end

local function encrypted(text)
  return text:find("ENCRYPTED", 1, true) ~= nil
end

local function format_of(text)
  if text:find("BEGIN RSA PRIVATE KEY", 1, true) or text:find("BEGIN EC PRIVATE KEY", 1, true) or
      text:find("BEGIN DSA PRIVATE KEY", 1, true) then
    return "pkcs1"
  elseif text:find("BEGIN PRIVATE KEY", 1, true) or text:find("BEGIN ENCRYPTED PRIVATE KEY", 1, true) then
    return "pkcs8"
  end
  return "raw"
end

local function wanted_format(c)
  local format, kind = c.args.format, c.args.type
  if format == "auto" or format == "auto_ignore" then
    return (kind == "RSA" or kind == "ECC" or kind == "DSA") and "pkcs1" or "pkcs8"
  end
  return format
end

-- Why the key does not fit; nil when it does.
local function mismatch(c, now, text)
  local a = c.args
  if now.kind ~= a.type then
    return "its type is " .. now.kind .. ", not " .. a.type
  elseif (a.type == "RSA" or a.type == "DSA") and now.size ~= a.size then
    return "its size is " .. tostring(now.size) .. ", not " .. a.size
  elseif a.type == "ECC" and now.curve ~= curve_name(c) then
    return "its curve is " .. tostring(now.curve) .. ", not " .. a.curve
  elseif (a.passphrase ~= nil) ~= encrypted(text) then
    return a.passphrase and "it has no passphrase" or "it has a passphrase"
  end
end

local function report(c, path)
  c:set("filename", c.args.path)
  c:set("type", c.args.type)
  if c.args.type == "RSA" or c.args.type == "DSA" then
    c:set("size", c.args.size)
  elseif c.args.type == "ECC" then
    c:set("curve", c.args.curve)
  end
  if not path or not c.fs.exists(path) then
    return
  end
  local words = { "pkey", "-in", path, "-pubout", "-outform", "DER" }
  util.append(words, "-passin", x509.secret(c, "passin", c.args.passphrase or ""))
  local r = x509.openssl(c, words, { may_fail = true })
  if r.rc == 0 then
    c:set("fingerprint", x509.fingerprints(c, r.stdout))
  end
  if c.args.return_content then
    c:set("privatekey", c.fs.read(path))
  end
end

local function plan(c)
  local a = c.args
  if x509.plan_absent(c) then
    return
  end
  if a.type == "ECC" and not a.curve then
    c:fail("type is ECC but all of the following are missing: curve")
  end
  if not c.fs.exists(util.dirname(a.path)) then
    c:fail("The directory " .. util.dirname(a.path) .. " does not exist or the file is not a directory")
  end
  local text = c.fs.read(a.path)
  if not text or a.force or a.regenerate == "always" then
    c.state.make = true
    c:differs("exists", text ~= nil, true)
    c:changed()
  elseif a.regenerate ~= "never" then
    local now, why = describe(c, a.path)
    if not now and a.regenerate ~= "full_idempotence" then
      c:fail("Unable to read the key: its passphrase is another one, or it is damaged. regenerate=full_idempotence, regenerate=always " ..
        "or force=true make a new one: " .. why)
    end
    local other = now and mismatch(c, now, text) or not now and "it cannot be read"
    if other then
      if a.regenerate == "fail" then
        c:fail("Key has wrong type and/or size: regenerate=partial_idempotence, full_idempotence or always, or force=true, " ..
          "make a new one: " .. other)
      end
      c.state.make = true
      c:differs("key", other, "as asked for")
    elseif a.format ~= "auto_ignore" and format_of(text) ~= wanted_format(c) then
      c.state[a.format_mismatch == "convert" and "convert" or "make"] = true
      c:differs("format", format_of(text), wanted_format(c))
    end
  end
  if text then
    c:attrs_differ(a.path)
    local st = c.fs.stat(a.path)
    if not a.mode and st and st.mode & 4095 ~= 384 then
      c.state.close = true
      c:differs("mode", ("0%03o"):format(st.mode & 4095), "0600")
    end
  end
  report(c, not c.state.make and text and a.path or nil)
end

local function generate(c, path)
  local a = c.args
  local words = { "genpkey", "-out", path }
  if a.type == "RSA" then
    util.append(words, "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:" .. a.size)
  elseif a.type == "ECC" then
    util.append(words, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" .. curve_name(c), "-pkeyopt", "ec_param_enc:named_curve")
  elseif a.type == "DSA" then
    c:fail("keys of type DSA are not supported: no protocol of today takes them")
  else
    util.append(words, "-algorithm", a.type)
  end
  x509.openssl(c, words, { what = "Generating the key" })
end

-- The key in its format, encrypted when there is a passphrase.
local function formatted(c, path, passin)
  local words = { "pkey", "-in", path, "-out", c:tmpdir() .. "/formatted" }
  if passin then
    util.append(words, "-passin", passin)
  end
  if wanted_format(c) == "pkcs1" then
    util.append(words, "-traditional")
  end
  if c.args.passphrase then
    util.append(words, "-" .. (c.args.cipher == "auto" and "aes256" or c.args.cipher), "-passout", x509.secret(c, "passout", c.args.passphrase))
  end
  x509.openssl(c, words, { what = "Writing the key" })
  return c.fs.read(c:tmpdir() .. "/formatted")
end

local function run(c)
  if c.args.state == "absent" then
    x509.run_absent(c)
    return
  end
  if c.state.make then
    local key = c:tmpdir() .. "/key"
    c.fs.write(key, "", { mode = 384 })
    generate(c, key)
    x509.write(c, formatted(c, key), 384)
  elseif c.state.convert then
    x509.write(c, formatted(c, c.args.path, x509.secret(c, "passin", c.args.passphrase or "")), 384)
  end
  if c.state.close then
    c.fs.chmod(c.args.path, 384)
  end
  c:attrs_apply(c.args.path)
  report(c, c.args.path)
end

return {
  doc = "Make private keys.",
  spec = "community.crypto.openssl_privatekey",
  example = "- community.crypto.openssl_privatekey:\n    path: /etc/ssl/private/example.org.pem\n    type: ECC\n    curve: secp256r1",
  order = "type size fingerprint diff filename changed",
  returns = "filename: The file.\nsize: Size of the key.\ntype: Its type.\ncurve: Its curve.\nfingerprint: Digests of its public half.\n" ..
      "backup_file: Name of the backup.\nprivatekey: The key, with return_content.",
  side = "target",
  check = "full",
  diff = "full",
  file_args = true,
  args = {
    path = { type = "path", required = true, doc = "The file." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    type = { default = "RSA", choices = { "DSA", "ECC", "Ed25519", "Ed448", "RSA", "X25519", "X448" }, doc = "Type of the key." },
    size = { type = "int", default = 4096, doc = "Bits of an RSA key." },
    curve = {
      doc = "Curve of an ECC key.",
      choices = {
        "secp224r1", "secp256k1", "secp256r1", "secp384r1", "secp521r1", "secp192r1", "brainpoolP256r1", "brainpoolP384r1",
        "brainpoolP512r1", "sect163k1", "sect163r2", "sect233k1", "sect233r1", "sect283k1", "sect283r1", "sect409k1",
        "sect409r1", "sect571k1", "sect571r1",
      },
    },
    passphrase = { no_log = true, doc = "Passphrase." },
    cipher = { default = "auto", doc = "Cipher the key is encrypted with." },
    format = { default = "auto_ignore", choices = { "pkcs1", "pkcs8", "raw", "auto", "auto_ignore" }, doc = "Format of the file." },
    format_mismatch = { default = "regenerate", choices = { "regenerate", "convert" }, doc = "What is done with a key in another format." },
    regenerate = {
      default = "full_idempotence", choices = { "never", "fail", "partial_idempotence", "full_idempotence", "always" },
      doc = "When a key that is there is replaced.",
    },
    force = { type = "bool", default = false, doc = "Make a new one in any case." },
    backup = { type = "bool", default = false, doc = "Keep the old file under a dated name." },
    return_content = { type = "bool", default = false, doc = "Return the key." },
    select_crypto_backend = { default = "auto", choices = { "auto", "cryptography" }, doc = "Accepted." },
  },
  plan = plan,
  run = run,
}
