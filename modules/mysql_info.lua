-- mysql_info: what a MySQL or MariaDB server tells of itself.

local util = use("util")
local mysql = use("mysql")
local privs = use("mysql_privs")

local GROUPS = {
  "version", "databases", "settings", "global_status", "engines", "users", "users_info", "master_status", "slave_hosts", "slave_status",
}

-- Rows as dicts, in the server's order.
local function ask(c, sql)
  local rows, code, text = mysql.try(c, sql)
  if not rows then
    c:fail("Cannot execute SQL '" .. sql .. "': (" .. tostring(code) .. ", \"" .. text .. "\")")
  end
  local out = {}
  for i, row in ipairs(rows) do
    out[i] = {}
    for _, field in ipairs(row) do
      out[i][field[1]] = field[2]
    end
  end
  return out
end

-- A whole number as one; one that is too large for that, and anything else, as the server writes it.
local function value(text)
  return type(text) == "string" and text:match("^[+-]?%d+$") and math.tointeger(tonumber(text)) or text
end

-- A column of decimals.
local function decimal(text)
  return type(text) == "string" and (tonumber(text) or 0) + 0.0 or text
end

-- A dict of a row without some of its columns.
local function without(row, names)
  local out = dict({})
  for name, text in pairs(row) do
    if not names[name] then
      out[name] = value(text)
    end
  end
  return out
end

local function variables(c, sql)
  local out = dict({})
  for _, row in ipairs(ask(c, sql)) do
    out[row.Variable_name] = value(row.Value)
  end
  return out
end

-- The dict in a dict.
local function inner(of, key)
  of[key] = of[key] or dict({})
  return of[key]
end

-- -- the groups --------------------------------------------------------------------------------------------------------

local get = {}

function get.settings(c)
  c.state.settings = c.state.settings or variables(c, "SHOW GLOBAL VARIABLES")
  return c.state.settings
end

function get.version(c)
  local full = tostring(get.settings(c).version)
  local parts = util.split(full, ".")
  local release, suffix = (parts[3] or ""):match("^([^-]*)%-?(.*)$")
  return dict({
    major = math.tointeger(tonumber(parts[1])), minor = math.tointeger(tonumber(parts[2])), release = math.tointeger(tonumber(release)),
    suffix = suffix, full = full,
  })
end

function get.global_status(c)
  return variables(c, "SHOW GLOBAL STATUS")
end

function get.databases(c)
  local left_out, out = util.set(c.args.exclude_fields), dict({})
  local size, count = not left_out.db_size, not left_out.db_table_count
  local function entry(row)
    local info = dict({})
    if size then
      info.size = math.tointeger(tonumber(util.present(row.size) or 0)) or 0
    end
    if count then
      info.tables = math.tointeger(tonumber(util.present(row.tables) or 0)) or 0
    end
    return info
  end
  local columns = "TABLE_SCHEMA AS name" .. (size and ", SUM(DATA_LENGTH + INDEX_LENGTH) AS size" or "") .. (count and ", COUNT(*) AS tables" or "")
  for _, row in ipairs(ask(c, "SELECT " .. columns .. " FROM information_schema.TABLES GROUP BY TABLE_SCHEMA")) do
    out[row.name] = entry(row)
  end
  for _, row in ipairs(c.args.return_empty_dbs and ask(c, "SHOW DATABASES") or {}) do
    out[row.Database] = out[row.Database] or entry({})
  end
  return out
end

function get.engines(c)
  local out = dict({})
  for _, row in ipairs(ask(c, "SHOW ENGINES")) do
    local engine = row.Engine
    row.Engine = nil
    out[engine] = dict(row)
  end
  return out
end

function get.users(c)
  local out = dict({})
  for _, row in ipairs(ask(c, "SELECT * FROM mysql.user")) do
    local user = without(row, { Host = true, User = true })
    user.max_statement_time = decimal(row.max_statement_time)
    inner(out, row.Host)[row.User] = user
  end
  return out
