-- postgres: PostgreSQL through psql. SQL goes through its standard input, passwords through the environment.

local util = use("util")

local postgres = {}

local COMMON = {
  login_user = { default = "postgres", aliases = { "login" }, doc = "Role that connects." },
  login_password = { default = "", no_log = true, doc = "Its password." },
  login_host = { default = "", aliases = { "host" }, doc = "Host of the server; without it, its socket." },
  login_unix_socket = { default = "", aliases = { "unix_socket" }, doc = "Directory of its socket." },
  login_port = { type = "int", default = 5432, aliases = { "port" }, doc = "Its port." },
  ssl_mode = {
    default = "prefer", choices = { "allow", "disable", "prefer", "require", "verify-ca", "verify-full" }, doc = "How TLS is used.",
  },
  ca_cert = { aliases = { "ssl_rootcert" }, doc = "Certificate authority of the server." },
  ssl_cert = { type = "path", doc = "Client certificate." },
  ssl_key = { type = "path", doc = "Its key." },
  connect_params = { type = "dict", default = dict(), doc = "More parameters of the connection, as libpq names them." },
  session_role = { doc = "Role to take on after the connection." },
  trust_input = { type = "bool", default = true, doc = "Accepted: names are always quoted." },
}

function postgres.args(own)
  for name, arg in pairs(COMMON) do
    if own[name] == nil then
      own[name] = arg
    end
  end
  return own
end

-- -- quoting -----------------------------------------------------------------------------------------------------------

function postgres.name(text)
  return '"' .. text:gsub('"', '""') .. '"'
end

-- A name that may have parts: a.b
function postgres.qualified(text)
  local out = {}
  for _, part in ipairs(util.split(text, ".")) do
    out[#out + 1] = part:match('^".*"$') or postgres.name(part)
  end
  return table.concat(out, ".")
end

function postgres.text(value)
  return "E'" .. value:gsub("\\", "\\\\"):gsub("'", "''") .. "'"
end

-- A value of YAML as SQL.
function postgres.literal(c, value)
  if value == nil or value == null then
    return "NULL"
  elseif type(value) == "boolean" then
    return value and "true" or "false"
  elseif type(value) == "number" then
    return tostring(value)
  elseif type(value) == "table" then
    if #value > 0 then
      local items = {}
      for _, item in ipairs(value) do
        items[#items + 1] = postgres.literal(c, item)
      end
      return "ARRAY[" .. table.concat(items, ", ") .. "]"
    end
    return postgres.text(c.json.encode(value))
  end
  return postgres.text(value)
end

-- -- connecting ----------------------------------------------------------------------------------------------------------

local function environment(c)
  local a, env = c.args, {}
  local function set(name, value)
    if value and value ~= "" then
      env[name] = tostring(value)
    end
  end
  set("PGUSER", a.login_user)
  set("PGPASSWORD", a.login_password)
  set("PGHOST", a.login_host ~= "" and a.login_host or a.login_unix_socket)
  set("PGPORT", a.login_port)
  set("PGSSLMODE", a.ssl_mode)
  set("PGSSLROOTCERT", a.ca_cert)
  set("PGSSLCERT", a.ssl_cert)
  set("PGSSLKEY", a.ssl_key)
  set("PGAPPNAME", "play")
  set("PGCONNECT_TIMEOUT", 15)
  set("PGCLIENTENCODING", "UTF8")
  for name, value in pairs(a.connect_params or {}) do
    set("PG" .. name:upper(), value)
  end
  return env
end
postgres.environment = environment

-- Runs a program of PostgreSQL with the connection in its environment.
function postgres.program(c, argv, options)
  options = options or {}
  local env = environment(c)
  argv[1] = c:which(argv[1]) or c:fail('Failed to find required executable "' .. argv[1] .. '" in paths: $PATH')
  for key, value in pairs(options.env or {}) do
    env[key] = value
  end
  return util.run(c, argv, { env = env, stdin = options.stdin, may_fail = options.may_fail, timeout = options.timeout, what = options.what })
end

-- Runs SQL. Returns what psql printed, or nil and its error when `may_fail`.
function postgres.sql(c, db, text, options)
  options = options or {}
  local argv = { "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", db ~= "" and db or "postgres", "-f", "-" }
  util.extend(argv, options.flags)
  local role = c.args.session_role and "SET ROLE " .. postgres.name(c.args.session_role) .. ";\n" or ""
  local r = postgres.program(c, argv, { stdin = role .. text .. "\n", may_fail = true })
  if r.rc == 0 then
    return (r.stdout:gsub("\n$", ""))
  end
  local why = util.trim(r.stderr):gsub("psql:<stdin>:%d+: ", ""):gsub("^psql: error: ", "")
  if options.may_fail then
    return nil, why
  end
  if r.rc == 2 then
    c:fail("unable to connect to database: " .. why)
  end
  c:fail((options.what or "Cannot execute SQL") .. ": " .. why, options.more)
end

-- The rows of a query that selects, as a list of tables.
function postgres.rows(c, db, query, options)
  local out, why = postgres.sql(c, db,
    "SELECT coalesce(json_agg(row_to_json(play_rows)), '[]'::json) FROM (" .. query .. ") AS play_rows;", options)
  if not out then
    return nil, why
  end
  return c.json.decode(out)
end

function postgres.row(c, db, query, options)
  local rows, why = postgres.rows(c, db, query, options)
  return rows and rows[1], why
end

-- A version number as 150004.
function postgres.version(c, db)
  return math.tointeger(tonumber(postgres.sql(c, db, "SHOW server_version_num;")))
end

-- Remembers statements, shows them in the result, and runs them when this is no check mode.
function postgres.queue(c, statement, shown)
  c.state.queries = c.state.queries or list()
  c.state.statements = c.state.statements or list()
  util.append(c.state.queries, shown or statement)
  util.append(c.state.statements, statement)
  c:changed()
end

function postgres.run_queue(c, db)
  for i, statement in ipairs(c.state.statements or {}) do
    postgres.sql(c, db, statement .. ";", { more = { queries = c.state.queries, failed_query = c.state.queries[i] } })
  end
end

return postgres
