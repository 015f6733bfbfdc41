-- docker_container_info: one container of the Docker engine.

local docker = use("docker")

local function run(c)
  local found = docker.find(c, "/containers/" .. docker.escaped(c.args.name) .. "/json")
  c:set("exists", found ~= nil)
  c:set("container", found or null)
end

return {
  doc = "Describe a container.",
  spec = "community.docker.docker_container_info",
  example = "- community.docker.docker_container_info:\n    name: web\n  register: found",
  returns = "exists: Whether it is there.\ncontainer: The container, as the engine describes it; null when there is none.",
  side = "target",
  check = "partial",
  diff = "none",
  args = docker.args({
    name = { required = true, doc = "Name of the container, or its id." },
  }),
  run = run,
}
