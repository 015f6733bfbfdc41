-- mount: entries of fstab and what is mounted.

local util = use("util")

local FIELDS = { "src", "name", "fstype", "opts", "dump", "passno" }

local function escape(text)
  return (text:gsub("\\", "\\134"):gsub(" ", "\\040"):gsub("\t", "\\011"):gsub("&", "\\046"))
end

local function unescape(text)
  return (text:gsub("\\(%d%d%d)", function(octal) return string.char(tonumber(octal, 8)) end))
end

-- What is mounted where, by /proc: mount point -> source (the directory for a bind mount) and options.
local function mounts(c)
  local by_id, order, out = {}, {}, {}
  for line in (c.fs.read("/proc/self/mountinfo") or ""):gmatch("[^\n]+") do
    local before, after = line:match("^(.-) %- (.*)$")
    if before then
      local f, g = util.words(before), util.words(after)
      local m = {
        id = f[1], parent = f[2], root = unescape(f[4]), dst = unescape(f[5]), opts = f[6], fs = g[1], src = unescape(g[2]),
      }
      by_id[m.id] = m
      order[#order + 1] = m
    end
  end
  for _, m in ipairs(order) do
    local src = m.src
    local parent = by_id[m.parent]
    if parent and m.root ~= "/" then
      -- the directory within the file system, seen from where that one is mounted
      for _, other in ipairs(order) do
        if other.src == m.src and other.root == "/" and other ~= m then
          src = (other.dst == "/" and "" or other.dst) .. m.root
          break
        end
      end
    end
    out[m.dst] = { src = src, dev = m.src, opts = m.opts, fs = m.fs, root = m.root }
  end
  return out
end

local function wanted(c)
  local opts = c.args.opts or "defaults"
  if not c.args.boot then
    opts = opts .. ",noauto"
  elseif util.contains(util.split(opts, ","), "noauto") then
    c:warn("Ignore the 'boot' due to 'opts' contains 'noauto'.")
  end
  return {
    src = c.args.src, name = c.args.path, fstype = c.args.fstype, opts = opts, dump = c.args.dump, passno = c.args.passno,
  }
end

-- The fields of an fstab line; nil for comments and what is no entry.
local function entry_of(line)
  local words = util.words(line:match("^[^#]*"))  -- as Ansible: the rest is a comment
  if #words < 4 or #words > 6 then
    return nil
  end
  local e = { dump = "0", passno = "0" }
  for i, word in ipairs(words) do
    e[FIELDS[i]] = word
  end
  return e
end

local function is_ours(e, want)
  if e.name ~= escape(want.name) then
    return false
  end
  return not (want.src and e.name == "none" and e.fstype == "swap" and e.src ~= want.src)
end

local function line_of(want)
  local words = {}
  for _, field in ipairs(FIELDS) do
    words[#words + 1] = escape(want[field])
  end
  return table.concat(words, " ")
end

-- The file with the entry set or removed; nil when it is as it should be.
local function edited(text, want, present)
  local out, found, changed = {}, false, false
  for _, line in ipairs(util.lines(text)) do
    local e = entry_of(line)
    if e and is_ours(e, want) then
      found = true
      local same = present
      for _, field in ipairs(FIELDS) do
        same = same and (field == "name" or e[field] == escape(want[field]))
      end
      if same then
        out[#out + 1] = line
      else
        changed = true
        if present then
          out[#out + 1] = line_of(want)
        end
      end
    else
      out[#out + 1] = line
    end
  end
  if present and not found then
    out[#out + 1] = line_of(want)
    changed = true
  end
  return changed and util.unlines(out) or nil
end

local function same_source(c, mounted, src)
  if mounted.src == src or mounted.dev == src then
    return true
  end
  local real = c.fs.realpath(src)
  return real ~= nil and (c.fs.realpath(mounted.dev) == real or mounted.src == real)
end

local function plan_mounted(c, want, now)
  local state = c.args.state
  local mounted = now[want.name]
  if state == "ephemeral" then
    if mounted and not same_source(c, mounted, want.src) then
      c:fail("Ephemeral mount point is already mounted with a different source: it is left as it is. " ..
        "Use 'state: unmounted' first, or another path.")
    end
    c.state.action = mounted and "remount" or "mount"
    c:changed()
  elseif not mounted then
    c.state.action = "mount"
    c:differs("mounted", false, true)
  elseif c.state.text then
    c.state.action = "remount"
  end
end

local function plan(c)
  local state, want = c.args.state, wanted(c)
  local fstab = c.args.fstab or "/etc/fstab"
  local text = c.fs.read(fstab)
  local now = mounts(c)
  if state == "remounted" and not now[want.name] then
    c:fail("Not mounted: " .. want.name)
  end
  c.state.fstab, c.state.existed, c.state.want = fstab, text ~= nil, want
  if state == "present" or state == "mounted" or state == "absent" or state == "absent_from_fstab" then
    local new = edited(text or "", want, state == "present" or state == "mounted")
    if new then
      c.state.text = new
      c:diff(fstab, text, new)
    end
  end
  if state == "mounted" or state == "ephemeral" then
    plan_mounted(c, want, now)
  elseif state == "remounted" then
    c.state.action = "remount"
    c:changed()
  elseif state == "unmounted" and now[want.name] or state == "absent" and c.state.text then
    c.state.action = now[want.name] and "umount" or "rmdir"
    c:changed()
  end
  for key, value in pairs(want) do
    c:set(key, value)
  end
  c:set("opts", c.args.opts_no_log and "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" or want.opts)
  c:set("fstab", fstab)
  c:set("boot", c.args.boot and "yes" or "no")
  c:set("backup_file", "")
end

local function with_fstab(c, argv)
  if c.state.fstab ~= "/etc/fstab" and c.args.state ~= "ephemeral" then
    util.append(argv, "-T", c.state.fstab)
  end
  return argv
end

local function ephemeral_words(c, argv, remount)
  local want = c.state.want
  util.append(argv, "-t", want.fstype)
  local opts = remount and "remount" or nil
  if want.opts ~= "defaults" then
    opts = opts and opts .. "," .. want.opts or want.opts
  end
  if opts then
    util.append(argv, "-o", opts)
  end
  argv[#argv + 1] = want.src
  return argv
end

local function do_mount(c)
  local argv = with_fstab(c, { c:need("mount") })
  if c.args.state == "ephemeral" then
    ephemeral_words(c, argv)
  end
  argv[#argv + 1] = c.state.want.name
  return util.run(c, argv, { may_fail = true })
end

local function do_remount(c)
  local want = c.state.want
  local explicit = c.args.state == "remounted" and want.opts ~= "defaults"
  local argv = with_fstab(c, { c:need("mount") })
  if c.args.state == "ephemeral" then
    ephemeral_words(c, argv, true)
  else
    util.append(argv, "-o", explicit and "remount," .. want.opts or "remount")
  end
  argv[#argv + 1] = want.name
  local r = util.run(c, argv, { may_fail = true })
  if r.rc == 0 then
    return r
  end
  if explicit then
    c:fail("Options were specified with remounted, but the remount command failed. Use 'state: unmounted', then " ..
      "'state: mounted' with all options instead. " .. util.trim(r.stderr))
  end
  r = util.run(c, { c:need("umount"), want.name }, { may_fail = true })
  return r.rc == 0 and do_mount(c) or r
end

local function run(c)
  local want, action, name = c.state.want, c.state.action, c.state.want.name
  if (c.args.state == "mounted" or c.args.state == "ephemeral") and not c.fs.exists(name) then
    util.makedirs(c, name)
    c.state.made = true
  end
  local before = c.fs.read(c.state.fstab)
  if c.state.text then
    if c.args.backup and before then
      c:set("backup_file", c:backup(c.state.fstab))
    end
    util.makedirs(c, util.dirname(c.state.fstab))
    c.fs.write(c.state.fstab, c.state.text)
  end
  if action == "umount" then
    local r = util.run(c, { c:need("umount"), name }, { may_fail = true })
    if r.rc ~= 0 then
      c:fail("Error unmounting " .. name .. ": " .. util.trim(r.stdout .. r.stderr))
    end
  elseif action == "mount" or action == "remount" then
    local r = (action == "mount" and do_mount or do_remount)(c)
    if r.rc ~= 0 then
      -- as before: the next run finds the same state
      if c.state.text and before then
        c.fs.write(c.state.fstab, before)
      end
      if c.state.made then
        c.fs.remove(name)
      end
      c:fail("Error mounting " .. name .. ": " .. util.trim(r.stdout .. r.stderr))
    end
  end
  if c.args.state == "absent" and c.fs.exists(name) then
    local ok, why = pcall(c.fs.remove, name)
    if not ok then
      c:fail("Error rmdir " .. name .. ": " .. why)
    end
  end
end

return {
  doc = "Mount file systems, now and at boot.",
  spec = "ansible.posix.mount",
  example = "- ansible.posix.mount:\n    path: /srv/data\n    src: UUID=0a1b2c3d-1111-4222-8333-444455556666\n    fstype: ext4\n    state: mounted",
  order = "changed name opts dump passno fstab boot backup_file src fstype",
  returns = "name: The mount point.\nsrc: The device.\nfstype: Its file system.\nopts: The options.\nfstab: The file.\nbackup_file: Name of the backup.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    path = { type = "path", required = true, aliases = { "name" }, doc = "The mount point." },
    src = { type = "path", doc = "Device, network address, or directory of a bind mount." },
    fstype = { doc = "Kind of file system." },
    opts = { doc = "Mount options." },
    opts_no_log = { type = "bool", default = false, doc = "Do not show the options: they hold a password." },
    dump = { default = "0", doc = "Fifth field of fstab." },
    passno = { default = "0", doc = "Sixth field of fstab." },
    state = {
      required = true,
      choices = { "absent", "absent_from_fstab", "mounted", "present", "unmounted", "remounted", "ephemeral" },
      doc = "`mounted`: in fstab and mounted; `present`: in fstab; `absent`: neither, and the directory removed; " ..
          "`ephemeral`: mounted, not in fstab.",
    },
    fstab = { type = "path", doc = "The file, if not /etc/fstab." },
    boot = { type = "bool", default = true, doc = "Mount at boot." },
    backup = { type = "bool", default = false, doc = "Keep the old file under a dated name." },
  },
  required_if = {
    { "state", "mounted", { "src", "fstype" } }, { "state", "present", { "src", "fstype" } },
    { "state", "ephemeral", { "src", "fstype" } },
  },
  plan = plan,
  run = run,
}