end

-- Words that differ between families and versions.
local function word(c, mysql_version, mysql_word, mariadb_word, old)
  if c.state.mariadb then
    return mysql.at_least(c, "10.5.2") and mariadb_word or old
  end
  return mysql.at_least(c, mysql_version) and mysql_word or old
end

function get.master_status(c)
  local out = dict({})
  for _, row in ipairs(ask(c, "SHOW " .. word(c, "8.2.0", "BINARY LOG STATUS", "BINLOG STATUS", "MASTER STATUS"))) do
    for name, text in pairs(row) do
      out[name] = value(text)
    end
  end
  return out
end

local function either(row, name)
  return tostring(util.present(row["Master_" .. name]) or util.present(row["Source_" .. name]))
end

function get.slave_status(c)
  local names, out = {}, dict({})
  for _, name in ipairs({ "Host", "Port", "User" }) do
    names["Master_" .. name], names["Source_" .. name] = true, true
  end
  for _, row in ipairs(ask(c, "SHOW " .. word(c, "8.0.22", "REPLICA STATUS", "REPLICA STATUS", "SLAVE STATUS"))) do
    local users = inner(inner(out, either(row, "Host")), either(row, "Port"))
    users[either(row, "User")] = without(row, names)
  end
  return out
end

function get.slave_hosts(c)
  local out = dict({})
  for _, row in ipairs(ask(c, "SHOW " .. word(c, "8.0.22", "REPLICAS", "REPLICA HOSTS", "SLAVE HOSTS"))) do
    out[row.Server_id or row.Server_Id] = without(row, { Server_id = true, Server_Id = true })
  end
  return out
end

-- -- accounts, as mysql_user takes them --------------------------------------------------------------------------------

local LIMITS = {
  MAX_QUERIES_PER_HOUR = "max_questions", MAX_UPDATES_PER_HOUR = "max_updates", MAX_CONNECTIONS_PER_HOUR = "max_connections",
  MAX_USER_CONNECTIONS = "max_user_connections",
}

local function limits(row)
  local out = dict({})
  for name, column in pairs(LIMITS) do
    local n = value(row[column])
    out[name] = n ~= 0 and n or nil
  end
  local seconds = decimal(row.max_statement_time)
  out.MAX_STATEMENT_TIME = seconds and seconds ~= 0 and seconds or nil
  return next(out) and out or nil
end

local function tls(row)
  local out = dict({})
  for name, column in pairs({ CIPHER = "ssl_cipher", ISSUER = "x509_issuer", SUBJECT = "x509_subject" }) do
    out[name] = row[column] ~= "" and util.present(row[column]) or nil
  end
  if row.ssl_type == "ANY" then
    out.SSL = null
  elseif row.ssl_type == "X509" then
    out.X509 = null
  end
  return next(out) and out or nil
end

