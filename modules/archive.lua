-- archive: files and directories packed into one file, by the target's own tar, zip and compressors.

local util = use("util")

local EMPTY_ZIP = "PK\5\6" .. ("\0"):rep(18)  -- zip itself refuses to make one
local TOOLS = { gz = "gzip", bz2 = "bzip2", xz = "xz" }

-- The paths a pattern with * ? [ means, sorted; the path itself when it has none.
local function glob(c, path)
  if not path:find("[*?%[]") then
    return { path }, false
  end
  local found = { path:sub(1, 1) == "/" and "/" or "." }
  for part in path:gmatch("[^/]+") do
    local next_found = {}
    local pattern = "^" .. part:gsub("[%^%$%(%)%%%.%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".")
        :gsub("%[!", "[^") .. "$"
    for _, dir in ipairs(found) do
      local prefix = dir == "/" and "/" or dir .. "/"
      if not part:find("[*?%[]") then
        if c.fs.stat(prefix .. part) then
          next_found[#next_found + 1] = prefix .. part
        end
      else
        local st = c.fs.realpath(dir) and c.fs.stat(c.fs.realpath(dir))
        for _, name in ipairs(st and st.type == "directory" and c.fs.list(dir) or {}) do
          if name:match(pattern) and (name:sub(1, 1) ~= "." or part:sub(1, 1) == ".") then
            next_found[#next_found + 1] = prefix .. name
          end
        end
      end
    end
    found = next_found
  end
  return found, true
end

local function expand(c, paths)
  local out, any = list(), false
  for _, path in ipairs(paths or {}) do
    local found, was_pattern = glob(c, path)
    any = any or was_pattern
    util.extend(out, found)
  end
  return out, any
end

local function is_directory(c, path)
  local st = c.fs.stat(path)
  return st ~= nil and st.type == "directory"
end

-- The directory all paths lie in, with its slash.
-- A directory with a slash at its end is itself the root: its name is in no name of the archive.
local function common_root(paths)
  local root = paths[1]:match("^.*/") or "./"
  for _, path in ipairs(paths) do
    while path:sub(1, #root) ~= root and root ~= "/" do
      root = util.dirname(root:sub(1, -2))
      root = root == "/" and "/" or root .. "/"
    end
  end
  return root == "//" and "/" or root
end

-- A shell pattern as Python's fnmatch takes it.
local function fnmatch(text, pattern)
  local lua = "^" .. pattern:gsub("[%^%$%(%)%%%.%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", "."):gsub("%[!", "[^") .. "$"
  return text:match(lua) ~= nil
end

local function excluded(c, name)
  for _, pattern in ipairs(c.args.exclusion_patterns or {}) do
    if fnmatch(name, pattern) then
      return true
    end
  end
  return false
end

-- Everything that goes into the archive: names below the root.
local function members(c, want)
  local names, done = {}, list()
  local function add(path)
    local name = path:sub(#want.root + 1)
    if name ~= "" and path ~= c.args.dest and not excluded(c, name) then
      if name:find("\n") then
        c:fail("a file name with a line end cannot be archived: " .. path)
      end
      names[#names + 1] = name
      done[#done + 1] = path
    end
  end
  local function walk(path)
    for _, name in ipairs(c.fs.list(path) or {}) do
      local below = path .. "/" .. name
      add(below)
      if is_directory(c, below) then
        walk(below)
      end
    end
  end
  for _, path in ipairs(want.targets) do
    path = path:gsub("(.)/+$", "%1")
    if is_directory(c, path) then
      walk(path)
    else
      add(path)
    end
  end
  return names, done
end

local function look(c)
  local want = {}
  local any
  want.expanded, any = expand(c, c.args.path)
  want.exclude = expand(c, c.args.exclude_path)
  want.targets, want.missing, want.paths = {}, list(), {}
  for _, path in ipairs(want.expanded) do
    if not util.contains(want.exclude, path) and not util.contains(want.paths, path) then
      want.paths[#want.paths + 1] = path
    end
  end
  table.sort(want.paths)
  if #want.paths == 0 then
    c:fail("Error, no source paths were found", { path = table.concat(c.args.path, ", ") })
  end
  for _, path in ipairs(want.paths) do
    local to = c.fs.stat(path) and want.targets or want.missing
    to[#to + 1] = path
  end
  want.root = common_root(want.paths)
  want.many = c.args.force_archive or any or is_directory(c, want.paths[1]) or #want.paths > 1
  want.dest = c.args.dest
  if not want.dest then
    if want.many then
      c:fail('Error, must specify "dest" when archiving multiple files or trees', { path = table.concat(c.args.path, ", ") })
    end
    want.dest = want.paths[1] .. "." .. c.args.format
  end
  if c.args.remove then
    for _, path in ipairs(want.paths) do
      if is_directory(c, path) and want.dest:sub(1, #path + 1) == path .. "/" then
        c:fail("Error, created archive can not be contained in source paths when remove=true")
      end
    end
  end
  util.regular(c, "dest", want.dest)
  if is_directory(c, want.dest) then
    c:fail("dest " .. want.dest .. " is a directory: the name of the archive is needed")
  end
  return want
end

-- What an archive holds, as text to compare; nil when there is none or it cannot be read.
local function listing(c, path, format, many)
  if not c.fs.exists(path) then
    return nil
  end
  local r
  if format == "zip" then
    if c.fs.stat(path).size == #EMPTY_ZIP then
      return c.fs.read(path)
    end
    r = util.run(c, { c:need("unzip"), "-v", path }, { may_fail = true })
    return r.rc == 0 and r.stdout:gsub("^[^\n]*\n", "") or nil
  elseif many or format == "tar" then
    r = util.run(c, { c:need("tar"), "--numeric-owner", "-tvf", path }, { may_fail = true, env = { TZ = "UTC" } })
    return r.rc == 0 and r.stdout or nil
  end
  return c.fs.digest(path, "sha256")
end

local function pack(c, want, temp)
  local format = c.args.format
  local names, done = members(c, want)
  if format == "zip" and #names == 0 then
    c.fs.write(temp, EMPTY_ZIP, { mode = 384 })
    return done
  end
  if format == "zip" then
    util.run(c, { c:need("zip"), "-q", "-X", "-@", temp },
      { cwd = want.root, stdin = util.unlines(names), env = { TZ = "UTC" } })
    return done
  end
  if not want.many and format ~= "tar" then
    local copy = c:tmpdir() .. "/content"
    util.run(c, { c:need("cp"), "--", want.targets[1], copy })
    local argv = { c:need(TOOLS[format]), "-f" }
    if format == "gz" then
      argv[#argv + 1] = "-n"
    end
    argv[#argv + 1] = copy
    util.run(c, argv)
    util.run(c, { c:need("cp"), "--", copy .. "." .. format, temp })
    return list({ want.targets[1] })
  end
  local file_list = c:tmpdir() .. "/names"
  c.fs.write(file_list, util.unlines(names), { mode = 384 })
  local argv = { c:need("tar"), "-c", "--no-recursion", "-f", temp, "-C", want.root }
  if TOOLS[format] then
    table.insert(argv, 3, "-" .. ({ gz = "z", bz2 = "j", xz = "J" })[format])
    c:need(TOOLS[format])
  end
  util.append(argv, "-T", file_list)
  util.run(c, argv)
  return done
end

local function remove_sources(c, want, done)
  for _, path in ipairs(done) do
    if not is_directory(c, path) then
      c.fs.remove(path)
    end
  end
  for _, path in ipairs(want.targets) do
    if is_directory(c, path) then
      c.fs.remove_tree(path)
    end
  end
end

local function report(c, want, done, state)
  c:set("archived", done)
  c:set("dest", want.dest)
  c:set("dest_state", state)
  c:set("arcroot", want.root)
  c:set("missing", want.missing)
  c:set("expanded_paths", want.expanded)
  c:set("expanded_exclude_paths", want.exclude)
end

local function is_archive(path)
  local name = util.basename(path):lower()
  for _, ending in ipairs({ "tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "tgz", "tbz2", "tzst", "zip" }) do
    if name:sub(-#ending - 1) == "." .. ending then
      return true
    end
  end
  return false
end

local function attributes(c, want)
  if c:attrs_differ(want.dest) and not c.check then
    c:attrs_apply(want.dest)
  end
  c:info(want.dest)
end

local function run(c)
  local want = look(c)
  local exists = c.fs.exists(want.dest)
  if #want.targets == 0 then
    report(c, want, list(), not exists and "absent" or is_archive(want.dest) and "archive" or "compress")
    if exists then
      attributes(c, want)
    end
    return
  end
  if c.check then
    if want.many or not exists then
      c:changed()
    end
    report(c, want, list(), "absent")
    if exists then
      attributes(c, want)
    end
    return
  end
  util.makedirs(c, util.dirname(want.dest))
  local format = c.args.format
  local old = listing(c, want.dest, format, want.many)
  local temp = c:tmpdir() .. "/archive" .. (format == "zip" and ".zip" or "")
  local done = pack(c, want, temp)
  if old == nil or old ~= listing(c, temp, format, want.many) then
    c:changed()
    c.fs.copy(temp, want.dest)
  end
  if c.args.remove then
    remove_sources(c, want, done)
    c:changed()
  end
  local single = (format == "zip" or format == "tar") and "archive" or "compress"
  report(c, want, done, not want.many and single or #want.missing > 0 and "incomplete" or "archive")
  attributes(c, want)
end

return {
  doc = "Pack files and directories into an archive, or compress one file.",
  spec = "community.general.archive",
  example = "- community.general.archive:\n    path: /srv/www\n    dest: /var/backups/www.tgz\n    exclude_path: /srv/www/cache",
  order = "archived dest dest_state changed",
  returns = "state: State of dest.\ndest_state: absent, archive, compress or incomplete.\nmissing: Paths that were not there.\n" ..
      "archived: What was packed.\narcroot: Directory the names in the archive begin at.\n" ..
      "expanded_paths: The paths, patterns expanded.\nexpanded_exclude_paths: Those left out.",
  side = "target",
  check = "partial",
  diff = "none",
  file_args = true,
  args = {
    path = { type = "list", elements = "path", required = true, doc = "Files, directories and patterns." },
    format = { default = "gz", choices = { "bz2", "gz", "tar", "xz", "zip" }, doc = "Compression or format." },
    dest = { type = "path", doc = "The archive; needed unless one file is compressed." },
    exclude_path = { type = "list", elements = "path", default = list(), doc = "Of `path`, with patterns, what is left out; what lies in a directory is not looked at (see `exclusion_patterns`)." },
    exclusion_patterns = { type = "list", elements = "path", doc = "Patterns of names that are left out." },
    force_archive = { type = "bool", default = false, doc = "Make an archive also of a single file." },
    remove = { type = "bool", default = false, doc = "Remove what was packed." },
  },
  run = run,
}
