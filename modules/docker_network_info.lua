-- docker_network_info: one network of the Docker engine.

local docker = use("docker")

local function run(c)
  local found = docker.find(c, "/networks/" .. docker.escaped(c.args.name))
  c:set("exists", found ~= nil)
  c:set("network", found or null)
end

return {
  doc = "Describe a network.",
  spec = "community.docker.docker_network_info",
  example = "- community.docker.docker_network_info:\n    name: web\n  register: found",
  returns = "exists: Whether it is there.\nnetwork: The network, as the engine describes it; null when there is none.",
  side = "target",
  check = "partial",
  diff = "none",
  args = docker.args({
    name = { required = true, doc = "Name of the network, or its id." },
  }),
  run = run,
}
