-- gem: packages of Ruby.

local util = use("util")

local function program(c)
  return c.args.executable and util.words(c.args.executable) or { c:need("gem") }
end

local function gem(c, words)
  local env = {}
  if c.args.install_dir then
    env.GEM_HOME = c.args.install_dir
  end
  return util.run(c, util.extend(program(c), words), { env = env, what = "gem " .. words[1] })
end

-- Removes the specifications that a gem which was killed, or met a full disk, did not write to their end. It counts them as not
-- there, says so on standard error, and stumbles over them when it installs.
local function clear_specifications(c)
  for path in c.state.complaints:gmatch("%[(/[^%]\n]+/specifications/[^/%]\n]+%.gemspec)%]") do
    local st = c.fs.stat(path)
    if st and st.type == "file" then
      c.fs.remove(path)
    end
  end
end

local function norc(c)
  return c.args.norc and { "--norc" } or {}
end

-- Versions that are installed, or that a repository has.
local function versions(c, remote)
  local words = util.extend({ "list" }, norc(c))
  if remote then
    util.append(words, "--remote")
    util.extend(words, c.args.repository and { "--source", c.args.repository })
  end
  local name = c.args.name:gsub("[%^%$%(%)%%%.%[%]%*%+%?]", "\\%0")
  local out = {}
  local r = gem(c, util.append(words, "^" .. name .. "$"))
  c.state.complaints = r.stderr
  for _, line in ipairs(util.lines(r.stdout)) do
    local found = line:match("^%S+%s+%((.+)%)")
    for _, version in ipairs(found and util.split(found:gsub("^default: ", ""), ", ") or {}) do
      out[#out + 1] = version:gsub("^default: ", ""):match("^%S+")
    end
  end
  return out
end

local function exists(c)
  local found = versions(c)
  if c.state.version then
    return util.contains(found, c.state.version)
  end
  return #found > 0
end

-- Where gems of the user go.
local function user_dir(c)
  return gem(c, { "environment" }).stdout:match("USER INSTALLATION DIRECTORY:%s*([^\n]+)")
    or c:fail("gem environment names no user installation directory")
end

local function places(c, words, install)
  local a = c.args
  local dir = a.override_platform_install_dir and user_dir(c) or a.install_dir
  local bin = a.bindir or a.override_platform_install_dir and install and dir .. "/bin" or nil
  if install then
    util.append(words, a.user_install and not a.override_platform_install_dir and "--user-install" or "--no-user-install")
  end
  util.extend(words, dir and { "--install-dir", dir })
  util.extend(words, bin and { "--bindir", bin })
end

local function install(c)
  local a, words = c.args, util.extend({ "install" }, norc(c))
  local function flag(on, ...)
    if on then
      util.append(words, ...)
    end
  end
  flag(c.state.version, "--version", c.state.version)
  flag(a.repository, "--source", a.repository)
  flag(not a.include_dependencies, "--ignore-dependencies")
  places(c, words, true)
  flag(a.pre_release, "--pre")
  flag(not a.include_doc, "--no-document")
  flag(a.env_shebang, "--env-shebang")
  flag(a.force, "--force")
  flag(true, a.gem_source or a.name)
  flag(a.build_flags, "--", a.build_flags)
  clear_specifications(c)
  gem(c, words)
end

local function uninstall(c)
  local words = util.extend({ "uninstall" }, norc(c))
  places(c, words, false)
  util.extend(words, c.state.version and { "--version", c.state.version } or { "--all" })
  util.append(words, "--executables")
  if c.args.force then
    util.append(words, "--force")
  end
  local r = gem(c, util.append(words, c.args.name))
  if exists(c) then
    c:fail("Failed to uninstall gem '" .. c.args.name .. "': 'gem uninstall' left it there, as it does with gems that belong to Ruby " ..
      "or to a package of the system", { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
end

local function check(c)
  local a = c.args
  if a.version and a.state == "latest" then
    c:fail("Cannot specify version when state=latest")
  elseif a.gem_source and a.state == "latest" then
    c:fail("Cannot maintain state=latest when installing from local source")
  elseif a.user_install and a.install_dir then
    c:fail("install_dir requires user_install=false")
  elseif a.override_platform_install_dir and not a.user_install then
    c:fail("override_platform_install_dir requires user_install=true")
  end
end

local function plan(c)
  check(c)
  c:set("name", c.args.name)
  c:set("state", c.args.state)
  c.state.version = c.args.version
  if c.args.state == "latest" then
    c.state.version = versions(c, true)[1]
  end
  if c.state.version then
    c:set("version", c.state.version)
  end
  if exists(c) == (c.args.state == "absent") then
    c:changed()
  end
end

local function run(c)
  if c.args.state == "absent" then
    uninstall(c)
  else
    install(c)
  end
end

return {
  doc = "Install and remove packages of Ruby.",
  spec = "community.general.gem",
  example = "- community.general.gem:\n    name: bundler\n    version: \"2.4.1\"\n    user_install: false",
  returns = "name: The gem.\nversion: The version that was asked for.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    name = { required = true, doc = "The gem." },
    state = { default = "present", choices = { "present", "absent", "latest" }, doc = "What is wanted." },
    version = { empty_is_none = true, doc = "Its version." },
    gem_source = { empty_is_none = true, type = "path", doc = "A file that holds it." },
    include_dependencies = { type = "bool", default = true, doc = "With what it needs." },
    repository = { empty_is_none = true, aliases = { "source" }, doc = "Where it comes from." },
    user_install = { type = "bool", default = true, doc = "For the user, not for the system." },
    executable = { empty_is_none = true, type = "path", doc = "The gem program." },
    install_dir = { empty_is_none = true, type = "path", doc = "Where it goes." },
    bindir = { empty_is_none = true, type = "path", doc = "Where its programs go." },
    norc = { type = "bool", default = true, doc = "Read no gemrc." },
    env_shebang = { type = "bool", default = false, doc = "Programs begin with /usr/bin/env." },
    pre_release = { type = "bool", default = false, doc = "Also versions before a release." },
    include_doc = { type = "bool", default = false, doc = "With documentation." },
    build_flags = { empty_is_none = true, doc = "Flags of the compiler." },
    force = { type = "bool", default = false, doc = "Whatever is in the way." },
    override_platform_install_dir = { type = "bool", default = false, doc = "To the user's directory, whatever the system's default." },
  },
  exclusive = { { "gem_source", "repository" }, { "gem_source", "version" } },
  plan = plan,
  run = run,
}
