-- docker_container: the arguments of that module, what they are in the API, and how they compare.

local util = use("util")
local docker = use("docker")
local matches = use("docker_compare")

local spec = {}

local function rates(kind)
  return { path = { required = true, doc = "Path of the device." }, rate = { type = kind, required = true, doc = "The limit." } }
end

spec.args = {
  name = { required = true, doc = "Name of the container, or its id." },
  image = { doc = "Image it is made from; needed to make one." },
  state = {
    default = "started", choices = { "absent", "present", "healthy", "stopped", "started" },
    doc = "`present`: made, but not started; `healthy`: started, and waited for until its health check succeeds.",
  },
  command = { type = "raw", doc = "Command, as a list or in one line." },
  entrypoint = { type = "list", elements = "str", doc = "Entry point in place of the image's." },
  command_handling = {
    default = "correct",
    choices = { "compatibility", "correct" },
    doc = "With `compatibility` words of a list are joined and split again, and an empty command is none.",
  },
  container_default_behavior = {
    default = "no_defaults", choices = { "compatibility", "no_defaults" }, doc = "Accepted; nothing that was not given is set.",
  },
  env = { type = "dict", doc = "Environment variables." },
  env_file = { type = "path", doc = "File of the target with more of them; `env` wins." },
  labels = { type = "dict", doc = "Labels." },
  published_ports = { type = "list", elements = "str", aliases = { "ports" }, doc = "Ports, as [[address:]host:]container[/protocol], with ranges." },
  exposed_ports = { type = "list", elements = "str", aliases = { "exposed", "expose" }, doc = "Ports that are only named." },
  publish_all_ports = { type = "bool", doc = "Publish all exposed ports." },
  default_host_ip = { doc = "Address ports are published on that say none; 0.0.0.0 without it." },
  volumes = { type = "list", elements = "str", doc = "Volumes and directories, as source:target[:mode], or a path in the container." },
  volumes_from = { type = "list", elements = "str", doc = "Containers whose volumes are mounted." },
  volume_driver = { doc = "Driver of its volumes." },
  mounts = {
    type = "list", elements = "dict", doc = "Mounts in the long form.",
    options = {
      target = { required = true, doc = "Path in the container." },
      source = { doc = "Volume or path of the host." },
      type = { default = "volume", choices = { "bind", "npipe", "tmpfs", "volume" }, doc = "Kind." },
      read_only = { type = "bool", doc = "Read only." },
      consistency = { choices = { "cached", "consistent", "default", "delegated" }, doc = "Consistency." },
      propagation = { choices = { "private", "rprivate", "shared", "rshared", "slave", "rslave" }, doc = "Propagation of a bind." },
      no_copy = { type = "bool", doc = "Do not copy the image's content to a new volume." },
      labels = { type = "dict", doc = "Labels of a new volume." },
      volume_driver = { doc = "Driver of the volume." },
      volume_options = { type = "dict", doc = "Options of the driver." },
      tmpfs_size = { doc = "Size of a tmpfs." },
      tmpfs_mode = { doc = "Mode of a tmpfs, octal." },
    },
  },
  networks = {
    type = "list", elements = "dict", doc = "Networks it is connected to.",
    options = {
      name = { required = true, doc = "The network." },
      ipv4_address = { doc = "Its address." },
      ipv6_address = { doc = "Its IPv6 address." },
      links = { type = "list", elements = "str", doc = "Containers to link to." },
      aliases = { type = "list", elements = "str", doc = "More names in the network." },
      mac_address = { doc = "Hardware address." },
    },
  },
  network_mode = { doc = "bridge, host, none, container:NAME or a network." },
  networks_cli_compatible = { type = "bool", default = true, doc = "Without network_mode, join the first of `networks` only." },
  purge_networks = { type = "bool", default = false, doc = "Leave the networks that are not in `networks`." },
  restart_policy = { choices = { "no", "on-failure", "always", "unless-stopped" }, doc = "When the engine restarts it." },
  restart_retries = { type = "int", doc = "How often, for on-failure." },
  healthcheck = {
    type = "dict", doc = "How its health is checked.",
    options = {
      test = { type = "raw", doc = "Command: a line for the shell, or a list that begins with CMD or CMD-SHELL; NONE for no check." },
      test_cli_compatible = { type = "bool", default = false, doc = "Accepted; a check without `test` changes the image's." },
      interval = { doc = "Time between checks." },
      timeout = { doc = "Time a check may take." },
      retries = { type = "int", doc = "Failures until it counts as unhealthy." },
      start_period = { doc = "Time in which failures do not count." },
      start_interval = { doc = "Time between checks in that period." },
    },
  },
  auto_remove = { type = "bool", doc = "The engine removes it when it ends." },
  blkio_weight = { type = "int", doc = "Weight of its block input and output." },
  capabilities = { type = "list", elements = "str", doc = "Capabilities it gets." },
  cap_drop = { type = "list", elements = "str", doc = "Capabilities it loses." },
  cgroupns_mode = { choices = { "host", "private" }, doc = "Control group namespace." },
  cgroup_parent = { doc = "Parent control group." },
  cpu_period = { type = "int", doc = "Period of the processor quota, in microseconds." },
  cpu_quota = { type = "int", doc = "Its quota in one period." },
  cpus = { type = "float", doc = "Processors it may use." },
  cpuset_cpus = { doc = "Which processors." },
  cpuset_mems = { doc = "Which memory nodes." },
  cpu_shares = { type = "int", doc = "Relative weight." },
  devices = { type = "list", elements = "str", doc = "Devices, as host[:container[:permissions]]." },
  device_read_bps = { type = "list", elements = "dict", doc = "Bytes a second read from devices.", options = rates("str") },
  device_write_bps = { type = "list", elements = "dict", doc = "Bytes a second written to devices.", options = rates("str") },
  device_read_iops = { type = "list", elements = "dict", doc = "Reads a second from devices.", options = rates("int") },
  device_write_iops = { type = "list", elements = "dict", doc = "Writes a second to devices.", options = rates("int") },
  device_requests = {
    type = "list", elements = "dict", doc = "Requests for devices, as GPUs.",
    options = {
      capabilities = { type = "list", elements = "list", doc = "Capabilities of the device." },
      count = { type = "int", doc = "How many; -1 all." },
      device_ids = { type = "list", elements = "str", doc = "Which." },
      driver = { doc = "Driver." },
      options = { type = "dict", doc = "Options of the driver." },
    },
  },
  device_cgroup_rules = { type = "list", elements = "str", doc = "Rules of the device control group." },
  dns_opts = { type = "list", elements = "str", doc = "Options of its resolver." },
  dns_servers = { type = "list", elements = "str", doc = "Name servers." },
  dns_search_domains = { type = "list", elements = "str", doc = "Search domains." },
  domainname = { doc = "Domain name." },
  etc_hosts = { type = "dict", doc = "More lines of /etc/hosts: name to address." },
  groups = { type = "list", elements = "str", doc = "More groups of its user." },
  hostname = { doc = "Host name." },
  init = { type = "bool", doc = "Run an init process." },
  interactive = { type = "bool", doc = "Keep its standard input open." },
  ipc_mode = { doc = "IPC namespace." },
  kernel_memory = { doc = "Kernel memory limit." },
  links = { type = "list", elements = "str", doc = "Containers to link to, as container:alias." },
  log_driver = { doc = "Where its output goes." },
  log_options = { type = "dict", aliases = { "log_opt" }, doc = "Options of that driver." },
  mac_address = { doc = "Hardware address." },
  memory = { doc = "Memory limit, as 512M." },
  memory_reservation = { doc = "Soft limit." },
  memory_swap = { doc = "Limit of memory and swap; -1 unlimited." },
  memory_swappiness = { type = "int", doc = "Swappiness, 0 to 100." },
  oom_killer = { type = "bool", doc = "true: the out of memory killer is off for it (the API's OomKillDisable)." },
  oom_score_adj = { type = "int", doc = "Its score for that." },
  pid_mode = { doc = "PID namespace." },
  pids_limit = { type = "int", doc = "Processes it may have." },
  platform = { doc = "Platform of the image, as linux/arm64." },
  privileged = { type = "bool", doc = "All rights of the host." },
  read_only = { type = "bool", doc = "Its root file system is read only." },
  runtime = { doc = "Runtime." },
  security_opts = { type = "list", elements = "str", doc = "Security options." },
  shm_size = { doc = "Size of /dev/shm." },
  stop_signal = { doc = "Signal that stops it." },
  stop_timeout = { type = "int", doc = "Seconds until it is killed." },
  storage_opts = { type = "dict", doc = "Options of the storage driver." },
  sysctls = { type = "dict", doc = "Kernel parameters." },
  tmpfs = { type = "list", elements = "str", doc = "Temporary file systems, as path[:options]." },
  tty = { type = "bool", doc = "Give it a terminal." },
  ulimits = { type = "list", elements = "str", doc = "Limits, as nofile:soft:hard." },
  user = { doc = "User it runs as." },
  userns_mode = { doc = "User namespace." },
  uts = { doc = "UTS namespace." },
  working_dir = { doc = "Working directory." },
  cleanup = { type = "bool", default = false, doc = "With detach=false: remove it afterwards." },
  detach = { type = "bool", doc = "false: wait until it ends, and return its output." },
  output_logs = { type = "bool", default = false, doc = "Accepted." },
  force_kill = { type = "bool", default = false, aliases = { "forcekill" }, doc = "Kill it instead of stopping it." },
  kill_signal = { doc = "Signal for that." },
  keep_volumes = { type = "bool", default = true, doc = "Keep its anonymous volumes when it is removed." },
  paused = { type = "bool", doc = "Whether it is to be paused." },
  pull = { type = "raw", default = "missing", doc = "Pull the image: never, missing (true if absent), always." },
  pull_check_mode_behavior = {
    default = "image_not_present", choices = { "image_not_present", "always" }, doc = "When check mode says that an image would be pulled.",
  },
  recreate = { type = "bool", default = false, doc = "Make it anew in any case." },
  removal_wait_timeout = { type = "float", doc = "Seconds to wait for its removal." },
  restart = { type = "bool", default = false, doc = "Restart it when it runs." },
  healthy_wait_timeout = { type = "float", default = 300, doc = "Seconds to wait for it to become healthy; 0 for ever." },
  ignore_image = { type = "bool", default = false, doc = "Another image is no reason for a new container." },
  image_comparison = { default = "desired-image", choices = { "desired-image", "current-image" }, doc = "Which image's own settings count." },
  image_label_mismatch = { default = "ignore", choices = { "ignore", "fail" }, doc = "Labels of the image that are not asked for." },
  image_name_mismatch = { choices = { "recreate", "ignore" }, doc = "The same image under another name." },
  comparisons = { type = "dict", doc = "Option (or *) to ignore, strict or allow_more_present: how it is compared." },
}

