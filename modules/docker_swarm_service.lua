-- docker_swarm_service: services of a swarm: made, changed in what differs, made anew when the mode differs, removed.

local util = use("util")
local docker = use("docker")
local service = use("docker_service")

local function address(c)
  return "/services/" .. docker.escaped(c.args.name)
end

local function create(c, want)
  local made = docker.call(c, "Error creating service " .. c.args.name, "POST", "/services/create", { body = service.spec(c.args.name, want, c.state.force) })
  if util.present(made.Warning) then
    c:warn("Docker warning: " .. made.Warning)
  end
end

-- Changes the service; when somebody else changed it in between, once more with its new version.
local function update(c, want, have)
  local body, version, tries = service.spec(c.args.name, want, c.state.force), have.version, 3
  while true do
    local status, answer = docker.request(c, "POST", "/services/" .. have.id .. "/update", { query = { version = version }, body = body })
    tries = tries - 1
    if status < 400 then
      for _, text in ipairs(type(answer) == "table" and util.present(answer.Warnings) or {}) do
        c:warn("Docker warning: " .. text)
      end
      return
    elseif tries == 0 or not docker.message(answer):find("update out of sequence", 1, true) then
      c:fail("Error updating service " .. c.args.name .. ": " .. status .. " from the Docker engine (" .. docker.message(answer) .. ")")
    end
    c.sleep(1)
    version = service.found(docker.find(c, address(c))).version
  end
end

local function remove(c)
  docker.call(c, "Error removing service " .. c.args.name, "DELETE", address(c))
end

local function facts(want)
  local out = dict({})
  for name, value in pairs(want) do
    out[name] = value
  end
  return out
end

local function told(c, msg, rebuilt)
  c:set("msg", msg)
  c:set("rebuilt", rebuilt or false)
  if msg ~= "Service unchanged" and msg ~= "Service absent" then
    c:changed()
  end
end

local function absent(c, have)
  if not have then
    return told(c, "Service absent")
  end
  if not c.check then
    remove(c)
  end
  told(c, "Service removed")
end

