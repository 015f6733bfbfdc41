-- postgresql_query: SQL of the user's own.

local util = use("util")
local postgres = use("postgres")

-- Pieces of SQL: quoted texts, comments and dollar quotes in one piece each, everything else by character class.
local function pieces(sql)
  local out, at = {}, 1
  local function take(pattern)
    local from, to = sql:find("^" .. pattern, at)
    if from then
      out[#out + 1] = { text = sql:sub(from, to), plain = false }
      at = to + 1
      return true
    end
  end
  while at <= #sql do
    local tag = sql:match("^%$[%w_]*%$", at)
    if tag then
      local _, to = sql:find(tag, at + #tag, true)
      to = to or #sql
      out[#out + 1] = { text = sql:sub(at, to), plain = false }
      at = to + 1
    elseif not (take("'[^']*'?") or take('"[^"]*"?') or take("%-%-[^\n]*") or take("/%*.-%*/")) then
      local to = (sql:find("[$'\"%-/]", at + 1) or #sql + 1) - 1
      out[#out + 1] = { text = sql:sub(at, to), plain = true }
      at = to + 1
    end
  end
  return out
end

-- Values in place of %s or %(name)s.
local function bound(c, sql)
  local positional, named = c.args.positional_args, c.args.named_args
  if not positional and not named then
    return sql
  end
  local n, out = 0, {}
  for _, piece in ipairs(pieces(sql)) do
    local text = piece.text
    if piece.plain then
      text = text:gsub("%%%%", "\1"):gsub("%%%(([%w_]+)%)s", function(name)
        if not named or named[name] == nil then
          c:fail("Cannot execute SQL: named_args has no '" .. name .. "'")
        end
        return postgres.literal(c, named[name])
      end)
      text = text:gsub("%%s", function()
        n = n + 1
        if not positional or n > #positional then
          c:fail("Cannot execute SQL: there are more %s than positional_args")
        end
        return postgres.literal(c, positional[n])
      end):gsub("\1", "%%")
    end
    out[#out + 1] = text
  end
  if positional and n < #positional then
    c:fail("Cannot execute SQL: there are more positional_args than %s")
  end
  return table.concat(out)
end

-- The statements of a text, and the first word and whether something is returned for each.
local function statements(sql)
  local out, now = {}, {}
  local function done()
    local text = util.trim(table.concat(now))
    now = {}
    if text:gsub("%-%-[^\n]*", ""):match("%S") then
      out[#out + 1] = text
    end
  end
  for _, piece in ipairs(pieces(sql)) do
    if piece.plain then
      local rest = piece.text
      while true do
        local at = rest:find(";", 1, true)
        if not at then
          break
        end
        now[#now + 1] = rest:sub(1, at - 1)
        done()
        rest = rest:sub(at + 1)
      end
      now[#now + 1] = rest
    else
      now[#now + 1] = piece.text
    end
  end
  done()
  return out
end

local CHANGES = util.set({
  "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "DROP", "ALTER", "TRUNCATE", "GRANT", "REVOKE", "COMMENT", "COPY", "DO",
  "CALL", "VACUUM", "REINDEX", "CLUSTER", "REFRESH", "REASSIGN", "SECURITY", "IMPORT", "ANALYZE",
})

local function first_word(sql)
  return (sql:gsub("^%s*", ""):gsub("^%-%-[^\n]*\n%s*", ""):match("^%(*%s*(%a+)") or ""):upper()
end

local function returns_rows(sql)
  local word = first_word(sql)
  if word == "SELECT" or word == "VALUES" or word == "TABLE" then
    return not sql:upper():find("%f[%w]INTO%f[%W]") or word ~= "SELECT"
  end
  local plain = {}
  for _, piece in ipairs(pieces(sql)) do
    plain[#plain + 1] = piece.plain and piece.text or " "
  end
  return word == "WITH" or table.concat(plain):upper():find("%f[%w]RETURNING%f[%W]") ~= nil and CHANGES[word] ~= nil
end

local MARK = "play_statement_end"

-- One psql for all of it: each statement's answer ends with a mark. In check mode what was done is taken back.
local function script(c, all)
  local out = {}
  local alone = c.args.autocommit
  if c.args.encoding then
    out[#out + 1] = "SET client_encoding = " .. postgres.text(c.args.encoding) .. ";"
  end
  if c.args.search_path then
    local names = {}
    for _, name in ipairs(c.args.search_path) do
      names[#names + 1] = postgres.name(name)
    end
    out[#out + 1] = "SET search_path TO " .. table.concat(names, ", ") .. ";"
  end
  out[#out + 1] = alone and "" or "BEGIN;"
  for _, sql in ipairs(all) do
    if first_word(sql) == "WITH" or returns_rows(sql) and CHANGES[first_word(sql)] then
      out[#out + 1] = "WITH play_rows AS (" .. sql .. "\n) SELECT coalesce(json_agg(row_to_json(play_rows)), '[]'::json) FROM play_rows;"
      if first_word(sql) == "WITH" then
        out[#out] = "SELECT coalesce(json_agg(row_to_json(play_rows)), '[]'::json) FROM (" .. sql .. "\n) AS play_rows;"
      end
    elseif returns_rows(sql) then
      out[#out + 1] = "SELECT coalesce(json_agg(row_to_json(play_rows)), '[]'::json) FROM (" .. sql .. "\n) AS play_rows;"
    else
      out[#out + 1] = "\\set QUIET off\n" .. sql .. ";\n\\set QUIET on"
    end
    out[#out + 1] = "\\echo '" .. MARK .. "' :ROW_COUNT"
  end
  out[#out + 1] = alone and "" or (c.check and "ROLLBACK;" or "COMMIT;")
  return table.concat(out, "\n")
end

local function run(c)
  postgres.check_input(c)
  local query = c.args.query
  if type(query) == "table" then
    query = table.concat(query, ";\n")
  end
  if not query or util.trim(tostring(query)) == "" then
    c:fail("query is empty: what is to be run?")
  end
  if c.args.autocommit and c.check then
    c:fail("Using autocommit is mutually exclusive with check_mode")
  end
  local all = statements(bound(c, tostring(query)))
  local text = postgres.sql(c, c.args.login_db or "", script(c, all))
  local results, at, changed, total = list(), 1, false, 0
  local last, status = list(), ""
  for _, sql in ipairs(all) do
    local from, to, count = text:find(MARK .. " (%d+)\n?", at)
    local answer = util.trim(text:sub(at, (from or #text + 1) - 1))
    at = (to or #text) + 1
    count = math.tointeger(tonumber(count or "0"))
    last = list()
    local word = first_word(sql)
    if returns_rows(sql) then
      last = list(postgres.decoded(c, answer ~= "" and answer or "[]"))
      count = #last
      status = (CHANGES[word] and word ~= "WITH" and word .. (word == "INSERT" and " 0" or "") or "SELECT") .. " " .. count
    elseif word == "SHOW" then
      local key = sql:match("^%s*%a+%s+(%S+)") or "value"
      last = list({ { [key] = answer } })
      status = "SHOW"
    else
      status = answer:match("([^\n]*)$")
    end
    if CHANGES[word] and not status:match("^%a+ 0$") and not status:match("^INSERT 0 0$") then
      changed = true
    end
    total = total + count
    results[#results + 1] = last
  end
  c:set("query", all[#all])
  c:set("query_list", list(all))
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
  returns = "query: The last statement.\nstatusmessage: What the server said to it.\nquery_result: Its rows, a list of dicts.\n" ..
      "query_list: All statements.\nquery_all_results: The rows of each.\nrowcount: Rows altogether.",
  side = "target",
  check = "partial",
  diff = "none",
  args = postgres.args({
    query = { type = "raw", doc = "SQL, or a list of statements." },
    positional_args = { type = "list", elements = "raw", doc = "Values for each %s." },
    named_args = { type = "dict", doc = "Values for each %(name)s." },
    login_db = { aliases = { "db" }, doc = "The database." },
    autocommit = { type = "bool", default = false, doc = "Each statement by itself, for what cannot be in a transaction." },
    encoding = { doc = "Encoding of the client." },
    search_path = { type = "list", elements = "str", doc = "Schemas names are looked for in." },
  }),
  exclusive = { { "positional_args", "named_args" } },
  run = run,
}
