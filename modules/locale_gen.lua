-- locale_gen: locales of Debian and Ubuntu.

local util = use("util")

local GEN, UBUNTU, SUPPORTED = "/etc/locale.gen", "/var/lib/locales/supported.d", "/usr/share/i18n/SUPPORTED"

-- One spelling of the encoding: `locale -a` says utf8 where the files say UTF-8.
local function normal(name)
  local language, encoding = name:match("^([^%.]+)%.([^@]+)")
  if not language then
    return name
  end
  return language .. "." .. encoding:lower():gsub("-", "") .. (name:match("@.*$") or "")
end

local function missing(c, names)
  local have = {}
  for line in util.run(c, { c:need("locale"), "-a" }, { may_fail = true }).stdout:gmatch("[^\n]+") do
    have[normal(line)] = true
  end
  local out = {}
  for _, name in ipairs(names) do
    if not have[normal(name)] then
      out[#out + 1] = name
    end
  end
  return out
end

local function check_available(c, ubuntu)
  local known = {}
  for line in (c.fs.read(ubuntu and SUPPORTED or GEN) or ""):gmatch("[^\n]+") do
    local name = line:match("^#?%s*(%S+) %S+%s*$")
    if name then
      known[name] = true
    end
  end
  local unknown = {}
  for _, name in ipairs(c.args.name) do
    if not known[name] then
      unknown[#unknown + 1] = name
    end
  end
  unknown = missing(c, unknown)
  if #unknown > 0 then
    c:fail("The following locales you have entered are not available on your system: " .. table.concat(unknown, ", "))
  end
end

local function plan(c)
  local ubuntu = c.fs.exists(UBUNTU)
  if not ubuntu and not c.fs.exists(GEN) then
    c:fail(UBUNTU .. "/ and " .. GEN .. ' are missing. Is the package "locales" installed?')
  end
  c:set("name", c.args.name)
  check_available(c, ubuntu)
  local absent = missing(c, c.args.name)
  local present = #absent == 0
  c.state.ubuntu = ubuntu
  c:differs("state", present and "present" or "absent", c.args.state)
end

-- The lines of the locales with or without the comment sign.
local function edited(c, text, enable)
  local names = util.set(c.args.name)
  local out = {}
  for _, line in ipairs(util.lines(text)) do
    local name, charset = line:match("^#?%s*(%S+) (.+)$")
    if name and names[name] then
      line = (enable and "" or "# ") .. name .. " " .. charset
    end
    out[#out + 1] = line
  end
  return util.unlines(out)
end

local function run(c)
  local enable = c.args.state == "present"
  local tool = c:need("locale-gen")
  if not c.state.ubuntu then
    local text = c.fs.read(GEN)
    local new = edited(c, text, enable)
    if new ~= text then
      c.fs.write(GEN, new)
    end
    util.run(c, { tool })
    return
  end
  if enable then
    local argv = { tool }
    util.extend(argv, c.args.name)
    util.run(c, argv)
    return
  end
  local names, out = util.set(c.args.name), {}
  for _, line in ipairs(util.lines(c.fs.read(UBUNTU .. "/local") or "")) do
    if not names[line:match("^(%S*)")] then
      out[#out + 1] = line
    end
  end
  c.fs.write(UBUNTU .. "/local", util.unlines(out))
  util.run(c, { tool, "--purge" })
end

return {
  doc = "Make locales available on Debian and Ubuntu, or remove them.",
  spec = "community.general.locale_gen",
  example = "- community.general.locale_gen:\n    name: de_CH.UTF-8",
  returns = "name: The locales.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    name = { type = "list", elements = "str", required = true, doc = "Locales with their encoding, as de_CH.UTF-8." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether they are to be there." },
  },
  plan = plan,
  run = run,
}
