-- composer: packages of PHP.

local util = use("util")

local function program(c, words)
  local a = c.args
  local argv = { a.executable or c:need("php"), a.composer_executable or c:need("composer") }
  if a.global_command then
    util.append(argv, "global")
  else
    -- by the directory that it is now, to which no link leads that another user may have planted
    local dir = c.fs.exists(a.working_dir) and c.fs.hold(a.working_dir) or a.working_dir
    util.append(argv, "--working-dir=" .. dir)
  end
  util.extend(argv, words)
  local env = {}
  if not c.getenv("HOME") and not c.getenv("COMPOSER_HOME") then
    env.COMPOSER_HOME = c:tmpdir()
  end
  return util.run(c, argv, { may_fail = true, env = env })
end

local function joined(text)
  return util.trim((text:gsub("%s+", " ")))
end

-- The options that a command has.
local function options(c, command)
  local r = program(c, { "help", command, "--no-interaction", "--format=json" })
  if r.rc ~= 0 then
    c:fail(joined(r.stderr), { rc = r.rc })
  end
  local ok, help = pcall(c.json.decode, r.stdout)
  if not ok or type(help) ~= "table" or type(help.definition) ~= "table" or type(help.definition.options) ~= "table" then
    c:fail("`composer help " .. command .. "` gave no list of options", { stdout = r.stdout })
  end
  return help.definition.options
end

local FLAGS = { "prefer_source", "prefer_dist", "no_dev", "no_scripts", "no_plugins", "apcu_autoloader", "optimize_autoloader",
  "classmap_authoritative", "ignore_platform_reqs" }

-- Digests of the files that `composer config` may change.
local function settings(c)
  local dir = c.args.working_dir
  if c.args.global_command then
    dir = util.trim(program(c, { "config", "--no-interaction", "home" }).stdout)
  end
  local out = {}
  for _, name in ipairs({ "composer.json", "auth.json" }) do
    out[name] = dir and c.fs.exists(dir .. "/" .. name) and c.fs.digest(dir .. "/" .. name, "sha256") or false
  end
  return out
end

local function run(c)
  local a = c.args
  if a.command:find("%s") then
    c:fail("Use the 'arguments' param for passing arguments with the 'command'")
  end
  local known, words = options(c, a.command), { a.command }
  for _, name in ipairs({ "no-ansi", "no-interaction", "no-progress" }) do
    if known[name] ~= nil then
      util.append(words, "--" .. name)
    end
  end
  for _, name in ipairs(FLAGS) do
    local option = name:gsub("_", "-")
    if a[name] and known[option] ~= nil then
      util.append(words, "--" .. option)
    end
  end
  if a.command == "create-project" and not a.force and a.working_dir and c.fs.exists(a.working_dir .. "/composer.json") then
    c:set("msg", "composer.json already exists in working_dir, skipping create-project")
    return
  end
  if c.check and known["dry-run"] == nil then
    c:skip("command '" .. a.command .. "' does not support check mode, skipping")
    return
  elseif c.check then
    util.append(words, "--dry-run")
  end
  util.extend(words, util.split_command(c, a.arguments))
  local before = a.command == "config" and settings(c)
  local r = program(c, words)
  if r.rc ~= 0 then
    c:fail(joined(r.stderr), { stdout = r.stderr, rc = r.rc })
  end
  local said = joined(r.stdout .. r.stderr)
  local nothing = said:find("Nothing to install or update", 1, true) or said:find("Nothing to install, update or remove", 1, true)
  if before and not util.equal(before, settings(c)) or not before and not nothing then
    c:changed()
  end
  c:set("msg", said)
  c:set("stdout", r.stdout .. r.stderr)
end

return {
  doc = "Install packages of PHP with Composer.",
  spec = "community.general.composer",
  example = "- community.general.composer:\n    command: install\n    working_dir: /srv/app",
  returns = "msg: What composer printed, in one line.\nstdout: What it printed.",
  side = "target",
  check = "partial",
  diff = "none",
  args = {
    command = { default = "install", doc = "The command." },
    arguments = { default = "", doc = "What follows it." },
    working_dir = { type = "path", doc = "Directory of the project." },
    global_command = { type = "bool", default = false, doc = "Run it for the user, not for a project." },
    executable = { type = "path", aliases = { "php_path" }, doc = "The php program." },
    composer_executable = { type = "path", doc = "The composer program." },
    prefer_source = { type = "bool", default = false, doc = "Sources rather than archives." },
    prefer_dist = { type = "bool", default = false, doc = "Archives rather than sources." },
    no_dev = { type = "bool", default = true, doc = "Without what only development needs." },
    no_scripts = { type = "bool", default = false, doc = "Run no scripts." },
    no_plugins = { type = "bool", default = false, doc = "Load no plugins." },
    apcu_autoloader = { type = "bool", default = false, doc = "Use APCu." },
    optimize_autoloader = { type = "bool", default = true, doc = "Make a map of classes." },
    classmap_authoritative = { type = "bool", default = false, doc = "Load from that map only." },
    ignore_platform_reqs = { type = "bool", default = false, doc = "Whatever PHP this is." },
    force = { type = "bool", default = false, doc = "With create-project: also into a project." },
  },
  required_if = { { "global_command", false, { "working_dir" } } },
  run = run,
}
