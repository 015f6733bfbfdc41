-- docker_node: role, availability and labels of a swarm's node.

local util = use("util")
local docker = use("docker")

local function plan(c)
  local a = c.args
  docker.need_manager(c)
  local node = docker.find(c, "/nodes/" .. docker.escaped(a.hostname))
  if not node or not node.Spec then
    c:fail("This node is not part of a swarm: the swarm has no node '" .. a.hostname .. "'")
  end
  local spec = util.copy(node.Spec)
  local labels = util.copy(util.present(spec.Labels) or {})
  if a.labels_state == "replace" then
    labels = {}
  end
  for name, value in pairs(docker.labels(c, a.labels, "labels")) do
    labels[name] = value
  end
  for _, name in ipairs(a.labels_to_remove or {}) do
    if a.labels and a.labels[name] ~= nil then
      c:warn("Label '" .. name .. "' listed both in 'labels' and 'labels_to_remove'. Keeping the assigned label value.")
    elseif a.labels_state == "merge" then
      labels[name] = nil
    end
  end
  spec.Labels = dict(labels)
  spec.Role = a.role or spec.Role
  spec.Availability = a.availability or spec.Availability
  c:differs("role", node.Spec.Role, spec.Role)
  c:differs("availability", node.Spec.Availability, spec.Availability)
  c:differs("labels", dict(util.present(node.Spec.Labels) or {}), spec.Labels)
  c:set("node", node)
  c.state.spec, c.state.id, c.state.version = dict(spec), node.ID, math.tointeger(node.Version.Index)
end

local function run(c)
  docker.call(c, "Failed to update node", "POST", "/nodes/" .. c.state.id .. "/update",
    { query = { version = c.state.version }, body = c.state.spec })
  c:set("node", docker.find(c, "/nodes/" .. c.state.id))
end

return {
  doc = "Set role, availability and labels of a node of a Docker swarm.",
  spec = "community.docker.docker_node",
  example = "- community.docker.docker_node:\n    hostname: node1\n    labels:\n      db: \"true\"",
  returns = "node: The node, as the engine describes it.",
  side = "target",
  check = "full",
  diff = "full",
  args = docker.args({
    hostname = { required = true, doc = "Host name or id of the node." },
    labels = { type = "dict", doc = "Labels." },
    labels_state = { default = "merge", choices = { "merge", "replace" }, doc = "Beside other labels, or instead of them." },
    labels_to_remove = { type = "list", elements = "str", doc = "Labels that go." },
    availability = { choices = { "active", "pause", "drain" }, doc = "Whether it takes tasks." },
    role = { choices = { "manager", "worker" }, doc = "Its role." },
  }),
  plan = plan,
  run = run,
}
