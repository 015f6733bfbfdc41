-- lvol: logical volumes of LVM, their size, snapshots and thin volumes.

local util = use("util")
local lvm = use("lvm")

-- size in its parts: sign, number, unit or what it is a part of.
local function parse_size(c)
  local sign, rest = (c.args.size or ""):match("^([+-]?)(.*)$")
  if rest == "" and sign == "" then
    return nil
  end
  local percent, whole = rest:match("^([^%%]*)%%(.*)$")
  if percent then
    if not percent:match("^%d+$") then
      c:fail("Bad size specification of '" .. rest .. "': a number of percent is expected before %")
    elseif tonumber(percent) > 100 then
      c:fail("Size percentage cannot be larger than 100%")
    elseif whole == "ORIGIN" then
      c:fail("Snapshot Volumes are not supported")
    elseif not util.contains({ "VG", "PVS", "FREE" }, whole) then
      c:fail("Specify extents as a percentage of VG|PVS|FREE, not of '" .. whole .. "'")
    end
    return { sign = sign, option = "-l", text = rest, number = tonumber(percent), whole = whole, unit = "m" }
  end
  local number, unit = rest:match("^(.-)([bBsSkKmMgGtTpPeE]?)$")
  if not number:match("^%d+%.?%d*$") then
    c:fail("Bad size specification of '" .. number .. "': a number is expected, with a unit of bskmgtpe or a percentage of VG|PVS|FREE")
  end
  unit = unit == "" and "m" or unit
  return { sign = sign, option = "-L", text = number .. unit, bare = number, number = tonumber(number), unit = unit }
end

-- The volume group: size, free, extent; nil when there is none.
local function group_of(c, unit)
  local r = lvm.call(c, {
    "vgs", "--noheadings", "--nosuffix", "-o", "vg_name,size,free,vg_extent_size", "--units", unit, "--separator", ";", c.args.vg,
  })
  if r.rc ~= 0 then
    return nil, r
  end
  local row = lvm.rows(c, r.stdout, 4, "vgs")[1] or c:fail("vgs printed nothing about " .. c.args.vg)
  return { size = lvm.number(c, row[2], "vgs"), free = lvm.number(c, row[3], "vgs"), extent = lvm.number(c, row[4], "vgs") }
end

local function volumes_of(c, unit)
  local r = lvm.call(c, {
    "lvs", "-a", "--noheadings", "--nosuffix", "-o", "lv_name,size,lv_attr", "--units", unit, "--separator", ";", c.args.vg,
  })
  if r.rc ~= 0 then
    return nil, r
  end
  local out = {}
  for _, row in ipairs(lvm.rows(c, r.stdout, 3, "lvs")) do
    out[#out + 1] = {
      name = row[1]:gsub("[%[%]]", ""), size = lvm.number(c, row[2], "lvs"), active = row[3]:sub(5, 5) == "a",
      pool = row[3]:sub(1, 1) == "t", thin = row[3]:sub(1, 1) == "V",
    }
  end
  return out
end

local function named(volumes, name)
  for _, volume in ipairs(volumes) do
    if volume.name == name or volume.name == name:match("[^/]*$") then
      return volume
    end
  end
end

-- The name of the volume that is meant, after a look at what it is made of.
local function target(c, volumes)
  local a = c.args
  if a.snapshot then
    local origin = a.lv and named(volumes, a.lv) or a.thinpool and named(volumes, a.thinpool)
    if not origin then
      c:fail("Snapshot origin LV " .. tostring(a.lv or a.thinpool) .. " does not exist in volume group " .. a.vg .. ".")
    elseif origin.pool or a.thinpool then
      c:fail("Snapshots of thin pool LVs are not supported.")
    end
    return a.snapshot
  elseif a.thinpool and a.lv and not named(volumes, a.thinpool) then
    c:fail("Thin pool LV " .. a.thinpool .. " does not exist in volume group " .. a.vg .. ".")
  end
  return a.lv or a.thinpool
end

local function devices(c)
  return util.split_command(c, (c.args.pvs or ""):gsub(",", " "))
end

