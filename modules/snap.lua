-- snap: packages of the snap store, through the command line client of snapd.

local LOCALE = { LANG = "C", LC_ALL = "C" }

local function trim(text)
  return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

local function client(c)
  return c:need("snap")
end

local function call(c, ...)
  local argv = { client(c), ... }
  local r = c:exec({ argv = argv, env = LOCALE })
  r.cmd = table.concat(argv, " ")
  return r
end

-- What is installed: name -> {tracking, disabled}.
local function installed(c)
  local found = {}
  local r = call(c, "list")
  for line in r.stdout:gmatch("[^\n]+") do
    local name, _, _, tracking, _, notes = line:match("^(%S+)%s+(%S+)%s+(%S+)%s+(%S+)%s+(%S+)%s+(%S+)")
    if name and name ~= "Name" then
      found[name] = { tracking = tracking, disabled = notes:find("disabled", 1, true) ~= nil }
    end
  end
  return found
end

-- "stable" and "latest/stable" are the same channel, and a track alone is its stable channel.
local function full_channel(channel)
  local risks = { stable = true, candidate = true, beta = true, edge = true }
  if channel:find("/", 1, true) then
    return channel
  end
  return risks[channel] and "latest/" .. channel or channel .. "/stable"
end

-- A local file has the name of its package up to the first underscore.
local function name_of(c, snap)
  return c.args.dangerous and snap:match("^.*/([^/_]+)_[^/]*$") or snap:match("^[^=]+")
end

local function needs_switch(c, entry)
  return c.args.channel and entry.tracking ~= "-" and full_channel(entry.tracking) ~= full_channel(c.args.channel)
end

-- The snaps something is to be done with, by what that is.
local function todo(c)
  local have, steps = installed(c), { install = list(), refresh = list(), remove = list(), enable = list(), disable = list() }
  for _, snap in ipairs(c.args.name) do
    local entry = have[name_of(c, snap)]
    local state = c.args.state
    local verb
    if state == "present" then
      verb = not entry and "install" or needs_switch(c, entry) and "refresh"
    elseif state == "absent" then
      verb = entry and "remove"
    elseif not entry then
      c:fail('snap "' .. snap .. '" is not installed')
    elseif state == "enabled" then
      verb = entry.disabled and "enable"
    else
      verb = not entry.disabled and "disable"
    end
    if verb then
      table.insert(steps[verb], snap)
    end
  end
  return steps
end

local function why(r)
  local classic = r.stderr:match('using classic confinement')
  local missing = r.stderr:match('error: snap "([^"]+)" not found')
  if missing then
    return "No snap matching '" .. missing .. "' available."
  elseif classic then
    return "Couldn't install because it requires classic confinement: " .. trim(r.stderr)
  end
  return "snap failed: " .. trim(r.stderr ~= "" and r.stderr or r.stdout)
end

local function act(c, verb, snaps)
  local options = {}
  if verb == "install" or verb == "refresh" then
    if c.args.classic then
      options[#options + 1] = "--classic"
    end
    if c.args.channel then
      options[#options + 1] = "--channel=" .. c.args.channel
    end
    if c.args.dangerous and verb == "install" then
      options[#options + 1] = "--dangerous"
    end
  end
  -- Options apply to one snap at a time, and only install and remove take several.
  local together = #options == 0 and (verb == "install" or verb == "remove")
  for _, group in ipairs(together and { snaps } or snaps) do
    local words = { verb, table.unpack(options) }
    for _, snap in ipairs(together and group or { group }) do
      words[#words + 1] = snap
    end
    local r = call(c, table.unpack(words))
    if r.rc ~= 0 then
      c:fail(why(r), { rc = r.rc, stdout = r.stdout, stderr = r.stderr, cmd = r.cmd })
    end
    c:set("cmd", r.cmd)
  end
end

-- Settings that are not as asked for, as "snap key=value".
local function settings(c)
  local wrong = list()
  for _, option in ipairs(c.args.options or {}) do
    local snap, key, value = option:match("^([^:=]+):([^=]+)=(.*)$")
    if not snap then
      snap, key, value = nil, option:match("^([^=]+)=(.*)$")
    end
    if not key then
      c:fail('Cannot parse option: "' .. option .. '"')
    end
    for _, name in ipairs(snap and { snap } or c.args.name) do
      if trim(call(c, "get", name_of(c, name), key).stdout) ~= value then
        wrong[#wrong + 1] = { name_of(c, name), key .. "=" .. value }
      end
    end
  end
  return wrong
end

local function names(c)
  for _, snap in ipairs(c.args.name) do
    if snap == "" or snap:sub(1, 1) == "-" then
      c:fail("'" .. snap .. "' is no name of a snap")
    end
  end
end

local function plan(c)
  names(c)
  for verb, snaps in pairs(todo(c)) do
    if #snaps > 0 then
      c:changed()
      if verb == "install" or verb == "remove" then
        c:set(verb == "install" and "snaps_installed" or "snaps_removed", snaps)
      end
    end
  end
  if #settings(c) > 0 then
    c:changed()
  end
end

local function run(c)
  for verb, snaps in pairs(todo(c)) do
    if #snaps > 0 then
      act(c, verb, snaps)
    end
  end
  for _, setting in ipairs(settings(c)) do
    local r = call(c, "set", setting[1], setting[2])
    if r.rc ~= 0 then
      c:fail("Cannot set options of snap [" .. setting[1] .. "]: " .. trim(r.stderr), { rc = r.rc, cmd = r.cmd })
    end
  end
end

return {
  doc = "Install, remove, enable and disable snaps.",
  spec = "community.general.snap",
  example = "- community.general.snap:\n    name: certbot\n    classic: true",
  returns = "snaps_installed: Snaps that were installed.\nsnaps_removed: Snaps that were removed.\ncmd: The last command.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    name = { type = "list", required = true, doc = "Snaps." },
    state = {
      default = "present",
      choices = { "present", "absent", "enabled", "disabled" },
      doc = "Whether it is installed, and whether an installed one can be run.",
    },
    classic = { type = "bool", default = false, doc = "Install without confinement." },
    channel = { doc = "Channel to install from; an installed snap that follows another is switched." },
    options = { type = "list", doc = "Settings, as key=value or snap:key=value." },
    dangerous = { type = "bool", default = false, doc = "Install a local file that nobody signed." },
  },
  plan = plan,
  run = run,
}
