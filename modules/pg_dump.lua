-- pg_dump: a dump of a database: written beside and renamed when it is whole, verified, and old ones removed by count and
-- age. `directory` names where dated dumps go; `dest` names one file. With `fetch` both are on the controller, and the dump
-- goes there while it is made: nothing is written on the target.

local util = use("util")
local postgres = use("postgres")
local pgdump = use("pgdump")

local ENDINGS = { plain = ".sql", custom = ".dump", tar = ".tar", directory = ".dir" }

local function stamp(seconds)
  return (util.utc(seconds):gsub("^(%d%d%d%d%d%d%d%d)(.*)$", "%1T%2Z"))
end

local function ending(c)
  return ENDINGS[c.args.format] .. (c.args.compress and "." .. c.args.compress or "")
end

-- Dated dumps of this database in the directory, newest first.
local function dumps(c, directory)
  local out = {}
  local prefix = c.args.db .. "-"
  for _, name in ipairs(c.fs.list(directory) or {}) do
    local date = name:sub(1, #prefix) == prefix and name:sub(#prefix + 1):match("^(%d+T%d+Z)%.")
    if date then
      out[#out + 1] = { path = directory .. "/" .. name, date = date }
    end
  end
  table.sort(out, function(a, b) return a.date > b.date end)
  return out
end

-- Those that go when a new one is there.
local function outdated(c, all)
  local gone = list()
  local oldest = c.args.keep_days and stamp(c.now() - c.args.keep_days * 86400)
  for i, dump in ipairs(all) do
    -- the newest one stays whatever its age
    if i > 1 and (c.args.keep and i > c.args.keep or oldest and dump.date < oldest) then
      gone[#gone + 1] = dump.path
    end
  end
  return gone
end

local function check_arguments(c)
  local a = c.args
  if a.compress and a.format == "directory" then
    c:fail("compress does not go with format directory: its files are compressed already")
  end
  if a.compress and a.format == "custom" then
    c:fail("compress does not go with format custom: it is compressed already")
  end
  if a.fetch and a.format == "directory" then
    c:fail("fetch does not go with format directory: only one file can be sent while it is made (custom, tar or plain)")
  end
  if a.jobs and a.format ~= "directory" then
    c:fail("jobs needs format directory: the others are made by one connection")
  end
  if a.db == "" or a.db:find("[/\n]") then
    c:fail("db: '" .. a.db .. "' is no name of a database")
  end
  if (a.keep or a.keep_days) and not a.directory then
    c:fail("keep and keep_days need directory: where are the dumps?")
  end
  if a.keep and a.keep < 1 then
    c:fail("keep: at least 1 dump stays, not " .. a.keep)
  end
end

local function path_of(c)
  return c.args.dest or c.args.directory .. "/" .. c.args.db .. "-" .. stamp(c.now()) .. ending(c)
end

-- Removes old dumps where the new one is.
local function rotate(c, directory)
  local gone = directory and outdated(c, dumps(c, directory)) or list()
  for _, old in ipairs(gone) do
    c.fs.remove_tree(old)
  end
  c:set("removed", gone)
end

-- Controller: the file that takes the dump.
local function prepare(c)
  if not c.args.fetch then
    return
  end
  check_arguments(c)
  if not c.check then
    c.state.path = c:collect(path_of(c))
  end
end

-- Controller: it is whole, and what was sent.
local function finish(c)
  if not c.args.fetch or c.check then
    return
  end
  local path = c.state.path
  c:keep(c.result.sha256)
  c:attrs_apply(path)
  c:set("path", path)
  rotate(c, c.args.directory and util.dirname(path))
end

local function run(c)
  postgres.check_input(c, "db")
  local a = c.args
  check_arguments(c)
  local path = path_of(c)
  c:set("path", path)
  c:set("removed", list())
  c:changed()
  if not postgres.row(c, a.db, "SELECT 1 AS one") then
    c:fail("database " .. a.db .. " does not answer")
  end
  if c.check then
    return
  end
  local extra = {}
  for _, name in ipairs(a.schemas or {}) do
    util.append(extra, "--schema=" .. name)
  end
  for _, name in ipairs(a.tables or {}) do
    util.append(extra, "--table=" .. name)
  end
  for _, name in ipairs(a.exclude_tables or {}) do
    util.append(extra, "--exclude-table=" .. name)
  end
  util.extend(extra, a.extra_args)
  local options = { format = a.format, compressor = a.compress, extra = extra, jobs = a.jobs }
  if a.fetch then
    local sent = pgdump.send(c, a.db, options)
    c:set("size", sent.size)
    c:set("sha256", sent.sha256)
  else
    util.makedirs(c, util.dirname(path), 448)
    pgdump.dump(c, a.db, path, options)
    if a.format ~= "directory" then
      c:attrs_apply(path)
      c:info(path)
    end
    rotate(c, a.directory)
  end
  c:set("verified", true)
end

return {
  doc = "Dump a PostgreSQL database: verified, whole or not at all, with old dumps removed.",
  spec = "pg_dump",
  example = "- pg_dump:\n    db: shop\n    format: custom\n    directory: /var/backups/postgres\n    keep: 14\n    mode: '0600'\n  become: true\n  become_user: postgres",
  returns = "path: The dump.\nverified: Whether it could be read.\nremoved: Old dumps that were removed.\nsize: Its size.\nsha256: Digest of what was sent (fetch).",
  side = "target",
  check = "partial",
  diff = "none",
  file_args = true,
  args = postgres.args({
    db = { required = true, aliases = { "name", "login_db" }, doc = "The database." },
    dest = { type = "path", doc = "The file." },
    fetch = { type = "bool", default = false, doc = "The dump goes to the controller while it is made; dest or directory are there, relative to the playbook." },
    directory = { type = "path", doc = "Directory of dated dumps, DB-TIME.ENDING." },
    format = { default = "custom", choices = { "plain", "custom", "directory", "tar" }, doc = "Format." },
    compress = { choices = { "gz", "bz2", "xz", "zst" }, doc = "Compress it (plain and tar)." },
    keep = { type = "int", doc = "So many dumps stay." },
    keep_days = { type = "int", doc = "Dumps stay so many days." },
    jobs = { type = "int", doc = "Tables at the same time (directory)." },
    schemas = { type = "list", elements = "str", doc = "Only these schemas." },
    tables = { type = "list", elements = "str", doc = "Only these tables." },
    exclude_tables = { type = "list", elements = "str", doc = "Without these tables." },
    extra_args = { type = "list", elements = "str", doc = "More words for pg_dump." },
  }),
  exclusive = { { "dest", "directory" } },
  required_one_of = { { "dest", "directory" } },
  prepare = prepare,
  run = run,
  finish = finish,
}