local function plan_create(c, size, volumes)
  local a = c.args
  local argv = { "lvcreate", "--yes" }
  local origin = a.snapshot and a.lv and named(volumes, a.lv)
  if size and (size.sign == "-" or size.sign == "+" and not size.whole) then
    c:fail("Bad size specification of '" .. size.sign .. size.text .. "' for creating LV: there is nothing yet that could grow or shrink")
  elseif not size and not (origin and origin.thin) then
    c:fail("No size given: a new volume needs one")
  end
  local opts = util.split_command(c, a.opts or "")
  if a.snapshot then
    util.extend(argv, size and { size.option, size.text })
    util.extend(util.append(argv, "-s", "-n", a.snapshot), opts)
    argv[#argv + 1] = a.vg .. "/" .. a.lv
  elseif a.thinpool then
    if a.lv and size.whole then
      c:fail("Thin volume sizing with percentage not supported.")
    end
    util.append(argv, table.unpack(a.lv and { "-n", a.lv, "-V", size.text } or { size.option, size.text }))
    util.append(util.extend(argv, opts), "-T", a.vg .. "/" .. a.thinpool)
  else
    util.extend(util.append(argv, "-n", a.lv, size.option, size.text), opts)
    util.extend(util.append(argv, a.vg), devices(c))
  end
  c.state.create = list(argv)
  c:differs("logical volume " .. (a.snapshot or a.lv or a.thinpool), nil, size and size.sign .. size.text or "snapshot of " .. tostring(a.lv))
  c:set("msg", "")
  if c.check then  -- no space, and what else only LVM knows
    lvm.must(c, { argv[1], "--test", table.unpack(argv, 2) }, "Creating logical volume '" .. tostring(a.lv) .. "' failed")
  end
end

-- "lvextend", "lvreduce" or nil, and the size in numbers, for a part of the group.
local function tool_for_part(c, size, group, now)
  local wish = size.number * (size.whole == "FREE" and group.free or group.size) / 100
  if size.sign ~= "" then
    wish = now.size + (size.sign == "+" and wish or -wish)
  end
  wish = wish - wish % group.extent
  if now.size < wish then
    if group.free <= 0 or group.free < wish - now.size then
      c:fail(("Logical Volume %s could not be extended. Not enough free space left (%sm required / %sm available)"):format(
        now.name, wish - now.size, group.free))
    end
    return "lvextend", wish
  elseif c.args.shrink and now.size > wish + group.extent then
    if size.whole == "FREE" and size.sign == "" and group.free < group.extent then
      return nil  -- all that was free is in use
    end
    return "lvreduce", wish
  end
end

local function tool_for_size(c, size, now)
  if size.sign == "+" or size.sign == "" and size.number > now.size then
    return "lvextend", size.number
  elseif size.sign == "-" or c.args.shrink and size.number < now.size then
    return "lvreduce", size.number
  end
end

local function plan_resize(c, size, group, now)
  local tool, wish
  if size.whole then
    tool, wish = tool_for_part(c, size, group, now)
  else
    tool, wish = tool_for_size(c, size, now)
  end
  if not tool then
    return
  end
  if tool == "lvreduce" and wish < (size.whole and 1 or 0.000001) then
    c:fail("Sorry, no shrinking of " .. now.name .. " to 0 permitted.")
  end
  local what = { size.option, size.sign .. size.text, c.args.vg .. "/" .. now.name }
  util.extend(what, devices(c))
  -- LVM rounds to whole extents: only it can say that nothing would change.
  local try = { tool, "--test" }
  util.extend(try, tool == "lvreduce" and { "--force" })
  local r = lvm.call(c, util.extend(try, what))
  if r.stderr:find("matches existing size", 1, true) then
    return
  elseif r.stderr:find("not larger than existing size", 1, true) then
    c:set("msg", "Original size is larger than requested size")
    c:set("err", r.stderr)
    return
  elseif r.rc ~= 0 or r.stdout:find("Reached maximum COW size", 1, true) then
    c:fail("Unable to resize " .. now.name .. " to " .. size.text .. ": " .. util.said(r.stderr:match("%S") and r.stderr or r.stdout),
      { rc = r.rc, err = r.stderr, cmd = r.cmd })
  end
  if tool == "lvreduce" and not c.args.force then
    c:fail("Sorry, no shrinking of " .. now.name .. " without force=true: what lies behind its new end is lost")
  end
  local argv = { tool }
  util.extend(argv, tool == "lvreduce" and { "--force" })
  util.extend(argv, c.args.resizefs and { "--resizefs" })
  c.state.resize = list(util.extend(argv, what))
  c.state.wish = size.text
  c:differs("size of " .. now.name, tostring(now.size) .. size.unit:lower(), size.sign .. size.text)
end

local function plan(c)
  local a = c.args
  for _, name in ipairs({ "vg", "lv", "snapshot", "thinpool" }) do
    lvm.check_name(c, name)
  end
  local size = parse_size(c)
  local unit = size and size.unit:lower() or "m"
  local group, failed = group_of(c, unit)
  local volumes = group and {}
  if group then
    volumes, failed = volumes_of(c, unit)
  end
  if not volumes then
    if a.state == "absent" then
      c:set("stdout", "Volume group " .. a.vg .. " does not exist.")
      return
    end
    c:fail("Volume group " .. a.vg .. " does not exist: " .. util.said(failed.stderr), { rc = failed.rc, err = failed.stderr })
  end
  local name = target(c, volumes)
  local now = named(volumes, name)
  c.state.name = now and now.name or name
  if a.state == "absent" then
    if not now then
      c:set("msg", "")
    elseif not a.force then
      c:fail("Sorry, no removal of logical volume " .. now.name .. " without force=true.")
    else
      c:differs("logical volume " .. now.name, "present", "absent")
    end
    return
  end
  if not now then
    plan_create(c, size, volumes)
    return
  end
  c:set("vg", a.vg)
  c:set("lv", now.name)
  c:set("size", now.size)
  if size then
    plan_resize(c, size, group, now)
  end
  if now.active ~= a.active then
    c.state.activate = true
    c:differs("active", now.active, a.active)
  end
end

local function run(c)
  local a, s = c.args, c.state
  local path = a.vg .. "/" .. s.name
  if a.state == "absent" then
    lvm.must(c, { "lvremove", "--force", path }, "Failed to remove logical volume " .. s.name)
    return
  end
  if s.create then
    lvm.must(c, s.create, "Creating logical volume '" .. s.name .. "' failed")
    s.activate = not a.active
  elseif s.resize then
    lvm.must(c, s.resize, "Unable to resize " .. s.name .. " to " .. s.wish)
  end
  if s.activate then
    lvm.must(c, { "lvchange", a.active and "-ay" or "-an", path }, "Failed to " .. (a.active and "" or "de") .. "activate logical volume " .. s.name)
  end
end

return {
  doc = "Make logical volumes of LVM, snapshots and thin volumes, resize and remove them.",
  spec = "community.general.lvol",
  example = "- community.general.lvol:\n    vg: firefly\n    lv: data\n    size: 512g",
  returns = "vg: The volume group, of a volume that was there.\nlv: Its name.\nsize: Its size before, in the unit of `size`.\n" ..
      "msg: Why nothing was done, or an empty text.\nerr: What a program of LVM said when it failed.\nstdout: That there is no such volume group.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    vg = { required = true, doc = "The volume group." },
    lv = { doc = "Name of the logical volume." },
    size = { doc = "Its size: MiB, or with a unit of bskmgtpe, or a percentage as `80%VG`, `50%PVS`, `100%FREE`; `+` and `-` before it: by so much." },
    opts = { doc = "More options for `lvcreate`." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    force = { type = "bool", default = false, doc = "Needed to shrink or remove it." },
    shrink = { type = "bool", default = true, doc = "Whether a volume that is too large is made smaller." },
    active = { type = "bool", default = true, doc = "Whether it can be used." },
    snapshot = { empty_is_none = true, doc = "Name of a snapshot of `lv`." },
    pvs = { doc = "Devices it is on, with commas between them." },
    resizefs = { type = "bool", default = false, doc = "Resize the file system on it, too." },
    thinpool = { empty_is_none = true, doc = "Name of a thin pool: by itself the pool is made, with `lv` a volume in it." },
  },
  required_one_of = { { "lv", "thinpool" } },
  plan = plan,
  run = run,
}
