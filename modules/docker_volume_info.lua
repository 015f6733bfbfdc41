-- docker_volume_info: one volume of the Docker engine.

local docker = use("docker")

local function run(c)
  local found = docker.find(c, "/volumes/" .. docker.escaped(c.args.name))
  c:set("exists", found ~= nil)
  c:set("volume", found or null)
end

return {
  doc = "Describe a volume.",
  spec = "community.docker.docker_volume_info",
  example = "- community.docker.docker_volume_info:\n    name: web\n  register: found",
  returns = "exists: Whether it is there.\nvolume: The volume, as the engine describes it; null when there is none.",
  side = "target",
  check = "partial",
  diff = "none",
  args = docker.args({
    name = { required = true, aliases = { "volume_name" }, doc = "Name of the volume." },
  }),
  run = run,
}
