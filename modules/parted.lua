-- parted: partition tables and partitions of a disk.

local util = use("util")

local SI = { B = 1, KB = 1000, MB = 1000 ^ 2, GB = 1000 ^ 3, TB = 1000 ^ 4 }
local IEC = { KiB = 1024, MiB = 1024 ^ 2, GiB = 1024 ^ 3, TiB = 1024 ^ 4 }
local OTHER = { s = true, ["%"] = true, cyl = true, chs = true, compact = true }

-- A number and its unit, or cylinder, head and sector: value, unit.
local function measure(c, text, unit)
  local number, its = text:match("^(%-?[%d.]+) *([%w_%%]*)$")
  if number and tonumber(number) then
    return tonumber(number) + 0.0, its ~= "" and its or unit or ""
  end
  local cylinder, head, sector = text:match("^(%d+),(%d+),(%d+)$")
  if not cylinder then
    c:fail("Error interpreting parted size output: '" .. util.said(text) .. "'")
  end
  return dict({
    cylinder = math.tointeger(tonumber(cylinder)), head = math.tointeger(tonumber(head)), sector = math.tointeger(tonumber(sector)),
  }), "chs"
end

local function whole(c, text)
  return math.tointeger(tonumber((text or ""):match("^%d+$") or "")) or
    c:fail("parted printed '" .. util.said(text or "") .. "' where a number is expected")
end

local function parted(c, words)
  local argv = { c:need("parted"), "-s", "-m" }
  return util.run(c, util.extend(argv, words), { may_fail = true })
end

