-- postgresql_query: SQL of the user's own. Each item of `query` goes to the server as one message, as psycopg2 sends it: psql
-- gets it as a text that \gexec passes on, so that nothing in it is a command or a variable of psql's.

local util = use("util")
local postgres = use("postgres")

-- -- values in place of %s and %(name)s ------------------------------------------------------------------------------------

local function python_type(value)
  return type(value) == "table" and "dict" or type(value)
end

-- A list as the text of an array, made of what Python shows of it; nil for anything else.
local function array_text(c, value)
  local text = type(value) == "table" and util.python(c, value) or ""
  return text:sub(1, 1) == "[" and "{" .. text:gsub("^[%[%]]*", ""):gsub("[%[%]]*$", "") .. "}" or nil
end

-- A value as psycopg2 writes it into SQL. A list becomes the text of an array, as Python shows the list.
local function literal(c, value, quote)
  if value == nil or value == null then
    return "NULL"
  elseif type(value) == "boolean" then
    return value and "true" or "false"
  elseif type(value) == "number" then
    return (value < 0 and " " or "") .. c.json.encode(value)
  elseif type(value) == "string" then
    return quote(value)
  end
  local text = array_text(c, value)
  if text then
    return quote(text)
  end
  return type(value) ~= "table" and tostring(value) or nil, "can't adapt type '" .. python_type(value) .. "'"
end

