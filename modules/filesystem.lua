-- filesystem: makes, grows and wipes file systems on block devices and image files.

local util = use("util")

-- mkfs program, its options, the option that forces, how the file system grows and which uuid tool it has.
local KINDS = {
  ext2 = { mkfs = "mkfs.ext2", force = { "-F" }, grow = { "resize2fs" } },
  ext3 = { mkfs = "mkfs.ext3", force = { "-F" }, grow = { "resize2fs" } },
  ext4 = { mkfs = "mkfs.ext4", force = { "-F" }, grow = { "resize2fs" } },
  ext4dev = { mkfs = "mkfs.ext4", force = { "-F" }, grow = { "resize2fs" } },
  xfs = { mkfs = "mkfs.xfs", force = { "-f" }, grow = { "xfs_growfs" }, mounted = true },
  btrfs = { mkfs = "mkfs.btrfs", force = { "-f" }, grow = { "btrfs", "filesystem", "resize", "max" }, mounted = true },
  bcachefs = { mkfs = "mkfs.bcachefs", force = { "--force" } },
  reiserfs = { mkfs = "mkfs.reiserfs", force = { "-q" } },
  f2fs = { mkfs = "mkfs.f2fs", force = {}, grow = { "resize.f2fs" } },
  ocfs2 = { mkfs = "mkfs.ocfs2", force = { "-Fx" } },
  vfat = { mkfs = "mkfs.vfat", force = {} },
  swap = { mkfs = "mkswap", force = { "-f" } },
  lvm = { mkfs = "pvcreate", force = { "-f" }, grow = { "pvresize" } },
}
local BLKID = { LVM2_member = "lvm" }

-- Runs a program on the device, by the name that stays the same file.
local function on(c, argv, may_fail)
  return util.run(c, argv, { may_fail = may_fail, shown = { c.state.at, c.args.dev } })
end

-- What blkid says of the device: TYPE or UUID. That of busybox knows no options and prints all there is.
local function blkid(c, tag)
  local r = on(c, { c:which("blkid") or "/sbin/blkid", "-p", "-c", "/dev/null", "-o", "value", "-s", tag, c.state.at }, true)
  local text = util.trim(r.stdout)
  if text:match(': .*%u="') then
    text = text:match(".* " .. tag .. '="([^"]*)"') or ""
  end
  return text, r
end

local function found(c, dev)
  local kind, r = blkid(c, "TYPE")
  if r.rc == 127 then
    c:need("blkid")
  end
  if kind == "" and r.rc ~= 2 and r.rc ~= 0 then
    c:fail("blkid cannot tell what is on " .. dev .. ": " .. util.trim(r.stderr), { rc = r.rc })
  end
  return kind ~= "" and (BLKID[kind] or kind) or nil
end

local function mountpoint(c, dev)
  local real = c.fs.realpath(dev) or dev
  for line in (c.fs.read("/proc/self/mounts") or ""):gmatch("[^\n]+") do
    local source, where = line:match("^(%S+) (%S+)")
    if source:sub(1, 1) == "/" and (c.fs.realpath(source) or source) == real then
      return (where:gsub("\\(%d%d%d)", function(octal) return string.char(tonumber(octal, 8)) end))
    end
  end
end

local function number(text, pattern)
  return tonumber(text:match(pattern) or "")
end

-- Size of the device and of the file system on it, in bytes; nil when it cannot be told.
local function sizes(c, kind, dev)
  local total
  local st = c.fs.stat(c.fs.realpath(dev) or dev)
  if st and st.type == "file" then
    total = st.size
  else
    local r = on(c, { c:need("blockdev"), "--getsize64", c.state.at })
    total = tonumber(util.trim(r.stdout))
  end
  if kind:match("^ext") then
    local out = on(c, { c:need("dumpe2fs"), "-h", c.state.at }).stdout
    local count, size = number(out, "Block count:%s+(%d+)"), number(out, "Block size:%s+(%d+)")
    return total, count and size and count * size
  elseif kind == "xfs" then
    local where = mountpoint(c, dev)
    if not where then
      c:fail(dev .. " needs to be mounted for xfs operations")
    end
    local out = util.run(c, { c:need("xfs_info"), where }).stdout
    local size, count = out:match("data%s+=%s*bsize=(%d+)%s+blocks=(%d+)")
    return total, size and tonumber(size) * tonumber(count)
  end
  return total, nil
end

