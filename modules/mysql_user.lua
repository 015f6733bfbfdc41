-- mysql_user: accounts of MySQL and MariaDB: password, plugin, privileges, TLS, limits, lock.

local util = use("util")
local mysql = use("mysql")
local privs = use("mysql_privs")

-- -- asking ------------------------------------------------------------------------------------------------------------

local function where(c, host)
  return " WHERE user = " .. mysql.quote(c, c.args.name) .. (host and " AND host = " .. mysql.quote(c, host) or "")
end

local function account(c, host)
  return mysql.account(c, c.args.name, host)
end

local function exists(c)
  return mysql.any(c, "SELECT user FROM mysql.user" .. where(c, not c.args.host_all and c.args.host or nil))
end

local function hosts(c)
  if not c.args.host_all then
    return { c.args.host }
  end
  local out = {}
  for _, row in ipairs(mysql.rows(c, "SELECT host FROM mysql.user" .. where(c))) do
    out[#out + 1] = row[1][2]
  end
  return out
end

-- mysql_native_password's hash.
local function hash(c, password)
  local function bytes(hex)
    return (hex:gsub("%x%x", function(x) return string.char(tonumber(x, 16)) end))
  end
  return "*" .. c.digest("sha1", bytes(c.digest("sha1", password))):upper()
end

local function current_hash(c, host)
  local columns = "authentication_string"
  if c.state.mariadb then
    columns = "CASE WHEN Password = '' THEN NULL ELSE Password END, CASE WHEN authentication_string = '' THEN NULL ELSE authentication_string END"
  end
  return mysql.value(c, "SELECT COALESCE(" .. columns .. ") FROM mysql.user" .. where(c, host))
end

local function attributes_supported(c)
  return mysql.try(c, "SELECT attribute FROM INFORMATION_SCHEMA.USER_ATTRIBUTES LIMIT 0") ~= nil
end

local function attributes(c, host)
  local text = mysql.value(c, "SELECT attribute FROM INFORMATION_SCHEMA.USER_ATTRIBUTES" .. where(c, host))
  return util.present(text) and c.json.decode(text) or nil
end

-- -- TLS ---------------------------------------------------------------------------------------------------------------

-- What REQUIRE says: a table of CIPHER, ISSUER and SUBJECT, or a word, or nil.
local function wanted_tls(given)
  if not given or next(given) == nil then
    return nil
  end
  local out, detailed = {}, false
  for key, value in pairs(given) do
    out[key:upper()] = value
    detailed = detailed or key:upper() == "CIPHER" or key:upper() == "ISSUER" or key:upper() == "SUBJECT"
  end
  if detailed then
    out.SSL, out.X509 = nil, nil
    return out
  end
  return out.X509 ~= nil and "X509" or "SSL"
end

local function current_tls(c, host)
  local row = mysql.rows(c, "SELECT ssl_type, ssl_cipher, x509_issuer, x509_subject FROM mysql.user" .. where(c, host))[1]
  local out, any = {}, false
  for i, name in ipairs({ "TYPE", "CIPHER", "ISSUER", "SUBJECT" }) do
    local value = row and util.present(row[i][2]) or ""
    any = any or value ~= ""
    if value ~= "" then
      out[name] = value
    end
  end
  if not any then
    return nil
  end
  local kind = out.TYPE
  out.TYPE = nil
  if next(out) then
    return out
  end
  return kind == "X509" and "X509" or "SSL"
end

local function require_text(c, tls)
  if tls == nil then
    return "NONE"
  elseif type(tls) == "string" then
    return tls
  end
  local out = {}
  for _, key in ipairs(util.keys(tls)) do
    out[#out + 1] = key .. " " .. mysql.quote(c, tls[key])
  end
  return table.concat(out, " AND ")
end

-- -- how somebody is known ---------------------------------------------------------------------------------------------

local function plugin_text(c)
  local a = c.args
  local with = "IDENTIFIED WITH " .. a.plugin
  if a.plugin_hash_string then
    return with .. " AS " .. mysql.quote(c, a.plugin_hash_string)
  elseif a.plugin_auth_string and a.plugin == "pam" then
    return with .. " USING " .. mysql.quote(c, a.plugin_auth_string)
  elseif a.plugin_auth_string and a.plugin == "ed25519" then
    return with .. " USING PASSWORD(" .. mysql.quote(c, a.plugin_auth_string) .. ")"
  elseif a.plugin_auth_string then
    return with .. " BY " .. mysql.quote(c, a.plugin_auth_string)
  end
  return with
end

-- With on_new_username: how other accounts of the same name are known. True when that is taken.
local function reuse(c)
  local sql = "SELECT DISTINCT plugin, authentication_string FROM mysql.user" .. where(c)
  if c.state.mariadb then
    sql = "SELECT DISTINCT plugin, COALESCE(NULLIF(authentication_string, ''), Password) FROM mysql.user" .. where(c)
  end
  local rows = mysql.rows(c, sql)
  if #rows == 0 then
    return false
  elseif #rows > 1 then
    c:warn("The accounts of " .. c.args.name .. " on other hosts have different passwords, so that none of them can be taken over: " ..
      "the new account gets the one of 'password', or none")
    return false
  end
  c.args.password, c.args.plugin, c.args.plugin_hash_string = nil, rows[1][1][2], rows[1][2][2]
  return true
end

local function identified(c)
  local a = c.args
  if a.password and a.password ~= "" then
    local text = a.encrypted and a.password or hash(c, a.password)
    return " IDENTIFIED WITH mysql_native_password AS " .. mysql.quote(c, text)
  end
  return a.plugin and " " .. plugin_text(c) or ""
end

-- What changes how an account logs in comes last and in one session: it may be the account that is logged in here, which
-- the next connection would have to know by its new password.
local function later(c, sql)
  c.state.last = util.append(c.state.last or {}, sql)
end

local function do_last(c)
  if c.state.last then
    mysql.run(c, table.concat(c.state.last, ";\n"))
    c.state.last = nil
  end
end

local EXPIRE = { never = "PASSWORD EXPIRE NEVER", default = "PASSWORD EXPIRE DEFAULT", now = "PASSWORD EXPIRE" }

local function expire(c, host, execute)
  local text = EXPIRE[c.args.password_expire] or "PASSWORD EXPIRE INTERVAL " .. c.args.password_expire_interval .. " DAY"
  execute(c, "ALTER USER " .. account(c, host) .. " " .. text)
end

local function expires(c, host)
  local a = c.args
  local sql = "SELECT IFNULL(password_lifetime, -1) FROM mysql.user" .. where(c, host)
  if c.state.mariadb then
    sql = "SELECT IFNULL(JSON_EXTRACT(Priv, '$.password_lifetime'), -1) FROM mysql.global_priv" .. where(c, host)
  end
  local days = tonumber(mysql.value(c, sql)) or -1
  if a.password_expire == "now" then
    return mysql.value(c, "SELECT password_expired FROM mysql.user" .. where(c, host)) == "Y"
  end
  return days == ({ default = -1, never = 0 })[a.password_expire] or a.password_expire == "interval" and days == a.password_expire_interval
end

-- -- a new account -----------------------------------------------------------------------------------------------------

local function add(c, want, tls)
  local a = c.args
  if a.host_all then
    c:fail("host_all parameter cannot be used when adding a user")
  end
  if a.attributes and not attributes_supported(c) then
    c:fail("user attributes were specified but the server does not support user attributes")
  end
  c:changed()
  c:set("msg", "User added")
  if c.check then
    c:set("password_changed", null)
    c:set("attributes", a.attributes or null)
    return
  end
  local reused = a.update_password == "on_new_username" and reuse(c)
  local who = account(c, a.host)
  mysql.run(c, "CREATE USER " .. who .. identified(c) .. (tls and " REQUIRE " .. require_text(c, tls) or ""))
  if a.password_expire then
    expire(c, a.host, mysql.run)
  end
  for _, what in ipairs(util.keys(want)) do
    privs.grant(c, who, what, want[what])
  end
  if a.attributes then
    mysql.run(c, "ALTER USER " .. who .. " ATTRIBUTE " .. mysql.quote(c, c.json.encode(a.attributes)))
  end
  if a.locked then
    mysql.run(c, "ALTER USER " .. who .. " ACCOUNT LOCK")
  end
  c:set("password_changed", not reused)
  c:set("attributes", a.attributes and attributes(c, a.host) or null)
end

-- -- one that is there -------------------------------------------------------------------------------------------------

local function changed(c, msg)
  c:changed()
  c.state.msg = msg or c.state.msg
end

local function change_password(c, host)
  local a = c.args
  if not a.password or a.password == "" then
    return
  end
  if a.encrypted and not (a.password:match("^%*%x+$") and #a.password == 41) then
    c:fail("encrypted was specified however it does not appear to be a valid hash expecting: *SHA1(SHA1(your_password))")
  end
  local want = a.encrypted and a.password or hash(c, a.password)
  if current_hash(c, host) == want then
    return
  end
  changed(c, "Password updated")
  c.state.password_changed = true
  if not c.check then
    later(c, "ALTER USER " .. account(c, host) .. " IDENTIFIED WITH mysql_native_password AS " .. mysql.quote(c, want))
    c.state.msg = "Password updated (new style)"
  end
end

local function change_expiry(c, host)
  if c.args.password_expire and not expires(c, host) and not c.check then
    expire(c, host, later)
    c.state.password_changed = true
    c:changed()
  elseif c.args.password_expire and c.check and not expires(c, host) then
    c:changed()
  end
end

local function change_plugin(c, host)
  local a = c.args
  if not a.plugin then
    return
  end
  local row = mysql.rows(c, "SELECT plugin, authentication_string FROM mysql.user" .. where(c, host))[1]
  local plugin, text = row[1][2], util.present(row[2][2])
  local same = plugin == a.plugin and (not a.plugin_hash_string or text == a.plugin_hash_string) and
      (not a.plugin_auth_string or text == a.plugin_auth_string)
  if same then
    return
  end
  if not c.check then
    later(c, "ALTER USER " .. account(c, host) .. " " .. plugin_text(c))
  end
  c.state.password_changed = true
  c:changed()
end

local function change_privileges(c, host, want)
  local a, who = c.args, account(c, host)
  local have, options = privs.get(c, who), false
  local exact = not a.append_privs and not a.subtract_privs
  for _, what in ipairs(exact and util.keys(have) or {}) do
    options = options or util.contains(have[what], "GRANT")
    if not want[what] and a.name ~= "root" and not util.contains(have[what], "PROXY") then
      changed(c, "Privileges updated")
      if not c.check then
        privs.revoke(c, who, what, have[what], options)
      end
    end
  end
  for _, what in ipairs(util.keys(want)) do
    if not have[what] and not a.subtract_privs then
      changed(c, "New privileges granted")
      if not c.check then
        privs.grant(c, who, what, want[what])
      end
    end
  end
  for _, what in ipairs(util.keys(want)) do
    if have[what] then
      local grant, revoke, option = privs.steps(c, want[what], have[what])
      if #grant == 1 and grant[1] == "GRANT" then
        util.append(grant, "USAGE")
      end
      if #grant + #revoke > 0 then
        c.state.msg = "Privileges updated: granted " .. privs.shown(grant) .. ", revoked " .. privs.shown(revoke)
        if c.check then
          c:changed()
        else
          if #revoke > 0 then
            privs.revoke(c, who, what, revoke, option)
          end
          if #grant > 0 then
            privs.grant(c, who, what, grant)
          end
        end
      end
    end
  end
  if not c.check and not privs.equal(have, privs.get(c, who)) then
    c:changed()
  end
end

local function change_attributes(c, host)
  local a = c.args
  local supported = attributes_supported(c)
  if a.attributes and not supported then
    c:fail("user attributes were specified but the server does not support user attributes")
  end
  local have = supported and attributes(c, host) or nil
  local change = dict({})
  for key, value in pairs(a.attributes or {}) do
    if not util.equal((have or {})[key], value) then
      change[key] = value
    end
  end
  if next(change) then
    changed(c, "Attributes updated")
    if not c.check then
      mysql.run(c, "ALTER USER " .. account(c, host) .. " ATTRIBUTE " .. mysql.quote(c, c.json.encode(change)))
      have = attributes(c, host)
    end
  end
  c.state.attributes = have or (a.attributes == nil and not supported and dict({})) or nil
end

local function change_lock(c, host)
  local want = c.args.locked
  if want == nil then
    return
  end
  local text = mysql.value(c, "SHOW CREATE USER " .. account(c, host)) or ""
  if (text:find("ACCOUNT LOCK", 1, true) ~= nil) == want then
    return
  end
  if not c.check then
    later(c, "ALTER USER " .. account(c, host) .. (want and " ACCOUNT LOCK" or " ACCOUNT UNLOCK"))
    changed(c, want and "User locked" or "User unlocked")
  else
    changed(c, want and "User will be locked" or "User will be unlocked")
  end
end

local function change_tls(c, host, tls)
  if util.equal(current_tls(c, host), tls) then
    return
  end
  changed(c, "TLS requires updated")
  if not c.check then
    later(c, "ALTER USER " .. account(c, host) .. " REQUIRE " .. require_text(c, tls))
  end
end

local function modify(c, want, tls)
  c.state.msg, c.state.password_changed = "User unchanged", false
  if c.args.update_password ~= "always" then
    c.args.password, c.args.plugin = nil, nil
  end
  for _, host in ipairs(hosts(c)) do
    change_password(c, host)
    change_expiry(c, host)
    change_plugin(c, host)
    if want then
      change_privileges(c, host, want)
    end
    change_attributes(c, host)
    change_lock(c, host)
    change_tls(c, host, tls)
  end
  c:set("msg", c.state.msg)
  c:set("password_changed", c.state.password_changed)
  c:set("attributes", c.state.attributes or null)
end

-- -- limits ------------------------------------------------------------------------------------------------------------

local LIMITS = {
  MAX_QUERIES_PER_HOUR = "max_questions", MAX_UPDATES_PER_HOUR = "max_updates", MAX_CONNECTIONS_PER_HOUR = "max_connections",
  MAX_USER_CONNECTIONS = "max_user_connections", MAX_STATEMENT_TIME = "max_statement_time",
}

local function limit(c)
  local a, change = c.args, {}
  if a.resource_limits.MAX_STATEMENT_TIME ~= nil and not c.state.mariadb then
    c:fail("MAX_STATEMENT_TIME resource limit is only supported by MariaDB.")
  end
  for _, key in ipairs(util.keys(a.resource_limits)) do
    local value = a.resource_limits[key]
    if not LIMITS[key] then
      c:fail("resource_limits: key '" .. key .. "' is unsupported.")
    elseif not tostring(value):match("^%d+$") then
      c:fail("Can't convert value '" .. tostring(value) .. "' to integer.")
    end
    local now = mysql.value(c, "SELECT " .. LIMITS[key] .. " FROM mysql.user" .. where(c, a.host))
    if tonumber(now) ~= tonumber(value) then
      change[#change + 1] = key .. " " .. tostring(math.tointeger(tonumber(value)))
    end
  end
  if #change > 0 then
    c:changed()
    if not c.check then
      mysql.run(c, "ALTER USER " .. account(c, a.host) .. " WITH " .. table.concat(change, " "))
    end
  end
end

-- -- all of it ---------------------------------------------------------------------------------------------------------

local function check(c)
  local a = c.args
  if a.password_expire_interval and a.password_expire_interval < 1 then
    c:fail("password_expire_interval value should be positive number")
  elseif a.password_expire == "interval" and not a.password_expire_interval then
    c:fail("password_expire is interval but all of the following are missing: password_expire_interval")
  elseif a.plugin and not a.plugin:match("^[%w_]+$") then
    c:fail("plugin: '" .. a.plugin .. "' is no name of a plugin")
  elseif a.salt and not a.plugin_auth_string then
    c:fail("salt requires plugin_auth_string")
  elseif a.salt and #a.salt ~= 20 then
    c:fail("salt must be 20 characters long")
  elseif a.salt and a.plugin ~= "caching_sha2_password" and a.plugin ~= "sha256_password" then
    c:fail("salt requires caching_sha2_password or sha256_password plugin")
  elseif a.salt then
    c:fail("salt is not supported: give the whole hash as plugin_hash_string")
  end
  a.host = a.host:lower()
end

local function run(c)
  local a = c.args
  check(c)
  local tls = wanted_tls(a.tls_requires)
  mysql.connect(c, { db = a.force_context and "mysql" or nil })
  if not mysql.at_least(c, c.state.mariadb and "10.4" or "5.7") then
    c:fail("the server is too old: MariaDB 10.4 or MySQL 5.7 is needed, this is " .. c.state.version)
  end
  if a.column_case_sensitive == nil then
    c:warn("column_case_sensitive is not given: names of columns are taken in capitals, as with community.mysql before 4.0")
  end
  mysql.session(c, a.session_vars, a.sql_log_bin)
  local want = a.priv ~= nil and privs.unpack(c, a.priv, not a.subtract_privs) or nil
  c:set("user", a.name)
  c:set("password_changed", false)
  c:set("attributes", null)
  local there = exists(c)
  if a.state == "absent" then
    c:set("msg", there and "User deleted" or "User doesn't exist")
    if there then
      c:changed()
      for _, host in ipairs(c.check and {} or hosts(c)) do
        mysql.run(c, "DROP USER IF EXISTS " .. account(c, host))
      end
    end
    return
  end
  if there then
    modify(c, want, tls)
  else
    add(c, not a.subtract_privs and want or {}, tls)
  end
  if a.resource_limits and next(a.resource_limits) and (there or not c.check) then
    limit(c)
  end
  do_last(c)
end

return {
  doc = "Make, change and remove accounts of MySQL and MariaDB.",
  spec = "community.mysql.mysql_user",
  example = "- community.mysql.mysql_user:\n    name: shop\n    password: \"{{ shop_password }}\"\n    priv: \"shop.*:ALL\"\n    column_case_sensitive: true\n    login_unix_socket: /run/mysqld/mysqld.sock",
  returns = "user: The name.\npassword_changed: Whether the password is another one.\nattributes: Attributes of the account.",
  side = "target",
  check = "full",
  diff = "none",
  args = mysql.args({
    name = { required = true, aliases = { "user" }, doc = "Name of the account." },
    host = { default = "localhost", doc = "Where it may log in from." },
    host_all = { type = "bool", default = false, doc = "Change all accounts of that name." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    password = { no_log = true, doc = "Its password." },
    encrypted = { type = "bool", default = false, doc = "`password` is a hash of mysql_native_password." },
    update_password = { default = "always", choices = { "always", "on_create", "on_new_username" }, doc = "When the password is set." },
    plugin = { empty_is_none = true, doc = "Plugin that knows the account." },
    plugin_hash_string = { empty_is_none = true, doc = "Its hash." },
    plugin_auth_string = { empty_is_none = true, no_log = true, doc = "Its password." },
    salt = { empty_is_none = true, doc = "Not supported: give plugin_hash_string." },
    priv = { type = "raw", doc = "Privileges: DB.TABLE:PRIV,PRIV/DB.TABLE:PRIV, or a dict." },
    append_privs = { type = "bool", default = false, doc = "Take none away." },
    subtract_privs = { type = "bool", default = false, doc = "Take these away." },
    column_case_sensitive = { type = "bool", doc = "Names of columns in `priv` are taken as they are." },
    tls_requires = { type = "dict", doc = "SSL, X509, or CIPHER, ISSUER and SUBJECT." },
    attributes = { type = "dict", doc = "Attributes of the account (MySQL)." },
    resource_limits = { type = "dict", doc = "MAX_QUERIES_PER_HOUR and so on." },
    password_expire = { choices = { "now", "never", "default", "interval" }, doc = "When the password expires." },
    password_expire_interval = { type = "int", doc = "After so many days." },
    locked = { type = "bool", doc = "Lock the account." },
    session_vars = { type = "dict", doc = "Settings of the session." },
    force_context = { type = "bool", default = false, doc = "Work in the database mysql." },
    sql_log_bin = { type = "bool", default = true, doc = "Write it to the binary log." },
    check_implicit_admin = { type = "bool", default = false, doc = "Try root without a password first." },
  }),
  exclusive = { { "append_privs", "subtract_privs" } },
  run = run,
}
