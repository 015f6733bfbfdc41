-- compose: what the modules for projects of Docker Compose share: the program, its words, the arguments of a project.

local util = use("util")
local docker = use("docker")
local events = use("compose_events")

local compose = {}

-- The arguments all of them have.
local COMMON = {
  project_src = { type = "path", doc = "Directory of the project." },
  project_name = { doc = "Name of the project; that of the directory without it." },
  files = { type = "list", elements = "path", doc = "Compose files in that directory." },
  definition = { type = "dict", doc = "The project itself, in place of files." },
  env_files = { type = "list", elements = "path", doc = "Files of variables." },
  profiles = { type = "list", elements = "str", doc = "Profiles." },
  check_files_existing = { type = "bool", default = true, doc = "Look whether there is a compose file." },
}

-- Those of the modules that run a command in a service.
local COMMAND = {
  service = { required = true, doc = "The service." },
  argv = { type = "list", elements = "str", doc = "The command, as words." },
  command = { doc = "The command, as a line." },
  chdir = { doc = "Directory in the container." },
  detach = { type = "bool", default = false, doc = "Do not wait for its end." },
  user = { doc = "User in the container." },
  stdin = { doc = "Its standard input." },
  stdin_add_newline = { type = "bool", default = true, doc = "Append a line end to stdin." },
  strip_empty_ends = { type = "bool", default = true, doc = "Strip line ends from the end of the outputs." },
  tty = { type = "bool", default = true, doc = "On a terminal." },
  env = { type = "dict", doc = "More environment." },
}

compose.exclusive = { { "docker_host", "cli_context" }, { "definition", "project_src" }, { "definition", "files" } }
compose.command_exclusive = { { "docker_host", "cli_context" }, { "definition", "project_src" }, { "definition", "files" },
  { "argv", "command" } }
compose.required_one_of = { { "definition", "project_src" } }

local function with(own, shared)
  for name, arg in pairs(shared) do
    own[name] = own[name] or arg
  end
  return own
end

function compose.args(own)
  return docker.cli_args(with(own, COMMON))
end

function compose.command_args(own)
  return compose.args(with(own, COMMAND))
end

-- Major and minor number of "2.26.1-4".
local function numbers(text)
  local major, minor = text:match("^v?(%d+)%.(%d+)")
  return tonumber(major), tonumber(minor)
end

-- Finds the program: c.state.base, version (2 or 1) and, for 2, minor.
local function find_program(c)
  local cli = c.args.docker_cli or c:which("docker")
  local argv, said
  if cli then
    argv = docker.cli(c, cli)
    local probe = util.copy(argv)
    util.append(probe, "compose", "version", "--short")
    said = util.run(c, probe, { may_fail = true })
    if said.rc == 0 then
      local version = util.trim(said.stdout)
      local major, minor = numbers(version)
      if not major then
        c:fail("Docker CLI " .. cli .. ' has a compose plugin installed, but it reports version "' .. version ..
          '". Please use a version of the plugin that returns a proper version.')
      elseif major == 2 and minor < 18 then
        c:fail("Docker CLI " .. cli .. " has the compose plugin with version " .. version .. "; need version 2.18.0 or later")
      end
      c.state.cli, c.state.base, c.state.version = cli, argv, 2
      c.state.minor = major > 2 and 999 or minor
      return
    end
  end
  local old = c:which("docker-compose")
  if not old then
    c:fail(cli and "Docker CLI " .. cli .. " does not have the compose plugin installed, and there is no docker-compose: " ..
      util.trim(said.stderr) or "there is neither `docker compose` nor docker-compose on the target")
  end
  c.state.cli, c.state.base, c.state.version = old, docker.cli(c, old), 1
end

local function project_words(c, dir)
  local words, a = {}, c.args
  local new = c.state.version == 2
  if new then
    util.append(words, "compose", "--ansi", "never")
    if c.state.minor >= 19 then
      util.append(words, "--progress", "plain")
    end
  end
  util.append(words, "--project-directory", dir)
  if a.project_name then
    util.append(words, "--project-name", a.project_name)
  end
  if a.definition and not new then
    util.append(words, "--file", dir .. "/compose.yaml")
  end
  for _, file in ipairs(a.files or {}) do
    util.append(words, "--file", (new or file:sub(1, 1) == "/") and file or dir .. "/" .. file)
  end
  for _, file in ipairs(a.env_files or {}) do
    util.append(words, "--env-file", file)
  end
  for _, profile in ipairs(a.profiles or {}) do
    util.append(words, "--profile", profile)
  end
  return words
end

