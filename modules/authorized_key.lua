-- authorized_key: public keys that may log in. The file lies in a directory of its user, so it is written with the
-- user's own rights: a link there leads nowhere the user could not write anyway.

local util = use("util")

local TYPES = util.set({
  "sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
  "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521-cert-v01@openssh.com",
  "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519",
  "ssh-ed25519-cert-v01@openssh.com", "ssh-dss", "ssh-rsa", "ssh-xmss@openssh.com", "ssh-xmss-cert-v01@openssh.com",
  "rsa-sha2-256", "rsa-sha2-512", "ssh-rsa-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com",
  "rsa-sha2-512-cert-v01@openssh.com", "ssh-dss-cert-v01@openssh.com",
})

-- Splits at a character that is not within double quotes.
local function split_quoted(text, at)
  local out, from, quoted, i = {}, 1, false, 1
  while i <= #text do
    local ch = text:sub(i, i)
    if ch == "\\" and quoted then
      i = i + 1
    elseif ch == '"' then
      quoted = not quoted
    elseif not quoted and ch:match(at) then
      out[#out + 1] = text:sub(from, i - 1)
      from = i + 1
    end
    i = i + 1
  end
  out[#out + 1] = text:sub(from)
  return out
end

-- Options in the order they stand there, each once (a repeated one as often as it stands there).
local function options_of(text)
  local out = {}
  for _, part in ipairs(split_quoted(text or "", ",")) do
    part = util.trim(part)
    if part ~= "" then
      out[#out + 1] = part
    end
  end
  return table.concat(out, ",")
end

-- A line of the file in parts; nil when it is no key.
local function parse(line)
  local words = {}
  for _, word in ipairs(split_quoted(util.trim(line), "%s")) do
    if word ~= "" then
      words[#words + 1] = word
    end
  end
  if line:match("^%s*#") then
    return nil
  end
  for i = 1, math.min(2, #words) do
    if TYPES[words[i]] then
      if not words[i + 1] then
        return nil
      end
      return {
        options = i == 2 and options_of(words[1]) or "",
        type = words[i],
        key = words[i + 1],
        comment = table.concat(words, " ", i + 2),
      }
    end
  end
  return nil
end

-- As Ansible writes it: without a comment a blank is the last.
local function line_of(k)
  return (k.options ~= "" and k.options .. " " or "") .. k.type .. " " .. k.key .. " " .. k.comment
end

local function file_of(c)
  local user = c.user(c.args.user)
  if not user then
    if c.check and c.args.path then
      return c.args.path, nil
    elseif c.check then
      c:fail("Either user must exist or you must provide full path to key file in check mode")
    end
    c:fail("Failed to lookup user " .. c.args.user .. ': "getpwnam(): name not found: \'' .. c.args.user .. '\'"')
  end
  return c.args.path or user.home .. "/.ssh/authorized_keys", user
end

local function key_text(c)
  local text = c.args.key
  if not text:match("^https?://") then
    return text
  end
  local r, why = c.http({ url = text, validate_certs = c.args.validate_certs, timeout = 30 })
  if not r or r.status ~= 200 then
    c:fail("Error getting key from: " .. text .. (why and ": " .. why or ": status " .. r.status))
  end
  return r.body
end

local function wanted_keys(c)
  local out = {}
  for _, line in ipairs(util.lines(key_text(c):gsub("\r\n", "\n"))) do
    if util.trim(line) ~= "" and not line:match("^%s*#") then
      local k = parse(line) or c:fail("invalid key specified: " .. line)
      if not c.base64.decode(k.key) then
        c:fail("invalid key specified: " .. line)
      end
      if c.args.key_options then
        k.options = options_of(c.args.key_options)
      end
      if c.args.comment then
        k.comment = c.args.comment
      end
      out[#out + 1] = k
    end
  end
  return out
end

local function present(c, entries, keys)
  for _, want in ipairs(keys) do
    -- of several lines with the key the last one counts; the others go only when something else is written
    local found, last = false, nil
    for i = #entries, 1, -1 do
      local e = entries[i]
      if e.parsed and e.parsed.key == want.key then
        last = last or e
        found = found or line_of(last.parsed) == line_of(want)
        if not found then
          table.remove(entries, i)
        end
      end
    end
    if not found then
      entries[#entries + 1] = { line = line_of(want), parsed = want }
    end
  end
  if not c.args.exclusive then
    return entries
  end
  local out = {}
  for _, want in ipairs(keys) do
    for _, e in ipairs(entries) do
      if e.parsed and e.parsed.key == want.key and not util.contains(out, e) then
        out[#out + 1] = e
      end
    end
  end
  return out
end

local function absent(entries, keys)
  for _, want in ipairs(keys) do
    for i = #entries, 1, -1 do
      if entries[i].parsed and entries[i].parsed.key == want.key then
        table.remove(entries, i)
      end
    end
  end
  return entries
end

-- A file that is written has each key once, where it stood last.
local function written(entries)
  local out, seen = {}, {}
  for i = #entries, 1, -1 do
    local k = entries[i].parsed
    if not k or not seen[k.key] then
      table.insert(out, 1, k and line_of(k) or entries[i].line)
    end
    seen[k and k.key or ""] = true
  end
  return util.unlines(out)
end

local function report(c, path)
  for _, name in ipairs({ "user", "key", "path", "state", "exclusive", "manage_dir", "validate_certs" }) do
    c:set(name, c.args[name] == nil and null or c.args[name])
  end
  c:set("key_options", c.args.key_options or null)
  c:set("comment", c.args.comment or null)
  c:set("follow", c.args.follow)
  c:set("keyfile", path)
end

local function plan(c)
  local path, user = file_of(c)
  if c.args.follow then
    path = c.fs.follow(path) or path
  end
  report(c, path)
  local text = c.fs.read(path)
  if text and c.args.path then
    c:info(c.args.path)
  end
  local entries = {}
  for _, line in ipairs(util.lines(text or "")) do
    entries[#entries + 1] = { line = line, parsed = parse(line) }
  end
  local keys = wanted_keys(c)
  entries = c.args.state == "present" and present(c, entries, keys) or absent(entries, keys)
  local lines = {}
  for _, e in ipairs(entries) do
    lines[#lines + 1] = e.line
  end
  local new = util.unlines(lines)
  local old = util.unlines(util.lines(text or ""))
  -- an exclusive list that only stands in another order is the same
  if c.args.exclusive then
    local a, b = util.lines(old), util.lines(new)
    table.sort(a)
    table.sort(b)
    if util.equal(a, b) then
      new = old
    end
  end
  c.state.path, c.state.user = path, user
  if new ~= old then
    c.state.text = written(entries)
    c:diff(path, text, c.state.text)
  end
end

local function make_dir(c, dir, user)
  local st = c.fs.stat(dir)
  if not st then
    c.fs.mkdir(dir, { mode = 448 })
    c.fs.chown(dir, user.uid, user.gid)
  elseif st.type == "directory" and (st.mode ~= 448 or st.uid ~= user.uid or st.gid ~= user.gid) then
    c.fs.chown(dir, user.uid, user.gid)
    c.fs.chmod(dir, 448)
  end
end

local function write(c, path, user)
  local st = c.fs.stat(path)
  if st and st.type == "link" and not c.args.follow then
    c.fs.remove(path)
  end
  -- whoever had it before: sshd reads it as the user
  c.fs.write(path, c.state.text, { mode = 384 })
  c.fs.chown(path, user.uid, user.gid)
end

local function run(c)
  local path, user = c.state.path, c.state.user
  local dir = util.dirname(path)
  local above = c.fs.stat(util.dirname(dir))
  local st = c.fs.stat(dir)
  local theirs = st and st.uid == user.uid or not st and above and above.uid == user.uid
  local function act()
    if c.args.manage_dir then
      make_dir(c, dir, user)
    end
    util.makedirs(c, dir)
    write(c, path, user)
  end
  if theirs then
    c:as(user.uid, user.gid, act)
  else
    act()
  end
  if c.args.path then
    c:info(c.args.path)
  end
end

return {
  doc = "Add public keys to a user's authorized_keys, or remove them.",
  spec = "ansible.posix.authorized_key",
  example = "- ansible.posix.authorized_key:\n    user: deploy\n    key: \"{{ lookup('file', 'files/deploy.pub') }}\"",
  order = "user key path state exclusive manage_dir validate_certs key_options comment follow keyfile changed",
  returns = "keyfile: The file.\nkey: The keys.\nuser: The user.\nstate: The state asked for.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    user = { required = true, doc = "The user who may log in." },
    key = { required = true, doc = "Keys, one a line, or an http(s) address of such a list." },
    path = { type = "path", doc = "The file, if not ~/.ssh/authorized_keys." },
    manage_dir = { type = "bool", default = true, doc = "Make its directory, owned by the user, with mode 0700." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether the keys are to be there." },
    key_options = { doc = "Options in front of the key, as `no-port-forwarding,from=\"10.0.1.1\"`." },
    exclusive = { type = "bool", default = false, doc = "Remove all other keys." },
    validate_certs = { type = "bool", default = true, doc = "Check the certificate of an https address." },
    comment = { doc = "Comment in place of the key's own." },
    follow = { type = "bool", default = false, doc = "Change what a link at the path points to." },
  },
  plan = plan,
  run = run,
}
