-- docker_network: networks of the Docker engine, and who is connected to them.

local util = use("util")
local docker = use("docker")

-- While a network is made anew, a mere configuration beside it tells in this label who was connected.
local NOTE, CONNECTED = ".play-connected", "play.connected"

local function find(c)
  local found
  for _, net in ipairs(docker.call(c, "Error listing networks", "GET", "/networks",
    { query = { filters = docker.filters(c, { name = c.args.name }) } })) do  -- all whose names have that text
    if net.Name == c.args.name then
      found = docker.find(c, "/networks/" .. net.Id)
    elseif net.Name == c.args.name .. NOTE then
      local ok, names = pcall(c.json.decode, (util.present(net.Labels) or {})[CONNECTED] or "")
      c.state.note, c.state.noted = net.Id, ok and names or list()
    end
  end
  return found
end

-- Notes who is to be connected again, before anybody is disconnected.
local function note(c)
  if not c.state.note and #c.state.disconnect > 0 then
    local labels = dict({ [CONNECTED] = c.json.encode(c.state.connect) })
    c.state.note = docker.call(c, "Error creating network " .. c.args.name .. NOTE, "POST", "/networks/create",
      { body = { Name = c.args.name .. NOTE, ConfigOnly = true, Labels = labels } }).Id
  end
end

local function texts(values)
  local out = dict({})
  for key, value in pairs(values or {}) do
    out[key] = tostring(value)
  end
  return out
end

local function check_arguments(c)
  if c.args.ipam_config then
    for _, item in ipairs(c.args.ipam_config) do
      for _, key in ipairs({ "subnet", "iprange", "gateway" }) do
        local value = util.present(item[key])
        local cidr = key ~= "gateway"
        if value and not (value:match("^%d+%.%d+%.%d+%.%d+" .. (cidr and "/%d+$" or "$")) or value:find(":", 1, true)) then
          c:fail('"' .. value .. '" is not a valid ' .. (cidr and "CIDR" or "address"))
        end
      end
    end
  end
end

local function same_subset(want, have)
  have = util.present(have) or {}
  for key, value in pairs(want) do
    if have[key] ~= value then
      return false
    end
  end
  return true
end

-- The IPAM entry of the network that an entry asked for is met by.
local function ipam_met(want, configs)
  for _, have in ipairs(util.present(configs) or {}) do
    local ok = true
    for arg, key in pairs({ subnet = "Subnet", iprange = "IPRange", gateway = "Gateway" }) do
      local value = util.present(want[arg])
      ok = ok and (not value or have[key] == value)
    end
    local aux = util.present(want.aux_addresses)
    if ok and (not aux or util.equal(texts(aux), util.present(have.AuxiliaryAddresses) or {})) then
      return true
    end
  end
  return false
end

-- Records what differs in a way that needs a new network; true when something does.
local function compare(c, net)
  local a, differs = c.args, false
  local function check(name, now, want)
    differs = c:differs(name, now == nil and null or now, want) or differs
  end
  if a.config_only ~= nil then
    check("config_only", util.present(net.ConfigOnly) or false, a.config_only)
  end
  if a.config_from then
    check("config_from", util.present(net.ConfigFrom) and net.ConfigFrom.Network or "", a.config_from)
  end
  if a.driver and not a.config_from and not a.config_only then  -- a mere configuration has the driver "null"
    check("driver", net.Driver, a.driver)
  end
  if next(a.driver_options) and not same_subset(texts(a.driver_options), net.Options) then
    check("driver_options", net.Options, texts(a.driver_options))
  end
  local ipam = util.present(net.IPAM) or {}
  if a.ipam_driver then
    check("ipam_driver", ipam.Driver, a.ipam_driver)
  end
  if a.ipam_driver_options and not util.equal(texts(a.ipam_driver_options), util.present(ipam.Options) or {}) then
    check("ipam_driver_options", ipam.Options, texts(a.ipam_driver_options))
  end
  for i, want in ipairs(a.ipam_config or {}) do
    if not ipam_met(want, ipam.Config) then
      check("ipam_config[" .. i - 1 .. "]", ipam.Config, want)
    end
  end
  if a.enable_ipv6 ~= nil then
    check("enable_ipv6", util.present(net.EnableIPv6) or false, a.enable_ipv6)
  end
  if a.internal ~= nil then
    check("internal", util.present(net.Internal) or false, a.internal)
  end
  if a.scope then
    check("scope", net.Scope, a.scope)
  end
  if a.attachable ~= nil then
    check("attachable", util.present(net.Attachable) or false, a.attachable)
  end
  if next(a.labels) and not same_subset(docker.labels(c, a.labels, "labels"), net.Labels) then
    check("labels", net.Labels, docker.labels(c, a.labels, "labels"))
  end
  return differs
