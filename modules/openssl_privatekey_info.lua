-- openssl_privatekey_info: what a private key is.

local der = use("der")
local pubkey = use("pubkey")
local util = use("util")
local x509 = use("x509")

local function text_of(c)
  local a = c.args
  if a.content then
    return a.content
  end
  local text = c.fs.read(a.path)
  if not text then
    c:fail("Error while reading private key file from disk: [Errno 2] No such file or directory: '" .. a.path .. "'")
  end
  return text
end

-- The secret numbers in a PKCS #8 key; none for the types that have a text of bytes.
local function private_data(kind, pkcs8)
  local key = der.sequence(pkcs8)[3].body
  local data = dict()
  if kind == "RSA" then
    local numbers = der.sequence(key)
    data.exponent, data.p, data.q = der.integer(numbers[4].body), der.integer(numbers[5].body), der.integer(numbers[6].body)
  elseif kind == "DSA" then
    data.x = der.integer(der.only(key, 0x02).body)
  elseif kind == "ECC" then
    data.multiplier = der.unsigned(der.sequence(key)[2].body)
  end
  return data
end

local function openssl(c, text, words)
  util.extend(words, { "-passin", x509.secret(c, "passin", c.args.passphrase or "") })
  return x509.openssl(c, words, { stdin = text, may_fail = true })
end

-- Whether the private half fits the public one; null for keys that OpenSSL cannot ask.
local function consistent(c, kind, text)
  if kind == "X25519" or kind == "X448" then
    return null
  end
  return openssl(c, text, { "pkey", "-check", "-noout" }).rc == 0
end

local function run(c)
  local a = c.args
  c:set("can_load_key", false)
  c:set("can_parse_key", false)
  c:set("key_is_consistent", null)
  local text = text_of(c)
  c:set("can_load_key", true)
  local spki = x509.public_half(c, text, a.passphrase, a.path or "of content", "passphrase")
  local ok, kind, data = pcall(pubkey.describe, spki)
  if not ok then
    c:fail("Unable to tell what the private key " .. (a.path or "of content") .. " is: " .. tostring(kind))
  end
  c:set("can_parse_key", true)
  c:set("public_key", der.pem(c, "PUBLIC KEY", spki))
  c:set("public_key_fingerprints", x509.fingerprints(c, spki))
  c:set("type", kind)
  c:set("public_data", data)
  if a.return_private_key_data then
    c:set("private_data", private_data(kind, openssl(c, text, { "pkcs8", "-topk8", "-nocrypt", "-outform", "DER" }).stdout))
  end
  if a.check_consistency then
    local fits = consistent(c, kind, text)
    c:set("key_is_consistent", fits)
    if fits == false then
      c:fail("Private key is not consistent! Its private half does not fit its public one; make a new key")
    end
  end
end

return {
  doc = "Tell what a private key is.",
  spec = "community.crypto.openssl_privatekey_info",
  example = "- community.crypto.openssl_privatekey_info:\n    path: /etc/ssl/private/example.org.pem\n  register: key",
  returns = "can_load_key: Whether the file could be read.\ncan_parse_key: Whether it is a private key.\n" ..
      "key_is_consistent: Whether its halves fit, with check_consistency; null where that cannot be known.\n" ..
      "public_key: The public half, as PEM.\npublic_key_fingerprints: Digests of it.\ntype: RSA, DSA, ECC, Ed25519, Ed448, X25519 or X448.\n" ..
      "public_data: Its numbers.\nprivate_data: The secret numbers, with return_private_key_data.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    path = { type = "path", doc = "File of the key." },
    content = { no_log = true, doc = "The key itself." },
    passphrase = { no_log = true, doc = "Its passphrase." },
    return_private_key_data = { type = "bool", default = false, doc = "Return the secret numbers, too: register them with no_log." },
    check_consistency = { type = "bool", default = false, doc = "Fail when the halves of the key do not fit." },
    select_crypto_backend = { default = "auto", choices = { "auto", "cryptography" }, doc = "Accepted." },
  },
  exclusive = { { "path", "content" } },
  required_one_of = { { "path", "content" } },
  run = run,
}
