-- deploy_helper: the directories of a project that is deployed in releases, and the link to the one in use.

local util = use("util")

local REMOVED = ".deploy_helper_removed"  -- below releases_path: what is being removed

-- What a path leads to, also when that is not there.
local function resolved(c, path, depth)
  local real = c.fs.realpath(path)
  if real or path == "/" or (depth or 0) > 40 then
    return real or path
  end
  local to = c.fs.readlink(path)
  if to then
    return resolved(c, util.join(util.dirname(path), to), (depth or 0) + 1)
  end
  local parent, name = resolved(c, util.dirname(path), (depth or 0) + 1), util.basename(path)
  if name == ".." then
    return util.dirname(parent)
  end
  return name == "." and parent or util.join(parent, name)
end

local function is_directory(c, path)
  local real = c.fs.realpath(path)
  local st = real and c.fs.stat(real)
  return st ~= nil and st.type == "directory", st
end

local function facts(c)
  local a = c.args
  local current = util.join(a.path, a.current_path)
  local release = a.release
  if (not release or release == "") and (a.state == "query" or a.state == "present") then
    release = util.local_time(c, "%Y%m%d%H%M%S", "^%d+$")
  end
  local releases = util.join(a.path, a.releases_path)
  local previous = c.fs.stat(current) and resolved(c, current)
  return dict({
    project_path = a.path,
    current_path = current,
    releases_path = releases,
    shared_path = a.shared_path ~= "" and util.join(a.path, a.shared_path) or null,
    previous_release = previous and previous:match("[^/]*$") or null,
    previous_release_path = previous or null,
    new_release = release or null,
    new_release_path = release and release ~= "" and util.join(releases, release) or null,
    unfinished_filename = a.unfinished_filename,
  })
end

local function plan_directory(c, path)
  if not c.fs.stat(path) then
    c:differs(path, "absent", "directory")
  elseif not is_directory(c, path) then
    c:fail(path .. " exists but is not a directory")
  end
  c:attrs_differ(path, "directory")
  util.append(c.state.directories, path)
end

-- A directory that goes away with all that is in it.
local function plan_removal(c, path)
  local st = c.fs.stat(path)
  if st.type ~= "directory" then
    c:fail(path .. (st.type == "link" and " is a symbolic link, which is not removed: take it away, or name what it leads to" or
      " exists but is not a directory"))
  end
  c:differs(path, "directory", "absent")
  util.append(c.state.removals, path)
end

local function plan_link(c, f)
  local path, to = f.current_path, f.new_release_path
  local st = c.fs.stat(path)
  if st and st.type ~= "link" then
    c:fail(path .. " exists but is not a symbolic link")
  end
  if st and resolved(c, path) == resolved(c, to) then
    return
  end
  if st and not c.check and not c.fs.stat(to) then
    c:fail("the symlink target " .. to .. " doesn't exist: make the release there before state=finalize")
  end
  c.state.link = { path = path, to = to }
  c:differs(path, st and c.fs.readlink(path) or "absent", to)
end