end

local function connected(net)
  local names = {}
  for _, container in pairs(util.present(net and net.Containers) or {}) do
    names[container.Name] = true
  end
  return names
end

-- Whom the task wants connected. One that names nobody, or appends, leaves those that are connected, or that were before
-- a run that was killed.
local function wanted_names(c, net)
  local names = list()
  if #c.args.connected == 0 or c.args.appends then
    local known = connected(net)
    for _, name in ipairs(c.state.noted or {}) do
      known[name] = docker.find(c, "/containers/" .. docker.escaped(name) .. "/json") and true or nil
    end
    util.extend(names, util.keys(known))
  end
  for _, name in ipairs(c.args.connected) do
    if not util.contains(names, name) then
      util.append(names, name)
    end
  end
  return names
end

local function plan_connections(c, net)
  local now = connected(net)
  local names = wanted_names(c, net)
  local wanted = util.set(names)
  c.state.connect, c.state.disconnect = list(), list()
  for _, name in ipairs(names) do
    if not now[name] then
      util.append(c.state.connect, name)
      c:differs("connected." .. name, false, true)
    end
  end
  if not c.args.appends then
    for _, name in ipairs(util.keys(now)) do
      if not wanted[name] then
        util.append(c.state.disconnect, name)
        c:differs("connected." .. name, true, false)
      end
    end
  end
end

local function plan(c)
  check_arguments(c)
  local net = find(c)
  c.state.id = net and net.Id
  if c.state.note then
    c:changed()  -- a run was killed: this one ends its work
  end
  if c.args.state == "absent" then
    if net then
      c:differs("exists", true, false)
      c.state.disconnect = list(util.keys(connected(net)))
    end
    return
  end
  if not net then
    c:differs("exists", false, true)
    c.state.create = true
    c.state.connect = wanted_names(c, net)
  elseif compare(c, net) or c.args.force then
    c.state.create, c.state.remove = true, true
    c.state.disconnect = list(util.keys(connected(net)))
    c.state.connect = wanted_names(c, net)
    c:changed()
  else
    plan_connections(c, net)
  end
  if net then
    c:set("network", net)
  end
end

local function disconnect(c)
  for _, name in ipairs(c.state.disconnect or {}) do
    docker.call(c, "Error disconnecting " .. name, "POST", "/networks/" .. c.state.id .. "/disconnect",
      { body = { Container = name, Force = true } })
  end
end

