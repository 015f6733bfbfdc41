-- docker: the Engine API over its socket, for all docker modules.

local util = use("util")

local docker = {}

-- The arguments every docker module has.
local COMMON = {
  docker_host = { aliases = { "docker_url" }, doc = "Where the engine listens; $DOCKER_HOST, else unix:///var/run/docker.sock." },
  tls_hostname = { doc = "Name in the engine's certificate, when it is another one than that of docker_host." },
  api_version = { default = "auto", aliases = { "docker_api_version" }, doc = "Version of the API; the engine's own when `auto`." },
  timeout = { type = "int", doc = "Seconds of silence after which a request is given up; $DOCKER_TIMEOUT, else 60." },
  ca_path = { type = "path", aliases = { "ca_cert", "tls_ca_cert", "cacert_path" }, doc = "Certificate authority of the engine." },
  client_cert = { type = "path", aliases = { "tls_client_cert", "cert_path" }, doc = "Client certificate." },
  client_key = { type = "path", aliases = { "tls_client_key", "key_path" }, doc = "Its key." },
  ssl_version = { doc = "Accepted; the library chooses." },
  tls = { type = "bool", default = false, doc = "Use TLS without checking the certificate." },
  use_ssh_client = { type = "bool", default = false, doc = "Not supported." },
  validate_certs = { type = "bool", default = false, aliases = { "tls_verify" }, doc = "Use TLS and check the certificate." },
  debug = { type = "bool", default = false, doc = "Accepted." },
}

function docker.args(own)
  for name, arg in pairs(COMMON) do
    own[name] = own[name] or arg
  end
  return own
end

-- Those of modules that are a front end of the docker program.
function docker.cli_args(own)
  for name, arg in pairs(COMMON) do
    if name ~= "timeout" and name ~= "ssl_version" and name ~= "use_ssh_client" and name ~= "debug" then
      own[name] = own[name] or arg
    end
  end
  own.docker_cli = { type = "path", doc = "The docker program." }
  own.cli_context = { doc = "Context of the docker program; it is the engine to talk to when there is no docker_host." }
  return own
end

-- Text for a URL's query.
local function escaped(text)
  return (tostring(text):gsub("[^%w%-%._~]", function(ch) return ("%%%02X"):format(ch:byte()) end))
end
docker.escaped = escaped