-- The releases that are not finished, and those that are more than are to be kept.
local function plan_clean(c, f)
  local a = c.args
  local release = util.present(f.new_release)
  local mark = release and util.join(a.path, release .. "." .. a.unfinished_filename)
  if mark and c.fs.exists(mark) then
    c:differs(mark, "file", "absent")
    util.append(c.state.files, mark)
  end
  local names = c.fs.list(f.releases_path)
  if not names and not c.check then
    c:fail("releases_path: there is no directory " .. f.releases_path .. "; state=present makes it")
  end
  local kept, finished = release and release:match("^[^/]*"), {}
  for _, name in ipairs(names or {}) do
    local path = util.join(f.releases_path, name)
    local directory, st = is_directory(c, path)
    if name == REMOVED then
      c:differs(path, "directory", "absent")
    elseif directory then
      local unfinished = c.fs.realpath(util.join(path, a.unfinished_filename))
      local ours = a.state == "finalize" and name == release
      if unfinished and not ours and c.fs.stat(unfinished).type == "file" then
        plan_removal(c, path)
      elseif name ~= kept then
        util.append(finished, { path = path, name = name, time = st.ctime, ns = st.ctime_ns })
      end
    end
  end
  table.sort(finished, function(x, y)
    if x.time ~= y.time or x.ns ~= y.ns then
      return x.time > y.time or x.time == y.time and x.ns > y.ns
    end
    return x.name > y.name
  end)
  local keep = a.keep_releases >= 0 and a.keep_releases or math.max(0, #finished + a.keep_releases)
  for i = keep + 1, #finished do
    plan_removal(c, finished[i].path)
  end
  c.state.aside = util.join(f.releases_path, REMOVED)
end

local function plan(c)
  local a, s = c.args, c.state
  s.directories, s.removals, s.files = list(), list(), list()
  local f = facts(c)
  c:set("state", a.state)
  if a.state == "query" then
    c:set("ansible_facts", dict({ deploy_helper = f }))
  elseif a.state == "present" then
    local st = c.fs.stat(f.current_path)
    if st and st.type ~= "link" then
      c:fail(f.current_path .. " exists but is not a symbolic link")
    end
    plan_directory(c, f.project_path)
    plan_directory(c, f.releases_path)
    if f.shared_path ~= null then
      plan_directory(c, f.shared_path)
    end
    c:set("ansible_facts", dict({ deploy_helper = f }))
  elseif a.state == "absent" then
    c:set("ansible_facts", dict({ deploy_helper = list() }))
    if c.fs.stat(a.path) then
      plan_removal(c, a.path)
    end
  else
    if a.state == "finalize" then
      if a.keep_releases <= 0 then
        c:fail("'keep_releases' should be at least 1, not " .. a.keep_releases)
      end
      local mark = util.join(f.new_release_path == null and f.releases_path or f.new_release_path, a.unfinished_filename)
      if c.fs.stat(mark) then
        c:differs(mark, "file", "absent")
        util.append(s.files, mark)
      end
      plan_link(c, f)
    end
    if a.state == "clean" or a.clean then
      plan_clean(c, f)
    end
  end
end

-- A release goes out of sight first: a half of it must not be there, and not look like the newest one, when this is killed.
local function remove_releases(c)
  local aside, removals = c.state.aside, c.state.removals
  local there = #removals > 0 and pcall(c.fs.mkdir, aside, { mode = 448 })  -- not on a disk that is full
  for _, path in ipairs(removals) do
    if not there or not pcall(c.fs.rename, path, aside .. "/" .. util.hex(c.random(8))) then
      c.fs.remove_tree(path)
    end
  end
  if c.fs.stat(aside) then
    c.fs.remove_tree(aside)
  end
end

local function run(c)
  local s = c.state
  for _, path in ipairs(s.directories) do
    util.makedirs(c, path)
    c:attrs_apply(path)
  end
  for _, path in ipairs(s.files) do
    c.fs.remove(path)
  end
  if s.link then
    c.fs.symlink(s.link.to, s.link.path)
  end
  if c.args.state == "absent" then
    c.fs.remove_tree(c.args.path)
  elseif s.aside then
    remove_releases(c)
  end
end

return {
  doc = "Make the directories of a project that is deployed in releases, put a release in use, and remove old ones.",
  spec = "community.general.deploy_helper",
  example = "- community.general.deploy_helper:\n    path: /srv/shop\n    release: v1.1.1\n- community.general.deploy_helper:\n" ..
      "    path: /srv/shop\n    release: v1.1.1\n    state: finalize",
  returns = "state: The state that was asked for.\nansible_facts: `deploy_helper`, with query and present: project_path, current_path, " ..
      "releases_path, shared_path, previous_release, previous_release_path, new_release, new_release_path, unfinished_filename.",
  side = "target",
  check = "full",
  diff = "full",
  file_args = true,
  args = {
    path = { type = "path", required = true, aliases = { "dest" }, doc = "Directory of the project." },
    state = {
      default = "present", choices = { "present", "absent", "clean", "finalize", "query" },
      doc = "`present`: its directories are made; `finalize`: `release` is put in use; `clean`: unfinished and old releases are removed; " ..
        "`query`: facts only; `absent`: all of it is removed.",
    },
    release = { doc = "Name of the release; without it query and present take the time, as 20300131235959." },
    releases_path = { default = "releases", doc = "Directory of the releases; relative to `path`, or absolute." },
    shared_path = { type = "path", default = "shared", doc = "Directory of what all releases share; an empty text: none." },
    current_path = { type = "path", default = "current", doc = "The link to the release in use." },
    unfinished_filename = { default = "DEPLOY_UNFINISHED", doc = "A release with a file of this name is not finished." },
    clean = { type = "bool", default = true, doc = "Whether `finalize` removes old releases." },
    keep_releases = { type = "int", default = 5, doc = "How many old releases stay beside `release`." },
  },
  required_if = { { "state", "finalize", { "release" } } },
  plan = plan,
  run = run,
}
