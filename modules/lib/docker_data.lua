-- docker_data: secrets and configs of a swarm, which differ in their address only. The engine does not give a secret's
-- content back: a label keeps its digest, under the name Ansible's modules use, so that both know each other's work.

local util = use("util")
local docker = use("docker")

local data = {}

local LABEL, VERSION = "ansible_key", "ansible_version"

local function content(c)
  if c.args.data_src then
    return c.fs.read(c.args.data_src) or c:fail("Error while reading " .. c.args.data_src .. ": there is no such file")
  end
  if c.args.data_is_b64 then
    return c.base64.decode(c.args.data) or c:fail("data is no base64, although data_is_b64 says so")
  end
  return c.args.data
end

-- All versions of it, newest first; without rolling versions the one of that name.
local function find(c, kind)
  local out = {}
  for _, item in ipairs(docker.call(c, "Error accessing " .. kind .. "s", "GET", "/" .. kind .. "s",
    { query = { filters = docker.filters(c, { name = c.args.name }) } })) do
    local name = item.Spec.Name
    local version = name:sub(1, #c.args.name + 2) == c.args.name .. "_v" and tonumber(name:sub(#c.args.name + 3))
    if c.args.rolling_versions and version or not c.args.rolling_versions and name == c.args.name then
      out[#out + 1] = { id = item.ID, name = name, version = version or 0, labels = util.present(item.Spec.Labels) or {}, item = item }
    end
  end
  table.sort(out, function(a, b) return a.version > b.version end)
  return out
end

local function same_labels(c, item)
  for name, value in pairs(docker.labels(c, c.args.labels, "labels")) do
    if item.labels[name] ~= value then
      return false
    end
  end
  return true
end

-- A template where there was none, another one, or none any more.
local function same_template(c, item)
  local now = util.present(item.item.Spec.Templating)
  return (now and util.present(now.Name) or "") == (c.args.template_driver or "")
end

-- Takes away what is older than the newest so many.
local function remove_old(c, kind, count, now)
  if c.args.rolling_versions and c.args.versions_to_keep >= 0 and not c.check then
    for i = math.max(c.args.versions_to_keep, 1) + 1 - count, #now do
      docker.call(c, "Error removing " .. kind .. " " .. now[i].name, "DELETE", "/" .. kind .. "s/" .. now[i].id)
    end
  end
end

local function remove(c, kind, item)
  docker.call(c, "Error removing " .. kind .. " " .. item.name, "DELETE", "/" .. kind .. "s/" .. item.id)
end

local function create(c, kind, text, version)
  local labels = dict({ [LABEL] = c.digest("sha224", text) })
  for name, value in pairs(docker.labels(c, c.args.labels, "labels")) do
    labels[name] = value
  end
  local name = c.args.name
  if c.args.rolling_versions then
    name = name .. "_v" .. version
    labels[VERSION] = tostring(version)
  end
  local body = { Name = name, Data = c.base64.encode(text), Labels = labels }
  if c.args.template_driver then
    body.Templating = { Name = c.args.template_driver }
  end
  local made = docker.call(c, "Error creating " .. kind, "POST", "/" .. kind .. "s/create", { body = body })
  return made.ID, name
end

function data.run(kind)
  return function(c)
    local now = find(c, kind)
    if c.args.state == "absent" then
      if #now > 0 then
        c:changed()
        for _, item in ipairs(c.check and {} or now) do
          remove(c, kind, item)
        end
      end
      return
    end
    local text = content(c)
    local newest = now[1]
    local known = newest and newest.labels[LABEL]
    local other = newest and (known and known ~= c.digest("sha224", text) or not known and not c.args.force)
    if newest and not known then
      other = c.args.force
      if not c.args.force then
        c:warn("'" .. newest.name .. "' was not made by this module: its content cannot be compared")
      end
    end
    if not newest or other or c.args.force or not same_labels(c, newest)
      or kind == "config" and not same_template(c, newest) then
      c:changed()
      if c.check then
        return
      end
      if newest and not c.args.rolling_versions then
        remove(c, kind, newest)
      end
      local id, name = create(c, kind, text, newest and math.tointeger(newest.version) + 1 or 1)
      c:set(kind .. "_id", id)
      c:set(kind .. "_name", name)
      remove_old(c, kind, 1, now)
      return
    end
    remove_old(c, kind, 0, now)
    c:set(kind .. "_id", newest.id)
    c:set(kind .. "_name", newest.name)
  end
end

function data.args(more)
  more.name = { required = true, doc = "Its name." }
  more.data = { no_log = true, doc = "Its content." }
  more.data_is_b64 = { type = "bool", default = false, doc = "The content is given in base64." }
  more.data_src = { type = "path", doc = "File of the target with its content." }
  more.labels = { type = "dict", doc = "Labels." }
  more.force = { type = "bool", default = false, doc = "Make it anew in any case." }
  more.rolling_versions = { type = "bool", default = false, doc = "A new content is a new version, NAME_v1, NAME_v2 ..." }
  more.versions_to_keep = { type = "int", default = 5, doc = "So many versions stay." }
  more.state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." }
  return docker.args(more)
end

return data
