-- docker_image: images of the Docker engine: pulled, built, loaded, tagged, pushed, saved, removed.

local util = use("util")
local docker = use("docker")

local function action(c, text)
  c.state.actions = c.state.actions or list()
  util.append(c.state.actions, text)
  c:changed()
end

-- Name and tag the arguments mean.
local function names(c)
  local repo, tag = docker.split_tag(c.args.name)
  if docker.is_id(c.args.name) then
    return c.args.name, nil
  end
  tag = tag or c.args.tag
  if not docker.full_name(repo, tag):match("^[%w%._%-/:@]+$") then
    c:fail('"' .. docker.full_name(repo, tag) .. '" is no name of an image')
  end
  return repo, tag
end

local function full(repo, tag)
  return tag and docker.full_name(repo, tag) or repo
end

-- -- build -------------------------------------------------------------------------------------------------------------

local function build_query(c, b)
  local query = { t = full(names(c)), rm = b.rm and "1" or "0" }
  for arg, key in pairs({ dockerfile = "dockerfile", network = "networkmode", target = "target", platform = "platform" }) do
    query[key] = util.present(b[arg])
  end
  if b.pull then
    query.pull = "1"
  end
  if util.present(b.nocache) then
    query.nocache = "1"
  end
  for arg, key in pairs({ args = "buildargs", labels = "labels" }) do
    if util.present(b[arg]) then
      local values = dict({})
      for name, value in pairs(b[arg]) do
        values[name] = tostring(value)
      end
      query[key] = c.json.encode(values)
    end
  end
  if util.present(b.cache_from) then
    query.cachefrom = c.json.encode(b.cache_from)
  end
  if util.present(b.etc_hosts) then
    local hosts = {}
    for name, address in pairs(b.etc_hosts) do
      hosts[#hosts + 1] = name .. ":" .. address
    end
    query.extrahosts = table.concat(hosts, ",")
  end
  if util.present(b.shm_size) then
    query.shmsize = docker.bytes(b.shm_size) or c:fail("build.shm_size: '" .. b.shm_size .. "' is no size")
  end
  local limits = util.present(b.container_limits) or {}
  for arg, key in pairs({ memory = "memory", memswap = "memswap" }) do
    if util.present(limits[arg]) then
      query[key] = docker.bytes(limits[arg]) or c:fail("container_limits." .. arg .. ": '" .. limits[arg] .. "' is no size")
    end
  end
  query.cpushares, query.cpusetcpus = util.present(limits.cpushares), util.present(limits.cpusetcpus)
  return query
end

local function build(c)
  local b = c.args.build
  local st = c.fs.stat(c.fs.realpath(b.path) or b.path)
  if not st or st.type ~= "directory" then
    c:fail("Requested build path " .. b.path .. " could not be found or you do not have access.")
  end
  local context = c:tmpdir() .. "/context.tar"
  local argv = { util.need(c, "tar"), "-C", b.path, "-cf", context }
  for _, line in ipairs(util.lines(c.fs.read(b.path .. "/.dockerignore") or "")) do
    line = util.trim(line):gsub("^%./", ""):gsub("/+$", "")
    if line ~= "" and not line:match("^[#!]") then
      util.append(argv, "--exclude", "./" .. line:gsub("^/", ""))
    end
  end
  util.append(argv, ".")
  util.run(c, argv)
  local _, text = docker.call(c, "Error building " .. full(names(c)), "POST", "/build", {
    query = build_query(c, b), body_file = context, headers = { ["Content-Type"] = "application/x-tar" }, raw = true,
    timeout = util.present(b.http_timeout) or 3600,
  })
  local out = {}
  for _, line in ipairs(docker.progress(c, "Error building " .. full(names(c)), text)) do
    if util.present(line.stream) then
      out[#out + 1] = line.stream
    end
  end
  c:set("stdout", table.concat(out))
end

-- -- the rest ----------------------------------------------------------------------------------------------------------

local function load(c)
  local path = c.args.load_path
  if not c.fs.exists(path) then
    c:fail("Error loading image " .. c.args.name .. ". Specified path " .. path .. " does not exist.")
  end
  local _, text = docker.call(c, "Error loading image from " .. path, "POST", "/images/load",
    { body_file = path, headers = { ["Content-Type"] = "application/x-tar" }, raw = true, timeout = 3600 })
  local out = {}
  for _, line in ipairs(docker.progress(c, "Error loading image from " .. path, text)) do
    out[#out + 1] = util.present(line.stream) or util.present(line.status) or ""
  end
  c:set("stdout", table.concat(out))
end

local function save(c, image)
  local path = c.args.archive_path
  action(c, "Archived image " .. full(names(c)) .. " to " .. path)
  if c.check then
    return
  end
  local temp = util.dirname(path) .. "/." .. util.basename(path) .. "." .. c.digest("sha256", c.random(16)):sub(1, 8)
  docker.call(c, "Error getting image " .. full(names(c)), "GET", "/images/" .. full(names(c)) .. "/get",
    { to_file = temp, timeout = 3600 })
  c.fs.chmod(temp, 420)
  c.fs.rename(temp, path)
  c:set("image", image)
end

-- Whether the file holds that image already.
local function saved(c, image)
  local path = c.args.archive_path
  if not c.fs.exists(path) then
    return false
  end
  local r = util.run(c, { util.need(c, "tar"), "-xOf", path, "manifest.json" }, { may_fail = true })
  local ok, manifest = pcall(c.json.decode, r.stdout)
  if r.rc ~= 0 or not ok or type(manifest) ~= "table" or not manifest[1] then
    return false
  end
  local id = image.Id:gsub("^sha256:", "")
  return #manifest == 1 and manifest[1].Config:find(id, 1, true) ~= nil and
      util.contains(util.present(manifest[1].RepoTags), full(names(c)))
end

local function push(c, repo, tag)
  local name = full(repo, tag)
  action(c, "Pushed image " .. name)
  if c.check then
    return
  end
  local _, text = docker.call(c, "Error pushing image " .. name, "POST", "/images/" .. repo .. "/push",
    { query = { tag = tag }, headers = docker.registry_auth(c, repo), raw = true, timeout = 3600 })
  docker.progress(c, "Error pushing image " .. name, text)
end

local function tag_image(c, image)
  local repo, tag = docker.split_tag(c.args.repository)
  if not tag then
    tag = select(2, names(c)) or "latest"
  end
  local there = docker.image(c, full(repo, tag))
  if not there or c.args.force_tag or there.Id ~= image.Id then
    if there and there.Id == image.Id then
      return repo, tag
    end
    action(c, "Tagged image " .. full(names(c)) .. " to " .. full(repo, tag))
    if not c.check then
      docker.call(c, "Error: failed to tag image", "POST", "/images/" .. image.Id .. "/tag",
        { query = { repo = repo, tag = tag, force = "true" } })
    end
  end
  return repo, tag
end

local function present(c)
  local repo, tag = names(c)
  local image = docker.image(c, full(repo, tag))
  local source = c.args.source
  if source == "build" and not c.args.build then
    c:fail("source is build but all of the following are missing: build")
  end
  if not image or c.args.force_source then
    if source == "local" and not image then
      c:fail("Cannot find the image " .. full(repo, tag) .. " locally.")
    end
    if source ~= "local" then
      local done = { build = "Built", load = "Loaded", pull = "Pulled" }
      local before = image
      if c.check then
        if not image then
          action(c, done[source] .. " image " .. full(repo, tag))
        end
      elseif source == "pull" then
        docker.pull(c, repo, tag, c.args.pull and util.present(c.args.pull.platform))
      elseif source == "build" then
        build(c)
      else
        load(c)
      end
      image = docker.image(c, full(repo, tag))
      if not c.check and not image then
        c:fail("the image " .. full(repo, tag) .. " is not there after it was " .. done[source]:lower())
      end
      if not c.check and (not before or before.Id ~= image.Id) then
        action(c, done[source] .. " image " .. full(repo, tag))
      end
    end
  end
  if image then
    c:set("image", image)
    if c.args.archive_path and not saved(c, image) then
      save(c, image)
    end
    local to_repo, to_tag = repo, tag
    if c.args.repository then
      to_repo, to_tag = tag_image(c, image)
    end
    if c.args.push then
      push(c, to_repo, to_tag)
    end
  end
end

local function absent(c)
  local name = full(names(c))
  local image = docker.image(c, name)
  if not image then
    return
  end
  action(c, "Removed image " .. name)
  c:set("image", { state = "Deleted" })
  if not c.check then
    docker.call(c, "Error removing image " .. name, "DELETE", "/images/" .. name,
      { query = { force = c.args.force_absent and "true" or "false" } })
  end
end

local function run(c)
  c:set("actions", list())
  c:set("image", dict())
  if c.args.state == "absent" then
    absent(c)
  else
    present(c)
  end
  c:set("actions", c.state.actions or list())
end

return {
  doc = "Pull, build, load, tag, push, save and remove Docker images.",
  spec = "community.docker.docker_image",
  example = "- community.docker.docker_image:\n    name: registry.example.org/app\n    tag: \"1.4\"\n    source: build\n    build:\n      path: /srv/app",
  returns = "image: The image, as the engine describes it.\nactions: What was done.\nstdout: Output of the build or of the load.",
  side = "target",
  check = "partial",
  diff = "none",
  args = docker.args({
    name = { required = true, doc = "Name of the image, or its id." },
    tag = { default = "latest", doc = "Its tag." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    source = { choices = { "build", "load", "pull", "local" }, doc = "Where it comes from; needed unless it is removed." },
    build = {
      type = "dict", doc = "How it is built.",
      options = {
        path = { type = "path", required = true, doc = "Directory of the build." },
        dockerfile = { doc = "The Dockerfile in it." },
        cache_from = { type = "list", elements = "str", doc = "Images whose layers may be used." },
        http_timeout = { type = "int", doc = "Seconds of silence." },
        pull = { type = "bool", default = false, doc = "Ask for a newer base image." },
        rm = { type = "bool", default = true, doc = "Remove the containers of the build." },
        network = { doc = "Network of the build." },
        nocache = { type = "bool", default = false, doc = "Use no layers of former builds." },
        etc_hosts = { type = "dict", doc = "More host names." },
        args = { type = "dict", doc = "Build arguments." },
        container_limits = {
          type = "dict", doc = "Limits of the build.",
          options = {
            memory = { doc = "Memory." }, memswap = { doc = "Memory and swap." },
            cpushares = { type = "int", doc = "Relative weight." }, cpusetcpus = { doc = "Which processors." },
          },
        },
        use_config_proxy = { type = "bool", doc = "Accepted." },
        target = { doc = "Stage to build." },
        platform = { doc = "Platform." },
        shm_size = { doc = "Size of /dev/shm." },
        labels = { type = "dict", doc = "Labels." },
      },
    },
    archive_path = { type = "path", doc = "File the image is saved to." },
    load_path = { type = "path", doc = "File it is loaded from." },
    force_source = { type = "bool", default = false, doc = "Pull, build or load also when it is there." },
    force_absent = { type = "bool", default = false, doc = "Remove it also when it is used or has other tags." },
    force_tag = { type = "bool", default = false, doc = "Tag it also when the tag is taken." },
    pull = { type = "dict", doc = "How it is pulled.", options = { platform = { doc = "Platform." } } },
    push = { type = "bool", default = false, doc = "Push it." },
    repository = { doc = "Name (and tag) it gets beside its own." },
  }),
  required_if = { { "state", "present", { "source" } }, { "source", "build", { "build" } }, { "source", "load", { "load_path" } } },
  run = run,
}
