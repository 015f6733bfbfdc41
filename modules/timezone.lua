-- timezone: the time zone of the system, and whether its hardware clock runs in it.

local ZONES = "/usr/share/zoneinfo/"

-- The zone /etc/localtime points at, else what /etc/timezone says.
local function zone_now(c)
  local readlink = c:exec({ argv = { "readlink", "/etc/localtime" } })
  local zone = readlink.stdout:match("zoneinfo/+(.-)%s*$")
  return zone or (c.fs.read("/etc/timezone") or ""):match("^%s*(.-)%s*$")
end

-- The third line of adjtime tells the clock's zone; without it the clock is UTC.
local function clock_now(c)
  local text = c.fs.read("/etc/adjtime") or ""
  return text:match("^[^\n]*\n[^\n]*\nLOCAL") and "local" or "UTC"
end

local function has_systemd(c)
  return c.fs.exists("/run/systemd/system") and c:which("timedatectl")
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
  local before = state(c, zone_now(c), clock_now(c))
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
  if name and name ~= zone_now(c) then
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