local function privileges(c, account)
  local all, order = privs.get(c, account)
  local out = {}
  for _, what in ipairs(order) do
    local set = util.set(all[what])
    if not set.PROXY then
      out[#out + 1] = what:gsub("[`']", "") .. ":" .. table.concat(all[what], ",")
    end
  end
  for i, text in ipairs(out) do
    if text == "*.*:USAGE" and #out > 1 then
      table.remove(out, i)
      break
    end
  end
  return #order > 0 and table.concat(out, "/") or nil
end

-- How an account is known. Before MariaDB 10.4 the password could stand in either of two columns.
local function authentication(c, user, host)
  local function column(name)
    return "SELECT plugin, " .. name .. " AS auth FROM mysql.user WHERE User = " .. mysql.quote(c, user) .. " AND Host = " .. mysql.quote(c, host)
  end
  local from = column("authentication_string")
  if c.state.mariadb then
    from = from .. " UNION " .. column("Password")
  end
  return ask(c, "SELECT plugin, auth FROM (" .. from .. ") AS known ORDER BY plugin, auth LIMIT 1")[1]
end

function get.users_info(c)
  local out = list()
  for _, row in ipairs(ask(c, "SELECT * FROM mysql.user")) do
    local user, host = row.User, row.Host
    local role = c.state.mariadb and host == ""
    local priv = privileges(c, role and mysql.quote(c, user) or mysql.account(c, user, host))
    if not priv then
      c:warn("No privileges found for " .. user .. " on host " .. host)
    else
      local known = authentication(c, user, host)
      local info = dict({
        name = user, host = host, priv = priv, resource_limits = limits(row), tls_requires = tls(row), plugin = known.plugin,
        plugin_auth_string = known.auth, plugin_hash_string = known.auth,
      })
      if row.is_role == "N" then
        info.locked = (mysql.value(c, "SHOW CREATE USER " .. mysql.account(c, user, host)) or ""):find("ACCOUNT LOCK", 1, true) ~= nil
      end
      out[#out + 1] = info
    end
  end
  return #out > 0 and out or dict({})
end

-- -- what is asked for -------------------------------------------------------------------------------------------------

-- The groups that `filter` names, or all but those.
local function chosen(c)
  local named, excluded, known = {}, {}, util.set(GROUPS)
  for _, given in ipairs(c.args.filter or {}) do
    given = util.trim(given)
    local name = given:gsub("^!+", "")
    if not known[name] then
      c:warn("filter element: " .. given .. " is not allowable, ignored")
    elseif given:sub(1, 1) == "!" then
      excluded[name] = true
    else
      named[name] = true
    end
  end
  local out = {}
  for _, name in ipairs(GROUPS) do
    if next(named) and named[name] or not next(named) and not excluded[name] then
      out[#out + 1] = name
    end
  end
  return out
end

local function run(c)
  for i, name in ipairs(c.args.exclude_fields or {}) do
    c.args.exclude_fields[i] = util.trim(name)
  end
  mysql.connect(c, { db = c.args.login_db })
  local names = chosen(c)
  for _, name in ipairs(names) do
    c:set(name, get[name](c))
  end
  local program = mysql.program(c, "mariadb", "mysql")
  c:set("server_engine", c.state.mariadb and "MariaDB" or "MySQL")
  c:set("connector_name", util.basename(program))
  c:set("connector_version", util.run(c, { program, "--version" }, { may_fail = true }).stdout:match("(%d+%.%d+%.%d+)") or "Unknown")
  c.state.settings = nil
end

return {
  doc = "Tell what a MySQL or MariaDB server is, holds and does.",
  spec = "community.mysql.mysql_info",
  example = "- community.mysql.mysql_info:\n    login_unix_socket: /run/mysqld/mysqld.sock\n    filter: [version, databases]\n  register: server",
  returns = "server_engine: MariaDB or MySQL.\nversion: Its version: major, minor, release, suffix, full.\ndatabases: Databases, with their size and number of tables.\nsettings: Global variables; a number beyond 2^63 is a text.\nglobal_status: Global status.\nengines: Storage engines.\nusers: Rows of mysql.user, by host and name.\nusers_info: Accounts, as mysql_user takes them.\nmaster_status: Position in the binary log.\nslave_status: Replication, by host, port and user of the source.\nslave_hosts: Replicas, by their id.\nconnector_name: The client program that asked.\nconnector_version: Its version.",
  side = "target",
  check = "full",
  diff = "none",
  args = mysql.args({
    filter = { type = "list", elements = "str", doc = "Only these groups of facts; with `!` before them, all but these." },
    login_db = { doc = "Database to connect to." },
    exclude_fields = { type = "list", elements = "str", doc = "Of databases, leave out `db_size` or `db_table_count`." },
    return_empty_dbs = { type = "bool", default = false, doc = "Also tell of databases without tables." },
  }),
  run = run,
}
