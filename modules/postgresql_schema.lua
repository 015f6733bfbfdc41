-- postgresql_schema: schemas of a database.

local util = use("util")
local postgres = use("postgres")

local function plan(c)
  postgres.check_input(c, "schema", "owner")
  local a, name = c.args, postgres.name(c.args.schema)
  local owner = a.owner ~= "" and a.owner or nil
  local now = postgres.row(c, a.database, "SELECT pg_get_userbyid(nspowner) AS owner FROM pg_namespace WHERE nspname = " .. postgres.text(a.schema))
  c:set("schema", a.schema)
  if not c.check then
    c:set("queries", list())
  end
  if a.state == "absent" then
    if now then
      postgres.queue(c, "DROP SCHEMA " .. name .. (a.cascade_drop and " CASCADE" or ""))
      c:differs("schema", a.schema, nil)
    end
  elseif not now then
    postgres.queue(c, "CREATE SCHEMA " .. name .. (owner and " AUTHORIZATION " .. postgres.name(owner) or ""))
    c:differs("schema", nil, a.schema)
  elseif owner and owner ~= now.owner then
    postgres.queue(c, "ALTER SCHEMA " .. name .. " OWNER TO " .. postgres.name(owner))
    c:differs("owner", now.owner, owner)
  end
end

local function run(c)
  local done = list()
  for i, statement in ipairs(c.state.statements) do
    postgres.sql(c, c.args.database, statement .. ";", { what = "Database query failed", more = { failed_query = c.state.queries[i] } })
    util.append(done, c.state.queries[i])
  end
  c:set("queries", done)
end

return {
  doc = "Make schemas in a PostgreSQL database, give them to an owner, remove them.",
  spec = "community.postgresql.postgresql_schema",
  example = "- community.postgresql.postgresql_schema:\n    name: acme\n    login_db: shop\n    owner: alice",
  returns = "schema: Its name.\nqueries: Statements that were run.",
  side = "target",
  check = "full",
  diff = "full",
  args = postgres.args({
    schema = { required = true, aliases = { "name" }, doc = "Name of the schema." },
    database = { default = "postgres", aliases = { "db", "login_db" }, doc = "The database." },
    owner = { default = "", doc = "Role that owns it." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    cascade_drop = { type = "bool", default = false, doc = "Remove it with all that is in it." },
  }),
  plan = plan,
  run = run,
}
