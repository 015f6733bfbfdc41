-- compose: what the modules for projects of Docker Compose share: the program, its words, the arguments of a project.

local util = use("util")
local docker = use("docker")

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

compose.exclusive = { { "definition", "project_src" }, { "definition", "files" } }
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

local function base(c)
  local cli = c.args.docker_cli or c:which("docker")
  local argv
  if cli then
    argv = docker.cli(c, cli)
    local probe = util.copy(argv)
    util.append(probe, "compose", "version", "--short")
    if util.run(c, probe, { may_fail = true }).rc == 0 then
      util.append(argv, "compose")
      return argv, 2
    end
  end
  local old = c:which("docker-compose")
  if not old then
    c:fail("there is neither `docker compose` nor docker-compose on the target")
  end
  return docker.cli(c, old), 1
end

local function project_words(c)
  local words = {}
  local a = c.args
  local dir = a.project_src
  if a.definition then
    dir = c:tmpdir()
    c.fs.write(dir .. "/compose.yml", c.json.encode(a.definition), { mode = 384 })
    util.append(words, "-f", dir .. "/compose.yml")
  end
  for _, file in ipairs(a.files or {}) do
    util.append(words, "-f", file:sub(1, 1) == "/" and file or dir .. "/" .. file)
  end
  if a.project_name then
    util.append(words, "-p", a.project_name)
  end
  for _, file in ipairs(a.env_files or {}) do
    util.append(words, "--env-file", file)
  end
  for _, profile in ipairs(a.profiles or {}) do
    util.append(words, "--profile", profile)
  end
  util.append(words, "--project-directory", a.project_src or dir)
  return words, dir
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

-- Looks at the project and finds the program: c.state.base, version, words and dir.
function compose.prepare(c)
  local a = c.args
  if a.project_src and a.check_files_existing and not a.files then
    local found = false
    for _, name in ipairs({ "compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml" }) do
      found = found or c.fs.exists(a.project_src .. "/" .. name)
    end
    if not found then
      c:fail('"' .. a.project_src .. '" does not contain compose.yaml, compose.yml, docker-compose.yaml, or docker-compose.yml')
    end
  end
  if a.definition and not a.project_name then
    c:fail("definition needs project_name: what is the project called?")
  end
  c.state.base, c.state.version = base(c)
  c.state.words, c.state.dir = project_words(c)
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
  local r = compose.call(c, words, { stdin = stdin, may_fail = not a.detach })
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
