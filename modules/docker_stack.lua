-- docker_stack: stacks of a swarm, through `docker stack deploy`; what changed is read from the services before and after.

local util = use("util")
local docker = use("docker")

local function program(c, words)
  local argv = docker.cli(c, c.args.docker_cli or c:need("docker"))
  util.extend(argv, words)
  return util.run(c, argv, { may_fail = true })
end

-- The services of the stack: name to specification. The program is asked, as it knows which engine a context means.
local function services(c)
  local out, names = dict({}), { "service", "inspect" }
  local listed = program(c, { "stack", "services", c.args.name, "--format", "{{.Name}}" })
  if listed.rc ~= 0 and not listed.stderr:match("^Nothing found in stack:") then
    c:fail("docker stack services " .. c.args.name .. " failed: " .. util.trim(listed.stderr),
      { rc = listed.rc, stdout = listed.stdout, stderr = listed.stderr })
  end
  util.extend(names, util.words(listed.stdout))
  if #names > 2 then
    local ok, all = pcall(c.json.decode, program(c, names).stdout)
    for _, service in ipairs(ok and all or {}) do
      out[service.Spec.Name] = service.Spec
    end
  end
  return out
end

-- What differs, as text: of dicts the keys that do, and "$delete", a list of those that are gone.
local function difference(before, after)
  local out, gone = dict({}), list()
  for key, value in pairs(after) do
    local old = before[key]
    local both = type(old) == "table" and type(value) == "table" and #old == 0 and #value == 0 and next(old) and next(value)
    if both and not util.equal(old, value) then
      out[key] = difference(old, value)
    elseif old == nil or not util.equal(old, value) then
      out[key] = value
    end
  end
  for _, key in ipairs(util.keys(before)) do
    if after[key] == nil then
      gone[#gone + 1] = key
    end
  end
  if #gone > 0 then
    out["$delete"] = gone
  end
  return out
end

local function files(c)
  local words = {}
  for i, item in ipairs(c.args.compose) do
    local path = item
    if type(item) ~= "table" and type(item) ~= "string" then
      c:fail("compose element '" .. tostring(item) .. "' must be a string or a dictionary")
    end
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
  c:set("rc", r.rc)
  c:set("stdout", r.stdout)
  c:set("stderr", r.stderr)
  if not util.equal(before, after) then
    c:changed()
    c:set("stack_spec_diff", c.json.encode(difference(before, after)))
  end
end

local function remove(c)
  if next(services(c)) == nil then
    return
  end
  local r = program(c, { "stack", "rm", c.args.name })
  local tries = 0
  while not r.stderr:match("^Nothing found in stack:") and tries < c.args.absent_retries do
    c.sleep(c.args.absent_retries_interval)
    tries = tries + 1
    r = program(c, { "stack", "rm", c.args.name })
  end
  if r.rc ~= 0 then
    c:fail("'docker stack down' command failed", { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
  c:changed()
  for key, value in pairs({ msg = r.stdout, rc = r.rc, stdout = r.stdout, stderr = r.stderr }) do
    c:set(key, value)
  end
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
  returns = "stack_spec_diff: What differs in the services, as JSON.\nrc: Status of the docker program.\nstdout: What it printed.\nstderr: Its messages.",
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
  exclusive = { { "docker_host", "cli_context" } },
  run = run,
}
