-- postgres: PostgreSQL through psql. SQL goes through its standard input, passwords through the environment.

local util = use("util")

local postgres = {}

local COMMON = {
  login_user = { aliases = { "login" }, doc = "Role that connects; without it that of PGUSER, or postgres." },
  login_password = { default = "", no_log = true, doc = "Its password." },
  login_host = { default = "", aliases = { "host" }, doc = "Host of the server; without it, and for localhost with login_unix_socket, its socket." },
  login_unix_socket = { default = "", aliases = { "unix_socket" }, doc = "Directory of its socket." },
  login_port = { type = "int", aliases = { "port" }, doc = "Its port; without it that of PGPORT, or 5432." },
  ssl_mode = {
    default = "prefer", choices = { "allow", "disable", "prefer", "require", "verify-ca", "verify-full" }, doc = "How TLS is used.",
  },
  ca_cert = { aliases = { "ssl_rootcert" }, doc = "Certificate authority of the server." },
  ssl_cert = { type = "path", doc = "Client certificate." },
  ssl_key = { type = "path", doc = "Its key." },
  connect_params = { type = "dict", default = dict(), doc = "More parameters of the connection, as libpq names them." },
  session_role = { empty_is_none = true, doc = "Role to take on after the connection." },
  trust_input = { type = "bool", default = true, doc = "With false, texts that look like SQL are refused. Names are always quoted." },
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

-- A text as SQL shows it to people, with standard_conforming_strings.
function postgres.shown(value)
  return "'" .. value:gsub("'", "''") .. "'"
end

function postgres.text(value)
  local quoted = "'" .. value:gsub("\\", "\\\\"):gsub("'", "''") .. "'"
  return value:find("\\", 1, true) and "E" .. quoted or quoted
end

-- Whether a text looks like more SQL than a name or a value.
local function dangerous(text)
  local upper = text:upper()
  for _, first in ipairs({ "UNION", "INTERSECT", "EXCEPT" }) do
    if upper:find(first .. "[^\n]*SELECT") then
      return true
    end
  end
  for _, word in ipairs({ "SELECT", "UPDATE", "INSERT", "DELETE", "DROP", "TRUNCATE", "ALTER" }) do
    if upper:find(";[^\n]*" .. word) then
      return true
    end
  end
  return text:find("['\"][^\n]*%-%-") ~= nil
end

local function find_dangerous(value, found)
  if type(value) == "table" then
    for _, key in ipairs(util.keys(value)) do
      if type(key) == "string" and dangerous(key) then
        util.append(found, key)
      end
      find_dangerous(value[key], found)
    end
  elseif type(value) == "string" and dangerous(value) then
    util.append(found, value)
  end
end

-- With trust_input false, ends when one of these arguments, or session_role, looks like SQL.
function postgres.check_input(c, ...)
  if c.args.trust_input then
    return
  end
  local found = {}
  for _, name in ipairs({ "session_role", ... }) do
    find_dangerous(c.args[name], found)
  end
  if #found > 0 then
    c:fail("Passed input '" .. table.concat(found, ", ") .. "' is potentially dangerous")
  end
end

-- -- connecting ----------------------------------------------------------------------------------------------------------

-- The variables that libpq reads a parameter of the connection from.
local VARIABLES = { application_name = "PGAPPNAME", connect_timeout = "PGCONNECT_TIMEOUT", dbname = "PGDATABASE" }
for _, name in ipairs({ "channel_binding", "client_encoding", "gssencmode", "gsslib", "host", "hostaddr", "krbsrvname", "options", "passfile",
  "password", "port", "requirepeer", "require_auth", "service", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert",
  "sslcompression", "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslrootcert", "sslsni", "target_session_attrs", "user" }) do
  VARIABLES[name] = "PG" .. name:gsub("_", ""):upper()
end

local function environment(c)
  local a, env = c.args, {}
  local function set(name, value)
    if value and value ~= "" then
      env[name] = tostring(value)
    end
  end
  local user = c.getenv("PGUSER")
  set("PGUSER", a.login_user or (user == "" or not user) and "postgres" or nil)
  set("PGPASSWORD", a.login_password)
  local here = a.login_host == "" or a.login_host == "localhost"
  set("PGHOST", here and a.login_unix_socket ~= "" and a.login_unix_socket or a.login_host)
  set("PGPORT", a.login_port)
  set("PGSSLMODE", a.ssl_mode)
  set("PGSSLROOTCERT", a.ca_cert)
  set("PGSSLCERT", a.ssl_cert)
  set("PGSSLKEY", a.ssl_key)
  set("PGAPPNAME", "play")
  set("PGCONNECT_TIMEOUT", 15)
  set("PGCLIENTENCODING", "UTF8")
  for name, value in pairs(a.connect_params or {}) do
    local variable = VARIABLES[name]
    if not variable then
      c:fail("connect_params: '" .. name .. "' is no parameter of libpq that its programs take from the environment; those are "
        .. table.concat(util.keys(VARIABLES), ", "))
    end
    set(variable, value)
  end
  return env
end
postgres.environment = environment

-- Runs a program of PostgreSQL with the connection in its environment.
function postgres.program(c, argv, options)
  options = options or {}
  local env = environment(c)
  argv[1] = c:need(argv[1])
  for key, value in pairs(options.env or {}) do
    env[key] = value
  end
  return util.run(c, argv, { env = env, stdin = options.stdin, may_fail = options.may_fail, timeout = options.timeout, what = options.what })
end

-- The statement that takes on session_role, or nil.
function postgres.set_role(c)
  return c.args.session_role and "SET ROLE " .. postgres.name(c.args.session_role)
end

-- The error among what psql said, as libpq gives it: without its severity, with its line end; nil when there is none.
function postgres.error_of(stderr)
  local found
  for line in stderr:gmatch("[^\n]*\n?") do
    local severity, rest = line:match("^psql:<stdin>:%d+: (%u+):  (.*)$")
    if found and line:match("^psql:<stdin>:%d+: ") then
      break
    elseif found then
      found = found .. line
    elseif severity == "ERROR" or severity == "FATAL" or severity == "PANIC" then
      found = rest
    end
  end
  return found
end

-- Why psql failed. Ends the module when there was no connection, or session_role could not be taken on.
function postgres.why(c, r)
  if r.stderr:match("^psql: error: ") then
    return nil, (r.stderr:gsub("^psql: error: ", ""))
  end
  local why = postgres.error_of(r.stderr) or util.trim(r.stderr):gsub("psql:<stdin>:%d+: ", "")
  if c.args.session_role and r.stderr:match("^psql:<stdin>:1: ") then
    c:fail("Could not switch role: " .. why)
  end
  return why
end

-- Runs SQL. Returns what psql printed, or nil and its error when `may_fail`. Without a name the database is libpq's choice:
-- that of PGDATABASE, or the one with the user's name.
function postgres.sql(c, db, text, options)
  options = options or {}
  local argv = { "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-" }
  if db ~= "" then
    util.append(argv, "-d", db)
  end
  local role = postgres.set_role(c)
  local r = postgres.program(c, argv, { stdin = (role and role .. ";\n" or "") .. text .. "\n", may_fail = true })
  if r.rc == 0 then
    return (r.stdout:gsub("\n$", ""))
  end
  local why, connection = postgres.why(c, r)
  if options.may_fail then
    return nil, why or connection
  end
  if connection then
    c:fail("unable to connect to database: " .. connection)
  end
  c:fail((options.what or "Cannot execute SQL") .. ": " .. why, options.more)
end

-- What psql gave as JSON.
function postgres.decoded(c, text)
  local ok, value = pcall(c.json.decode, text)
  if ok and type(value) == "table" then
    return value
  end
  c:fail("psql did not give the rows as JSON, but: " .. util.said(text))
end

-- The rows of a query that selects, as a list of tables.
function postgres.rows(c, db, query, options)
  local out, why = postgres.sql(c, db,
    "SELECT coalesce(json_agg(row_to_json(play_rows)), '[]'::json) FROM (" .. query .. ") AS play_rows;", options)
  if not out then
    return nil, why
  end
  return postgres.decoded(c, out)
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

-- `what` goes before the error.
function postgres.run_queue(c, db, what)
  for i, statement in ipairs(c.state.statements or {}) do
    postgres.sql(c, db, statement .. ";", { what = what, more = { queries = c.state.queries, failed_query = c.state.queries[i] } })
  end
end

return postgres