-- `docker compose` with these words; ends the module when it fails, unless `may_fail`.
function compose.call(c, words, options)
  options = options or {}
  local argv = util.copy(c.state.base)
  util.extend(argv, c.state.words)
  util.extend(argv, words)
  local r = util.run(c, argv, { may_fail = true, cwd = c.state.dir, timeout = options.timeout, stdin = options.stdin })
  if r.rc ~= 0 and not options.may_fail then
    c:fail("docker compose " .. words[1] .. " failed: " .. util.trim(r.stderr), { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
  return r
end

local NAMES = { "compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml" }

-- The directory of the project, with the compose file in it that the arguments are.
local function project_dir(c)
  local a = c.args
  if a.definition then
    if not a.project_name then
      c:fail("missing parameter(s) required by 'definition': project_name")
    end
    local dir = c:tmpdir()
    c.fs.write(dir .. "/compose.yaml", c.json.encode(a.definition), { mode = 384 })
    return dir
  end
  return c.fs.realpath(a.project_src) or a.project_src
end

local function look_at_files(c, dir)
  local info = c.fs.exists(dir) and c.fs.stat(c.fs.realpath(dir))
  if not info or info.type ~= "directory" then
    c:fail('"' .. dir .. '" is not a directory')
  end
  for _, file in ipairs(c.args.files or {}) do
    if not c.fs.exists(file:sub(1, 1) == "/" and file or dir .. "/" .. file) then
      c:fail('Cannot find Compose file "' .. file .. '" relative to project directory "' .. dir .. '"')
    end
  end
  if c.args.check_files_existing and #(c.args.files or {}) == 0 then
    local found = false
    for _, name in ipairs(NAMES) do
      found = found or c.fs.exists(dir .. "/" .. name)
    end
    if not found then
      c:fail('"' .. dir .. '" does not contain compose.yaml, compose.yml, docker-compose.yaml, or docker-compose.yml')
    end
  end
end

-- Looks at the project and finds the program: c.state.base, version, words and dir.
function compose.prepare(c)
  local dir = project_dir(c)
  find_program(c)
  look_at_files(c, dir)
  c.state.words, c.state.dir = project_words(c, dir), dir
end

-- Runs `docker compose` 2 with these words and reads what it did: events, and the result so far. `ignored` is a set of
-- states that are no change. In check mode compose itself says what it would do.
function compose.watched(c, words, ignored, options)
  local all_words = util.extend(util.copy(c.state.words), words)
  if c.check then
    util.append(all_words, "--dry-run")
  end
  util.append(all_words, "--")
  util.extend(all_words, c.args.services)
  local argv = util.extend(util.copy(c.state.base), all_words)
  local r = util.run(c, argv, { may_fail = true, cwd = c.state.dir, timeout = options and options.timeout })
  local all = events.parse(c, r.stderr, r.rc ~= 0)
  if events.changed(all, ignored or {}) then
    c:changed()
  end
  local so_far = c.state.watched or { actions = list(), stdout = "", stderr = "" }
  events.actions(all, so_far.actions)
  for _, name in ipairs({ "stdout", "stderr" }) do
    so_far[name] = so_far[name] .. (so_far[name] ~= "" and r[name] ~= "" and "\n" or "") .. r[name]
  end
  c.state.watched = so_far
  if r.rc ~= 0 then
    so_far.failed = { msg = events.error(all, r.rc), rc = r.rc, cmd = c.state.cli .. " " .. util.quoted(all_words),
      stdout = r.stdout, stderr = r.stderr }
  end
  return r.rc == 0
end

-- The result of what compose.watched saw; `more` are its other keys.
function compose.watched_result(c, more)
  local r = c.state.watched
  c:set("actions", r.actions)
  for key, value in pairs(more or {}) do
    c:set(key, value)
  end
  if r.failed then
    local failed = r.failed
    c:fail(failed.msg, { rc = failed.rc, cmd = failed.cmd, stdout = failed.stdout, stderr = failed.stderr })
  end
  for _, name in ipairs({ "stdout", "stderr" }) do
    if r[name] ~= "" then
      c:set(name, r[name])
    end
  end
end

-- The command of exec and run, as words.
function compose.command(c)
  if c.args.command then
    return util.split_command(c, c.args.command)
  end
  return c.args.argv or {}
end

-- Runs a command in a container and gives its result as that of the module.
function compose.command_result(c, words)
  local a = c.args
  if a.detach and a.stdin then
    c:fail("If detach=true, stdin cannot be provided.")
  end
  local stdin = a.stdin and a.stdin .. (a.stdin_add_newline and "\n" or "")
  local r = compose.call(c, words, { stdin = stdin or "", may_fail = not a.detach })
  if a.detach then
    return r
  end
  local stdout, stderr = r.stdout, r.stderr
  if a.strip_empty_ends then
    stdout, stderr = stdout:gsub("[\r\n]+$", ""), stderr:gsub("[\r\n]+$", "")
  end
  c:changed()
  c:set("rc", r.rc)
  c:set("stdout", (stdout))
  c:set("stderr", (stderr))
end

return compose
