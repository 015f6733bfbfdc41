-- docker_compose_v2_pull: pulls the images of a project. Changed is read from the images themselves, before and after.

local util = use("util")
local docker = use("docker")
local compose = use("compose")

-- The images of the services that are asked for: name to id, or to false when it is not there.
local function ids(c)
  local r = compose.call(c, c.state.version == 2 and { "config", "--format", "json" } or { "config" })
  local names = {}
  local ok, config = pcall(c.json.decode, r.stdout)
  if ok and type(config) == "table" then
    for name, service in pairs(util.present(config.services) or {}) do
      local asked = not c.args.services or #c.args.services == 0 or util.contains(c.args.services, name)
      if util.present(service.image) and (asked or c.args.include_deps) then
        names[#names + 1] = service.image
      end
    end
  else
    for name in r.stdout:gmatch("\n    image: ([^\n]+)") do
      names[#names + 1] = (name:gsub("^['\"]", ""):gsub("['\"]$", ""))
    end
  end
  local out = {}
  for _, name in ipairs(names) do
    local repo, tag = docker.split_tag(name)
    local image = docker.image(c, docker.full_name(repo, tag or "latest"))
    out[name] = image and image.Id or false
  end
  return out
end

local function run(c)
  local a = c.args
  compose.prepare(c)
  if c.state.version == 1 then
    if a.policy ~= "always" then
      c:fail("A pull policy other than always is only supported since Docker Compose 2.22.0")
    elseif a.ignore_buildable then
      c:fail("--ignore-buildable is only supported since Docker Compose 2.15.0")
    end
  end
  local before, actions = ids(c), list()
  if c.check then
    for _, name in ipairs(util.keys(before)) do
      if a.policy == "always" or not before[name] then
        actions[#actions + 1] = { id = name, status = "Pulling", what = "image" }
      end
    end
    c:set("actions", actions)
    if #actions > 0 then
      c:changed()
    end
    return
  end
  local words = { "pull" }
  if a.policy ~= "always" then
    util.append(words, "--policy", a.policy)
  end
  util.extend(words, { a.ignore_buildable and "--ignore-buildable" or nil })
  util.extend(words, { a.include_deps and "--include-deps" or nil })
  util.append(words, "--")
  local r = compose.call(c, util.extend(words, a.services), { timeout = 3600 })
  local after = ids(c)
  for _, name in ipairs(util.keys(after)) do
    if after[name] ~= before[name] then
      actions[#actions + 1] = { id = name, status = "Pulling", what = "image" }
    end
  end
  c:set("actions", actions)
  c:set("stdout", r.stdout)
  c:set("stderr", r.stderr)
  if #actions > 0 then
    c:changed()
  end
end

return {
  doc = "Pull the images of a project of Docker Compose.",
  spec = "community.docker.docker_compose_v2_pull",
  example = "- community.docker.docker_compose_v2_pull:\n    project_src: /opt/app",
  returns = "actions: Images that were pulled and are new.\nstdout: What compose printed.\nstderr: Its messages.",
  side = "target",
  check = "full",
  diff = "none",
  args = compose.args({
    policy = { default = "always", choices = { "always", "missing" }, doc = "Also images that are there." },
    ignore_buildable = { type = "bool", default = false, doc = "Leave out what is built." },
    include_deps = { type = "bool", default = false, doc = "Also what the services need." },
    services = { type = "list", elements = "str", doc = "Only these." },
  }),
  exclusive = compose.exclusive,
  required_one_of = compose.required_one_of,
  run = run,
}
