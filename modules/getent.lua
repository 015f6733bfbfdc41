-- getent: entries of the databases of the name service switch, as facts.

local COLON = { passwd = true, shadow = true, group = true, gshadow = true }
local FAILURES = {
  [1] = "Missing arguments, or database unknown.",
  [2] = "One or more supplied key could not be found in the database.",
  [3] = "Enumeration not supported on this database.",
}

-- As Python's str.split: a separator as it stands, or any run of white space.
local function split(line, separator)
  local parts = list()
  if not separator then
    for word in line:gmatch("%S+") do
      parts[#parts + 1] = word
    end
    return parts
  end
  local from = 1
  while true do
    local at, last = line:find(separator, from, true)
    parts[#parts + 1] = line:sub(from, (at or 0) - 1)
    if not at then
      return parts
    end
    from = last + 1
  end
end

local function entries(out, separator)
  local found, seen, keys = {}, {}, list()
  for line in out:gmatch("[^\r\n]+") do
    local record = split(line, separator)
    local key = table.remove(record, 1)
    if key then
      seen[key] = (seen[key] or 0) + 1
      if seen[key] == 1 then
        found[key], keys[#keys + 1] = record, key
      elseif seen[key] == 2 then
        found[key] = list({ found[key], record })
      else
        table.insert(found[key], record)
      end
    end
  end
  return dict(found, keys)
end

local function command(c)
  local argv = { c:need("getent") }
  for _, name in ipairs({ "database", "key", "service" }) do
    if c.args[name] and c.args[name]:sub(1, 1) == "-" then
      c:fail(name .. " must not start with '-': '" .. c.args[name] .. "'")
    end
  end
  if c.args.service then
    argv[#argv + 1] = "-s"
    argv[#argv + 1] = c.args.service
  end
  argv[#argv + 1] = c.args.database
  if c.args.key then
    argv[#argv + 1] = c.args.key
  end
  return argv
end

local function run(c)
  local database, separator = c.args.database, c.args.split
  if separator == "" then
    c:fail("empty separator")
  end
  if not separator and COLON[database] then
    separator = ":"
  end
  local r = c:exec({ argv = command(c) })
  local facts = dict()
  local fact = "getent_" .. database
  if r.rc == 0 then
    facts[fact] = entries(r.stdout, separator)
    c:set("ansible_facts", facts)
    return
  end
  if r.rc == 2 and c.args.key and not c.args.fail_key then
    facts[fact] = dict()
    facts[fact][c.args.key] = null
    c:set("ansible_facts", facts)
    c:set("msg", FAILURES[2])
    return
  end
  c:fail(FAILURES[r.rc] or "Unexpected failure!")
end

return {
  doc = "Look up entries of passwd, group, hosts, services and the other databases; they become facts `getent_NAME`.",
  spec = "ansible.builtin.getent",
  example = "- ansible.builtin.getent:\n    database: passwd\n    key: root",
  order = "",
  returns = "ansible_facts: `getent_NAME`, a dict: the key of each entry, and its other fields as a list.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    database = { required = true, doc = "Name of the database: passwd, group, hosts, services ..." },
    key = { doc = "The entry to look up; all of them when absent." },
    service = { doc = "Use only this service of the name service switch." },
    split = { doc = "What separates the fields; white space when absent, `:` for passwd, group, shadow and gshadow." },
    fail_key = { type = "bool", default = true, doc = "Fail when there is no such entry; otherwise it is null." },
  },
  run = run,
}
