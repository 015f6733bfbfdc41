-- capabilities: what a program file may do without being root, through getcap and setcap.

local util = use("util")

-- "cap_net_raw+ep" in its parts.
local function parse(c, text, needed)
  local name, op, flags = text:match("^([^=%-+]*)([=%-+])([^=%-+]*)$")
  if not name and needed then
    c:fail("Couldn't find operator (one of: ('=', '-', '+'))")
  end
  return { name = name or text, op = op, flags = flags }
end

local function shown(cap)
  return cap.name .. (cap.op or "") .. (cap.flags or "")
end

-- Whether what the file has is what is asked for. getcap shows "+ep" as "=ep".
local function satisfied(have, want)
  local has = {}
  for flag in (have.flags or ""):gmatch(".") do
    has[flag] = true
  end
  for flag in want.flags:gmatch(".") do
    if (has[flag] or false) == (want.op == "-") then
      return false
    end
  end
  return want.op ~= "=" or #have.flags == #want.flags
end

local function current(c, path)
  local r = util.run(c, { c:need("getcap"), "-v", path }, { may_fail = true })
  local out = util.trim(r.stdout)
  if r.rc ~= 0 or r.stderr ~= "" or (out ~= path and out:match("%)$")) then
    c:fail("Unable to get capabilities of " .. path, { stdout = out, stderr = r.stderr })
  end
  local caps = {}
  local text = out:sub(1, #path) == path and out:sub(#path + 1) or out
  for _, word in ipairs(util.words((text:gsub("^ = ?", "")))) do
    local names = util.split(word:lower(), ",")
    local last = parse(c, names[#names], true)
    for i, name in ipairs(names) do
      caps[#caps + 1] = { name = i == #names and last.name or name, op = last.op, flags = last.flags }
    end
  end
  return caps
end

local function plan(c)
  local path = util.trim(c.args.path)
  local want = parse(c, util.trim(c.args.capability):lower(), c.args.state == "present")
  local caps, left, there, same = current(c, path), {}, false, false
  for _, cap in ipairs(caps) do
    if cap.name == want.name then
      there, same = true, same or want.op ~= nil and satisfied(cap, want)
    else
      left[#left + 1] = shown(cap)
    end
  end
  c:set("state", c.args.state)
  local present = c.args.state == "present"
  if present and not same or not present and there then
    if present then
      left[#left + 1] = shown(want)
    end
    c.state.path, c.state.caps = path, table.concat(left, " ")
    c:set("msg", "capabilities changed")
    c:changed()
  end
end

local function run(c)
  local r = util.run(c, { c:need("setcap"), c.state.caps, c.state.path }, { may_fail = true })
  if r.rc ~= 0 then
    c:fail("Unable to set capabilities of " .. c.state.path, { stdout = r.stdout, stderr = r.stderr, rc = r.rc })
  end
  c:set("stdout", r.stdout)
end

return {
  doc = "Give capabilities to a program file, or take them away.",
  spec = "community.general.capabilities",
  example = "- community.general.capabilities:\n    path: /usr/local/bin/app\n    capability: cap_net_bind_service+ep",
  returns = "state: What was asked for.\nmsg: What was done.\nstdout: What setcap printed.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    path = { required = true, aliases = { "key" }, doc = "The file." },
    capability = { required = true, aliases = { "cap" }, doc = "The capability, with operator and flags when it is given." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether the file is to have it." },
  },
  plan = plan,
  run = run,
}