-- -- from arguments to the API -------------------------------------------------------------------------------------------

local function size(c, name)
  local value = c.args[name]
  if value == nil then
    return nil
  end
  if value == "unlimited" or value == "-1" then
    return -1
  end
  return docker.bytes(value) or c:fail(name .. ": '" .. value .. "' is no size such as 512M")
end

local function container_ref(c, value)
  local name = value and value:match("^container:(.+)$")
  if not name then
    return value
  end
  local other = docker.find(c, "/containers/" .. docker.escaped(name) .. "/json")
  if not other then
    c:warn('Cannot find a container with name or ID "' .. name .. '"')
  end
  return other and "container:" .. other.Id or value
end

local function pairs_of(dictionary)
  local out = list({})
  for _, key in ipairs(util.keys(dictionary)) do
    out[#out + 1] = key .. ":" .. tostring(dictionary[key])
  end
  return out
end

local function strings(dictionary)
  local out = dict({})
  for key, value in pairs(dictionary) do
    out[key] = util.python_text(value)
  end
  return out
end

local function devices(c, values)
  local out = list({})
  for _, text in ipairs(values) do
    local parts = util.split(text, ":")
    out[#out + 1] = { PathOnHost = parts[1], PathInContainer = parts[2] or parts[1], CgroupPermissions = parts[3] or "rwm" }
  end
  return out
end

local function limits(c, name, convert)
  local out = list({})
  for _, d in ipairs(c.args[name]) do
    local rate = convert(d.rate) or c:fail(name .. ": '" .. tostring(d.rate) .. "' is no size such as 10M")
    out[#out + 1] = { Path = d.path, Rate = rate }
  end
  return out
end

local function ulimits(c)
  local out = list({})
  for _, text in ipairs(c.args.ulimits) do
    local name, soft, hard = text:match("^(%w+)[:=](%-?%d+):?(%-?%d*)$")
    if not name then
      c:fail("ulimits: '" .. text .. "' is not name:soft[:hard]")
    end
    soft = math.tointeger(tonumber(soft))
    out[#out + 1] = { Name = name, Soft = soft, Hard = hard ~= "" and math.tointeger(tonumber(hard)) or soft }
  end
  return out
end

local function tmpfs(values)
  local out = dict({})
  for _, text in ipairs(values) do
    local path, options = text:match("^([^:]*):?(.*)$")
    out[path] = options
  end
  return out
end

-- A command's words. `compatibility` joins the words of a list and splits the line again; what is empty is not given then.
local function command_words(c, value)
  local compatible = c.args.command_handling == "compatibility"
  if type(value) == "table" then
    local out = list({})
    for _, word in ipairs(value) do
      out[#out + 1] = tostring(word)
    end
    if not compatible then
      return out
    end
    value = table.concat(out, " ")
  end
  if compatible and value == "" then
    return nil
  end
  return util.split_command(c, tostring(value))
end

local function command(c)
  return command_words(c, c.args.command)
end

local function entrypoint(c)
  return command_words(c, c.args.entrypoint)
end

-- A port or a range as numbers.
local function port_range(c, text, where)
  local from, to = text:match("^(%d+)%-?(%d*)$")
  from, to = tonumber(from or ""), tonumber(to ~= "" and to or from or "")
  if not from or not to or to < from or to > 65535 then
    c:fail("Invalid port or port range: '" .. where .. "'")
  end
  return from, to
end

local function published(c)
  local bindings, default_ip = dict({}), c.args.default_host_ip
  for _, text in ipairs(c.args.published_ports) do
    text = tostring(text)
    if text == "all" then
      c:fail("published_ports: 'all' is not supported: use publish_all_ports")
    end
    local plain, proto = text:match("^(.-)/(%a+)$")
    plain, proto = plain or text, (proto or "tcp"):lower()
    local address, rest = plain:match("^(%[.-%]):(.*)$")
    if address then
      address = address:sub(2, -2)
    end
    local parts = util.split(rest or plain, ":")
    local inside, outside = parts[#parts], nil
    if address then
      outside = parts[1] ~= inside and parts[1] or #parts > 1 and parts[1] or ""
    elseif #parts == 2 then
      outside = parts[1]
    elseif #parts == 3 then
      address, outside = parts[1], parts[2]
    elseif #parts > 3 then
      c:fail("Invalid port description '" .. text .. "' - expected 1 to 3 colon-separated parts, but got " .. #parts)
    end
    local from, to = port_range(c, inside, text)
    local out_from, out_to
    if outside and outside ~= "" then
      out_from, out_to = port_range(c, outside, text)
      if out_to - out_from ~= to - from and from ~= to then
        c:fail("Container port range and host port range must have the same length: '" .. text .. "'")
      end
    end
    for port = from, to do
      local key = math.tointeger(port) .. "/" .. proto
      local host = out_from and tostring(math.tointeger(out_from + port - from)) or ""
      if out_from and from == to and out_to > out_from then
        host = math.tointeger(out_from) .. "-" .. math.tointeger(out_to)
      end
      bindings[key] = bindings[key] or list({})
      table.insert(bindings[key], { HostIp = address or default_ip or "0.0.0.0", HostPort = host })
    end
  end
  return bindings
end

local function exposed(c, bindings)
  local out, any = dict({}), false
  for _, text in ipairs(c.args.exposed_ports or {}) do
    local plain, proto = tostring(text):match("^(.-)/(%a+)$")
    local from, to = port_range(c, plain or tostring(text), tostring(text))
    for port = from, to do
      out[math.tointeger(port) .. "/" .. (proto or "tcp"):lower()] = dict({})
      any = true
    end
  end
  for key in pairs(bindings or {}) do
    out[key] = dict({})
    any = true
  end
  return any and out or nil
end

local MODES = util.set({
  "rw", "ro", "z", "Z", "consistent", "delegated", "cached", "rprivate", "private", "rshared", "shared", "rslave",
  "slave", "nocopy",
})

local function is_mode(text)
  for _, part in ipairs(util.split(text, ",")) do
    if not MODES[part] then
      return false
    end
  end
  return true
end

-- Binds and anonymous volumes.
local function volumes(c)
  local binds, anonymous = list({}), dict({})
  for _, text in ipairs(c.args.volumes or {}) do
    local parts = util.split(text, ":")
    if #parts > 3 then
      c:fail("volumes: '" .. text .. "' has more than three parts")
    elseif #parts == 1 or #parts == 2 and is_mode(parts[2]) then
      anonymous[text] = dict({})
    else
      local source = parts[1]
      if source:match("^~") then
        source = (c.getenv("HOME") or "/root") .. source:sub(2)
      elseif source:match("^%.") then
        source = c.fs.realpath(source) or c:fail("volumes: " .. source .. " does not exist")
      end
      if parts[3] and not is_mode(parts[3]) then
        c:fail("Found invalid volumes mode: " .. parts[3])
      end
      binds[#binds + 1] = source .. ":" .. parts[2] .. ":" .. (parts[3] or "rw")
    end
  end
  return binds, anonymous
end

local function mount_of(c, m)
  for key, value in pairs(m) do
    m[key] = util.present(value)
  end
  if m.type ~= "tmpfs" and m.type ~= "volume" and not m.source then
    c:fail('source must be specified for mount "' .. m.target .. '" of type "' .. m.type .. '"')
  end
  local out = { Target = m.target, Source = m.source, Type = m.type, ReadOnly = m.read_only, Consistency = m.consistency }
  if m.type == "bind" and m.propagation then
    out.BindOptions = { Propagation = m.propagation }
  elseif m.type == "volume" and (m.no_copy or m.labels or m.volume_driver) then
    out.VolumeOptions = {
      NoCopy = m.no_copy, Labels = m.labels and strings(m.labels),
      DriverConfig = m.volume_driver and { Name = m.volume_driver, Options = m.volume_options and strings(m.volume_options) },
    }
  elseif m.type == "tmpfs" and (m.tmpfs_size or m.tmpfs_mode) then
    out.TmpfsOptions = {
      SizeBytes = m.tmpfs_size and (docker.bytes(m.tmpfs_size) or c:fail("tmpfs_size: '" .. m.tmpfs_size .. "' is no size")),
      Mode = m.tmpfs_mode and math.tointeger(tonumber(m.tmpfs_mode, 8)),
    }
  end
  return out
end

function spec.endpoint(net)
  local out = { IPAMConfig = dict({}) }
  out.IPAMConfig.IPv4Address, out.IPAMConfig.IPv6Address = net.ipv4_address, net.ipv6_address
  out.MacAddress = net.mac_address
  out.Aliases = net.aliases and list(util.copy(net.aliases))
  if net.links then
    out.Links = list({})
    for _, link in ipairs(net.links) do
      out.Links[#out.Links + 1] = link:find(":", 1, true) and link or link .. ":" .. link
    end
  end
  return out
end

-- Whether a new container is connected to the first of `networks` as it is made.
function spec.joins_first(c)
  return c.args.networks_cli_compatible and not c.args.network_mode and c.args.networks and #c.args.networks > 0
end

-- Each option: its key, where it lives, how it compares, how its value is made, and whether the engine can change it.
-- kinds: value, list (in order), set, dict, set_of_dicts
local OPTIONS = {
  { "command", "Config", "Cmd", "list", command },
  { "entrypoint", "Config", "Entrypoint", "list", entrypoint },
  { "domainname", "Config", "Domainname" },
  { "hostname", "Config", "Hostname" },
  { "user", "Config", "User" },
  { "working_dir", "Config", "WorkingDir" },
  { "stop_signal", "Config", "StopSignal" },
  { "mac_address", "Config", "MacAddress" },
  { "tty", "Config", "Tty" },
  { "interactive", "Config", "OpenStdin" },
  { "auto_remove", "HostConfig", "AutoRemove" },
  { "blkio_weight", "HostConfig", "BlkioWeight", update = true },
  { "capabilities", "HostConfig", "CapAdd", "set" },
  { "cap_drop", "HostConfig", "CapDrop", "set" },
  { "cgroupns_mode", "HostConfig", "CgroupnsMode" },
  { "cgroup_parent", "HostConfig", "CgroupParent" },
  { "cpu_period", "HostConfig", "CpuPeriod", update = true },
  { "cpu_quota", "HostConfig", "CpuQuota", update = true },
  { "cpus", "HostConfig", "NanoCpus", nil, function(c) return math.floor(c.args.cpus * 1e9 + 0.5) end },
  { "cpuset_cpus", "HostConfig", "CpusetCpus", update = true },
  { "cpuset_mems", "HostConfig", "CpusetMems", update = true },
  { "cpu_shares", "HostConfig", "CpuShares", update = true },
  { "devices", "HostConfig", "Devices", "set_of_dicts", function(c) return devices(c, c.args.devices) end },
  { "device_read_bps", "HostConfig", "BlkioDeviceReadBps", "set_of_dicts", function(c) return limits(c, "device_read_bps", docker.bytes) end },
  { "device_write_bps", "HostConfig", "BlkioDeviceWriteBps", "set_of_dicts", function(c) return limits(c, "device_write_bps", docker.bytes) end },
  { "device_read_iops", "HostConfig", "BlkioDeviceReadIOps", "set_of_dicts", function(c) return limits(c, "device_read_iops", math.tointeger) end },
  { "device_write_iops", "HostConfig", "BlkioDeviceWriteIOps", "set_of_dicts", function(c) return limits(c, "device_write_iops", math.tointeger) end },
  { "device_cgroup_rules", "HostConfig", "DeviceCgroupRules", "set" },
  { "dns_opts", "HostConfig", "DnsOptions", "set" },
  { "dns_servers", "HostConfig", "Dns", "list" },
  { "dns_search_domains", "HostConfig", "DnsSearch", "list" },
  { "etc_hosts", "HostConfig", "ExtraHosts", "set", function(c) return pairs_of(c.args.etc_hosts) end },
  { "groups", "HostConfig", "GroupAdd", "set" },
  { "init", "HostConfig", "Init" },
  { "ipc_mode", "HostConfig", "IpcMode", nil, function(c) return container_ref(c, c.args.ipc_mode) end },
  { "kernel_memory", "HostConfig", "KernelMemory", nil, function(c) return size(c, "kernel_memory") end, update = true },
  { "memory", "HostConfig", "Memory", nil, function(c) return size(c, "memory") end, update = true },
  { "memory_reservation", "HostConfig", "MemoryReservation", nil, function(c) return size(c, "memory_reservation") end, update = true },
  { "memory_swap", "HostConfig", "MemorySwap", nil, function(c) return size(c, "memory_swap") end, update = true },
  { "memory_swappiness", "HostConfig", "MemorySwappiness" },
  { "network_mode", "HostConfig", "NetworkMode", nil, function(c) return container_ref(c, c.args.network_mode) end },
  { "oom_killer", "HostConfig", "OomKillDisable" },
  { "oom_score_adj", "HostConfig", "OomScoreAdj" },
  { "pid_mode", "HostConfig", "PidMode", nil, function(c) return container_ref(c, c.args.pid_mode) end },
  { "pids_limit", "HostConfig", "PidsLimit" },
  { "privileged", "HostConfig", "Privileged" },
  { "publish_all_ports", "HostConfig", "PublishAllPorts" },
  { "read_only", "HostConfig", "ReadonlyRootfs" },
  { "runtime", "HostConfig", "Runtime" },
  { "security_opts", "HostConfig", "SecurityOpt", "set" },
  { "shm_size", "HostConfig", "ShmSize", nil, function(c) return size(c, "shm_size") end },
  { "storage_opts", "HostConfig", "StorageOpt", "dict", function(c) return strings(c.args.storage_opts) end },
  { "sysctls", "HostConfig", "Sysctls", "dict", function(c) return strings(c.args.sysctls) end },
  { "tmpfs", "HostConfig", "Tmpfs", "dict", function(c) return tmpfs(c.args.tmpfs) end },
  { "ulimits", "HostConfig", "Ulimits", "set_of_dicts", ulimits },
  { "userns_mode", "HostConfig", "UsernsMode" },
  { "uts", "HostConfig", "UTSMode" },
  { "volume_driver", "HostConfig", "VolumeDriver" },
  { "volumes_from", "HostConfig", "VolumesFrom", "set" },
  { "log_driver", "LogConfig", "Type" },
  { "log_options", "LogConfig", "Config", "dict", function(c) return strings(c.args.log_options) end },
}

-- Those whose value is worked out from more than one argument.
local function wanted_special(c, want)
  local a = c.args
  local function set(name, kind, value)
    want.values[name] = { value = value, kind = kind }
  end
  if a.env or a.env_file then
    want.env = docker.environment(c, a.env, a.env_file and { a.env_file })
    set("env", "set", want.env)
    want.body.Env = want.env
  end
  if a.labels then
    want.body.Labels = docker.labels(c, a.labels, "labels")
    set("labels", "dict", want.body.Labels)
  end
  local bindings = a.published_ports and published(c) or nil
  if bindings then
    want.host.PortBindings = bindings
    set("published_ports", "dict", bindings)
  end
  local ports = exposed(c, bindings)
  if ports then
    want.body.ExposedPorts = ports
    set("exposed_ports", "keys", ports)
  end
  if a.volumes then
    local binds, anonymous = volumes(c)
    want.host.Binds = binds
    set("volume_binds", "set", binds)
    if next(anonymous) then
      want.body.Volumes = anonymous
      set("volumes", "keys", anonymous)
    end
  end
  if a.mounts then
    local mounts = list({})
    for _, m in ipairs(a.mounts) do
      mounts[#mounts + 1] = mount_of(c, m)
    end
    want.host.Mounts = mounts
    set("mounts", "set_of_dicts", mounts)
  end
  if a.links then
    local links = list({})
    for _, link in ipairs(a.links) do
      local name, alias = link:match("^([^:]+):?(.*)$")
      links[#links + 1] = "/" .. name .. ":/" .. a.name .. "/" .. (alias ~= "" and alias or name)
    end
    want.host.Links = list({})
    for _, link in ipairs(a.links) do
      want.host.Links[#want.host.Links + 1] = link:find(":", 1, true) and link or link .. ":" .. link
    end
    set("links", "set", links)
  end
  if a.healthcheck then
    want.body.Healthcheck = docker.healthcheck(c, a.healthcheck)
    set("healthcheck", "dict", want.body.Healthcheck)
  end
  if a.device_requests then
    local requests = list({})
    for _, r in ipairs(a.device_requests) do
      requests[#requests + 1] = {
        Driver = util.present(r.driver) or "", Count = util.present(r.count) or 0, DeviceIDs = util.present(r.device_ids),
        Capabilities = util.present(r.capabilities), Options = util.present(r.options),
      }
    end
    want.host.DeviceRequests = requests
    set("device_requests", "set_of_dicts", requests)
  end
  if a.restart_policy then
    want.host.RestartPolicy = { Name = a.restart_policy, MaximumRetryCount = a.restart_retries or 0 }
    set("restart_policy", "dict", want.host.RestartPolicy)
    want.update.RestartPolicy = want.host.RestartPolicy
    want.updatable.restart_policy = true
  end
  if a.stop_timeout then
    want.body.StopTimeout = a.stop_timeout
  end
end

-- What the arguments ask for: `body` of the request that makes a container, `update` of the one that changes it, and
-- `values` by option to compare.
function spec.wanted(c)
  local want = { body = {}, host = {}, update = {}, updatable = {}, values = {} }
  local log = {}
  for _, option in ipairs(OPTIONS) do
    local name, where, key, kind, make = table.unpack(option, 1, 5)
    local value = c.args[name]
    if value ~= nil and make then
      value = make(c)
    elseif type(value) == "table" then
      value = kind == "dict" and dict(value) or list(value)
    end
    if value ~= nil then
      local to = where == "Config" and want.body or where == "LogConfig" and log or want.host
      to[key] = value
      want.values[name] = { value = value, kind = kind or "value" }
      if option.update then
        want.update[key] = value
        want.updatable[name] = true
      end
    end
  end
  if next(log) then
    log.Type = log.Type or "json-file"
    want.host.LogConfig = log
  end
  wanted_special(c, want)
  if c.args.detach == false then
    want.body.AttachStdout, want.body.AttachStderr = true, true
    if c.args.interactive then
      want.body.AttachStdin, want.body.StdinOnce = true, true
    end
  end
  if spec.joins_first(c) then
    local first = c.args.networks[1]
    local net = {}
    for key, value in pairs(first) do
      net[key] = util.present(value)
    end
    want.host.NetworkMode = net.name
    want.body.NetworkingConfig = { EndpointsConfig = { [net.name] = spec.endpoint(net) } }
  end
  want.body.HostConfig = dict(want.host)
  return want
end

-- -- comparing ------------------------------------------------------------------------------------------------------------

local SHORT = { strict = true, ignore = true, allow_more_present = true }

-- How an option is compared: strict, ignore or allow_more_present.
function spec.comparison(c, name, kind)
  local given = c.args.comparisons or {}
  for key, value in pairs(given) do
    if not SHORT[value] then
      c:fail("Unknown comparison mode '" .. tostring(value) .. "' for option '" .. tostring(key) .. "'")
    end
    local real = ({ ports = "published_ports", volumes = "volumes", exposed = "exposed_ports", log_opt = "log_options" })[key] or key
    if real ~= "*" and real ~= "networks" and real ~= "image" and not spec.args[real] then
      c:fail("Unknown module option '" .. tostring(key) .. "' in comparisons dict!")
    end
  end
  local option = name == "volume_binds" and "volumes" or name
  for key, value in pairs(given) do
    local real = ({ ports = "published_ports", expose = "exposed_ports", exposed = "exposed_ports", log_opt = "log_options" })[key] or key
    if real == option then
      return value
    end
  end
  if name == "image" and c.args.ignore_image then
    return "ignore"
  end
  local set_like = kind == "set" or kind == "dict" or kind == "keys" or kind == "set_of_dicts"
  if given["*"] then
    return given["*"] == "allow_more_present" and not set_like and "strict" or given["*"]
  end
  return set_like and "allow_more_present" or "strict"
end

local function image_env(image, env)
  local values, out = {}, list({})
  for _, source in ipairs({ util.present(image and image.Config and image.Config.Env) or {}, env }) do
    for _, pair in ipairs(source) do
      values[pair:match("^[^=]*")] = pair
    end
  end
  for _, key in ipairs(util.keys(values)) do
    out[#out + 1] = values[key]
  end
  return out
end

local function with_image(image, key, value)
  local out = util.copy(util.present(image and image.Config and image.Config[key]) or {})
  for name, item in pairs(value) do
    out[name] = item
  end
  return out
end

local function current(container, name)
  local config, host = container.Config, container.HostConfig
  local special = {
    env = config.Env, labels = config.Labels, published_ports = host.PortBindings, exposed_ports = config.ExposedPorts,
    volume_binds = host.Binds, volumes = config.Volumes, mounts = host.Mounts, links = host.Links,
    healthcheck = config.Healthcheck, device_requests = host.DeviceRequests, restart_policy = host.RestartPolicy,
  }
  if special[name] ~= nil then
    return special[name]
  end
  for _, option in ipairs(OPTIONS) do
    if option[1] == name then
      local from = option[2] == "Config" and config or option[2] == "LogConfig" and (util.present(host.LogConfig) or {}) or host
      return from[option[3]]
    end
  end
  return nil
end

-- Binds as the engine keeps them: without a mode they are writable.
local function binds_with_mode(binds)
  local out = list({})
  for _, bind in ipairs(util.present(binds) or {}) do
    local _, colons = bind:gsub(":", "")
    out[#out + 1] = colons == 1 and bind .. ":rw" or bind
  end
  return out
end

local function expected(c, name, entry, image)
  if name == "env" then
    return image_env(image, entry.value)
  elseif name == "labels" and spec.comparison(c, "labels", "dict") == "strict" and c.args.image_label_mismatch == "ignore" then
    return with_image(image, "Labels", entry.value)
  elseif name == "exposed_ports" then
    return with_image(image, "ExposedPorts", entry.value)
  elseif name == "volumes" then
    return with_image(image, "Volumes", entry.value)
  elseif name == "command" and #entry.value == 0 then
    return util.present(image and image.Config and image.Config.Cmd) or entry.value
  end
  return entry.value
end

-- Ends when labels would have to go that every container of the image has.
local function refuse_labels_of(c, image)
  local left = {}
  for _, label in ipairs(util.keys(util.present(image and image.Config and image.Config.Labels) or {})) do
    if c.args.labels[label] == nil then
      left[#left + 1] = '"' .. label .. '"'
    end
  end
  if #left > 0 then
    c:fail("Some labels should be removed but are present in the base image. You can set image_label_mismatch to 'ignore' to ignore"
      .. " this error. Labels: " .. table.concat(left, ", "))
  end
end

-- What differs, as option -> {now, wanted}: first what needs a new container, then what can be changed.
function spec.compare(c, want, container, image)
  local differences, updates = {}, {}
  -- the environment of the image counts although none is asked for
  want.values.env = want.values.env or { value = list({}), kind = "set" }
  for name, entry in pairs(want.values) do
    local how = spec.comparison(c, name, entry.kind)
    if how ~= "ignore" then
      local wanted = expected(c, name, entry, image)
      local now = current(container, name)
      if name == "volume_binds" then
        now = binds_with_mode(now)
      end
      local equal = matches(entry.kind, how, wanted, now)
      if name == "network_mode" and not equal then
        equal = wanted == "default" and (now == "bridge" or now == "default")
      end
      if not equal and name == "labels" and how == "strict" and c.args.image_label_mismatch == "fail" then
        refuse_labels_of(c, image)
      end
      if not equal then
        (want.updatable[name] and updates or differences)[name] = { now == nil and null or now, wanted }
      end
    end
  end
  return differences, updates
end

-- The engine's stream of output without the eight bytes before each piece.
function spec.demultiplexed(text)
  local out, at = {}, 1
  while at + 7 <= #text do
    local n = string.unpack(">I4", text, at + 4)
    out[#out + 1] = text:sub(at + 8, at + 7 + n)
    at = at + 8 + n
  end
  return table.concat(out)
end

return spec
