-- docker_host_info: the Docker engine, and what it has.

local docker = use("docker")

local BRIEF = {
  containers = { "Id", "Image", "Command", "Created", "Status", "Ports", "Names" },
  images = { "Id", "RepoTags", "Created", "Size" },
  networks = { "Id", "Driver", "Name", "Scope" },
  volumes = { "Driver", "Name" },
}

local function brief(c, kind, items)
  local out = list()
  for _, item in ipairs(items) do
    if c.args.verbose_output then
      out[#out + 1] = item
    else
      local short = dict()
      for _, key in ipairs(BRIEF[kind]) do
        short[key] = item[key]
      end
      out[#out + 1] = short
    end
  end
  return out
end

local function run(c)
  c:set("can_talk_to_docker", true)
  c:set("host_info", docker.call(c, "Error inspecting docker host", "GET", "/info"))
  for _, kind in ipairs({ "containers", "images", "networks", "volumes" }) do
    if c.args[kind] then
      local query = { filters = docker.filters(c, c.args[kind .. "_filters"]) }
      if kind == "containers" then
        query.all = c.args.containers_all and "true" or "false"
      end
      local path = kind == "containers" and "/containers/json" or kind == "images" and "/images/json" or "/" .. kind
      local items = docker.call(c, "Error listing " .. kind, "GET", path, { query = query })
      if kind == "volumes" then
        items = items.Volumes ~= null and items.Volumes or {}
      end
      c:set(kind, brief(c, kind, items))
    end
  end
  if c.args.disk_usage then
    local usage = docker.call(c, "Error asking for the disk usage", "GET", "/system/df", { timeout = 300 })
    c:set("disk_usage", c.args.verbose_output and usage or { LayersSize = usage.LayersSize })
  end
end

return {
  doc = "Tell about the Docker engine and list its containers, images, networks and volumes.",
  spec = "community.docker.docker_host_info",
  example = "- community.docker.docker_host_info:\n    containers: true\n  register: docker",
  returns = "can_talk_to_docker: Whether there was an answer.\nhost_info: What `docker info` shows.\ncontainers: Containers.\nimages: Images.\n" ..
      "networks: Networks.\nvolumes: Volumes.\ndisk_usage: What `docker system df` shows.",
  side = "target",
  check = "partial",
  diff = "none",
  args = docker.args({
    containers = { type = "bool", default = false, doc = "List the containers that run." },
    containers_all = { type = "bool", default = false, doc = "Those that ended, too." },
    containers_filters = { type = "dict", doc = "Only those." },
    images = { type = "bool", default = false, doc = "List images." },
    images_filters = { type = "dict", doc = "Only those." },
    networks = { type = "bool", default = false, doc = "List networks." },
    networks_filters = { type = "dict", doc = "Only those." },
    volumes = { type = "bool", default = false, doc = "List volumes." },
    volumes_filters = { type = "dict", doc = "Only those." },
    disk_usage = { type = "bool", default = false, doc = "Tell what they take." },
    verbose_output = { type = "bool", default = false, doc = "All the engine knows." },
  }),
  run = run,
}
