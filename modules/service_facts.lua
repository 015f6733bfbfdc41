-- service_facts: which services there are and what they are doing, as facts.

local LOCALE = { LANG = "C", LC_ALL = "C" }
local BAD = { "not-found", "masked", "failed" }

local function output(c, argv)
  local r = c:exec({ argv = argv, env = LOCALE })
  return r.stdout, r.rc, r.stderr
end

local function words(line)
  local list = {}
  for word in line:gmatch("%S+") do
    list[#list + 1] = word
  end
  return list
end

-- Lines of `service --status-all`: " [ + ]  cron".
local function sysv(c, service, found)
  local out, rc, err = output(c, { service, "--status-all" })
  if rc == 4 and not c.fs.exists("/etc/init.d") then
    return
  end
  if rc ~= 0 then
    c:warn("Unable to query 'service' tool (" .. rc .. "): " .. err)
  end
  for line in out:gmatch("[^\n]+") do
    local sign, name = line:match("^%s*%[ ([+-]) %]%s+(.+)$")
    if sign then
      found[name] = { name = name, state = sign == "+" and "running" or "stopped", source = "sysv" }
    end
  end
end

local function upstart(c, initctl, found)
  local out, rc, err = output(c, { initctl, "list" })
  if rc ~= 0 then
    c:warn("Unable to query upstart for service data: " .. err)
    return
  end
  for line in out:gmatch("[^\r\n]+") do
    local name, goal, state = line:match("^%s?(.*)%s(%w+)/(%w+)")
    if name then
      found[name] = { name = name, state = state, goal = goal, source = "upstart" }
    end
  end
end

-- Lines of chkconfig: "name 0:off 1:off 2:on 3:on ...".
local function chkconfig(c, program, service, found)
  local out, _, err = output(c, { program })
  if not out:find("0:o") and err:find("--list", 1, true) then
    out = output(c, { program, "--list" })
  end
  for line in out:gmatch("[^\n]+") do
    local name, level = line:match("^(.-)%s+0:o%a+%s+1:o%a+%s+2:o%a+%s+3:(o%a+)%s")
    if name then
      local _, rc = output(c, { service, name, "status" })
      found[name] = {
        name = name,
        state = rc == 0 and "running" or "stopped",
        status = level == "on" and "enabled" or "disabled",
        source = "sysv",
      }
    end
  end
end

local function openrc(c, rc_status, rc_update, found)
  local levels = {}
  for line in output(c, { rc_update, "show", "-v" }):gmatch("[^\n]+") do
    local name, runlevels = line:match("^%s*(%S+)%s*|%s*(.-)%s*$")
    if name then
      levels[name] = runlevels ~= "" and list(words(runlevels)) or null
    end
  end
  for _, option in ipairs({ "-s", "-m", "-a" }) do
    for line in output(c, { rc_status, option }):gmatch("[^\n]+") do
      local name, state = line:match("^%s+(%S+)%s+.*%[%s*(%S+)")
      if name and not found[name] then
        found[name] = { name = name, runlevels = levels[name] or null, state = state, source = "openrc" }
      end
    end
  end
end

local function units(c, systemctl, found)
  local out, rc, err = output(c, { systemctl, "list-units", "--no-pager", "--type", "service", "--all" })
  if rc ~= 0 then
    c:warn("Could not list units from systemd: " .. err)
    return
  end
  for line in out:gmatch("[^\n]+") do
    if line:find(".service", 1, true) then
      local fields = words(line)
      local status
      for _, bad in ipairs(BAD) do
        for _, field in ipairs(fields) do
          status = status or field == bad and bad
        end
      end
      if fields[1] and not fields[1]:find(".service", 1, true) then
        table.remove(fields, 1) -- the mark of a unit that is not well
      end
      status = status or fields[3]
      if fields[1] and fields[4] then
        local state = fields[4] == "running" and "running" or "stopped"
        found[fields[1]] = { name = fields[1], state = state, status = status, source = "systemd" }
      end
    end
  end
end

-- The states of units that are not loaded, by one call for all of them.
local function active_states(c, systemctl, names)
  local states = {}
  if #names == 0 then
    return states
  end
  local argv = { systemctl, "show", "--property=Id,ActiveState", "--" }
  table.move(names, 1, #names, #argv + 1, argv)
  local i = 1
  for block in (output(c, argv) .. "\n\n"):gmatch("(.-)\n\n") do
    local state = block:match("ActiveState=(%S+)")
    if state then
      states[names[i]] = state
      i = i + 1
    end
  end
  return states
end

local function unit_files(c, systemctl, found)
  local out, rc, err = output(c, { systemctl, "list-unit-files", "--no-pager", "--type", "service", "--all" })
  if rc ~= 0 then
    c:warn("Could not get unit files data from systemd: " .. err)
    return
  end
  local new, status_of = {}, {}
  for line in out:gmatch("[^\n]+") do
    local name, status = line:match("^(%S+%.service)%s+(%S+)")
    if name and not found[name] then
      new[#new + 1] = name
      status_of[name] = status
    elseif name then
      local old = found[name].status
      if old ~= "not-found" and old ~= "masked" and old ~= "failed" then
        found[name].status = status
      end
    end
  end
  -- A template has no state of its own, and is no unit that can be shown.
  local ask = {}
  for _, name in ipairs(new) do
    if not name:find("@.", 1, true) then
      ask[#ask + 1] = name
    end
  end
  local states = active_states(c, systemctl, ask)
  for _, name in ipairs(new) do
    found[name] = { name = name, state = states[name] or "unknown", status = status_of[name], source = "systemd" }
  end
end

-- A table that notes in `keys` the order in which entries come.
local function ordered(keys)
  return setmetatable({}, {
    __newindex = function(t, key, value)
      keys[#keys + 1] = key
      rawset(t, key, value)
    end,
  })
end

local function run(c)
  local keys = list()
  local found = ordered(keys)
  local service, check, initctl = c:which("service"), c:which("chkconfig"), c:which("initctl")
  local rc_status, rc_update = c:which("rc-status"), c:which("rc-update")
  if service and not check and not rc_status then
    sysv(c, service, found)
  end
  if initctl and not check then
    upstart(c, initctl, found)
  elseif check and service then
    chkconfig(c, check, service, found)
  elseif rc_status and rc_update then
    openrc(c, rc_status, rc_update, found)
  end
  local systemctl = c:which("systemctl")
  if systemctl and (c.fs.read("/proc/1/comm") or ""):find("systemd", 1, true) then
    units(c, systemctl, found)
    unit_files(c, systemctl, found)
  end
  if next(found) == nil then
    c:skip("Failed to find any services. This can be due to privileges or some other configuration issue.")
    return
  end
  c:set("ansible_facts", dict({ services = dict(found, keys) }))
end

return {
  doc = "Return the services of the target and their states as facts.",
  spec = "ansible.builtin.service_facts",
  example = "- ansible.builtin.service_facts:\n- ansible.builtin.debug:\n    msg: \"{{ ansible_facts.services | length }} services\"\n" ..
    "  when: ansible_facts.services is defined",
  order = "",
  returns = "ansible_facts: `services`, by name: name, state, status, source.",
  side = "target",
  check = "full",
  diff = "none",
  args = dict(),
  run = run,
}
