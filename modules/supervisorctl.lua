-- supervisorctl: programs and groups under supervisord, through its command line client.

local LOCALE = { LANG = "C", LC_ALL = "C", LC_MESSAGES = "C", LC_CTYPE = "C" }
local RUNNING = { RUNNING = true, STARTING = true }

-- Where supervisorctl looks for its configuration when it is not told.
local CONFIGS = { "supervisord.conf", "etc/supervisord.conf", "/etc/supervisord.conf", "/etc/supervisor/supervisord.conf" }

local function refuse_unsafe(c, what, text)
  if text:find("[\r\n]") or text:find("%s[;#]") or text ~= text:match("^%s*(.-)%s*$") then
    c:fail(what .. " cannot be written to a configuration file: it holds a line end, a blank at an end, or ' ;' or ' #'")
  end
end

-- The [supervisorctl] section of the configuration in use, as key = value; a relative "here" is resolved.
local function client_section(c)
  local path = c.args.config
  for _, candidate in ipairs(path and {} or CONFIGS) do
    if c.fs.exists(candidate) then
      path = candidate
      break
    end
  end
  local section, inside = {}, false
  local here = path and (path:match("^(.*)/[^/]*$") or ".") or "."
  for line in ((path and c.fs.read(path) or "") .. "\n"):gmatch("(.-)\r?\n") do
    local header = line:match("^%[(.-)%]")
    if header then
      inside = header == "supervisorctl"
    elseif inside and not line:match("^%s*[;#]") then
      local key, value = line:match("^([%w_]+)%s*[=:]%s*(.-)%s*$")
      if key then
        section[key] = value:gsub("%s+;.*$", ""):gsub("%%%(here%)s", function() return here end)
      end
    end
  end
  return section
end

