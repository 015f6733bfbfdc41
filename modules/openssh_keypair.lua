-- openssh_keypair: keys for ssh, through ssh-keygen.

local util = use("util")

local SIZES = { rsa = 4096, rsa1 = 2048, dsa = 1024, ecdsa = 256, ed25519 = 256 }

-- The passphrase is asked for by a script in the call's own directory: it stands in no argv.
local function keygen(c, words, options)
  local argv = { c:need("ssh-keygen") }
  util.extend(argv, words)
  local env = { SSH_ASKPASS_REQUIRE = "never" }
  if c.args.passphrase and not options.plain then
    local dir = c:tmpdir()
    c.fs.write(dir .. "/pass", c.args.passphrase .. "\n", { mode = 384 })
    c.fs.write(dir .. "/ask", "#!/bin/sh\nexec cat '" .. dir .. "/pass'\n", { mode = 448 })
    env = { SSH_ASKPASS = dir .. "/ask", SSH_ASKPASS_REQUIRE = "force", DISPLAY = ":0" }
  end
  return util.run(c, argv, { env = env, may_fail = options.may_fail, what = options.what, stdin = "" })
end

-- The public half of the private key; nil and why when it cannot be read.
local function public_half(c, path)
  local words = { "-y", "-f", path }
  if not c.args.passphrase then
    words = { "-y", "-P", "", "-f", path }
  end
  local r = keygen(c, words, { may_fail = true })
  if r.rc ~= 0 then
    return nil, util.trim(r.stderr)
  end
  return util.trim(r.stdout)
end

-- ssh-keygen looks into PATH.pub beside the private key, which a run that was killed may have left of another one: `public`
-- is what belongs to it.
local function fingerprint(c, path, public)
  if public and public ~= "" then
    path = c:tmpdir() .. "/public"
    c.fs.write(path, public .. "\n")
  end
  local r = keygen(c, { "-l", "-f", path }, { may_fail = true, plain = true })
  local size, print, comment, kind = r.stdout:match("^(%d+) (%S+) (.-) %((%S+)%)")
  if not size then
    return nil
  end
  return { size = math.tointeger(tonumber(size)), print = print, comment = comment, kind = kind:lower():gsub("%-cert$", "") }
end

local function public_line(text)
  local kind, key, comment = util.trim(text):match("^(%S+) (%S+) ?(.*)$")
  return kind and kind .. " " .. key, comment or ""
end

-- The format of a private key, as private_key_format names it.
local function format_of(text)
  local name = text:match("^%s*%-%-%-%-%-BEGIN ([%u ]-)PRIVATE KEY")
  return name == "OPENSSH " and "ssh" or (name == "" or name == "ENCRYPTED ") and "pkcs8" or "pkcs1"
end

-- Whether the key is in another format than is asked for; ssh-keygen writes Ed25519 keys in its own only.
local function other_format(c, path)
  local want = c.args.private_key_format
  if want == "auto" or c.args.type == "ed25519" and want ~= "ssh" then
    return false
  end
  return format_of(c.fs.read(path) or "") ~= want
end

local function report(c, path)
  c:set("filename", c.args.path)
  c:set("type", c.args.type)
  c:set("size", c.state.size)
  c:set("comment", c.args.comment or "")
  local text = c.fs.read(path .. ".pub")
  local info = text and fingerprint(c, path .. ".pub")
  if info then
    c:set("fingerprint", info.print)
    c:set("public_key", (public_line(text)))
    c:set("comment", select(2, public_line(text)))
  end
end

