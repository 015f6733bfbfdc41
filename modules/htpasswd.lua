-- htpasswd: users and password hashes of files for HTTP basic authentication.

local util = use("util")

local ITOA64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

local function to64(value, n)
  local out = {}
  for _ = 1, n do
    out[#out + 1] = ITOA64:sub((value & 63) + 1, (value & 63) + 1)
    value = value >> 6
  end
  return table.concat(out)
end

-- A salt of n characters; 64 divides 256, so each byte gives one evenly.
local function salt(c, n)
  return (c.random(n):gsub(".", function(byte)
    local i = (byte:byte() & 63) + 1
    return ITOA64:sub(i, i)
  end))
end

-- Apache's variant of the MD5 scheme: $apr1$salt$hash.
local function apr1(c, password, s)
  local md5 = function(text) return c.digest("md5", text, true) end
  local ctx = { password, "$apr1$", s }
  local mixed = md5(password .. s .. password)
  for n = #password, 1, -16 do
    ctx[#ctx + 1] = mixed:sub(1, math.min(16, n))
  end
  local n = #password
  while n > 0 do
    ctx[#ctx + 1] = n & 1 == 1 and "\0" or password:sub(1, 1)
    n = n >> 1
  end
  local final = md5(table.concat(ctx))
  for i = 0, 999 do
    local odd = i & 1 == 1
    local round = { odd and password or final }
    if i % 3 ~= 0 then
      round[#round + 1] = s
    end
    if i % 7 ~= 0 then
      round[#round + 1] = password
    end
    round[#round + 1] = odd and final or password
    final = md5(table.concat(round))
  end
  local b = { final:byte(1, 16) }
  local out = {}
  for _, t in ipairs({ { 1, 7, 13 }, { 2, 8, 14 }, { 3, 9, 15 }, { 4, 10, 16 }, { 5, 11, 6 } }) do
    out[#out + 1] = to64(b[t[1]] << 16 | b[t[2]] << 8 | b[t[3]], 4)
  end
  out[#out + 1] = to64(b[12], 2)
  return "$apr1$" .. s .. "$" .. table.concat(out)
end

-- How each scheme makes a new hash.
local SCHEMES = {
  apr_md5_crypt = function(c, p) return apr1(c, p, salt(c, 8)) end,
  md5_crypt = function(c, p) return c.crypt(p, "$1$" .. salt(c, 8)) end,
  sha256_crypt = function(c, p) return c.crypt(p, "$5$rounds=535000$" .. salt(c, 16)) end,
  sha512_crypt = function(c, p) return c.crypt(p, "$6$rounds=656000$" .. salt(c, 16)) end,
  bcrypt = function(c, p) return c.crypt(p, "$2b$12$" .. salt(c, 21) .. "u") end,
  des_crypt = function(c, p) return c.crypt(p, salt(c, 2)) end,
  ldap_sha1 = function(c, p) return "{SHA}" .. c.base64.encode(c.digest("sha1", p, true)) end,
  plaintext = function(_, p) return p end,
}

-- Whether a hash of any scheme Apache and nginx know is that of the password. bcrypt's first 21 salt characters hold
-- 126 bits, the 22nd the two left over.
local function verify(c, password, hash)
  if hash:match("^%$apr1%$") then
    return apr1(c, password, hash:match("^%$apr1%$([^$]*)%$")) == hash
  end
  if hash:match("^{SHA}") then
    return SCHEMES.ldap_sha1(c, password) == hash
  end
  local crypted = c.crypt(password, (hash:gsub("^%$2y%$", "$2b$")))
  return crypted ~= nil and crypted == hash:gsub("^%$2y%$", "$2b$") or hash == password
end

-- The file's text with the user's line as it should be, the same text when it is already. A change takes empty lines out,
-- too, as Ansible's does.
local function edited(c, text, make)
  local name, password, present = c.args.name, c.args.password, c.args.state == "present"
  local out, found, touched, msg = {}, false, false, nil
  for _, line in ipairs(util.lines(text or "")) do
    local user, hash = line:match("^([^:#]*):([^:]*)")
    if user ~= name then
      out[#out + 1] = line:match("%S") and line or nil
    elseif not found then
      found = true
      touched = not present or not verify(c, password, hash)
      if present then
        out[#out + 1] = touched and name .. ":" .. make(c, password) or line
      end
      msg = touched and (present and "Add/update " or "Remove ") .. name or name .. " already present"
    end
  end
  if present and not found then
    touched = true
    out[#out + 1] = name .. ":" .. make(c, password)
    msg = text and "Add/update " .. name or "Create " .. c.args.path
  end
  return touched and util.unlines(out) or text, msg or name .. " not present"
end

local function plan(c)
  local path, name, password = c.args.path, c.args.name, c.args.password
  local present = c.args.state == "present"
  if present and not password then
    c:fail("a password is needed unless state is absent", {})
  end
  local make = SCHEMES[c.args.hash_scheme]
  if present and not make then
    c:fail("hash_scheme '" .. c.args.hash_scheme .. "' is not supported: one of " .. table.concat(util.keys(SCHEMES), ", "))
  end
  if name:find("[:\n]") or name == "" then
    c:fail("name must be one line without ':'")
  end
  local text = c.fs.read(path)
  if not text and present and not c.args.create then
    c:fail("Destination " .. path .. " does not exist")
  end
  if not text and not present then
    c:set("msg", path .. " not present")
    return
  end
  local new, msg = edited(c, text, make)
  c:set("msg", msg)
  if new ~= text then
    c.state.text = new
    c:changed()
  end
  if text and c:attrs_differ(path) then
    c:set("msg", (new ~= text and msg .. " and " or msg) .. "ownership, perms or SE linux context changed")
  end
  c.state.new = text == nil
end

local function run(c)
  local path = c.args.path
  if c.state.text then
    util.makedirs(c, util.dirname(path))
    c:replace(path, c.state.text, { mode = 420 })
    if c.state.new then
      c:set("msg", "Created " .. path .. " and added " .. c.args.name)
    end
  end
  c:attrs_apply(path)
end

return {
  doc = "Add users to files of HTTP basic authentication, change their passwords, remove them.",
  spec = "community.general.htpasswd",
  example = "- community.general.htpasswd:\n    path: /etc/nginx/passwd\n    name: janedoe\n    password: \"{{ password }}\"\n    owner: root\n    group: www-data\n    mode: '0640'",
  returns = "msg: What was done.",
  side = "target",
  check = "full",
  diff = "none",
  file_args = true,
  args = {
    path = { type = "path", required = true, aliases = { "dest", "destfile" }, doc = "The file." },
    name = { required = true, aliases = { "username" }, doc = "The user." },
    password = { no_log = true, doc = "The password; needed unless the user is removed." },
    hash_scheme = {
      default = "apr_md5_crypt", aliases = { "crypt_scheme" },
      doc = "apr_md5_crypt, bcrypt, sha512_crypt, sha256_crypt, md5_crypt, des_crypt, ldap_sha1 or plaintext.",
    },
    state = { default = "present", choices = { "present", "absent" }, doc = "Whether the user is to be there." },
    create = { type = "bool", default = true, doc = "Make the file when it is missing." },
  },
  plan = plan,
  run = run,
}
