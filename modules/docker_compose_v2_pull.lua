-- docker_compose_v2_pull: pulls the images of a project. With docker-compose 1, what changed is read from the images
-- themselves, before and after.

local util = use("util")
local docker = use("docker")
local compose = use("compose")

-- The images of the services that are asked for: name to id, or to false when it is not there.
local function ids(c)
  local r = compose.call(c, { "config" })
  local names = {}
  for name in r.stdout:gmatch("\n    image: ([^\n]+)") do
    names[#names + 1] = (name:gsub("^['\"]", ""):gsub("['\"]$", ""))
  end
  local out = {}
  for _, name in ipairs(names) do
    local repo, tag = docker.split_tag(name)
    local image = docker.image(c, docker.full_name(repo, tag or "latest"))
    out[name] = image and image.Id or false
  end
  return out
end

local function with_version_1(c)
  if c.args.policy ~= "always" then
    c:fail("A pull policy other than always is only supported since Docker Compose 2.22.0")
  elseif c.args.ignore_buildable then
    c:fail("--ignore-buildable is only supported since Docker Compose 2.15.0")
  end
  local before, actions = ids(c), list()
  if not c.check then
    local words = { "pull" }
    util.extend(words, { c.args.include_deps and "--include-deps" or nil })
    local r = compose.call(c, util.extend(words, c.args.services), { timeout = 3600 })
    c:set("stdout", r.stdout)
    c:set("stderr", r.stderr)
  end
  local after = c.check and {} or ids(c)
  for _, name in ipairs(util.keys(before)) do
    if c.check or after[name] ~= before[name] then
      actions[#actions + 1] = { id = name, status = "Pulling", what = "image" }
    end
  end
  c:set("actions", actions)
  if #actions > 0 then
    c:changed()
  end
end

local function run(c)
  local a = c.args
  compose.prepare(c)
  if c.state.version == 1 then
    with_version_1(c)
    return
  end
  if a.policy ~= "always" and c.state.minor < 22 then
    c:fail("A pull policy other than always is only supported since Docker Compose 2.22.0. " .. c.state.cli .. " has version 2." .. c.state.minor)
  end
  local words = { "pull" }
  if a.policy ~= "always" then
    util.append(words, "--policy", a.policy)
  end
  util.extend(words, { a.ignore_buildable and "--ignore-buildable" or nil })
  util.extend(words, { a.include_deps and "--include-deps" or nil })
  -- that a service is pulled is no change, unless it is only pulled when it is missing
  compose.watched(c, words, util.set(a.policy ~= "missing" and not c.check and { "Pulling" } or {}), { timeout = 3600 })
  compose.watched_result(c)
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
