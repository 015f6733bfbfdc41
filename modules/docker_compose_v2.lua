-- docker_compose_v2: projects of Docker Compose, through `docker compose`, or docker-compose 1 where that is all there is.
-- What changed is read from the project's containers before and after; check mode compares the configuration's digests,
-- which compose keeps in a label of each container.

local util = use("util")
local docker = use("docker")

local function base(c)
  local cli = c.args.docker_cli or c:which("docker")
  local argv
  if cli then
    argv = { cli }
    if c.args.docker_host then
      util.append(argv, "-H", c.args.docker_host)
    elseif c.args.cli_context then
      util.append(argv, "--context", c.args.cli_context)
    end
    local probe = util.copy(argv)
    util.append(probe, "compose", "version", "--short")
    if util.run(c, probe, { may_fail = true }).rc == 0 then
      util.append(argv, "compose")
      return argv, 2
    end
  end
  local old = c:which("docker-compose")
  if not old then
    c:fail("there is neither `docker compose` nor docker-compose on the target")
  end
  argv = { old }
  if c.args.docker_host then
    util.append(argv, "-H", c.args.docker_host)
  end
  return argv, 1
end

local function project_words(c)
  local words = {}
  local a = c.args
  local dir = a.project_src
  if a.definition then
    dir = c:tmpdir()
    c.fs.write(dir .. "/compose.yml", c.json.encode(a.definition), { mode = 384 })
    util.append(words, "-f", dir .. "/compose.yml")
  end
  for _, file in ipairs(a.files or {}) do
    util.append(words, "-f", file:sub(1, 1) == "/" and file or dir .. "/" .. file)
  end
  if a.project_name then
    util.append(words, "-p", a.project_name)
  end
  for _, file in ipairs(a.env_files or {}) do
    util.append(words, "--env-file", file)
  end
  for _, profile in ipairs(a.profiles or {}) do
    util.append(words, "--profile", profile)
  end
  util.append(words, "--project-directory", a.project_src or dir)
  return words, dir
end

local function compose(c, words, options)
  options = options or {}
  local argv = util.copy(c.state.base)
  util.extend(argv, c.state.words)
  util.extend(argv, words)
  local r = util.run(c, argv, { may_fail = true, cwd = c.state.dir, timeout = options.timeout })
  if r.rc ~= 0 and not options.may_fail then
    c:fail("docker compose " .. words[1] .. " failed: " .. util.trim(r.stderr), { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
  return r
end

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

local function prepare(c)
  local a = c.args
  if a.project_src and a.check_files_existing and not a.files then
    local found = false
    for _, name in ipairs({ "compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml" }) do
      found = found or c.fs.exists(a.project_src .. "/" .. name)
    end
    if not found then
      c:fail('"' .. a.project_src .. '" does not contain compose.yaml, compose.yml, docker-compose.yaml, or docker-compose.yml')
    end
  end
  if a.definition and not a.project_name then
    c:fail("definition needs project_name: what is the project called?")
  end
  c.state.base, c.state.version = base(c)
  c.state.words, c.state.dir = project_words(c)
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
  prepare(c)
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
  args = docker.args({
    project_src = { type = "path", doc = "Directory of the project." },
    project_name = { doc = "Name of the project; that of the directory without it." },
    files = { type = "list", elements = "path", doc = "Compose files in that directory." },
    definition = { type = "dict", doc = "The project itself, in place of files." },
    env_files = { type = "list", elements = "path", doc = "Files of variables." },
    profiles = { type = "list", elements = "str", doc = "Profiles." },
    check_files_existing = { type = "bool", default = true, doc = "Look whether there is a compose file." },
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
    docker_cli = { type = "path", doc = "The docker program." },
    cli_context = { doc = "Its context." },
  }),
  exclusive = { { "definition", "project_src" }, { "definition", "files" } },
  required_one_of = { { "definition", "project_src" } },
  run = run,
}
