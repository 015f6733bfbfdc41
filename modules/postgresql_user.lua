-- postgresql_user: roles that may log in.

local util = use("util")
local postgres = use("postgres")

local FLAGS = {
  SUPERUSER = "rolsuper", CREATEROLE = "rolcreaterole", CREATEDB = "rolcreatedb", INHERIT = "rolinherit", LOGIN = "rolcanlogin",
  REPLICATION = "rolreplication", BYPASSRLS = "rolbypassrls",
}

local function wanted_flags(c)
  local out = {}
  for _, text in ipairs(util.split(c.args.role_attr_flags, ",")) do
    local flag = util.trim(text):upper()
    if flag ~= "" then
      local plain = flag:gsub("^NO", "")
      if flag == "CREATEUSER" or flag == "NOCREATEUSER" then
        plain = "CREATEROLE"
      end
      if not FLAGS[plain] then
        c:fail("Invalid role_attr_flags specified: " .. flag)
      end
      out[plain] = flag:sub(1, 2) ~= "NO"
    end
  end
  return out
end

-- -- passwords -----------------------------------------------------------------------------------------------------------

local function xor(a, b)
  local x, y = { a:byte(1, -1) }, { b:byte(1, -1) }
  for i = 1, #x do
    x[i] = x[i] ~ y[i]
  end
  return string.char(table.unpack(x))
end

