-- ufw: the uncomplicated firewall of Debian and Ubuntu, through its command line.

local util = use("util")

local RULES = {
  "/lib/ufw/user.rules", "/lib/ufw/user6.rules", "/etc/ufw/user.rules", "/etc/ufw/user6.rules",
  "/var/lib/ufw/user.rules", "/var/lib/ufw/user6.rules",
}

-- The rules ufw keeps, one a line.
local function tuples(c)
  local out = {}
  for _, path in ipairs(RULES) do
    for _, line in ipairs(util.lines(c.fs.read(path) or "")) do
      if line:match("^### tuple") then
        out[#out + 1] = line
      end
    end
  end
  return out
end

local function only(lines, keep)
  local out = {}
  for _, line in ipairs(lines) do
    if keep(line) then
      out[#out + 1] = line
    end
  end
  return out
end

local function is_v4(text)
  return text:match("^%d+%.%d+%.%d+%.%d+") ~= nil
end

local function is_v6(text)
  return text:match("^%x*:[%x:]*") ~= nil
end

local function ufw(c, words, may_fail)
  local argv = { c:need("ufw") }
  util.extend(argv, words)
  local commands = c.state.commands or list()
  commands[#commands + 1] = util.quoted(argv)
  c.state.commands = commands
  c:set("commands", commands)
  return util.run(c, argv, { may_fail = may_fail, what = "ufw" }).stdout
end

-- The rule's number counted from the first or last rule of a family; nil when it goes to the end.
local function position(c)
  local n, to = c.args.insert, c.args.insert_relative_to
  if to == "zero" then
    return n
  end
  local last, last4, first6, last6 = 0, 0, nil, nil
  for line in util.run(c, { c:need("ufw"), "status", "numbered" }, { may_fail = true }).stdout:gmatch("[^\n]+") do
    local number = tonumber(line:match("^%[ *(%d+)%] "))
    if number then
      last = math.max(last, number)
      if line:find("(v6)", 1, true) or line:find("%x:%x*:") or line:find("::", 1, true) then
        first6, last6 = first6 or number, number
      else
        last4 = math.max(last4, number)
      end
    end
  end
  local base = 1
  if to == "last-ipv4" then
    base = last4 > 0 and last4 or 1
  elseif to == "first-ipv6" then
    base = first6 or last4 + 1
  elseif to == "last-ipv6" then
    base = last6 or last + 1
  end
  local at = math.tointeger(n + base)
  return at <= last and at or nil
end

local function rule_words(c)
  local a, words = c.args, {}
  local function add(on, ...)
    if on then
      util.append(words, ...)
    end
  end
  add(a.route, "route")
  add(a.delete, "delete")
  if a.insert and not a.delete then
    local at = position(c)
    add(at, "insert", tostring(at))
  end
  add(true, a.rule)
  add(a.direction, a.direction)
  add(a.interface, "on", a.interface)
  add(a.interface_in, "in", "on", a.interface_in)
  add(a.interface_out, "out", "on", a.interface_out)
  add(a.log, "log")
  add(a.from_ip ~= "", "from", a.from_ip)
  add(a.from_port, "port", a.from_port)
  add(a.to_ip ~= "", "to", a.to_ip)
  add(a.to_port, "port", a.to_port)
  add(a.proto, "proto", a.proto)
  add(a.name, "app", a.name)
  add(a.comment, "comment", a.comment)
  return words
end

-- Whether the rule would change something, as `ufw --dry-run` tells.
local function rule_differs(c)
  local words = { "--dry-run" }
  util.extend(words, rule_words(c))
  local said = util.lines(ufw(c, words))
  local skipping = only(said, function(line)
    return line:find("^Skipping") ~= nil or line:find("^Could not delete non%-existent rule") ~= nil
  end)
  if #skipping == #said and (#said > 0 or c.args.delete) then
    return false
  end
  local after = only(said, function(line) return line:match("^### tuple") ~= nil end)
  local before = tuples(c)
  local from, to = c.args.from_ip, c.args.to_ip
  local family
  if is_v4(from) or is_v4(to) then
    family = function(line) return line:find("%d+%.%d+%.%d+%.%d+") ~= nil end
  elseif is_v6(from) or is_v6(to) then
    family = function(line) return line:find("::", 1, true) ~= nil or line:find("%x+:%x+:") ~= nil end
  end
  if family then
    before, after = only(before, family), only(after, family)
  end
  return not util.equal(before, after)
end

local function logging_differs(status, level)
  local state, now = status:match("Logging: (%a+) %((%a+)%)")
  state = state or status:match("Logging: (%a+)")
  if not state then
    return true
  end
  if level == "off" then
    return state ~= "off"
  end
  return state == "off" or level ~= "on" and level ~= now
end

local CHAINS = { incoming = "INPUT", outgoing = "OUTPUT", routed = "FORWARD" }
local TARGETS = { allow = "ACCEPT", deny = "DROP", reject = "REJECT" }

local function default_differs(c, status)
  local direction = c.args.direction or "incoming"
  local now = status:match("Default: [^\n]-(%a+) %(" .. direction .. "%)")
  if now then
    return now ~= c.args.default and now ~= "disabled"
  end
  -- A firewall that is off does not tell: what it will be is in a file.
  local file = c.fs.read("/etc/default/ufw") or ""
  return file:match('DEFAULT_' .. CHAINS[direction] .. '_POLICY="(%u+)"') ~= TARGETS[c.args.default]
end

local function check_arguments(c)
  local a, d = c.args, c.args.direction
  if a.default and d and d ~= "outgoing" and d ~= "incoming" and d ~= "routed" then
    c:fail('For default, direction must be one of "outgoing", "incoming" and "routed", or direction must not be specified.')
  end
  if a.rule and d and d ~= "in" and d ~= "out" then
    c:fail('For rules, direction must be one of "in" and "out", or direction must not be specified.')
  end
  if a.rule and not a.route and a.interface_in and a.interface_out then
    c:fail("Only route rules can combine interface_in and interface_out")
  end
  if a.comment and a.comment:find("['\n]") then
    c:fail("comment must be one line without quotes: ufw does not take them")
  end
end

local STATES = { enabled = "enable", disabled = "disable", reloaded = "reload", reset = "reset" }

local function plan(c)
  check_arguments(c)
  local a = c.args
  local status = ufw(c, { "status", "verbose" })
  local active = status:find("Status: active", 1, true) ~= nil
  local calls = {}
  local function call(changes, ...)
    if changes then
      c:changed()
      calls[#calls + 1] = { ... }
    end
  end
  if a.default then
    call(default_differs(c, status), "default", a.default, a.direction)
  end
  if a.logging then
    call(logging_differs(status, a.logging), "logging", a.logging)
  end
  if a.rule and rule_differs(c) then
    c:changed()
    calls[#calls + 1] = rule_words(c)
  end
  if a.state then
    local differs = a.state == "reloaded" or a.state == "reset" or active ~= (a.state == "enabled")
    call(differs, "-f", STATES[a.state])
  end
  c.state.calls = calls
  if #calls == 0 and not c.check then
    c:set("msg", (status:gsub("%s+$", "")))
  end
end

local function run(c)
  for _, words in ipairs(c.state.calls) do
    ufw(c, words)
  end
  c:set("msg", (ufw(c, { "status", "verbose" }):gsub("%s+$", "")))
end

return {
  doc = "Manage the firewall ufw: rules, default policy, logging, on and off.",
  spec = "community.general.ufw",
  example = "- community.general.ufw:\n    rule: allow\n    port: '443'\n    proto: tcp",
  returns = "commands: The commands that were run.\nmsg: The firewall's state afterwards.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    state = { choices = { "disabled", "enabled", "reloaded", "reset" }, doc = "State of the firewall." },
    default = { choices = { "allow", "deny", "reject" }, aliases = { "policy" }, doc = "Default policy." },
    direction = { choices = { "in", "incoming", "out", "outgoing", "routed" }, doc = "Direction of a rule or policy." },
    logging = { choices = { "on", "off", "low", "medium", "high", "full" }, doc = "Whether and how much is logged." },
    insert = { type = "int", doc = "Number the rule gets." },
    insert_relative_to = {
      default = "zero", choices = { "first-ipv4", "first-ipv6", "last-ipv4", "last-ipv6", "zero" },
      doc = "What the number counts from.",
    },
    rule = { choices = { "allow", "deny", "limit", "reject" }, doc = "What the rule does." },
    log = { type = "bool", default = false, doc = "Log what the rule matches." },
    from_ip = { default = "any", aliases = { "from", "src" }, doc = "Source address or network." },
    from_port = { empty_is_none = true, doc = "Source port." },
    to_ip = { default = "any", aliases = { "dest", "to" }, doc = "Destination address or network." },
    to_port = { empty_is_none = true, aliases = { "port" }, doc = "Destination port." },
    proto = {
      choices = { "any", "tcp", "udp", "ipv6", "esp", "ah", "gre", "igmp", "vrrp" }, aliases = { "protocol" }, doc = "Protocol.",
    },
    name = { empty_is_none = true, aliases = { "app" }, doc = "Application profile of /etc/ufw/applications.d." },
    delete = { type = "bool", default = false, doc = "Remove the rule." },
    interface = { empty_is_none = true, aliases = { "if" }, doc = "Interface; needs a direction." },
    interface_in = { empty_is_none = true, aliases = { "if_in" }, doc = "Interface packets come in by." },
    interface_out = { empty_is_none = true, aliases = { "if_out" }, doc = "Interface packets go out by." },
    route = { type = "bool", default = false, doc = "A rule for what is passed on." },
    comment = { empty_is_none = true, doc = "Comment of the rule." },
  },
  exclusive = {
    { "name", "proto", "logging" }, { "direction", "interface_in" }, { "direction", "interface_out" },
  },
  required_one_of = { { "state", "default", "rule", "logging" } },
  required_by = { interface = { "direction" } },
  plan = plan,
  run = run,
}
