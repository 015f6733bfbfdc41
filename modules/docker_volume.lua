-- docker_volume: named volumes of the Docker engine.

local util = use("util")
local docker = use("docker")

local function texts(values)
  local out = dict({})
  for key, value in pairs(values or {}) do
    out[key] = tostring(value)
  end
  return out
end

local function find(c)
  return docker.find(c, "/volumes/" .. docker.escaped(c.args.volume_name))
end

local function differs(c, volume)
  local a, other = c.args, false
  local function check(name, now, want)
    other = c:differs(name, now == nil and null or now, want) or other
  end
  if a.driver ~= volume.Driver then
    check("driver", volume.Driver, a.driver)
  end
  for _, pair in ipairs({ { "driver_options", "Options" }, { "labels", "Labels" } }) do
    local have = util.present(volume[pair[2]]) or {}
    for key, value in pairs(texts(a[pair[1]])) do
      if have[key] ~= value then
        check(pair[1] .. "." .. key, have[key], value)
      end
    end
  end
  return other
end

local function plan(c)
  local volume = find(c)
  if c.args.state == "absent" then
    if volume then
      c:differs("exists", true, false)
    end
    return
  end
  if not volume then
    c:differs("exists", false, true)
    c.state.create = true
  elseif c.args.recreate == "always" or c.args.recreate == "options-changed" and differs(c, volume) then
    c.state.create, c.state.remove = true, true
    c:changed()
  end
  if volume then
    c:set("volume", volume)
  end
end

local function run(c)
  local name = c.args.volume_name
  if c.args.state == "absent" or c.state.remove then
    docker.call(c, "Error removing volume " .. name, "DELETE", "/volumes/" .. docker.escaped(name))
    if c.args.state == "absent" then
      return
    end
  end
  docker.call(c, "Error creating volume " .. name, "POST", "/volumes/create", {
    body = { Name = name, Driver = c.args.driver, DriverOpts = texts(c.args.driver_options), Labels = docker.labels(c, c.args.labels, "labels") },
  })
  c:set("volume", find(c))
end

return {
  doc = "Make and remove Docker volumes.",
  spec = "community.docker.docker_volume",
  example = "- community.docker.docker_volume:\n    name: data",
  returns = "volume: The volume, as the engine describes it.",
  side = "target",
  check = "full",
  diff = "full",
  args = docker.args({
    volume_name = { required = true, aliases = { "name" }, doc = "Name of the volume." },
    driver = { default = "local", doc = "Driver." },
    driver_options = { type = "dict", default = dict(), doc = "Its options." },
    labels = { type = "dict", doc = "Labels." },
    recreate = {
      default = "never", choices = { "always", "never", "options-changed" }, doc = "When it is made anew: its data is lost.",
    },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
  }),
  plan = plan,
  run = run,
}