local function query_of(query)
  local parts = {}
  for _, key in ipairs(util.keys(query or {})) do
    parts[#parts + 1] = escaped(key) .. "=" .. escaped(query[key])
  end
  return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

local function switch(value)
  return value ~= nil and not (value == "" or value == "0" or value:lower():match("^no?$") or value:lower() == "false")
end

-- The arguments of the connection, or what the environment says in their place.
local function connection(c)
  local certificates, engine = c.getenv("DOCKER_CERT_PATH"), c.getenv("DOCKER_HOST")
  local function file(given, name)
    return given or certificates and certificates .. "/" .. name
  end
  return {
    host = c.args.docker_host or engine ~= "" and engine or "unix:///var/run/docker.sock",
    version = c.args.api_version ~= "auto" and c.args.api_version or c.getenv("DOCKER_API_VERSION") or "auto",
    timeout = c.args.timeout or tonumber(c.getenv("DOCKER_TIMEOUT")) or 60,
    hostname = c.args.tls_hostname or c.getenv("DOCKER_TLS_HOSTNAME"),
    verify = c.args.validate_certs or switch(c.getenv("DOCKER_TLS_VERIFY")),
    tls = c.args.tls or switch(c.getenv("DOCKER_TLS")),
    ca = file(c.args.ca_path, "ca.pem"),
    cert = file(c.args.client_cert, "cert.pem"),
    key = file(c.args.client_key, "key.pem"),
  }
end

-- The words that start the docker program, or docker-compose, for the engine of the connection.
function docker.cli(c, program)
  local argv = {}
  if c.args.tls_hostname then
    util.append(argv, "DOCKER_TLS_HOSTNAME=" .. c.args.tls_hostname)
  end
  if c.args.api_version ~= "auto" then
    util.append(argv, "DOCKER_API_VERSION=" .. c.args.api_version)
  end
  if #argv > 0 then
    table.insert(argv, 1, "env")
  end
  util.append(argv, program)
  if c.args.docker_host or not c.args.cli_context then
    util.append(argv, "--host", connection(c).host)
  end
  if c.args.validate_certs then
    util.append(argv, "--tlsverify")
  elseif c.args.tls then
    util.append(argv, "--tls")
  end
  for _, option in ipairs({ { "--tlscacert", "ca_path" }, { "--tlscert", "client_cert" }, { "--tlskey", "client_key" },
    { "--context", "cli_context" } }) do
    if c.args[option[2]] then
      util.append(argv, option[1], c.args[option[2]])
    end
  end
  return argv
end

local function endpoint(c, to)
  local host = to.host
  local socket = host:match("^unix://(/.*)$") or host:match("^http%+unix://(/.*)$")
  if socket then
    return "http://docker", socket
  end
  local where = host:match("^tcp://(.+)$") or host:match("^https?://(.+)$")
  if not where then
    c:fail("docker_host '" .. host .. "' is not supported: unix:///path or tcp://host:port")
  end
  where = where:gsub("/+$", "")
  if not (to.tls or to.verify or host:match("^https:")) then
    return "http://" .. where
  end
  local port = where:match(":%d+$") or ""
  if to.verify and to.hostname and to.hostname ~= "" then
    return "https://" .. to.hostname .. port, nil, where
  end
  return "https://" .. where
end

-- One request. Returns status, the decoded answer (or its text), the text and the headers.
function docker.request(c, method, path, options)
  options = options or {}
  local to = connection(c)
  local base, socket, connect_to = endpoint(c, to)
  local version = to.version ~= "auto" and "/v" .. to.version:gsub("^v", "") or ""
  local headers = options.headers or {}
  local body = options.body
  if type(body) == "table" then
    body = c.json.encode(body)
    headers["Content-Type"] = "application/json"
  elseif method == "POST" and body == nil and not options.body_file then
    body = ""
  end
  local r, why = c.http({
    url = base .. version .. path .. query_of(options.query),
    method = method,
    headers = headers,
    body = body,
    body_file = options.body_file,
    to_file = options.to_file,
    unix_socket = socket,
    connect_to = connect_to,
    timeout = (options.timeout or 0) + to.timeout,
    validate_certs = to.verify,
    ca_path = to.ca,
    client_cert = to.cert,
    client_key = to.key,
    use_proxy = false,
    follow = false,
  })
  if not r then
    c:fail("Error connecting: no answer from the Docker engine at " .. (socket or base) .. " (" .. why ..
      "): is it running, and may this user talk to it?", { can_talk_to_docker = false })
  end
  local decoded = r.body
  if (r.headers["content-type"] or ""):match("json") and not options.raw then
    local ok, value = pcall(c.json.decode, r.body)
    decoded = ok and value or r.body
  end
  return r.status, decoded, r.body, r.headers
end

function docker.message(decoded)
  if type(decoded) == "table" and type(decoded.message) == "string" then
    return decoded.message
  end
  return util.trim(tostring(decoded))
end

-- A request that must succeed; `what` begins the message.
function docker.call(c, what, method, path, options)
  local status, decoded, text = docker.request(c, method, path, options)
  if status >= 400 then
    c:fail(what .. ": " .. status .. " from the Docker engine (" .. docker.message(decoded) .. ")")
  end
  return decoded, text, status
end

-- What an address names, or nil when there is none.
function docker.find(c, path, options)
  local status, decoded = docker.request(c, "GET", path, options)
  if status == 404 then
    return nil
  end
  if status >= 400 then
    c:fail("Error asking the Docker engine for " .. path .. ": " .. status .. " (" .. docker.message(decoded) .. ")")
  end
  return decoded
end

function docker.filters(c, filters)
  local out = dict({})
  for key, values in pairs(filters or {}) do
    local given = list({})
    for _, value in ipairs(type(values) == "table" and values or { values }) do
      given[#given + 1] = type(value) == "boolean" and (value and "true" or "false") or tostring(value)
    end
    out[key] = given
  end
  return c.json.encode(out)
end

-- -- names ---------------------------------------------------------------------------------------------------------

function docker.is_id(name)
  return name:match("^sha256:%x+$") ~= nil and #name == 71
end

-- Repository and tag (or digest) of an image's name.
function docker.split_tag(name)
  local repo, digest = name:match("^(.-)@(.+)$")
  if repo then
    return repo, digest
  end
  local head, tag = name:match("^(.*):([^:/]+)$")
  if head then
    return head, tag
  end
  return name, nil
end

function docker.full_name(name, tag)
  return name .. (tag:find(":", 1, true) and "@" or ":") .. tag
end

function docker.image(c, name)
  return docker.find(c, "/images/" .. name .. "/json")
end

-- The registry an image is pulled from, as the keys of config.json have it.
local function registry_of(repo)
  local first = repo:match("^([^/]+)/")
  if first and (first:find("[.:]") or first == "localhost") then
    return first
  end
  return "https://index.docker.io/v1/"
end

-- The header that logs in to an image's registry, from the user's config.json.
function docker.registry_auth(c, repo)
  local dir = c.getenv("DOCKER_CONFIG") or (c.getenv("HOME") or "/root") .. "/.docker"
  local text = c.fs.read(dir .. "/config.json")
  local ok, config = pcall(c.json.decode, text or "{}")
  local registry = registry_of(repo)
  local auths = ok and type(config) == "table" and util.present(config.auths) or {}
  local entry = auths[registry] or auths["https://" .. registry] or auths["http://" .. registry]
  local plain = entry and util.present(entry.auth) and c.base64.decode(entry.auth)
  if not plain then
    return {}
  end
  local user, password = plain:match("^([^:]*):(.*)$")
  local auth = c.json.encode({ username = user, password = password, serveraddress = registry })
  return { ["X-Registry-Auth"] = (c.base64.encode(auth):gsub("+", "-"):gsub("/", "_")) }
end

-- Lines of JSON that the engine sends while it works; ends the module when one tells of an error.
function docker.progress(c, what, text)
  local out = {}
  for line in text:gmatch("[^\r\n]+") do
    local ok, value = pcall(c.json.decode, line)
    if ok and type(value) == "table" then
      if util.present(value.error) then
        c:fail(what .. ": " .. tostring(value.error))
      end
      out[#out + 1] = value
    end
  end
  return out
end

-- Pulls an image; true when it is another one than before.
function docker.pull(c, repo, tag, platform)
  local what = "Error pulling image " .. docker.full_name(repo, tag)
  local query = { fromImage = repo, tag = tag }
  if platform then
    query.platform = platform
  end
  local before = docker.image(c, docker.full_name(repo, tag))
  local _, text = docker.call(c, what, "POST", "/images/create",
    { query = query, headers = docker.registry_auth(c, repo), raw = true, timeout = 600 })
  docker.progress(c, what, text)
  local after = docker.image(c, docker.full_name(repo, tag))
  if not after then
    c:fail(what .. ": the engine says that it was pulled, but does not have it")
  end
  return after, not before or before.Id ~= after.Id
end

-- -- sizes and times -----------------------------------------------------------------------------------------------

local UNITS = { [""] = 0, b = 0, k = 10, m = 20, g = 30, t = 40, p = 50 }

-- "64M" in bytes; nil for what is no size.
function docker.bytes(text)
  local number, unit = tostring(text):lower():match("^%s*([%d%.]+)%s*([kmgtp]?)i?b?%s*$")
  if not number or not tonumber(number) then
    return nil
  end
  return math.floor(tonumber(number) * (1 << UNITS[unit]))
end

local SECONDS = { h = 3600, m = 60, s = 1, ms = 1e-3, us = 1e-6, ns = 1e-9 }

-- "1m30s" in nanoseconds; nil for what is no time.
function docker.nanoseconds(text)
  text = tostring(text)
  local total, rest = 0, text
  if text:match("^%d+$") then
    return math.tointeger(tonumber(text)) * 1000000000
  end
  while rest ~= "" do
    local number, unit, more = rest:match("^([%d%.]+)([hmnsu]s?)(.*)$")
    if not number or not SECONDS[unit] then
      return nil
    end
    total = total + tonumber(number) * SECONDS[unit] * 1e9
    rest = more
  end
  return math.floor(total + 0.5)
end

-- Labels as texts; ends the module for values that YAML may have made of something else.
function docker.labels(c, labels, field)
  local out = dict({})
  for key, value in pairs(labels or {}) do
    if type(value) == "boolean" or math.type(value) == "float" then
      local shown = util.python_text(value)
      c:fail("The value " .. shown .. " for '" .. key .. "' of " .. field .. " is not a string or something than can be safely converted to a string!")
    end
    out[key] = value == null and "None" or tostring(value)
  end
  return out
end

-- Ends the module on an engine that manages no swarm.
function docker.need_manager(c)
  if docker.request(c, "GET", "/swarm") >= 400 then
    c:fail("Error running docker swarm module: must run on swarm manager node")
  end
end

-- A list of "NAME=value" from a dict and the files of an env_file.
function docker.environment(c, env, files)
  local values = {}
  for _, path in ipairs(files or {}) do
    local text = c.fs.read(path) or c:fail("env_file " .. path .. " does not exist")
    for _, line in ipairs(util.lines(text)) do
      local key, value = line:match("^%s*([^#=][^=]*)=(.*)$")
      if key then
        values[util.trim(key)] = (value:gsub("\r$", ""))
      end
    end
  end
  for key, value in pairs(env or {}) do
    if type(value) ~= "string" then
      c:fail("Non-string value found for env option. Put it in quotes, so that YAML does not " ..
        "make something else of it. Key: " .. key)
    end
    values[key] = value
  end
  local out = list({})
  for _, key in ipairs(util.keys(values)) do
    out[#out + 1] = key .. "=" .. values[key]
  end
  return out
end

-- The Healthcheck of the API; nil when none was asked for.
function docker.healthcheck(c, h)
  if not h then
    return nil
  end
  local out = dict({})
  local test = util.present(h.test)
  if test ~= nil then
    if type(test) == "string" then
      test = test == "NONE" and list({ "NONE" }) or list({ "CMD-SHELL", test })
    end
    out.Test = test
    if test[1] == "NONE" then
      return { Test = list({ "NONE" }) }
    end
  end
  for name, key in pairs({ interval = "Interval", timeout = "Timeout", start_period = "StartPeriod", start_interval = "StartInterval" }) do
    if util.present(h[name]) then
      out[key] = docker.nanoseconds(h[name]) or c:fail("healthcheck." .. name .. ": '" .. h[name] .. "' is no time such as 1m30s")
    end
  end
  if util.present(h.retries) then
    out.Retries = math.tointeger(h.retries)
  end
  return out
end

return docker
