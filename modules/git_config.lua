-- git_config: settings of git: of a file, a repository, the user or the system.

local util = use("util")

local function base(c)
  local a = c.args
  local scope = a.scope or "system"
  local argv = { c:need("git"), "config", "--includes" }
  if scope == "file" then
    util.append(argv, "-f", a.file)
  else
    util.append(argv, "--" .. scope)
  end
  return argv, scope == "local" and a.repo or "/"
end

local function shown(values)
  return #values == 0 and "\n" or util.unlines(values)
end

local function plan(c)
  local a = c.args
  local unset = a.state == "absent"
  if not unset and a.value == "" then
    c:fail("If state=present, a value must be specified; this module reads no settings")
  end
  local argv, cwd = base(c)
  if a.scope == "file" then
    c.fs.follow(a.file)
  elseif a.scope == "local" then
    c.fs.follow(a.repo .. "/.git/config")
  elseif a.scope == "global" and c.getenv("HOME") then
    c.fs.follow(c.getenv("HOME") .. "/.gitconfig")
  end
  if a.scope == "local" and not c.fs.exists(cwd) then
    c:fail("repo " .. cwd .. " does not exist")
  end
  local ask = util.append(util.copy(argv), "--get-all", a.name)
  local r = util.run(c, ask, { cwd = cwd, may_fail = true })
  if r.rc >= 2 then
    c:fail(util.trim(r.stderr), { rc = r.rc, cmd = table.concat(ask, " ") })
  end
  local before = util.lines((r.stdout:gsub("%s+$", "")))
  if unset and r.stdout == "" then
    c:set("msg", "no setting to unset")
    return
  elseif not unset and util.contains(before, a.value) and (#before == 1 or a.add_mode == "add") then
    c:set("msg", "")
    return
  end
  local after = {}
  if unset then
    util.append(argv, "--unset-all", a.name)
  else
    after = a.add_mode == "add" and util.append(util.copy(before), a.value) or { a.value }
    util.append(argv, "--" .. a.add_mode, a.name, a.value)
  end
  c.state.argv, c.state.cwd = argv, cwd
  c:set("msg", "setting changed")
  c:diff(table.concat(argv, " "), shown(before), shown(after))
end

local function run(c)
  local r = util.run(c, c.state.argv, { cwd = c.state.cwd, may_fail = true })
  if r.rc ~= 0 or r.stderr ~= "" then
    c:fail(util.trim(r.stderr) ~= "" and r.stderr or "git config failed with status " .. r.rc, { rc = r.rc, cmd = c.state.argv })
  end
end

return {
  doc = "Set and remove settings of git.",
  spec = "community.general.git_config",
  example = "- community.general.git_config:\n    name: user.email\n    scope: global\n    value: root@example.org",
  returns = "msg: What was done.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    name = { required = true, doc = "Name of the setting." },
    value = { doc = "Its value; needed unless it is removed." },
    scope = { choices = { "file", "local", "global", "system" }, doc = "Where it is kept; system." },
    repo = { type = "path", doc = "The repository, for scope local." },
    file = { type = "path", doc = "The file, for scope file." },
    add_mode = { default = "replace-all", choices = { "add", "replace-all" }, doc = "In place of other values, or beside them." },
    state = { default = "present", choices = { "present", "absent" }, doc = "Whether it is to be there." },
  },
  required_if = { { "scope", "local", { "repo" } }, { "scope", "file", { "file" } }, { "state", "present", { "value" } } },
  plan = plan,
  run = run,
}
