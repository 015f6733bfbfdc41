-- docker_image_push: pushes an image to its registry.

local docker = use("docker")
local images = use("docker_images")

local function run(c)
  if docker.is_id(c.args.name) then
    c:fail("Cannot push an image by ID")
  end
  local repo, tag = images.names(c, c.args.name, c.args.tag)
  if docker.is_id(tag) then
    c:fail("Cannot push an image by digest")
  end
  local image = docker.image(c, images.full(repo, tag)) or c:fail("Cannot find image " .. repo .. ":" .. tag)
  c:set("image", image)
  c:set("actions", list({ "Pushed image " .. repo .. ":" .. tag }))
  if images.push(c, repo, tag) then
    c:changed()
  end
end

return {
  doc = "Push an image of Docker to its registry.",
  spec = "community.docker.docker_image_push",
  example = "- community.docker.docker_image_push:\n    name: registry.example.org/app\n    tag: \"1.4\"",
  returns = "image: The image, as the engine describes it.\nactions: What was done.",
  side = "target",
  check = "none",
  diff = "none",
  args = docker.args({
    name = { required = true, doc = "Name of the image with that of the registry; may hold the tag." },
    tag = { default = "latest", doc = "Its tag." },
  }),
  run = run,
}
