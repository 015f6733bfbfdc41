-- docker_service: a swarm service in three shapes: what the arguments want, what the engine has, and the engine's
-- specification. The first two are flat tables of the same names, compared one by one.

local util = use("util")
local docker = use("docker")

local service = {}

local present = util.present

-- -- what the arguments want -------------------------------------------------------------------------------------------

local function time(c, what, value)
  value = present(value)
  if value == nil then
    return nil
  end
  if tostring(value):match("^%-?%d+$") then
    return math.tointeger(tonumber(value))
  end
  return docker.nanoseconds(value) or c:fail("Error parsing module parameters: " .. what .. ": '" .. tostring(value) .. "' is no time such as 1m30s")
end

local function size(c, what, value)
  value = present(value)
  if value == nil then
    return nil
  end
  return docker.bytes(value) or c:fail("Error parsing module parameters: Failed to convert " .. what .. " to bytes: '" .. value .. "' is no size")
end

local function texts(values)
  if not values then
    return nil
  end
  local out = dict({})
  for name, value in pairs(values) do
    out[name] = tostring(value)
  end
  return out
end

local function environment(c)
  local env = c.args.env
  if env == nil and not c.args.env_files then
    return nil
  end
  if type(env) == "string" then
    env = util.split(env, ",")
  end
  local values = env
  if type(env) == "table" and env[1] ~= nil then
    values = {}
    for _, item in ipairs(env) do
      local name, value = tostring(item):match("^([^=]*)=(.*)$")
      if not name then
        c:fail("Error parsing module parameters: expected KEY=VALUE for each variable of the environment.")
      end
      values[name] = value
    end
  end
  return docker.environment(c, values, c.args.env_files)
end

local function command(c)
  local given = c.args.command
  if type(given) == "string" then
    return util.split_command(c, given)
  elseif type(given) == "table" then
    for i, item in ipairs(given) do
      if type(item) ~= "string" then
        c:fail("Error parsing module parameters: expected texts in the list of a command; quotes may be missing around " ..
          tostring(item) .. " at index " .. (i - 1) .. ".")
      end
    end
    return list(util.copy(given))
  elseif given ~= nil then
    c:fail("Error parsing module parameters: Invalid type for command " .. tostring(given) .. ". Only string or list allowed. Check quoting.")
  end
  return nil
end

local function networks(c)
  if not c.args.networks then
    return nil
  end
  local ids, out = {}, list()
  for _, network in ipairs(docker.call(c, "Error listing networks", "GET", "/networks")) do
    ids[network.Name] = network.Id
  end
  for _, given in ipairs(c.args.networks) do
    local item = type(given) == "string" and { name = given } or given
    if type(item) ~= "table" then
      c:fail("Error parsing module parameters: expected names or dictionaries in the list of networks.")
    elseif not present(item.name) then
      c:fail('Error parsing module parameters: "name" is required when networks are passed as dictionaries.')
    end
    for key in pairs(item) do
      if key ~= "name" and key ~= "aliases" and key ~= "options" then
        c:fail("Error parsing module parameters: " .. key .. " are not valid keys for the networks option")
      end
    end
    out[#out + 1] = {
      id = ids[item.name] or c:fail("Error parsing module parameters: Could not find a network named: '" .. item.name .. "'."),
      aliases = present(item.aliases), options = texts(present(item.options)),
    }
  end
  return out
end

-- The id of a secret or config by its name.
local function id_of(c, kind, name)
  for _, item in ipairs(docker.call(c, "Error listing " .. kind .. "s", "GET", "/" .. kind .. "s",
    { query = { filters = docker.filters(c, { name = name }) } })) do
    if item.Spec.Name == name then
      return item.ID
    end
  end
  c:fail('Could not find a ' .. kind .. ' named "' .. name .. '"')
end

local function references(c, kind)
  local given = c.args[kind .. "s"]
  if not given then
    return nil
  end
  local out = list()
  for _, item in ipairs(given) do
    local name = item[kind .. "_name"]
    out[#out + 1] = {
      id = present(item[kind .. "_id"]) or id_of(c, kind, name), name = name, filename = present(item.filename) or name,
      uid = present(item.uid), gid = present(item.gid), mode = present(item.mode),
    }
  end
  return out
