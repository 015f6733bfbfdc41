-- apache2_module: modules of Apache on Debian, through a2enmod and a2dismod; what is loaded is read from `apache2ctl -M`.

local util = use("util")

-- Names that apache2ctl gives other than NAME_module.
local function identifier(name)
  if name:find("shib", 1, true) then
    return "mod_shib"
  elseif name:find("evasive", 1, true) then
    return "evasive20_module"
  end
  local php = name:find("php8", 1, true) and name:match("^(php)[%d.]+") or name:find("php", 1, true) and name:match("^(php%d)%.")
  return (php or name) .. "_module"
end

local function control(c)
  return c:which("apache2ctl") or c:which("apachectl") or
      c:fail("Neither of apache2ctl nor apachectl found. At least one apache control binary is necessary.")
end

local function enabled(c)
  local program = control(c)
  local r = util.run(c, { program, "-M" }, { may_fail = true })
  if r.rc == 0 then
    return r.stdout:find(" " .. (c.args.identifier or identifier(c.args.name)), 1, true) ~= nil
  end
  local why = "Error executing " .. program .. ": " .. r.stderr
  if not c.args.ignore_configcheck then
    c:fail(why)
  elseif r.stderr:find("AH00534", 1, true) and c.args.name:find("mpm_", 1, true) then
    if c.args.warn_mpm_absent then
      c:warn("Apache has no MPM module now: it cannot be reloaded, and no module enabled, before it has one again")
    end
  else
    c:warn(why)
  end
  return false
end

local function report(c)
  c:set("result", "Module " .. c.args.name .. (c.args.state == "present" and " enabled" or " disabled"))
end

local function plan(c)
  local a, want = c.args, c.args.state == "present"
  if a.name == "cgi" and want and util.run(c, { control(c), "-V" }, { may_fail = true }).stdout:match("threaded: *yes") then
    c:fail("Your MPM seems to be threaded, therefore enabling cgi module is not allowed.")
  end
  local differs = enabled(c) ~= want
  if differs then
    c:changed()
  end
  if c.check or not differs then
    report(c)
  end
end

local function run(c)
  local a, want = c.args, c.args.state == "present"
  local name = want and "a2enmod" or "a2dismod"
  local argv = { c:which(name) or c:fail(name .. " not found. Perhaps this system does not use " .. name .. " to manage apache") }
  if not want and a.force then
    util.append(argv, "-f")
  end
  util.append(argv, "--", a.name)
  local r = util.run(c, argv, { may_fail = true })
  if enabled(c) ~= want then
    c:fail("Failed to set module " .. a.name .. " to " .. (want and "enabled" or "disabled") .. ":\n" .. r.stdout ..
      "\nMaybe the module identifier (" .. (a.identifier or identifier(a.name)) .. ") was guessed incorrectly." ..
      'Consider setting the "identifier" option.', { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
  report(c)
end

return {
  doc = "Enable and disable modules of Apache.",
  spec = "community.general.apache2_module",
  example = "- community.general.apache2_module:\n    name: rewrite\n  notify: restart apache",
  returns = "result: What the module is now.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    name = { required = true, doc = "Name of the module, as for a2enmod." },
    identifier = { empty_is_none = true, doc = "Its name in `apache2ctl -M`, where that is not NAME_module." },
    force = { type = "bool", default = false, doc = "Disable also what Debian needs." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be enabled." },
    ignore_configcheck = { type = "bool", default = false, doc = "Go on when the configuration is broken." },
    warn_mpm_absent = { type = "bool", default = true, doc = "Warn when no MPM is loaded." },
  },
  plan = plan,
  run = run,
}