local function create(c)
  local a = c.args
  local body = {
    Name = a.name, Driver = a.driver, Options = texts(a.driver_options), Labels = docker.labels(c, a.labels, "labels"), Internal = a.internal,
    Attachable = a.attachable, EnableIPv6 = a.enable_ipv6, Scope = a.scope, CheckDuplicate = true,
    ConfigOnly = a.config_only, ConfigFrom = a.config_from and { Network = a.config_from } or nil,
  }
  if a.ipam_config or a.ipam_driver or a.ipam_driver_options then
    body.IPAM = { Driver = a.ipam_driver, Options = a.ipam_driver_options and texts(a.ipam_driver_options) or nil }
    if a.ipam_config then
      body.IPAM.Config = list({})
      for _, item in ipairs(a.ipam_config) do
        table.insert(body.IPAM.Config, {
          Subnet = util.present(item.subnet), IPRange = util.present(item.iprange), Gateway = util.present(item.gateway),
          AuxiliaryAddresses = util.present(item.aux_addresses) and texts(item.aux_addresses) or nil,
        })
      end
    end
  end
  if a.config_from then
    body.Driver = nil
  end
  return docker.call(c, "Error creating network " .. a.name, "POST", "/networks/create", { body = body }).Id
end

local function forget(c)
  if c.state.note then
    docker.call(c, "Error removing network " .. c.args.name .. NOTE, "DELETE", "/networks/" .. c.state.note)
  end
end

local function run(c)
  if c.state.remove then
    note(c)
  end
  disconnect(c)
  if c.state.id and (c.args.state == "absent" or c.state.remove) then
    docker.call(c, "Error removing network " .. c.args.name, "DELETE", "/networks/" .. c.state.id)
  end
  if c.args.state == "absent" then
    return forget(c)
  end
  if c.state.create then
    c.state.id = create(c)
  end
  for _, name in ipairs(c.state.connect or {}) do
    docker.call(c, "Error connecting " .. name, "POST", "/networks/" .. c.state.id .. "/connect", { body = { Container = name } })
  end
  forget(c)
  local net = docker.find(c, "/networks/" .. c.state.id)
  local tries = c.args.driver == "overlay" and 50 or 0
  while net and tries > 0 and (util.present(net.Driver) or "") == "" do  -- the swarm's manager has not worked it out yet
    c.sleep(0.2)
    net, tries = docker.find(c, "/networks/" .. c.state.id), tries - 1
  end
  c:set("network", net)
end

return {
  doc = "Make and remove Docker networks and connect containers to them.",
  spec = "community.docker.docker_network",
  example = "- community.docker.docker_network:\n    name: internal\n    internal: true\n    ipam_config:\n      - subnet: 10.0.5.0/24",
  returns = "network: The network, as the engine describes it.",
  side = "target",
  check = "full",
  diff = "full",
  args = docker.args({
    name = { required = true, aliases = { "network_name" }, doc = "Name of the network." },
    config_from = { doc = "Network whose configuration is used." },
    config_only = { type = "bool", doc = "Only a configuration for other networks." },
    connected = { type = "list", elements = "str", default = list(), aliases = { "containers" }, doc = "Containers that are connected; others are not, unless `appends` is set. Empty: those that are connected now." },
    driver = { default = "bridge", doc = "Driver." },
    driver_options = { type = "dict", default = dict(), doc = "Its options." },
    force = { type = "bool", default = false, doc = "Make it anew in any case." },
    appends = { type = "bool", default = false, aliases = { "incremental" }, doc = "Leave containers connected that are not in `connected`." },
    enable_ipv6 = { type = "bool", doc = "With IPv6." },
    ipam_driver = { doc = "Driver that gives out addresses." },
    ipam_driver_options = { type = "dict", doc = "Its options." },
    ipam_config = {
      type = "list", elements = "dict", doc = "Subnets.",
      options = {
        subnet = { doc = "The subnet, as 10.0.5.0/24." },
        iprange = { doc = "The part addresses are given out from." },
        gateway = { doc = "The gateway." },
        aux_addresses = { type = "dict", doc = "Addresses that are taken, by name." },
      },
    },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    internal = { type = "bool", doc = "No way out." },
    labels = { type = "dict", default = dict(), doc = "Labels." },
    scope = { choices = { "local", "global", "swarm" }, doc = "Scope." },
    attachable = { type = "bool", doc = "Containers may join a swarm network." },
  }),
  plan = plan,
  run = run,
}
