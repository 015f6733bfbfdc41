-- docker_swarm: this host as the first of a swarm, as one that joins it, or as one that leaves.

local util = use("util")
local docker = use("docker")

local function info(c)
  local answer = docker.call(c, "Error inspecting docker host", "GET", "/info")
  local swarm = util.present(answer.Swarm) or {}
  return { active = swarm.LocalNodeState == "active" or swarm.LocalNodeState == "pending", manager = swarm.ControlAvailable == true, id = swarm.NodeID }
end

local function node_spec(c)
  local a, out = c.args, dict({})
  local function group(name, pairs_of)
    local t = dict({})
    for key, value in pairs(pairs_of) do
      t[key] = value
    end
    if next(t) then
      out[name] = t
    end
  end
  group("Orchestration", { TaskHistoryRetentionLimit = a.task_history_retention_limit })
  group("Raft", {
    SnapshotInterval = a.snapshot_interval, KeepOldSnapshots = a.keep_old_snapshots, HeartbeatTick = a.heartbeat_tick,
    LogEntriesForSlowFollowers = a.log_entries_for_slow_followers, ElectionTick = a.election_tick,
  })
  group("Dispatcher", { HeartbeatPeriod = a.dispatcher_heartbeat_period })
  group("CAConfig", {
    NodeCertExpiry = a.node_cert_expiry, SigningCACert = a.signing_ca_cert, SigningCAKey = a.signing_ca_key, ForceRotate = a.ca_force_rotate,
  })
  group("EncryptionConfig", { AutoLockManagers = a.autolock_managers })
  if a.name then
    out.Name = a.name
  end
  if a.labels then
    out.Labels = docker.labels(c, a.labels, "labels")
  end
  return out
end

local function merged(base, over)
  local out = util.copy(base)
  for key, value in pairs(over) do
    if type(value) == "table" and type(out[key]) == "table" and key ~= "Labels" then
      out[key] = merged(out[key], value)
    else
      out[key] = value
    end
  end
  return dict(out)
end

-- What the engine says of the swarm, with the key of its lock when the lock is new.
local function inspect(c, new_lock)
  local status, swarm = docker.request(c, "GET", "/swarm")
  if status >= 400 then
    return nil
  end
  local unlock = new_lock and docker.find(c, "/swarm/unlockkey")
  swarm.UnlockKey = unlock and unlock.UnlockKey or null
  return swarm
end

local function act(c, text, what, method, path, options)
  c:set("actions", list({ text }))
  c:changed()
  if not c.check then
    docker.call(c, what, method, path, options)
  end
end

local function init(c)
  local a = c.args
  act(c, "New Swarm cluster created: None", "Can not create a new Swarm Cluster", "POST", "/swarm/init", { body = {
    AdvertiseAddr = a.advertise_addr, ListenAddr = a.listen_addr, ForceNewCluster = a.force, DefaultAddrPool = a.default_addr_pool,
    SubnetSize = a.subnet_size, DataPathAddr = a.data_path_addr, DataPathPort = a.data_path_port, Spec = node_spec(c),
  }, timeout = 60 })
  local swarm = inspect(c, a.autolock_managers)
  if not c.check and not swarm then
    c:fail("Swarm not created or other error!")
  elseif swarm then
    c:set("actions", list({ "New Swarm cluster created: " .. swarm.ID }))
  end
  c:set("swarm_facts", { JoinTokens = swarm and swarm.JoinTokens or null, UnlockKey = swarm and swarm.UnlockKey or null })
end

local function update(c)
  local swarm = docker.call(c, "Error inspecting the swarm", "GET", "/swarm")
  local wanted = merged(swarm.Spec, node_spec(c))
  local rotate = c.args.rotate_worker_token or c.args.rotate_manager_token
  if util.equal(wanted, swarm.Spec) and not rotate then
    c:set("actions", list({ "No modification" }))
    c:set("swarm_facts", inspect(c))
    return
  end
  c:differs("spec", swarm.Spec, wanted)
  act(c, "Swarm cluster updated", "Can not update a Swarm Cluster", "POST", "/swarm/update", {
    query = {
      version = math.tointeger(swarm.Version.Index), rotateWorkerToken = tostring(c.args.rotate_worker_token),
      rotateManagerToken = tostring(c.args.rotate_manager_token),
    },
    body = wanted,
  })
  local locked = util.present(swarm.Spec.EncryptionConfig) and util.present(swarm.Spec.EncryptionConfig.AutoLockManagers) or false
  c:set("swarm_facts", inspect(c, c.args.autolock_managers and not locked))
end

