-- postgresql_privs: what roles may do. GRANT and REVOKE run in a transaction between two looks at the access lists, so
-- what changed is what the server says; in check mode the transaction is taken back.

local util = use("util")
local postgres = use("postgres")

local ALL_IN_SCHEMA = { table = "TABLES", sequence = "SEQUENCES", ["function"] = "FUNCTIONS", procedure = "PROCEDURES" }
local WORDS = {
  table = "TABLE", sequence = "SEQUENCE", ["function"] = "FUNCTION", procedure = "PROCEDURE", database = "DATABASE",
  schema = "SCHEMA", language = "LANGUAGE", tablespace = "TABLESPACE", type = "TYPE",
  foreign_data_wrapper = "FOREIGN DATA WRAPPER", foreign_server = "FOREIGN SERVER", parameter = "PARAMETER",
}
local DEFAULTS = {
  TABLES = { "ALL", "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER" },
  SEQUENCES = { "ALL", "SELECT", "UPDATE", "USAGE" }, FUNCTIONS = { "ALL", "EXECUTE" }, TYPES = { "ALL", "USAGE" }, SCHEMAS = { "CREATE", "USAGE" },
}
local PRIVILEGES = util.set({
  "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "CREATE", "CONNECT", "TEMPORARY", "TEMP", "EXECUTE", "USAGE", "ALL",
  "ALL PRIVILEGES", "SET", "ALTER SYSTEM", "MAINTAIN",
})
local IN_SCHEMA = util.set({ "table", "sequence", "function", "procedure", "type", "default_privs" })

-- The query that shows all access lists the statements can change.
local function state_query(kind)
  local queries = {
    table = "SELECT oid::text AS o, relacl::text AS a FROM pg_class",
    sequence = "SELECT oid::text AS o, relacl::text AS a FROM pg_class",
    ["function"] = "SELECT oid::text AS o, proacl::text AS a FROM pg_proc",
    procedure = "SELECT oid::text AS o, proacl::text AS a FROM pg_proc",
    database = "SELECT oid::text AS o, datacl::text AS a FROM pg_database",
    schema = "SELECT oid::text AS o, nspacl::text AS a FROM pg_namespace",
    language = "SELECT oid::text AS o, lanacl::text AS a FROM pg_language",
    tablespace = "SELECT oid::text AS o, spcacl::text AS a FROM pg_tablespace",
    type = "SELECT oid::text AS o, typacl::text AS a FROM pg_type",
    foreign_data_wrapper = "SELECT oid::text AS o, fdwacl::text AS a FROM pg_foreign_data_wrapper",
    foreign_server = "SELECT oid::text AS o, srvacl::text AS a FROM pg_foreign_server",
    parameter = "SELECT oid::text AS o, paracl::text AS a FROM pg_parameter_acl",
    default_privs = "SELECT concat_ws('/', defaclrole, defaclnamespace, defaclobjtype) AS o, defaclacl::text AS a FROM pg_default_acl",
    group = "SELECT roleid::text || '/' || member::text AS o, admin_option::text AS a FROM pg_auth_members",
  }
  local columns = kind == "table" and " UNION ALL SELECT attrelid::text || '.' || attnum::text, attacl::text FROM pg_attribute WHERE attacl IS NOT NULL" or ""
  return "SELECT md5(coalesce(string_agg(o || coalesce(a, '-'), ',' ORDER BY o), '')) FROM (" .. queries[kind] .. columns .. ") s;"
end

