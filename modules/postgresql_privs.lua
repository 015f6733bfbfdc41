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
local DEFAULTS = util.set({ "TABLES", "SEQUENCES", "TYPES", "FUNCTIONS", "SCHEMAS" })

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
    default_privs = "SELECT oid::text AS o, defaclacl::text AS a FROM pg_default_acl",
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
    if not word:match("^[%a ]+$") then
      c:fail("Invalid privileges specified: " .. part)
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
  return table.concat(out, ", ")
end

local function roles(c)
  local out, shown = {}, {}
  for _, role in ipairs(comma_list(c.args.roles)) do
    local upper = role:upper()
    if upper == "PUBLIC" or upper == "CURRENT_USER" or upper == "SESSION_USER" then
      out[#out + 1] = upper
    else
      if not postgres.row(c, c.args.login_db, "SELECT 1 AS one FROM pg_roles WHERE rolname = " .. postgres.text(role)) then
        if c.args.fail_on_role then
          c:fail("Role '" .. role .. "' does not exist")
        end
        c:warn("Role '" .. role .. "' does not exist, skipping it")
      else
        out[#out + 1] = postgres.name(role)
      end
    end
    shown[#shown + 1] = role
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
        c:fail("Illegal function / procedure signature: '" .. text .. "'")
      end
      if not args:match("^%([%w_%s%.:%[%]\"]*%)$") then
        c:fail("Illegal function / procedure signature: '" .. text .. "'")
      end
      local schema = c.args.schema ~= "not-specified" and (c.args.schema or "public") or nil
      out[#out + 1] = (schema and not name:find(".", 1, true) and postgres.name(schema) .. "." or "") .. postgres.qualified(name) .. args:gsub(":", ",")
    elseif kind == "table" or kind == "sequence" or kind == "type" then
      local schema = c.args.schema ~= "not-specified" and (c.args.schema or "public") or nil
      out[#out + 1] = schema and postgres.name(schema) .. "." .. postgres.name(text) or postgres.qualified(text)
    elseif kind == "parameter" then
      out[#out + 1] = postgres.qualified(text)
    else
      out[#out + 1] = postgres.name(text)
    end
  end
  return out
end

local function default_statement(c, to, present)
  local a = c.args
  local what = {}
  for _, word in ipairs(comma_list(a.objs)) do
    if word:upper() == "ALL_DEFAULT" then
      util.append(what, "TABLES", "SEQUENCES", "TYPES", "FUNCTIONS")
    elseif DEFAULTS[word:upper()] then
      what[#what + 1] = word:upper()
    else
      c:fail("Invalid Object type specified: " .. word)
    end
  end
  local head = "ALTER DEFAULT PRIVILEGES"
  if a.target_roles then
    local names = {}
    for _, name in ipairs(comma_list(a.target_roles)) do
      names[#names + 1] = postgres.name(name)
    end
    head = head .. " FOR ROLE " .. table.concat(names, ", ")
  end
  if a.schema and a.schema ~= "not-specified" then
    head = head .. " IN SCHEMA " .. postgres.name(a.schema)
  end
  local out = {}
  for _, kind in ipairs(what) do
    local privs = privileges(c)
    if present then
      out[#out + 1] = head .. " GRANT " .. privs .. " ON " .. kind .. " TO " .. to .. (a.grant_option and " WITH GRANT OPTION" or "") .. ";"
    else
      out[#out + 1] = head .. " REVOKE " .. (a.grant_option and "GRANT OPTION FOR " or "") .. privs .. " ON " .. kind .. " FROM " .. to .. ";"
    end
  end
  return table.concat(out, "\n")
end

local function statement(c, to)
  local a, kind, present = c.args, c.args.type, c.args.state == "present"
  if kind == "group" then
    local groups = table.concat(objects(c, kind), ", ")
    if present then
      return "GRANT " .. groups .. " TO " .. to .. (a.grant_option and " WITH ADMIN OPTION" or "") .. ";"
    end
    return "REVOKE " .. (a.grant_option and "ADMIN OPTION FOR " or "") .. groups .. " FROM " .. to .. ";"
  elseif kind == "default_privs" then
    return default_statement(c, to, present)
  end
  local on
  if a.objs == "ALL_IN_SCHEMA" and ALL_IN_SCHEMA[kind] then
    on = "ALL " .. ALL_IN_SCHEMA[kind] .. " IN SCHEMA " .. postgres.name(a.schema and a.schema ~= "not-specified" and a.schema or "public")
  else
    on = WORDS[kind] .. " " .. table.concat(objects(c, kind), ", ")
  end
  local privs = privileges(c)
  if present then
    local sql = "GRANT " .. privs .. " ON " .. on .. " TO " .. to .. (a.grant_option and " WITH GRANT OPTION" or "") .. ";"
    if a.grant_option == false then
      sql = sql .. "\nREVOKE GRANT OPTION FOR " .. privs .. " ON " .. on .. " FROM " .. to .. ";"
    end
    return sql
  end
  return "REVOKE " .. (a.grant_option and "GRANT OPTION FOR " or "") .. privs .. " ON " .. on .. " FROM " .. to .. ";"
end

local function check_arguments(c)
  local a = c.args
  if a.type == "group" then
    if a.privs then
      c:fail('Argument "privs" must not be set when type is "group".')
    end
  elseif not a.privs then
    c:fail('Argument "privs" is required for type "' .. a.type .. '".')
  end
  if a.type == "database" and not a.objs then
    a.objs = a.login_db
  end
  if not a.objs then
    c:fail('Argument "objs" is required for type "' .. a.type .. '".')
  end
end

local function run(c)
  postgres.check_input(c, "roles", "target_roles", "schema")
  check_arguments(c)
  c:set("queries", list())
  local to = roles(c)
  if #to == 0 then
    return
  end
  local sql = statement(c, table.concat(to, ", "))
  local look = state_query(c.args.type)
  local out = postgres.sql(c, c.args.login_db, table.concat({ "BEGIN;", look, sql, look, c.check and "ROLLBACK;" or "COMMIT;" }, "\n"),
    { what = "Cannot change privileges", more = { queries = list({ sql }) } })
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
    schema = { empty_is_none = true, doc = "Their schema; public without it." },
    roles = { required = true, aliases = { "role" }, doc = "Roles, parted by commas, or PUBLIC." },
    fail_on_role = { type = "bool", default = true, doc = "Fail when a role is missing." },
    target_roles = { empty_is_none = true, doc = "Whose new objects default_privs are for." },
    grant_option = { type = "bool", aliases = { "admin_option" }, doc = "They may pass it on." },
    login_password = { default = "", aliases = { "password" }, no_log = true, doc = "Password of the role that connects." },
  }),
  run = run,
}
