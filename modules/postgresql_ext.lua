-- postgresql_ext: extensions of a database.

local util = use("util")
local postgres = use("postgres")

local function plan(c)
  postgres.check_input(c, "name", "schema", "version", "comment")
  local a, db, name = c.args, c.args.login_db, postgres.name(c.args.name)
  local now = postgres.row(c, db,
    "SELECT extversion AS version, nspname AS schema, obj_description(e.oid, 'pg_extension') AS comment FROM pg_extension e " ..
    "JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = " .. postgres.text(a.name))
  local known = postgres.row(c, db, "SELECT default_version AS version FROM pg_available_extensions WHERE name = " .. postgres.text(a.name))
  c:set("name", a.name)
  c:set("ext", a.name)
  c:set("queries", list())
  c:set("db", db)
  c:set("state", a.state)
  c:set("prev_version", now and now.version or "")
  c:set("version", now and now.version or "")
  local cascade = a.cascade and " CASCADE" or ""
  if a.state == "absent" then
    if a.version then
      c:warn("Parameter version is ignored when state=absent")
    end
    if now then
      postgres.queue(c, "DROP EXTENSION " .. name .. cascade)
      c:set("version", "")
    end
    return
  end
  if not now and not known then
    c:fail("Extension " .. a.name .. " is not available")
  end
  local version = a.version == "latest" and known and known.version or a.version
  if not now then
    local sql = "CREATE EXTENSION " .. name
    if a.schema then
      sql = sql .. " WITH SCHEMA " .. postgres.name(a.schema)
    end
    if version and a.version ~= "latest" then
      if not postgres.row(c, db, "SELECT 1 AS one FROM pg_available_extension_versions WHERE name = " .. postgres.text(a.name) .. " AND version = " ..
        postgres.text(version)) then
        c:fail("Passed version '" .. version .. "' is not available")
      end
      sql = sql .. " VERSION " .. postgres.text(version)
    end
    postgres.queue(c, sql .. cascade)
    c:set("version", version or known.version)
  else
    if version and version ~= now.version then
      local path = postgres.row(c, db, "SELECT path FROM pg_extension_update_paths(" .. postgres.text(a.name) .. ") WHERE source = " ..
        postgres.text(now.version) .. " AND target = " .. postgres.text(version) .. " AND path IS NOT NULL")
      if not path then
        c:fail("Passed version '" .. version .. "' has no valid update path from the currently installed version '" .. now.version ..
          "' or the passed version is not available")
      end
      postgres.queue(c, "ALTER EXTENSION " .. name .. " UPDATE" .. (a.version ~= "latest" and " TO " .. postgres.text(version) or ""))
      c:set("version", version)
    end
    if a.schema and a.schema ~= now.schema then
      postgres.queue(c, "ALTER EXTENSION " .. name .. " SET SCHEMA " .. postgres.name(a.schema))
    end
  end
  if a.comment and a.comment ~= (now and util.present(now.comment) or (not now and nil or "")) then
    postgres.queue(c, "COMMENT ON EXTENSION " .. name .. " IS " .. (a.comment == "" and "NULL" or postgres.text(a.comment)))
  end
end

local function run(c)
  postgres.run_queue(c, c.args.login_db, "Management of PostgreSQL extension failed")
  c:set("queries", c.state.queries)
end

return {
  doc = "Add extensions to a PostgreSQL database, update them, remove them.",
  spec = "community.postgresql.postgresql_ext",
  example = "- community.postgresql.postgresql_ext:\n    name: pg_trgm\n    login_db: shop",
  returns = "queries: Statements that were run.\nprev_version: Version before.\nversion: Version afterwards.",
  side = "target",
  check = "full",
  diff = "none",
  args = postgres.args({
    name = { required = true, aliases = { "ext" }, doc = "The extension." },
    login_db = { required = true, aliases = { "db" }, doc = "The database." },
    schema = { empty_is_none = true, doc = "Schema its objects are in." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    cascade = { type = "bool", default = false, doc = "Also what it needs, or what needs it." },
    version = { empty_is_none = true, doc = "Version, or `latest`." },
    comment = { doc = "Its comment." },
  }),
  plan = plan,
  run = run,
}
