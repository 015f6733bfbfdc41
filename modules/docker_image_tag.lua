-- docker_image_tag: gives an image more names.

local docker = use("docker")
local images = use("docker_images")

local function info(name, tag, image)
  if image then
    return { name = name, tag = tag, id = image.Id }
  end
  return { name = name, tag = tag, exists = false }
end

-- The names it gets, as { repo, tag }.
local function wanted(c)
  local out = {}
  for i, name in ipairs(c.args.repository) do
    if docker.is_id(name) then
      c:fail("repository[" .. i .. "] must not be an image ID; got: " .. name)
    end
    local repo, tag = docker.split_tag(name)
    if tag and docker.is_id(tag) then
      c:fail("repository[" .. i .. "] must not have a digest; got: " .. name)
    end
    out[i] = { images.names(c, images.full(repo, tag or c.args.tag), c.args.tag) }
  end
  return out
end

-- Whether the name has to be given, and why (not).
local function differs(c, image, there)
  if not there then
    return true, "target image did not exist"
  elseif there.Id == image.Id then
    return false, "target image already exists (" .. there.Id .. ") and is as expected"
  elseif c.args.existing_images == "keep" then
    return false, "target image already exists (" .. there.Id .. ") and is not as expected, but kept"
  end
  return true, "target image existed (" .. there.Id .. ") and was not as expected"
end

local function run(c)
  local repo, tag = images.names(c, c.args.name, c.args.tag)
  local names = wanted(c)
  local image = docker.image(c, images.full(repo, tag)) or c:fail("Cannot find image " .. images.full(repo, tag))
  local actions, tagged, before, after = list(), list(), list(), list()
  for _, name in ipairs(names) do
    local there = docker.image(c, images.full(name[1], name[2]))
    local change, why = differs(c, image, there)
    local as = name[1] .. ":" .. name[2]
    if change and not c.check then
      docker.call(c, "Error: failed to tag image as " .. as, "POST", "/images/" .. image.Id .. "/tag",
        { query = { repo = name[1], tag = name[2], force = "true" } })
    end
    before[#before + 1] = info(name[1], name[2], there)
    after[#after + 1] = info(name[1], name[2], change and image or there)
    if change then
      tagged[#tagged + 1] = as
    end
    actions[#actions + 1] = (change and "Tagged" or "Not tagged") .. " image " .. image.Id .. " as " .. as .. ": " .. why
  end
  c:set("image", image)
  c:set("actions", actions)
  c:set("tagged_images", tagged)
  c:differs("images", before, after)
end

return {
  doc = "Give an image of Docker more names.",
  spec = "community.docker.docker_image_tag",
  example = "- community.docker.docker_image_tag:\n    name: app:1.4\n    repository:\n      - registry.example.org/app:1.4",
  returns = "image: The image, as the engine describes it.\ntagged_images: Names that are new.\nactions: What was done, and why.",
  side = "target",
  check = "full",
  diff = "full",
  args = docker.args({
    name = { required = true, doc = "Name of the image, or its id." },
    tag = { default = "latest", doc = "Its tag." },
    repository = { type = "list", elements = "str", required = true, doc = "The names it gets; without a tag, `tag`." },
    existing_images = { default = "overwrite", choices = { "keep", "overwrite" }, doc = "What happens to a name that another image has." },
  }),
  run = run,
}
