-- acl: entries of POSIX access control lists, through getfacl and setfacl.

local util = use("util")

local TYPES = { u = "user", g = "group", m = "mask", o = "other" }

-- "[d[efault]:]type:entity[:permissions]" in parts.
local function split(c, entry)
  local parts = util.split(entry, ":")
  local out = {}
  local sections = c.args.state == "present" and 3 or 2
  if #parts ~= sections and #parts ~= sections + 1 then
    c:fail(("'entry' MUST have %d or %d sections divided by ':' when 'state=%s'."):format(sections, sections + 1, c.args.state))
  end
  if entry:lower():match("^d") then
    out.default = true
    table.remove(parts, 1)
  end
  if #parts ~= sections then
    c:fail("'entry' '" .. entry .. "' is no [default:]type:entity" .. (sections == 3 and ":permissions" or ""))
  end
  out.etype = TYPES[parts[1]:lower():sub(1, 1)] or c:fail("'" .. parts[1] .. "' is no type of an ACL entry: user, group, mask or other")
  out.entity, out.permissions = parts[2], parts[3]
  return out
end

local function wanted(c)
  local a, state = c.args, c.args.state
  if a.recursive and state == "query" then
    c:fail("'recursive' MUST NOT be set when 'state=query'.")
  end
  if a.recalculate_mask ~= "default" and state == "query" then
    c:fail("'recalculate_mask' MUST NOT be set to 'mask' or 'no_mask' when 'state=query'.")
  end
  if a.entry and a.entry ~= "" then
    if a.etype or a.entity ~= "" or (a.permissions or "") ~= "" then
      c:fail("'entry' MUST NOT be set when 'entity', 'etype' or 'permissions' are set.")
    end
    local e = split(c, a.entry)
    if state == "present" and not e.permissions then
      c:fail("'entry' MUST have 3 sections divided by ':' when 'state=present'.")
    end
    if state == "absent" and e.permissions then
      c:fail("'entry' MUST have 2 sections divided by ':' when 'state=absent'.")
    end
    if state == "query" then
      c:fail("'entry' MUST NOT be set when 'state=query'.")
    end
    return e
  end
  if state ~= "query" and not a.etype then
    c:fail("'etype' MUST be set unless 'state=query' or an 'entry' is given.")
  end
  if state == "present" and not a.permissions then
    c:fail("'permissions' MUST be set when 'state=present'.")
  end
  if state == "absent" and a.permissions and a.permissions ~= "" then
    c:fail("'permissions' MUST NOT be set when 'state=absent'.")
  end
  if state == "absent" and a.entity == "" then
    c:fail("'entity' MUST be set when 'state=absent'.")
  end
  return { default = a.default, etype = a.etype, entity = a.entity, permissions = a.permissions }
end

local function options(c, argv)
  if c.args.recursive then
    argv[#argv + 1] = "--recursive"
  end
  if not c.args.follow then
    argv[#argv + 1] = "--physical"
  end
  return argv
end

local function lines_of(r)
  local out = list()
  for _, line in ipairs(util.lines(r.stdout)) do
    if line:sub(1, 1) ~= "#" then
      out[#out + 1] = util.trim(line)
    end
  end
  while out[#out] == "" do
    out[#out] = nil
  end
  return out
end

local function query(c)
  local argv = { c:need("getfacl") }
  if c.args.default then
    argv[#argv + 1] = "-d"
  end
  util.append(options(c, argv), "--absolute-names", "--omit-header", "--", c.args.path)
  return lines_of(util.run(c, argv))
end

local function change(c, e)
  local entry = e.etype .. ":" .. e.entity
  if c.args.state == "present" then
    entry = entry .. ":" .. e.permissions
  end
  local argv = { c:need("setfacl") }
  if e.default then
    argv[#argv + 1] = "-d"
  end
  util.append(argv, c.args.state == "present" and "-m" or "-x", entry)
  options(c, argv)
  if c.args.recalculate_mask == "mask" then
    argv[#argv + 1] = "--mask"
  elseif c.args.recalculate_mask == "no_mask" then
    argv[#argv + 1] = "--no-mask"
  end
  util.append(argv, "--", c.args.path)
  return argv, entry
end

local function plan(c)
  if c.args.use_nfsv4_acls then
    c:fail("use_nfsv4_acls is not supported")
  end
  local e = wanted(c)
  if not c.fs.exists(c.args.path) then
    c:fail("Path not found or not accessible.")
  end
  if c.args.state == "query" then
    c:set("acl", query(c))
    c:set("msg", "current acl")
    return
  end
  local argv, entry = change(c, e)
  c:set("msg", entry .. (c.args.state == "present" and " is present" or " is absent"))
  if c.args.state == "absent" and not c.args.recursive then
    -- setfacl --test does not know an entry that is not there
    local have = false
    for _, line in ipairs(query(c)) do
      local plain = line:gsub("^default:", "")
      local default = line ~= plain
      have = have or (default == (e.default or false) and plain:sub(1, #entry + 1) == entry .. ":")
    end
    c:set("acl", query(c))
    if not have and not e.default then
      return
    end
  end
  local test = util.copy(argv)
  table.insert(test, 2, "--test")
  local r = util.run(c, test)
  local same = false
  for _, line in ipairs(lines_of(r)) do
    same = same or line:match("%*,%*$") ~= nil
  end
  c.state.argv = argv
  local now = query(c)
  c:set("acl", now)
  if not same then
    c:differs("acl", now, c.args.state .. " " .. entry)
  end
end

local function run(c)
  util.run(c, c.state.argv)
  c:set("acl", query(c))
end

return {
  doc = "Set or remove entries of access control lists, or read them.",
  spec = "ansible.posix.acl",
  example = "- ansible.posix.acl:\n    path: /srv/www\n    entity: joe\n    etype: user\n    permissions: rx\n    state: present",
  returns = "acl: The entries afterwards.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    path = { type = "path", required = true, aliases = { "name" }, doc = "File or directory." },
    state = { default = "query", choices = { "absent", "present", "query" }, doc = "Set, remove or read." },
    follow = { type = "bool", default = true, doc = "Follow a link at the path." },
    default = { type = "bool", default = false, doc = "The entry is for what will be made in the directory." },
    entity = { default = "", doc = "User or group the entry is for." },
    etype = { choices = { "group", "mask", "other", "user" }, doc = "Type of the entry." },
    permissions = { doc = "Letters of rwxX, or a digit." },
    entry = { doc = "The whole entry in setfacl's form; instead of entity, etype and permissions." },
    recursive = { type = "bool", default = false, aliases = { "recurse" }, doc = "Also for everything below." },
    use_nfsv4_acls = { type = "bool", default = false, doc = "Not supported." },
    recalculate_mask = {
      default = "default", choices = { "default", "mask", "no_mask" }, doc = "Whether the mask is worked out again.",
    },
  },
  plan = plan,
  run = run,
}
