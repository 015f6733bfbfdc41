-- docker_image_pull: pulls an image.

local util = use("util")
local docker = use("docker")
local images = use("docker_images")

-- "linux/arm64/v8" in its parts; what is not said is the engine's own.
local function platform(text, info)
  local arches = { x86_64 = "amd64", aarch64 = "arm64", armhf = "arm", armel = "arm", i386 = "386" }
  local parts = util.split(text, "/")
  if #parts == 1 then
    local os = parts[1] == "linux" or parts[1] == "windows" or parts[1] == "darwin"
    parts = os and { parts[1], info.Architecture } or { info.OSType, parts[1] }
  end
  return { os = parts[1], arch = arches[parts[2]] or parts[2], variant = parts[3] ~= "v8" and parts[3] or nil }
end

-- Whether the image is of the platform that was asked for.
local function fits(c, image)
  if not c.args.platform then
    return true
  end
  local info = docker.call(c, "Error asking for the engine", "GET", "/info")
  local want = platform(c.args.platform, info)
  local parts = { util.present(image.Os) or info.OSType, util.present(image.Architecture) or info.Architecture,
    util.present(image.Variant) ~= "" and util.present(image.Variant) or nil }
  return util.equal(want, platform(table.concat(parts, "/"), info))
end

local function run(c)
  if docker.is_id(c.args.name) then
    c:fail("Cannot pull an image by ID")
  end
  local repo, tag = images.names(c, c.args.name, c.args.tag)
  local image = docker.image(c, images.full(repo, tag))
  c:set("actions", list())
  c:set("image", image or dict())
  if image and c.args.pull == "not_present" and fits(c, image) then
    return
  end
  c:set("actions", list({ "Pulled image " .. repo .. ":" .. tag }))
  local before = image and { id = image.Id } or { exists = false }
  if c.check then
    c:differs("image", before, { id = "unknown" })
    c:changed()
    return
  end
  local after, changed = docker.pull(c, repo, tag, c.args.platform)
  c:set("image", after)
  if changed then
    c:differs("image", before, { id = after.Id })
  end
end

return {
  doc = "Pull an image of Docker.",
  spec = "community.docker.docker_image_pull",
  example = "- community.docker.docker_image_pull:\n    name: registry.example.org/app\n    tag: \"1.4\"",
  returns = "image: The image, as the engine describes it.\nactions: What was done.",
  side = "target",
  check = "full",
  diff = "full",
  args = docker.args({
    name = { required = true, doc = "Name of the image; may hold the tag." },
    tag = { default = "latest", doc = "Its tag." },
    platform = { doc = "Platform, such as linux/arm64." },
    pull = { default = "always", choices = { "always", "not_present" }, doc = "Ask the registry also when the image is there." },
  }),
  run = run,
}
