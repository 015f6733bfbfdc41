-- docker_image_info: images of the Docker engine.

local docker = use("docker")

local function run(c)
  local out = list()
  local names = c.args.name
  if not names or #names == 0 then
    names = {}
    for _, image in ipairs(docker.call(c, "Error listing images", "GET", "/images/json")) do
      names[#names + 1] = image.Id
    end
  end
  for _, name in ipairs(names) do
    local repo, tag = docker.split_tag(name)
    out[#out + 1] = docker.image(c, docker.is_id(name) and name or docker.full_name(repo, tag or "latest"))
  end
  c:set("images", out)
end

return {
  doc = "Describe images.",
  spec = "community.docker.docker_image_info",
  example = "- community.docker.docker_image_info:\n    name: nginx:1.25\n  register: found",
  returns = "images: Those that are there, as the engine describes them.",
  side = "target",
  check = "partial",
  diff = "none",
  args = docker.args({
    name = { type = "list", elements = "str", doc = "Names or ids; all images without it." },
  }),
  run = run,
}
