-- docker_prune: removes what the Docker engine no longer needs.

local util = use("util")
local docker = use("docker")

local KINDS = {
  { "containers", "/containers/prune", "ContainersDeleted" }, { "images", "/images/prune", "ImagesDeleted" },
  { "networks", "/networks/prune", "NetworksDeleted" }, { "volumes", "/volumes/prune", "VolumesDeleted" },
}

local function run(c)
  for _, kind in ipairs(KINDS) do
    local name, path, key = table.unpack(kind)
    if c.args[name] then
      local answer = docker.call(c, "Error pruning " .. name, "POST", path,
        { query = { filters = docker.filters(c, c.args[name .. "_filters"]) }, timeout = 600 })
      local gone = util.present(answer[key]) or list()
      c:set(name, gone)
      if answer.SpaceReclaimed then
        c:set(name .. "_space_reclaimed", answer.SpaceReclaimed)
      end
      if #gone > 0 or (answer.SpaceReclaimed or 0) > 0 then
        c:changed()
      end
    end
  end
  if c.args.builder_cache then
    local query = { filters = docker.filters(c, c.args.builder_cache_filters), all = c.args.builder_cache_all and "true" or nil }
    if c.args.builder_cache_keep_storage then
      query["keep-storage"] = docker.bytes(c.args.builder_cache_keep_storage) or c:fail("Error while parsing value of builder_cache_keep_storage: '" ..
        c.args.builder_cache_keep_storage .. "' is no size such as 10G")
    end
    local answer = docker.call(c, "Error pruning the builder's cache", "POST", "/build/prune", { query = query, timeout = 600 })
    c:set("builder_cache_space_reclaimed", answer.SpaceReclaimed)
    c:set("builder_cache_caches_deleted", answer.CachesDeleted)
    if answer.SpaceReclaimed > 0 or #(util.present(answer.CachesDeleted) or {}) > 0 then
      c:changed()
    end
  end
end

return {
  doc = "Remove unused containers, images, networks, volumes and build caches.",
  spec = "community.docker.docker_prune",
  example = "- community.docker.docker_prune:\n    images: true\n    images_filters:\n      dangling: false",
  returns = "containers: Removed containers.\nimages: Removed images.\nnetworks: Removed networks.\nvolumes: Removed volumes.\n" ..
      "containers_space_reclaimed: Bytes.\nimages_space_reclaimed: Bytes.\nvolumes_space_reclaimed: Bytes.\nbuilder_cache_space_reclaimed: Bytes.",
  side = "target",
  check = "none",
  diff = "none",
  args = docker.args({
    containers = { type = "bool", default = false, doc = "Containers that ended." },
    containers_filters = { type = "dict", doc = "Only those." },
    images = { type = "bool", default = false, doc = "Images nothing uses; those without a name, unless dangling is false." },
    images_filters = { type = "dict", doc = "Only those." },
    networks = { type = "bool", default = false, doc = "Networks nobody is connected to." },
    networks_filters = { type = "dict", doc = "Only those." },
    volumes = { type = "bool", default = false, doc = "Volumes nothing uses." },
    volumes_filters = { type = "dict", doc = "Only those." },
    builder_cache = { type = "bool", default = false, doc = "The builder's cache." },
    builder_cache_all = { type = "bool", default = false, doc = "All of it." },
    builder_cache_filters = { type = "dict", doc = "Only those." },
    builder_cache_keep_storage = { doc = "As much is kept." },
  }),
  run = run,
}