end

local function mounts(c)
  if not c.args.mounts then
    return nil
  end
  local out = list()
  for _, m in ipairs(c.args.mounts) do
    if not present(m.source) and m.type ~= "tmpfs" then
      c:fail("Error parsing module parameters: Source must be specified for mounts which are not of type tmpfs")
    end
    local driver = present(m.driver_config)
    out[#out + 1] = {
      source = present(m.source) or "", target = m.target, type = m.type, readonly = present(m.readonly), labels = texts(present(m.labels)),
      propagation = present(m.propagation), no_copy = present(m.no_copy),
      driver_config = driver and { name = present(driver.name), options = texts(present(driver.options)) },
      tmpfs_size = size(c, "tmpfs_size", m.tmpfs_size), tmpfs_mode = present(m.tmpfs_mode),
    }
  end
  return out
end

local function ports(c)
  if not c.args.publish then
    return nil
  end
  local out = list()
  for _, p in ipairs(c.args.publish) do
    out[#out + 1] = { protocol = p.protocol, mode = present(p.mode), published_port = present(p.published_port), target_port = p.target_port }
  end
  return out
end

-- Those of a dict's keys that were given, as KEYS says: name in the result = { key, kind }.
local function picked(c, what, given, keys)
  local out = {}
  for name, how in pairs(keys) do
    local value = present((given or {})[how[1]])
    if value ~= nil then
      out[name] = how[2] == "time" and time(c, what .. "." .. how[1], value) or how[2] == "size" and size(c, what .. "." .. how[1], value) or value
    end
  end
  return out
end

local UPDATE = {
  update_parallelism = { "parallelism" }, update_delay = { "delay", "time" }, update_failure_action = { "failure_action" },
  update_monitor = { "monitor", "time" }, update_max_failure_ratio = { "max_failure_ratio" }, update_order = { "order" },
}
local ROLLBACK = {
  parallelism = { "parallelism" }, delay = { "delay", "time" }, failure_action = { "failure_action" },
  monitor = { "monitor", "time" }, max_failure_ratio = { "max_failure_ratio" }, order = { "order" },
}
local RESTART = {
  restart_policy = { "condition" }, restart_policy_delay = { "delay", "time" }, restart_policy_attempts = { "max_attempts" },
  restart_policy_window = { "window", "time" },
}
-- Arguments that are taken as they are.
local PLAIN = { "args", "endpoint_mode", "dns", "dns_search", "dns_options", "hostname", "hosts", "tty", "mode", "stop_signal", "user",
  "working_dir", "read_only", "init", "cap_add", "cap_drop", "groups" }

local function preferences(placement)
  local out = list()
  for i, preference in ipairs(present(placement.preferences) or {}) do
    out[i] = preference
  end
  return present(placement.preferences) and out or nil
end

-- The image, with its digest when that is asked for.
local function image(c)
  if not c.args.resolve_image then
    return c.args.image
  end
  local repo, tag = docker.split_tag(c.args.image)
  local name = docker.full_name(repo, tag or "latest")
  local found = docker.call(c, "Error looking for an image named " .. c.args.image, "GET", "/distribution/" .. name .. "/json",
    { headers = docker.registry_auth(c, repo) })
  return name .. "@" .. found.Descriptor.digest
end

-- What the arguments want; `have`: the service there is, or nil.
function service.wanted(c, have)
  local a, want = c.args, {}
  for _, name in ipairs(PLAIN) do
    want[name] = a[name]
  end
  want.image, want.env, want.command = image(c), environment(c), command(c)
  want.labels = a.labels and docker.labels(c, a.labels, "labels")
  want.container_labels = a.container_labels and docker.labels(c, a.container_labels, "container_labels")
  want.sysctls = texts(a.sysctls)
  want.networks, want.mounts, want.publish = networks(c), mounts(c), ports(c)
  want.secrets, want.configs = references(c, "secret"), references(c, "config")
  want.healthcheck = docker.healthcheck(c, a.healthcheck)
  want.stop_grace_period = time(c, "stop_grace_period", a.stop_grace_period)
  for _, group in ipairs({ picked(c, "update_config", a.update_config, UPDATE), picked(c, "restart_config", a.restart_config, RESTART),
    picked(c, "limits", a.limits, { limit_cpu = { "cpus" }, limit_memory = { "memory", "size" } }),
    picked(c, "reservations", a.reservations, { reserve_cpu = { "cpus" }, reserve_memory = { "memory", "size" } }),
    picked(c, "logging", a.logging, { log_driver = { "driver" }, log_driver_options = { "options" } }) }) do
    for name, value in pairs(group) do
      want[name] = value
    end
  end
  want.log_driver_options = texts(want.log_driver_options)
  want.rollback_config = a.rollback_config and picked(c, "rollback_config", a.rollback_config, ROLLBACK)
  local placement = a.placement or {}
  want.constraints, want.replicas_max_per_node = present(placement.constraints), present(placement.replicas_max_per_node)
  want.placement_preferences = preferences(placement)
  if want.mode == "replicated" then
    want.replicas = a.replicas ~= -1 and a.replicas or have and have.replicas or 1
  end
  return want
end

-- -- what the engine has -----------------------------------------------------------------------------------------------

-- The value at a path of keys, nil when a part of it is missing.
local function at(value, ...)
  for _, key in ipairs({ ... }) do
    value = type(value) == "table" and present(value[key]) or nil
  end
  return value
end

local function whole(value)
  return value and math.tointeger(value) or value
end

local function had_hosts(values)
  local out = {}
  for _, line in ipairs(values or {}) do
    local address, name = line:match("^(%S+) (%S+)$")
    if not address then
      name, address = line:match("^([^:]+):(.+)$")
    end
    out[name or line] = address
  end
  return out
end

local function had_mounts(values)
  local out = {}
  for i, m in ipairs(values or {}) do
    local driver = at(m, "VolumeOptions", "DriverConfig")
    out[i] = {
      source = present(m.Source) or "", target = m.Target, type = m.Type, readonly = present(m.ReadOnly), propagation = at(m, "BindOptions", "Propagation"),
      no_copy = at(m, "VolumeOptions", "NoCopy"), labels = at(m, "VolumeOptions", "Labels"),
      driver_config = driver and { name = present(driver.Name), options = present(driver.Options) },
      tmpfs_mode = whole(at(m, "TmpfsOptions", "Mode")), tmpfs_size = whole(at(m, "TmpfsOptions", "SizeBytes")),
    }
  end
  return out
end

local function had_references(values, kind)
  local out = {}
  for i, item in ipairs(values or {}) do
    out[i] = {
      id = item[kind .. "ID"], name = item[kind .. "Name"], filename = at(item, "File", "Name"), uid = at(item, "File", "UID"),
      gid = at(item, "File", "GID"), mode = whole(at(item, "File", "Mode")),
    }
  end
  return out
end

local function had_ports(values)
  local out = {}
  for i, p in ipairs(values or {}) do
    out[i] = { protocol = p.Protocol, mode = present(p.PublishMode), published_port = whole(present(p.PublishedPort)), target_port = whole(p.TargetPort) }
  end
  return out
end

local function had_networks(values)
  local out = {}
  for i, n in ipairs(values or {}) do
    out[i] = { id = n.Target, aliases = present(n.Aliases), options = present(n.DriverOpts) }
  end
  return out
end

local function had_preferences(values)
  local out = {}
  for i, p in ipairs(values or {}) do
    out[i] = {}
    for key, value in pairs(p) do
      out[i][key:lower()] = value.SpreadDescriptor
    end
  end
  return out
end

local function config(values)
  return {
    parallelism = whole(at(values, "Parallelism")), delay = whole(at(values, "Delay")), failure_action = at(values, "FailureAction"),
    monitor = whole(at(values, "Monitor")), max_failure_ratio = at(values, "MaxFailureRatio"), order = at(values, "Order"),
  }
end

-- What the engine says of a service, in the names of `service.wanted`.
function service.found(raw)
  local spec, task, box = raw.Spec, raw.Spec.TaskTemplate, raw.Spec.TaskTemplate.ContainerSpec
  local update = config(present(spec.UpdateConfig))
  local cpu, reserved = at(task, "Resources", "Limits", "NanoCPUs"), at(task, "Resources", "Reservations", "NanoCPUs")
  return {
    id = raw.ID, version = whole(raw.Version.Index), image = box.Image, user = present(box.User), env = present(box.Env), command = present(box.Command),
    args = present(box.Args), groups = present(box.Groups), stop_grace_period = whole(present(box.StopGracePeriod)), stop_signal = present(box.StopSignal),
    working_dir = present(box.Dir), read_only = present(box.ReadOnly), cap_add = present(box.CapabilityAdd), cap_drop = present(box.CapabilityDrop),
    sysctls = present(box.Sysctls), healthcheck = present(box.Healthcheck), hostname = present(box.Hostname), hosts = had_hosts(present(box.Hosts)),
    tty = present(box.TTY), init = present(box.Init) or false, container_labels = present(box.Labels), labels = present(spec.Labels),
    update_delay = update.delay, update_parallelism = update.parallelism, update_failure_action = update.failure_action,
    update_monitor = update.monitor, update_max_failure_ratio = update.max_failure_ratio, update_order = update.order,
    rollback_config = config(present(spec.RollbackConfig)), dns = at(box, "DNSConfig", "Nameservers"), dns_search = at(box, "DNSConfig", "Search"),
    dns_options = at(box, "DNSConfig", "Options"), constraints = at(task, "Placement", "Constraints"),
    replicas_max_per_node = whole(at(task, "Placement", "MaxReplicas")), placement_preferences = had_preferences(at(task, "Placement", "Preferences")),
    restart_policy = at(task, "RestartPolicy", "Condition"), restart_policy_delay = whole(at(task, "RestartPolicy", "Delay")),
    restart_policy_attempts = whole(at(task, "RestartPolicy", "MaxAttempts")), restart_policy_window = whole(at(task, "RestartPolicy", "Window")),
    endpoint_mode = at(spec, "EndpointSpec", "Mode"), publish = had_ports(at(spec, "EndpointSpec", "Ports")),
    limit_cpu = cpu and cpu / 1e9, limit_memory = whole(at(task, "Resources", "Limits", "MemoryBytes")),
    reserve_cpu = reserved and reserved / 1e9, reserve_memory = whole(at(task, "Resources", "Reservations", "MemoryBytes")),
    log_driver = at(task, "LogDriver", "Name"), log_driver_options = at(task, "LogDriver", "Options"),
    mode = at(spec, "Mode", "Replicated") and "replicated" or "global", replicas = whole(at(spec, "Mode", "Replicated", "Replicas")),
    mounts = had_mounts(present(box.Mounts)), secrets = had_references(present(box.Secrets), "Secret"), configs = had_references(present(box.Configs), "Config"),
    networks = had_networks(present(task.Networks) or present(spec.Networks)),
  }
end

-- -- comparing ---------------------------------------------------------------------------------------------------------

-- Nothing, an empty text, list or dict, false and 0 are the same to the engine.
local function empty(value)
  return value == nil or value == false or value == "" or value == 0 or type(value) == "table" and next(value) == nil
end

-- Whether what is wanted of a dict is there; what it does not name may be anything.
local function within(want, have)
  for key, value in pairs(want) do
    local other = (have or {})[key]
    if not util.equal(value, other) and not (empty(value) and empty(other)) then
      return false
    end
  end
  return true
end

local function sorted(values, key)
  local out = util.copy(values or {})
  table.sort(out, function(x, y) return tostring(key and x[key] or x) < tostring(key and y[key] or y) end)
  return out
end

local function same_list(want, have, key)
  have = have or {}
  if #want ~= #have then
    return false
  end
  local x, y = key ~= nil and sorted(want, key) or want, key ~= nil and sorted(have, key) or have
  for i, item in ipairs(x) do
    if type(item) == "table" and not within(item, y[i]) or type(item) ~= "table" and item ~= y[i] then
      return false
    end
  end
  return true
end

local function same_networks(want, have)
  local function ordered(values)
    local out = {}
    for i, n in ipairs(values or {}) do
      out[i] = util.copy(n)
      out[i].aliases = n.aliases and sorted(n.aliases)
    end
    return out
  end
  return same_list(ordered(want), ordered(have), "id")
end

local function same_ports(want, have)
  local function ordered(values, like)
    local out = {}
    for i, p in ipairs(values or {}) do
      out[i] = ("%05d %05d %s"):format(p.published_port or 0, p.target_port or 0, p.protocol or "")
    end
    return sorted(out), like
  end
  if not util.equal(ordered(want), ordered(have)) then
    return false
  end
  for _, p in ipairs(want) do
    local met = false
    for _, q in ipairs(have or {}) do
      met = met or (q.target_port == p.target_port and q.protocol == p.protocol and (p.mode == nil or p.mode == q.mode))
    end
    if not met then
      return false
    end
  end
  return true
end

-- How each name is compared; nil: as it is.
local HOW = {
  env = { "list", false }, groups = { "list", false }, constraints = { "list", false }, dns_options = { "list", false }, cap_add = { "list", false },
  cap_drop = { "list", false }, command = { "list" }, args = { "list" }, dns = { "list" }, dns_search = { "list" }, placement_preferences = { "list" },
  mounts = { "list", "target" }, configs = { "list", "name" }, secrets = { "list", "name" }, networks = { "networks" }, publish = { "publish" },
  rollback_config = { "within" }, healthcheck = { "healthcheck" }, image = { "image" }, hosts = { "map" }, labels = { "map" },
  container_labels = { "map" }, sysctls = { "map" }, log_driver_options = { "map" }, user = { "text" }, working_dir = { "text" }, hostname = { "text" },
}
-- The name a difference is told by, where it is another one.
local TOLD = { log_driver_options = "log_opt", working_dir = "working_dir" }

local function same(name, want, have)
  local how = HOW[name] or { "plain" }
  if how[1] == "list" then
    return same_list(want, have, how[2])
  elseif how[1] == "networks" then
    return same_networks(want, have)
  elseif how[1] == "publish" then
    return same_ports(want, have)
  elseif how[1] == "within" then
    return within(want, have)
  elseif how[1] == "healthcheck" then
    local off = want.Test and want.Test[1] == "NONE"
    return util.equal(want, have) or off and have == nil
  elseif how[1] == "image" then
    return want == have or not want:find("@", 1, true) and want == util.split(have, "@")[1]
  elseif how[1] == "map" then
    return util.equal(want, have or {})
  elseif how[1] == "text" then
    return want == (have or "")
  end
  return want == have or (want == false and have == nil)
end

-- What differs: { name, now, want }, by name.
function service.differences(want, have)
  local out = {}
  for _, name in ipairs(util.keys(want)) do
    if not same(name, want[name], have[name]) then
      out[#out + 1] = { TOLD[name] or name, have[name], want[name] }
    end
  end
  return out
end

-- -- the engine's specification ----------------------------------------------------------------------------------------

local function group(values)
  local out = dict({})
  for key, value in pairs(values) do
    out[key] = value
  end
  return next(out) ~= nil and out or nil
end

local function spec_mounts(values)
  local out = values and list()
  for i, m in ipairs(values or {}) do
    local driver = m.driver_config
    out[i] = {
      Target = m.target, Source = m.source ~= "" and m.source or nil, Type = m.type, ReadOnly = m.readonly or false,
      BindOptions = group({ Propagation = m.propagation }),
      VolumeOptions = group({ NoCopy = m.no_copy, Labels = m.labels, DriverConfig = driver and group({ Name = driver.name, Options = driver.options }) }),
      TmpfsOptions = group({ SizeBytes = m.tmpfs_size, Mode = m.tmpfs_mode }),
    }
  end
  return out
end

local function spec_references(values, kind)
  local out = values and list()
  for i, r in ipairs(values or {}) do
    out[i] = {
      [kind .. "ID"] = r.id, [kind .. "Name"] = r.name,
      File = { Name = r.filename, UID = r.uid or "0", GID = r.gid or "0", Mode = r.mode or 292 },
    }
  end
  return out
end

local function spec_hosts(values)
  local out = values and list()
  for _, name in ipairs(util.keys(values)) do
    out[#out + 1] = values[name] .. " " .. name
  end
  return out
end

local function spec_config(values)
  return group({
    Parallelism = values.parallelism, Delay = values.delay, FailureAction = values.failure_action, Monitor = values.monitor,
    MaxFailureRatio = values.max_failure_ratio, Order = values.order,
  })
end

local function spec_networks(values)
  local out = values and #values > 0 and list() or nil
  for i, n in ipairs(out and values or {}) do
    out[i] = { Target = n.id, Aliases = n.aliases, DriverOpts = n.options }
  end
  return out
end

local function spec_ports(values)
  local out = values and list()
  for i, p in ipairs(values or {}) do
    out[i] = { Protocol = p.protocol, TargetPort = p.target_port, PublishedPort = p.published_port, PublishMode = p.mode }
  end
  return out
end

local function spec_preferences(values)
  local out = values and list()
  for i, p in ipairs(values or {}) do
    out[i] = dict({})
    for key, value in pairs(p) do
      out[i][key:sub(1, 1):upper() .. key:sub(2):lower()] = { SpreadDescriptor = value }
    end
  end
  return out
end

local function spec_container(w)
  return {
    Image = w.image, Command = w.command, Args = w.args, Env = w.env, User = w.user, Labels = w.container_labels, Sysctls = w.sysctls,
    Healthcheck = w.healthcheck, Hostname = w.hostname, Hosts = spec_hosts(w.hosts), ReadOnly = w.read_only, StopGracePeriod = w.stop_grace_period,
    StopSignal = w.stop_signal, TTY = w.tty, Groups = w.groups, Dir = w.working_dir, Init = w.init, CapabilityAdd = w.cap_add, CapabilityDrop = w.cap_drop,
    Mounts = spec_mounts(w.mounts), Secrets = spec_references(w.secrets, "Secret"), Configs = spec_references(w.configs, "Config"),
    DNSConfig = group({ Nameservers = w.dns, Search = w.dns_search, Options = w.dns_options }),
  }
end

-- The specification for POST /services. `force`: a number that makes the engine start all tasks anew.
function service.spec(name, w, force)
  local function nano(cpus)
    return cpus and math.floor(cpus * 1e9)
  end
  return {
    Name = name, Labels = w.labels,
    TaskTemplate = {
      ContainerSpec = spec_container(w), ForceUpdate = force, Networks = spec_networks(w.networks),
      Placement = group({ Constraints = w.constraints, MaxReplicas = w.replicas_max_per_node, Preferences = spec_preferences(w.placement_preferences) }),
      RestartPolicy = group({ Condition = w.restart_policy, Delay = w.restart_policy_delay, MaxAttempts = w.restart_policy_attempts, Window = w.restart_policy_window }),
      LogDriver = group({ Name = w.log_driver, Options = w.log_driver_options }),
      Resources = group({
        Limits = group({ NanoCPUs = nano(w.limit_cpu), MemoryBytes = w.limit_memory }),
        Reservations = group({ NanoCPUs = nano(w.reserve_cpu), MemoryBytes = w.reserve_memory }),
      }),
    },
    Mode = w.mode == "global" and { Global = dict({}) } or { Replicated = { Replicas = w.replicas } },
    UpdateConfig = spec_config({
      parallelism = w.update_parallelism, delay = w.update_delay, failure_action = w.update_failure_action, monitor = w.update_monitor,
      max_failure_ratio = w.update_max_failure_ratio, order = w.update_order,
    }),
    RollbackConfig = w.rollback_config and spec_config(w.rollback_config),
    EndpointSpec = group({ Mode = w.endpoint_mode, Ports = spec_ports(w.publish) }),
  }
end

return service
