-- docker_compose_v2: projects of Docker Compose, through `docker compose`, or docker-compose 1 where that is all there is.
-- What changed is read from the project's containers before and after; check mode compares the configuration's digests,
-- which compose keeps in a label of each container.

local util = use("util")
local docker = use("docker")
local lib = use("compose")

local compose = lib.call

-- Containers of the project, as the engine lists them.
local function containers(c)
  local out = list()
  local ids = compose(c, { "ps", "-q", c.state.version == 2 and "-a" or nil }, { may_fail = true })
  for id in ids.stdout:gmatch("%x+") do
    if #id == 64 then
      local info = docker.find(c, "/containers/" .. id .. "/json")
      if info then
        out[#out + 1] = info
      end
    end
  end
  return out
end

-- Each container by its id, with what matters of its state.
local function state_of(all)
  local out = {}
  for _, info in ipairs(all) do
    out[info.Id] = info.State.Status .. " " .. info.State.StartedAt
  end
  return out
end

-- Services whose containers are not what the configuration says.
local function outdated(c, all)
  local r = compose(c, { "config", "--hash=*" }, { may_fail = true })
  local want, have, out = {}, {}, list()
  for name, hash in r.stdout:gmatch("(%S+) (%x+)") do
    want[name] = hash
  end
  for _, info in ipairs(all) do
    local labels = util.present(info.Config.Labels) or {}
    local name = labels["com.docker.compose.service"]
    if name and info.State.Running and labels["com.docker.compose.config-hash"] == want[name] then
      have[name] = true
    end
  end
  for _, name in ipairs(util.keys(want)) do
    local asked = not c.args.services or #c.args.services == 0 or util.contains(c.args.services, name)
    if asked and not have[name] then
      out[#out + 1] = name
    end
  end
  return out
end

local function up_words(c)
  local a, words = c.args, { "up", "--detach", "--no-color" }
  local function flag(on, ...)
    if on then
      util.append(words, ...)
    end
  end
  flag(a.pull ~= "policy" and c.state.version == 2, "--pull", a.pull)
  flag(a.remove_orphans, "--remove-orphans")
  flag(a.recreate == "always", "--force-recreate")
  flag(a.recreate == "never", "--no-recreate")
  flag(not a.dependencies, "--no-deps")
  flag(a.build == "always", "--build")
  flag(a.build == "never", "--no-build")
  flag(a.wait and c.state.version == 2, "--wait")
  flag(a.wait and a.wait_timeout and c.state.version == 2, "--wait-timeout", tostring(a.wait_timeout))
  for _, name in ipairs(util.keys(a.scale)) do
    util.append(words, "--scale", name .. "=" .. tostring(a.scale[name]))
  end
  util.extend(words, a.services)
  return words
end

local function finish(c, r, before)
  local after = containers(c)
  if not util.equal(state_of(before), state_of(after)) then
    c:changed()
  end
  c:set("containers", after)
  c:set("stdout", r.stdout)
  c:set("stderr", r.stderr)
end

local function in_check_mode(c, before)
  local state = c.args.state
  if state == "present" then
    local names = outdated(c, before)
    c:set("actions", names)
    if #names > 0 or c.args.recreate == "always" then
      c:changed()
    end
  elseif state == "absent" or state == "restarted" then
    if #before > 0 or state == "restarted" then
      c:changed()
    end
  else
    for _, info in ipairs(before) do
      if info.State.Running then
        c:changed()
      end
    end
  end
end

local function run(c)
  lib.prepare(c)
  local before = containers(c)
  if c.check then
    in_check_mode(c, before)
    return
  end
  local a, r = c.args, nil
  if a.state == "present" then
    r = compose(c, up_words(c))
  elseif a.state == "absent" then
    local words = { "down" }
    if a.remove_orphans then
      util.append(words, "--remove-orphans")
    end
    if a.remove_images then
      util.append(words, "--rmi", a.remove_images)
    end
    if a.remove_volumes then
      util.append(words, "--volumes")
    end
    r = compose(c, words)
  else
    local words = { a.state == "stopped" and "stop" or "restart" }
    util.extend(words, a.services)
    r = compose(c, words)
  end
  finish(c, r, before)
end

return {
  doc = "Bring projects of Docker Compose up, or down.",
  spec = "community.docker.docker_compose_v2",
  example = "- community.docker.docker_compose_v2:\n    project_src: /opt/app\n    state: present",
  returns = "containers: The project's containers.\nactions: Services that would be made or changed, in check mode.",
  side = "target",
  check = "partial",
  diff = "none",
  args = lib.args({
    state = { default = "present", choices = { "absent", "stopped", "restarted", "present" }, doc = "State of the project." },
    pull = { default = "policy", choices = { "always", "missing", "never", "policy" }, doc = "When images are pulled." },
    build = { default = "policy", choices = { "always", "never", "policy" }, doc = "When images are built." },
    dependencies = { type = "bool", default = true, doc = "Start what the services need." },
    recreate = { default = "auto", choices = { "always", "never", "auto" }, doc = "When containers are made anew." },
    remove_images = { choices = { "all", "local" }, doc = "With absent: remove images." },
    remove_volumes = { type = "bool", default = false, doc = "With absent: remove volumes." },
    remove_orphans = { type = "bool", default = false, doc = "Remove containers of services that are no longer named." },
    services = { type = "list", elements = "str", doc = "Only these." },
    scale = { type = "dict", doc = "Containers of services." },
    wait = { type = "bool", default = false, doc = "Wait until they run and are healthy." },
    wait_timeout = { type = "int", doc = "Seconds to wait." },
  }),
  exclusive = lib.exclusive,
  required_one_of = lib.required_one_of,
  run = run,
}
