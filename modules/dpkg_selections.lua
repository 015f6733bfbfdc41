-- dpkg_selections: what dpkg is to do with a package: install, hold, deinstall or purge.

local LOCALE = { LANG = "C", LC_ALL = "C" }

local function dpkg(c, arguments, stdin)
  local argv = { c:need("dpkg") }
  table.move(arguments, 1, #arguments, 2, argv)
  local r = c:exec({ argv = argv, stdin = stdin, env = LOCALE })
  if r.rc ~= 0 then
    c:fail(r.stderr:match("^%s*(.-)%s*$"), { rc = r.rc, stdout = r.stdout, stderr = r.stderr, cmd = argv })
  end
  return r.stdout
end

local function plan(c)
  local name = c.args.name
  if not name:match("^[a-z0-9][a-z0-9+.-]*$") and not name:match("^[a-z0-9][a-z0-9+.-]*:[a-z0-9-]+$") then
    c:fail("name is not one of a package: '" .. name .. "'")
  end
  local now = dpkg(c, { "--get-selections", name }):match("^%S+%s+(%S+)")
  c:set("before", now or "not present")
  c:set("after", c.args.selection)
  c:differs("selection", now or "not present", c.args.selection)
end

-- dpkg ignores the selection of a package it has never heard of, and says so as a warning only.
local function run(c)
  dpkg(c, { "--set-selections" }, c.args.name .. " " .. c.args.selection .. "\n")
  local now = dpkg(c, { "--get-selections", c.args.name }):match("^%S+%s+(%S+)")
  if now ~= c.args.selection then
    c:warn("dpkg did not take the selection: package '" .. c.args.name .. "' is not in its database; " ..
      "install it once, or run `apt-cache dumpavail | dpkg --merge-avail`")
  end
end

return {
  doc = "Set what dpkg is to do with a package: keep, hold or remove it.",
  spec = "ansible.builtin.dpkg_selections",
  example = "- ansible.builtin.dpkg_selections:\n    name: postgresql-15\n    selection: hold",
  returns = "before: The selection there was, or `not present`.\nafter: The one asked for.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    name = { required = true, doc = "Name of the package." },
    selection = { required = true, choices = { "install", "hold", "deinstall", "purge" }, doc = "What dpkg is to do with it." },
  },
  plan = plan,
  run = run,
}
