-- modprobe: kernel modules, loaded now and at boot.

local util = use("util")

local LOAD, OPTIONS = "/etc/modules-load.d", "/etc/modprobe.d"

local function underscored(name)
  return (name:gsub("-", "_"))
end

local function loaded(c)
  local wanted = underscored(c.args.name)
  for line in (c.fs.read("/proc/modules") or ""):gmatch("[^\n]+") do
    if underscored(line:match("^%S+")) == wanted then
      return true
    end
  end
  local r = util.run(c, { c:need("uname"), "-r" })
  local builtin = c.fs.read("/lib/modules/" .. util.trim(r.stdout) .. "/modules.builtin") or ""
  for line in builtin:gmatch("[^\n]+") do
    if underscored(util.basename(line):gsub("%.ko.*$", "")) == wanted then
      return true
    end
  end
  return false
end

-- Lines of the files of a directory for which `ours` holds: path -> text without them, and whether one was found.
local function files_with(c, dir, ours)
  local out, any = {}, false
  for _, name in ipairs(c.fs.list(dir) or {}) do
    local path = dir .. "/" .. name
    local st = c.fs.stat(path)
    if name:match("%.conf$") and st and st.type == "file" then
      local kept, found = {}, false
      for _, line in ipairs(util.lines(c.fs.read(path) or "")) do
        if ours(line) then
          found = true
          kept[#kept + 1] = "#" .. line
        else
          kept[#kept + 1] = line
        end
      end
      if found then
        out[path], any = util.unlines(kept), true
      end
    end
  end
  return out, any
end

local function is_name(c)
  return function(line)
    return underscored(util.trim((line:gsub("[#;].*$", "")))) == underscored(c.args.name)
  end
end

local function is_option(c)
  return function(line)
    local name = line:match("^%s*options%s+(%S+)")
    return name ~= nil and underscored(name) == underscored(c.args.name)
  end
end

local function options_now(c)
  local words = {}
  for _, name in ipairs(c.fs.list(OPTIONS) or {}) do
    local st = c.fs.stat(OPTIONS .. "/" .. name)
    if name:match("%.conf$") and st and st.type == "file" then
      for _, line in ipairs(util.lines(c.fs.read(OPTIONS .. "/" .. name) or "")) do
        if is_option(c)(line) then
          local all = util.words(line)
          util.extend(words, table.move(all, 3, #all, 1, {}))
        end
      end
    end
  end
  table.sort(words)
  return words
end

local function plan_persistent(c)
  local files = {}
  local name, params = c.args.name, util.words(c.args.params)
  local load_files, at_boot = files_with(c, LOAD, is_name(c))
  local option_files = files_with(c, OPTIONS, is_option(c))
  if c.args.persistent == "absent" then
    for path, text in pairs(load_files) do
      files[path] = text
    end
    for path, text in pairs(option_files) do
      files[path] = text
    end
  else
    if not at_boot then
      files[LOAD .. "/" .. name .. ".conf"] = name .. "\n"
    end
    local sorted = util.copy(params)
    table.sort(sorted)
    if #params > 0 and not util.equal(sorted, options_now(c)) then
      for path, text in pairs(option_files) do
        files[path] = text
      end
      local lines = {}
      for _, param in ipairs(params) do
        lines[#lines + 1] = "options " .. name .. " " .. param
      end
      files[OPTIONS .. "/" .. name .. ".conf"] = util.unlines(lines)
    end
  end
  for path in pairs(files) do
    c:differs(path, c.fs.read(path), files[path])
  end
  c.state.files = files
end

local function plan(c)
  if c.args.name:find("[%s/]") or c.args.name:sub(1, 1) == "-" then
    c:fail("name is not one of a kernel module: '" .. c.args.name .. "'")
  end
  c:set("name", c.args.name)
  c:set("params", c.args.params)
  c:set("state", c.args.state)
  local present = c.args.state == "present"
  c.state.switch = loaded(c) ~= present
  if c.state.switch then
    c:need("modprobe")
    if present and c.check then
      local r = util.run(c, { c:need("modprobe"), "-n", c.args.name }, { may_fail = true })
      if r.rc ~= 0 then
        c:fail(util.trim(r.stderr), { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
      end
    end
    c:differs("loaded", not present, present)
  end
  c.state.files = {}
  if c.args.persistent ~= "disabled" then
    plan_persistent(c)
  end
end

local function run(c)
  local present = c.args.state == "present"
  if c.state.switch then
    local argv = { c:need("modprobe") }
    if not present then
      argv[#argv + 1] = "-r"
    end
    argv[#argv + 1] = c.args.name
    if present then
      util.extend(argv, util.words(c.args.params))
    end
    local r = util.run(c, argv, { may_fail = true })
    if r.rc ~= 0 then
      c:fail(util.trim(r.stderr), { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
    end
  end
  for path, text in pairs(c.state.files) do
    util.makedirs(c, util.dirname(path))
    c.fs.write(path, text, { mode = 420 })
  end
end

return {
  doc = "Load or remove kernel modules, now and at boot.",
  spec = "community.general.modprobe",
  example = "- community.general.modprobe:\n    name: dummy\n    state: present\n    params: numdummies=2\n    persistent: present",
  returns = "name: The module.\nparams: Its parameters.\nstate: The state asked for.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    name = { required = true, doc = "Name of the module." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be loaded." },
    params = { default = "", doc = "Parameters it is loaded with." },
    persistent = {
      default = "disabled", choices = { "disabled", "absent", "present" },
      doc = "Whether it is to be loaded at boot, with these parameters; `disabled` leaves that alone.",
    },
  },
  plan = plan,
  run = run,
}
