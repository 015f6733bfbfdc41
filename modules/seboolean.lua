-- seboolean: booleans of SELinux, through getsebool, setsebool and semanage.

local util = use("util")

local function current(c)
  local r = util.run(c, { c:need("getsebool"), "--", c.args.name }, { may_fail = true })
  if r.rc ~= 0 then
    c:fail("SELinux boolean " .. c.args.name .. " does not exist. (" .. util.trim(r.stderr) .. ")", { rc = r.rc })
  end
  local value = r.stdout:match("%-%->%s*(%w+)")
  if value ~= "on" and value ~= "off" then
    c:fail("getsebool gave no value: " .. util.trim(r.stdout))
  end
  return value == "on"
end

-- What is kept for the next boot: "(on   ,   off)  text", the second of the two.
local function stored(c)
  local r = util.run(c, { c:need("semanage"), "boolean", "-l", "-n" }, { what = "semanage boolean -l" })
  for _, line in ipairs(util.lines(r.stdout)) do
    local name, kept = line:match("^(%S+)%s+%(%s*%w+%s*,%s*(%w+)%s*%)")
    if name == c.args.name then
      return kept == "on"
    end
  end
  c:fail("SELinux boolean " .. c.args.name .. " is not defined in persistent policy")
end

local function plan(c)
  local a = c.args
  for _, name in ipairs({ "name", "persistent", "state" }) do
    c:set(name, a[name])
  end
  if a.name:sub(1, 1) == "-" then
    c:fail("name: '" .. a.name .. "' is no name of a boolean")
  end
  local on = c:which("selinuxenabled")
  if not a.ignore_selinux_state and (not on or util.run(c, { on }, { may_fail = true }).rc ~= 0) then
    c:fail("SELinux is disabled on this host.")
  end
  local now
  if a.persistent then
    now = stored(c)
  else
    now = current(c)
  end
  c:differs(a.name, now, a.state)
end

local function run(c)
  local argv = { c:need("setsebool") }
  if c.args.persistent then
    util.append(argv, "-P")
  end
  local r = util.run(c, util.append(argv, c.args.name, c.args.state and "on" or "off"), { may_fail = true })
  if r.rc ~= 0 then
    c:fail("Failed to set boolean " .. c.args.name .. " to " .. (c.args.state and "1" or "0") .. ": " .. util.trim(r.stderr), { rc = r.rc })
  end
end

return {
  doc = "Switch booleans of SELinux.",
  spec = "ansible.posix.seboolean",
  example = "- ansible.posix.seboolean:\n    name: httpd_can_network_connect\n    state: true\n    persistent: true",
  returns = "name: The boolean.\nstate: What was asked for.\npersistent: Whether it is kept.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    name = { required = true, doc = "The boolean." },
    state = { type = "bool", required = true, doc = "On or off." },
    persistent = { type = "bool", default = false, doc = "Keep it for the next boot." },
    ignore_selinux_state = { type = "bool", default = false, doc = "Also where SELinux is disabled." },
  },
  plan = plan,
  run = run,
}
