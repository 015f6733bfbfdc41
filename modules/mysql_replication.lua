-- mysql_replication: what a MySQL or MariaDB server replicates from where, and whether it does.

local util = use("util")
local mysql = use("mysql")

-- -- the words of the server's family and version ------------------------------------------------------------------------

-- Whether the server is of a family, and at least of this version of it.
local function since(c, mariadb, version)
  return c.state.mariadb == mariadb and mysql.at_least(c, version)
end

local function replica(c)
  return (since(c, true, "10.5.1") or since(c, false, "8.0.22")) and "REPLICA" or "SLAVE"
end

local function says_source(c)
  return c.args.mode == "changereplication" or since(c, false, "8.0.23")
end

-- -- statements ------------------------------------------------------------------------------------------------------------

local function connection(c)
  local name = c.args.connection_name
  return name and name ~= "" and " " .. mysql.quote(c, name) or ""
end

local function channel(c)
  local name = c.args.channel
  return name and name ~= "" and " FOR CHANNEL " .. mysql.quote(c, name) or ""
end

-- Options of CHANGE MASTER in the order in which they are written; those that name the other server begin with MASTER_ or SOURCE_.
local OPTIONS = {
  "host", "user", "password", "port", "connect_retry", "log_file", "log_pos", "delay", "relay_log_file", "relay_log_pos", "ssl", "ssl_ca",
  "ssl_capath", "ssl_cert", "ssl_key", "ssl_cipher", "ssl_verify_server_cert", "auto_position",
}

