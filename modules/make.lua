-- make: runs a target of a makefile, when `make -q` says that there is something to do.

local util = use("util")

local function program(c)
  if c.args.make then
    return c.args.make
  end
  return c:which("gmake") or c:need("make")
end

local function plan(c)
  local argv = { program(c) }
  util.append(argv, table.unpack(c.args.file and { "--file", c.args.file } or {}))
  if c.args.jobs then
    util.append(argv, "-j", tostring(c.args.jobs))
  end
  if c.args.target then
    argv[#argv + 1] = c.args.target
  end
  util.extend(argv, c.args.targets)
  for _, name in ipairs(util.keys(c.args.params)) do
    local value = c.args.params[name]
    argv[#argv + 1] = name .. (value ~= null and "=" .. tostring(value) or "")
  end
  if not c.fs.exists(c.args.chdir) then
    c:fail("chdir: there is no directory " .. c.args.chdir)
  end
  for _, key in ipairs({ "target", "targets", "params", "chdir", "file", "jobs" }) do
    c:set(key, c.args[key] or null)
  end
  c:set("command", table.concat(argv, " "))
  local ask = util.copy(argv)
  ask[#ask + 1] = "-q"
  local r = util.run(c, ask, { cwd = c.args.chdir, may_fail = true })
  if r.rc == 2 or r.rc == 127 then
    c:fail(util.trim(r.stderr), { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
  c.state.argv = argv
  if r.rc ~= 0 then
    c:changed()
  else
    c:set("stdout", r.stdout)
    c:set("stderr", r.stderr)
  end
end

local function run(c)
  local r = util.run(c, c.state.argv, { cwd = c.args.chdir, may_fail = true })
  if r.rc ~= 0 then
    c:fail(util.trim(r.stderr), { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
  c:set("stdout", util.trim(r.stdout))
  c:set("stderr", util.trim(r.stderr))
end

return {
  doc = "Run a target of a makefile when there is something to do.",
  spec = "community.general.make",
  example = "- community.general.make:\n    chdir: /home/ubuntu/cool-project\n    target: all\n    params:\n      NUM_THREADS: 4",
  returns = "command: The command line.\nstdout: What make printed.\nstderr: Its errors.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    chdir = { type = "path", required = true, doc = "Directory make runs in." },
    file = { type = "path", doc = "The makefile." },
    jobs = { type = "int", doc = "Jobs at the same time." },
    make = { type = "path", doc = "The make program; gmake or make of PATH without it." },
    params = { type = "dict", doc = "Variables for make; null for a word without a value." },
    target = { doc = "The target." },
    targets = { type = "list", elements = "str", doc = "Several targets." },
  },
  exclusive = { { "target", "targets" } },
  plan = plan,
  run = run,
}
