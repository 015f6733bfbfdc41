-- docker_compose_v2: projects of Docker Compose, through `docker compose`, which says itself what it does or would do, or
-- docker-compose 1 where that is all there is. There, what changed is read from the project's containers before and after;
-- check mode compares the configuration's digests, which compose keeps in a label of each container.

local util = use("util")
local docker = use("docker")
local lib = use("compose")

local compose = lib.call

-- -- docker-compose 1 ----------------------------------------------------------------------------------------------

-- Containers of the project, as the engine lists them.
local function containers(c)
  local out = list()
  local ids = compose(c, { "ps", "-q" }, { may_fail = true })
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

local function flag(words, on, ...)
  if on then
    util.append(words, ...)
  end
end

local function add_timeout(c, words)
  flag(words, c.args.timeout, "--timeout", tostring(c.args.timeout))
end

-- The words of `up`; version 1 has no --wait, --pull and --quiet-pull that says nothing.
local function up_words(c, no_start)
  local a, words = c.args, { "up", "--detach", "--no-color" }
  local new = c.state.version == 2
  flag(words, new, "--quiet-pull")
  flag(words, new and a.pull ~= "policy", "--pull", a.pull)
  flag(words, a.remove_orphans, "--remove-orphans")
  flag(words, a.recreate == "always", "--force-recreate")
  flag(words, a.recreate == "never", "--no-recreate")
  flag(words, not a.dependencies, "--no-deps")
  add_timeout(c, words)
  flag(words, a.build == "always", "--build")
  flag(words, a.build == "never", "--no-build")
  for _, name in ipairs(util.keys(a.scale)) do
    util.append(words, "--scale", name .. "=" .. tostring(a.scale[name]))
  end
  flag(words, new and a.wait, "--wait")
  flag(words, new and a.wait and a.wait_timeout, "--wait-timeout", tostring(a.wait_timeout))
  flag(words, no_start, "--no-start")
  return words
end

local function down_words(c)
  local a, words = c.args, { "down" }
  flag(words, a.remove_orphans, "--remove-orphans")
  flag(words, a.remove_images, "--rmi", a.remove_images)
  flag(words, a.remove_volumes, "--volumes")
  add_timeout(c, words)
  return words
end

local function stop_words(c)
  local words = { "stop" }
  add_timeout(c, words)
  return words
end

local function restart_words(c)
  local words = { "restart" }
  flag(words, c.state.version == 2 and not c.args.dependencies, "--no-deps")
  add_timeout(c, words)
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

local function with_version_1(c)
  local before = containers(c)
  if c.check then
    in_check_mode(c, before)
    return
  end
  local state, r = c.args.state, nil
  if state == "present" then
    r = compose(c, util.extend(up_words(c), c.args.services))
  elseif state == "absent" then
    r = compose(c, down_words(c))
  else
    r = compose(c, util.extend(state == "stopped" and stop_words(c) or restart_words(c), c.args.services))
  end
  finish(c, r, before)
end

-- -- docker compose ------------------------------------------------------------------------------------------------

local IGNORED = util.set({ "Pulling", "Building" })

-- What a program printed as JSON: one list, or one value a line.
local function values(c, text)
  local out = list()
  for _, line in ipairs(text:match("^%s*%[") and { text } or util.lines(text)) do
    local ok, value = pcall(c.json.decode, line)
    if not ok and util.trim(line) ~= "" then
      c:fail("docker compose printed something else than JSON: " .. line:sub(1, 200))
    elseif ok and #value > 0 then
      util.extend(out, value)
    elseif ok and next(value) ~= nil then
      out[#out + 1] = value
    end
  end
  return out
end

-- Containers as `docker compose ps` tells of them, with labels, names and networks taken apart.
local function containers_now(c)
  local words = { "ps", "--format", "json", "--all" }
  flag(words, c.state.minor >= 23, "--no-trunc")
  local out = values(c, compose(c, words).stdout)
  for _, container in ipairs(out) do
    local labels = dict({})
    for _, pair in ipairs(util.split(util.present(container.Labels) or "", ",")) do
      local key, value = pair:match("^([^=]*)=?(.*)$")
      if pair ~= "" then
        labels[key] = value
      end
    end
    container.Labels = labels
    container.Names = list(util.split(util.present(container.Names) or container.Name, ","))
    container.Networks = list(util.split(util.present(container.Networks) or "", ","))
    container.Publishers = util.present(container.Publishers) or list()
  end
  return out
end

local STOPPED = util.set({ "created", "exited", "stopped", "killed" })

local function all_stopped(c)
  for _, container in ipairs(containers_now(c)) do
    if not STOPPED[container.State] then
      return false
    end
  end
  return true
end

local function with_version_2(c)
  local state = c.args.state
  if state == "present" then
    lib.watched(c, up_words(c), IGNORED)
  elseif state == "absent" then
    lib.watched(c, down_words(c))
  elseif state == "restarted" then
    lib.watched(c, restart_words(c))
  elseif lib.watched(c, up_words(c, true), IGNORED) and not all_stopped(c) then
    lib.watched(c, stop_words(c))  -- it says that it stops containers even when they are
  end
  lib.watched_result(c, { containers = containers_now(c), images = values(c, compose(c, { "images", "--format", "json" }).stdout) })
end

local function run(c)
  for _, name in ipairs(util.keys(c.args.scale)) do
    local count = math.tointeger(tonumber(c.args.scale[name]))
    if not count then
      c:fail("The value '" .. tostring(c.args.scale[name]) .. "' for `scale['" .. name .. "']` is not an integer")
    elseif count < 0 then
      c:fail("The value " .. count .. " for `scale['" .. name .. "']` is negative")
    end
    c.args.scale[name] = count
  end
  lib.prepare(c)
  if c.state.version == 1 then
    with_version_1(c)
  else
    with_version_2(c)
  end
end

return {
  doc = "Bring projects of Docker Compose up, or down.",
  spec = "community.docker.docker_compose_v2",
  example = "- community.docker.docker_compose_v2:\n    project_src: /opt/app\n    state: present",
  returns = "containers: The project's containers.\nimages: Their images.\nactions: What was done, or would be done in check mode: what, id, status.",
  side = "target",
  check = "full",
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
    timeout = { type = "int", doc = "Seconds in which containers may end." },
    services = { type = "list", elements = "str", doc = "Only these." },
    scale = { type = "dict", doc = "Containers of services." },
    wait = { type = "bool", default = false, doc = "Wait until they run and are healthy." },
    wait_timeout = { type = "int", doc = "Seconds to wait." },
  }),
  exclusive = lib.exclusive,
  required_one_of = lib.required_one_of,
  run = run,
}
