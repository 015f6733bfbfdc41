-- docker_container_exec: a command in a container that runs.

local util = use("util")
local docker = use("docker")

-- Output and errors of the engine's stream, each apart.
local function streams(text)
  local out, at = { [1] = {}, [2] = {} }, 1
  while at + 7 <= #text do
    local n = string.unpack(">I4", text, at + 4)
    local to = out[text:byte(at)] or out[1]
    to[#to + 1] = text:sub(at + 8, at + 7 + n)
    at = at + 8 + n
  end
  return table.concat(out[1]), table.concat(out[2])
end

local function finished(c, rc, stdout, stderr)
  if c.args.strip_empty_ends then
    stdout, stderr = stdout:gsub("[\r\n]+$", ""), stderr:gsub("[\r\n]+$", "")
  end
  c:set("rc", rc)
  c:set("stdout", (stdout))
  c:set("stderr", (stderr))
  c:changed()
end

-- Input needs a connection that is handed over, which only the docker program has.
local function with_input(c, argv)
  local words = docker.cli(c, c:need("docker"))
  util.append(words, "exec", "-i")
  if c.args.chdir then
    util.append(words, "-w", c.args.chdir)
  end
  if c.args.user then
    util.append(words, "-u", c.args.user)
  end
  for _, pair in ipairs(docker.environment(c, c.args.env)) do
    util.append(words, "-e", pair)
  end
  util.append(words, c.args.container)
  util.extend(words, argv)
  local r = c:exec({ argv = words, stdin = c.args.stdin .. (c.args.stdin_add_newline and "\n" or "") })
  finished(c, r.rc, r.stdout, r.stderr)
end

local function run(c)
  if c.args.detach and c.args.stdin then
    c:fail("If detach=true, stdin cannot be provided.")
  end
  local argv = c.args.argv or util.split_command(c, c.args.command)
  if c.args.stdin then
    with_input(c, argv)
    return
  end
  local name = docker.escaped(c.args.container)
  local body = {
    AttachStdout = not c.args.detach, AttachStderr = not c.args.detach, Tty = c.args.tty, Cmd = list(util.copy(argv)),
    Env = docker.environment(c, c.args.env), User = c.args.user, WorkingDir = c.args.chdir,
  }
  local status, made = docker.request(c, "POST", "/containers/" .. name .. "/exec", { body = body })
  if status == 404 then
    c:fail('Could not find container "' .. c.args.container .. '"')
  elseif status == 409 then
    c:fail('The container "' .. c.args.container .. '" has been paused or does not run (' .. docker.message(made) .. ")")
  elseif status >= 400 then
    c:fail("Error running a command in " .. c.args.container .. ": " .. docker.message(made))
  end
  local _, text = docker.call(c, "Error running a command in " .. c.args.container, "POST", "/exec/" .. made.Id .. "/start",
    { body = { Detach = c.args.detach, Tty = c.args.tty }, raw = true, timeout = 86400 })
  if c.args.detach then
    c:set("exec_id", made.Id)
    c:changed()
    return
  end
  local info = docker.find(c, "/exec/" .. made.Id .. "/json")
  local stdout, stderr = text, ""
  if not c.args.tty then
    stdout, stderr = streams(text)
  end
  finished(c, math.tointeger(info.ExitCode), stdout, stderr)
end

return {
  doc = "Run a command in a container.",
  spec = "community.docker.docker_container_exec",
  example = "- community.docker.docker_container_exec:\n    container: db\n    argv: [pg_isready, -U, postgres]",
  returns = "stdout: Its output.\nstderr: Its errors.\nrc: Its exit status.\nexec_id: Id of what was started, with detach.",
  side = "target",
  check = "none",
  diff = "none",
  args = docker.args({
    container = { required = true, doc = "The container." },
    argv = { type = "list", elements = "str", doc = "The command, as a list." },
    command = { doc = "The command, in one line; no shell is started." },
    chdir = { doc = "Directory it runs in." },
    detach = { type = "bool", default = false, doc = "Do not wait for its end." },
    user = { doc = "User it runs as." },
    stdin = { doc = "Its input; needs the docker program on the target." },
    stdin_add_newline = { type = "bool", default = true, doc = "End the input with a line end." },
    strip_empty_ends = { type = "bool", default = true, doc = "Output without line ends at its end." },
    tty = { type = "bool", default = false, doc = "Give it a terminal." },
    env = { type = "dict", doc = "Environment variables." },
  }),
  exclusive = { { "argv", "command" } },
  required_one_of = { { "argv", "command" } },
  run = run,
}
