-- npm: packages of Node.js, for a project or for the whole system.

local util = use("util")

-- In node_modules while npm works: an npm that was killed, or met a full disk, leaves half a package, which it takes for a
-- whole one afterwards, or an empty package-lock.json. Holds copies of the files that npm writes in place.
local MARK = "/node_modules/.play-unfinished"
local WRITTEN = { "package.json", "package-lock.json", "npm-shrinkwrap.json" }
local READ_MAX = 16000000 -- bytes

local function command(c, words, with_name)
  local argv = c.args.executable and util.words(c.args.executable) or { c:need("npm") }
  util.extend(argv, words)
  local function flag(on, option)
    if on then
      argv[#argv + 1] = option
    end
  end
  local installs = words[1] == "install" or words[1] == "update" or words[1] == "ci"
  flag(c.args.global, "--global")
  flag(c.args.production and installs, "--production")
  flag(c.args.ignore_scripts, "--ignore-scripts")
  flag(c.args.unsafe_perm, "--unsafe-perm")
  if with_name and c.args.name then
    local versioned = c.args.version and c.args.state ~= "absent"
    argv[#argv + 1] = versioned and c.args.name .. "@" .. c.args.version or c.args.name
  end
  if c.args.registry then
    util.append(argv, "--registry", c.args.registry)
  end
  flag(c.args.no_optional, "--no-optional")
  flag(c.args.no_bin_links, "--no-bin-links")
  flag(c.args.force, "--force")
  return argv
end

local function npm(c, words, with_name, may_fail)
  return util.run(c, command(c, words, with_name), { cwd = c.args.path, may_fail = may_fail, what = "npm " .. words[1] })
end

-- ---- what an npm that did not come to its end has left ----

local function is_whole(c, path)
  local st = c.fs.stat(path)
  return st == nil or st.size > READ_MAX or st.type == "directory" or (pcall(c.json.decode, c.fs.read(path) or ""))
end

local function is_cut(c)
  local root = c.state.root
  return root ~= nil and (c.fs.exists(root .. MARK .. "/begun") or not is_whole(c, root .. "/package-lock.json"))
end

-- Before npm starts.
local function begin(c)
  local mark = c.state.root .. MARK
  util.makedirs(c, mark)
  for _, name in ipairs(WRITTEN) do
    local path = c.state.root .. "/" .. name
    if c.fs.exists(path) and is_whole(c, path) then
      c.fs.copy(c.fs.hold(path), mark .. "/" .. name)
      c.fs.chmod(mark .. "/" .. name, 384)
    end
  end
  c.fs.write(mark .. "/begun", "")
end

-- Puts back what was not written to its end.
local function restore(c)
  local mark = c.state.root .. MARK
  for _, name in ipairs(WRITTEN) do
    local path = c.state.root .. "/" .. name
    if not is_whole(c, path) and c.fs.exists(mark .. "/" .. name) then
      c.fs.copy(c.fs.hold(mark .. "/" .. name), path)
    elseif not is_whole(c, path) and name ~= "package.json" then
      c.fs.remove(path)
    end
  end
end

-- Removes the packages that may be half made: all of a project, or of the system the one that is to be installed.
local function clear(c)
  local modules, name = c.state.root .. "/node_modules", c.args.name
  if c.args.state == "absent" then
    return
  end
  local dir = modules
  if c.args.global and name then
    dir, name = util.dirname(modules .. "/" .. name), util.basename(name)
  end
  for _, entry in ipairs(c.fs.list(dir) or {}) do
    local aside = name and entry:sub(1, #name + 2) == "." .. name .. "-" -- what npm was about to replace
    if c.args.global and (entry == name or aside) or not c.args.global and "/node_modules/" .. entry ~= MARK then
      c.fs.remove_tree(dir .. "/" .. entry)
    end
  end
end

-- npm makes no node_modules when there are no packages.
local function finish(c)
  c.fs.remove_tree(c.state.root .. MARK)
  if #(c.fs.list(c.state.root .. "/node_modules") or { "" }) == 0 then
    c.fs.remove(c.state.root .. "/node_modules")
  end
end

-- Names (and name@version) of what is installed, and what is missing.
local function installed(c)
  local have, missing = {}, {}
  local wanted = c.args.name and (c.args.version and c.args.name .. "@" .. c.args.version or c.args.name)
  if c.args.path and not c.fs.exists(c.args.path) then
    return have, true
  end
  local r = npm(c, { "list", "--json", "--long" }, false, true)
  if r.rc ~= 0 and r.stdout == "" then
    c:fail("npm list failed: " .. util.said(r.stderr), { rc = r.rc, stderr = r.stderr })
  end
  local ok, data = pcall(c.json.decode, r.stdout == "" and "{}" or r.stdout)
  if not ok or type(data) ~= "table" then
    c:fail("Failed to parse NPM output: " .. util.trim(r.stderr), { rc = r.rc, stdout = r.stdout })
  end
  c.state.root = util.present(data.path) and data.path or c.state.root
  if not data.dependencies then
    return have, true
  end
  for name, props in pairs(data.dependencies) do
    if props.missing == true or props.invalid and props.invalid ~= null and props.invalid ~= false then
      missing[#missing + 1] = name
    else
      have[name] = true
      if util.present(props.version) then
        have[name .. "@" .. props.version] = true
      end
    end
  end
  return have, #missing > 0 or wanted ~= nil and not have[wanted]
end

local function plan(c)
  local state = c.args.state
  if not c.args.path and not c.args.global then
    c:fail("path must be specified when not using global")
  end
  if c.args.version and not c.args.name then
    c:fail("version needs name: which package is to have it?")
  end
  if c.args.path then
    local st = c.fs.stat(c.args.path)
    if st and st.type == "file" then
      c:fail("path " .. c.args.path .. " is not a directory")
    end
  end
  local calls = {}
  c.state.root = not c.args.global and c.args.path or nil
  if c.args.ci then
    calls[1] = { "ci" }
  elseif state == "absent" then
    local have = installed(c)
    if have[c.args.name] or is_cut(c) then
      calls[1] = { "uninstall" }
    end
  else
    local _, missing = installed(c)
    if missing or is_cut(c) then
      calls[1] = { "install" }
    end
    if state == "latest" and not (missing and not c.fs.exists(c.args.path or "/")) then
      local out = npm(c, { "outdated" }, true, true).stdout
      if util.trim(out) ~= "" then
        calls[#calls + 1] = { "update" }
      end
    end
  end
  c.state.calls = calls
  if #calls > 0 then
    c:changed()
  end
end

local function run(c)
  if c.args.path and not c.fs.exists(c.args.path) then
    util.makedirs(c, c.args.path)
    c.state.root = util.trim(npm(c, { "prefix" }).stdout) -- a directory above may have a package.json
  end
  local guarded = c.state.root and not c.args.ci -- which removes all packages first, each time
  if guarded and c.fs.exists(c.state.root .. MARK .. "/begun") then
    restore(c)
    clear(c)
  elseif guarded then
    begin(c)
  end
  for _, words in ipairs(c.state.calls) do
    local r = npm(c, words, true, true)
    if r.rc ~= 0 then
      if guarded and r.rc > 0 and r.rc < 128 and not r.stderr:find("ENOSPC", 1, true) then -- npm has taken back what it did
        restore(c)
        finish(c)
      end
      c:fail("npm " .. words[1] .. " failed: " .. util.said(r.stderr:match("%S") and r.stderr or r.stdout), {
        rc = r.rc, cmd = r.cmd, stdout = r.stdout, stderr = r.stderr,
      })
    end
  end
  if guarded then
    finish(c)
  end
end

return {
  doc = "Install and remove packages of Node.js.",
  spec = "community.general.npm",
  returns = "changed: Whether packages were installed or removed.",
  example = "- community.general.npm:\n    path: /srv/app\n    ci: true",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    name = { empty_is_none = true, doc = "The package; all of package.json without it." },
    path = { empty_is_none = true, type = "path", doc = "Directory of the project." },
    version = { empty_is_none = true, doc = "Version to install." },
    global = { type = "bool", default = false, doc = "For the whole system." },
    executable = { empty_is_none = true, type = "path", doc = "The npm program." },
    ignore_scripts = { type = "bool", default = false, doc = "Run no scripts of packages." },
    unsafe_perm = { type = "bool", default = false, doc = "Run scripts as root, too." },
    ci = { type = "bool", default = false, doc = "Install exactly what package-lock.json says." },
    production = { type = "bool", default = false, doc = "Without what only development needs." },
    registry = { empty_is_none = true, doc = "Address of the registry." },
    state = { default = "present", choices = { "present", "absent", "latest" }, doc = "What is to be there." },
    no_optional = { type = "bool", default = false, doc = "Without optional dependencies." },
    no_bin_links = { type = "bool", default = false, doc = "Make no links for programs." },
    force = { type = "bool", default = false, doc = "Fetch again what is there." },
  },
  required_if = { { "state", "absent", { "name" } } },
  plan = plan,
  run = run,
}
