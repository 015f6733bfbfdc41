-- timezone: the time zone of the system, and whether its hardware clock runs in it.

local ZONES = "/usr/share/zoneinfo/"

local function has_systemd(c)
  return c.fs.exists("/run/systemd/system") and c:which("timedatectl")
end

-- The zone /etc/localtime points at; nil when it is no link to one.
local function linked(c)
  local readlink = c:exec({ argv = { "readlink", "/etc/localtime" } })
  return readlink.stdout:match("zoneinfo/+(.-)%s*$"), readlink.rc == 0
end

-- The zone in force: that of /etc/localtime, else what /etc/timezone says. Without systemd, as in Ansible, both must name
-- the wanted one; a copy of its file serves as well as a link.
local function zone_now(c, wanted)
  local zone, link = linked(c)
  local said = (c.fs.read("/etc/timezone") or ""):match("^%s*(%S*)")
  if has_systemd(c) then
    return zone or said
  end
  if said ~= wanted then
    return said ~= "" and said or "n/a"
  end
  local content = c.fs.read("/etc/localtime")
  if link then
    return content and zone or "n/a"
  end
  return content and content == c.fs.read(ZONES .. wanted) and wanted or "n/a"
end

-- The third line of adjtime tells the clock's zone; without it the clock is UTC.
local function clock_now(c)
  local text = c.fs.read("/etc/adjtime") or ""
  return text:match("^[^\n]*\n[^\n]*\nLOCAL") and "local" or "UTC"
end

local function state(c, name, clock)
  return { name = c.args.name and name or nil, hwclock = c.args.hwclock and clock or nil }
end

local function plan(c)
  local name = c.args.name
  if name then
    local st = not name:find("%.%.") and name:sub(1, 1) ~= "/" and c.fs.stat(ZONES .. name)
    if not st or st.type ~= "file" and st.type ~= "link" then
      c:fail('given timezone "' .. name .. '" is not available')
    end
  end
  local before = state(c, name and zone_now(c, name), clock_now(c))
  local after = state(c, name, c.args.hwclock)
  if before.name ~= after.name or before.hwclock ~= after.hwclock then
    c:changed()
  end
  c:set("diff", { before = before, after = after })
end

local function must(c, argv)
  local r = c:exec({ argv = argv })
  if r.rc ~= 0 then
    c:fail("Error message: " .. r.stderr, { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
end

local function run(c)
  local name, clock = c.args.name, c.args.hwclock
  if name and name ~= zone_now(c, name) then
    if has_systemd(c) then
      must(c, { "timedatectl", "set-timezone", name })
    else
      -- the link comes last: a run that is killed before it is seen in the next one
      c.fs.write("/etc/timezone", name .. "\n", { mode = 420 })
      must(c, { "ln", "-sfn", ZONES .. name, "/etc/localtime" })
    end
  end
  if clock and clock ~= clock_now(c) then
    if has_systemd(c) then
      must(c, { "timedatectl", "set-local-rtc", clock == "local" and "yes" or "no" })
    else
      must(c, { "hwclock", "--systohc", clock == "local" and "--localtime" or "--utc" })
    end
  end
end

return {
  doc = "Set the time zone of the system.",
  spec = "community.general.timezone",
  returns = "diff: The settings before and after.",
  example = "- community.general.timezone:\n    name: Europe/Paris",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    name = { doc = "Name of the zone, such as Europe/Paris." },
    hwclock = { choices = { "local", "UTC" }, aliases = { "rtc" }, doc = "Whether the hardware clock runs in local time or UTC." },
  },
  required_one_of = { { "hwclock", "name" } },
  plan = plan,
  run = run,
}