-- The table that parted prints: the disk, and a list of its partitions.
local function parse(c, text)
  local lines = {}
  for _, line in ipairs(util.lines(text)) do
    if #lines > 0 or line:match("^BYT;") or line:match("^CHS;") or line:match("^CYL;") then
      lines[#lines + 1] = util.split((line:gsub(";%s*$", "")), ":")
    end
  end
  local d = lines[2]
  if not d or #d < 7 then
    c:fail("parted did not print the disk in its machine form, but: " .. util.said(text))
  end
  local size, unit = measure(c, d[2], c.args.unit)
  local disk = dict({
    dev = d[1], size = size, unit = unit:lower(), table = d[6], model = d[7], logical_block = whole(c, d[4]), physical_block = whole(c, d[5]),
  })
  local first = 3
  if unit == "cyl" or unit == "chs" then
    local g = lines[3] or {}
    local bytes, of = measure(c, g[4] or "", "")
    disk.chs_info = dict({
      cylinders = whole(c, g[1]), heads = whole(c, g[2]), sectors = whole(c, g[3]), cyl_size = bytes, cyl_size_unit = of:lower(),
    })
    first = 4
  end
  local partitions = list()
  for i = first, #lines do
    local p, at = lines[i], unit == "chs" and 4 or 5
    if p[1] ~= "" then
      local flags = list()
      for flag in (p[at + 2] or ""):gmatch("[^,%s]+") do
        flags[#flags + 1] = flag
      end
      local size_of = ""
      if unit ~= "chs" then
        size_of = measure(c, p[4] or "", "")
      end
      partitions[#partitions + 1] = dict({
        num = whole(c, p[1]), begin = measure(c, p[2] or "", ""), ["end"] = measure(c, p[3] or "", ""), size = size_of,
        fstype = p[at] or "", name = p[at + 1] or "", flags = flags, unit = unit:lower(),
      })
    end
  end
  return disk, partitions
end

local function look(c)
  local r = parted(c, { c.args.device, "--", "unit", c.args.unit, "print" })
  if r.rc ~= 0 and not (r.stderr .. r.stdout):find("unrecognised disk label", 1, true) then
    c:fail("Error while getting device information with parted script: " .. util.said(r.stderr:match("%S") and r.stderr or r.stdout),
      { rc = r.rc, out = r.stdout, err = r.stderr, cmd = r.cmd })
  end
  return parse(c, r.stdout)
end

local function numbered(partitions, number)
  for _, partition in ipairs(partitions) do
    if partition.num == number then
      return partition
    end
  end
end

-- -- scripts: words for parted, and what is shown of them ------------------------------------------------------------------

local function add(script, ...)
  for _, word in ipairs({ ... }) do
    script.words[#script.words + 1] = tostring(word)
  end
  script.shown = script.shown .. table.concat({ ... }, " ") .. " "
end

local function new_script()
  return { words = list(), shown = "" }
end

-- The unit of the run goes before what it is for.
local function with_unit(c, script)
  if #script.words > 0 then
    script.words = list(util.extend({ "unit", c.args.unit }, script.words))
    script.shown = "unit " .. c.args.unit .. " " .. script.shown
  end
  return script
end

local function bytes_of(value, unit)
  if type(value) == "table" then
    return nil
  end
  local factor = SI[unit] or IEC[unit] or (unit == "" or unit == "compact" or unit == "cyl" or unit == "chs") and SI.MB or 1
  return math.floor(value * factor)
end

local function resize_needed(c, disk, partition)
  local a = c.args
  local size, unit = measure(c, a.part_end, a.unit)
  if unit == "%" and type(disk.size) == "number" then
    size, unit = math.floor(math.floor(disk.size) * size / 100), a.unit
  end
  return bytes_of(partition["end"], a.unit) ~= bytes_of(size, unit)
end

-- Label, partition and size.
local function first_script(c, disk, partitions)
  local a, script = c.args, new_script()
  local there = numbered(partitions, a.number)
  local relabel = disk.table ~= a.label
  if relabel then
    add(script, "mklabel", a.label)
  end
  if relabel or not there then
    add(script, "mkpart", a.part_type, table.unpack(a.fs_type and { a.fs_type } or {}))
    add(script, table.unpack(util.words(a.part_start)))
    add(script, table.unpack(util.words(a.part_end)))
  end
  script = with_unit(c, script)
  if a.resize and there and not relabel and resize_needed(c, disk, there) then
    script.only_resize = #script.words == 0
    add(script, "resizepart", a.number)
    add(script, table.unpack(util.words(a.part_end)))
  end
  return script
end

-- Name and flags of a partition.
local function second_script(c, partition)
  local a, script = c.args, new_script()
  if a.name and partition.name ~= a.name then
    add(script, "name", a.number)
    script.words[#script.words + 1] = '"' .. a.name .. '"'
    script.shown = script.shown .. "'\"" .. a.name .. "\"' "
  end
  if #(a.flags or {}) > 0 then
    local want, have = util.set(a.flags), util.set(partition.flags)
    if want.esp and not want.boot then  -- parted sets both
      want.boot = true
    end
    for _, flag in ipairs(util.keys(want)) do
      if not have[flag] then
        add(script, "set", a.number, flag, "on")
      end
    end
    for _, flag in ipairs(partition.flags) do
      if not want[flag] then
        add(script, "set", a.number, flag, "off")
      end
    end
  end
  return with_unit(c, script)
end

local function check_arguments(c)
  local a = c.args
  if a.number and a.number < 1 then
    c:fail("The partition number must be greater then 0.")
  end
  for _, name in ipairs({ "part_start", "part_end" }) do
    local _, unit = measure(c, a[name])
    if not (SI[unit] or IEC[unit] or OTHER[unit]) then
      c:fail("The argument '" .. name .. "' doesn't respect required format.The size unit is case sensitive: '" .. a[name] ..
        "' is a number with one of B, KB, KiB, MB, MiB, GB, GiB, TB, TiB, %, s, cyl")
    end
  end
  if a.name and a.name:find('["\\]') then
    c:fail("name: '" .. a.name .. "' has a quote or a backslash, which parted does not take within a name")
  end
  for _, word in ipairs(util.extend({ a.fs_type }, a.flags)) do
    if word:match("^%-") or word:find("%s") or word == "" then
      c:fail("flags, fs_type: '" .. word .. "' is not one word")
    end
  end
  if a.device:match("^%-") then
    c:fail("device: '" .. a.device .. "' is no path of a disk")
  end
end

local function report(c, disk, partitions, script)
  c:set("disk", disk)
  c:set("partitions", partitions)
  c:set("script", util.trim(script))
end

local function plan(c)
  local a = c.args
  check_arguments(c)
  if c.fs.exists(a.device) then
    c.fs.follow(a.device)
  end
  local disk, partitions = look(c)
  local script = ""
  if a.state == "info" then
    script = "unit '" .. a.unit .. "' print"
  elseif a.state == "absent" then
    if numbered(partitions, a.number) then
      script = "rm " .. a.number
      c.state.remove = true
      c:differs("partition " .. a.number, "present", "absent")
    end
  else
    local first = first_script(c, disk, partitions)
    local there = #first.words == 0 and numbered(partitions, a.number) or first.only_resize and numbered(partitions, a.number)
    local second = second_script(c, there or dict({ flags = list() }))
    c.state.first, c.state.only_resize, c.state.before = first.words, first.only_resize, partitions
    script = first.shown .. second.shown
    if script ~= "" then
      c:differs("script", "", util.trim(script))
    end
  end
  report(c, disk, partitions, script)
end

local function go(c, words)
  local argv = c.args.align ~= "undefined" and { "-a", c.args.align } or {}
  util.append(argv, c.args.device, "--")
  local r = parted(c, util.extend(argv, words))
  if r.rc ~= 0 then
    c:fail("Error while running parted script: " .. table.concat(words, " ") .. ": " .. util.said(r.stderr:match("%S") and r.stderr or r.stdout),
      { rc = r.rc, out = r.stdout, err = r.stderr, cmd = r.cmd })
  end
end

local function run(c)
  local a, s = c.args, c.state
  if s.remove then
    go(c, { "rm", tostring(a.number) })
    local disk, partitions = look(c)
    report(c, disk, partitions, "rm " .. a.number)
    return
  end
  local shown = ""
  if #s.first > 0 then
    go(c, s.first)
    shown = table.concat(s.first, " ") .. " "
  end
  local disk, partitions = look(c)
  local partition = numbered(partitions, a.number)
  local second = partition and second_script(c, partition) or new_script()
  if not partition then
    c:warn("number: after the script '" .. util.trim(shown) .. "' there is no partition " .. a.number .. ": parted numbers them itself, from 1")
  end
  if #second.words > 0 then
    go(c, second.words)
    disk, partitions = look(c)
  elseif s.only_resize and util.equal(s.before, partitions) then
    c:changed(false)  -- it was as large as it can be
  end
  report(c, disk, partitions, shown .. second.shown)
end

return {
  doc = "Make partition tables and partitions, resize, name, flag and remove these, and tell about them.",
  spec = "community.general.parted",
  example = "- community.general.parted:\n    device: /dev/sdb\n    label: gpt\n    number: 1\n    state: present\n    name: data\n    part_end: 1GiB",
  returns = "disk: dev, size, unit, table, model, logical_block, physical_block, and chs_info with `cyl` and `chs`.\n" ..
      "partitions: A list of: num, begin, end, size, unit, fstype, name, flags.\nscript: What parted was told.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    device = { required = true, doc = "The disk, or a file that holds the image of one." },
    align = { default = "optimal", choices = { "cylinder", "minimal", "none", "optimal", "undefined" }, doc = "How new partitions are aligned; `undefined`: as parted does by itself." },
    number = { type = "int", doc = "Number of the partition." },
    unit = { default = "KiB", choices = { "s", "B", "KB", "KiB", "MB", "MiB", "GB", "GiB", "TB", "TiB", "%", "cyl", "chs", "compact" }, doc = "Unit of what is returned." },
    label = {
      default = "msdos", choices = { "aix", "amiga", "bsd", "dvh", "gpt", "loop", "mac", "msdos", "pc98", "sun" },
      doc = "Kind of the table. Where another one is, it is replaced, and all partitions are lost.",
    },
    part_type = { default = "primary", choices = { "extended", "logical", "primary" }, doc = "Type of a new partition; on gpt this is its name." },
    part_start = { default = "0%", doc = "Where it begins, with a unit; negative: from the end of the disk." },
    part_end = { default = "100%", doc = "Where it ends." },
    fs_type = { empty_is_none = true, doc = "File system that a new partition is for; none is made." },
    name = { doc = "Name of the partition (gpt, mac, pc98)." },
    flags = { type = "list", elements = "str", doc = "Its flags: others are taken away." },
    state = { default = "info", choices = { "absent", "info", "present" }, doc = "`info` only tells." },
    resize = { type = "bool", default = false, doc = "Give a partition that is there the end `part_end`." },
  },
  required_if = { { "state", "present", { "number" } }, { "state", "absent", { "number" } } },
  plan = plan,
  run = run,
}
