-- pip: Python packages, by the pip of the system, of a virtual environment or a named one.

local util = use("util")
local LOCALE = { LANG = "C", LC_ALL = "C", LC_MESSAGES = "C" }
local VERB = {
  present = { "install" },
  absent = { "uninstall", "-y" },
  latest = { "install", "-U" },
  forcereinstall = { "install", "-U", "--force-reinstall" },
}

-- ---- words and names ----

local function join(dir, path)
  return path:sub(1, 1) == "/" and path or dir .. "/" .. path
end

-- A command line to words, as a shell would without expanding anything.
local function split_words(c, line)
  local words, word, quote, i = {}, nil, nil, 1
  while i <= #line do
    local ch = line:sub(i, i)
    if quote then
      if ch == quote then
        quote = nil
      elseif ch == "\\" and quote == '"' and line:sub(i + 1, i + 1):match('["\\]') then
        i = i + 1
        word = word .. line:sub(i, i)
      else
        word = word .. ch
      end
    elseif ch:match("%s") then
      words[#words + 1] = word
      word = nil
    elseif ch == "'" or ch == '"' then
      quote, word = ch, word or ""
    elseif ch == "\\" and i < #line then
      i = i + 1
      word = (word or "") .. line:sub(i, i)
    else
      word = (word or "") .. ch
    end
    i = i + 1
  end
  if quote then
    c:fail("No closing quotation in '" .. line .. "'")
  end
  words[#words + 1] = word
  return words
end

local function is_specifier(text)
  local start = text:match("^%s*(..)") or text
  return start:sub(1, 1) == "<" or start:sub(1, 1) == ">" or start == "==" or start == "!=" or start == "~="
end

-- Names as they may be given: lists, commas between packages and between the specifiers of one.
local function requirements_of(names)
  local out, inside = {}, false
  for _, line in ipairs(names) do
    for part in (line .. ","):gmatch("([^,]*),") do
      if #out == 0 or not (inside or is_specifier(part)) then
        out[#out + 1] = part
      else
        out[#out] = out[#out] .. "," .. part
      end
      inside = (inside or part:find("[", 1, true) ~= nil) and not part:find("]", 1, true)
    end
  end
  return out
end

local function canonical(name)
  return (name:gsub("[-_.]+", "-"):lower())
end

-- "name[extra] >= 1, < 2" to its name and specifiers; nil for a path or an address.
local function parse_requirement(text)
  local plain = text:match("^%s*(.-)%s*$")
  local name, extras, specs = plain:match("^([%w][%w._-]*)%s*(%[[^%]]*%])%s*(.*)$")
  if not name then
    name, specs = plain:match("^([%w][%w._-]*)%s*(.*)$")
  end
  if not name then
    return nil
  end
  specs = specs:gsub("%s*;.*$", "")
  specs = specs:match("^%((.*)%)$") or specs
  local list = {}
  for spec in specs:gmatch("[^,]+") do
    local op, version = spec:match("^%s*([<>=!~]=?=?)%s*(%S+)%s*$")
    if not op then
      return nil
    end
    list[#list + 1] = { op = op, version = version }
  end
  return { name = canonical(name), text = name .. (extras or "") .. specs:gsub("%s", ""), specs = list }
end

-- ---- versions, in the order Python packages have ----

local PRE = { a = 1, alpha = 1, b = 2, beta = 2, c = 3, rc = 3, pre = 3, preview = 3 }

local function parse_version(text)
  local v = text:lower():gsub("^%s*v?", ""):gsub("%s+$", "")
  local own = v:match("%+(.*)$")
  v = v:gsub("%+.*$", "")
  local epoch, rest = v:match("^(%d+)!(.*)$")
  rest = rest or v
  local release = {}
  local digits, tail = rest:match("^([%d.]*%d)(.*)$")
  if not digits then
    return nil
  end
  for n in digits:gmatch("%d+") do
    release[#release + 1] = tonumber(n)
  end
  while #release > 1 and release[#release] == 0 do
    release[#release] = nil
  end
  local key = { epoch = tonumber(epoch or 0), release = release, own = own or "" }
  local word, n = tail:match("^[-_.]?(%a+)[-_.]?(%d*)")
  if word and PRE[word] then
    key.pre = { PRE[word], tonumber(n) or 0 }
    tail = tail:gsub("^[-_.]?%a+[-_.]?%d*", "", 1)
  end
  local post = tail:match("^[-_.]?post[-_.]?(%d*)") or tail:match("^[-_.]?rev[-_.]?(%d*)") or tail:match("^[-_.]?r(%d+)") or
    tail:match("^%-(%d+)")
  key.post = post and (tonumber(post) or 0)
  local dev = tail:match("[-_.]?dev[-_.]?(%d*)")
  key.dev = dev and (tonumber(dev) or 0)
  return key
end

local function compare_lists(a, b)
  for i = 1, math.max(#a, #b) do
    local x, y = a[i] or 0, b[i] or 0
    if x ~= y then
      return x < y and -1 or 1
    end
  end
  return 0
end

-- A development release comes before all of its release, pre-releases before it, post-releases behind.
local function stage(v)
  if v.pre then
    return { 0, v.pre[1], v.pre[2] }
  end
  return { v.dev and not v.post and -1 or 1, 0, 0 }
end

local function compare_versions(a, b)
  local order = a.epoch ~= b.epoch and (a.epoch < b.epoch and -1 or 1) or compare_lists(a.release, b.release)
  if order == 0 then
    order = compare_lists(stage(a), stage(b))
  end
  if order == 0 then
    order = compare_lists({ a.post or -1 }, { b.post or -1 })
  end
  if order == 0 then
    order = compare_lists({ a.dev or math.huge }, { b.dev or math.huge })
  end
  return order
end

local function starts_with(version, prefix)
  for i = 1, #prefix do
    if (version.release[i] or 0) ~= prefix[i] then
      return false
    end
  end
  return true
end

local function prefix_of(text)
  local list = {}
  for n in text:gmatch("%d+") do
    list[#list + 1] = tonumber(n)
  end
  return list
end

local function satisfies(text, spec)
  local v, op = parse_version(text), spec.op
  if op == "===" then
    return text == spec.version
  end
  local wild = spec.version:match("^(.*)%.%*$")
  local w = parse_version(wild or spec.version)
  if not v or not w then
    return text == spec.version
  end
  if wild then
    return starts_with(v, prefix_of(wild)) == (op == "==")
  end
  local order = compare_versions(v, w)
  if op == "==" then
    return order == 0 and (w.own == "" or v.own == w.own)
  elseif op == "!=" then
    return order ~= 0
  elseif op == ">=" then
    return order >= 0
  elseif op == "<=" then
    return order <= 0
  elseif op == ">" then
    return order > 0 and not (v.post and not w.post and compare_lists(v.release, w.release) == 0)
  elseif op == "<" then
    return order < 0
  end
  local prefix = prefix_of(spec.version:match("^[%d.]+"))
  prefix[#prefix] = nil
  return op == "~=" and order >= 0 and starts_with(v, prefix)
end

local function is_installed(requirement, installed)
  local version = installed[requirement.name]
  for _, spec in ipairs(version and requirement.specs or {}) do
    if not satisfies(version, spec) then
      return false
    end
  end
  return version ~= nil
end

-- ---- programs ----

local function with_umask(c, argv)
  if not c.args.umask then
    return argv
  end
  local words = { "/bin/sh", "-c", 'umask "$1"; shift; exec "$@"', "sh", c.args.umask }
  return table.move(argv, 1, #argv, #words + 1, words)
end

local function call(c, argv, path)
  local env = { LANG = LOCALE.LANG, LC_ALL = LOCALE.LC_ALL, LC_MESSAGES = LOCALE.LC_MESSAGES }
  if path then
    env.PATH = path .. ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  end
  return c:exec({ argv = with_umask(c, argv), cwd = c.args.chdir or "/tmp", env = env })
end

local function fail(c, argv, out, err)
  local msg = (out ~= "" and "stdout: " .. out or "") .. (err ~= "" and "\n:stderr: " .. err or "")
  c:fail(msg, { cmd = list(argv) })
end

local function concat(a, b)
  return table.move(b, 1, #b, #a + 1, table.move(a, 1, #a, 1, list({})))
end

local function environment(c)
  local env = c.args.virtualenv
  return env and c.args.chdir and join(c.args.chdir, env) or env
end

local function pip_of_environment(c, env)
  for _, name in ipairs({ "pip3", "pip" }) do
    if c.fs.exists(env .. "/bin/" .. name) then
      return { env .. "/bin/" .. name }
    end
  end
  c:fail("Unable to find pip in the virtualenv, " .. env .. ", under any of these names: pip3, pip. Make sure pip is " ..
    "present in the virtualenv.")
end

local function pip_command(c)
  local env, named = environment(c), c.args.executable
  if env then
    return pip_of_environment(c, env)
  elseif named and named:sub(1, 1) == "/" then
    return { named }
  elseif not named then
    local python = c:which("python3")
    if python and call(c, { python, "-c", "import importlib.util, sys; sys.exit(not importlib.util.find_spec('pip'))" }).rc == 0 then
      return { python, "-m", "pip.__main__" }
    end
  end
  local name = named or "pip3"
  local path = c:which(name)
  if not path then
    c:fail("Unable to find any of " .. name .. " to use.  pip needs to be installed.")
  end
  return { path }
end

local function names_in(c, path)
  local st = c.fs.stat(path)
  return st and st.type == "directory" and c.fs.list(path) or {}
end

-- pip ends with a new RECORD, which names the file INSTALLER; the one that comes with a package does not.
local function is_whole(c, info)
  local record = c.fs.exists(info .. "/INSTALLER") and c.fs.exists(info .. "/RECORD") and c.fs.read(info .. "/RECORD")
  return record and record:find("/INSTALLER,", 1, true) ~= nil
end

-- What a pip that was killed, or met a full disk, leaves in an environment: half a package, which it takes for a whole one
-- in the next run, and names with a tilde, which are what it was about to remove and never looks at again.
local function clear_unfinished(c, env)
  for _, python in ipairs(c.fs.exists(env .. "/pyvenv.cfg") and names_in(c, env .. "/lib") or {}) do
    local site = env .. "/lib/" .. python .. "/site-packages"
    for _, name in ipairs(names_in(c, site)) do
      local info = name:find("%.dist%-info$") and c.args.state ~= "absent"
      if name:sub(1, 1) == "~" or info and not is_whole(c, site .. "/" .. name) then
        c.fs.remove_tree(site .. "/" .. name)
      end
    end
  end
end

-- The script is the last thing that is written.
local function is_made(c, env)
  local st = c.fs.stat(env .. "/bin/activate")
  return st ~= nil and (st.type ~= "file" or st.size > 0)
end

local function make_environment(c, env)
  local argv = split_words(c, c.args.virtualenv_command)
  if not argv[1] then
    c:fail("virtualenv_command is empty")
  end
  if not argv[1]:find("/", 1, true) then
    argv[1] = c:need(argv[1])
  end
  if c.args.virtualenv_site_packages then
    argv[#argv + 1] = "--system-site-packages"
  elseif call(c, { argv[1], "--help" }).stdout:find("--no-site-packages", 1, true) then
    argv[#argv + 1] = "--no-site-packages"
  end
  local own = c.args.virtualenv_command:find("pyvenv", 1, true) or c.args.virtualenv_command:find("-m venv", 1, true)
  if own and c.args.virtualenv_python then
    c:fail("virtualenv_python should not be used when using the venv module or pyvenv as virtualenv_command")
  elseif not own then
    argv[#argv + 1] = "-p" .. (c.args.virtualenv_python or c:which("python3") or "python3")
  end
  argv[#argv + 1] = env
  clear_unfinished(c, env)
  local r = call(c, argv)
  if r.rc ~= 0 then
    if c.fs.exists(env .. "/bin/activate") then
      c.fs.remove(env .. "/bin/activate") -- so that the next run does not take it for whole
    end
    fail(c, argv, r.stdout, r.stderr)
  end
  return r
end

-- What is installed, as text and by name.
local function installed_packages(c, pip)
  local argv = concat(pip, { "list", "--format=freeze" })
  local r = call(c, argv)
  if r.rc ~= 0 then
    argv = concat(pip, { "freeze" })
    r = call(c, argv)
    if r.rc ~= 0 then
      fail(c, argv, r.stdout, r.stderr)
    end
  end
  local found = {}
  for name, version in r.stdout:gmatch("([^=\n]+)==([^=\n]+)") do
    found[canonical(name)] = version
  end
  return { text = r.stdout, by_name = found, stderr = r.stderr, cmd = table.concat(argv, " ") }
end

-- ---- the module ----

local function is_vcs(name)
  return name:match("^svn%+") or name:match("^git%+") or name:match("^hg%+") or name:match("^bzr%+")
end

local function packages(c)
  local wanted, version = {}, c.args.version
  local names = c.args.name and requirements_of(c.args.name) or {}
  if version and #names > 1 then
    c:fail("'version' argument is ambiguous when installing multiple package distributions. Please specify version " ..
      "restrictions next to each package in 'name' argument.")
  end
  for _, name in ipairs(names) do
    if name:match("^%s*%-") then
      c:fail("name is not one of a package: '" .. name .. "'; options go to extra_args")
    end
    local parsed = parse_requirement(name)
    if version then
      if parsed and #parsed.specs > 0 then
        c:fail("The 'version' argument conflicts with any version specifier provided along with a package name. " ..
          "Please keep the version specifier, but remove the 'version' argument.")
      end
      local text = version:match("^%s*(.*)$")
      text = text == "" and name or name .. (text:match("^%d") and "==" or " ") .. text
      parsed = parse_requirement(text) or { text = text, specs = {} }
    end
    wanted[#wanted + 1] = parsed or { text = name, specs = {}, vcs = is_vcs(name) }
  end
  return wanted
end

local function check_arguments(c)
  if c.args.umask and not c.args.umask:match("^[0-7]+$") then
    c:fail("umask must be an octal integer")
  end
  if c.args.state == "latest" and c.args.version then
    c:fail("version is incompatible with state=latest")
  end
end

local function extra_words(c)
  local words = c.args.extra_args and split_words(c, c.args.extra_args) or {}
  if c.args.editable then
    for _, word in ipairs(words) do
      if word == "-e" then
        return words
      end
    end
    words[#words + 1] = "-e"
  end
  return words
end

local function only_look(c, pip, wanted)
  if c.args.extra_args or c.args.editable or c.args.requirements or c.args.state == "latest" or not c.args.name then
    return true
  end
  local now = installed_packages(c, pip)
  c:set("cmd", now.cmd)
  c:set("stdout", now.text)
  c:set("stderr", now.stderr)
  for _, requirement in ipairs(wanted) do
    local here = requirement.name ~= nil and is_installed(requirement, now.by_name)
    if c.args.state == "present" and not here or c.args.state == "absent" and here then
      return true
    end
  end
  return false
end

local function verdict(c, r, before, pip)
  if c.args.state == "absent" then
    return r.stdout:find("Successfully uninstalled", 1, true) ~= nil
  elseif before then
    return installed_packages(c, pip).text ~= before
  end
  return r.stdout:find("Successfully installed", 1, true) ~= nil
end

local function install(c, pip, wanted, made)
  local argv = concat(concat(pip, VERB[c.args.state]), extra_words(c))
  local track = c.args.requirements ~= nil
  for _, requirement in ipairs(wanted) do
    argv[#argv + 1] = requirement.text
    track = track or requirement.vcs
  end
  if c.args.requirements then
    argv[#argv + 1] = "-r"
    argv[#argv + 1] = c.args.requirements
  end
  local env = environment(c)
  if env then
    clear_unfinished(c, env)
  end
  local before = track and installed_packages(c, pip).text
  local r = call(c, argv, env and env .. "/bin")
  local out, err = (made and made.stdout or "") .. r.stdout, (made and made.stderr or "") .. r.stderr
  local gone = c.args.state == "absent" and r.rc == 1 and (r.stdout .. r.stderr):find("not installed", 1, true)
  if r.rc ~= 0 and not gone then
    fail(c, argv, out, err)
  end
  if verdict(c, r, before, pip) or made then
    c:changed()
  end
  c:set("cmd", argv)
  c:set("stdout", out)
  c:set("stderr", err)
end

local function run(c)
  check_arguments(c)
  local wanted, env, made = packages(c), environment(c), nil
  if env and not is_made(c, env) then
    if c.check then
      c:changed()
      return
    end
    made = make_environment(c, env)
  end
  local pip = pip_command(c)
  if c.check then
    if only_look(c, pip, wanted) then
      c:changed()
    end
    return
  end
  install(c, pip, wanted, made)
  c:set("name", c.args.name and list(c.args.name) or null)
  c:set("version", c.args.version or null)
  c:set("state", c.args.state)
  c:set("requirements", c.args.requirements or null)
  c:set("virtualenv", env or null)
end

return {
  doc = "Install and remove Python packages with pip.",
  spec = "ansible.builtin.pip",
  example = "- ansible.builtin.pip:\n    name: [requests, 'flask>=2,<4']\n    virtualenv: /srv/app/venv\n" ..
    "    virtualenv_command: python3 -m venv",
  returns = "cmd: What was run.\nname: The packages.\nversion: The version asked for.\nrequirements: The file.\n" ..
    "virtualenv: The environment.\nstdout: What pip said.\nstderr: Its errors.",
  side = "target",
  check = "full",
  diff = "none",
  args = {
    name = { type = "list", doc = "Packages, with version specifiers, addresses or paths." },
    requirements = { doc = "A file of requirements on the target." },
    version = { doc = "Version of the one package in `name`." },
    state = {
      default = "present",
      choices = { "present", "absent", "latest", "forcereinstall" },
      doc = "Whether they are to be installed, and whether newer ones are to be looked for.",
    },
    virtualenv = { empty_is_none = true, type = "path", doc = "Environment to install into; made when it does not exist." },
    virtualenv_site_packages = { type = "bool", default = false, doc = "A new environment sees the system's packages." },
    virtualenv_command = { type = "path", default = "virtualenv", doc = "Command that makes an environment." },
    virtualenv_python = { empty_is_none = true, doc = "Python of a new environment." },
    extra_args = { empty_is_none = true, doc = "More arguments for pip." },
    editable = { type = "bool", default = false, doc = "Install in a way that follows the sources." },
    chdir = { empty_is_none = true, type = "path", doc = "Directory to run in." },
    executable = { type = "path", doc = "The pip to use." },
    umask = { doc = "Umask to install with, as an octal number." },
  },
  required_one_of = { { "name", "requirements" } },
  exclusive = { { "name", "requirements" }, { "executable", "virtualenv" } },
  run = run,
}
