-- git_config: settings of git: of a file, a repository, the user or the system.

local util = use("util")

local function base(c)
  local scope = c.args.scope or not c.args.list_all and "system" or nil
  local argv = { c:need("git"), "config" }
  return argv, scope, (scope == "local" or c.args.list_all) and c.args.repo or "/"
end

-- The file a change goes to, as git chooses it.
local function file_of(c, scope, cwd)
  if scope == "file" then
    return c.args.file:sub(1, 1) == "/" and c.args.file or "/" .. c.args.file
  elseif scope == "local" then
    local path = util.trim(util.run(c, { c:need("git"), "rev-parse", "--git-path", "config" }, { cwd = cwd }).stdout)
    return path:sub(1, 1) == "/" and path or cwd .. "/" .. path
  elseif scope == "global" then
    local home = c.getenv("HOME")
    local user = home and home .. "/.gitconfig"
    local other = (c.getenv("XDG_CONFIG_HOME") or home and home .. "/.config" or "") .. "/git/config"
    return c.getenv("GIT_CONFIG_GLOBAL") or (user and (c.fs.exists(user) or not c.fs.exists(other)) and user) or other
  end
  return nil  -- of the system: git knows where, and only root may change it
end

local function shown(values)
  return #values == 0 and "\n" or util.unlines(values)
end

-- Looks where git will, so that no link of another user leads it elsewhere.
local function follow(c, scope, cwd)
  if cwd ~= "/" and not c.fs.exists(cwd) then
    c:fail("repo " .. cwd .. " does not exist")
  elseif cwd ~= "/" then
    c.fs.follow(cwd .. "/.git/config")
  elseif scope == "file" or scope == "global" then
    c.fs.follow(file_of(c, scope, cwd))
  end
end

-- All settings: names and values, each pair ended by a NUL; a setting without a value has no line end.
local function all_settings(c, argv, scope, cwd)
  local r = util.run(c, argv, { cwd = cwd, may_fail = true })
  local none = scope and r.rc == 128 and r.stderr:find("unable to read config file", 1, true)
  if r.rc >= 2 and not none then
    c:fail(r.stderr, { rc = r.rc, cmd = table.concat(argv, " ") })
  end
  local values, names = {}, list()
  for _, pair in ipairs(none and {} or util.split(r.stdout, "\0")) do
    local name, value = pair:match("^([^\n]*)\n(.*)$")
    if pair ~= "" then
      names[#names + 1] = name or pair
      values[name or pair] = value or ""
    end
  end
  c:set("msg", "")
  c:set("config_values", dict(values, names))
end

local function plan(c)
  local a = c.args
  local unset = a.state == "absent"
  if not a.list_all and (a.name or "") == "" then
    c:fail("one of the following is required: list_all, name")
  end
  local argv, scope, cwd = base(c)
  follow(c, scope, cwd)
  local where = scope == "file" and { "-f", a.file } or scope and { "--" .. scope } or {}
  local ask = util.extend(util.append(util.copy(argv), "--includes"), where)
  if a.list_all then
    return all_settings(c, util.append(ask, "-l", "-z"), scope, cwd)
  end
  util.append(ask, "--get-all", a.name)
  local r = util.run(c, ask, { cwd = cwd, may_fail = true })
  if r.rc >= 2 then
    c:fail(util.trim(r.stderr), { rc = r.rc, cmd = table.concat(ask, " ") })
  end
  local before = util.lines((r.stdout:gsub("%s+$", "")))
  if not unset and (a.value or "") == "" then
    c:set("msg", "")
    c:set("config_value", before[#before] or "")
    return
  elseif unset and r.stdout == "" then
    c:set("msg", "no setting to unset")
    return
  elseif not unset and util.contains(before, a.value) and (#before == 1 or a.add_mode == "add") then
    c:set("msg", "")
    return
  end
  local after, change = {}, { "--unset-all", a.name }
  if not unset then
    after = a.add_mode == "add" and util.append(util.copy(before), a.value) or { a.value }
    change = { "--" .. a.add_mode, a.name, a.value }
  end
  c.state.file = file_of(c, scope, cwd)
  if c.state.file then
    c.fs.follow(c.state.file)
  end
  c.state.argv, c.state.where, c.state.change, c.state.cwd = argv, where, change, cwd
  c:set("msg", "setting changed")
  c:diff(table.concat(util.extend(util.extend(util.append(util.copy(argv), "--includes"), where), change), " "), shown(before), shown(after))
end

-- git writes a file of the system itself. Any other may lie in a directory of somebody else, who could put a link in its
-- place meanwhile: git gets a copy.
local function run(c)
  local file, where = c.state.file, c.state.where
  local copy = file and c:tmpdir() .. "/config"
  if copy then
    if c.fs.stat(file .. ".lock") then
      c:fail("could not lock config file " .. file .. ": " .. file .. ".lock is there: another git is at work, or was killed")
    end
    local text = c.fs.read(file)
    if text then
      c.fs.write(copy, text, { mode = 384 })
    end
    where = { "-f", copy }
  end
  local argv = util.extend(util.extend(c.state.argv, where), c.state.change)
  local r = util.run(c, argv, { cwd = c.state.cwd, may_fail = true, shown = copy and { copy, file } })
  if r.rc ~= 0 or r.stderr ~= "" then
    c:fail(util.trim(r.stderr) ~= "" and r.stderr or "git config failed with status " .. r.rc, { rc = r.rc, cmd = argv })
  end
  if copy then
    c.fs.copy(copy, file)
  end
end

return {
  doc = "Set, remove and read settings of git.",
  spec = "community.general.git_config",
  example = "- community.general.git_config:\n    name: user.email\n    scope: global\n    value: root@example.org",
  returns = "msg: What was done.\nconfig_value: The value, when none is given.\nconfig_values: All settings, with list_all.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    list_all = { type = "bool", default = false, doc = "Tell all settings." },
    name = { doc = "Name of the setting." },
    value = { doc = "Its value; without it the setting is read." },
    scope = { choices = { "file", "local", "global", "system" }, doc = "Where it is kept; system, and for list_all everywhere." },
    repo = { type = "path", doc = "The repository, for scope local and for list_all." },
    file = { type = "path", doc = "The file, for scope file." },
    add_mode = { default = "replace-all", choices = { "add", "replace-all" }, doc = "In place of other values, or beside them." },
    state = { default = "present", choices = { "present", "absent" }, doc = "Whether it is to be there." },
  },
  exclusive = { { "list_all", "name" }, { "list_all", "value" }, { "list_all", "state" } },
  required_if = { { "scope", "local", { "repo" } }, { "scope", "file", { "file" } } },
  plan = plan,
  run = run,
}
