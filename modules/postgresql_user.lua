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
  return c.args.login_db ~= "" and c.args.login_db or "postgres"
end

local function password_clause(c)
  if c.args.password == "" then
    return "PASSWORD NULL", "PASSWORD NULL"
  end
  return "ENCRYPTED PASSWORD " .. postgres.text(c.args.password), "ENCRYPTED PASSWORD '********'"
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

local function plan_alter(c, role, flags)
  local user, words, shown = postgres.name(c.args.name), {}, {}
  local function add(sql, show)
    words[#words + 1] = sql
    shown[#shown + 1] = show or sql
  end
  if c.args.password and not c.args.no_password_changes and not (role.known_password and same_password(c, role.password, c.args.password)) then
    add(password_clause(c))
  end
  for _, flag in ipairs(util.keys(flags)) do
    if role[FLAGS[flag]] ~= flags[flag] then
      add((flags[flag] and "" or "NO") .. flag)
    end
  end
  if c.args.conn_limit and c.args.conn_limit ~= role.rolconnlimit then
    add("CONNECTION LIMIT " .. c.args.conn_limit)
  end
  if c.args.expires then
    local other = postgres.row(c, db_of(c), "SELECT rolvaliduntil IS DISTINCT FROM " .. postgres.text(c.args.expires) ..
      "::timestamptz AS differs FROM pg_roles WHERE rolname = " .. postgres.text(c.args.name))
    if other.differs then
      add("VALID UNTIL " .. postgres.text(c.args.expires))
    end
  end
  if #words > 0 then
    postgres.queue(c, "ALTER USER " .. user .. " WITH " .. table.concat(words, " "), "ALTER USER " .. user .. " WITH " .. table.concat(shown, " "))
  end
end

local function plan_create(c, flags)
  local user, words, shown = postgres.name(c.args.name), {}, {}
  if c.args.password then
    words[1], shown[1] = password_clause(c)
  end
  for _, flag in ipairs(util.keys(flags)) do
    util.append(words, (flags[flag] and "" or "NO") .. flag)
    util.append(shown, (flags[flag] and "" or "NO") .. flag)
  end
  if c.args.conn_limit then
    util.append(words, "CONNECTION LIMIT " .. c.args.conn_limit)
    util.append(shown, "CONNECTION LIMIT " .. c.args.conn_limit)
  end
  if c.args.expires then
    util.append(words, "VALID UNTIL " .. postgres.text(c.args.expires))
    util.append(shown, "VALID UNTIL " .. postgres.text(c.args.expires))
  end
  local with = #words > 0 and " WITH " or ""
  postgres.queue(c, "CREATE USER " .. user .. with .. table.concat(words, " "), "CREATE USER " .. user .. with .. table.concat(shown, " "))
end

local function plan(c)
  postgres.check_input(c, "name", "password", "expires", "role_attr_flags", "comment", "configuration")
  if c.args.priv then
    c:fail("priv is not supported any more, here as in Ansible: use postgresql_privs")
  end
  local flags = wanted_flags(c)
  local role = current_role(c)
  local user = postgres.name(c.args.name)
  c:set("user", c.args.name)
  c:set("queries", list())
  if c.args.state == "absent" then
    c:set("user_removed", false)
    if role then
      postgres.queue(c, "DROP USER " .. user)
    end
    return
  end
  if role then
    plan_alter(c, role, flags)
  else
    plan_create(c, flags)
  end
  plan_settings(c, role)
  if c.args.comment and c.args.comment ~= (util.present(role and role.comment) or "") then
    postgres.queue(c, "COMMENT ON ROLE " .. user .. " IS " .. (c.args.comment == "" and "NULL" or postgres.text(c.args.comment)))
  end
  c:set("queries", c.state.queries or list())
end

local function run(c)
  if c.args.state == "absent" then
    local _, why = postgres.sql(c, db_of(c), c.state.statements[1] .. ";", { may_fail = true })
    if why and c.args.fail_on_user then
      c:fail("Unable to remove user: " .. why:gsub("^ERROR:  ", ""))
    elseif why then
      c:warn("Unable to remove user: " .. why)
      c:changed(false)
    end
    c:set("user_removed", why == nil)
  else
    postgres.run_queue(c, db_of(c))
  end
  c:set("queries", c.state.queries)
end

return {
  doc = "Add PostgreSQL users (roles), change and remove them.",
  spec = "community.postgresql.postgresql_user",
  example = "- community.postgresql.postgresql_user:\n    name: shop\n    password: \"{{ db_password }}\"\n    role_attr_flags: NOSUPERUSER,CREATEDB\n  become: true\n  become_user: postgres",
  returns = "queries: Statements that were run, without passwords.\nuser: The user.",
  side = "target",
  check = "full",
  diff = "none",
  args = postgres.args({
    name = { required = true, aliases = { "user" }, doc = "The user." },
    password = { no_log = true, doc = "Password, or its hash; empty for none." },
    login_db = { default = "", aliases = { "db" }, doc = "Database to connect to." },
    fail_on_user = { type = "bool", default = true, aliases = { "fail_on_role" }, doc = "Fail when a user cannot be removed." },
    priv = { doc = "Not supported: use postgresql_privs." },
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
