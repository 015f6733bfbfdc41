-- openssl_publickey: the public half of a private key, as PEM or as OpenSSH writes it.

local der = use("der")
local pubkey = use("pubkey")
local util = use("util")
local x509 = use("x509")

local SSH_CURVES = { secp256r1 = "nistp256", secp384r1 = "nistp384", secp521r1 = "nistp521" }

-- -- the two forms -------------------------------------------------------------------------------------------------------

local function ssh_text(c, spki)
  local kind, bits, parameters = pubkey.parts(spki)
  local curve = kind == "ECC" and SSH_CURVES[pubkey.curve(parameters) or ""]
  local name, fields
  if kind == "RSA" then
    local numbers = der.sequence(bits)
    name, fields = "ssh-rsa", { numbers[2].body, numbers[1].body }
  elseif kind == "DSA" then
    local numbers = der.children(parameters.body)
    name, fields = "ssh-dss", { numbers[1].body, numbers[2].body, numbers[3].body, der.only(bits).body }
  elseif curve then
    name, fields = "ecdsa-sha2-" .. curve, { curve, bits }
  elseif kind == "Ed25519" then
    name, fields = "ssh-ed25519", { bits }
  else
    c:fail("Unsupported key type: OpenSSH has no form for keys of this type or curve: format=PEM, or a private key of type RSA, Ed25519, or ECC with " ..
      "secp256r1, secp384r1 or secp521r1")
  end
  local wire = string.pack(">s4", name)
  for _, field in ipairs(fields) do
    wire = wire .. string.pack(">s4", field)
  end
  return name .. " " .. c.base64.encode(wire)
end

-- -- what is there and what is wanted --------------------------------------------------------------------------------------

local function private_text(c)
  local a = c.args
  if a.privatekey_content then
    return a.privatekey_content
  end
  local text = c.fs.read(a.privatekey_path)
  if not text and not c.check then
    c:fail("The private key " .. a.privatekey_path .. " does not exist")
  end
  return text
end

-- The public half of the private key, as DER; nil in check mode, when an earlier task would make that.
local function wanted(c)
  local text = private_text(c)
  if not text then
    return nil
  end
  local a = c.args
  return x509.public_half(c, text, a.privatekey_passphrase, a.privatekey_path or "of privatekey_content", "privatekey_passphrase")
end

-- Whether the file holds that key.
local function holds(c, text, want)
  if c.args.format == "OpenSSH" then
    local kind, key = text:match("^%s*(%S+)%s+(%S+)")
    return kind ~= nil and kind .. " " .. key == ssh_text(c, want)
  end
  local r = x509.openssl(c, { "pkey", "-pubin", "-pubout", "-outform", "DER" }, { stdin = text, may_fail = true })
  return r.rc == 0 and r.stdout == want
end

local function report(c, text, want)
  local a = c.args
  c:set("privatekey", a.privatekey_path or null)
  c:set("filename", a.path)
  c:set("format", a.format)
  c:set("fingerprint", want and x509.fingerprints(c, want) or dict())
  if a.return_content then
    c:set("publickey", text or null)
  end
end

local function plan(c)
  local a = c.args
  local dir = util.dirname(a.path)
  local st = c.fs.realpath(dir) and c.fs.stat(c.fs.realpath(dir))
  if not st or st.type ~= "directory" then
    c:fail("The directory '" .. dir .. "' does not exist or the file is not a directory")
  end
  if x509.plan_absent(c) then
    report(c)
    return
  end
  local text, want = c.fs.read(a.path), wanted(c)
  if not text or a.force or not want or not holds(c, text, want) then
    c.state.text = want and (a.format == "OpenSSH" and ssh_text(c, want) or der.pem(c, "PUBLIC KEY", want))
    c.state.want = want
    c:diff(a.path, text, c.state.text or "public key of " .. tostring(a.privatekey_path) .. "\n")
    c:changed()
  end
  c:attrs_differ(a.path, "file")
  report(c, text, want)
end

local function run(c)
  if c.args.state == "absent" then
    x509.run_absent(c)
    return
  end
  if c.state.text then
    x509.write(c, c.state.text)
    report(c, c.state.text, c.state.want)
  end
  c:attrs_apply(c.args.path)
end

return {
  doc = "Write the public half of a private key.",
  spec = "community.crypto.openssl_publickey",
  example = "- community.crypto.openssl_publickey:\n    path: /etc/ssl/public/example.org.pem\n    privatekey_path: /etc/ssl/private/example.org.pem",
  returns = "privatekey: The private key's file.\nformat: The form of the key.\nfilename: The file.\nfingerprint: Digests of the key.\n" ..
      "backup_file: Name of the backup.\npublickey: The key, with return_content.",
  side = "target",
  check = "full",
  diff = "full",
  file_args = true,
  args = {
    path = { type = "path", required = true, doc = "The file." },
    state = { default = "present", choices = { "present", "absent" }, doc = "Whether it is to be there." },
    privatekey_path = { type = "path", doc = "File of the private key." },
    privatekey_content = { no_log = true, doc = "The private key itself." },
    privatekey_passphrase = { no_log = true, doc = "Its passphrase." },
    format = { default = "PEM", choices = { "OpenSSH", "PEM" }, doc = "How the key is written." },
    force = { type = "bool", default = false, doc = "Write it in any case." },
    backup = { type = "bool", default = false, doc = "Keep the old file under a dated name." },
    return_content = { type = "bool", default = false, doc = "Return the key." },
    select_crypto_backend = { default = "auto", choices = { "auto", "cryptography" }, doc = "Accepted." },
  },
  exclusive = { { "privatekey_path", "privatekey_content" } },
  required_if = { { "state", "present", { "privatekey_path", "privatekey_content" }, true } },
  plan = plan,
  run = run,
}
