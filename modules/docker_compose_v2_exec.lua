-- docker_compose_v2_exec: a command in a container of a project that runs.

local util = use("util")
local docker = use("docker")
local compose = use("compose")

local function run(c)
  local a = c.args
  compose.prepare(c)
  local words = { "exec" }
  local function flag(on, ...)
    if on then
      util.append(words, ...)
    end
  end
  flag(a.index, c.state.version == 2 and "--index" or "--index=" .. tostring(a.index), c.state.version == 2 and tostring(a.index) or nil)
  flag(a.chdir, "--workdir", a.chdir)
  flag(a.detach, "--detach")
  flag(a.user, "--user", a.user)
  flag(a.privileged, "--privileged")
  flag(not a.tty or c.state.version == 1, c.state.version == 2 and "--no-TTY" or "-T")  -- version 1 insists on a real terminal
  for _, pair in ipairs(docker.environment(c, a.env)) do
    flag(true, "--env", pair)
  end
  util.append(words, "--", a.service)
  compose.command_result(c, util.extend(words, compose.command(c)))
end

return {
  doc = "Run a command in a container of a project of Docker Compose.",
  spec = "community.docker.docker_compose_v2_exec",
  example = "- community.docker.docker_compose_v2_exec:\n    project_src: /opt/app\n    service: web\n    argv: [bin/migrate]\n    tty: false",
  returns = "rc: Exit status.\nstdout: Standard output.\nstderr: Standard error.",
  side = "target",
  check = "none",
  diff = "none",
  args = compose.command_args({
    index = { type = "int", doc = "Which of its containers." },
    privileged = { type = "bool", default = false, doc = "With all capabilities." },
  }),
  exclusive = compose.command_exclusive,
  required_one_of = { { "definition", "project_src" }, { "argv", "command" } },
  run = run,
}
