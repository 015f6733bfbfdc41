-- docker_compose_v2_run: a command in a new container of a project's service.

local util = use("util")
local docker = use("docker")
local compose = use("compose")

local function words_of(c)
  local a, words = c.args, { "run" }
  local function flag(on, ...)
    if on then
      util.append(words, ...)
    end
  end
  local function each(option, values)
    for _, value in ipairs(values or {}) do
      flag(true, option, value)
    end
  end
  flag(a.build, "--build")
  each("--cap-add", a.cap_add)
  each("--cap-drop", a.cap_drop)
  flag(a.entrypoint, "--entrypoint", a.entrypoint)
  flag(not a.interactive, "--no-interactive")
  each("--label", a.labels)
  flag(a.name, "--name", a.name)
  flag(a.no_deps, "--no-deps")
  each("--publish", a.publish)
  flag(a.quiet_pull, "--quiet-pull")
  flag(a.remove_orphans, "--remove-orphans")
  flag(a.cleanup, "--rm")
  flag(a.service_ports, "--service-ports")
  flag(a.use_aliases, "--use-aliases")
  each("--volume", a.volumes)
  flag(a.chdir, "--workdir", a.chdir)
  flag(a.detach, "--detach")
  flag(a.user, "--user", a.user)
  flag(not a.tty or c.state.version == 1, c.state.version == 2 and "--no-TTY" or "-T")  -- version 1 insists on a real terminal
  for _, pair in ipairs(docker.environment(c, a.env)) do
    flag(true, c.state.version == 2 and "--env" or "-e", pair)
  end
  util.append(words, "--", a.service)
  return util.extend(words, compose.command(c))
end

local function run(c)
  compose.prepare(c)
  local r = compose.command_result(c, words_of(c))
  if r then
    c:set("container_id", util.trim(r.stdout))
  end
end

return {
  doc = "Run a command in a new container of a service of Docker Compose.",
  spec = "community.docker.docker_compose_v2_run",
  example = "- community.docker.docker_compose_v2_run:\n    project_src: /opt/app\n    service: web\n    argv: [bin/migrate]\n    cleanup: true",
  returns = "rc: Exit status.\nstdout: Standard output.\nstderr: Standard error.\ncontainer_id: The container, with detach.",
  side = "target",
  check = "none",
  diff = "none",
  args = compose.command_args({
    build = { type = "bool", default = false, doc = "Build the image first." },
    cap_add = { type = "list", elements = "str", doc = "Capabilities it gets." },
    cap_drop = { type = "list", elements = "str", doc = "Capabilities it loses." },
    entrypoint = { doc = "Another entry point." },
    interactive = { type = "bool", default = true, doc = "Keep its standard input open." },
    labels = { type = "list", elements = "str", doc = "Labels, NAME=VALUE." },
    name = { doc = "Name of the container." },
    no_deps = { type = "bool", default = false, doc = "Do not start what the service needs." },
    publish = { type = "list", elements = "str", doc = "Ports." },
    quiet_pull = { type = "bool", default = false, doc = "Pull without progress." },
    remove_orphans = { type = "bool", default = false, doc = "Remove containers of services that are no longer named." },
    cleanup = { type = "bool", default = false, doc = "Remove the container at its end." },
    service_ports = { type = "bool", default = false, doc = "Publish the ports of the service." },
    use_aliases = { type = "bool", default = false, doc = "Use the network aliases of the service." },
    volumes = { type = "list", elements = "str", doc = "More volumes." },
  }),
  exclusive = compose.command_exclusive,
  required_one_of = compose.required_one_of,
  run = run,
}
