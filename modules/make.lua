-- make: runs a target of a makefile, when `make -q` says that there is something to do.

local util = use("util")

local function program(c)
  if c.args.make then
    return c.args.make
  end
  return c:which("gmake") or c:need("make")
end

-- The command; an empty target is none, and told as it is.
local function command(c)
  local argv = { program(c) }
  if c.args.jobs then
    util.append(argv, "-j", tostring(c.args.jobs))
  end
  util.append(argv, table.unpack(c.args.file and { "-f", c.args.file } or {}))
  util.extend(argv, (c.args.target or "") ~= "" and { c.args.target } or c.args.targets)
  for _, name in ipairs(util.keys(c.args.params)) do
    local value = c.args.params[name]
    argv[#argv + 1] = name .. (value ~= null and "=" .. util.python_text(value) or "")
  end
  return argv
end

local function told(c, r)
  c:set("stdout", (r.stdout:gsub("[\r\n]+$", "")))
  c:set("stderr", (r.stderr:gsub("[\r\n]+$", "")))
end

-- Asks make whether there is something to do. In check mode a makefile that is wrong, or not there yet, means that there is.
local function plan(c)
  local argv = command(c)
  local there = c.fs.exists(c.args.chdir)
  if not there and not c.check then
    c:fail("chdir: there is no directory " .. c.args.chdir)
  end
  for _, key in ipairs({ "target", "targets", "params", "chdir", "file", "jobs" }) do
    c:set(key, c.args[key] or null)
  end
  c:set("command", util.quoted(argv))
  local ask = util.copy(argv)
  ask[#ask + 1] = "-q"
  local r = there and util.run(c, ask, { cwd = c.args.chdir, may_fail = true }) or { rc = 2, stdout = "", stderr = "" }
  c.state.argv = argv
  told(c, r)
  if r.rc ~= 0 then
    c:changed()
  end
end

local function run(c)
  local r = util.run(c, c.state.argv, { cwd = c.args.chdir, may_fail = true })
  if r.rc ~= 0 then
    c:fail(util.trim(r.stderr), { rc = r.rc, cmd = r.cmd, stdout = r.stdout, stderr = r.stderr })
  end
  told(c, r)
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
