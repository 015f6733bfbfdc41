-- docker_image: images of the Docker engine: pulled, built, loaded, tagged, pushed, saved, removed.

local util = use("util")
local docker = use("docker")
local images = use("docker_images")

local function action(c, text)
  c.state.actions = c.state.actions or list()
  util.append(c.state.actions, text)
  c:changed()
end

-- Name and tag the arguments mean.
local function names(c)
  return images.names(c, c.args.name, c.args.tag)
end

local full = images.full

local function save(c, image)
  local path = c.args.archive_path
  action(c, "Archived image " .. full(names(c)) .. " to " .. path)
  if c.check then
    return
  end
  images.save(c, { full(names(c)) }, path)
  c:set("image", image)
end

-- Whether the file holds that image already.
local function saved(c, image)
  local path = c.args.archive_path
  if not c.fs.exists(path) then
    return false
  end
  local all = images.archived(c, path)
  return all ~= nil and #all == 1 and all[1].id == image.Id and util.contains(all[1].tags, full(names(c)))
end

local function push(c, repo, tag)
  local first = repo:match("^([^/]+)/")
  local registry = first and (first:find("[.:]") or first == "localhost") and "" or "docker.io/"
  action(c, "Pushed image " .. repo .. " to " .. registry .. full(repo, tag))
  if c.check then
    return
  end
  c:changed(images.push(c, repo, tag))
  local image = docker.image(c, full(repo, tag)) or dict()
  image.push_status = null  -- the engine's last line says no state
  c:set("image", image)
end

local function tag_image(c, image)
  local repo, tag = docker.split_tag(c.args.repository)
  if not tag then
    tag = select(2, names(c)) or "latest"
  end
  local there = docker.image(c, full(repo, tag))
  if not there or c.args.force_tag then
    action(c, "Tagged image " .. full(names(c)) .. " to " .. full(repo, tag))
    if not c.check then
      docker.call(c, "Error: failed to tag image", "POST", "/images/" .. image.Id .. "/tag",
        { query = { repo = repo, tag = tag, force = "true" } })
      c:set("image", docker.image(c, full(repo, tag)))
      if there and there.Id == image.Id then
        c:changed(false)
      end
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
      local from = source == "build" and " from " .. tostring(c.args.build.path) or source == "load" and " from " .. c.args.load_path or ""
      action(c, done[source] .. " image " .. full(repo, tag) .. from)
      if not c.check and source == "pull" then
        docker.pull(c, repo, tag, c.args.pull and util.present(c.args.pull.platform))
      elseif not c.check and source == "build" then
        c:set("stdout", images.build(c, full(names(c)), c.args.build))
      elseif not c.check then
        if not c.fs.exists(c.args.load_path) then
          c:fail("Error loading image " .. c.args.name .. ". Specified path " .. c.args.load_path .. " does not exist.")
        end
        c:set("stdout", table.concat(images.load(c, c.args.load_path), "\n"))
      end
      image = docker.image(c, full(repo, tag))
      if not c.check and not image then
        c:fail("the image " .. full(repo, tag) .. " is not there after it was " .. done[source]:lower())
      end
      if not c.check and before and before.Id == image.Id then
        c:changed(false)
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
    archive_path = { empty_is_none = true, type = "path", doc = "File the image is saved to." },
    load_path = { type = "path", doc = "File it is loaded from." },
    force_source = { type = "bool", default = false, doc = "Pull, build or load also when it is there." },
    force_absent = { type = "bool", default = false, doc = "Remove it also when it is used or has other tags." },
    force_tag = { type = "bool", default = false, doc = "Tag it also when the tag is taken." },
    pull = { type = "dict", doc = "How it is pulled.", options = { platform = { doc = "Platform." } } },
    push = { type = "bool", default = false, doc = "Push it." },
    repository = { empty_is_none = true, doc = "Name (and tag) it gets beside its own." },
  }),
  required_if = { { "state", "present", { "source" } }, { "source", "build", { "build" } }, { "source", "load", { "load_path" } } },
  run = run,
}