local function plan_grow(c, kind, dev)
  local how = KINDS[kind].grow
  if not how then
    c:fail("module does not support resizing " .. kind .. " filesystem yet")
  end
  local total, now = sizes(c, kind, dev)
  local block = 65536  -- less than a group of blocks cannot be gained
  if now and total - now < block then
    c:set("msg", kind .. " filesystem is using the whole device " .. dev)
    return
  end
  local argv = { c:need(how[1]) }
  util.extend(argv, table.move(how, 2, #how, 1, {}))
  local where = KINDS[kind].mounted and mountpoint(c, dev)
  if KINDS[kind].mounted and not where then
    c:fail(dev .. " needs to be mounted for " .. kind .. " operations")
  end
  argv[#argv + 1] = where or c.state.at
  c.state.argv = argv
  c:differs("size", now, total)
  c:changed()
end

-- Another uuid for a file system that is there: its data stays.
local function plan_uuid(c, kind, dev)
  local how = kind:match("^ext") and "tune2fs" or kind == "xfs" and "xfs_admin" or nil
  if not how then
    c:fail("the uuid of a " .. kind .. " file system that is there cannot be changed: make it anew with force")
  end
  local now = blkid(c, "UUID")
  if now ~= c.args.uuid:lower() then
    c.state.argv = { c:need(how), "-U", c.args.uuid, c.state.at }
    c:differs("uuid", now, c.args.uuid)
  end
end

local function plan(c)
  local dev, kind, state = c.args.dev, c.args.fstype, c.args.state
  if not c.fs.exists(dev) then
    if state == "present" then
      c:fail("Device " .. dev .. " not found.")
    end
    c:set("msg", "Device " .. dev .. " not found.")
    return
  end
  c.fs.follow(dev)
  local at, is_device = c.fs.hold(dev)
  c.state.at = is_device and dev or at
  local now = found(c, dev)
  if state == "absent" then
    if now then
      c.state.argv = { c:need("wipefs"), "--all", c.state.at }
      if mountpoint(c, dev) then
        c:fail(dev .. " is mounted on " .. mountpoint(c, dev) .. ": it is not wiped")
      end
      c:differs("fstype", now, nil)
    end
    return
  end
  if not KINDS[kind] then
    c:fail("module does not support this filesystem (" .. kind .. ") yet.")
  end
  local same = now == kind or now == "ext4" and kind == "ext4dev"
  if same and not c.args.force and c.args.resizefs then
    plan_grow(c, kind, dev)
    return
  end
  if same and not c.args.force and c.args.uuid then
    plan_uuid(c, kind, dev)
    return
  end
  if same and not c.args.force then
    return
  end
  if now and not c.args.force then
    c:fail("'" .. dev .. "' is already used as " .. now .. ", use force=true to overwrite")
  end
  if mountpoint(c, dev) then
    c:fail(dev .. " is mounted on " .. mountpoint(c, dev) .. ": it is not made anew")
  end
  local how = KINDS[kind]
  local argv = { c:need(how.mkfs) }
  if c.args.force or how.mkfs:match("ext") then
    util.extend(argv, how.force)
  end
  if c.args.uuid then
    util.append(argv, kind == "xfs" and "-m" or "-U", kind == "xfs" and "uuid=" .. c.args.uuid or c.args.uuid)
  end
  util.extend(argv, util.words(c.args.opts or ""))
  argv[#argv + 1] = c.state.at
  c.state.argv = argv
  c:differs("fstype", now, kind)
  c:changed()
end

local function run(c)
  on(c, c.state.argv)
end

return {
  doc = "Make a file system on a device, let it grow, or wipe it.",
  spec = "community.general.filesystem",
  returns = "msg: What stands in the way, or what is there already.",
  example = "- community.general.filesystem:\n    fstype: ext4\n    dev: /dev/sdb1\n    opts: -L data",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    state = { default = "present", choices = { "present", "absent" }, doc = "Made, or wiped." },
    fstype = {
      aliases = { "type" }, doc = "Kind of file system.",
      choices = {
        "bcachefs", "btrfs", "ext2", "ext3", "ext4", "ext4dev", "f2fs", "lvm", "ocfs2", "reiserfs", "xfs", "vfat",
        "swap", "ufs",
      },
    },
    dev = { type = "path", required = true, aliases = { "device" }, doc = "Device or image file." },
    force = { type = "bool", default = false, doc = "Make it anew also where a file system is: its data is lost." },
    resizefs = { type = "bool", default = false, doc = "Let it grow to the size of the device." },
    opts = { doc = "More options for the program that makes it." },
    uuid = { doc = "UUID of a new file system, or (ext, xfs) another one for one that is there." },
  },
  exclusive = { { "resizefs", "uuid" } },
  required_if = { { "state", "present", { "fstype" } } },
  plan = plan,
  run = run,
}
