-- mysql_query: runs statements on MySQL and MariaDB, all in one session.

local mysql = use("mysql")

local DML, DDL = { "INSERT", "UPDATE", "DELETE", "REPLACE" }, { "CREATE", "DROP", "ALTER", "RENAME", "TRUNCATE" }

-- The statement with its arguments in place of %s or %(name)s.
local function filled(c, text)
  local a, at = c.args, 0
  if not a.positional_args and not a.named_args then
    return text
  end
  local function literal(value)
    if type(value) == "table" then
      local out = {}
      for i, item in ipairs(value) do
        out[i] = mysql.literal(c, item)
      end
      return "(" .. table.concat(out, ",") .. ")"
    end
    return mysql.literal(c, value)
  end
  local i, parts = 1, {}
  while i <= #text do
    local ch, name = text:sub(i, i), text:match("^%%%(([^)]*)%)s", i)
    if name and a.named_args then
      if a.named_args[name] == nil then
        c:fail("Cannot execute SQL '" .. text .. "': there is no named argument '" .. name .. "'")
      end
      parts[#parts + 1] = literal(a.named_args[name])
      i = i + #name + 4
    elseif text:sub(i, i + 1) == "%s" and a.positional_args then
      at = at + 1
      if a.positional_args[at] == nil then
        c:fail("Cannot execute SQL '" .. text .. "' args: not enough arguments for format string")
      end
      parts[#parts + 1] = literal(a.positional_args[at])
      i = i + 2
    elseif text:sub(i, i + 1) == "%%" then
      parts[#parts + 1] = "%"
      i = i + 2
    else
      parts[#parts + 1] = ch
      i = i + 1
    end
  end
  return table.concat(parts)
end

-- What the server calls the columns' types. Only a plain SELECT can be asked without running it again for real.
local function types(c, sql)
  if not sql:match("^%s*[Ss][Ee][Ll][Ee][Cc][Tt]%s") then
    return {}
  end
  return mysql.types(c, "SELECT * FROM (" .. sql:gsub("[;%s]+$", "") .. ") AS play_types LIMIT 0")
end

-- Reads what the client printed of one statement from `at` on: rows, count, and where the next begins.
local function result(text, at)
  local rows, count = list(), 0
  if text:sub(at, at + 4) == "<?xml" then
    local stop = select(2, text:find("</resultset>", at, true))
    rows = mysql.parse(text:sub(at, stop))
    count, at = #rows, stop + 1
  else
    count = tonumber(text:match("^Query OK, (%d+) row", at)) or 0
  end
  return rows, count, at
end

local function changes(sql, count)
  local head = sql:gsub("^%s+", ""):sub(1, 8):upper()
  for _, word in ipairs(DML) do
    if head:find(word, 1, true) and count > 0 then
      return true
    end
  end
  for _, word in ipairs(DDL) do
    if head:find(word, 1, true) then
      return true
    end
  end
  return false
end

local function statements(c)
  local given = c.args.query
  if type(given) == "string" then
    given = { given }
  end
  if type(given) ~= "table" or given[1] == nil and next(given) ~= nil then
    c:fail("the query option value must be a string or list, passed " .. type(given))
  end
  local out = {}
  for i, text in ipairs(given) do
    if type(text) ~= "string" then
      c:fail("the elements in query list must be strings, passed '" .. tostring(text) .. "'")
    end
    out[i] = filled(c, text):gsub("[;%s]+$", "")
  end
  return out
end

local function run(c)
  local a = c.args
  mysql.connect(c, { db = a.login_db })
  mysql.session(c, a.session_vars)
  local all = statements(c)
  local script = (a.single_transaction and "START TRANSACTION;\n" or "") .. table.concat(all, ";\n") .. (a.single_transaction and ";\nCOMMIT" or "")
  local r, code, why = mysql.raw(c, script, { "--xml", "-vvv", "--default-character-set=utf8mb4" })
  local results, counts, at, changed = list(), list(), 1, false
  for i, sql in ipairs(all) do
    local head = "--------------\n" .. sql .. "\n--------------\n\n"
    local from, to = r.stdout:find(head, at, true)
    local failed = not from or (r.rc ~= 0 and not r.stdout:find("^[<Q]", to + 1))
    if failed then
      c:fail("Cannot execute SQL '" .. sql .. "' args [" .. (a.positional_args and "..." or "None") .. "]: (" .. tostring(code) .. ", \"" .. tostring(why) .. "\")")
    end
    local rows, count, next_at = result(r.stdout, to + 1)
    local kinds, out = #rows > 0 and types(c, sql) or {}, list()
    for j, row in ipairs(rows) do
      out[j] = dict({})
      for _, field in ipairs(row) do
        out[j][field[1]] = mysql.typed(field[2], kinds[field[1]])
      end
    end
    results[i], counts[i], at = out, count, next_at
    changed = changes(sql, count) or changed
  end
  if changed then
    c:changed()
  end
  c:set("executed_queries", list(all))
  c:set("query_result", results)
  c:set("rowcount", counts)
end

return {
  doc = "Run statements on MySQL and MariaDB.",
  spec = "community.mysql.mysql_query",
  example = "- community.mysql.mysql_query:\n    login_db: shop\n    query: SELECT name FROM customers WHERE id = %s\n    positional_args: [7]\n    login_unix_socket: /run/mysqld/mysqld.sock",
  returns = "query_result: Rows of each statement.\nrowcount: Rows found or changed by each.\nexecuted_queries: The statements with their arguments.",
  side = "target",
  check = "none",
  diff = "none",
  args = mysql.args({
    query = { type = "raw", required = true, doc = "A statement, or a list of them." },
    login_db = { doc = "The database." },
    positional_args = { type = "list", elements = "raw", doc = "Values for %s." },
    named_args = { type = "dict", doc = "Values for %(name)s." },
    single_transaction = { type = "bool", default = false, doc = "All or nothing." },
    session_vars = { type = "dict", doc = "Settings of the session." },
  }),
  exclusive = { { "positional_args", "named_args" } },
  run = run,
}