local function settings(c)
  local a, out = c.args, {}
  local prefix = says_source(c) and "SOURCE_" or "MASTER_"
  for _, name in ipairs(OPTIONS) do
    local relay = name:match("^relay_") ~= nil
    local value = a[relay and name or "primary_" .. name]
    if name == "auto_position" and not value then
      value = nil
    end
    if type(value) == "boolean" then
      value = value and 1 or 0
    end
    if value ~= nil then
      out[#out + 1] = (relay and "" or prefix) .. name:upper() .. "=" .. mysql.literal(c, value)
    end
  end
  local gtid = a.primary_use_gtid
  if gtid and a.mode == "changeprimary" then  -- of MariaDB only
    gtid = gtid == "disabled" and "no" or gtid == "replica_pos" and replica(c) == "SLAVE" and "slave_pos" or gtid
    out[#out + 1] = "MASTER_USE_GTID=" .. gtid
  end
  return out
end

local function reason(c, code, text)
  return "(" .. tostring(code) .. ", " .. util.python(c, text) .. ")"
end

local function change(c)
  local parts = settings(c)
  local head = says_source(c) and "CHANGE REPLICATION SOURCE" or "CHANGE MASTER"
  local named = c.args.mode == "changeprimary" and connection(c) or ""
  local sql = head .. named .. " TO " .. table.concat(parts, ",") .. channel(c)
  local rows, code, text = mysql.try(c, sql)
  if not rows then
    c:fail(reason(c, code, text) .. ". Query == " .. head .. " TO " .. util.python(c, list(parts)))
  end
  c:changed()
  c:set("queries", list({ sql }))
end

-- -- asking ----------------------------------------------------------------------------------------------------------------

-- The columns of the first row as keys of the result; whether there is one.
local function status(c, sql)
  local row = mysql.rows(c, sql)[1]
  if not row then
    return false
  end
  local kinds = mysql.types(c, sql)
  for _, field in ipairs(row) do
    c:set(field[1], mysql.typed(field[2], kinds[field[1]]))
  end
  return true
end

local function primary_status(c)
  local words = since(c, true, "10.5.2") and "BINLOG" or since(c, false, "8.2.0") and "BINARY LOG" or "MASTER"
  local found = status(c, "SHOW " .. words .. " STATUS")
  c:set("Is_Primary", found)
  if not found then
    c:set("msg", "Server is not configured as mysql primary. Meaning: Binary logs are disabled")
  end
  c:set("queries", list())
end

local function replica_status(c)
  local found = status(c, "SHOW " .. replica(c) .. connection(c) .. " STATUS" .. channel(c))
  c:set("Is_Replica", found)
  if not found then
    c:set("msg", "Server is not configured as mysql replica")
  end
  c:set("queries", list())
end

-- -- starting, stopping, forgetting ----------------------------------------------------------------------------------------

-- Per mode: what is run, its name in an error, and what is said when it succeeded and when not.
local MODES = {
  startreplica = {
    sql = function(c) return "START " .. replica(c) .. connection(c) .. channel(c) end,
    name = "START REPLICA", done = "Replica started ", other = "Replica already started (Or cannot be started)",
  },
  stopreplica = {
    sql = function(c) return "STOP " .. replica(c) .. connection(c) .. channel(c) end,
    name = "STOP REPLICA", done = "Replica stopped", other = "Replica already stopped",
  },
  resetprimary = {
    sql = function(c) return since(c, false, "8.4.0") and "RESET BINARY LOGS AND GTIDS" or "RESET MASTER" end,
    done = "Primary reset", other = "Primary already reset",
  },
  resetreplica = {
    sql = function(c) return "RESET " .. replica(c) .. connection(c) .. channel(c) end,
    name = "RESET REPLICA", done = "Replica reset", other = "Replica already reset",
  },
  resetreplicaall = {
    sql = function(c) return "RESET " .. replica(c) .. connection(c) .. " ALL" .. channel(c) end,
    name = "RESET REPLICA ALL", done = "Replica reset", other = "Replica already reset",
  },
}

local function act(c, mode)
  local sql = mode.sql(c)
  local rows, code, text = mysql.try(c, sql)
  if not rows and c.args.fail_on_error then
    c:fail((mode.name or sql) .. " failed: " .. reason(c, code, text))
  end
  if rows then
    c:changed()
  end
  c:set("msg", rows and mode.done or mode.other)
  c:set("queries", list({ sql }))
end

local function run(c)
  mysql.connect(c)
  local mode = c.args.mode
  if mode == "getprimary" then
    primary_status(c)
  elseif mode == "getreplica" then
    replica_status(c)
  elseif MODES[mode] then
    act(c, MODES[mode])
  else
    change(c)
  end
end

return {
  doc = "Set up, start, stop and ask for the replication of a MySQL or MariaDB server.",
  spec = "community.mysql.mysql_replication",
  example = "- community.mysql.mysql_replication:\n    mode: changeprimary\n    primary_host: db1.example\n    primary_user: replica\n    primary_password: secret\n    login_unix_socket: /run/mysqld/mysqld.sock",
  returns = "queries: The statement that was run.\nIs_Primary: Whether the server writes a binary log (getprimary); with it the columns of its status.\nIs_Replica: Whether it replicates (getreplica); with it the columns of its status.",
  side = "target",
  check = "none",
  diff = "none",
  args = mysql.args({
    mode = {
      default = "getreplica",
      choices = {
        "getprimary", "getreplica", "changeprimary", "stopreplica", "startreplica", "resetprimary", "resetreplica", "resetreplicaall", "changereplication",
      },
      doc = "What to do; changereplication is of MySQL 8.0.23 and later.",
    },
    primary_host = { aliases = { "master_host" }, doc = "The server to replicate." },
    primary_user = { aliases = { "master_user" }, doc = "Who logs in there." },
    primary_password = { no_log = true, aliases = { "master_password" }, doc = "The password." },
    primary_port = { type = "int", aliases = { "master_port" }, doc = "Its port." },
    primary_connect_retry = { type = "int", aliases = { "master_connect_retry" }, doc = "Seconds between attempts to connect." },
    primary_log_file = { aliases = { "master_log_file" }, doc = "Binary log to begin with." },
    primary_log_pos = { type = "int", aliases = { "master_log_pos" }, doc = "Place in it." },
    primary_delay = { type = "int", aliases = { "master_delay" }, doc = "Seconds to lag behind." },
    primary_auto_position = { type = "bool", default = false, aliases = { "master_auto_position" }, doc = "Begin where the GTIDs say (MySQL)." },
    primary_use_gtid = { choices = { "current_pos", "replica_pos", "disabled" }, aliases = { "master_use_gtid" }, doc = "Use GTIDs (MariaDB)." },
    primary_ssl = { type = "bool", aliases = { "master_ssl" }, doc = "Use TLS." },
    primary_ssl_ca = { aliases = { "master_ssl_ca" }, doc = "Certificate authority." },
    primary_ssl_capath = { aliases = { "master_ssl_capath" }, doc = "Directory of certificate authorities." },
    primary_ssl_cert = { aliases = { "master_ssl_cert" }, doc = "Client certificate." },
    primary_ssl_key = { aliases = { "master_ssl_key" }, doc = "Its key." },
    primary_ssl_cipher = { aliases = { "master_ssl_cipher" }, doc = "Ciphers." },
    primary_ssl_verify_server_cert = { type = "bool", doc = "Check the name in the server's certificate." },
    relay_log_file = { doc = "Relay log to begin with." },
    relay_log_pos = { type = "int", doc = "Place in it." },
    connection_name = { doc = "Which replication, of several (MariaDB)." },
    channel = { doc = "Which replication, of several (MySQL)." },
    fail_on_error = { type = "bool", default = false, doc = "Fail when it cannot be started, stopped or reset." },
  }),
  exclusive = { { "connection_name", "channel" } },
  run = run,
}
