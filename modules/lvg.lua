-- lvg: volume groups of LVM, and the physical volumes in them.

local util = use("util")
local lvm = use("lvm")

-- The devices that are wanted, by the names that LVM has for them.
local function wanted(c)
  local out, seen = {}, {}
  for _, path in ipairs(c.args.pvs or {}) do
    local real = c.fs.realpath(path)
    if not real and c.args.state == "present" then
      c:fail("Device " .. path .. " not found.")
    end
    if real and not seen[real] then
      seen[real] = true
      out[#out + 1] = real
    end
  end
  return out, seen
end

-- The devices of the volume group; another group that has one of those that are wanted is an error.
local function members(c, seen)
  local out = {}
  local r = lvm.must(c, { "pvs", "--noheadings", "-o", "pv_name,vg_name", "--separator", ";" }, "Failed executing pvs command.")
  for _, row in ipairs(lvm.rows(c, r.stdout, 2, "pvs")) do
    local device, group = c.fs.realpath(row[1]) or row[1], row[2]
    if group == c.args.vg then
      out[#out + 1] = device
    elseif group ~= "" and seen[device] then
      c:fail("Device " .. device .. " is already in " .. group .. " volume group.")
    end
  end
  return out
end

local function plan_pvresize(c, device)
  local r = lvm.must(c, {
    "pvs", "--units", "b", "--noheadings", "--nosuffix", "--separator", ";", "-o", "dev_size,pv_size,pe_start,vg_extent_size", device,
  }, "Cannot tell the size of " .. device)
  local row = lvm.rows(c, r.stdout, 4, "pvs")[1] or c:fail("pvs printed nothing about " .. device)
  local size, used = lvm.number(c, row[1], "pvs"), lvm.number(c, row[2], "pvs") + lvm.number(c, row[3], "pvs")
  if size - used > lvm.number(c, row[4], "pvs") then
    c:differs("size of " .. device, used, size)
    util.append(c.state.resize, device)
  end
end

local function missing(from, seen)
  local out = list()
  for _, device in ipairs(from) do
    if not seen[device] then
      out[#out + 1] = device
    end
  end
  return out
end

local function plan(c)
  local a, s = c.args, c.state
  lvm.check_name(c, "vg")
  if a.state == "present" and #(a.pvs or {}) == 0 then
    c:fail("No physical volumes given: pvs names the devices")
  end
  local devices, seen = wanted(c)
  local now = a.state == "present" and members(c, seen) or {}
  local group
  local r = lvm.must(c, { "vgs", "--noheadings", "-o", "vg_name,pv_count,lv_count", "--separator", ";" }, "Failed executing vgs command.")
  for _, row in ipairs(lvm.rows(c, r.stdout, 3, "vgs")) do
    group = row[1] == a.vg and row or group
  end
  s.resize, s.add, s.remove = list(), list(), list()
  if a.state == "absent" then
    if group then
      if group[3] ~= "0" and not a.force and not c.check then
        c:fail("Refuse to remove non-empty volume group " .. a.vg .. " without force=true: it has " .. group[3] .. " logical volumes")
      end
      c:differs("volume group " .. a.vg, "present", "absent")
    end
    return
  end
  if not group then
    s.create, s.add = true, missing(devices, {})
    c:differs("volume group " .. a.vg, nil, table.concat(devices, " "))
    return
  end
  for _, device in ipairs(a.pvresize and now or {}) do
    plan_pvresize(c, device)
  end
  s.add, s.remove = missing(devices, util.set(now)), missing(now, seen)
  c:differs("volume group " .. a.vg, table.concat(missing(now, {}), " "), table.concat(util.extend(missing(now, util.set(s.remove)), s.add), " "))
end

local function run(c)
  local a, s = c.args, c.state
  if a.state == "absent" then
    lvm.must(c, { "vgremove", "--force", a.vg }, "Failed to remove volume group " .. a.vg)
    return
  end
  for _, device in ipairs(s.resize) do
    lvm.must(c, { "pvresize", device }, "Failed executing pvresize command.")
  end
  for _, device in ipairs(s.add) do
    local argv = util.extend({ "pvcreate" }, util.words(a.pv_options))
    lvm.must(c, util.append(argv, "-f", device), "Creating physical volume '" .. device .. "' failed")
  end
  if s.create then
    local argv = util.extend({ "vgcreate" }, util.words(a.vg_options))
    util.append(argv, "-s", a.pesize, a.vg)
    lvm.must(c, util.extend(argv, s.add), "Creating volume group '" .. a.vg .. "' failed")
  elseif #s.add > 0 then
    lvm.must(c, util.extend({ "vgextend", a.vg }, s.add), "Unable to extend " .. a.vg .. " by " .. table.concat(s.add, " ") .. ".")
  end
  if #s.remove > 0 then
    lvm.must(c, util.extend({ "vgreduce", "--force", a.vg }, s.remove), "Unable to reduce " .. a.vg .. " by " .. table.concat(s.remove, " ") .. ".")
  end
end

return {
  doc = "Make volume groups of LVM, let them grow and shrink by devices, remove them.",
  spec = "community.general.lvg",
  example = "- community.general.lvg:\n    vg: vg.services\n    pvs: /dev/sdb1,/dev/sdc5\n    pesize: 32",
  returns = "err: What a program of LVM said when it failed.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    vg = { required = true, doc = "Name of the volume group." },
    pvs = { type = "list", elements = "str", doc = "Its devices: all of them; others leave it. Physical volumes are made of them as needed." },
    pesize = { default = "4", doc = "Size of an extent of a new group, in MiB or with a unit." },
    pv_options = { default = "", doc = "More options for `pvcreate`." },
    pvresize = { type = "bool", default = false, doc = "Let physical volumes grow to the size of their devices." },
    vg_options = { default = "", doc = "More options for `vgcreate`." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    force = { type = "bool", default = false, doc = "Remove it also with logical volumes in it." },
  },
  plan = plan,
  run = run,
}
