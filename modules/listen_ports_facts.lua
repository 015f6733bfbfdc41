-- listen_ports_facts: which processes listen on which ports, as facts.

local util = use("util")

-- What ss prints: a heading, then protocol, state, two queues, local and other address, and the processes.
local function parse_ss(c, text)
  local out, lines = {}, util.lines(text)
  if not (lines[1] or ""):match("^Netid ") then
    c:fail("Unknown stdout format of `ss`: " .. util.said(text))
  end
  for i = 2, #lines do
    local protocol, state, own, other, rest = lines[i]:match("^(%S+)%s+(%S+)%s+%S+%s+%S+%s+(%S+)%s+(%S+)(.*)$")
    local address, port = (own or ""):match("^(.*):(%d+)$")
    if lines[i]:match("%S") and not address then
      c:fail("Expected `ss` table layout \"Netid, State, Recv-Q, Send-Q, Local Address:Port, Peer Address:Port\" and optionally \"Process\", " ..
        "but got something else: " .. util.said(lines[i]))
    end
    for name, pid in (rest or ""):gmatch('"(.-)",pid=(%d+)') do
      out[#out + 1] = {
        protocol = protocol, state = state, address = address:gsub("^%[", ""):gsub("%]$", ""), foreign_address = other,
        port = math.tointeger(tonumber(port)), name = name, pid = math.tointeger(tonumber(pid)),
      }
    end
  end
  return out
end

-- What netstat prints: protocol, two queues, two addresses, of TCP the state, PID/name and more of the name.
local function parse_netstat(c, text)
  local out, seen = {}, {}
  for _, line in ipairs(util.lines(text)) do
    local protocol = line:match("^tcp") or line:match("^udp")
    if protocol then
      local words = util.words(line)
      local address, port = (words[4] or ""):match("^(.*):(%d+)$")
      if not address or not words[5] then
        c:fail("netstat printed a line without two addresses and ports: " .. util.said(line))
      end
      local rest, state, process = table.move(words, 6, #words, 1, {}), "", ""
      if protocol == "tcp" and (#rest == 2 or #rest == 3) then
        state, process = rest[1], rest[2]
      elseif protocol == "udp" and (#rest == 1 or #rest == 2) then
        process = rest[1]
      end
      local pid, name = process:match("^(%d+)/(.*)$")
      local found = {
        protocol = protocol, state = state, address = address, foreign_address = words[5], port = math.tointeger(tonumber(port)),
        name = (name or ""):gsub(":+$", ""), pid = math.tointeger(tonumber(pid or "0")),
      }
      local key = table.concat({ protocol, state, address, words[5], port, found.name, found.pid }, " ")
      if not seen[key] then
        seen[key] = true
        out[#out + 1] = found
      end
    end
  end
  return out
end

local PARSE = { netstat = parse_netstat, ss = parse_ss }

-- What ps prints in one column about a process; an empty text when it knows nothing.
local function ask_ps(c, ps, column, heading, pid)
  local r = util.run(c, { ps, "-o", column, "-p", tostring(pid) }, { may_fail = true })
  local found = ""
  for _, line in ipairs(util.lines(r.rc == 0 and r.stdout or "")) do
    if not line:find(heading, 1, true) then
      found = line
    end
  end
  return found
end

local function run(c)
  local command = c.args.command
  if not command then
    command = c:which("netstat") and "netstat" or c:which("ss") and "ss"
  end
  if not command then
    c:fail("Unable to find any of the supported commands in PATH: netstat, ss; packages net-tools and iproute2 have them")
  end
  local argv = { c:need(command), "-p" }
  util.append(argv, table.unpack(c.args.include_non_listening and { "-u", "-n", "-t", "-a" } or { "-l", "-u", "-n", "-t" }))
  local ps, about = c:need("ps"), {}
  local facts = dict({ tcp_listen = list(), udp_listen = list() })
  for _, found in ipairs(PARSE[command](c, util.run(c, argv).stdout)) do
    if not about[found.pid] then
      about[found.pid] = { stime = ask_ps(c, ps, "lstart", "STARTED", found.pid), user = ask_ps(c, ps, "user", "USER", found.pid) }
    end
    found.stime, found.user = about[found.pid].stime, about[found.pid].user
    if not c.args.include_non_listening then
      found.state, found.foreign_address = nil, nil
    end
    local to = found.protocol:match("^tcp") and facts.tcp_listen or found.protocol:match("^udp") and facts.udp_listen
    if to then
      util.append(to, found)
    end
  end
  c:set("ansible_facts", facts)
end

return {
  doc = "Return which processes listen on which TCP and UDP ports, as facts.",
  spec = "community.general.listen_ports_facts",
  example = "- community.general.listen_ports_facts:\n- ansible.builtin.debug:\n    msg: \"{{ ansible_facts.tcp_listen | map(attribute='port') | unique | sort }}\"\n" ..
      "  when: ansible_facts.tcp_listen is defined",
  returns = "ansible_facts: `tcp_listen` and `udp_listen`, lists of: address, port, protocol, name, pid, stime, user; with include_non_listening " ..
      "also state and foreign_address.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    command = { choices = { "netstat", "ss" }, doc = "The program that is asked; without it the first one that is there." },
    include_non_listening = { type = "bool", default = false, doc = "Also sockets that do not listen." },
  },
  run = run,
}