-- The client has an option -p, but what stands in argv is seen by every user of the machine: a password goes to a
-- private configuration file instead.
local function private_config(c)
  local section = client_section(c)
  local escape = function(text) return (text:gsub("%%", "%%%%")) end
  refuse_unsafe(c, "password", c.args.password)
  if c.args.username then
    refuse_unsafe(c, "username", c.args.username)
    section.username = escape(c.args.username)
  end
  if c.args.server_url then
    section.serverurl = escape(c.args.server_url)
  end
  section.password = escape(c.args.password)
  local lines = {}
  for key, value in pairs(section) do
    lines[#lines + 1] = key .. "=" .. value
  end
  table.sort(lines)
  table.insert(lines, 1, "[supervisorctl]")
  local path = c:tmpdir() .. "/supervisorctl.conf"
  c.fs.write(path, table.concat(lines, "\n") .. "\n", { mode = 384 })
  return path
end

local function program(c)
  local path = c.args.supervisorctl_path
  if not path then
    return c:need("supervisorctl")
  end
  local st = c.fs.exists(path) and c:which(path)
  if not st then
    c:fail("Provided path to supervisorctl does not exist or isn't executable: " .. path)
  end
  return path
end

local function client(c)
  local argv = { program(c) }
  local function add(option, value)
    if value then
      argv[#argv + 1] = option
      argv[#argv + 1] = value
    end
  end
  if c.args.password then
    add("-c", private_config(c))
  else
    add("-c", c.args.config)
    add("-s", c.args.server_url)
    add("-u", c.args.username)
  end
  return argv
end

local function ctl(c, argv, must, ...)
  local words = { table.unpack(argv) }
  for _, word in ipairs({ ... }) do
    words[#words + 1] = word
  end
  local r = c:exec({ argv = words, env = LOCALE })
  if must and r.rc ~= 0 then
    c:fail((r.stderr:gsub("%s+$", "")), { rc = r.rc, stdout = r.stdout, stderr = r.stderr, cmd = table.concat(words, " ") })
  end
  return r.stdout
end

-- "grp:" names every process of a group, "all" every process.
local function wanted(c)
  local name = c.args.name
  if name:sub(-1) == ":" then
    return (name:gsub(":+$", "")), true
  end
  return name, false
end

local function matched(c, argv)
  local name, is_group = wanted(c)
  local found = {}
  for line in ctl(c, argv, false, "status"):gmatch("[^\n]+") do
    local process, status = line:match("^(%S+)%s+(%S+)")
    if process then
      local group = process:match("^(.-):")
      if name == "all" and not is_group or is_group and group == name or not is_group and process == name then
        found[#found + 1] = { name = process, status = status }
      end
    end
  end
  return found
end

local function contains(text, part)
  return text:find(part, 1, true) ~= nil
end

-- Which processes an action concerns.
local function concerned(state, processes)
  local names = list()
  for _, p in ipairs(processes) do
    local up = RUNNING[p.status] or false
    if state == "restarted" or state == "started" and not up or state == "stopped" and up or
        state == "signalled" and p.status == "RUNNING" then
      names[#names + 1] = p.name
    end
  end
  return names
end

local function act(c, argv, names, words, expected)
  for _, process in ipairs(names) do
    local call = { table.unpack(words) }
    call[#call + 1] = process
    local out = ctl(c, argv, true, table.unpack(call))
    if not contains(out, process .. ": " .. expected) then
      c:fail(out)
    end
  end
end

local function no_such_process(c, name)
  c:fail("ERROR (no such process)", { name = name })
end

local function answer(c)
  c:set("name", (wanted(c)))
  c:set("state", c.args.state)
end

local function plan(c)
  local state, name = c.args.state, (wanted(c))
  if state == "signalled" and not c.args.signal then
    c:fail("state is signalled but all of the following are missing: signal")
  end
  answer(c)
  local argv = client(c)
  local processes = matched(c, argv)
  if state == "present" or state == "absent" then
    if (#processes == 0) == (state == "present") then
      c:changed()
    end
    return
  end
  if #processes == 0 then
    -- A restart reads the configuration again first and may find the program there.
    if state == "restarted" and (not c.check or contains("\n" .. ctl(c, argv, false, "avail"), "\n" .. name)) then
      c:changed()
      return
    end
    no_such_process(c, name)
  end
  if #concerned(state, processes) > 0 then
    c:changed()
  end
end

local function run(c)
  local state, name = c.args.state, (wanted(c))
  local argv = client(c)
  if state == "restarted" then
    ctl(c, argv, true, "update")
  end
  local processes = matched(c, argv)
  if state == "present" or state == "absent" then
    if state == "absent" and c.args.stop_before_removing then
      act(c, argv, concerned("stopped", processes), { "stop" }, "stopped")
    end
    ctl(c, argv, true, "reread")
    local out = ctl(c, argv, false, state == "present" and "add" or "remove", name)
    local done = state == "present" and ": added process group" or ": removed process group"
    if not contains(out, name .. done) then
      c:fail(out)
    end
    return
  end
  if #processes == 0 then
    no_such_process(c, name)
  end
  local actions = {
    restarted = { { "restart" }, "started" },
    started = { { "start" }, "started" },
    stopped = { { "stop" }, "stopped" },
    signalled = { { "signal", c.args.signal }, "signalled" },
  }
  local names = concerned(state, processes)
  act(c, argv, names, actions[state][1], actions[state][2])
  c:set("affected", names)
end

return {
  doc = "Start, stop, restart, signal, add or remove programs and groups under supervisord.",
  spec = "community.general.supervisorctl",
  example = "- community.general.supervisorctl:\n    name: my_app\n    state: restarted",
  returns = "affected: Names of the processes something was done to.\nname: The program or group.\nstate: The state asked for.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    name = { required = true, doc = "Program, group (`name:`), or `all`." },
    state = {
      required = true,
      choices = { "present", "started", "restarted", "stopped", "absent", "signalled" },
      doc = "Desired state; `restarted` always restarts and reads the configuration again first.",
    },
    config = { empty_is_none = true, type = "path", doc = "Configuration file of supervisor." },
    server_url = { empty_is_none = true, doc = "Where supervisord listens." },
    username = { empty_is_none = true, doc = "User name for supervisord." },
    password = { empty_is_none = true, no_log = true, doc = "Password for supervisord; never shown in the process list." },
    supervisorctl_path = { empty_is_none = true, type = "path", doc = "Path of supervisorctl." },
    signal = { doc = "Signal to send, for `signalled`." },
    stop_before_removing = { type = "bool", default = false, doc = "Stop the program before it is removed." },
  },
  plan = plan,
  run = run,
}