local function plan(c)
  local a = c.args
  local path = a.path
  local size = a.size or SIZES[a.type]
  c.state.size = size
  if a.type == "rsa1" or a.type == "dsa" then
    c:fail("keys of type " .. a.type .. " are not supported: ssh no longer takes them")
  end
  if a.type == "rsa" and size < 1024 then
    c:fail("RSA keys have at least 1024 bits (4096 when no size is given), not " .. size)
  end
  if a.type == "ecdsa" and size ~= 256 and size ~= 384 and size ~= 521 then
    c:fail("ECDSA keys have 256, 384 or 521 bits, not " .. size)
  end
  util.regular(c, "path", path)
  util.regular(c, "path", path .. ".pub")
  local st = c.fs.stat(path)
  if a.state == "absent" then
    c:set("filename", path)
    if st or c.fs.stat(path .. ".pub") then
      c:differs("exists", true, false)
    end
    return
  end
  if not c.fs.exists(util.dirname(path)) then
    c:fail("The directory " .. util.dirname(path) .. " does not exist or the file is not a directory")
  end
  if st and st.type == "directory" then
    c:fail(path .. " is a directory. Please specify a path to a file.")
  end
  if not st or a.force or a.regenerate == "always" then
    c.state.make = true
    c:differs("exists", st ~= nil, true)
    c:changed()
    report(c, "")
    return
  end
  local public, why = public_half(c, path)
  if a.regenerate == "never" then
    public = public or ""
  end
  if not public and a.regenerate ~= "full_idempotence" then
    c:fail("Unable to read the key: it has a passphrase, or is damaged. regenerate=full_idempotence, regenerate=always or force=true " ..
      "make a new one. (" .. why .. ")")
  end
  local info = public and fingerprint(c, path, public)
  local other = not public or info and (info.kind ~= a.type or info.size ~= size and a.type ~= "ed25519")
    or other_format(c, path)
  if other and a.regenerate ~= "never" then
    if a.regenerate == "fail" then
      c:fail("Key has wrong type and/or size: regenerate=partial_idempotence, full_idempotence or always, or force=true, " ..
        "make a new one.")
    end
    c.state.make = true
    c:changed()
    c:differs("key", info and info.kind .. " " .. info.size or "broken", a.type .. " " .. size)
  elseif public and public ~= "" then
    local line, comment = public_line(c.fs.read(path .. ".pub") or "")
    local want = a.comment or comment
    if line ~= public_line(public) or want ~= comment then
      c.state.public = public_line(public) .. (want ~= "" and " " .. want or "") .. "\n"
      c:differs("public_key", c.fs.read(path .. ".pub") or null, c.state.public)
    end
  end
  c:attrs_differ(path)
  c:attrs_differ(path .. ".pub")
  report(c, path)
end

local function generate(c)
  local a, dir = c.args, c:tmpdir()
  local words = { "-q", "-t", a.type, "-C", a.comment or "", "-f", dir .. "/key" }
  if a.type ~= "ed25519" then
    util.append(words, "-b", tostring(c.state.size))
  end
  if a.private_key_format == "pkcs1" then
    util.append(words, "-m", "PEM")
  elseif a.private_key_format == "pkcs8" then
    util.append(words, "-m", "PKCS8")
  end
  if not a.passphrase then
    util.append(words, "-N", "")
  end
  keygen(c, words, { what = "ssh-keygen" })
  -- the private key goes last: without its public half it is found wanting and mended by the next run
  c.fs.write(a.path .. ".pub", c.fs.read(dir .. "/key.pub"), { mode = 420 })
  c:replace(a.path, c.fs.read(dir .. "/key"), { mode = 384 })
end

local function run(c)
  local path = c.args.path
  if c.args.state == "absent" then
    c.fs.remove(path)
    c.fs.remove(path .. ".pub")
    return
  end
  if c.state.make then
    generate(c)
  elseif c.state.public then
    local st = c.fs.stat(path .. ".pub")
    c.fs.write(path .. ".pub", c.state.public, { mode = st and st.type == "file" and st.mode or 420 })
  end
  c:attrs_apply(path)
  c:attrs_apply(path .. ".pub")
  report(c, path)
end

return {
  doc = "Make key pairs for ssh.",
  spec = "community.crypto.openssh_keypair",
  example = "- community.crypto.openssh_keypair:\n    path: /root/.ssh/id_ed25519\n    type: ed25519\n    comment: backup@example.org",
  returns = "filename: The private key.\nsize: Its size.\ntype: Its type.\nfingerprint: Fingerprint of the key.\npublic_key: The public key.\ncomment: Its comment.",
  side = "target",
  check = "full",
  diff = "full",
  file_args = true,
  args = {
    path = { type = "path", required = true, doc = "The private key; the public one gets `.pub`." },
    state = { default = "present", choices = { "present", "absent" }, doc = "Whether they are to be there." },
    type = { default = "rsa", choices = { "rsa", "dsa", "rsa1", "ecdsa", "ed25519" }, doc = "Type." },
    size = { type = "int", doc = "Bits: 4096 for rsa, 256 for ecdsa without it." },
    comment = { doc = "Comment of the public key." },
    passphrase = { no_log = true, doc = "Passphrase of the private key." },
    private_key_format = { default = "auto", choices = { "auto", "pkcs1", "pkcs8", "ssh" }, doc = "Format of the private key." },
    backend = { default = "auto", choices = { "auto", "cryptography", "opensshbin" }, doc = "Accepted." },
    regenerate = {
      default = "partial_idempotence", choices = { "never", "fail", "partial_idempotence", "full_idempotence", "always" },
      doc = "When a key that is there is replaced.",
    },
    force = { type = "bool", default = false, doc = "Make new ones in any case." },
  },
  plan = plan,
  run = run,
}
