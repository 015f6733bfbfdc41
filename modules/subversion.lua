-- subversion: a working copy or an export of a Subversion repository.

local util = use("util")

local function svn(c, words, options)
  options = options or {}
  local a = c.args
  local argv = { a.executable or c:need("svn"), "--non-interactive", "--no-auth-cache" }
  if not a.validate_certs then
    util.append(argv, "--trust-server-cert-failures=unknown-ca,cn-mismatch,expired,not-yet-valid,other")
  end
  if a.username then
    util.append(argv, "--username", a.username)
  end
  if a.password then
    util.append(argv, "--password-from-stdin")
  end
  util.extend(argv, words)
  local r = util.run(c, argv, { stdin = a.password, may_fail = true, shown = options.shown })
  if r.rc ~= 0 and not options.may_fail then
    c:fail(util.trim(r.stderr) ~= "" and r.stderr or "svn failed with status " .. r.rc, { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
  return r
end

-- "Revision: 7" and "URL: ..." of a working copy or an address.
local function info(c, ...)
  local text = svn(c, { "info", ... }).stdout
  return text:match("%f[^\n%z](Revision: %d+)") or "Unable to get revision", text:match("%f[^\n%z](URL: [^\n]*)") or "Unable to get URL"
end

local function here(c)
  return list({ info(c, c.args.dest) })
end

-- Whether svn says that it changed files.
local function touched(r)
  for _, line in ipairs(util.lines(r.stdout)) do
    if line:match("^[ABDUCGE]%s") then
      return true
    end
  end
  return false
end

-- What svn says about files here. A directory that is incomplete ("!" alone before a directory's name) is no change: an
-- svn was killed there, and the next one brings the rest.
local function modified(c)
  for _, line in ipairs(util.lines(svn(c, { "status", "--quiet", "--ignore-externals", c.args.dest }).stdout)) do
    local path = line:match("^!       (.*)")
    local st = path and c.fs.stat(path)
    if line:match("^[^?X]") and not (st and st.type == "directory") then
      return true
    end
  end
  return false
end

-- Whether a process of this machine has the database of the working copy open.
local function at_work(c)
  local database = (c.fs.realpath(c.args.dest) or c.args.dest) .. "/.svn/wc.db"
  for _, pid in ipairs(c.fs.list("/proc") or {}) do
    local ok, open = pcall(c.fs.list, "/proc/" .. pid .. "/fd")
    for _, fd in ipairs(pid:match("^%d+$") and ok and open or {}) do
      if c.fs.readlink("/proc/" .. pid .. "/fd/" .. fd) == database then
        return true
      end
    end
  end
  return false
end

-- The lock of an svn that was killed is taken away.
local function unlock(c)
  local dest = c.args.dest
  local r = svn(c, { "status", "--xml", "--quiet", "--ignore-externals", dest }, { may_fail = true })
  if r.stdout:find('wc-locked="true"', 1, true) and not c.check and not at_work(c) then
    svn(c, { "cleanup", dest })
  end
end

local function number(text)
  return tonumber(text:match("%d+")) or 0
end

-- What is new is made in its directory as it is now, whatever links another user puts on the way to it.
local function get(c, what, force, dest)
  dest = (dest or c.args.dest):gsub("(.)/+$", "%1")
  local words = { what }
  if force then
    util.append(words, "--force")
  end
  local held = c.fs.exists(util.dirname(dest)) and c.fs.anchor(dest) or dest
  svn(c, util.append(words, "-r", c.args.revision, "--", c.args.repo, held), { shown = { held, dest } })
end

-- A new working copy is made beside its place: one that was cut short is none that svn could go on with.
local function check_out(c)
  local dest = c.args.dest:gsub("(.)/+$", "%1")
  local temp = util.dirname(dest) .. "/." .. util.basename(dest) .. ".ansible_tmp~"
  if c.fs.stat(temp) then
    c.fs.remove_tree(temp)
  end
  util.makedirs(c, util.dirname(dest))
  get(c, "checkout", false, temp)
  c.fs.rename(temp, dest)
end

local function new(c)
  local a = c.args
  if not a.export and not a.checkout and not c.check then
    return
  end
  c:changed()
  if c.check then
    return
  end
  if a.export or not a.checkout then
    get(c, "export", a.export and a.force)
  else
    check_out(c)
  end
  if not a.export then
    c:set("before", null)
    c:set("after", here(c))
  end
end

local function foretell(c)
  if modified(c) and not c.args.force then
    c:fail("ERROR: modified files exist in the repository.")
  end
  local before = info(c, c.args.dest)
  local after = info(c, "-r", c.args.revision, c.args.dest)
  c:set("before", before)
  c:set("after", after)
  if number(before) < number(after) then
    c:changed()
  end
end

local function renew(c)
  local a, changed = c.args, false
  if c.check then
    return foretell(c)
  end
  c:set("before", here(c))
  local mods = modified(c)
  if a.switch then
    changed = touched(svn(c, { "switch", "--revision", a.revision, "--", a.repo, a.dest }))
  end
  if mods and not a.force then
    c:fail("ERROR: modified files exist in the repository.")
  elseif mods then
    svn(c, { "revert", "-R", a.dest })
  end
  changed = touched(svn(c, { "update", "-r", a.revision, a.dest })) or changed
  c:set("after", here(c))
  if changed or mods then
    c:changed()
  end
end

local function run(c)
  local a = c.args
  if not a.dest and (a.checkout or a.update or a.export) then
    c:fail("the destination directory must be specified unless checkout=no, update=no, and export=no")
  elseif a.repo:sub(1, 1) == "-" or a.dest and a.dest:sub(1, 1) == "-" or a.revision:sub(1, 1) == "-" then
    c:fail("repo, dest and revision must not begin with a dash")
  end
  if not a.export and not a.update and not a.checkout then
    c:set("after", (info(c, a.repo)))
  elseif a.export or not c.fs.exists(a.dest) then
    new(c)
  elseif svn(c, { "info", a.dest }, { may_fail = true }).rc == 0 then
    if a.update then
      unlock(c)
      renew(c)
    end
  elseif a.in_place then
    c:changed()
    if not c.check then
      get(c, "checkout", true)
      if modified(c) and a.force then
        svn(c, { "revert", "-R", a.dest })
      end
      c:set("before", null)
      c:set("after", here(c))
    end
  else
    c:fail("ERROR: " .. a.dest .. " folder already exists, but its not a subversion repository.")
  end
end

return {
  doc = "Deploy a Subversion repository.",
  spec = "ansible.builtin.subversion",
  example = "- ansible.builtin.subversion:\n    repo: https://svn.example.org/app/trunk\n    dest: /srv/app",
  returns = "before: Revision and URL before.\nafter: Revision and URL now.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    repo = { required = true, aliases = { "name", "repository" }, doc = "Address of the repository." },
    dest = { type = "path", doc = "Where it goes." },
    revision = { default = "HEAD", aliases = { "rev", "version" }, doc = "The revision." },
    force = { type = "bool", default = false, doc = "Give up changes that were made here." },
    username = { empty_is_none = true, doc = "Who logs in." },
    password = { empty_is_none = true, no_log = true, doc = "The password." },
    executable = { type = "path", doc = "The svn program." },
    export = { type = "bool", default = false, doc = "Without what makes it a working copy." },
    checkout = { type = "bool", default = true, doc = "Check out when it is not there." },
    update = { type = "bool", default = true, doc = "Update when it is there." },
    switch = { type = "bool", default = true, doc = "Switch to the address first." },
    in_place = { type = "bool", default = false, doc = "Make a working copy of a directory that is there." },
    validate_certs = { type = "bool", default = false, doc = "Check the server's certificate." },
  },
  run = run,
}
