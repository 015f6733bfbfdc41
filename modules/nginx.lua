-- nginx: a site, snippet or piece of configuration. It is tested in a private copy of the whole configuration before it
-- goes live; when nginx does not take it after all, everything is as it was before.

local util = use("util")

-- Where each kind lives below the configuration directory, and where it is linked to be in use.
local KINDS = {
  site = { dir = "sites-available", link = "sites-enabled", ending = "" },
  snippet = { dir = "snippets", ending = ".conf" },
  conf = { dir = "conf.d", ending = ".conf" },
}

local function paths(c)
  local kind = KINDS[c.args.kind]
  local name = c.args.name
  if kind.ending ~= "" and name:sub(-#kind.ending) ~= kind.ending then
    name = name .. kind.ending
  end
  local root = c.args.directory
  return {
    file = root .. "/" .. kind.dir .. "/" .. name,
    link = kind.link and root .. "/" .. kind.link .. "/" .. name or nil,
    target = kind.link and root .. "/" .. kind.dir .. "/" .. name or nil,
  }
end

local function link_is_right(c, p)
  local text = c.fs.readlink(p.link)
  return text ~= nil and (text == p.target or text == "../" .. KINDS.site.dir .. "/" .. util.basename(p.file))
end

-- -- the private copy ----------------------------------------------------------------------------------------------------

-- `nginx -t` opens the files for its log and process number, and makes them: in the copy they go elsewhere. Where their
-- directory is missing the text stays, and nginx says so.
local function without_traces(c, text, copy_root)
  for _, directive in ipairs({ "pid", "error_log", "access_log" }) do
    text = ("\n" .. text):gsub("([\n{;]%s*" .. directive .. "%s+)(/[^%s;]+)", function(before, path)
      local there = c.fs.stat(path)
      local special = there and (there.type == "directory" or there.type == "other")
      if path:find("$", 1, true) or special or not c.fs.stat(util.dirname(path)) then
        return before .. path
      end
      return before .. copy_root .. "/." .. directive
    end):sub(2)
  end
  return text
end

-- Copies the configuration; what it says about its own directory is said about the copy.
local function copy_tree(c, from, to, root, copy_root)
  c.fs.mkdir(to, { mode = 448 })
  for _, name in ipairs(c.fs.list(from) or {}) do
    local source, dest = from .. "/" .. name, to .. "/" .. name
    local st = c.fs.stat(source)
    if st and st.type == "directory" then
      copy_tree(c, source, dest, root, copy_root)
    elseif st and st.type == "link" then
      local text = c.fs.readlink(source)
      if text:sub(1, #root + 1) == root .. "/" then
        text = copy_root .. text:sub(#root + 1)
      end
      c.fs.symlink(text, dest)
    elseif st and st.type == "file" and st.size < 4 << 20 then
      local text = c.fs.read(source)
      if not text:find("\0", 1, true) then
        text = text:gsub(root:gsub("%p", "%%%0") .. "/", function() return copy_root .. "/" end)
        text = without_traces(c, text, copy_root)
      end
      c.fs.write(dest, text, { mode = 384 })
    end
  end
end

local function inside(root, copy_root, path)
  return copy_root .. path:sub(#root + 1)
end

-- The copy's file is no link to the real one, nor in a directory that is: what is tried there must not go live.
local function apart(c, root, copy, file)
  local at = copy
  for part in file:sub(#copy + 2):gmatch("[^/]+") do
    at = at .. "/" .. part
    local real = c.fs.readlink(at) and c.fs.realpath(at)
    if c.fs.readlink(at) then
      c.fs.remove(at)
      if real and at ~= file then
        copy_tree(c, real, at, root, copy)
      end
    end
  end
end

-- The change made in the copy, and `nginx -t` on it. Ends the module when nginx does not take it.
local function test_copy(c, p, want)
  local root, copy = c.args.directory, c:tmpdir() .. "/nginx"
  copy_tree(c, root, copy, root, copy)
  local file = inside(root, copy, p.file)
  apart(c, root, copy, file)
  util.makedirs(c, util.dirname(file), 448)
  if want.text then
    local text = want.text:gsub(root:gsub("%p", "%%%0") .. "/", function() return copy .. "/" end)
    c.fs.write(file, without_traces(c, text, copy), { mode = 384 })
  elseif want.absent then
    c.fs.remove(file)
  end
  if p.link then
    local link = inside(root, copy, p.link)
    util.makedirs(c, util.dirname(link), 448)
    if want.linked then
      c.fs.symlink(file, link)
    elseif c.fs.stat(link) then
      c.fs.remove(link)
    end
  end
  local r = util.run(c, { c.state.program, "-t", "-q", "-p", copy, "-c", copy .. "/" .. c.args.main }, { may_fail = true })
  if r.rc ~= 0 then
    local said = util.trim(r.stderr):gsub(copy:gsub("%p", "%%%0"), function() return root end)
    c:fail("nginx does not accept this configuration; nothing was changed: " .. said, { rc = r.rc, stderr = said })
  end
end

-- -- reloading -----------------------------------------------------------------------------------------------------------

local function master(c)
  local pid_file = c.args.pid_file
  if not pid_file then
    local text = c.fs.read(c.args.directory .. "/" .. c.args.main) or ""
    pid_file = ("\n" .. text):match("\n%s*pid%s+([^;%s]+)%s*;") or "/run/nginx.pid"
  end
  local pid = (c.fs.read(pid_file) or ""):match("^%s*(%d+)")
  return pid and c.fs.exists("/proc/" .. pid) and pid or nil
end

-- The workers of a master, as a set of their numbers.
local function workers(c, pid)
  local out = {}
  for _, name in ipairs(c.fs.list("/proc") or {}) do
    if name:match("^%d+$") then
      local ok, stat = pcall(c.fs.read, "/proc/" .. name .. "/stat")
      local state, parent = (ok and stat or ""):match("^%d+ %(.*%) (%S) (%d+)")
      if parent == pid and state ~= "Z" then
        out[name] = true
      end
    end
  end
  return out
end

local function signal(c)
  if c.args.service and c.fs.exists("/run/systemd/system") then
    local r = util.run(c, { c:need("systemctl"), "reload", c.args.service }, { may_fail = true })
    return r.rc == 0, r.stderr
  end
  local r = util.run(c, { c.state.program, "-c", c.args.directory .. "/" .. c.args.main, "-s", "reload" }, { may_fail = true })
  return r.rc == 0, r.stderr
end

-- Reloads and waits until workers with the new configuration are there: nginx itself only logs when it cannot use it.
local function reload(c, pid)
  local before = workers(c, pid)
  local ok, why = signal(c)
  if not ok then
    return false, util.trim(why)
  end
  local deadline = c.now() + c.args.reload_timeout
  repeat
    c.sleep(0.1)
    for name in pairs(workers(c, pid)) do
      if not before[name] then
        return true
      end
    end
  until c.now() > deadline
  return false, "no worker with the new configuration was started within " .. c.args.reload_timeout .. " seconds (see its error log)"
end

-- -- plan and run ----------------------------------------------------------------------------------------------------------

local function wanted(c)
  local absent = c.args.state == "absent"
  return {
    absent = absent,
    text = not absent and c.args.content or nil,
    linked = not absent and c.args.enabled and c.args.kind == "site",
  }
end

local function check_arguments(c)
  local name = c.args.name
  if name:find("[/%z\n]") or name == "." or name == ".." or name == "" then
    c:fail("name must be that of a file: '" .. name .. "'")
  end
  if c.args.state == "present" and not c.args.content and not c.fs.exists(paths(c).file) then
    c:fail("content or src is needed: there is no " .. paths(c).file .. " yet")
  end
  if not c.fs.exists(c.args.directory .. "/" .. c.args.main) then
    c:fail("there is no " .. c.args.directory .. "/" .. c.args.main .. ": is nginx installed?")
  end
end

local function plan(c)
  check_arguments(c)
  local p, want = paths(c), wanted(c)
  c.state.program = c.args.nginx or c:need("nginx")
  local now = c.fs.read(p.file)
  c.state.before = { text = now, link = p.link and c.fs.readlink(p.link), is_file = false }
  if p.link and not c.state.before.link and c.fs.stat(p.link) then
    c:fail(p.link .. " is there and is no link: remove it first")
  end
  if want.text and now ~= want.text then
    c.state.write = true
    c:diff(p.file, now, want.text)
  elseif want.absent and now then
    c.state.remove = true
    c:diff(p.file, now, nil)
  end
  if p.link and want.linked and not link_is_right(c, p) then
    c.state.link = true
    c:differs("enabled", false, true)
  elseif p.link and not want.linked and c.state.before.link then
    c.state.unlink = true
    c:differs("enabled", true, false)
  end
  c:set("path", p.file)
  c:set("enabled", want.linked)
  c:set("reloaded", false)
  if c.state.write or c.state.remove or c.state.link or c.state.unlink then
    test_copy(c, p, want)
  end
end

-- What is on disk, back to what it was.
local function roll_back(c, p)
  local before = c.state.before
  if before.text then
    c.fs.write(p.file, before.text)
  elseif c.fs.stat(p.file) then
    c.fs.remove(p.file)
  end
  if p.link and before.link then
    c.fs.symlink(before.link, p.link)
  elseif p.link and c.fs.stat(p.link) then
    c.fs.remove(p.link)
  end
end

local function go_live(c, p)
  if c.state.write then
    util.makedirs(c, util.dirname(p.file))
    if c.args.backup and c.state.before.text then
      c:set("backup_file", c:backup(p.file))
    end
    c.fs.write(p.file, c.args.content, { mode = c.state.before.text == nil and 420 or nil })
  end
  if c.state.link then
    util.makedirs(c, util.dirname(p.link))
    c.fs.symlink(p.target, p.link)
  elseif c.state.unlink then
    c.fs.remove(p.link)
  end
  if c.state.remove then
    c.fs.remove(p.file)
  end
end

local function run(c)
  local p = paths(c)
  go_live(c, p)
  local pid = c.args.reload and master(c)
  if not pid then
    return
  end
  local ok, why = reload(c, pid)
  if ok then
    c:set("reloaded", true)
    return
  end
  roll_back(c, p)
  c:set("rolled_back", true)
  signal(c)
  c:fail("nginx could not be reloaded; the configuration is as it was before: " .. why)
end

return {
  doc = "Put a site or snippet of nginx in place: tested before, reloaded after, taken back when that fails.",
  spec = "nginx",
  example = "- nginx:\n    name: shop\n    src: shop.conf.j2\n    state: present",
  returns = "path: The file.\nenabled: Whether the site is in use.\nreloaded: Whether nginx was reloaded.\nrolled_back: Whether the change was taken back.\n" ..
      "backup_file: Name of the backup.",
  side = "target",
  check = "full",
  diff = "full",
  render = "src:content",
  args = {
    name = { required = true, doc = "Name of the site or snippet." },
    kind = {
      default = "site", choices = { "site", "snippet", "conf" },
      doc = "site: sites-available with a link in sites-enabled; snippet: snippets; conf: conf.d.",
    },
    src = { doc = "Template on the controller." },
    content = { doc = "The text itself, instead." },
    state = { default = "present", choices = { "present", "absent" }, doc = "Whether it is to be there." },
    enabled = { type = "bool", default = true, doc = "Whether the site is in use." },
    reload = { type = "bool", default = true, doc = "Reload nginx after a change, when it runs." },
    reload_timeout = { type = "int", default = 10, doc = "Seconds until new workers must be there." },
    backup = { type = "bool", default = false, doc = "Keep the old file under a dated name." },
    directory = { type = "path", default = "/etc/nginx", doc = "Directory of the configuration." },
    main = { default = "nginx.conf", doc = "Its main file." },
    service = { default = "nginx", doc = "Its systemd unit; nginx is signalled itself where there is no systemd." },
    pid_file = { type = "path", doc = "File with its process number, if the configuration does not say." },
    nginx = { type = "path", doc = "The program." },
  },
  exclusive = { { "src", "content" } },
  plan = plan,
  run = run,
}
