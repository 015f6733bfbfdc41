-- docker_images: what the modules for images share: names, building, loading, pushing, archives.

local util = use("util")
local docker = use("docker")

local images = {}

-- Repository and tag of the arguments `name` and `tag`; a tag in the name wins. The tag is nil for an id.
function images.names(c, name, tag)
  if docker.is_id(name) then
    return name, nil
  end
  local repo, own = docker.split_tag(name)
  tag = own or tag
  if not docker.is_id(tag) and not tag:match("^[%w_][%w_%.%-]*$") then
    c:fail('"' .. tag .. '" is not a valid docker tag!')
  end
  if not docker.full_name(repo, tag):match("^[%w%._%-/:@]+$") then
    c:fail('"' .. docker.full_name(repo, tag) .. '" is no name of an image')
  end
  return repo, tag
end

function images.full(repo, tag)
  return tag and docker.full_name(repo, tag) or repo
end

-- -- building ----------------------------------------------------------------------------------------------------------

local function size(c, what, text)
  return docker.bytes(text) or c:fail("Failed to convert " .. what .. " to bytes: '" .. text .. "' is no size")
end

-- A dict's values as texts.
local function texts(values)
  local out = dict({})
  for name, value in pairs(values) do
    out[name] = tostring(value)
  end
  return out
end

local function build_query(c, name, b)
  local query = { t = name, rm = b.rm == false and "0" or "1" }
  for arg, key in pairs({ dockerfile = "dockerfile", network = "networkmode", target = "target", platform = "platform" }) do
    query[key] = util.present(b[arg])
  end
  if b.pull then
    query.pull = "1"
  end
  if util.present(b.nocache) then
    query.nocache = "1"
  end
  for arg, key in pairs({ args = "buildargs", labels = "labels" }) do
    if util.present(b[arg]) then
      query[key] = c.json.encode(texts(b[arg]))
    end
  end
  if util.present(b.cache_from) then
    query.cachefrom = c.json.encode(b.cache_from)
  end
  if util.present(b.etc_hosts) then
    local hosts = {}
    for _, host in ipairs(util.keys(b.etc_hosts)) do
      hosts[#hosts + 1] = host .. ":" .. b.etc_hosts[host]
    end
    query.extrahosts = table.concat(hosts, ",")
  end
  if util.present(b.shm_size) then
    query.shmsize = size(c, "shm_size", b.shm_size)
  end
  local limits = util.present(b.container_limits) or {}
  for arg, key in pairs({ memory = "memory", memswap = "memswap" }) do
    if util.present(limits[arg]) then
      query[key] = size(c, "container_limits." .. arg, limits[arg])
    end
  end
  query.cpushares, query.cpusetcpus = util.present(limits.cpushares), util.present(limits.cpusetcpus)
  return query
end

-- The directory as an archive, without what .dockerignore names.
local function context(c, path)
  local file = c:tmpdir() .. "/context.tar"
  local argv = { c:need("tar"), "-C", path, "-cf", file }
  for _, line in ipairs(util.lines(c.fs.read(path .. "/.dockerignore") or "")) do
    line = util.trim(line):gsub("^%./", ""):gsub("/+$", "")
    if line ~= "" and not line:match("^[#!]") then
      util.append(argv, "--exclude", "./" .. line:gsub("^/", ""))
    end
  end
  util.append(argv, ".")
  util.run(c, argv)
  return file
end

-- Builds an image through the engine; what it printed. `b`: path, dockerfile, args ... as docker_image's `build`.
function images.build(c, name, b)
  local st = c.fs.stat(c.fs.realpath(b.path) or b.path)
  if not st or st.type ~= "directory" then
    c:fail("Requested build path " .. b.path .. " could not be found or you do not have access.")
  end
  local _, text = docker.call(c, "Error building " .. name, "POST", "/build", {
    query = build_query(c, name, b), body_file = context(c, b.path), headers = { ["Content-Type"] = "application/x-tar" },
    raw = true, timeout = util.present(b.http_timeout) or 3600,
  })
  local out = {}
  for _, line in ipairs(docker.progress(c, "Error building " .. name, text)) do
    out[#out + 1] = util.present(line.stream)
  end
  return table.concat(out)
end

-- -- archives ----------------------------------------------------------------------------------------------------------

-- Loads the images of an archive; the lines that the engine printed.
function images.load(c, path)
  local what = "Error loading archive " .. path
  if not c.fs.exists(path) then
    c:fail("Error opening archive " .. path .. " - it does not exist")
  end
  local _, text = docker.call(c, what, "POST", "/images/load",
    { body_file = path, headers = { ["Content-Type"] = "application/x-tar" }, raw = true, timeout = 3600 })
  local out = {}
  for _, line in ipairs(docker.progress(c, what, text)) do
    util.extend(out, util.lines(util.present(line.stream) or util.present(line.status) or ""))
  end
  return out
end

-- Saves images as an archive, which appears whole or not at all.
function images.save(c, names, path)
  local temp = c.fs.beside(path) .. "/images"
  local address = "/images/" .. names[1] .. "/get"
  if #names > 1 then
    local parts = {}
    for _, name in ipairs(names) do
      parts[#parts + 1] = "names=" .. docker.escaped(name)
    end
    address = "/images/get?" .. table.concat(parts, "&")
  end
  docker.call(c, "Error getting image " .. table.concat(names, ", "), "GET", address, { to_file = temp, timeout = 3600 })
  c.fs.chmod(temp, 420)
  c.fs.rename(temp, path)
end

-- What an archive holds: a list of { id, tags }; nil when it is no archive of images.
function images.archived(c, path)
  local r = util.run(c, { c:need("tar"), "-xOf", path, "manifest.json" }, { may_fail = true })
  local ok, manifest = pcall(c.json.decode, r.stdout)
  if r.rc ~= 0 or not ok or type(manifest) ~= "table" then
    return nil
  end
  local out = {}
  for _, image in ipairs(manifest) do
    local config = type(image) == "table" and util.present(image.Config) or ""
    local id = config:gsub("^blobs/sha256/", ""):gsub("%.json$", "")
    out[#out + 1] = { id = "sha256:" .. id, tags = util.present(image.RepoTags) or {} }
  end
  return out
end

-- -- registries --------------------------------------------------------------------------------------------------------

-- Pushes an image; whether a layer was sent.
function images.push(c, repo, tag)
  local name = images.full(repo, tag)
  local headers = docker.registry_auth(c, repo)
  headers["X-Registry-Auth"] = headers["X-Registry-Auth"] or c.base64.encode("{}")
  local _, text = docker.call(c, "Error pushing image " .. name, "POST", "/images/" .. repo .. "/push",
    { query = { tag = tag }, headers = headers, raw = true, timeout = 3600 })
  local sent = false
  for _, line in ipairs(docker.progress(c, "Error pushing image " .. name, text)) do
    sent = sent or util.present(line.status) == "Pushing"
  end
  return sent
end

return images