local function comma_list(text)
  local out = {}
  for _, part in ipairs(util.split(text or "", ",")) do
    part = util.trim(part)
    if part ~= "" then
      out[#out + 1] = part
    end
  end
  return out
end

-- "SELECT,UPDATE(col)" checked to be words and columns only.
local function privileges(c)
  local out = {}
  -- commas within parentheses part columns
  for part in (c.args.privs or ""):gsub("%b()", function(p) return (p:gsub(",", "\1")) end):gmatch("[^,]+") do
    local word, columns = util.trim(part:gsub("\1", ",")):match("^([%a ]+)(%b())$")
    word = word or util.trim(part)
    if not PRIVILEGES[word:upper()] then
      c:fail("Invalid privileges specified: frozenset({'" .. part:upper() .. "'})")
    end
    local sql = word:upper()
    if columns then
      local names = {}
      for _, name in ipairs(comma_list(columns:sub(2, -2))) do
        names[#names + 1] = postgres.name(name)
      end
      sql = sql .. " (" .. table.concat(names, ", ") .. ")"
    end
    out[#out + 1] = sql
  end
  return table.concat(out, ",")
end

local function roles(c)
  local out, all = {}, comma_list(c.args.roles)
  for _, role in ipairs(all) do
    local upper = role:upper()
    if upper == "PUBLIC" or upper == "CURRENT_USER" or upper == "SESSION_USER" then
      out[#out + 1] = upper
    elseif postgres.row(c, c.args.login_db, "SELECT 1 AS one FROM pg_roles WHERE rolname = " .. postgres.text(role)) then
      out[#out + 1] = postgres.name(role)
    elseif c.args.fail_on_role then
      c:fail("Role '" .. role .. "' does not exist")
    else
      c:warn("Role '" .. role .. "' does not exist, " .. (#all == 1 and "nothing to do" or "pass it"))
    end
  end
  return out
end

-- Objects as they stand in GRANT.
local function objects(c, kind)
  local out = {}
  for _, text in ipairs(comma_list(c.args.objs)) do
    if kind == "function" or kind == "procedure" then
      local name, args = text:match("^(.-)%s*(%b())$")
      if not name then
        c:fail('Illegal function / procedure signature: "' .. text .. '".')
      end
      if not args:match("^%([%w_%s%.:%[%]\"]*%)$") then
        c:fail('Illegal function / procedure signature: "' .. text .. '".')
      end
      local schema = c.args.schema
      out[#out + 1] = (schema and not name:find(".", 1, true) and postgres.name(schema) .. "." or "") .. postgres.qualified(name) .. args:gsub(":", ",")
    elseif kind == "table" or kind == "sequence" or kind == "type" then
      local schema = c.args.schema
      out[#out + 1] = schema and postgres.name(schema) .. "." .. postgres.name(text) or postgres.qualified(text)
    elseif kind == "parameter" then
      out[#out + 1] = postgres.qualified(text)
    else
      out[#out + 1] = postgres.name(text)
    end
  end
  return out
end

-- What default_privs are for, and whether such objects know these privileges.
local function default_objects(c)
  local what, privs = {}, comma_list(privileges(c))
  if c.args.objs == "ALL_DEFAULT" then
    what = { "TABLES", "SEQUENCES", "FUNCTIONS", "TYPES" }
  else
    for _, word in ipairs(comma_list(c.args.objs)) do
      what[#what + 1] = word:upper()
      if not DEFAULTS[word:upper()] then
        c:fail("Invalid Object set specified: frozenset({'" .. word:upper() .. "'})")
      end
    end
  end
  for _, kind in ipairs(what) do
    for _, priv in ipairs(privs) do
      if not util.contains(DEFAULTS[kind], priv) then
        c:fail("Invalid priv specified: " .. priv .. " is none of " .. kind .. ", which have " .. table.concat(DEFAULTS[kind], ", "))
      end
    end
  end
  return what, table.concat(privs, ",")
end

-- First all is taken, then what is wanted granted: no other default stays. USAGE on types comes with it, as the collection has it.
local function default_statement(c, to, present)
  local a, out = c.args, {}
  local what, privs = default_objects(c)
  local head = "ALTER DEFAULT PRIVILEGES"
  if a.target_roles then
    local names = {}
    for _, name in ipairs(comma_list(a.target_roles)) do
      names[#names + 1] = postgres.name(name)
    end
    head = head .. " FOR ROLE " .. table.concat(names, ",")
  end
  if a.schema then
    head = head .. " IN SCHEMA " .. postgres.name(a.schema)
  end
  for _, kind in ipairs(present and what or { "TABLES", "SEQUENCES", "TYPES" }) do
    out[#out + 1] = head .. " REVOKE ALL ON " .. kind .. " FROM " .. to .. ";"
  end
  if present then
    local option = a.grant_option and " WITH GRANT OPTION;" or ";"
    for _, kind in ipairs(what) do
      out[#out + 1] = head .. " GRANT " .. privs .. " ON " .. kind .. " TO " .. to .. option
    end
    if a.usage_on_types then
      out[#out + 1] = head .. " GRANT USAGE ON TYPES TO " .. to .. option
    elseif not a.grant_option then
      out[#out] = out[#out] .. ";"
    end
  end
  return table.concat(out, "\n")
end

-- Whether ALL_IN_SCHEMA means any object at all.
local function any_in_schema(c, kind, schema)
  if not postgres.row(c, c.args.login_db, "SELECT 1 AS one FROM pg_namespace WHERE nspname = " .. postgres.text(schema)) then
    c:fail('Schema "' .. schema .. '" does not exist.')
  end
  local kinds = { table = "relkind IN ('r', 'v', 'm', 'p')", sequence = "relkind = 'S'", ["function"] = "prokind = 'f'", procedure = "prokind = 'p'" }
  local from = (kind == "table" or kind == "sequence") and "pg_class o JOIN pg_namespace n ON n.oid = relnamespace" or
    "pg_proc o JOIN pg_namespace n ON n.oid = pronamespace"
  return postgres.row(c, c.args.login_db, "SELECT 1 AS one FROM " .. from .. " WHERE nspname = " .. postgres.text(schema) .. " AND " .. kinds[kind] .. " LIMIT 1") ~= nil
end

-- The statement; nil when there is nothing to do.
local function statement(c, to)
  local a, kind, present = c.args, c.args.type, c.args.state == "present"
  if kind == "default_privs" then
    return default_statement(c, to, present)
  end
  local all = a.objs == "ALL_IN_SCHEMA"
  local what, option = all and "" or table.concat(objects(c, kind), ","), "ADMIN"
  if kind ~= "group" then
    local on = WORDS[kind]:lower() .. " " .. what
    if all then
      if not any_in_schema(c, kind, a.schema or "public") then
        return nil
      end
      on = "ALL " .. ALL_IN_SCHEMA[kind] .. " IN SCHEMA " .. postgres.name(a.schema or "public")
    end
    what, option = privileges(c) .. " ON " .. on, "GRANT"
  end
  if not present then
    return "REVOKE " .. what .. " FROM " .. to .. ";"
  end
  local sql = "GRANT " .. what .. " TO " .. to .. (a.grant_option and " WITH " .. option .. " OPTION;" or ";")
  return sql .. (a.grant_option == false and "\nREVOKE " .. option .. " OPTION FOR " .. what .. " FROM " .. to .. ";" or "")
end

local function check_arguments(c)
  local a = c.args
  if IN_SCHEMA[a.type] then
    if a.objs == "schemas" or a.schema == "not-specified" then
      a.schema = nil
    else
      a.schema = a.schema or "public"
    end
  elseif a.schema then
    c:fail('Argument "schema" is not allowed for type "' .. a.type .. '".')
  end
  if a.objs == "ALL_IN_SCHEMA" and not ALL_IN_SCHEMA[a.type] then
    c:fail('Argument "objs": ALL_IN_SCHEMA can be used only for type: table, sequence, function or procedure, ' .. a.type .. " was passed.")
  end
  if a.type == "database" then
    a.objs = a.objs or a.login_db
  elseif not a.objs then
    c:fail('Argument "objs" is required for type "' .. a.type .. '".')
  end
  if a.type == "group" and a.privs then
    c:fail('Argument "privs" is not allowed for type "group".')
  elseif a.type ~= "group" and not a.privs then
    c:fail('Argument "privs" is required for type "' .. a.type .. '".')
  end
  if a.target_roles and a.type ~= "default_privs" then
    c:warn('"target_roles" will be ignored Argument "type: default_privs" is required for usage of "target_roles".')
  end
end

local function run(c)
  postgres.check_input(c, "roles", "target_roles", "schema")
  check_arguments(c)
  c:set("queries", list())
  local to = roles(c)
  local sql = #to > 0 and statement(c, table.concat(to, ","))
  if not sql then
    return
  end
  local look = state_query(c.args.type)
  local out, why = postgres.sql(c, c.args.login_db, table.concat({ "BEGIN;", look, sql, look, c.check and "ROLLBACK;" or "COMMIT;" }, "\n"), { may_fail = true })
  if not out then
    c:fail(why, { queries = list({ sql }) })
  end
  local before, after = out:match("(%x+)%s+(%x+)")
  if before ~= after then
    c:changed()
  end
  c:set("queries", list({ sql }))
end

return {
  doc = "Grant privileges on PostgreSQL objects to roles, or revoke them.",
  spec = "community.postgresql.postgresql_privs",
  example = "- community.postgresql.postgresql_privs:\n    login_db: shop\n    roles: reader\n    type: table\n    objs: ALL_IN_SCHEMA\n    privs: SELECT",
  returns = "queries: Statements that were run.",
  side = "target",
  check = "partial",
  diff = "none",
  args = postgres.args({
    login_db = { required = true, aliases = { "db", "database" }, doc = "The database." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Granted, or revoked." },
    privs = { aliases = { "priv" }, doc = "Privileges, parted by commas." },
    type = {
      default = "table", doc = "Kind of object.",
      choices = {
        "database", "default_privs", "foreign_data_wrapper", "foreign_server", "function", "group", "language", "table",
        "tablespace", "schema", "sequence", "type", "procedure", "parameter",
      },
    },
    objs = { aliases = { "obj" }, doc = "Objects, parted by commas, or ALL_IN_SCHEMA." },
    schema = { empty_is_none = true, doc = "Their schema; public without it, none with `not-specified`." },
    roles = { required = true, aliases = { "role" }, doc = "Roles, parted by commas, or PUBLIC." },
    fail_on_role = { type = "bool", default = true, doc = "Fail when a role is missing." },
    target_roles = { empty_is_none = true, doc = "Whose new objects default_privs are for." },
    usage_on_types = { type = "bool", default = true, doc = "default_privs grant USAGE on types, too." },
    grant_option = { type = "bool", aliases = { "admin_option" }, doc = "They may pass it on." },
    login_password = { default = "", aliases = { "password" }, no_log = true, doc = "Password of the role that connects." },
  }),
  run = run,
}