-- A text with the values, which `quote` quotes; nil and why not. As in psycopg2 what is wrong with a value is said before what is
-- wrong with a placeholder.
local function bound(c, sql, quote)
  local positional = c.args.positional_args
  local named = not positional and c.args.named_args
  if not (positional and #positional > 0) and not (named and next(named) ~= nil) then
    return sql
  end
  local out, at, n, wrong = {}, 1, 0, nil
  while true do
    local percent = sql:find("%", at, true)
    out[#out + 1] = sql:sub(at, (percent or #sql + 1) - 1)
    if not percent then
      break
    end
    local key, ending = sql:match("^%%%(([^)]*)%)()", percent)
    if not key and sql:sub(percent + 1, percent + 1) == "(" then
      return nil, "incomplete placeholder: '%(' without ')'"
    elseif sql:sub(percent + 1, percent + 1) == "%" then
      out[#out + 1], at = "%", percent + 2
    else
      local value
      ending = ending or percent + 1
      if key and not named then
        return nil, "list indices must be integers or slices, not str"
      elseif key and named[key] == nil then
        return nil, util.python(c, key)
      elseif key then
        value = named[key]
      elseif named then
        return nil, "dict is not a sequence"
      else
        n = n + 1
        if n > #positional then
          return nil, "list index out of range"
        end
        value = positional[n]
      end
      local format = sql:sub(ending, ending)
      if format ~= "s" then
        wrong = wrong or ("unsupported format character '%s' (0x%x) at index %d"):format(format, format:byte() or 0, ending - 1)
      end
      local text, why = literal(c, value, quote)
      if not text then
        return nil, why
      end
      out[#out + 1], at = text, ending + 1
    end
  end
  if wrong then
    return nil, wrong
  elseif positional and n > 0 and n < #positional then
    return nil, "not all arguments converted during string formatting"
  end
  return table.concat(out)
end

-- -- what kind of statement --------------------------------------------------------------------------------------------------

-- How far the comment from `at` goes; they may be nested.
local function comment_end(sql, at)
  local depth = 0
  while at <= #sql do
    local two = sql:sub(at, at + 1)
    if two == "/*" or two == "*/" then
      depth = depth + (two == "/*" and 1 or -1)
      at = at + 2
      if depth == 0 then
        return at - 1
      end
    else
      at = sql:find("[/*]", at + 1) or #sql + 1
    end
  end
  return #sql
end

-- How far the text with quotes, or the comment, from `at` goes; nil for anything else.
local function piece_end(sql, at)
  local tag = sql:match("^%$[%a_]?[%w_]*%$", at)
  if tag then
    local _, to = sql:find(tag, at + #tag, true)
    return to or #sql
  elseif sql:find("^[eE]'", at) and not sql:sub(at - 1, at - 1):match("[%w_$]") then
    local i = at + 2
    while i <= #sql do
      local ch = sql:sub(i, i)
      if ch == "'" then
        return i
      end
      i = i + (ch == "\\" and 2 or 1)
    end
    return #sql
  elseif sql:find("^['\"]", at) then
    return sql:find(sql:sub(at, at), at + 1, true) or #sql
  elseif sql:find("^%-%-", at) then
    return (sql:find("\n", at, true) or #sql + 1) - 1
  elseif sql:find("^/%*", at) then
    return comment_end(sql, at)
  end
end

-- The last statement of a text, and the same without what is quoted and without comments.
local function last_statement(sql)
  local found, now, from, at = nil, {}, 1, 1
  local function done(to)
    local plain = table.concat(now)
    if plain:match("%S") then
      found = { text = sql:sub(from, to), plain = util.trim(plain):upper() }
    end
    now, from = {}, to + 2
  end
  while at <= #sql do
    local to = piece_end(sql, at)
    if to then
      now[#now + 1] = sql:sub(at, at):match("[-/]") and " " or "''"
      at = to + 1
    elseif sql:sub(at, at) == ";" then
      done(at - 1)
      at = at + 1
    else
      to = (sql:find("[eE$'\"/;-]", at + 1) or #sql + 1) - 1
      now[#now + 1] = sql:sub(at, to)
      at = to + 1
    end
  end
  done(#sql)
  return found or { text = "", plain = "" }
end

local ROWS = util.set({ "SELECT", "WITH", "VALUES", "TABLE", "FETCH", "EXECUTE", "EXPLAIN", "CALL", "INSERT", "UPDATE", "DELETE", "MERGE" })

local function first_word(statement)
  return statement.plain:match("^[%s(]*(%a*)")
end

-- -- the values of a row -------------------------------------------------------------------------------------------------------

local function whole(text)
  return math.tointeger(tonumber(text)) or text
end

local function broken(text)
  local number = ({ NaN = 0 / 0, Infinity = math.huge, ["-Infinity"] = -math.huge })[text] or tonumber(text)
  return number and number + 0.0 or text
end

-- An interval as Python writes a timedelta: a year has 365 days, a month 30.
local function interval(text)
  local days, micros = 0, 0
  for amount, unit in text:gmatch("([-+]?%d+) (%a+)") do
    local length = ({ year = 365, mon = 30, day = 1 })[(unit:gsub("s$", ""))]
    if not length then
      return text
    end
    days = days + math.tointeger(tonumber(amount)) * length
  end
  local sign, hours, minutes, seconds, fraction = text:match("([-+]?)(%d+):(%d+):(%d+)%.?(%d*)$")
  if hours then
    micros = ((tonumber(hours) * 60 + tonumber(minutes)) * 60 + tonumber(seconds)) * 1000000 + tonumber((fraction .. "000000"):sub(1, 6))
    micros = math.tointeger(sign == "-" and -micros or micros)
  end
  days, micros = days + micros // 86400000000, micros % 86400000000
  local shown = days ~= 0 and days .. " day" .. ((days == 1 or days == -1) and "" or "s") .. ", " or ""
  local second = micros // 1000000
  shown = shown .. ("%d:%02d:%02d"):format(second // 3600, second // 60 % 60, second % 60)
  return shown .. (micros % 1000000 ~= 0 and (".%06d"):format(micros % 1000000) or "")
end

-- A date or a time as Python's isoformat() writes it.
local function iso(text)
  if text == "infinity" then
    return "9999-12-31"
  elseif text == "-infinity" then
    return "0001-01-01"
  end
  text = text:gsub(" (%d%d:)", "T%1"):gsub("%.(%d+)", function(digits) return "." .. (digits .. "000000"):sub(1, 6) end)
  return (text:gsub("([-+]%d%d)$", function(zone) return text:find("T", 1, true) and zone .. ":00" or zone end))
end

local function iso_time(text)
  return text:find("infinity", 1, true) and iso(text) .. (text == "infinity" and "T23:59:59.999999" or "T00:00:00") or iso(text)
end

local SCALARS = {
  smallint = whole, integer = whole, bigint = whole, oid = whole, real = broken, ["double precision"] = broken, numeric = broken,
  boolean = function(text) return text == "t" end, interval = interval, date = iso, ["timestamp without time zone"] = iso_time,
  ["timestamp with time zone"] = iso_time,
}

-- Arrays whose items psycopg2 knows; any other is a text.
local ITEMS = util.copy(SCALARS)
for _, name in ipairs({ "text", "character varying", "character", "name", '"char"', "inet", "cidr", "macaddr", "json", "jsonb", "time without time zone" }) do
  ITEMS[name] = ITEMS[name] or function(text) return text end
end

-- The text of an array as a list, as deep as it is.
local function array(text, convert)
  local at = (text:find("{", 1, true) or 1)
  local function read()
    local out = list()
    at = at + 1
    while at <= #text and text:sub(at, at) ~= "}" do
      local ch = text:sub(at, at)
      if ch == "{" then
        out[#out + 1] = read()
      elseif ch == '"' then
        local item, i = {}, at + 1
        while i <= #text and text:sub(i, i) ~= '"' do
          i = i + (text:sub(i, i) == "\\" and 1 or 0)
          item[#item + 1] = text:sub(i, i)
          i = i + 1
        end
        out[#out + 1], at = convert(table.concat(item)), i + 1
      elseif ch == "," then
        at = at + 1
      else
        local item = text:match("^[^,}]*", at)
        at = at + #item
        if item:upper() == "NULL" then
          out[#out + 1] = null
        else
          out[#out + 1] = convert(item)
        end
      end
    end
    at = at + 1
    return out
  end
  return read()
end

-- What a text of this type is for Ansible, where psycopg2 knows the type.
local function converted(c, text, kind)
  local function json(value)
    local ok, decoded = pcall(c.json.decode, value)
    return ok and decoded or value
  end
  -- as format_type() names it: timestamp(3) without time zone, numeric(10,2), character varying(5)[]
  kind = kind:gsub("%([%d,-]*%)", "")
  local item = kind:match("^(.*)%[%]$")
  if item and ITEMS[item] then
    return array(text, item:match("^jsonb?$") and json or ITEMS[item])
  elseif kind == "json" or kind == "jsonb" then
    return json(text)
  end
  local convert = SCALARS[kind]
  if convert then
    return convert(text)
  end
  return text
end

-- -- psql's script and its answer ------------------------------------------------------------------------------------------------

-- Between two of these is what belongs together; none of them can come up in a value.
local function marks(c)
  local token = util.hex(c.random(8))
  return { field = "\31" .. token, record = "\30" .. token, null = "\29" .. token, ready = "ready" .. token, done = "done" .. token, types = "types" .. token }
end

local function script(c, m, items)
  local out = { "\\set SHOW_ALL_RESULTS off" }
  local role = postgres.set_role(c)
  if role then
    table.insert(out, 1, role .. ";")
  end
  if c.args.encoding then
    util.append(out, "SET client_encoding = " .. postgres.text(c.args.encoding) .. ";", "SET client_encoding = 'UTF8';")
  end
  if not c.args.autocommit then
    out[#out + 1] = "BEGIN;"
  end
  if c.args.search_path and #c.args.search_path > 0 then
    local names = {}
    for _, name in ipairs(c.args.search_path) do
      names[#names + 1] = name:gsub("^ +", ""):gsub(" +$", "")
    end
    out[#out + 1] = "SET search_path TO " .. table.concat(names, ",") .. ";"
  end
  out[#out + 1] = "\\echo " .. m.ready
  for _, item in ipairs(items) do
    -- SET TRANSACTION must be the first statement of all, which \gexec's own would be
    local first = item.last.plain:match("^SET%s") and item.sql:match("^[%w%s_=.,']*;?%s*$")
    local send = first and item.sql:gsub(";?%s*$", ";") or "SELECT " .. postgres.text(item.sql) .. " \\gexec"
    util.append(out, "\\set QUIET off", send, "\\set QUIET on", "\\echo " .. m.done)
    if item.describe then
      util.append(out, "\\set ON_ERROR_STOP off", "\\set ON_ERROR_ROLLBACK on", item.last.text, "\\gdesc", "\\r", "\\set ON_ERROR_ROLLBACK off",
        "\\set ON_ERROR_STOP on")
    end
    out[#out + 1] = "\\echo " .. m.types
  end
  if not c.args.autocommit then
    out[#out + 1] = c.check and "ROLLBACK;" or "COMMIT;"
  end
  return table.concat(out, "\n") .. "\n"
end

-- The rows of a table that psql printed, the first with the names, what stands behind them, and how many there are: rows without
-- columns are not printed. nil when it printed no table.
local function printed(m, text)
  if not text:find(m.record, 1, true) then
    return nil, util.trim(text)
  end
  local records = util.split(text, m.record)
  local count, behind = table.remove(records):match("^%((%d+) rows?%)\n?(.*)$")
  for i, record in ipairs(records) do
    records[i] = util.split(record, m.field)
  end
  return records, util.trim(behind or ""), math.tointeger(tonumber(count or #records - 1))
end

local function take(text, at, mark)
  local from, to = text:find(mark .. "\n", at, true)
  return text:sub(at, (from or #text + 1) - 1), (to or #text) + 1
end

-- The result of one item: its rows, their number and what the server said.
local function result_of(c, m, item, answer, described)
  local records, status, number = printed(m, answer)
  if not records then
    return dict(), math.tointeger(tonumber(status:match("^%u[%u ]* (%d+)$") or status:match("^INSERT %d+ (%d+)$") or "0")), status:match("[^\n]*$")
  end
  local types = {}
  for i, record in ipairs(printed(m, described) or {}) do
    types[i - 1] = record[2]
  end
  local names, rows = table.remove(records, 1), list()
  local known = #types == #names
  for i = 1, number do
    local row = {}
    for column, text in ipairs(records[i] or {}) do
      if text == m.null then
        row[names[column]] = null
      else
        row[names[column]] = converted(c, text, known and types[column] or "text")
      end
    end
    rows[#rows + 1] = dict(row, names)
  end
  local word = first_word(item.last)
  if status == "" then
    local alone = word == "SHOW" or word == "EXPLAIN" or word == "CALL"
    status = alone and word or (word == "FETCH" and "FETCH " or "SELECT ") .. #rows
  end
  return rows, #rows, status
end

-- Whether a statement changed something, by what the server said, as Ansible's module sees it.
local function changes(status)
  if status:find("SELECT", 1, true) then
    return false
  elseif status:find("UPDATE", 1, true) or status:find("INSERT", 1, true) or status:find("DELETE", 1, true) then
    local words = util.words(status)
    return #words ~= 2 and #words ~= 3 or words[#words] ~= "0"
  end
  return true
end

-- -- the module --------------------------------------------------------------------------------------------------------------------

local function python_args(c)
  local positional, named = c.args.positional_args, c.args.named_args
  if positional and #positional > 0 then
    local shown = list()
    for i, value in ipairs(positional) do
      shown[i] = array_text(c, value) or value
    end
    return util.python(c, shown)
  elseif named and next(named) ~= nil then
    local shown = {}
    for key, value in pairs(named) do
      shown[key] = array_text(c, value) or value
    end
    return util.python(c, shown, c:order("named_args"))
  end
  return "None"
end

-- Blanks, tabs and line ends only: no statement of a script.
local function blank(text)
  return not text:find("[^ \n\t]")
end

local function texts_of(c)
  local a, out = c.args, list()
  if a.path_to_script then
    local found = c.fs.stat(c.fs.realpath(a.path_to_script) or a.path_to_script)
    if not found or found.type ~= "file" then
      local why = not found and "[Errno 2] No such file or directory" or found.type == "directory" and "[Errno 21] Is a directory" or "no regular file"
      c:fail("Cannot read file '" .. a.path_to_script .. "' : " .. why .. ": '" .. a.path_to_script .. "'")
    end
    local text = c.fs.read(a.path_to_script)
    if a.as_single_query or not text:find(";", 1, true) then
      return list({ text })
    end
    for _, part in ipairs(util.split(text, ";")) do
      out[#out + 1] = not blank(part) and part or nil
    end
    return out
  elseif type(a.query) == "table" then
    return a.query
  elseif a.query == nil then
    c:fail("query is needed, or path_to_script: what is to be run?")
  end
  return list({ a.query })
end

local function check_arguments(c)
  local a = c.args
  if a.query and type(a.query) ~= "string" and not (type(a.query) == "table" and c.json.encode(a.query):sub(1, 1) == "[") then
    c:fail("query argument must be of type string or list")
  end
  postgres.check_input(c)
  if a.autocommit and c.check then
    c:fail("Using autocommit is mutually exclusive with check_mode")
  end
  if a.path_to_script and a.query and #a.query > 0 then
    c:fail("path_to_script is mutually exclusive with query")
  end
end

local function run(c)
  check_arguments(c)
  local all = texts_of(c)
  if #all == 0 then
    c:fail("query is empty: what is to be run?")
  end
  local function fail(i, why)
    c:fail("Cannot execute SQL '" .. tostring(all[i]) .. "' " .. python_args(c) .. ": " .. why .. ", query list: " .. util.python(c, all))
  end
  local items = {}
  for i, text in ipairs(all) do
    if type(text) ~= "string" then
      fail(i, "argument 1 must be a string or unicode object: got " .. (math.type(text) == "integer" and "int" or python_type(text)) .. " instead")
    end
    local sql, why = bound(c, text, postgres.text)
    if not sql then
      fail(i, why)
    end
    local last = last_statement(sql)
    if last.plain == "" then
      fail(i, "can't execute an empty query")
    elseif last.plain:match("^COPY%s") and last.plain:match("%f[%w]STD%a+") then
      fail(i, "COPY from or to a stream that only a client has")
    end
    items[i] = { sql = sql, last = last, describe = ROWS[first_word(last)] }
  end
  if (c.args.login_db or "") == "" then
    c:warn("Database name has not been passed, used default database to connect to.")
  end
  local m = marks(c)
  local argv = { "psql", "-X", "-q", "-A", "-F", m.field, "-R", m.record, "-P", "null=" .. m.null, "-v", "ON_ERROR_STOP=1", "-f", "-" }
  if (c.args.login_db or "") ~= "" then
    util.append(argv, "-d", c.args.login_db)
  end
  local r = postgres.program(c, argv, { stdin = script(c, m, items), may_fail = true, env = { PGDATESTYLE = "ISO", PGTZ = nil } })
  local _, at = take(r.stdout, 1, m.ready)
  local results, total, changed = list(), 0, false
  local why, connection
  if r.rc ~= 0 then
    why, connection = postgres.why(c, r)
    if connection then
      c:fail("unable to connect to database: " .. connection)
    elseif at > #r.stdout and not r.stdout:find(m.ready, 1, true) then
      c:fail("Cannot set the encoding or the search_path: " .. why)
    end
  end
  local last, status = dict(), ""
  for i, item in ipairs(items) do
    if r.rc ~= 0 and not r.stdout:find(m.types, at, true) then
      fail(i, why)
    end
    local answer, described, count
    answer, at = take(r.stdout, at, m.done)
    described, at = take(r.stdout, at, m.types)
    last, count, status = result_of(c, m, item, answer, described)
    total = total + count
    changed = changed or changes(status)
    results[#results + 1] = last
  end
  if r.rc ~= 0 then
    fail(#items, why)
  end
  c:set("query", (bound(c, all[#all], postgres.shown)))
  c:set("query_list", all)
  c:set("query_result", last)
  c:set("query_all_results", results)
  c:set("statusmessage", status)
  c:set("rowcount", total)
  if changed then
    c:changed()
  end
end

return {
  doc = "Run SQL on a PostgreSQL database.",
  spec = "community.postgresql.postgresql_query",
  example = "- community.postgresql.postgresql_query:\n    login_db: shop\n    query: SELECT count(*) AS n FROM orders WHERE state = %s\n    positional_args: [open]\n  register: orders",
  returns = "query: What was run last, with its values.\nstatusmessage: What the server said to it.\nquery_result: Its rows, a list of dicts; an empty dict when it gives none.\n" ..
      "query_list: The items of query.\nquery_all_results: The rows of each.\nrowcount: Rows altogether.",
  side = "target",
  check = "partial",
  diff = "none",
  args = postgres.args({
    query = { type = "raw", doc = "SQL, or a list. Each item may have several statements; its result is that of the last one." },
    positional_args = { type = "list", elements = "raw", doc = "Values for each %s." },
    named_args = { type = "dict", doc = "Values for each %(name)s." },
    login_db = { aliases = { "db" }, doc = "The database." },
    path_to_script = { type = "path", doc = "A file with SQL on the target." },
    as_single_query = { type = "bool", default = true, doc = "Take that file as one item; with false one at each semicolon." },
    autocommit = { type = "bool", default = false, doc = "Each item by itself, for what cannot be in a transaction." },
    encoding = { doc = "Encoding of the client." },
    search_path = { type = "list", elements = "str", doc = "Schemas names are looked for in." },
  }),
  exclusive = { { "positional_args", "named_args" } },
  run = run,
}
