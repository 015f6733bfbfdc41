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
  local r = util.run(c, argv, { stdin = a.password, may_fail = true })
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

local function modified(c)
  for _, line in ipairs(util.lines(svn(c, { "status", "--quiet", "--ignore-externals", c.args.dest }).stdout)) do
    if line:match("^[^?X]") then
      return true
    end
  end
  return false
end

local function number(text)
  return tonumber(text:match("%d+")) or 0
end

local function get(c, what, force)
  local words = { what }
  if force then
    util.append(words, "--force")
  end
  svn(c, util.append(words, "-r", c.args.revision, "--", c.args.repo, c.args.dest))
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
  get(c, not a.export and a.checkout and "checkout" or "export", a.export and a.force)
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
    username = { doc = "Who logs in." },
    password = { no_log = true, doc = "The password." },
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
