-- docker_image_load: loads the images of an archive.

local docker = use("docker")
local images = use("docker_images")

local function run(c)
  local lines = images.load(c, c.args.path)
  local names, loaded = list(), list()
  for _, line in ipairs(lines) do
    local name = line:match("^Loaded image:%s*(.-)%s*$") or line:match("^Loaded image ID:%s*(.-)%s*$")
    if name then
      names[#names + 1] = name
      loaded[#loaded + 1] = docker.image(c, name) or null
    end
  end
  c:set("stdout", table.concat(lines, "\n"))
  if #names == 0 then
    c:fail("Detected no loaded images. Archive potentially corrupt?")
  end
  c:set("image_names", names)
  c:set("images", loaded)
  c:changed()
end

return {
  doc = "Load images of Docker from an archive.",
  spec = "community.docker.docker_image_load",
  example = "- community.docker.docker_image_load:\n    path: /srv/images/app.tar",
  returns = "image_names: Names, or ids, of the images.\nimages: The images, as the engine describes them.\nstdout: What the engine printed.",
  side = "target",
  check = "none",
  diff = "none",
  args = docker.args({
    path = { type = "path", required = true, doc = "The archive, on the target." },
  }),
  run = run,
}
