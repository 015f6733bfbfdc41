-- postgresql_db: databases: made, changed, renamed, dumped, restored, removed.

local util = use("util")
local postgres = use("postgres")
local pgdump = use("pgdump")

local function maintenance(c)
  return c.args.maintenance_db
end

local function current(c, name)
  return postgres.row(c, maintenance(c),
    "SELECT d.datname AS name, pg_get_userbyid(d.datdba) AS owner, pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, " ..
    "d.datctype AS ctype, d.datconnlimit AS conn_limit, t.spcname AS tablespace, shobj_description(d.oid, 'pg_database') AS comment " ..
    "FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = " .. postgres.text(name))
end

local function plan_create(c)
  local a = c.args
  local sql = "CREATE DATABASE " .. postgres.name(a.name)
  local function add(word, value)
    if value ~= "" then
      sql = sql .. " " .. word .. " " .. value
    end
  end
  add("OWNER", a.owner ~= "" and postgres.name(a.owner) or "")
  add("TEMPLATE", a.template ~= "" and postgres.name(a.template) or "")
  add("ENCODING", a.encoding ~= "" and postgres.text(a.encoding) or "")
  add("LC_COLLATE", a.lc_collate ~= "" and postgres.text(a.lc_collate) or "")
  add("LC_CTYPE", a.lc_ctype ~= "" and postgres.text(a.lc_ctype) or "")
  add("ICU_LOCALE", a.icu_locale ~= "" and postgres.text(a.icu_locale) or "")
  add("LOCALE_PROVIDER", a.locale_provider)
  add("TABLESPACE", a.tablespace ~= "" and postgres.name(a.tablespace) or "")
  add("CONNECTION LIMIT", a.conn_limit)
  postgres.queue(c, sql)
  if a.comment then
    postgres.queue(c, "COMMENT ON DATABASE " .. postgres.name(a.name) .. " IS " .. postgres.text(a.comment))
  end
end

local function same_encoding(a, b)
  local function plain(text)
    return (text:upper():gsub("[^%w]", ""):gsub("^UNICODE$", "UTF8"))
  end
  return plain(a) == plain(b)
end

local function plan_change(c, now)
  local a, name = c.args, postgres.name(c.args.name)
  if a.encoding ~= "" and not same_encoding(a.encoding, now.encoding) then
    c:fail("Changing database encoding is not supported. Current encoding: " .. now.encoding)
  end
  if a.lc_collate ~= "" and a.lc_collate ~= now.collate then
    c:fail("Changing LC_COLLATE is not supported. Current LC_COLLATE: " .. now.collate)
  end
  if a.lc_ctype ~= "" and a.lc_ctype ~= now.ctype then
    c:fail("Changing LC_CTYPE is not supported.Current LC_CTYPE: " .. now.ctype)
  end
  if a.owner ~= "" and a.owner ~= now.owner then
    postgres.queue(c, "ALTER DATABASE " .. name .. " OWNER TO " .. postgres.name(a.owner))
  end
  if a.conn_limit ~= "" and tonumber(a.conn_limit) ~= now.conn_limit then
    postgres.queue(c, "ALTER DATABASE " .. name .. " CONNECTION LIMIT " .. a.conn_limit)
  end
  if a.tablespace ~= "" and a.tablespace ~= now.tablespace then
    postgres.queue(c, "ALTER DATABASE " .. name .. " SET TABLESPACE " .. postgres.name(a.tablespace))
  end
  if a.comment and a.comment ~= (util.present(now.comment) or "") then
    postgres.queue(c, "COMMENT ON DATABASE " .. name .. " IS " .. (a.comment == "" and "NULL" or postgres.text(a.comment)))
  end
end

local function plan_rename(c, now)
  local target = c.args.target
  if target == "" then
    c:fail('The "target" option must be defined when the "rename" option is used.')
  end
  if target == c.args.name then
    c:fail('The "name/db" option and the "target" option cannot be the same.')
  end
  if c.args.name == maintenance(c) then
    c:fail('The "maintenance_db" option and the "name/db" option cannot be the same.')
  end
  local there = current(c, target)
  if now and there then
    c:fail("Both the source and the target databases exist.")
  elseif not now and not there then
    c:fail("The source and the target databases do not exist.")
  elseif now then
    postgres.queue(c, "ALTER DATABASE " .. postgres.name(c.args.name) .. " RENAME TO " .. postgres.name(target))
  end
