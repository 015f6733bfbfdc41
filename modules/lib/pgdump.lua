-- pgdump: dumps of PostgreSQL databases, for the modules pg_dump, pg_restore and postgresql_db.

local util = use("util")
local postgres = use("postgres")

local pgdump = {}

local COMPRESSORS = { gz = "gzip", bz2 = "bzip2", xz = "xz", zst = "zstd" }

-- The format a file's name stands for, and the program that compresses it.
function pgdump.format_of(path)
  local plain, ending = path:match("^(.*)%.(%w+)$")
  if ending == "pgc" or ending == "dump" then
    return "custom"
  elseif ending == "tar" then
    return "tar"
  elseif ending == "dir" then
    return "directory"
  elseif COMPRESSORS[ending or ""] then
    return pgdump.format_of(plain), ending
  end
  return "plain"
end

-- The words for the role that dumps or restores.
local function role_words(c)
  return c.args.session_role and { "--role=" .. c.args.session_role } or {}
end

-- Dumps into `path`, which appears whole or not at all. `options`: format, compressor, extra words, jobs.
function pgdump.dump(c, db, path, options)
  local temp = c.fs.beside(path) .. "/dump"
  local argv = { "pg_dump", "--format=" .. options.format, "--file=" .. temp, "--no-password" }
  if options.format == "directory" and options.jobs then
    util.append(argv, "--jobs=" .. options.jobs)
  end
  util.extend(argv, role_words(c))
  util.extend(argv, options.extra)
  util.append(argv, "--dbname=" .. db)
  local r = postgres.program(c, argv, { may_fail = true })
  if r.rc ~= 0 then
    c:fail("pg_dump of " .. db .. " failed: " .. util.trim(r.stderr), { rc = r.rc, stderr = r.stderr })
  end
  if options.compressor then
    local packed = util.run(c, { c:need(COMPRESSORS[options.compressor]), options.compressor == "zst" and "--rm" or "-f", temp },
      { may_fail = true })
    if packed.rc ~= 0 then
      c:fail(COMPRESSORS[options.compressor] .. " failed: " .. util.trim(packed.stderr))
    end
    temp = temp .. "." .. options.compressor
  end
  pgdump.verify(c, temp, options.format, options.compressor, "of " .. db)
  c.fs.rename(temp, path)
end

-- The dump goes to the controller while it is made. `options` as above; what is sent is read by the program that verifies it
-- at the same time.
function pgdump.send(c, db, options)
  local env = postgres.environment(c)
  local compressor = options.compressor and c:need(COMPRESSORS[options.compressor])
  local argv = { c:need("pg_dump"), "--format=" .. options.format, "--no-password" }
  util.extend(argv, role_words(c))
  util.extend(argv, options.extra)
  util.append(argv, "--dbname=" .. db)
  local check
  if compressor then
    check = { compressor, "-t" }
  elseif options.format ~= "plain" then
    check = { c:need("pg_restore"), "--list" }
  end
  env.LC_ALL = "C"
  local r = c:send{ argv = argv, filter = compressor and { compressor, "-c" }, check = check, env = env }
  if r.rc ~= 0 then
    c:fail("pg_dump of " .. db .. " failed: " .. util.trim(r.stderr), { rc = r.rc, stderr = r.stderr })
  elseif r.filter_rc ~= 0 then
    c:fail(COMPRESSORS[options.compressor] .. " failed: " .. util.trim(r.filter_stderr))
  elseif r.check_rc ~= 0 then
    c:fail("the dump of " .. db .. " cannot be read: " .. util.trim(r.check_stderr))
  elseif not check and not r.tail:find("PostgreSQL database dump complete", 1, true) then
    c:fail("the dump of " .. db .. " cannot be read: its end is missing")
  end
  return r
end

-- Ends when a dump cannot be read. `shown`: how the message names it.
function pgdump.verify(c, path, format, compressor, shown)
  local ok, why = true, ""
  if format == "plain" and not compressor then
    local st = c.fs.stat(path)
    local tail = util.run(c, { c:need("tail"), "-c", "4096", path }, { may_fail = true }).stdout
    ok = st ~= nil and tail:find("PostgreSQL database dump complete", 1, true) ~= nil
    why = "its end is missing"
  elseif compressor then
    local r = util.run(c, { c:need(COMPRESSORS[compressor]), "-t", path }, { may_fail = true })
    ok, why = r.rc == 0, util.trim(r.stderr)
  else
    local r = postgres.program(c, { "pg_restore", "--list", path }, { may_fail = true })
    ok, why = r.rc == 0 and r.stdout:find("; Archive created at", 1, true) ~= nil, util.trim(r.stderr)
  end
  if not ok then
    c:fail("the dump " .. (shown or path) .. " cannot be read: " .. why)
  end
end

-- Whether a dump can go in whole or not at all: not what makes databases, connects to others, or is restored by several
-- connections.
function pgdump.one_transaction(c, path, format, extra)
  if format ~= "plain" then
    for _, word in ipairs(extra) do
      if word:match("^%-[jC1]") or word:match("^%-%-jobs") or word == "--create" or word == "--single-transaction" then
        return false
      end
    end
    return true
  end
  local head = util.run(c, { c:need("head"), "-c", "65536", path }, { may_fail = true }).stdout
  return head:find("\n-- PostgreSQL database dump\n", 1, true) ~= nil and not head:find("\nCREATE DATABASE ", 1, true)
    and not head:find("\n\\connect ", 1, true)
end

-- Restores a dump; what compresses it is undone into the call's own directory first.
function pgdump.restore(c, db, path, format, compressor, options)
  if compressor then
    local copy = c:tmpdir() .. "/restore." .. compressor
    c.fs.symlink(c.fs.realpath(path), copy)
    local out = util.run(c, { c:need(COMPRESSORS[compressor]), "-d", "-k", "-f", copy }, { may_fail = true })
    if out.rc ~= 0 then
      c:fail(COMPRESSORS[compressor] .. " failed: " .. util.trim(out.stderr))
    end
    path = c:tmpdir() .. "/restore"
  end
  local argv
  local whole = options.single_transaction
  if whole == nil then
    whole = pgdump.one_transaction(c, path, format, options.extra)
  end
  if format == "plain" then
    argv = { "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--no-password", "--dbname=" .. db }
    local role = postgres.set_role(c)
    if role then
      util.append(argv, "--command=" .. role)
    end
    util.append(argv, "--file=" .. path)
    if whole then
      util.append(argv, "--single-transaction")
    end
    util.extend(argv, options.extra)
  else
    argv = util.extend({ "pg_restore", "--no-password", "--dbname=" .. db }, role_words(c))
    if whole then
      util.append(argv, "--single-transaction")
    else
      util.append(argv, "--exit-on-error")
    end
    if options.clean then
      util.append(argv, "--clean", "--if-exists")
    end
    if options.jobs and not options.single_transaction then
      util.append(argv, "--jobs=" .. options.jobs)
    end
    util.extend(argv, options.extra)
    util.append(argv, path)
  end
  local r = postgres.program(c, argv, { may_fail = true })
  if r.rc ~= 0 then
    c:fail("restoring " .. db .. " failed: " .. util.trim(r.stderr), { rc = r.rc, stderr = r.stderr })
  end
  return r
end

return pgdump
