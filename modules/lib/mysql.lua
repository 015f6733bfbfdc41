-- mysql: MySQL and MariaDB through their own client program, for all mysql modules. What is secret goes through a file of
-- mode 0600 and standard input, never through argv. Results are read from the client's XML, which tells NULL from text.

local util = use("util")

local mysql = {}

local COMMON = {
  login_user = { doc = "Who logs in." },
  login_password = { no_log = true, doc = "The password." },
  login_host = { default = "localhost", doc = "Where the server is." },
  login_port = { type = "int", default = 3306, doc = "Its port." },
  login_unix_socket = { empty_is_none = true, doc = "Its socket." },
  connect_timeout = { type = "int", default = 30, doc = "Seconds to connect." },
  config_file = { type = "path", default = "~/.my.cnf", doc = "File with user and password; empty: none." },
  ca_cert = { type = "path", aliases = { "ssl_ca" }, doc = "Certificate authority of the server." },
  client_cert = { type = "path", aliases = { "ssl_cert" }, doc = "Client certificate." },
  client_key = { type = "path", aliases = { "ssl_key" }, doc = "Its key." },
  check_hostname = { type = "bool", doc = "Check the name in the server's certificate." },
}

function mysql.args(own)
  for name, arg in pairs(COMMON) do
    own[name] = own[name] or arg
  end
  return own
end

-- -- the client --------------------------------------------------------------------------------------------------------

-- A value of an option file.
local function option(value)
  return '"' .. value:gsub("[\\\"]", "\\%0"):gsub("\n", "\\n"):gsub("\t", "\\t") .. '"'
end

