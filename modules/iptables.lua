-- iptables: a rule, a chain or a policy of the running packet filter.

local util = use("util")

-- Arguments that become options, in the order Ansible puts them.
local function option(rule, value, flag)
  if value == nil then
    return
  elseif value:sub(1, 1) == "!" then
    rule[#rule + 1] = "!"
    value = value:sub(2)
  end
  rule[#rule + 1] = flag
  rule[#rule + 1] = value
end

local function add(rule, ...)
  for _, word in ipairs({ ... }) do
    rule[#rule + 1] = word
  end
end

local function given(list)
  return list ~= nil and #list > 0
end

local function has(list, word)
  for _, one in ipairs(list) do
    if one == word then
      return true
    end
  end
  return false
end

local function connection_state(rule, a)
  if has(a.match, "conntrack") then
    if given(a.ctstate) then
      add(rule, "--ctstate", table.concat(a.ctstate, ","))
    end
  elseif has(a.match, "state") then
    if given(a.ctstate) then
      add(rule, "--state", table.concat(a.ctstate, ","))
    end
  elseif given(a.ctstate) then
    add(rule, "-m", "conntrack", "--ctstate", table.concat(a.ctstate, ","))
  end
end

local function ranges_and_sets(rule, a)
  if not has(a.match, "iprange") and (a.src_range or a.dst_range) then
    add(rule, "-m", "iprange")
  end
  option(rule, a.src_range, "--src-range")
  option(rule, a.dst_range, "--dst-range")
  if not has(a.match, "set") and a.match_set then
    add(rule, "-m", "set")
  end
  option(rule, a.match_set, "--match-set")
  if a.match_set and a.match_set_flags then
    add(rule, a.match_set_flags)
  end
end

local function owners_and_limits(rule, a)
  if a.limit or a.limit_burst then
    add(rule, "-m", "limit")
  end
  option(rule, a.limit, "--limit")
  option(rule, a.limit_burst, "--limit-burst")
  for _, who in ipairs({ "uid", "gid" }) do
    local owner = a[who .. "_owner"]
    if owner then
      add(rule, "-m", "owner")
      option(rule, owner, "--" .. who .. "-owner")
    end
  end
end

local function where_to(rule, a)
  option(rule, a.jump, "-j")
  if a.jump and a.jump:lower() == "tee" then
    option(rule, a.gateway, "--gateway")
  end
  option(rule, a.log_prefix, "--log-prefix")
  option(rule, a.log_level, "--log-level")
  option(rule, a.to_destination, "--to-destination")
end

local function ports_and_devices(rule, a)
  if given(a.destination_ports) then
    add(rule, "-m", "multiport", "--dports", table.concat(a.destination_ports, ","))
  end
  option(rule, a.to_source, "--to-source")
  option(rule, a["goto"], "-g")
  option(rule, a.in_interface, "-i")
  option(rule, a.out_interface, "-o")
  option(rule, a.fragment, "-f")
  option(rule, a.set_counters, "-c")
  option(rule, a.source_port, "--source-port")
  option(rule, a.destination_port, "--destination-port")
  option(rule, a.to_ports, "--to-ports")
  option(rule, a.set_dscp_mark, "--set-dscp")
  option(rule, a.set_dscp_mark_class, "--set-dscp-class")
  if a.syn == "negate" then
    add(rule, "!")
  end
  if a.syn ~= "ignore" then
    add(rule, "--syn")
  end
end

local function words_of_rule(a)
  local rule = {}
  option(rule, a.wait, "-w")
  option(rule, a.protocol, "-p")
  option(rule, a.source, "-s")
  option(rule, a.destination, "-d")
  for _, match in ipairs(a.match) do
    option(rule, match, "-m")
  end
  if a.tcp_flags and a.tcp_flags.flags and a.tcp_flags.flags_set then
    add(rule, "--tcp-flags", table.concat(a.tcp_flags.flags, ","), table.concat(a.tcp_flags.flags_set, ","))
  end
  where_to(rule, a)
  ports_and_devices(rule, a)
  connection_state(rule, a)
  ranges_and_sets(rule, a)
  owners_and_limits(rule, a)
  if not a.jump and a.reject_with then
    add(rule, "-j", "REJECT")
  end
  option(rule, a.reject_with, "--reject-with")
  option(rule, a.icmp_type, a.ip_version == "ipv6" and "--icmpv6-type" or "--icmp-type")
  if a.comment then
    add(rule, "-m", "comment")
  end
  option(rule, a.comment, "--comment")
  return rule
end

-- ---- running it ----

local function program(c)
  local name = c.args.ip_version == "ipv6" and "ip6tables" or "iptables"
  return c:need(name)
end

local function call(c, action, more, number)
  local argv = { program(c), "-t", c.args.table, action }
  if c.args.chain then
    argv[#argv + 1] = c.args.chain
  end
  if number then
    argv[#argv + 1] = number
  end
  table.move(more or {}, 1, #(more or {}), #argv + 1, argv)
  local r = c:exec({ argv = argv, env = { LANG = "C", LC_ALL = "C" } })
  r.cmd = util.quoted(argv)
  return r
end

local function must(c, ...)
  local r = call(c, ...)
  if r.rc ~= 0 then
    local said = r.stderr:match("^%s*(.-)%s*$")
    c:fail(said ~= "" and said or r.cmd .. ": status " .. r.rc, { rc = r.rc, stdout = r.stdout, stderr = r.stderr, cmd = r.cmd })
  end
  return r
end

local function at_least(version, want)
  local a, b = { version:match("(%d+)%.(%d+)%.(%d+)") }, { want:match("(%d+)%.(%d+)%.(%d+)") }
  for i = 1, 3 do
    local x, y = tonumber(a[i] or 0), tonumber(b[i])
    if x ~= y then
      return x > y
    end
  end
  return true
end

-- The arguments as they apply: logging needs LOG, waiting needs an iptables that can.
local function effective(c)
  local a = {}
  for key, value in pairs(c.args) do
    a[key] = value
  end
  if a.log_prefix or a.log_level then
    if a.jump and a.jump ~= "LOG" then
      c:fail("Logging options can only be used with the LOG jump target.")
    end
    a.jump = "LOG"
  end
  if a.wait then
    local r = c:exec({ argv = { program(c), "--version" } })
    local version = r.stdout:match("v([%d.]+)") or ""
    if not at_least(version, "1.4.20") then
      a.wait = nil
    elseif not at_least(version, "1.6.0") then
      a.wait = ""
    end
  end
  return a
end

local function words_shown(a)
  return table.concat(words_of_rule(a), " ")
end

local function plan_policy(c)
  local header = must(c, "-L").stdout:match("^[^\n]*")
  local now = header:match("%(policy ([A-Z]+)%)")
  if not now then
    c:fail("Can't detect current policy")
  end
  c.state.action = "policy"
  c:differs("policy", now, c.args.policy)
end

local function plan_rule(c, a)
  local rule = words_of_rule(a)
  local here = call(c, "-C", rule).rc == 0
  local chain = here or call(c, "-L").rc == 0
  local wanted = c.args.state == "present"
  if here == wanted then
    return
  end
  c.state.action, c.state.rule, c.state.chain = wanted and "add" or "delete", list(rule), chain
  c:changed()
  c:diff("rules", here and table.concat(rule, " ") .. "\n" or "", wanted and table.concat(rule, " ") .. "\n" or "")
end

local function plan(c)
  local a = c.args
  for _, key in ipairs({ "ip_version", "table", "flush", "state", "chain_management" }) do
    c:set(key, a[key])
  end
  c:set("chain", a.chain or null)
  c:set("rule", words_shown(a))
  program(c)
  if not a.flush and not a.chain then
    c:fail("Either chain or flush parameter must be specified.")
  elseif a.chain and (a.chain:sub(1, 1) == "-" or a.chain:find("%s")) then
    c:fail("chain is not one of a packet filter: '" .. a.chain .. "'")
  end
  local now = effective(c)
  if a.flush then
    c.state.action = "flush"
    c:changed()
  elseif a.policy then
    plan_policy(c)
  elseif a.state == "absent" and words_shown(a) == "" then
    if call(c, "-L").rc == 0 then
      c.state.action = a.chain_management and "delete_chain" or "nothing"
      c:changed()
    end
  else
    plan_rule(c, now)
  end
end

local function run(c)
  local action = c.state.action
  if action == "flush" then
    must(c, "-F")
  elseif action == "policy" then
    must(c, "-P", { c.args.policy })
  elseif action == "delete_chain" then
    must(c, "-X")
  elseif action == "add" then
    if not c.state.chain and c.args.chain_management then
      must(c, "-N")
    end
    local insert = c.args.action == "insert"
    must(c, insert and "-I" or "-A", c.state.rule, insert and c.args.rule_num or nil)
  elseif action == "delete" then
    must(c, "-D", c.state.rule)
  end
end

local function text(doc)
  return { doc = doc }
end

return {
  doc = "Add and remove rules of the running packet filter; nothing is kept for the next boot.",
  spec = "ansible.builtin.iptables",
  example = "- ansible.builtin.iptables:\n    chain: INPUT\n    protocol: tcp\n    destination_port: '22'\n" ..
    "    ctstate: NEW\n    jump: ACCEPT\n    comment: ssh",
  order = "changed failed ip_version table chain flush rule state chain_management",
  returns = "rule: The rule as it was given to iptables.\nchain: The chain.\ntable: The table.\nstate: As given.\n" ..
    "flush: As given.\nip_version: As given.\nchain_management: As given.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    table = {
      default = "filter",
      choices = { "filter", "nat", "mangle", "raw", "security" },
      doc = "The table.",
    },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether the rule is to be there." },
    action = { default = "append", choices = { "append", "insert" }, doc = "Where a new rule goes: to the end, or first." },
    rule_num = text("With insert: the number the new rule gets."),
    ip_version = { default = "ipv4", choices = { "ipv4", "ipv6" }, doc = "Which filter." },
    chain = text("The chain: INPUT, FORWARD, OUTPUT, PREROUTING, POSTROUTING or an own one."),
    protocol = text("The protocol; with ! in front: another one."),
    source = text("Address or network of the source."),
    destination = text("Address or network of the destination."),
    tcp_flags = {
      type = "dict",
      doc = "Flags of TCP.",
      options = {
        flags = { type = "list", doc = "Flags to look at." },
        flags_set = { type = "list", doc = "Those of them that must be set." },
      },
    },
    match = { type = "list", default = list({}), doc = "Extensions to use." },
    jump = text("The target: ACCEPT, DROP, LOG, a chain and so on."),
    gateway = text("With jump TEE: where copies go."),
    log_prefix = text("Text before what is logged; jump becomes LOG."),
    log_level = {
      choices = { "0", "1", "2", "3", "4", "5", "6", "7", "emerg", "alert", "crit", "error", "warning", "notice", "info", "debug" },
      doc = "Level of what is logged; jump becomes LOG.",
    },
    ["goto"] = text("Chain to go on in, without coming back."),
    in_interface = text("Device packets come in by."),
    out_interface = text("Device packets go out by."),
    fragment = text("Second and further fragments only."),
    set_counters = text("Packets and bytes the counters start with."),
    source_port = text("Port or range of the source."),
    destination_port = text("Port or range of the destination."),
    destination_ports = { type = "list", default = list({}), doc = "Several ports or ranges of the destination." },
    to_ports = text("Port or range that packets are redirected to."),
    to_destination = text("New destination of DNAT."),
    to_source = text("New source of SNAT."),
    syn = { default = "ignore", choices = { "ignore", "match", "negate" }, doc = "Packets that open a connection." },
    set_dscp_mark = text("DSCP mark to set."),
    set_dscp_mark_class = text("DSCP class to set."),
    comment = text("A remark."),
    ctstate = { type = "list", default = list({}), doc = "States of the connection: NEW, ESTABLISHED and so on." },
    src_range = text("Range of source addresses."),
    dst_range = text("Range of destination addresses."),
    match_set = text("Name of a set of ipset."),
    match_set_flags = { choices = { "src", "dst", "src,dst", "dst,src" }, doc = "What of the packet is looked up in the set." },
    limit = text("Packets in a time, as 10/second."),
    limit_burst = text("Packets before the limit applies."),
    uid_owner = text("User whose process made the packet."),
    gid_owner = text("Group whose process made the packet."),
    reject_with = text("What a rejected packet is answered with; jump becomes REJECT."),
    icmp_type = text("Type of ICMP."),
    flush = { type = "bool", default = false, doc = "Remove all rules of the chain, or of the table." },
    policy = { choices = { "ACCEPT", "DROP", "QUEUE", "RETURN" }, doc = "What happens to packets no rule is for." },
    wait = text("Seconds to wait for another iptables to end."),
    chain_management = { type = "bool", default = false, doc = "Make a chain that is missing, and remove an empty one." },
  },
  exclusive = { { "set_dscp_mark", "set_dscp_mark_class" }, { "flush", "policy" } },
  required_if = { { "jump", "TEE", { "gateway" } }, { "jump", "tee", { "gateway" } } },
  plan = plan,
  run = run,
}
