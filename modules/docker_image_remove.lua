-- docker_image_remove: takes a name off an image, and removes it with its last one.

local util = use("util")
local docker = use("docker")
local images = use("docker_images")

local function sorted(values)
  local out = list(util.copy(util.present(values) or {}))
  table.sort(out)
  return out
end

local function state(image)
  if not image then
    return { exists = false }
  end
  return { exists = true, id = image.Id, tags = sorted(image.RepoTags), digests = sorted(image.RepoDigests) }
end

local function without(values, gone)
  local out = list()
  for _, value in ipairs(values) do
    if value ~= gone then
      out[#out + 1] = value
    end
  end
  return out
end

-- What would be removed: untagged names, deleted ids, and the state behind it.
local function foretell(c, image, name, tag)
  local tags, digests = sorted(image.RepoTags), sorted(image.RepoDigests)
  if not tag then
    local all = sorted(util.extend(util.copy(tags), digests))
    if not c.args.force and #all > 0 then
      c:fail("Cannot delete image by ID that is still in use - use force=true")
    end
    return all, list({ image.Id }), state(nil)
  end
  local after = state(image)
  local last
  if docker.is_id(tag) then
    last = #tags < 1 and #digests < 2
    after.digests = without(after.digests, name)
  else
    last = #tags < 2 and #digests < 1
    after.tags = without(after.tags, name)
  end
  return list({ name }), last and list({ image.Id }) or list(), after
end

local function run(c)
  local repo, tag = images.names(c, c.args.name, c.args.tag)
  local name = images.full(repo, tag)
  local image = docker.image(c, name)
  local untagged, deleted, after = list(), list(), nil
  c:set("actions", list())
  c:set("image", image or dict())
  c:set("untagged", untagged)
  c:set("deleted", deleted)
  if not image then
    return
  end
  c:set("actions", list({ "Removed image " .. repo .. (tag and ":" .. tag or "") }))
  if c.check then
    untagged, deleted, after = foretell(c, image, name, tag)
  else
    local status, answer = docker.request(c, "DELETE", "/images/" .. name,
      { query = { force = tostring(c.args.force), noprune = tostring(not c.args.prune) } })
    if status >= 400 and status ~= 404 then
      c:fail("Error removing image " .. name .. " - " .. docker.message(answer), { status = status })
    end
    for _, entry in ipairs(status < 400 and answer or {}) do
      untagged[#untagged + 1] = util.present(entry.Untagged)
      deleted[#deleted + 1] = util.present(entry.Deleted)
    end
    untagged, deleted = sorted(untagged), sorted(deleted)
    after = state(docker.image(c, image.Id))
  end
  c:set("untagged", untagged)
  c:set("deleted", deleted)
  c:changed()
  c:differs("image", state(image), after)
end

return {
  doc = "Remove an image of Docker.",
  spec = "community.docker.docker_image_remove",
  example = "- community.docker.docker_image_remove:\n    name: app\n    tag: \"1.3\"",
  returns = "image: The image before.\nuntagged: Names that are gone.\ndeleted: Ids that are gone.\nactions: What was done.",
  side = "target",
  check = "full",
  diff = "full",
  args = docker.args({
    name = { required = true, doc = "Name of the image, or its id." },
    tag = { default = "latest", doc = "Its tag." },
    force = { type = "bool", default = false, doc = "Also when containers or other names use it." },
    prune = { type = "bool", default = true, doc = "Also remove parents that have no name." },
  }),
  run = run,
}
