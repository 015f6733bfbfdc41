-- docker_image_export: saves images as an archive.

local util = use("util")
local docker = use("docker")
local images = use("docker_images")

-- The images that are wanted: { id, name }.
local function wanted(c)
  local out, infos = {}, list()
  for _, given in ipairs(c.args.names) do
    local name = images.full(images.names(c, given, c.args.tag))
    local image = docker.image(c, name) or c:fail("Image " .. name .. " not found")
    out[#out + 1] = { id = image.Id, name = name }
    infos[#infos + 1] = image
  end
  if #out == 0 then
    c:fail("At least one image name must be specified")
  end
  return out, infos
end

-- Why the archive has to be written; nil: it holds just these images.
local function reason(c, all)
  if c.args.force then
    return "Exporting since force=true"
  end
  if not c.fs.exists(c.args.path) then
    return "Overwriting since no image is present in archive"
  end
  local archived = images.archived(c, c.args.path)
  if not archived then
    return "Overwriting an unreadable archive file"
  end
  local left = util.copy(all)
  for _, image in ipairs(archived) do
    local at
    for i, want in pairs(left) do
      if want.id == image.id and #image.tags == 1 and image.tags[1] == want.name then
        at = i
      end
    end
    if not at then
      return "Overwriting archive since it contains unexpected image " .. image.id:gsub("^sha256:", "") .. " named " ..
          table.concat(image.tags, ", ")
    end
    left[at] = nil
  end
  local missing = {}
  for i, want in ipairs(all) do
    if left[i] then
      missing[#missing + 1] = want.name
    end
  end
  return #missing > 0 and "Overwriting archive since it is missing image(s) " .. table.concat(missing, ", ") or nil
end

local function run(c)
  local all, infos = wanted(c)
  c:set("images", infos)
  local why = reason(c, all)
  if not why then
    return
  end
  c:set("msg", why)
  c:changed()
  if not c.check then
    local names = {}
    for i, want in ipairs(all) do
      names[i] = want.name
    end
    images.save(c, names, c.args.path)
  end
end

return {
  doc = "Save images of Docker as an archive.",
  spec = "community.docker.docker_image_export",
  example = "- community.docker.docker_image_export:\n    names: [\"app:1.4\"]\n    path: /srv/images/app.tar",
  returns = "images: The images, as the engine describes them.\nmsg: Why the archive was written.",
  side = "target",
  check = "full",
  diff = "none",
  args = docker.args({
    names = { type = "list", elements = "str", required = true, aliases = { "name" }, doc = "Names, or ids, of the images." },
    tag = { default = "latest", doc = "Tag of names that have none." },
    path = { type = "path", required = true, doc = "The archive, on the target." },
    force = { type = "bool", default = false, doc = "Write it also when it holds these images." },
  }),
  run = run,
}
