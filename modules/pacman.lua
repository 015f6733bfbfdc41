-- pacman: packages of Arch Linux.

local util = use("util")

local STATES = { installed = "present", removed = "absent" }

-- -- what was said, and the end -------------------------------------------------------------------------------------------

local function note(c, msg, r)
  local said = c.state.said
  if msg and msg ~= "" then
    said.msg[#said.msg + 1] = msg
  end
  for _, stream in ipairs({ "stdout", "stderr" }) do
    if r and r[stream] ~= "" then
      said[stream][#said[stream] + 1] = r[stream]
    end
  end
end

local function fail(c, msg, argv, r)
  note(c, msg, r)
  local said, more = c.state.said, { cmd = argv, rc = r.rc }
  for _, stream in ipairs({ "stdout", "stderr" }) do
    if #said[stream] > 0 then
      more[stream] = table.concat(said[stream], "\n")
    end
  end
  c:fail(table.concat(said.msg, "\n"), more)
end

local function finish(c)
  local said = c.state.said
  for _, stream in ipairs({ "stdout", "stderr" }) do
    if #said[stream] > 0 then
      c:set(stream, table.concat(said[stream], "\n"))
    end
  end
  c:set("msg", table.concat(said.msg, "\n"))
end

-- -- the program ----------------------------------------------------------------------------------------------------------

local function command(c, ...)
  return util.append(util.copy(c.state.base), ...)
end

local function call(c, ...)
  local argv = command(c, ...)
  return util.run(c, argv, { may_fail = true }), argv
end

-- Two words of each line: a package and its version, or a group and a package.
local function pairs_of(c, ...)
  local out = {}
  local r = call(c, ...)
  if r.rc ~= 0 and (r.stdout ~= "" or r.stderr ~= "") then -- without a word: there are none
    c:fail("pacman failed: " .. util.trim(r.stderr), { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
  for _, line in ipairs(util.lines(r.stdout)) do
    local first, second = line:match("^%s*(%S+)%s+(%S+)%s*$")
    if first then
      out[#out + 1] = { first, second }
    end
  end
  return out
end

local function installed(c)
  if not c.state.installed then
    c.state.installed = {}
    local r = call(c, "--query", "--verbose")
    if r.rc ~= 0 and r.stderr ~= "" then
      c:fail("pacman failed: " .. util.trim(r.stderr), { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
    end
    for _, line in ipairs(util.lines(r.stdout)) do
      local name, version = line:match("^%s*(%S+)%s+(%S+)%s*$")
      if name then
        c.state.installed[name] = version
      end
    end
    c.state.database = r.stdout:match("\n?DB Path%s*:%s*(/[^\n]-)%s*\n") or c.state.database
    c.state.lock = r.stdout:match("\n?Lock File%s*:%s*(/[^\n]-)%s*\n") or c.state.lock
  end
  return c.state.installed
end

-- Package to "explicit" or "dependency".
local function reasons(c)
  if not c.state.reasons then
    c.state.reasons = {}
    for reason, option in pairs({ explicit = "--explicit", dependency = "--deps" }) do
      for _, pair in ipairs(pairs_of(c, "--query", option)) do
        c.state.reasons[pair[1]] = reason
      end
    end
  end
  return c.state.reasons
end

-- The lines "repository package version [installed]" of the databases.
local function database(c)
  local lines = {}
  for _, line in ipairs(util.lines(util.run(c, command(c, "--sync", "--list"), { what = "pacman" }).stdout)) do
    if util.trim(line) ~= "" then
      lines[#lines + 1] = util.trim(line)
    end
  end
  table.sort(lines)
  return lines
end

local function available(c)
  if not c.state.available then
    c.state.available = {}
    for _, line in ipairs(database(c)) do
      c.state.available[util.words(line)[2] or ""] = true
    end
  end
  return c.state.available
end

-- Group to its packages.
local function groups(c)
  local out = {}
  for _, pair in ipairs(pairs_of(c, "--sync", "--groups", "--groups")) do
    out[pair[1]] = out[pair[1]] or {}
    if not util.contains(out[pair[1]], pair[2]) then
      util.append(out[pair[1]], pair[2])
    end
  end
  return out
end

-- What is newer in the databases: a list of {name, current, latest}.
local function upgradable(c)
  local r, argv = call(c, "--query", "--upgrades")
  local out, lines = {}, {}
  for i, line in ipairs(util.lines(r.stdout)) do
    if util.trim(line) ~= "" and not (i == 1 and line:find("Avoid running", 1, true)) then
      lines[#lines + 1] = util.trim(line)
    end
  end
  if r.rc == 1 and #lines == 0 then
    return out
  elseif r.rc ~= 0 then
    fail(c, "Couldn't get list of packages available for upgrade", argv, r)
  end
  for _, line in ipairs(lines) do
    if not line:find("[ignored]", 1, true) and not line:find("Avoid running", 1, true) then
      local words = util.words(line)
      if #words ~= 4 then
        fail(c, "Invalid line: " .. line, argv, r)
      end
      out[#out + 1] = { name = words[1], current = words[2], latest = words[4] }
    end
  end
  return out
end

-- -- what a pacman that did not come to its end has left ----------------------------------------------------------------------

-- A pacman that was killed leaves its lock, files without a package, and a package without a description, which stops every
-- other one; with a full disk also packages whose files are not there. While it works this file beside its databases names the
-- packages: name, reason, and whether it was there before.
local MARK = "play-unfinished"

local function mark_of(c)
  return c.state.database and c.state.database:gsub("/*$", "/") .. MARK
end

-- The packages of the mark that may not be whole: name to { reason, had }; nil: there is no mark.
local function read_mark(c)
  installed(c)
  local text = mark_of(c) and c.fs.read(mark_of(c))
  local out = text and {}
  for _, line in ipairs(text and util.lines(text) or {}) do
    local name, reason, had = line:match("^(%S+) (%S+) (%S+)$")
    if name then
      out[name] = { reason = reason, had = had == "yes" }
    end
  end
  return out
end

local function write_mark(c, names)
  installed(c)
  if not mark_of(c) then
    return
  end
  local lines, all = {}, util.copy(c.state.cut or {})
  for _, name in ipairs(names) do
    local asked = util.contains(c.args.name or {}, name)
    all[name] = all[name] or { reason = reasons(c)[name] or asked and "explicit" or "dependency", had = installed(c)[name] ~= nil }
  end
  for _, name in ipairs(util.keys(all)) do
    lines[#lines + 1] = name .. " " .. all[name].reason .. " " .. (all[name].had and "yes" or "no")
  end
  table.sort(lines)
  local ok, why = pcall(c.fs.write, mark_of(c), util.unlines(lines), { mode = 420 })
  if not ok and not tostring(why):find("denied", 1, true) then -- a program that becomes root itself, such as yay
    error(why, 0)
  end
end

local function remove_mark(c)
  if mark_of(c) and c.fs.exists(mark_of(c)) then
    c.fs.remove(mark_of(c))
  end
end

-- Files that no package owns, though one that is to be installed has them: made since the mark was.
local function overwritten(c, r)
  local words, since = {}, c.state.since
  for path in (r.stdout .. r.stderr):gmatch("[^\n]-: (/[^\n]+) exists in filesystem%f[\n\0]") do
    local st = c.fs.stat(path)
    if not since or not st or st.ctime < since or path:find("[,*?%[\\]") then
      return nil
    end
    util.append(words, "--overwrite", path)
  end
  return #words > 0 and words or nil
end

-- Runs a transaction about these packages.
local function transaction(c, argv, names)
  write_mark(c, names)
  local r = util.run(c, argv, { may_fail = true })
  local more = r.rc ~= 0 and overwritten(c, r)
  if more then
    r = util.run(c, util.extend(util.extend({ argv[1] }, more), table.move(argv, 2, #argv, 1, {})), { may_fail = true })
  end
  local begun = r.stdout:find("Processing package changes", 1, true)
  if r.rc > 0 and r.rc < 128 and not begun and not c.state.cut then
    remove_mark(c)
  end
  return r
end

-- The lock of a pacman that is gone, and packages without a description, are removed.
local function clear(c)
  local dir = c.state.database:gsub("/*$", "/") .. "local/"
  if c.state.lock and c.fs.exists(c.state.lock) then
    if c.fs.in_use(c.state.lock) then
      c:fail("a pacman that an earlier run has started still works: '" .. c.state.lock .. "' is open")
    end
    c.fs.remove(c.state.lock)
  end
  for _, entry in ipairs(c.fs.list(dir) or {}) do
    local st, desc, files = c.fs.stat(dir .. entry), c.fs.stat(dir .. entry .. "/desc"), c.fs.stat(dir .. entry .. "/files")
    if st and st.type == "directory" and not (desc and desc.size > 0 and files and files.size > 0) then
      local name = entry:match("^(.+)%-[^-]+%-[^-]+$")
      c.state.cut[name or ""] = c.state.cut[name or ""] or { reason = "explicit" }
      c.state.cut[name or ""].had = true
      c.fs.remove_tree(dir .. entry)
    end
  end
  c.state.installed, c.state.reasons = nil, nil
end

-- Installs again what the mark names, but for what is asked for anyway.
local function recover(c)
  c.state.cut = read_mark(c)
  if not c.state.cut or c.check then
    return
  end
  c.state.since = c.fs.stat(mark_of(c)).ctime
  clear(c)
  for _, reason in ipairs({ "explicit", "dependency" }) do
    local names = {}
    for name, one in pairs(c.state.cut) do
      local asked = util.contains(c.args.name or {}, name)
      if one.reason == reason and not asked and (one.had or installed(c)[name]) and available(c)[name] then
        names[#names + 1] = name
      end
    end
    table.sort(names)
    local option = reason == "dependency" and "--asdeps" or "--asexplicit"
    local argv = util.extend(command(c, "--noconfirm", "--noprogressbar", "--sync", option, "--"), names)
    local r = #names > 0 and transaction(c, argv, names)
    if r and r.rc ~= 0 then
      fail(c, "Failed to install again what a pacman that did not come to its end has left", argv, r)
    elseif r then
      note(c, nil, r)
      c:changed()
    end
  end
  c.state.installed, c.state.reasons = nil, nil
end

-- -- the databases of packages ---------------------------------------------------------------------------------------------

local function update_cache(c)
  if c.check then
    note(c, "Would have updated the package db")
    c:set("cache_updated", true)
    c:changed()
    return
  end
  local words = util.extend({ "--sync", "--refresh" }, util.split_command(c, c.args.update_cache_extra_args))
  if c.args.force then
    util.append(words, "--refresh")
  end
  local before = not c.args.force and database(c)
  local argv = util.extend(command(c), words)
  local r = transaction(c, argv, {})
  local updated = c.args.force or not util.equal(before, database(c))
  c:set("cache_updated", updated)
  if r.rc ~= 0 then
    fail(c, "could not update package db", argv, r)
  end
  note(c, "Updated package db", r)
  if updated then
    c:changed()
  end
end

local function upgrade(c)
  local list_of, before, after, names = upgradable(c), {}, {}, list()
  if #list_of == 0 then
    note(c, "Nothing to upgrade")
    return
  end
  for _, one in ipairs(list_of) do
    names[#names + 1] = one.name
    before[#before + 1] = one.name .. "-" .. one.current
    after[#after + 1] = one.name .. "-" .. one.latest
  end
  c:set("diff", { before = util.unlines(before), after = util.unlines(after) })
  c:set("packages", names)
  if c.check then
    note(c, #names .. " packages would have been upgraded")
  else
    local words = util.extend({ "--sync", "--sysupgrade", "--quiet", "--noconfirm" }, util.split_command(c, c.args.upgrade_extra_args))
    local argv = util.extend(command(c), words)
    local r = transaction(c, argv, names)
    if r.rc ~= 0 then
      fail(c, "Could not upgrade", argv, r)
    end
    note(c, "System upgraded", r)
  end
  c:changed()
end

-- -- packages -------------------------------------------------------------------------------------------------------------

-- What a name stands for that is neither a package nor a group: repository/package, a file or a URL. nil: nothing.
local function elsewhere(c, name, state)
  local r = call(c, "--sync", "--print-format", "%n", "--", name)
  if r.rc == 0 then
    return { name = util.trim(r.stdout), source = name }
  end
  local argv
  r, argv = call(c, "--upgrade", "--print-format", "%n", "--", name)
  if r.rc == 0 then
    local lines = util.lines(util.trim(r.stdout)) -- "loading packages..." and the like come first
    return { name = util.trim(lines[#lines] or ""), source = name, file = true }
  elseif state ~= "absent" then
    fail(c, "Failed to list package " .. name, argv, r)
  end
end

local function packages_of(c, state)
  local out, all = {}, groups(c)
  for _, name in ipairs(c.args.name) do
    if all[name] then
      for _, member in ipairs(all[name]) do
        out[#out + 1] = { name = member, source = member }
      end
    elseif name ~= "" and (installed(c)[name] or available(c)[name]) then
      out[#out + 1] = { name = name, source = name }
    elseif name ~= "" then
      out[#out + 1] = elsewhere(c, name, state)
    end
  end
  return out
end

local function sources(packages)
  local out = {}
  for i, package in ipairs(packages) do
    out[i] = package.source
  end
  return out
end

local function needs_reason(c, name)
  local now = reasons(c)[name]
  return now == nil or c.args.reason_for == "all" and now ~= c.args.reason
end

-- Asks pacman what it would install with `verb`: adds the names to `done`, and lines to the two sides of the diff.
local function foresee(c, base, verb, packages, mark, done, before, after)
  local argv = util.extend(util.append(util.copy(base), verb, "--print-format", "%n %v", "--"), sources(packages))
  local r = util.run(c, argv, { may_fail = true })
  if r.rc ~= 0 then
    fail(c, "Failed to list package(s) to install", argv, r)
  end
  for _, line in ipairs(util.lines(r.stdout)) do
    local name, version = line:match("^%s*(%S+)%s+(%S+)%s*$")
    if name and not line:find("loading packages", 1, true) then
      local reason = reasons(c)[name]
      if installed(c)[name] then
        before[#before + 1] = name .. "-" .. installed(c)[name] .. "-" .. reason
      end
      reason = util.contains(mark, name) and c.args.reason or reason
      after[#after + 1] = name .. "-" .. version .. (reason and "-" .. reason or "")
      done[#done + 1] = name
    end
  end
end

local function install_by(c, argv, names)
  local r = transaction(c, argv, names)
  if r.rc ~= 0 then
    fail(c, "Failed to install package(s)", argv, r)
  end
  note(c, nil, r)
end

local function set_reason(c, names)
  local option = c.args.reason == "dependency" and "--asdeps" or "--asexplicit"
  install_by(c, util.extend(command(c, "--noconfirm", "--database", option, "--"), names), {})
end

local function nothing(c, msg)
  c:set("packages", list())
  note(c, msg)
end

-- Sorts the packages: those to install from the databases, those from files, and names whose reason is to be set.
local function choose(c, packages, state)
  local sync, files, mark, newer = {}, {}, {}, {}
  for _, one in ipairs(state == "latest" and upgradable(c) or {}) do
    newer[one.name] = true
  end
  for _, package in ipairs(packages) do
    if c.args.reason and needs_reason(c, package.name) then
      mark[#mark + 1] = package.name
    end
    if package.file then
      files[#files + 1] = package
    elseif not installed(c)[package.name] or newer[package.name] or c.state.cut and c.state.cut[package.name] then
      sync[#sync + 1] = package
    end
  end
  return sync, files, mark
end

local function install(c, packages, state)
  local sync, files, mark = choose(c, packages, state)
  local base = command(c, "--noconfirm", "--noprogressbar")
  util.extend(base, not c.state.cut and { "--needed" })
  util.extend(base, util.split_command(c, c.args.extra_args))
  local done, before, after = {}, {}, {}
  local steps = { { "--sync", sync }, { "--upgrade", files } }
  for _, step in ipairs(steps) do
    if #step[2] > 0 then
      foresee(c, base, step[1], step[2], mark, done, before, after)
    end
  end
  if #done == 0 and #mark == 0 then
    return nothing(c, "package(s) already installed")
  end
  local names = list(util.copy(done))
  for _, name in ipairs(mark) do
    if not util.contains(done, name) then
      names[#names + 1] = name
    end
  end
  for _, lines in ipairs({ before, after, names }) do
    table.sort(lines)
  end
  c:set("diff", { before = util.unlines(before), after = util.unlines(after) })
  c:set("packages", names)
  if c.check then
    note(c, "Would have installed " .. #names .. " packages")
    return c:changed()
  end
  for _, step in ipairs(steps) do
    if #step[2] > 0 then
      install_by(c, util.extend(util.append(util.copy(base), step[1], "--"), sources(step[2])), done)
    end
  end
  if #mark > 0 then
    set_reason(c, mark)
  end
  note(c, "Installed " .. #names .. " package(s)")
  c:changed()
end

local function remove(c, packages)
  local names = {}
  for _, package in ipairs(packages) do
    if installed(c)[package.name] then
      names[#names + 1] = package.name
    end
  end
  if #names == 0 then
    return nothing(c, "package(s) already absent")
  end
  local base = util.extend(command(c, "--remove", "--noconfirm", "--noprogressbar"), util.split_command(c, c.args.extra_args))
  if c.args.force then
    util.append(base, "--nodeps", "--nodeps")
  end
  local argv = util.extend(util.append(util.copy(base), "--print-format", "%n-%v", "--"), names)
  local r = util.run(c, argv, { may_fail = true })
  if r.rc ~= 0 then
    fail(c, "failed to list package(s) to remove", argv, r)
  end
  local gone = list(util.words(r.stdout))
  c:set("packages", gone)
  c:set("diff", { before = util.unlines(gone), after = "" })
  if c.check then
    note(c, "Would have removed " .. #gone .. " packages")
    return c:changed()
  end
  if c.args.remove_nosave then
    util.append(base, "--nosave") -- pacman does not take it together with --print-format
  end
  argv = util.extend(util.append(base, "--"), names)
  r = transaction(c, argv, names)
  if r.rc ~= 0 then
    fail(c, "failed to remove package(s)", argv, r)
  end
  note(c, "Removed " .. #gone .. " package(s)", r)
  c:changed()
end

local function run(c)
  local a = c.args
  local state = STATES[a.state] or a.state
  c.state.said = { msg = {}, stdout = {}, stderr = {} }
  c.state.base = { c:need(a.executable) }
  util.extend(c.state.base, a.config and { "--config", a.config })
  util.extend(c.state.base, a.root and { "--root", a.root })
  util.extend(c.state.base, a.root and a.cachedir and { "--cachedir", a.cachedir })
  recover(c)
  if a.update_cache then
    update_cache(c)
  end
  if a.upgrade then
    upgrade(c)
  elseif a.name and #a.name > 0 then
    local packages = packages_of(c, state)
    if state == "absent" then
      remove(c, packages)
    else
      install(c, packages, state)
    end
  elseif not a.update_cache then
    note(c, "Nothing to do")
  end
  if not c.check then
    remove_mark(c)
  end
  finish(c)
end

return {
  doc = "Install, upgrade and remove packages of Arch Linux.",
  spec = "community.general.pacman",
  example = "- community.general.pacman:\n    name: [git, nginx]\n    state: latest\n    update_cache: true",
  returns = "packages: What was installed, upgraded or removed.\ncache_updated: Whether the databases of packages changed.\n"
    .. "stdout: What pacman said.\nstderr: Its errors.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    name = { type = "list", elements = "str", aliases = { "package", "pkg" }, doc = "Packages, groups, repository/package, files or URLs." },
    state = { default = "present", choices = { "absent", "installed", "latest", "present", "removed" }, doc = "What is wanted." },
    force = { type = "bool", default = false, doc = "Remove without regard to dependencies; refresh all databases." },
    remove_nosave = { type = "bool", default = false, doc = "Do not keep changed configuration as .pacsave." },
    executable = { default = "pacman", doc = "The program, or one that takes its options." },
    extra_args = { default = "", doc = "More options for installing and removing." },
    root = { type = "path", doc = "Directory of another system." },
    cachedir = { type = "path", doc = "Where downloaded packages are kept, with root." },
    config = { type = "path", doc = "Another pacman.conf." },
    upgrade = { type = "bool", doc = "Upgrade the whole system." },
    upgrade_extra_args = { default = "", doc = "More options for it." },
    update_cache = { type = "bool", doc = "Refresh the databases of packages first." },
    update_cache_extra_args = { default = "", doc = "More options for it." },
    reason = { choices = { "dependency", "explicit" }, doc = "Why packages are said to be installed." },
    reason_for = { default = "new", choices = { "all", "new" }, doc = "Set it for new packages, or also for those that are there." },
  },
  required_one_of = { { "name", "update_cache", "upgrade" } },
  exclusive = { { "name", "upgrade" } },
  run = run,
}
