-- docker_swarm_info: what a manager knows of its swarm.

local util = use("util")
local docker = use("docker")

local function node_facts(item)
  local manager = util.present(item.ManagerStatus)
  return {
    ID = item.ID, Hostname = item.Description.Hostname, Status = item.Status.State, Availability = item.Spec.Availability,
    ManagerStatus = manager and (manager.Leader and "Leader" or manager.Reachability) or null,
    EngineVersion = item.Description.Engine.EngineVersion,
  }
end

local function service_facts(item, count)
  local mode, spec = item.Spec.Mode, item.Spec
  local replicated = util.present(mode.Replicated)
  local ports = util.present(spec.EndpointSpec) and util.present(spec.EndpointSpec.Ports)
  local out = { ID = item.ID, Name = spec.Name, Image = spec.TaskTemplate.ContainerSpec.Image, Ports = ports or list() }
  out.Mode = replicated and "Replicated" or util.present(mode.Global) and "Global" or nil
  out.Replicas = replicated and replicated.Replicas or out.Mode and count or nil
  return out
end

local function task_facts(c, item)
  local status = item.Status
  local container = util.present(status.ContainerStatus)
  local node = util.present(item.NodeID) and docker.find(c, "/nodes/" .. item.NodeID)
  return {
    ID = item.ID, ContainerID = container and container.ContainerID or null, Image = item.Spec.ContainerSpec.Image,
    Node = node and node.Description.Hostname or null, DesiredState = item.DesiredState, CurrentState = status.State,
    Error = util.present(status.Err) or null,
  }
end

local function listed(c, kind)
  local items = docker.call(c, "Error inspecting docker swarm for object '" .. kind .. "'", "GET", "/" .. kind,
    { query = { filters = docker.filters(c, c.args[kind .. "_filters"]) } })
  if c.args.verbose_output then
    return items
  end
  local out = list()
  for i, item in ipairs(items) do
    out[i] = kind == "nodes" and node_facts(item) or kind == "tasks" and task_facts(c, item) or service_facts(item, #items)
  end
  return out
end

local function run(c)
  local info = docker.call(c, "Error inspecting docker host", "GET", "/info")
  local swarm = util.present(info.Swarm) or {}
  local active = util.present(swarm.NodeID) ~= nil and swarm.NodeID ~= ""
  local manager = active and swarm.ControlAvailable == true
  c:set("can_talk_to_docker", true)
  c:set("docker_swarm_active", active)
  c:set("docker_swarm_manager", manager)
  if not manager then
    c:fail("Error running docker swarm module: must run on swarm manager node")
  end
  c:set("swarm_facts", docker.call(c, "Error inspecting docker swarm", "GET", "/swarm"))
  for _, kind in ipairs({ "tasks", "services", "nodes" }) do
    if c.args[kind] then
      c:set(kind, listed(c, kind))
    end
  end
  if c.args.unlock_key then
    local key = docker.find(c, "/swarm/unlockkey")
    c:set("swarm_unlock_key", key and util.present(key.UnlockKey) ~= "" and util.present(key.UnlockKey) or null)
  end
end

return {
  doc = "Tell about the swarm of a manager.",
  spec = "community.docker.docker_swarm_info",
  example = "- community.docker.docker_swarm_info:\n    nodes: true\n  register: swarm",
  returns = "swarm_facts: The swarm, with its tokens.\nnodes: Its nodes.\nservices: Its services.\ntasks: Its tasks.\nswarm_unlock_key: The key that unlocks a manager.\ndocker_swarm_active: Whether this host is in a swarm.\ndocker_swarm_manager: Whether it manages it.\ncan_talk_to_docker: Whether the engine answers.",
  side = "target",
  check = "full",
  diff = "none",
  args = docker.args({
    nodes = { type = "bool", default = false, doc = "List the nodes." },
    nodes_filters = { type = "dict", doc = "Only those nodes." },
    services = { type = "bool", default = false, doc = "List the services." },
    services_filters = { type = "dict", doc = "Only those services." },
    tasks = { type = "bool", default = false, doc = "List the tasks." },
    tasks_filters = { type = "dict", doc = "Only those tasks." },
    unlock_key = { type = "bool", default = false, doc = "Tell the key that unlocks a manager." },
    verbose_output = { type = "bool", default = false, doc = "All that the engine knows." },
  }),
  run = run,
}
