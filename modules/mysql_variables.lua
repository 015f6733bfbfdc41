-- mysql_variables: settings of a running MySQL or MariaDB server.

local util = use("util")
local mysql = use("mysql")

-- A number as a number, so that 1 and 1.0 are the same.
local function typed(text)
  return tonumber(text) or text
end

local function variable(c)
  local row = mysql.rows(c, "SHOW VARIABLES WHERE Variable_name = " .. mysql.quote(c, c.args.variable))[1]
  return row and row[2][2]
end

-- What mysqld-auto.cnf has (MySQL 8).
local function persisted(c)
  local rows, _, why = mysql.try(c, "SELECT VARIABLE_VALUE FROM performance_schema.persisted_variables WHERE VARIABLE_NAME = " .. mysql.quote(c, c.args.variable))
  if not rows then
    c:fail("Server does not support persisting variables: " .. why)
  end
  return rows[1] and rows[1][1][2]
end

local SETS = { global = "SET GLOBAL ", persist = "SET PERSIST ", persist_only = "SET PERSIST_ONLY " }
local BOOLEANS = { ["1"] = "ON", TRUE = "ON", YES = "ON", ["0"] = "OFF", FALSE = "OFF", NO = "OFF" }

local function run(c)
  local a = c.args
  if not a.variable:match("^[%w_.]+$") then
    c:fail('invalid variable name "' .. a.variable .. '"')
  end
  mysql.connect(c, { db = "mysql" })
  local now = variable(c)
  if now == nil then
    c:fail('Variable not available "' .. a.variable .. '"')
  end
  if a.value == nil then
    c:set("msg", now)
    return
  end
  local stored = a.mode ~= "global" and persisted(c) or nil
  if a.mode == "persist_only" then
    now = stored or false
  end
  local want, have = typed(a.value), typed(now)
  if have == "ON" or have == "OFF" then
    want = BOOLEANS[tostring(a.value):upper()] or tostring(a.value):upper()
  end
  if want == have and a.mode == "global" then
    c:set("msg", "Variable is already set to requested value.")
    return
  elseif want == have and typed(stored) == want then
    c:set("msg", a.mode == "persist" and "Variable is already set to requested value globallyand stored into mysqld-auto.cnf file."
      or "Variable is already stored into mysqld-auto.cnf with requested value.")
    return
  end
  local name = {}
  for i, part in ipairs(util.split(a.variable, ".")) do
    name[i] = mysql.name(part)
  end
  local sql = SETS[a.mode] .. table.concat(name, ".") .. " = "
  mysql.run(c, sql .. mysql.literal(c, want))
  c:changed()
  c:set("msg", "Variable change succeeded prev_value=" .. tostring(have))
  c:set("queries", list({ sql .. tostring(want) }))
end

return {
  doc = "Read and change settings of a running MySQL or MariaDB server.",
  spec = "community.mysql.mysql_variables",
  example = "- community.mysql.mysql_variables:\n    variable: read_only\n    value: 'ON'\n    login_unix_socket: /run/mysqld/mysqld.sock",
  returns = "msg: The value, or what was done.\nqueries: The statement that was run.",
  side = "target",
  check = "none",
  diff = "none",
  args = mysql.args({
    variable = { required = true, doc = "Name of the setting." },
    value = { doc = "Its value; not given: it is told." },
    mode = { default = "global", choices = { "global", "persist", "persist_only" }, doc = "For this run of the server, or beyond it (MySQL 8)." },
  }),
  run = run,
}
