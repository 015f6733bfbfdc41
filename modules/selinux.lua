-- selinux: mode and policy of SELinux: now, in its configuration and on the kernel's command line.

local util = use("util")

local function setting(text, name)
  for _, line in ipairs(util.lines(text)) do
    local value = line:match("^" .. name .. "=(.*)$")
    if value then
      return util.trim(value)
    end
  end
  return nil
end

-- The text with a setting's line replaced, or added at its end.
local function with(text, name, value)
  local lines, met = util.lines(text), false
  for i, line in ipairs(lines) do
    if line:match("^" .. name .. "=") then
      lines[i], met = name .. "=" .. value, true
    end
  end
  if not met then
    lines[#lines + 1] = name .. "=" .. value
  end
  return util.unlines(lines)
end

-- "enforcing", "permissive" or "disabled".
local function mode(c)
  local program = c:which("getenforce")
  return program and util.trim(util.run(c, { program }).stdout):lower() or "disabled"
end

-- Whether kernels start with SELinux: true, false, or nil when they differ.
local function kernel(c)
  local grubby = c:which("grubby") or c:fail("'grubby' command not found on host", {
    details = "install the package grubby: it changes the kernel's command line",
  })
  local r = util.run(c, { grubby, "--info=ALL" }, { may_fail = true })
  if r.rc ~= 0 then
    c:fail("unable to run grubby", { rc = r.rc, stderr = r.stderr })
  end
  local on, off = true, true
  for _, line in ipairs(util.lines(r.stdout)) do
    local args = line:match('^args="(.*)"$')
    if args and util.contains(util.split(args, " "), "selinux=0") then
      on = false
    elseif args then
      off = false
    end
  end
  if on == off then
    return nil
  end
  return on
end

local function plan(c)
  local a = c.args
  local path = a.configfile
  local text = c.fs.read(path) or c:fail("Unable to find file " .. path, {
    details = "Please install SELinux-policy package, if this package is not installed previously.",
  })
  local now, had_policy, had_state = mode(c), setting(text, "SELINUXTYPE"), setting(text, "SELINUX")
  local policy = a.policy
  if not policy and a.state ~= "disabled" then
    c:fail("Policy is required if state is not 'disabled'")
  end
  policy = policy or had_policy
  local msgs, after, reboot = {}, text, false
  if policy and policy ~= had_policy then
    if not c.fs.exists("/etc/selinux/" .. policy .. "/policy") then
      c:fail("Policy " .. policy .. " does not exist in /etc/selinux/")
    end
    after = with(after, "SELINUXTYPE", policy)
    util.append(msgs, "SELinux policy configuration in '" .. path .. "' changed from '" .. (had_policy or "None") .. "' to '" .. policy .. "'")
  end
  if a.state ~= now and now == "disabled" then
    c:warn("Reboot is required to set SELinux state to '" .. a.state .. "'")
    reboot = true
  elseif a.state ~= now and a.state == "disabled" then
    c:warn(now ~= "permissive" and "SELinux state temporarily changed from '" .. now .. "' to 'permissive'. State change will take effect next reboot."
      or "SELinux state change will take effect next reboot")
    c.state.enforce = now ~= "permissive" and "0" or nil
    reboot = true
  elseif a.state ~= now then
    c.state.enforce = a.state == "enforcing" and "1" or "0"
    util.append(msgs, "SELinux state changed from '" .. now .. "' to '" .. a.state .. "'")
  end
  if a.state ~= had_state then
    after = with(after, "SELINUX", a.state)
    util.append(msgs, "Config SELinux state changed from '" .. (had_state or "None") .. "' to '" .. a.state .. "'")
  end
  local want_kernel = a.state ~= "disabled"
  if a.update_kernel_param then
    local has = kernel(c)
    if has ~= want_kernel then
      c.state.kernel = want_kernel and "--remove-args" or "--args"
      util.append(msgs, "Kernel SELinux state changed from '" .. (has == nil and "<inconsistent>" or has and "enabled" or "disabled") .. "' to '" ..
        (want_kernel and "enabled" or "disabled") .. "'")
    end
  end
  util.plan_text(c, path, text, after)
  if #msgs > 0 or c.state.enforce then
    c:changed()
  end
  c:set("msg", table.concat(msgs, ", "))
  c:set("configfile", path)
  c:set("policy", policy)
  c:set("state", a.state)
  c:set("reboot_required", reboot)
end

local function run(c)
  if c.state.enforce then
    util.run(c, { c:need("setenforce"), c.state.enforce })
  end
  util.write_text(c)
  if c.state.kernel then
    util.run(c, { c:need("grubby"), "--update-kernel=ALL", c.state.kernel, "selinux=0" })
  end
end

return {
  doc = "Set mode and policy of SELinux.",
  spec = "ansible.posix.selinux",
  example = "- ansible.posix.selinux:\n    policy: targeted\n    state: enforcing",
  returns = "msg: What was changed.\nreboot_required: Whether it takes a reboot.\nstate: The mode.\npolicy: The policy.\nconfigfile: The file.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    state = { required = true, choices = { "enforcing", "permissive", "disabled" }, doc = "The mode." },
    policy = { doc = "The policy; needed unless it is disabled." },
    configfile = { default = "/etc/selinux/config", aliases = { "conf", "file" }, doc = "The configuration." },
    update_kernel_param = { type = "bool", default = false, doc = "Also on the kernels' command lines, with grubby." },
  },
  plan = plan,
  run = run,
}