local function run(c)
  local a, now = c.args, info(c)
  c:set("actions", list())
  if a.state == "present" then
    if now.active and now.manager and not a.force then
      update(c)
    elseif now.active and not a.force then
      c:fail("this host is in a swarm already, as a worker: it cannot make a new one (force does)")
    else
      init(c)
    end
  elseif a.state == "join" then
    if now.active then
      c:set("actions", list({ "This node is already part of a swarm." }))
      return
    end
    act(c, "New node is added to swarm cluster", "Can not join the Swarm Cluster", "POST", "/swarm/join", { body = {
      RemoteAddrs = a.remote_addrs, JoinToken = a.join_token, ListenAddr = a.listen_addr, AdvertiseAddr = a.advertise_addr,
      DataPathAddr = a.data_path_addr,
    }, timeout = 60 })
  elseif a.state == "absent" then
    if not now.active then
      c:set("actions", list({ "This node is not part of a swarm." }))
      return
    end
    act(c, "Node has left the swarm cluster", "This node can not leave the Swarm Cluster", "POST", "/swarm/leave",
      { query = { force = tostring(a.force) }, timeout = 60 })
  else
    if not now.manager then
      c:fail("This node is not a manager.")
    end
    local node = docker.find(c, "/nodes/" .. docker.escaped(a.node_id))
      or c:fail("Error while reading from Swarm manager: the swarm has no node '" .. a.node_id .. "'")
    local tries = 0
    while node.Status.State ~= "down" and tries < 4 do
      c.sleep(5)
      tries = tries + 1
      node = docker.find(c, "/nodes/" .. docker.escaped(a.node_id)) or node
    end
    if node.Status.State ~= "down" then
      c:fail("Can not remove the node. The status node is ready and not down.")
    end
    act(c, "Node is removed from swarm cluster.", "Can not remove the node from the Swarm Cluster", "DELETE", "/nodes/" .. node.ID,
      { query = { force = tostring(a.force) } })
  end
end

return {
  doc = "Make a Docker swarm, join it or leave it.",
  spec = "community.docker.docker_swarm",
  example = "- community.docker.docker_swarm:\n    state: present\n    advertise_addr: 192.168.1.1\n  register: swarm",
  returns = "swarm_facts: JoinTokens (Worker and Manager) and UnlockKey of a new swarm; of one that was there, all that the engine says of it, and UnlockKey.\nactions: What was done.",
  side = "target",
  check = "partial",
  diff = "full",
  args = docker.args({
    state = { default = "present", choices = { "present", "join", "absent", "remove" }, doc = "present: a swarm; join: in one; absent: left; remove: another node removed." },
    advertise_addr = { doc = "Address the others reach this host at." },
    listen_addr = { default = "0.0.0.0:2377", doc = "Address it listens on." },
    default_addr_pool = { type = "list", elements = "str", doc = "Pools of addresses for networks." },
    subnet_size = { type = "int", doc = "Size of their subnets." },
    data_path_addr = { doc = "Address for the containers' traffic." },
    data_path_port = { type = "int", doc = "Port for it." },
    force = { type = "bool", default = false, doc = "A new swarm in place of the old one; leave or remove in any case." },
    node_id = { doc = "Node to remove." },
    join_token = { no_log = true, doc = "Token to join with." },
    remote_addrs = { type = "list", elements = "str", doc = "Managers to join." },
    task_history_retention_limit = { type = "int", doc = "Tasks that are remembered." },
    snapshot_interval = { type = "int", doc = "Entries between snapshots." },
    keep_old_snapshots = { type = "int", doc = "Snapshots that stay." },
    log_entries_for_slow_followers = { type = "int", doc = "Entries that stay for slow managers." },
    heartbeat_tick = { type = "int", doc = "Seconds between heartbeats." },
    election_tick = { type = "int", doc = "Seconds until an election." },
    dispatcher_heartbeat_period = { type = "int", doc = "Nanoseconds between a node's reports." },
    node_cert_expiry = { type = "int", doc = "Nanoseconds a node's certificate is good for." },
    name = { doc = "Name of the swarm." },
    labels = { type = "dict", doc = "Labels." },
    signing_ca_cert = { doc = "Certificate of its authority." },
    signing_ca_key = { no_log = true, doc = "Key of its authority." },
    ca_force_rotate = { type = "int", doc = "A new number: a new authority." },
    autolock_managers = { type = "bool", doc = "Managers need a key after a restart." },
    rotate_worker_token = { type = "bool", default = false, doc = "A new token for workers." },
    rotate_manager_token = { type = "bool", default = false, doc = "A new token for managers." },
  }),
  required_if = { { "state", "join", { "remote_addrs", "join_token" } }, { "state", "remove", { "node_id" } } },
  run = run,
}
