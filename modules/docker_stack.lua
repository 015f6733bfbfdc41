-- docker_stack: stacks of a swarm, through `docker stack deploy`; what changed is read from the services before and after.

local util = use("util")
local docker = use("docker")

local function program(c, words)
  local argv = docker.cli(c, c.args.docker_cli or util.need(c, "docker"))
  util.extend(argv, words)
  return util.run(c, argv, { may_fail = true })
end

-- The services of the stack: name to specification.
local function services(c)
  local out = dict({})
  for _, service in ipairs(docker.call(c, "Error listing services", "GET", "/services",
    { query = { filters = docker.filters(c, { label = "com.docker.stack.namespace=" .. c.args.name }) } })) do
    out[service.Spec.Name] = service.Spec
  end
  return out
end

local function files(c)
  local words = {}
  for i, item in ipairs(c.args.compose) do
    local path = item
    if type(item) == "table" then
      path = c:tmpdir() .. "/compose" .. i .. ".yml"
      c.fs.write(path, c.json.encode(item), { mode = 384 })
    end
    util.append(words, "--compose-file", path)
  end
  return words
end

local function deploy(c)
  if #c.args.compose == 0 then
    c:fail("compose parameter must be a list containing at least one element")
  end
  local words = { "stack", "deploy" }
  if c.args.prune then
    util.append(words, "--prune")
  end
  if c.args.with_registry_auth then
    util.append(words, "--with-registry-auth")
  end
  if c.args.resolve_image then
    util.append(words, "--resolve-image", c.args.resolve_image)
  end
  util.extend(words, files(c))
  util.append(words, c.args.name)
  local before = services(c)
  local r = program(c, words)
  if r.rc ~= 0 then
    c:fail("docker stack up deploy command failed", { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
  local after = services(c)
  c:set("stdout", r.stdout)
  c:set("stderr", r.stderr)
  if not util.equal(before, after) then
    c:differs("services", before, after)
    c:set("stack_spec_diff", after)
  end
end

local function remove(c)
  if next(services(c)) == nil then
    return
  end
  c:changed()
  local tries = 0
  repeat
    local r = program(c, { "stack", "rm", c.args.name })
    if r.rc ~= 0 then
      c:fail("'docker stack down' command failed", { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
    end
    tries = tries + 1
    if next(services(c)) ~= nil then
      c.sleep(c.args.absent_retries_interval)
    end
  until next(services(c)) == nil or tries > c.args.absent_retries
end

local function run(c)
  if c.args.state == "present" then
    deploy(c)
  else
    remove(c)
  end
end

return {
  doc = "Deploy and remove stacks of a Docker swarm.",
  spec = "community.docker.docker_stack",
  example = "- community.docker.docker_stack:\n    name: mastodon\n    compose:\n      - /opt/mastodon/stack.yml",
  returns = "stack_spec_diff: Services that are other than before.",
  side = "target",
  check = "none",
  diff = "none",
  args = docker.cli_args({
    name = { required = true, doc = "Name of the stack." },
    state = { default = "present", choices = { "present", "absent" }, doc = "Whether it is to be there." },
    compose = { type = "list", elements = "raw", default = list(), doc = "Compose files of the target, or their content as dicts." },
    prune = { type = "bool", default = false, doc = "Remove services that are no longer named." },
    with_registry_auth = { type = "bool", default = false, doc = "Give the login to the registry to the nodes." },
    resolve_image = { choices = { "always", "changed", "never" }, doc = "When images are looked up." },
    absent_retries = { type = "int", default = 0, doc = "Tries more to remove it." },
    absent_retries_interval = { type = "int", default = 1, doc = "Seconds between them." },
  }),
  run = run,
}
