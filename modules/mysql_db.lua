-- mysql_db: databases of MySQL and MariaDB: made, removed, dumped, filled from a dump.

local util = use("util")
local mysql = use("mysql")

local COMPRESSORS = { gz = "gzip", bz2 = "bzip2", xz = "xz", zst = "zstd" }

local function exists(c, name)
  return mysql.any(c, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = " .. mysql.quote(c, name))
end

local function done(c, sql)
  c.state.commands = c.state.commands or list()
  util.append(c.state.commands, sql)
end

local function create(c, names)
  for _, name in ipairs(names) do
    local sql = "CREATE DATABASE " .. mysql.name(name)
    if c.args.encoding ~= "" then
      sql = sql .. " CHARACTER SET " .. mysql.quote(c, c.args.encoding)
    end
    if c.args.collation ~= "" then
      sql = sql .. " COLLATE " .. mysql.quote(c, c.args.collation)
    end
    done(c, sql)
    local rows, code, text = mysql.try(c, sql)
    if not rows then
      c:fail("error creating database: (" .. tostring(code) .. ", \"" .. text .. "\")")
    end
  end
end

local function drop(c, names)
  for _, name in ipairs(names) do
    local sql = "DROP DATABASE " .. mysql.name(name)
    done(c, sql)
    local rows, code, text = mysql.try(c, sql)
    if not rows then
      c:fail("error deleting database: (" .. tostring(code) .. ", \"" .. text .. "\")")
    end
  end
end

-- -- dumps -------------------------------------------------------------------------------------------------------------

local function dump_words(c, all)
  local a = c.args
  local words = {}
  local function flag(on, word)
    if on then
      util.append(words, word)
    end
  end
  flag(a.force, "--force")
  flag(a.skip_lock_tables, "--skip-lock-tables")
  flag(a.encoding ~= "", "--default-character-set=" .. a.encoding)
  flag(a.single_transaction, "--single-transaction=true")
  flag(a.quick, "--quick")
  for _, name in ipairs(a.ignore_tables) do
    flag(true, "--ignore-table=" .. name)
  end
  flag(a.hex_blob, "--hex-blob")
  if a.master_data ~= 0 then
    local source = not c.state.mariadb and mysql.at_least(c, "8.2.0")
    flag(true, (source and "--source-data=" or "--master-data=") .. a.master_data)
  end
  util.extend(words, a.dump_extra_args and util.words(a.dump_extra_args))
  if all then
    flag(true, "--all-databases")
  else
    flag(#a.name > 1, "--databases")
    flag(true, "--")
    util.extend(words, a.name)
  end
  return words
end

local function ending(path)
  return COMPRESSORS[path:match("%.(%w+)$") or ""]
end

-- The dump appears whole or not at all.
local function dump(c, all)
  local target = c.args.target
  local temp = c.fs.beside(target) .. "/dump"
  local program = c.state.mariadb and mysql.program(c, "mariadb-dump", "mysqldump") or mysql.program(c, "mysqldump", "mariadb-dump")
  local words = dump_words(c, all)
  local argv = util.extend({ program, "--defaults-file=" .. mysql.options_file(c), "--result-file=" .. temp }, words)
  local r = util.run(c, argv, { may_fail = true })
  if r.rc == 0 and ending(target) then
    local packer = c:need(ending(target))
    local packed = util.run(c, { packer, packer:match("zstd$") and "--rm" or "-f", temp }, { may_fail = true })
    temp = packed.rc == 0 and temp .. "." .. target:match("%.(%w+)$") or temp
    r = packed.rc == 0 and r or packed
  end
  if r.rc ~= 0 then
    c:fail(util.trim(r.stderr) ~= "" and r.stderr or "the dump failed with status " .. r.rc, { rc = r.rc })
  end
  local old = c.fs.stat(target)
  c.fs.chmod(temp, old and old.mode or 420)
  c.fs.rename(temp, target)
  done(c, util.basename(program) .. " " .. table.concat(words, " ") .. " > " .. target)
  return r
end

-- A dump that is not compressed any more.
local function plain(c, target)
  local program = ending(target)
  if not program then
    return target
  end
  local copy = c:tmpdir() .. "/dump." .. target:match("%.(%w+)$")
  c.fs.symlink(c.fs.realpath(target), copy)
  local r = util.run(c, { c:need(program), "-d", "-k", "-f", copy }, { may_fail = true })
  if r.rc ~= 0 then
    c:fail(util.trim(r.stderr), { rc = r.rc })
  end
  return c:tmpdir() .. "/dump"
end

local function import(c, all)
  local target = c.args.target
  if not c.fs.exists(target) then
    c:fail("target " .. target .. " does not exist on the host")
  end
  local argv = { mysql.program(c, "mariadb", "mysql"), "--defaults-file=" .. mysql.options_file(c) }
  if c.args.force then
    util.append(argv, "-f")
  end
  if c.args.encoding ~= "" then
    util.append(argv, "--default-character-set=" .. c.args.encoding)
  end
  if not all then
    util.append(argv, "--one-database", "--", c.args.name[1])
  end
  local shell = util.extend({ "/bin/sh", "-c", 'exec "$@" <"$PLAY_INPUT"', "sh" }, argv)
  local r = util.run(c, shell, { env = { PLAY_INPUT = plain(c, target) }, may_fail = true })
  done(c, "mysql < " .. target)
  if r.rc ~= 0 then
    c:fail(r.stderr, { rc = r.rc })
  end
  return r
end

-- -- what is asked for -------------------------------------------------------------------------------------------------

local function check(c)
  local a = c.args
  if a.login_port < 0 or a.login_port > 65535 then
    c:fail("login_port must be a valid unix port number (0-65535)")
  end
  if util.contains(a.ignore_tables, "") then
    c:fail("Name of ignored table cannot be empty")
  end
  local moves = a.state == "dump" or a.state == "import"
  if a.chdir and a.target and a.target:sub(1, 1) ~= "/" then
    a.target = a.chdir .. "/" .. a.target
  end
  if #a.name > 1 and a.state == "import" then
    c:fail("Multiple databases are not supported with state=import")
  elseif moves and not a.target then
    c:fail("with state=" .. a.state .. " target is required")
  elseif not moves and #a.name == 1 and a.name[1] == "all" then
    c:fail("name is not allowed to equal 'all' unless state equals import, or dump.")
  end
  return moves and #a.name == 1 and a.name[1] == "all"
end

local function run(c)
  local a = c.args
  local names = list()
  for i, name in ipairs(a.name) do
    names[i] = util.trim(name)
  end
  a.name = names
  c:set("db_list", names)
  c:set("db", table.concat(names, " "))
  if #names == 0 then
    return
  end
  local all = check(c)
  mysql.connect(c)
  mysql.session(c, nil, (a.state == "present" or a.state == "absent") and a.sql_log_bin)
  local there, missing = {}, {}
  for _, name in ipairs(all and {} or names) do
    util.append(exists(c, name) and there or missing, name)
  end
  if a.state == "dump" and #missing > 0 then
    c:fail("Cannot dump database(s) '" .. table.concat(missing, ", ") .. "' - not found")
  end
  if a.state == "dump" or a.state == "import" or a.state == "absent" and #there > 0 or a.state == "present" and #missing > 0 then
    c:changed()
  end
  if c.check then
    return
  end
  if a.state == "absent" then
    drop(c, there)
  elseif a.state == "present" then
    create(c, missing)
  elseif a.state == "dump" then
    c:set("msg", dump(c, all).stdout)
  else
    create(c, missing)
    c:set("msg", import(c, all).stdout)
  end
  c:set("executed_commands", c.state.commands or list())
end

return {
  doc = "Make, remove, dump and fill databases of MySQL and MariaDB.",
  spec = "community.mysql.mysql_db",
  example = "- community.mysql.mysql_db:\n    name: shop\n    encoding: utf8mb4\n    login_unix_socket: /run/mysqld/mysqld.sock",
  returns = "db: The names in one text.\ndb_list: The names.\nexecuted_commands: Statements and programs that were run.",
  side = "target",
  check = "full",
  diff = "none",
  args = mysql.args({
    name = { type = "list", elements = "str", required = true, aliases = { "db" }, doc = "The databases; `all` for dump and import." },
    state = { default = "present", choices = { "absent", "dump", "import", "present" }, doc = "What is wanted." },
    encoding = { default = "", doc = "Encoding of a new database, and of dumps." },
    collation = { default = "", doc = "Collation of a new database." },
    target = { type = "path", doc = "The file of the dump; .gz, .bz2, .xz and .zst are compressed." },
    single_transaction = { type = "bool", default = false, doc = "Dump in one transaction." },
    quick = { type = "bool", default = true, doc = "Dump row by row." },
    ignore_tables = { type = "list", elements = "str", default = list(), doc = "Tables left out, DB.TABLE." },
    hex_blob = { type = "bool", default = false, doc = "Binary columns as hexadecimal." },
    force = { type = "bool", default = false, doc = "Go on after errors." },
    master_data = { type = "int", default = 0, choices = { 0, 1, 2 }, doc = "Position for a replica." },
    skip_lock_tables = { type = "bool", default = false, doc = "Lock no tables." },
    dump_extra_args = { doc = "More words for the dump." },
    use_shell = { type = "bool", default = false, doc = "Accepted: no shell is used." },
    unsafe_login_password = { type = "bool", default = false, doc = "Accepted: the password is in no command line." },
    restrict_config_file = { type = "bool", default = false, doc = "Accepted: only config_file is read." },
    check_implicit_admin = { type = "bool", default = false, doc = "Try root without a password first." },
    config_overrides_defaults = { type = "bool", default = false, doc = "config_file wins over the arguments." },
    chdir = { type = "path", doc = "Directory that target is relative to." },
    pipefail = { type = "bool", default = false, doc = "Accepted: failures are always seen." },
    sql_log_bin = { type = "bool", default = true, doc = "Write it to the binary log." },
  }),
  run = run,
}
