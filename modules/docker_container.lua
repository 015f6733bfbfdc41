-- docker_container: a container as it should be. What runs is compared in full with what is wanted; what the engine can
-- change is changed, all else means a new container.

local util = use("util")
local docker = use("docker")
local spec = use("docker_container")

local function action(c, what)
  c.state.actions = c.state.actions or list()
  c.state.actions[#c.state.actions + 1] = what
  c:changed()
end

local function inspect(c)
  return docker.find(c, "/containers/" .. docker.escaped(c.args.name) .. "/json")
end

-- Under this name a new container waits until the old one is gone.
local function waiting_name(c)
  return c.args.name .. ".play-new"
end

-- The one that waits; what was started under that name is not ours.
local function waiting(c)
  local container = docker.find(c, "/containers/" .. docker.escaped(waiting_name(c)) .. "/json")
  return container and container.State.Status == "created" and container or nil
end

local function rename(c, id)
  docker.call(c, "Error renaming container " .. id, "POST", "/containers/" .. id .. "/rename", { query = { name = c.args.name } })
end

-- -- image -------------------------------------------------------------------------------------------------------------

local function wanted_image(c, current)
  local name = c.args.image
  if not name then
    return nil
  end
  if docker.is_id(name) then
    return docker.image(c, name) or c:fail("Cannot find image with ID " .. name)
  end
  local repo, tag = docker.split_tag(name)
  tag = tag or "latest"
  local full = docker.full_name(repo, tag)
  local image = docker.image(c, full)
  local pull = c.args.pull
  pull = ({ ["true"] = "always", ["false"] = "missing" })[tostring(pull)] or pull
  if not util.contains({ "never", "missing", "always" }, pull) then
    c:fail("value of pull must be one of: never, missing, always, true, false, got: " .. tostring(pull))
  end
  if not image and pull == "never" then
    c:fail("Cannot find image with name " .. full .. ", and pull=never")
  end
  if image and pull ~= "always" then
    return image
  end
  if c.check then
    if not image or c.args.pull_check_mode_behavior == "always" then
      action(c, { pulled_image = full })
    end
    return image
  end
  local changed
  image, changed = docker.pull(c, repo, tag, c.args.platform)
  if changed then
    action(c, { pulled_image = full, changed = true })
  end
  return image, current
end

-- -- life ----------------------------------------------------------------------------------------------------------------

local function stop(c, id)
  local options = { query = {}, timeout = c.args.stop_timeout or 10 }
  if c.args.force_kill then
    if c.args.kill_signal then
      options.query.signal = c.args.kill_signal
    end
    action(c, { killed = id })
    if not c.check then
      docker.call(c, "Error killing container " .. id, "POST", "/containers/" .. id .. "/kill", options)
    end
    return
  end
  if c.args.stop_timeout then
    options.query.t = c.args.stop_timeout
  end
  action(c, { stopped = id, timeout = c.args.stop_timeout or null })
  if not c.check then
    docker.call(c, "Error stopping container " .. id, "POST", "/containers/" .. id .. "/stop", options)
  end
end

local function wait_removed(c, id)
  local deadline = c.now() + (c.args.removal_wait_timeout or 60)
  while docker.find(c, "/containers/" .. id .. "/json") do
    if c.now() >= deadline then
      c:fail("container " .. id .. " is still being removed")
    end
    c.sleep(0.2)
  end
end

local function remove(c, id)
  action(c, { removed = id, volume_state = not c.args.keep_volumes, link = false, force = false })
  if c.check then
    return
  end
  local status, answer = docker.request(c, "DELETE", "/containers/" .. id,
    { query = { v = c.args.keep_volumes and "false" or "true", force = "false" } })
  if status >= 400 and status ~= 404 and not docker.message(answer):find("is already in progress", 1, true) then
    c:fail("Error removing container " .. id .. ": " .. docker.message(answer))
  end
  wait_removed(c, id)
end

-- Makes the container under a name; its id, nil in check mode.
local function make(c, want, image_name, name)
  if c.check then
    return nil
  end
  local body = util.copy(want.body)
  body.Image = image_name
  local query = { name = name }
  if c.args.platform then
    query.platform = c.args.platform
  end
  local answer = docker.call(c, "Error creating container", "POST", "/containers/create", { query = query, body = body })
  for _, warning in ipairs(util.present(answer.Warnings) or {}) do
    c:warn("Docker warning: " .. warning)
  end
  return answer.Id
end

local function made(c, want, id)
  action(c, { created = "Created container", create_parameters = want.body })
  return id and docker.find(c, "/containers/" .. id .. "/json")
end

local function discard(c, id)
  docker.request(c, "DELETE", "/containers/" .. id, { query = { v = "true", force = "true" } })
end

-- Makes the container anew. The new one is there before the old one goes: when it cannot be made, or this run is killed,
-- there is always one of the two, and the next run finds it.
local function make_anew(c, want, old)
  local left = not c.check and waiting(c)
  if left then
    discard(c, left.Id)
  end
  local id = make(c, want, c.args.image or old.Config.Image, waiting_name(c))
  if old.State.Running then
    stop(c, old.Id)
  end
  remove(c, old.Id)
  if id then
    rename(c, id)
  end
  return made(c, want, id)
end

-- -- networks --------------------------------------------------------------------------------------------------------------

local function network_differs(net, now)
  if not now then
    return true
  end
  local ipam = util.present(now.IPAMConfig) or {}
  local function other(want, have)
    return want and want ~= (util.present(have) or "")
  end
  if other(net.ipv4_address, ipam.IPv4Address) or other(net.ipv6_address, ipam.IPv6Address) or
      other(net.mac_address, now.MacAddress) then
    return true
  end
  for _, alias in ipairs(net.aliases or {}) do
    if not util.contains(util.present(now.Aliases), alias) then
      return true
    end
  end
  for _, link in ipairs(net.links or {}) do
    if not util.contains(util.present(now.Links), link:find(":", 1, true) and link or link .. ":" .. link) then
      return true
    end
  end
  return false
end

local function update_networks(c, container, created)
  local wanted = {}
  local now = container.NetworkSettings and util.present(container.NetworkSettings.Networks) or {}
  for i, net in ipairs(c.args.networks or {}) do
    for key, value in pairs(net) do
      net[key] = util.present(value)
    end
    wanted[net.name] = true
    -- a new container joined the first network when it was made
    if network_differs(net, now[net.name]) and not (created and c.check and i == 1 and spec.joins_first(c)) then
      c:differs("network." .. net.name, now[net.name] or null, "connected")
      if now[net.name] then
        action(c, { removed_from_network = net.name })
        if not c.check then
          docker.call(c, "Error disconnecting container from network " .. net.name, "POST",
            "/networks/" .. docker.escaped(net.name) .. "/disconnect", { body = { Container = container.Id, Force = true } })
        end
      end
      action(c, { added_to_network = net.name, network_parameters = net })
      if not c.check then
        docker.call(c, "Error connecting container to network " .. net.name, "POST",
          "/networks/" .. docker.escaped(net.name) .. "/connect",
          { body = { Container = container.Id, EndpointConfig = spec.endpoint(net) } })
      end
    end
  end
  local purge = c.args.purge_networks or spec.comparison(c, "networks") == "strict"
  if not purge or not c.args.networks then
    return
  end
  for _, name in ipairs(util.keys(now)) do
    if not wanted[name] then
      c:differs("network." .. name, "connected", null)
      action(c, { removed_from_network = name })
      if not c.check then
        docker.call(c, "Error disconnecting container from network " .. name, "POST",
          "/networks/" .. docker.escaped(name) .. "/disconnect", { body = { Container = container.Id, Force = false } })
      end
    end
  end
end

-- -- states ----------------------------------------------------------------------------------------------------------------

local function health(container)
  local h = container.State and util.present(container.State.Health)
  return h and h.Status or nil
end

local function wait_healthy(c, id)
  local limit = c.args.healthy_wait_timeout
  local deadline = c.now() + (limit or 300)
  while true do
    local container = docker.find(c, "/containers/" .. id .. "/json") or c:fail("Cannot find container with ID " .. id)
    local status = health(container)
    if not status or status == "none" or status == "healthy" then
      return container
    end
    if not container.State.Running and not container.State.Restarting then
      c:fail("container " .. c.args.name .. " ended with status " .. tostring(container.State.ExitCode) ..
        " while it was waited for to become healthy")
    end
    if limit ~= 0 and c.now() >= deadline then
      c:fail("Timeout of " .. tostring(limit) .. " seconds exceeded while waiting for container \"" .. id .. "\" to become healthy")
    end
    c.sleep(0.5)
  end
end

local function post(c, what, id, verb, options)
  if not c.check then
    docker.call(c, what .. " container " .. id, "POST", "/containers/" .. id .. "/" .. verb, options)
  end
end

local function set_running(c, container, id)
  local state = c.args.state
  local running = container ~= nil and container.State.Running == true
  if (state == "started" or state == "healthy") and not running then
    c:differs("running", false, true)
    action(c, { started = id })
    post(c, "Error starting", id, "start")
    return true
  elseif (state == "started" or state == "healthy") and c.args.restart then
    c:differs("restarted", false, true)
    action(c, { restarted = id, timeout = c.args.stop_timeout or null })
    local query = c.args.stop_timeout and { t = c.args.stop_timeout } or nil
    post(c, "Error restarting", id, "restart", { query = query, timeout = c.args.stop_timeout or 10 })
    return true
  elseif state == "stopped" and running then
    c:differs("running", true, false)
    stop(c, id)
    return true
  end
  return false
end

local function set_paused(c, container, id)
  local want = c.args.paused
  local state = c.args.state
  if want == nil or state ~= "started" and state ~= "healthy" then
    return
  end
  local now = container ~= nil and container.State.Paused == true
  if now ~= want then
    c:differs("paused", now, want)
    action(c, { set_paused = want })
    post(c, "Error pausing", id, want and "pause" or "unpause")
  end
end

-- Waits for a container that runs in the foreground and takes its output.
local function foreground(c, id)
  local answer = docker.call(c, "Error waiting for container " .. id, "POST", "/containers/" .. id .. "/wait", { timeout = 86400 })
  local driver = c.args.log_driver or "json-file"
  local output = ""
  local info = docker.find(c, "/containers/" .. id .. "/json")
  driver = info and info.HostConfig.LogConfig.Type or driver
  if driver == "json-file" or driver == "journald" or driver == "local" then
    local _, text = docker.call(c, "Error reading the logs of container " .. id, "GET", "/containers/" .. id .. "/logs",
      { query = { stdout = "true", stderr = "true" }, raw = true })
    output = info and info.Config.Tty and text or spec.demultiplexed(text)
  else
    output = "Result logged using `" .. driver .. "` driver"
  end
  local status = math.tointeger(answer.StatusCode)
  if info then
    info.Output = output
  end
  if status ~= 0 then
    c:set("container", info)
    c:set("status", status)
    c:fail(output, { status = status })
  end
  c:set("status", status)
  if c.args.cleanup then
    docker.request(c, "DELETE", "/containers/" .. id, { query = { v = "true", force = "true" } })
  end
  return info
end

local function present(c)
  local container = inspect(c)
  if container and container.State.Status == "removing" then
    if not c.check then
      wait_removed(c, container.Id)
    end
    container = nil
  end
  if not container then
    container = waiting(c)
    if container and not c.check then
      rename(c, container.Id)
    end
  end
  local image = wanted_image(c, container)
  local compared = c.args.image_comparison == "current-image" and container and docker.image(c, container.Image) or image
  if not compared and container then
    compared = docker.image(c, container.Image)
  end
  local want = spec.wanted(c)
  local new = false
  if not container then
    if not c.args.image then
      c:fail("Cannot create container when image is not specified!")
    end
    c:differs("exists", false, true)
    container = made(c, want, make(c, want, c.args.image, c.args.name))
    new = true
  else
    local differences, updates = spec.compare(c, want, container, compared)
    local other_image = image and spec.comparison(c, "image") ~= "ignore" and image.Id ~= container.Image
    local name_differs = c.args.image_name_mismatch == "recreate" and c.args.image and container.Config.Image ~= c.args.image
    if other_image then
      differences.image = { container.Image, image.Id }
    end
    if name_differs then
      differences.image_name = { container.Config.Image, c.args.image }
    end
    if next(differences) or c.args.recreate then
      for name, pair in pairs(differences) do
        c:differs(name, pair[1], pair[2])
      end
      for name, pair in pairs(updates) do
        c:differs(name, pair[1], pair[2])
      end
      container = make_anew(c, want, container)
      new = true
    elseif next(updates) then
      for name, pair in pairs(updates) do
        c:differs(name, pair[1], pair[2])
      end
      action(c, { updated = container.Id, update_parameters = want.update })
      if not c.check then
        docker.call(c, "Error updating container " .. container.Id, "POST", "/containers/" .. container.Id .. "/update",
          { body = want.update })
      end
    end
  end
  local id = container and container.Id or c.args.name
  if container then
    update_networks(c, container, new)
  end
  local switched = set_running(c, container, id)
  if not c.check then
    set_paused(c, inspect(c), id)
  else
    set_paused(c, container, id)
  end
  if c.check then
    return container
  end
  if switched and c.args.detach == false and c.args.state == "started" then
    return foreground(c, id)
  end
  if c.args.state == "healthy" then
    return wait_healthy(c, id)
  end
  return inspect(c)
end

local function absent(c)
  local left = waiting(c)
  if left and not c.check then
    discard(c, left.Id)
  end
  local container = inspect(c) or left
  if not container then
    return
  end
  c:differs("exists", true, false)
  if container.State.Running then
    stop(c, container.Id)
  end
  remove(c, container.Id)
end

local function run(c)
  if c.args.use_ssh_client then
    c:fail("use_ssh_client is not supported")
  end
  c:set("actions", list())
  local facts
  if c.args.state == "absent" then
    absent(c)
  else
    facts = present(c)
  end
  c:set("actions", c.state.actions or list())
  if facts then
    c:set("container", facts)
  end
end

return {
  doc = "Make, change, start, stop and remove Docker containers.",
  spec = "community.docker.docker_container",
  example = "- community.docker.docker_container:\n    name: web\n    image: nginx:1.25\n    state: started\n    restart_policy: unless-stopped\n    ports:\n      - 127.0.0.1:8080:80\n    env:\n      TZ: Europe/Paris\n    volumes:\n      - /srv/www:/usr/share/nginx/html:ro",
  returns = "container: The container, as the engine describes it.\nactions: What was done.\nstatus: Exit status, when it was waited for.",
  side = "target",
  check = "partial",
  diff = "full",
  args = docker.args(spec.args),
  run = run,
}