local function present(c, have)
  local want = service.wanted(c, have)
  c:set("swarm_service", facts(want))
  if not have then
    if not c.check then
      create(c, want)
    end
    return told(c, "Service created")
  end
  local differences, changes, rebuild = service.differences(want, have), list(), false
  for _, d in ipairs(differences) do
    local entry = dict({})
    entry[d[1]] = { parameter = d[3], container = d[2] == nil and null or d[2] }
    changes[#changes + 1] = entry
    rebuild = rebuild or d[1] == "mode"
    c:differs(d[1], d[2] == nil and null or d[2], d[3])
  end
  c:set("changes", changes)
  if #differences == 0 and not c.args.force_update then
    return told(c, "Service unchanged")
  end
  if not c.check and rebuild then
    remove(c)
    create(c, want)
  elseif not c.check then
    update(c, want, have)
  end
  told(c, rebuild and "Service rebuilt" or "Service updated", rebuild)
end

local function run(c)
  local raw = docker.find(c, address(c))
  local have = raw and service.found(raw)
  c:set("changes", list())
  c:set("swarm_service", dict())
  if c.args.force_update then
    c.state.force = math.floor(c.now())
  end
  if c.args.state == "absent" then
    absent(c, have)
  else
    present(c, have)
  end
end

local function file_options(kind)
  return {
    [kind .. "_id"] = { doc = "Its id; looked up when it is not given." },
    [kind .. "_name"] = { required = true, doc = "Its name." },
    filename = { doc = "Name of the file; that of the " .. kind .. "." },
    uid = { doc = "Owner of the file." }, gid = { doc = "Group of the file." }, mode = { type = "int", doc = "Its permissions." },
  }
end

local function config_options(actions)
  return {
    parallelism = { type = "int", doc = "Tasks at the same time." }, delay = { doc = "Time between them." },
    failure_action = { choices = actions, doc = "What happens when one fails." }, monitor = { doc = "How long each is watched." },
    max_failure_ratio = { type = "float", doc = "Failures that are borne." }, order = { doc = "stop-first or start-first." },
  }
end

return {
  doc = "Make, change and remove services of a Docker swarm.",
  spec = "community.docker.docker_swarm_service",
  example = "- community.docker.docker_swarm_service:\n    name: web\n    image: registry.example.org/web:1.4\n    replicas: 3\n    publish:\n      - published_port: 80\n        target_port: 8080",
  returns = "swarm_service: What the service is to be.\nchanges: What differed.\nrebuilt: Whether it was made anew.",
  side = "target",
  check = "full",
  diff = "full",
  args = docker.args({
    name = { required = true, doc = "Name of the service." },
    image = { doc = "Its image; needed unless it is removed." },
    state = { default = "present", choices = { "present", "absent" }, doc = "Whether it is to be there." },
    resolve_image = { type = "bool", default = false, doc = "Ask the registry for the image's digest." },
    command = { type = "raw", doc = "Command, as a line or as words." },
    args = { type = "list", elements = "str", doc = "Words behind the command." },
    env = { type = "raw", doc = "Environment: a dict, or a list of NAME=VALUE." },
    env_files = { type = "list", elements = "path", doc = "Files of variables." },
    user = { doc = "User in the containers." }, groups = { type = "list", elements = "str", doc = "More groups of it." },
    working_dir = { doc = "Directory the command runs in." }, hostname = { doc = "Host name of the containers." },
    hosts = { type = "dict", doc = "More host names, with their addresses." }, tty = { type = "bool", doc = "On a terminal." },
    read_only = { type = "bool", doc = "The root file system is not written." }, init = { type = "bool", doc = "An init process in the containers." },
    cap_add = { type = "list", elements = "str", doc = "Capabilities they get." }, cap_drop = { type = "list", elements = "str", doc = "Capabilities they lose." },
    sysctls = { type = "dict", doc = "Settings of the kernel." }, labels = { type = "dict", doc = "Labels of the service." },
    container_labels = { type = "dict", doc = "Labels of the containers." }, dns = { type = "list", elements = "str", doc = "Name servers." },
    dns_search = { type = "list", elements = "str", doc = "Domains names are looked for in." },
    dns_options = { type = "list", elements = "str", doc = "Options of resolv.conf." },
    stop_grace_period = { doc = "Time to stop." }, stop_signal = { doc = "Signal to stop." },
    mode = { default = "replicated", choices = { "replicated", "global" }, doc = "So many tasks, or one on each node." },
    replicas = { type = "int", default = -1, doc = "How many tasks; -1: as it is, one when it is new." },
    endpoint_mode = { choices = { "vip", "dnsrr" }, doc = "How it is reached by its name." },
    force_update = { type = "bool", default = false, doc = "Start all tasks anew." },
    networks = { type = "list", elements = "raw", doc = "Networks: names, or dicts of name, aliases and options." },
    publish = {
      type = "list", elements = "dict", doc = "Ports.",
      options = {
        published_port = { type = "int", doc = "Outside." }, target_port = { type = "int", required = true, doc = "In the containers." },
        protocol = { default = "tcp", choices = { "tcp", "udp" }, doc = "Protocol." }, mode = { choices = { "ingress", "host" }, doc = "On all nodes, or on those of the tasks." },
      },
    },
    mounts = {
      type = "list", elements = "dict", doc = "What is mounted.",
      options = {
        source = { doc = "Directory of the node, or volume." }, target = { required = true, doc = "Where in the containers." },
        type = { default = "bind", choices = { "bind", "volume", "tmpfs", "npipe" }, doc = "Kind." }, readonly = { type = "bool", doc = "Not written." },
        labels = { type = "dict", doc = "Labels of the volume." }, no_copy = { type = "bool", doc = "Do not fill the volume from the image." },
        propagation = { choices = { "shared", "slave", "private", "rshared", "rslave", "rprivate" }, doc = "Propagation of mounts." },
        driver_config = { type = "dict", doc = "Driver of the volume.", options = { name = { doc = "Name." }, options = { type = "dict", doc = "Its options." } } },
        tmpfs_size = { doc = "Size." }, tmpfs_mode = { type = "int", doc = "Permissions." },
      },
    },
    secrets = { type = "list", elements = "dict", doc = "Secrets, as files.", options = file_options("secret") },
    configs = { type = "list", elements = "dict", doc = "Configs, as files.", options = file_options("config") },
    logging = { type = "dict", doc = "Logging.", options = { driver = { doc = "Driver." }, options = { type = "dict", doc = "Its options." } } },
    limits = { type = "dict", doc = "Limits.", options = { cpus = { type = "float", doc = "Processors." }, memory = { doc = "Memory." } } },
    reservations = { type = "dict", doc = "What must be free.", options = { cpus = { type = "float", doc = "Processors." }, memory = { doc = "Memory." } } },
    placement = {
      type = "dict", doc = "On which nodes.",
      options = {
        constraints = { type = "list", elements = "str", doc = "Conditions." }, preferences = { type = "list", elements = "dict", doc = "How tasks are spread." },
        replicas_max_per_node = { type = "int", doc = "So many on a node." },
      },
    },
    healthcheck = {
      type = "dict", doc = "How health is checked.",
      options = {
        test = { type = "raw", doc = "Command; [NONE] switches it off." }, interval = { doc = "Time between two." }, timeout = { doc = "Time for one." },
        start_period = { doc = "Time failures do not count." }, retries = { type = "int", doc = "Failures that count." },
      },
    },
    restart_config = {
      type = "dict", doc = "When tasks are started again.",
      options = {
        condition = { choices = { "none", "on-failure", "any" }, doc = "After what." }, delay = { doc = "Time between." },
        max_attempts = { type = "int", doc = "Tries." }, window = { doc = "Time in which they count." },
      },
    },
    update_config = { type = "dict", doc = "How tasks are replaced.", options = config_options({ "continue", "pause", "rollback" }) },
    rollback_config = { type = "dict", doc = "How they are put back.", options = config_options({ "continue", "pause" }) },
  }),
  required_if = { { "state", "present", { "image" } } },
  run = run,
}
