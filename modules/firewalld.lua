-- firewalld: rules of firewalld, through firewall-cmd; through firewall-offline-cmd where it does not run.

local util = use("util")

-- What may be asked for, in the order of Ansible's module: the argument, firewall-cmd's word, and how the change is told.
local KINDS = {
  { "icmp_block", "icmp-block", said = "Changed icmp-block %s to %s", timeout = true },
  { "icmp_block_inversion", "icmp-block-inversion", said = "Changed icmp-block-inversion %s to %s", switch = true },
  { "service", "service", said = "Changed service %s to %s", timeout = true },
  { "protocol", "protocol", said = "Changed protocol %s to %s", timeout = true },
  { "source", "source", on = "Added %s to zone %s", off = "Removed %s from zone %s" },
  { "port", "port", said = "Changed port %s to %s", timeout = true },
  { "port_forward", "forward-port", said = "Changed port_forward %s to %s", timeout = true },
  { "rich_rule", "rich-rule", said = "Changed rich_rule %s to %s", timeout = true },
  { "interface", "interface", on = "Changed %s to zone %s", off = "Removed %s from zone %s" },
  { "forward", "forward", on = "Added forward to zone %s", off = "Removed forward from zone %s", switch = true },
  { "masquerade", "masquerade", on = "Added masquerade to zone %s", off = "Removed masquerade from zone %s", switch = true },
}

local function call(c, permanent, words, options)
  options = options or {}
  local argv = { c.state.program }
  if not c.state.offline and permanent then
    util.append(argv, "--permanent")
  end
  local r = util.run(c, util.extend(argv, words), { may_fail = true })
  if r.rc ~= 0 and not options.may_fail then
    local said = util.trim(r.stderr) ~= "" and util.trim(r.stderr) or util.trim(r.stdout)
    local hint = said:find("INVALID_SERVICE", 1, true)
        and " Services are defined by port/tcp relationship and named as they are in /etc/services (on most systems)" or ""
    c:fail("ERROR: Exception caught: " .. said .. hint, { rc = r.rc })
  end
  return r
end

-- firewall-cmd's answer to a question: yes is status 0, no is 1.
local function asked(c, permanent, words)
  local r = call(c, permanent, words, { may_fail = true })
  if r.rc > 1 or r.rc == 1 and util.trim(r.stdout) ~= "no" and util.trim(r.stderr) ~= "" then
    call(c, permanent, words)
  end
  return r.rc == 0
end

local function running(c)
  local program = c:which("firewall-cmd")
  return program and util.run(c, { program, "--state" }, { may_fail = true }).rc == 0 and program
end

-- Finds the program and says where changes go: permanent, immediate.
local function settle(c)
  local a = c.args
  local permanent, immediate = a.permanent, a.immediate
  c.state.program = running(c)
  c.state.offline = not c.state.program
  if a.offline and not permanent then
    c:fail("offline cannot be enabled unless permanent changes are allowed")
  elseif c.state.offline and not a.offline then
    c:fail("firewalld is not running: start it, or allow changes of its files alone with offline and permanent")
  end
  immediate = immediate and not c.state.offline or not permanent
  if c.state.offline then
    c.state.program = c:need("firewall-offline-cmd")
  end
  return permanent, immediate
end

local function zone(c)
  if c.args.zone then
    return c.args.zone
  end
  return util.trim(call(c, false, { "--get-default-zone" }).stdout)
end

-- "80/tcp" and the like as firewall-cmd takes them.
local function value_of(c, name)
  local value = c.args[name]
  if name == "port" then
    local port, protocol = util.trim(value):match("^([^/]+)/([^/]+)$")
    if not port then
      c:fail("improper port format (missing protocol?)")
    end
    return port .. "/" .. protocol
  elseif name == "port_forward" then
    local p = value[1] or {}
    if #value > 1 then
      c:fail("Only one port forward supported at a time")
    end
    for key, what in pairs({ port = "port", proto = "proto udp/tcp", toport = "toport" }) do
      if util.present(p[key]) == nil then
        c:fail(what .. " must be specified for port forward")
      end
    end
    local to = util.present(p.toaddr) or ""
    return ("port=%s:proto=%s:toport=%s:toaddr=%s"):format(tostring(p.port), p.proto, tostring(p.toport), to)
  end
  return value
end

-- The words of an action ("query", "add", "remove") on one thing.
local function words(c, kind, action, value)
  local out = { "--zone=" .. c.state.zone }
  local text = "--" .. action .. "-" .. kind[2]
  if action == "add" and kind[2] == "interface" then
    text = "--change-interface"
  elseif action == "add" and kind[2] == "source" then
    text = "--change-source"
  end
  util.append(out, kind.switch and text or text .. "=" .. value)
  if action == "add" and kind.timeout and c.args.timeout > 0 and not c.state.permanent_now then
    util.append(out, "--timeout=" .. c.args.timeout)
  end
  return out
end

local MODES = { both = "Permanent and Non-Permanent(immediate) operation", permanent = "Permanent operation", immediate = "Non-permanent operation" }

local function mode_text(permanent, immediate)
  return permanent and immediate and MODES.both or permanent and MODES.permanent or MODES.immediate
end

