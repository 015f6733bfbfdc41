-- docker_login: logins to registries in the user's config.json.

local util = use("util")
local docker = use("docker")

local function config_path(c)
  return c.args.config_path
end

local function read(c)
  local text = c.fs.read(config_path(c))
  if not text or util.trim(text) == "" then
    return dict(), text
  end
  local ok, config = pcall(c.json.decode, text)
  if not ok or type(config) ~= "table" then
    c:fail(config_path(c) .. " is no JSON object: repair or remove it first")
  end
  return config, text
end

local function plan(c)
  local config = read(c)
  if util.present(config.credsStore) or util.present(config.credHelpers) and config.credHelpers[c.args.registry_url] then
    c:fail(config_path(c) .. " names a credential store: its program must be used to log in or out")
  end
  local auths = util.present(config.auths) or dict()
  local now = auths[c.args.registry_url]
  if c.args.state == "absent" then
    if now then
      c:changed()
      c:set("actions", list({ "Log out of " .. c.args.registry_url }))
    end
    return
  end
  local auth = c.base64.encode(c.args.username .. ":" .. c.args.password)
  c.state.auth = auth
  c.state.same = now ~= nil and util.present(now.auth) == auth
  if not c.state.same or c.args.reauthorize then
    c:changed()
  end
end

local function run(c)
  local config = read(c)
  config.auths = util.present(config.auths) or dict()
  if c.args.state == "absent" then
    config.auths[c.args.registry_url] = nil
    dict(config.auths)
  else
    local status, answer = docker.request(c, "POST", "/auth",
      { body = { username = c.args.username, password = c.args.password, serveraddress = c.args.registry_url } })
    if status >= 400 then
      c:fail("Logging into " .. c.args.registry_url .. " for user " .. c.args.username .. " failed - " .. status ..
        " from the Docker engine (" .. docker.message(answer) .. ")")
    end
    c:set("login_result", answer)
    config.auths[c.args.registry_url] = { auth = c.state.auth }
  end
  util.makedirs(c, util.dirname(config_path(c)), 448)
  c.fs.write(config_path(c), c.json.encode(config, 4) .. "\n", { mode = 384 })
end

return {
  doc = "Log in to a registry, or out of it.",
  spec = "community.docker.docker_login",
  example = "- community.docker.docker_login:\n    registry_url: registry.example.org\n    username: deploy\n    password: \"{{ registry_password }}\"",
  returns = "login_result: The engine's answer.",
  side = "target",
  check = "full",
  diff = "none",
  args = docker.args({
    registry_url = { default = "https://index.docker.io/v1/", aliases = { "registry", "url" }, doc = "The registry." },
    username = { doc = "User." },
    password = { no_log = true, doc = "Password." },
    reauthorize = { type = "bool", default = false, aliases = { "reauth" }, doc = "Log in again in any case." },
    config_path = { type = "path", default = "~/.docker/config.json", aliases = { "dockercfg_path" }, doc = "The file." },
    state = { default = "present", choices = { "present", "absent" }, doc = "Logged in, or not." },
  }),
  required_if = { { "state", "present", { "username", "password" } } },
  plan = plan,
  run = run,
}
