-- mysql_privs: privileges of an account: as they are written in a task, as the server tells them, granted and revoked.
-- Both sides are tables: what they are for (`db`.`table`) to a list of privileges.

local util = use("util")
local mysql = use("mysql")

local privs = {}

-- "SELECT (b, `a`)" with its columns in order: the server gives them in its own.
local function sorted_columns(text)
  local name, columns = text:match("^(.-)%((.*)%)$")
  if not name then
    return text
  end
  local out = {}
  for _, column in ipairs(util.split(columns, ",")) do
    out[#out + 1] = util.trim(column):gsub("^`(.*)`$", "%1")
  end
  table.sort(out)
  return name .. "(" .. table.concat(out, ", ") .. ")"
end

-- Privileges between commas that stand in no parentheses.
local function split(text)
  local out, depth, word = {}, 0, ""
  for ch in text:gmatch(".") do
    depth = depth + (ch == "(" and 1 or ch == ")" and -1 or 0)
    if ch == "," and depth == 0 then
      out[#out + 1] = util.trim(word)
      word = ""
    else
      word = word .. ch
    end
  end
  out[#out + 1] = util.trim(word)
  for i, privilege in ipairs(out) do
    out[i] = sorted_columns(privilege)
  end
  return out
end

-- `db`.`table`, as the server writes it.
local function object(c, text)
  local kind, rest = text:match("^(%u+) (.*)$")
  if kind ~= "FUNCTION" and kind ~= "PROCEDURE" then
    kind, rest = nil, text
  end
  local quote = c.state.ansi and '"' or "`"
  local db, name = rest:match("^(.*)%.([^.]*)$")
  local out = {}
  for i, part in ipairs(db and { db, name } or { rest }) do
    part = part:gsub("^`+", ""):gsub("`+$", "")
    out[i] = part == "*" and part or quote .. part .. quote
  end
  return (kind and kind .. " " or "") .. table.concat(out, ".")
end

-- "db.*:SELECT,INSERT/other.t:ALL", or a dict of the same.
function privs.unpack(c, given, ensure_usage)
  local items = {}
  if type(given) == "table" then
    for _, key in ipairs(util.keys(given)) do
      items[#items + 1] = key .. ":" .. tostring(given[key])
    end
  elseif type(given) == "string" then
    items = util.split(util.trim(given), "/")
  else
    c:fail("priv parameter must be str or dict but " .. type(given) .. " was passed")
  end
  local out = {}
  for _, item in ipairs(util.split(table.concat(items, "/"), "/")) do
    local what, list_of = util.trim(item):match("^(.*):([^:]*)$")
    if not what then
      c:fail("priv: '" .. item .. "' is not DB.TABLE:PRIVILEGE,PRIVILEGE")
    end
    local keep = c.args.column_case_sensitive and list_of:find("(", 1, true)
    out[object(c, what)] = split(keep and list_of or list_of:upper())
  end
  if ensure_usage and not out["*.*"] then
    out["*.*"] = { "USAGE" }
  end
  return out
end

-- What the server grants an account, or a role; also the names of what for, in the server's order.
function privs.get(c, account)
  local out, order = {}, {}
  for _, row in ipairs(mysql.rows(c, "SHOW GRANTS FOR " .. account)) do
    local grant = row[1][2]
    local granted, what, rest = grant:match("^GRANT (.+) ON (.+) TO ['`\"].-['`\"]@['`\"].-['`\"](.*)$")
    if not granted and not account:find("@", 1, true) then
      granted, what = grant:match("^GRANT (.+) ON (.+) TO ")
      rest = ""
    end
    if granted then
      local to = out[what] or {}
      if not out[what] then
        order[#order + 1] = what
      end
      out[what] = to
      for _, privilege in ipairs(split(granted)) do
        to[#to + 1] = privilege == "ALL PRIVILEGES" and "ALL" or privilege
      end
      if rest:find("WITH GRANT OPTION", 1, true) then
        to[#to + 1] = "GRANT"
      end
    elseif not grant:match("^GRANT .+ TO ['`\"]") and not grant:match("^SET DEFAULT ROLE ") then
      c:fail("unable to parse the MySQL grant string: " .. grant)
    end
  end
  return out, order
end

local function without_grant(list_of)
  local out = {}
  for _, privilege in ipairs(list_of) do
    if privilege ~= "GRANT" then
      out[#out + 1] = privilege
    end
  end
  return table.concat(out, ",")
end

function privs.grant(c, account, what, list_of)
  local text = without_grant(list_of)
  local sql = "GRANT " .. text .. " ON " .. what .. " TO " .. account .. (util.contains(list_of, "GRANT") and " WITH GRANT OPTION" or "")
  local rows, code, why = mysql.try(c, sql)
  if not rows then
    c:fail("Error granting privileges, invalid priv string: " .. text .. " , query: " .. sql .. " , exception: (" .. tostring(code) .. ", \"" .. why .. "\").")
  end
end

function privs.revoke(c, account, what, list_of, grant_option)
  if grant_option then
    mysql.run(c, "REVOKE GRANT OPTION ON " .. what .. " FROM " .. account)
  end
  local text = without_grant(list_of)
  if text ~= "" and not (grant_option and text == "USAGE") then
    mysql.run(c, "REVOKE " .. text .. " ON " .. what .. " FROM " .. account)
  end
  mysql.run(c, "FLUSH PRIVILEGES")
end

-- Those of one list that the other has (`both`), or has not.
local function compare(these, others, both)
  local out = {}
  for _, privilege in ipairs(these) do
    if util.contains(others, privilege) == both and not util.contains(out, privilege) then
      out[#out + 1] = privilege
    end
  end
  return out
end

-- What one object needs: privileges to grant, to revoke, and whether only the grant option goes.
function privs.steps(c, want, have)
  if c.args.subtract_privs then
    return {}, compare(want, have, true), false
  end
  local grant = compare(want, have, false)
  if c.args.append_privs then
    return grant, {}, false
  end
  local revoke = compare(have, want, false)
  if util.contains(grant, "ALL") or util.contains(grant, "ALL PRIVILEGES") then
    revoke = compare(revoke, { "GRANT", "PROXY" }, true)
  end
  return grant, revoke, util.contains(revoke, "GRANT") and not util.contains(grant, "GRANT")
end

-- A list as Python writes it.
function privs.shown(list_of)
  local out = {}
  for i, privilege in ipairs(list_of) do
    out[i] = "'" .. privilege .. "'"
  end
  return "[" .. table.concat(out, ", ") .. "]"
end

-- Whether two tables of privileges say the same, whatever their order.
function privs.equal(x, y)
  local function plain(t)
    local out = {}
    for what, list_of in pairs(t) do
      out[what] = util.set(list_of)
    end
    return out
  end
  return util.equal(plain(x), plain(y))
end

return privs
