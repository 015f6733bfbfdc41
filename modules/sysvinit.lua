-- sysvinit: services with init scripts, whether or not something else is process 1.

local DIRS = { "/etc/init.d", "/etc/rc.d/init.d" }

local function script_of(c, name)
  for _, dir in ipairs(DIRS) do
    if c.fs.exists(dir .. "/" .. name) then
      return dir .. "/" .. name
    end
  end
  c:fail("Could not find the requested service " .. name .. ": host")
end

-- Whether a start link is in a run level, or in any.
local function is_enabled(c, name, level)
  local levels = level and { level } or { "0", "1", "2", "3", "4", "5", "6", "S" }
  for _, one in ipairs(levels) do
    for _, link in ipairs(c.fs.list("/etc/rc" .. one .. ".d") or {}) do
      if link:match("^S%d%d(.*)$") == name then
        return true
      end
    end
  end
  return false
end

local function in_processes(c, pattern)
  local ps = c:which("ps")
  local r = ps and c:exec({ argv = { ps, "auxww" }, env = { LANG = "C", LC_ALL = "C" } })
  return r ~= nil and r.stdout:find(pattern, 1, true) ~= nil
end

local function contains(text, words)
  for _, word in ipairs(words) do
    if text:find(word, 1, true) then
      return true
    end
  end
  return false
end

-- What a script says of itself: words first, as they are more reliable than exit codes.
local function verdict(c, name, r)
  local _, lines = r.stdout:gsub("\n", "")
  if lines <= 1 then
    local text = r.stdout:lower()
    local from, to = text:find(name:lower(), 1, true)
    while from do
      text = text:sub(1, from - 1) .. text:sub(to + 1)
      from, to = text:find(name:lower(), 1, true)
    end
    if contains(text, { "stop", "is dead ", "dead but ", "could not access pid file", "inactive" }) then
      return false
    elseif contains(text, { "run", "start", "active" }) and not text:find("not ", 1, true) then
      return true
    end
  end
  if r.rc == 1 or r.rc == 2 or r.rc == 3 or r.rc == 4 or r.rc == 69 then
    return false
  elseif r.rc == 0 then
    return true
  elseif in_processes(c, name) then
    c:warn("Used ps output to match service name and determine it is up, this is very unreliable")
    return true
  end
  c:warn("Unable to determine if service is up, assuming it is down")
  return false
end

local function is_started(c, name, script)
  if c.args.pattern then
    return in_processes(c, c.args.pattern)
  end
  local service = c:which("service")
  local argv = service and { service, name, "status" } or { script, "status" }
  return verdict(c, name, c:exec({ argv = argv, timeout = 60 }))
end

local function differs_enabled(c, name)
  for _, level in ipairs(c.args.runlevels or { false }) do
    if is_enabled(c, name, level or nil) ~= c.args.enabled then
      return true
    end
  end
  return false
end

local function blank(changed)
  return { changed = changed, rc = null, stdout = null, stderr = null }
end

local function plan(c)
  local name, state = c.args.name, c.args.state
  if name == "" or name:find("/", 1, true) or name:sub(1, 1) == "-" or name:sub(1, 1) == "." then
    c:fail("name is not one of a service: '" .. name .. "'")
  end
  local script = script_of(c, name)
  local status = dict()
  c.state.script = script
  c.state.enable = c.args.enabled ~= nil and differs_enabled(c, name)
  status.enabled = blank(c.state.enable)
  if c.args.runlevels then
    status.enabled.runlevels = c.args.runlevels
  end
  if state then
    local up = is_started(c, name, script)
    c.state.act = state == "restarted" or state == "started" and not up or state == "stopped" and up or
      state == "reloaded" and up or false
    if state == "reloaded" and not up then
      c.state.act = true -- the script says what it makes of that
    end
    status[state] = blank(c.state.act)
  end
  c:set("name", name)
  c:set("status", status)
  c.state.status = status
  if c.state.enable or c.state.act then
    c:changed()
  end
end

local function enable_command(c, name)
  local on, levels = c.args.enabled, c.args.runlevels
  local update, check = c:which("update-rc.d"), c:which("chkconfig")
  if update then
    local argv = { update, name, levels and (on and "enable" or "disable") or on and "defaults" or "disable" }
    return table.move(levels or {}, 1, #(levels or {}), #argv + 1, argv)
  elseif check then
    return levels and { check, "--level", table.concat(levels), name, on and "on" or "off" } or { check, name, on and "on" or "off" }
  end
  c:fail("neither update-rc.d nor chkconfig is on this target")
end

local function report(entry, r)
  entry.rc, entry.stdout, entry.stderr = r.rc, r.stdout, r.stderr
end

local function enable(c, name)
  local r = c:exec({ argv = enable_command(c, name) })
  report(c.state.status.enabled, r)
  c:set("status", c.state.status)
  if r.stderr:find("illegal runlevel specified", 1, true) then
    c:fail("Illegal runlevel specified for enable operation on service " .. name)
  end
end

-- The words of `arguments` as a shell would split them, quotes aside.
local function run_script(c, verb)
  local argv = { c.state.script, verb }
  for word in (c.args.arguments or ""):gmatch("%S+") do
    argv[#argv + 1] = word
  end
  if c.args.daemonize then
    table.insert(argv, 1, c:need("setsid"))
  end
  local r = c:exec({ argv = argv })
  if r.rc ~= 0 then
    local action = c.args.state:gsub("p?ed$", "")
    c:fail("Failed to " .. action .. " service: " .. c.args.name, { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
  return r
end

local function act(c)
  local state, r = c.args.state, nil
  if state == "restarted" then
    for _, verb in ipairs({ "stop", "start" }) do
      r = run_script(c, verb)
      if c.args.sleep > 0 then
        c:exec({ argv = { "sleep", tostring(c.args.sleep) } })
      end
    end
  else
    r = run_script(c, (state:gsub("p?ed$", "")))
  end
  report(c.state.status[state], r)
  c:set("status", c.state.status)
end

local function run(c)
  if c.state.enable then
    enable(c, c.args.name)
  end
  if c.state.act then
    act(c)
  end
end

return {
  doc = "Start, stop, enable and disable services that have init scripts.",
  spec = "ansible.builtin.sysvinit",
  example = "- ansible.builtin.sysvinit:\n    name: apache2\n    state: started\n    enabled: true",
  returns = "name: The service.\nstatus: What was done about `enabled` and the state.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    name = { required = true, aliases = { "service" }, doc = "Name of the service: of its script." },
    state = { choices = { "started", "stopped", "restarted", "reloaded" }, doc = "What it is to do." },
    enabled = { type = "bool", doc = "Whether it is started when the machine is." },
    sleep = { type = "int", default = 1, doc = "Seconds between stop and start of a restart." },
    pattern = { doc = "Text in the list of processes that shows that it runs, for scripts without status." },
    arguments = { aliases = { "args" }, doc = "More words for the script." },
    runlevels = { type = "list", doc = "The run levels `enabled` is about." },
    daemonize = { type = "bool", default = false, doc = "Run the script in a session of its own." },
  },
  required_one_of = { { "state", "enabled" } },
  plan = plan,
  run = run,
}