-- The lines of the option file that say how to log in.
local function login(c, implicit)
  local a = c.args
  local lines = { "[client]" }
  local function set(name, value)
    if value ~= nil and value ~= "" then
      lines[#lines + 1] = name .. " = " .. option(tostring(value))
    end
  end
  set("user", implicit and "root" or a.login_user)
  if implicit then
    lines[#lines + 1] = 'password = ""'
  else
    set("password", a.login_password)
  end
  if a.login_unix_socket then
    set("socket", a.login_unix_socket)
  else
    set("host", a.login_host)
    set("port", a.login_port)
    if c.state.tcp then
      set("protocol", "tcp")
    end
  end
  set("ssl-ca", a.ca_cert)
  set("ssl-cert", a.client_cert)
  set("ssl-key", a.client_key)
  if a.check_hostname then
    lines[#lines + 1] = "ssl-verify-server-cert"
  end
  util.append(lines, "[mysql]", "connect-timeout = " .. a.connect_timeout)
  return lines
end

-- The option file of this call; the user's own is read with it, after it when that is asked for.
function mysql.options_file(c)
  if c.state.file then
    return c.state.file
  end
  local own, path = login(c, c.state.implicit), c.args.config_file
  local lines = {}
  if path and path ~= "" and c.fs.exists(path) then
    local include = "!include " .. path
    lines = c.args.config_overrides_defaults and util.append(util.copy(own), include) or util.extend({ include }, own)
  else
    lines = own
  end
  c.state.file = c:tmpdir() .. "/client.cnf"
  c.fs.write(c.state.file, util.unlines(lines), { mode = 384 })
  return c.state.file
end

-- The path of a program of either family.
function mysql.program(c, ...)
  for _, name in ipairs({ ... }) do
    local path = c:which(name)
    if path then
      return path
    end
  end
  return c:need((...))
end

local function client(c, sql, words)
  local argv = { mysql.program(c, "mariadb", "mysql"), "--defaults-file=" .. mysql.options_file(c) }
  util.extend(argv, words)
  if c.state.db and c.state.db ~= "" then
    util.append(argv, "--database=" .. c.state.db)
  end
  return util.run(c, argv, { stdin = (c.state.before or "") .. sql .. ";\n", may_fail = true })
end

-- "ERROR 1045 (28000) at line 1: text" as { code, text }.
local function error_of(r)
  local code, text = r.stderr:match("ERROR (%d+)[^:]*: (.-)%s*$")
  return tonumber(code), text or util.trim(r.stderr)
end

local ENTITIES = { amp = "&", lt = "<", gt = ">", quot = '"', apos = "'" }

local function unescaped(text)
  return (text:gsub("&(%w+);", ENTITIES))
end

-- Reads the fields of a row, whose values may hold line ends.
local function fields(row)
  local item, at = {}, 1
  while true do
    local from, to, name = row:find('<field name="([^"]*)"', at)
    if not from then
      return item
    end
    local nil_to = select(2, row:find('^ xsi:nil="true" />', to + 1))
    if nil_to then
      item[#item + 1] = { unescaped(name), null }
      at = nil_to + 1
    else
      local stop = row:find("</field>", to, true)
      local start = row:find(">", to, true)
      if not stop or not start or start >= stop then
        return item  -- cut off
      end
      item[#item + 1] = { unescaped(name), unescaped(row:sub(start + 1, stop - 1)) }
      at = stop + 8
    end
  end
end

function mysql.parse(xml)
  local out = list()
  for row in xml:gmatch("<row>(.-)</row>") do
    out[#out + 1] = fields(row)
  end
  return out
end

-- Runs statements; their rows, each a list of { column, value }. A failure gives nil, its number and its text.
function mysql.try(c, sql)
  local r = client(c, sql, { "--xml", "--default-character-set=utf8mb4" })
  if r.rc ~= 0 then
    return nil, error_of(r)
  end
  return mysql.parse(r.stdout)
end

function mysql.rows(c, sql)
  local rows, code, text = mysql.try(c, sql)
  return rows or c:fail("(" .. tostring(code) .. ", '" .. text .. "')")
end

-- Raw output of a run with other words: result of util.run, error number and text.
function mysql.raw(c, sql, words)
  local r = client(c, sql, words)
  return r, error_of(r)
end

-- The first column of the first row, nil without one.
function mysql.value(c, sql)
  local row = mysql.rows(c, sql)[1]
  return row and row[1] and row[1][2]
end

function mysql.run(c, sql)
  mysql.rows(c, sql)
end

-- Whether the rows are none.
function mysql.any(c, sql)
  return #mysql.rows(c, sql) > 0
end

-- What the server calls the types of the columns that a statement without effect gives.
function mysql.types(c, sql)
  local r = mysql.raw(c, sql, { "--column-type-info", "-vvv" })
  local out = {}
  for name, kind in r.stdout:gmatch("Field%s+%d+:%s+`(.-)`\n.-\nType:%s+(%S+)") do
    out[name] = kind
  end
  return out
end

local WHOLE, REAL, DATES = util.set({ "TINY", "SHORT", "LONG", "LONGLONG", "INT24", "YEAR" }), util.set({ "FLOAT", "DOUBLE" }), util.set({ "DATETIME", "TIMESTAMP" })

-- The text of a column of this type as the value it is.
function mysql.typed(value, kind)
  if value == null then
    return null
  elseif WHOLE[kind] then
    return math.tointeger(tonumber(value)) or value
  elseif REAL[kind] then
    return tonumber(value) and tonumber(value) + 0.0 or value
  elseif DATES[kind] then
    return (value:gsub(" ", "T", 1))
  end
  return value
end

-- -- logging in --------------------------------------------------------------------------------------------------------

local function answers(c)
  c.state.file = nil
  return mysql.try(c, "SELECT VERSION(), @@sql_mode")
end

-- Connects: c.state.version, mariadb, ansi and no_backslash tell of the server.
function mysql.connect(c, options)
  options = options or {}
  local rows, code, text
  c.state.db = options.db
  if c.args.check_implicit_admin then
    c.state.implicit = true
    rows = answers(c)
    c.state.implicit = rows ~= nil
  end
  if not rows then
    rows, code, text = answers(c)
    if not rows and code == 2002 and c.args.login_host == "localhost" and not c.args.login_unix_socket then
      c.state.tcp = true  -- no socket: a server that listens on the network only
      rows, code, text = answers(c)
    end
  end
  if not rows then
    c:fail("unable to connect to database, check login_user and login_password are correct or " .. tostring(c.args.config_file) ..
      " has the credentials. Exception message: (" .. tostring(code) .. ", \"" .. text .. "\")")
  end
  local first = rows[1] or {}
  local version, modes = first[1] and first[1][2], first[2] and first[2][2]
  if type(version) ~= "string" or type(modes) ~= "string" then
    c:fail("unable to connect to database: mysql did not tell the server's version")
  end
  c.state.mariadb = version:lower():find("mariadb", 1, true) ~= nil
  c.state.version = version:match("^[%d%.]+")
  c.state.ansi = modes:find("ANSI", 1, true) ~= nil
  c.state.no_backslash = modes:find("NO_BACKSLASH_ESCAPES", 1, true) ~= nil
end

-- Whether the server is at least this version.
function mysql.at_least(c, wanted)
  local have = util.split(c.state.version, ".")
  for i, part in ipairs(util.split(wanted, ".")) do
    local x, y = tonumber(have[i]) or 0, tonumber(part)
    if x ~= y then
      return x > y
    end
  end
  return true
end

-- Settings of the session that every run makes first.
function mysql.session(c, vars, binlog)
  local out = {}
  if binlog == false then
    out[1] = "SET SQL_LOG_BIN=0;\n"
  end
  for _, name in ipairs(util.keys(vars)) do
    if not name:match("^[%w_%.]+$") then
      c:fail("session_vars: '" .. name .. "' is no name of a variable")
    end
    local value = vars[name]
    out[#out + 1] = "SET " .. name .. " = " .. mysql.literal(c, value) .. ";\n"
  end
  c.state.before = table.concat(out)
end

-- -- writing SQL -------------------------------------------------------------------------------------------------------

local ESCAPES = { ["\0"] = "\\0", ["\n"] = "\\n", ["\r"] = "\\r", ["\26"] = "\\Z", ["\\"] = "\\\\" }

-- A text as a literal.
function mysql.quote(c, text)
  text = tostring(text)
  if not c.state.no_backslash then
    text = text:gsub("[%z\n\r\26\\]", ESCAPES)
  end
  return "'" .. text:gsub("'", "''") .. "'"
end

-- Any value as a literal.
function mysql.literal(c, value)
  if value == nil or value == null then
    return "NULL"
  elseif type(value) == "boolean" then
    return value and "true" or "false"
  elseif type(value) == "number" then
    return tostring(math.tointeger(value) or value)
  end
  return mysql.quote(c, value)
end

-- A name between backticks.
function mysql.name(text)
  return "`" .. text:gsub("`", "``") .. "`"
end

-- 'user'@'host'
function mysql.account(c, user, host)
  return mysql.quote(c, user) .. "@" .. mysql.quote(c, host)
end

return mysql
