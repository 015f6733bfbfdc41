-- pg_restore: a dump back into a database. It is verified first, and restored into an empty database unless told otherwise.

local util = use("util")
local postgres = use("postgres")
local pgdump = use("pgdump")

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
  if there and not a.force and not a.clean then
    local n = postgres.row(c, a.db, "SELECT count(*) AS n FROM pg_class k JOIN pg_namespace s ON s.oid = k.relnamespace WHERE k.relkind IN " ..
      "('r', 'p', 'v', 'm', 'S') AND s.nspname NOT IN ('pg_catalog', 'information_schema') AND s.nspname NOT LIKE 'pg_toast%'").n
    if n > 0 then
      -- what is there may be the data people work with
      c:set("msg", "database " .. a.db .. " has " .. n .. " tables, views and sequences: nothing was restored (force or clean)")
      return
    end
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
  local extra = {}
  if a.no_owner then
    util.append(extra, format ~= "plain" and "--no-owner" or nil)
  end
  util.extend(extra, a.extra_args)
  pgdump.restore(c, a.db, a.src, format, compressor,
    { single_transaction = a.single_transaction, clean = a.clean, jobs = a.jobs, extra = extra })
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
    single_transaction = { type = "bool", default = true, doc = "All or nothing." },
    jobs = { type = "int", doc = "Tables at the same time; without single_transaction." },
    maintenance_db = { default = "postgres", doc = "Database to connect to for making it." },
    extra_args = { type = "list", elements = "str", doc = "More words for pg_restore or psql." },
  }),
  run = run,
}