end

local function plan(c)
  postgres.check_input(c, "name", "owner", "conn_limit", "encoding", "template", "tablespace", "comment")
  local a = c.args
  if a.conn_limit ~= "" and not a.conn_limit:match("^%-?%d+$") then
    c:fail("conn_limit: '" .. a.conn_limit .. "' is no number")
  end
  if a.locale_provider ~= "" and not a.locale_provider:match("^%a+$") then
    c:fail("locale_provider: '" .. a.locale_provider .. "' is none")
  end
  c:set("db", a.name)
  c:set("executed_commands", list())
  local now = current(c, a.name)
  if a.state == "present" then
    (now and plan_change or plan_create)(c, now)
  elseif a.state == "absent" then
    if now then
      local version = postgres.version(c, maintenance(c))
      if a.force and version < 130000 then
        postgres.queue(c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = " .. postgres.text(a.name))
      end
      postgres.queue(c, "DROP DATABASE " .. postgres.name(a.name) .. (a.force and version >= 130000 and " WITH (FORCE)" or ""))
    end
  elseif a.state == "rename" then
    plan_rename(c, now)
  else
    if a.target == "" then
      c:fail("target is needed: the file of the dump")
    end
    if a.state == "dump" and not now then
      c:fail("database " .. a.name .. " does not exist")
    end
    if a.state == "restore" then
      if not c.fs.exists(a.target) then
        c:fail("target " .. a.target .. " does not exist")
      end
      if not now then
        plan_create(c)
      end
    end
    c:changed()
  end
end

local function run(c)
  local a = c.args
  postgres.run_queue(c, maintenance(c), "Database query failed")
  c:set("executed_commands", c.state.queries or list())
  local format, compressor = pgdump.format_of(a.target)
  local extra = util.words(a.target_opts)
  util.extend(extra, util.words(a.dump_extra_args or ""))
  if a.state == "dump" then
    util.makedirs(c, util.dirname(a.target))
    pgdump.dump(c, a.name, a.target, { format = format, compressor = compressor, extra = extra })
    c:set("msg", "dumped to " .. a.target)
  elseif a.state == "restore" then
    pgdump.restore(c, a.name, a.target, format, compressor, { extra = extra })
    c:set("msg", "restored from " .. a.target)
  end
end

return {
  doc = "Make, change, rename, dump, restore and remove PostgreSQL databases.",
  spec = "community.postgresql.postgresql_db",
  example = "- community.postgresql.postgresql_db:\n    name: shop\n    owner: shop\n    encoding: UTF-8\n  become: true\n  become_user: postgres",
  returns = "executed_commands: Statements that were run.\ndb: The database.",
  side = "target",
  check = "full",
  diff = "none",
  args = postgres.args({
    name = { required = true, aliases = { "db" }, doc = "The database." },
    owner = { default = "", doc = "Its owner." },
    template = { default = "", doc = "Template of a new one." },
    encoding = { default = "", doc = "Encoding of a new one." },
    lc_collate = { default = "", doc = "Collation of a new one." },
    lc_ctype = { default = "", doc = "Character classes of a new one." },
    icu_locale = { default = "", doc = "ICU locale of a new one." },
    locale_provider = { default = "", doc = "Locale provider of a new one." },
    state = {
      default = "present", choices = { "absent", "dump", "present", "rename", "restore" }, doc = "What is to be done.",
    },
    force = { type = "bool", default = false, doc = "Remove it although somebody is connected." },
    target = { type = "path", default = "", doc = "File of a dump (.sql, .tar, .pgc, .dir, also with .gz .bz2 .xz), or the new name." },
    target_opts = { default = "", doc = "More words for pg_dump or pg_restore." },
    maintenance_db = { default = "postgres", doc = "Database to connect to." },
    conn_limit = { default = "", doc = "Connections at the same time." },
    tablespace = { type = "path", default = "", doc = "Tablespace." },
    dump_extra_args = { doc = "More words for pg_dump." },
    comment = { doc = "Its comment." },
  }),
  plan = plan,
  run = run,
}