local function hmac(c, key, text)
  if #key > 64 then
    key = c.digest("sha256", key, true)
  end
  key = key .. ("\0"):rep(64 - #key)
  local inner = c.digest("sha256", xor(key, ("\54"):rep(64)) .. text, true)
  return c.digest("sha256", xor(key, ("\92"):rep(64)) .. inner, true)
end

-- Whether a SCRAM verifier is that of the password.
local function scram_matches(c, verifier, password)
  local rounds, salt, stored = verifier:match("^SCRAM%-SHA%-256%$(%d+):([^$]+)%$([^:]+):")
  salt = salt and c.base64.decode(salt)
  rounds = tonumber(rounds)
  if not salt or not rounds or rounds > 100000 or password:find("[\128-\255]") then
    return false
  end
  local u = hmac(c, password, salt .. "\0\0\0\1")
  local salted = u
  for _ = 2, rounds do
    u = hmac(c, password, u)
    salted = xor(salted, u)
  end
  local client = hmac(c, salted, "Client Key")
  return c.base64.encode(c.digest("sha256", client, true)) == stored
end

local function is_hashed(password)
  return password:match("^md5%x+$") ~= nil and #password == 35 or password:match("^SCRAM%-SHA%-256%$") ~= nil
end

local function same_password(c, current, password)
  if current == null or current == nil then
    return password == ""
  end
  if password == "" then
    return false
  end
  if is_hashed(password) or not current:match("^md5") and not current:match("^SCRAM") then
    return current == password
  end
  if current:match("^md5") then
    return current == "md5" .. c.digest("md5", password .. c.args.name)
  end
  return scram_matches(c, current, password)
end

-- -- plan ------------------------------------------------------------------------------------------------------------------

local function db_of(c)
  return c.args.login_db
end

-- The words that set the password, and how they are shown.
local function password_words(c)
  if c.args.password == "" then
    return "WITH PASSWORD NULL", "WITH PASSWORD NULL"
  end
  return "WITH ENCRYPTED PASSWORD " .. postgres.text(c.args.password), "WITH ENCRYPTED PASSWORD %(password)s"
end

local function current_role(c)
  local name = postgres.text(c.args.name)
  local role = postgres.row(c, db_of(c), "SELECT r.*, shobj_description(r.oid, 'pg_authid') AS comment FROM pg_roles r WHERE rolname = " .. name)
  if role and c.args.password then
    local secret = postgres.row(c, db_of(c), "SELECT rolpassword FROM pg_authid WHERE rolname = " .. name, { may_fail = true })
    role.known_password = secret ~= nil
    role.password = secret and secret.rolpassword
  end
  return role
end

local function settings_of(role)
  local out = {}
  for _, pair in ipairs(util.present(role and role.rolconfig) or {}) do
    local name, value = pair:match("^([^=]*)=(.*)$")
    out[name] = value
  end
  return out
end

local function plan_settings(c, role)
  local user, now = postgres.name(c.args.name), settings_of(role)
  for name, value in pairs(c.args.configuration) do
    value = tostring(value)
    if now[name] ~= value then
      local shown = c.args.quote_configuration_values and postgres.text(value) or value
      postgres.queue(c, "ALTER ROLE " .. user .. " SET " .. postgres.qualified(name) .. " TO " .. shown)
    end
  end
  if c.args.reset_unspecified_configuration then
    for _, name in ipairs(util.keys(now)) do
      if c.args.configuration[name] == nil then
        postgres.queue(c, "ALTER ROLE " .. user .. " RESET " .. postgres.qualified(name))
      end
    end
  end
end

local function flag_words(flags)
  local out = {}
  for _, flag in ipairs(util.keys(flags)) do
    out[#out + 1] = (flags[flag] and "" or "NO") .. flag
  end
  return table.concat(out, " ")
end

-- Queues a statement of these words; an item of two is what is run and what is shown.
local function queue_words(c, words)
  local sql, shown = {}, {}
  for i, word in ipairs(words) do
    sql[i] = type(word) == "table" and word[1] or word
    shown[i] = type(word) == "table" and word[2] or word
  end
  postgres.queue(c, table.concat(sql, " "), table.concat(shown, " "))
end

local function add_limits(c, words)
  if c.args.expires then
    words[#words + 1] = { "VALID UNTIL " .. postgres.text(c.args.expires), "VALID UNTIL %(expires)s" }
  end
  if c.args.conn_limit then
    words[#words + 1] = "CONNECTION LIMIT " .. c.args.conn_limit
  end
end

local function other_expiry(c)
  local row = c.args.expires and postgres.row(c, db_of(c), "SELECT rolvaliduntil IS DISTINCT FROM " .. postgres.text(c.args.expires) ..
    "::timestamptz AS differs FROM pg_roles WHERE rolname = " .. postgres.text(c.args.name))
  return row and row.differs
end

-- With no_password_changes the time and the limit of connections stay as well, as in Ansible's module.
local function plan_alter(c, role, flags)
  local a, words = c.args, { "ALTER USER " .. postgres.name(c.args.name) }
  local differs = false
  for flag, wanted in pairs(flags) do
    differs = differs or role[FLAGS[flag]] ~= wanted
  end
  if a.no_password_changes then
    if differs then
      queue_words(c, { words[1], "WITH " .. flag_words(flags) })
    end
    return
  end
  local password = a.password and not (role.known_password and same_password(c, role.password, a.password))
  if not password and not differs and not other_expiry(c) and (a.conn_limit or role.rolconnlimit) == role.rolconnlimit then
    return
  end
  if password then
    util.append(words, { password_words(c) }, flag_words(flags))
  elseif next(flags) then
    words[#words + 1] = "WITH " .. flag_words(flags)
  end
  add_limits(c, words)
  queue_words(c, words)
end

local function plan_create(c, flags)
  local words = { "CREATE USER " .. postgres.name(c.args.name) }
  if (c.args.password or "") ~= "" then
    words[#words + 1] = { password_words(c) }
  end
  add_limits(c, words)
  queue_words(c, util.append(words, flag_words(flags)))
end

-- -- privileges and groups -------------------------------------------------------------------------------------------------------

local VALID = {
  table = { "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER" },
  database = { "CREATE", "CONNECT", "TEMPORARY" },
}

-- "CONNECT/orders:SELECT,INSERT" as a list of { kind, name, privileges }.
local function wanted_privileges(c)
  local out = {}
  if c.args.priv and c.args.login_db == "" then
    c:fail("privileges require a database to be specified")
  end
  for _, part in ipairs(c.args.priv and util.split(c.args.priv, "/") or {}) do
    local name, words = part:match("^([^:]*):(.*)$")
    local kind, privileges, wrong = name and "table" or "database", {}, {}
    for _, word in ipairs(util.split(words or part, ",")) do
      word = util.trim(word):upper()
      if word == "ALL" then
        util.extend(privileges, VALID[kind])
      elseif word == "TEMP" and kind == "database" then
        util.append(privileges, "TEMPORARY")
      elseif util.contains(VALID[kind], word) then
        util.append(privileges, word)
      elseif word ~= "" then
        util.append(wrong, word)
      end
    end
    if #wrong > 0 then
      c:fail("Invalid privs specified for " .. kind .. ": " .. table.concat(wrong, " "))
    end
    out[#out + 1] = { kind = kind, name = name or c.args.login_db, privileges = util.keys(util.set(privileges)) }
  end
  return out
end

-- What the user may do with that object now.
local function held(c, what)
  local who = c.args.name == "PUBLIC" and "0" or "(SELECT oid FROM pg_roles WHERE rolname = " .. postgres.text(c.args.name) .. ")"
  local from
  if what.kind == "database" then
    from = "pg_database, aclexplode(datacl) x WHERE datname = " .. postgres.text(what.name)
  else
    local schema, name = what.name:match("^([^.]*)%.(.*)$")
    from = "pg_class k JOIN pg_namespace n ON n.oid = k.relnamespace, aclexplode(coalesce(relacl, acldefault('r', relowner))) x WHERE relname = " ..
      postgres.text(name or what.name) .. " AND nspname = " .. postgres.text(schema or "public")
  end
  local out = {}
  for _, row in ipairs(postgres.rows(c, db_of(c), "SELECT privilege_type AS name FROM " .. from .. " AND x.grantee = " .. who)) do
    out[row.name] = true
  end
  return out
end

-- Grants what is missing of an object, or takes what is held of it: all that is asked for in one statement.
local function plan_privileges(c, wanted, grant)
  local to = c.args.name == "PUBLIC" and "PUBLIC" or postgres.name(c.args.name)
  for _, what in ipairs(wanted) do
    local now, needed = held(c, what), false
    for _, privilege in ipairs(what.privileges) do
      needed = needed or (now[privilege] or false) ~= grant
    end
    if needed then
      postgres.queue(c, (grant and "GRANT " or "REVOKE ") .. table.concat(what.privileges, ", ") .. " ON " .. what.kind:upper() .. " " ..
        (what.kind == "table" and postgres.qualified or postgres.name)(what.name) .. (grant and " TO " or " FROM ") .. to)
    end
  end
end

local function plan_groups(c)
  for _, text in ipairs(c.args.groups or {}) do
    local group = util.trim(text)
    local row = postgres.row(c, db_of(c), "SELECT EXISTS (SELECT FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member WHERE a.roleid = g.oid AND m.rolname = " ..
      postgres.text(c.args.name) .. ") AS member FROM pg_roles g WHERE rolname = " .. postgres.text(group))
    if not row and group ~= c.args.name then
      c:fail("Role " .. group .. " does not exist")
    elseif not row or not row.member then
      postgres.queue(c, "GRANT " .. postgres.name(group) .. " TO " .. postgres.name(c.args.name))
    end
  end
end

-- -- the module --------------------------------------------------------------------------------------------------------------------

local function plan_public(c, flags)
  if c.args.password then
    c:fail("cannot change the password for PUBLIC user")
  elseif next(flags) then
    c:fail("cannot change the role_attr_flags for PUBLIC user")
  end
end

local function plan(c)
  postgres.check_input(c, "name", "password", "priv", "expires", "role_attr_flags", "groups", "comment", "configuration")
  local privileges, flags = wanted_privileges(c), wanted_flags(c)
  local role = current_role(c)
  local public = c.args.name == "PUBLIC"
  local user = postgres.name(c.args.name)
  c:set("user", c.args.name)
  c:set("queries", list())
  if c.args.state == "absent" then
    if role then
      plan_privileges(c, privileges, false)
      postgres.queue(c, "DROP USER " .. user)
      c:set("user_removed", true)
    end
    return
  end
  if public then
    plan_public(c, flags)
  elseif role then
    plan_alter(c, role, flags)
  else
    plan_create(c, flags)
  end
  plan_privileges(c, privileges, true)
  plan_groups(c)
  if not public then
    plan_settings(c, role)
  end
  if c.args.comment and c.args.comment ~= (util.present(role and role.comment) or "") then
    local text = c.args.comment
    local head = "COMMENT ON ROLE " .. user .. " IS "
    postgres.queue(c, head .. (text == "" and "NULL" or postgres.text(text)), head .. postgres.shown(text))
  end
  c:set("queries", c.state.queries or list())
end

-- Without the user nothing else is done, and without all of it not the user: one transaction.
local function run(c)
  local _, why = postgres.sql(c, db_of(c), "BEGIN;\n" .. table.concat(c.state.statements, ";\n") .. ";\nCOMMIT;", { may_fail = true })
  c:set("queries", c.state.queries)
  if not why then
    return
  elseif c.args.state == "present" then
    local create = c.state.queries[1]:match("^CREATE USER")
    c:fail((create and "Unable to add user with given requirement due to : " or "Cannot execute SQL: ") .. why)
  end
  c:set("user_removed", false)
  if c.args.fail_on_user then
    c:fail("Unable to remove user: " .. why)
  end
  c:warn("Unable to remove user: " .. why)
  local drop = table.remove(c.state.statements)
  if #c.state.statements == 0 then
    c:changed(false)
  else
    postgres.sql(c, db_of(c), "BEGIN;\n" .. table.concat(c.state.statements, ";\n") .. ";\nCOMMIT;", { what = "Cannot execute SQL before " .. drop })
  end
end

return {
  doc = "Add PostgreSQL users (roles), change and remove them.",
  spec = "community.postgresql.postgresql_user",
  example = "- community.postgresql.postgresql_user:\n    name: shop\n    password: \"{{ db_password }}\"\n    role_attr_flags: NOSUPERUSER,CREATEDB\n  become: true\n  become_user: postgres",
  returns = "queries: Statements that were run, without passwords.\nuser: The user.\nuser_removed: Whether it is gone, with state absent.",
  side = "target",
  check = "full",
  diff = "none",
  args = postgres.args({
    name = { required = true, aliases = { "user" }, doc = "The user." },
    password = { no_log = true, doc = "Password, or its hash; empty for none." },
    login_db = { default = "", aliases = { "db" }, doc = "Database to connect to." },
    fail_on_user = { type = "bool", default = true, aliases = { "fail_on_role" }, doc = "Fail when a user cannot be removed." },
    priv = { doc = "Privileges on login_db and on tables, as CONNECT/orders:SELECT,INSERT; postgresql_privs can do more." },
    groups = { type = "list", elements = "str", doc = "Roles it is to be a member of." },
    role_attr_flags = { default = "", doc = "Attributes, as CREATEDB,NOSUPERUSER." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    encrypted = { type = "bool", default = true, doc = "Accepted: passwords are always stored as hashes." },
    expires = { doc = "Time the password is good until, or infinity." },
    no_password_changes = { type = "bool", default = false, doc = "Leave the password of a user that is there." },
    conn_limit = { type = "int", doc = "Connections at the same time." },
    comment = { doc = "Its comment." },
    configuration = { type = "dict", default = dict(), doc = "Settings of its sessions." },
    reset_unspecified_configuration = { type = "bool", default = false, doc = "Reset all other settings." },
    quote_configuration_values = { type = "bool", default = true, doc = "Quote their values." },
  }),
  plan = plan,
  run = run,
}