-- One thing of a zone: asked for and changed where it has to be.
local function thing(c, kind, permanent, immediate, msgs)
  local value, want = value_of(c, kind[1]), c.args.state == "enabled"
  if kind.switch then
    want = want == value
  end
  util.append(msgs, mode_text(permanent, immediate))
  local todo = {}
  for _, forever in ipairs({ permanent and "yes" or nil, immediate and "no" or nil }) do
    todo[#todo + 1] = forever
  end
  if permanent and immediate then
    todo = { "yes", "no" }
  elseif not permanent then
    todo = { "no" }
  end
  local changed = false
  for _, forever in ipairs(todo) do
    local lasting = forever == "yes"
    if asked(c, lasting, words(c, kind, "query", value)) ~= want then
      changed = true
      c.state.permanent_now = lasting
      if not c.check then
        call(c, lasting, words(c, kind, want and "add" or "remove", value))
      end
    end
  end
  if changed then
    c:changed()
    local text = want and kind.on or not want and kind.off
    if text then
      util.append(msgs, kind.switch and text:format(c.state.zone) or text:format(value, c.state.zone))
    elseif kind.said then
      local shown = kind.switch and (value and "True" or "False") or value
      util.append(msgs, kind.said:format(shown, c.args.state))
    end
  end
end

local PERMANENT = "Zone operations must be permanent. Make sure you didn't set the 'permanent' flag to 'false' or the 'immediate' flag to 'true'."

local function target(c, permanent, immediate, msgs)
  if not permanent or immediate then
    c:fail(PERMANENT)
  end
  util.append(msgs, MODES.permanent)
  local now = util.trim(call(c, true, { "--zone=" .. c.state.zone, "--get-target" }).stdout)
  local on = c.args.state == "enabled" or c.args.state == "present"
  if (now == c.args.target) == on then
    return
  end
  c:changed()
  if not c.check then
    call(c, true, { "--zone=" .. c.state.zone, "--set-target=" .. (on and c.args.target or "default") })
  end
  util.append(msgs, on and "Set zone " .. c.state.zone .. " target to " .. c.args.target or "Reset zone " .. c.state.zone .. " target to default")
end

local function whole_zone(c, permanent, immediate, msgs)
  if not permanent or immediate then
    c:fail(PERMANENT)
  end
  util.append(msgs, MODES.permanent)
  local there = util.contains(util.words(call(c, true, { "--get-zones" }).stdout), c.state.zone)
  local want = c.args.state == "present"
  if there == want then
    return
  end
  c:changed()
  if not c.check then
    call(c, true, { (want and "--new-zone=" or "--delete-zone=") .. c.state.zone })
  end
  util.append(msgs, (want and "Added zone " or "Removed zone ") .. c.state.zone)
  util.append(msgs, "Changed zone " .. c.state.zone .. " to " .. c.args.state)
end

local function run(c)
  local a = c.args
  local permanent, immediate = settle(c)
  local chosen
  for _, kind in ipairs(KINDS) do
    if a[kind[1]] ~= nil then
      chosen = kind
    end
  end
  if chosen and (a.state == "absent" or a.state == "present") then
    c:fail("absent and present state can only be used in zone level operations")
  end
  c.state.zone = zone(c)
  local msgs = {}
  if chosen then
    thing(c, chosen, permanent, immediate, msgs)
  elseif a.target then
    target(c, permanent, immediate, msgs)
  elseif a.state == "absent" or a.state == "present" then
    whole_zone(c, permanent, immediate, msgs)
  end
  if c.state.offline then
    util.append(msgs, "(offline operation: only on-disk configs were altered)")
  end
  c:set("msg", table.concat(msgs, ", "))
end

return {
  doc = "Open and close ports, services and the like in firewalld.",
  spec = "ansible.posix.firewalld",
  example = "- ansible.posix.firewalld:\n    service: https\n    state: enabled\n    permanent: true\n    immediate: true",
  returns = "msg: What was done.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    state = { required = true, choices = { "absent", "disabled", "enabled", "present" }, doc = "What is wanted; absent and present for zones." },
    zone = { doc = "The zone; the default one." },
    permanent = { type = "bool", default = false, doc = "Keep it in firewalld's files." },
    immediate = { type = "bool", default = false, doc = "Change the running firewall; so also without permanent." },
    offline = { type = "bool", default = false, doc = "Change the files when firewalld does not run." },
    timeout = { type = "int", default = 0, doc = "Seconds after which it is undone; not with permanent." },
    service = { doc = "A service." },
    port = { doc = "A port or ports, 80/tcp or 8000-8010/tcp." },
    protocol = { doc = "A protocol." },
    source = { doc = "An address or network." },
    interface = { doc = "An interface." },
    rich_rule = { doc = "A rich rule." },
    masquerade = { type = "bool", doc = "Masquerading." },
    forward = { type = "bool", doc = "Forwarding within the zone." },
    icmp_block = { doc = "A type of ICMP." },
    icmp_block_inversion = { type = "bool", doc = "Block all but the types that are named." },
    port_forward = { type = "list", elements = "dict", doc = "One dict of port, proto, toport and toaddr." },
    target = { choices = { "default", "ACCEPT", "DROP", "%%REJECT%%" }, doc = "What happens to the rest." },
  },
  exclusive = { { "icmp_block", "icmp_block_inversion", "service", "protocol", "port", "port_forward", "rich_rule", "interface", "forward",
    "masquerade", "source", "target" } },
  required_by = { interface = { "zone" }, target = { "zone" }, source = { "permanent" } },
  run = run,
}
