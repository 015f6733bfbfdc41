-- pg_restore: a dump back into a database. It is verified first, and restored into an empty database unless told otherwise.

local util = use("util")
local postgres = use("postgres")
local pgdump = use("pgdump")

-- A database that is filled in more than one transaction has this setting until all is there, so that the next run knows
-- that it holds half a dump.
local SETTING = "play.restoring"

local function unfinished(c)
  local row = postgres.row(c, c.args.maintenance_db, "SELECT 1 AS one FROM pg_db_role_setting s JOIN pg_database d " ..
    "ON d.oid = s.setdatabase AND s.setrole = 0, unnest(s.setconfig) v WHERE d.datname = " .. postgres.text(c.args.db) ..
    " AND v LIKE '" .. SETTING .. "=%'")
  return row ~= nil
end

local function note(c, change)
  postgres.sql(c, c.args.maintenance_db, "ALTER DATABASE " .. postgres.name(c.args.db) .. " " .. change .. ";")
end

-- What is in the database, beside what every one has.
local function content(c)
  return postgres.row(c, c.args.db, "SELECT count(*) AS n FROM pg_class k JOIN pg_namespace s ON s.oid = k.relnamespace WHERE k.relkind IN " ..
    "('r', 'p', 'v', 'm', 'S') AND s.nspname NOT IN ('pg_catalog', 'information_schema') AND s.nspname NOT LIKE 'pg_toast%'").n
end

local function run(c)
  postgres.check_input(c, "db", "owner")
  local a = c.args
  if not c.fs.exists(a.src) then
    c:fail("src " .. a.src .. " does not exist")
  end
  local format, compressor = pgdump.format_of(a.src)
  if a.format then
    format = a.format
  end
  c:set("format", format)
  local there = postgres.row(c, a.maintenance_db, "SELECT 1 AS one FROM pg_database WHERE datname = " .. postgres.text(a.db))
  if not there and not a.create then
    c:fail("database " .. a.db .. " does not exist, and create is false")
  end
  local half = there and unfinished(c)
  local n = there and not a.force and not a.clean and content(c) or 0
  if n > 0 and not half then
    -- what is there may be the data people work with
    c:set("msg", "database " .. a.db .. " has " .. n .. " tables, views and sequences: nothing was restored (force or clean)")
    return
  elseif n > 0 then
    -- somebody may work with it meanwhile
    c:fail("database " .. a.db .. " holds a part of a dump: a restore without single_transaction was interrupted. Restore with clean, " ..
      "which takes away what the dump holds first, or remove the database")
  end
  pgdump.verify(c, a.src, format, compressor)
  c:changed()
  if c.check then
    return
  end
  if not there then
    local owner = a.owner and " OWNER " .. postgres.name(a.owner) or ""
    postgres.sql(c, a.maintenance_db, "CREATE DATABASE " .. postgres.name(a.db) .. owner .. " TEMPLATE template0;")
  end
  local parts = not a.single_transaction and not a.force and not a.clean
  if parts then
    note(c, "SET " .. SETTING .. " = 'yes'")
  end
  local extra = {}
  if a.no_owner then
    util.append(extra, format ~= "plain" and "--no-owner" or nil)
  end
  util.extend(extra, a.extra_args)
  pgdump.restore(c, a.db, a.src, format, compressor,
    { single_transaction = a.single_transaction, clean = a.clean, jobs = a.jobs, extra = extra })
  if parts or half then
    note(c, "RESET " .. SETTING)
  end
end

return {
  doc = "Restore a dump into a PostgreSQL database.",
  spec = "pg_restore",
  example = "- pg_restore:\n    db: shop\n    src: /var/backups/postgres/shop-20240101T000000Z.dump\n  become: true\n  become_user: postgres",
  returns = "format: Format of the dump.\nmsg: Why nothing was done.",
  side = "target",
  check = "partial",
  diff = "none",
  args = postgres.args({
    db = { required = true, aliases = { "name", "login_db" }, doc = "The database." },
    src = { type = "path", required = true, doc = "The dump; its name tells its format (.sql .dump .pgc .tar .dir, also with .gz .bz2 .xz .zst)." },
    format = { choices = { "plain", "custom", "directory", "tar" }, doc = "Its format, if the name does not tell." },
    create = { type = "bool", default = true, doc = "Make the database when it is missing." },
    owner = { doc = "Owner of a new one." },
    clean = { type = "bool", default = false, doc = "Remove what the dump holds from the database first." },
    force = { type = "bool", default = false, doc = "Restore although the database is not empty." },
    no_owner = { type = "bool", default = false, doc = "Everything belongs to who restores." },
    single_transaction = { type = "bool", default = true, doc = "All or nothing. Without it a restore that is interrupted leaves a part, which the next run refuses unless `clean` is set." },
    jobs = { type = "int", doc = "Tables at the same time; without single_transaction." },
    maintenance_db = { default = "postgres", doc = "Database to connect to for making it." },
    extra_args = { type = "list", elements = "str", doc = "More words for pg_restore or psql." },
  }),
  run = run,
}
