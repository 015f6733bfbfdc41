-- util: what several modules need and Lua does not have.

local util = {}

util.LOCALE = { LANG = "C", LC_ALL = "C", LC_MESSAGES = "C", LC_CTYPE = "C", LANGUAGE = "C" }

function util.trim(text)
  return (text:match("^%s*(.-)%s*$"))
end

-- A value as Python's repr() writes it. `keys` gives the names of a dict within it, in order.
function util.python(c, value, keys)
  if value == nil or value == null then
    return "None"
  elseif type(value) == "number" then
    return c.json.encode(value)
  elseif type(value) == "string" then
    local quote = value:find("'", 1, true) and not value:find('"', 1, true) and '"' or "'"
    local names = { ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", [quote] = "\\" .. quote }
    return quote .. value:gsub("[%c\\'\"]", function(ch)
      return names[ch] or ch:match("%c") and ("\\x%02x"):format(ch:byte()) or ch
    end) .. quote
  elseif type(value) ~= "table" then
    return util.python_text(value)
  end
  local out = {}
  if c.json.encode(value):sub(1, 1) == "[" then
    for i, item in ipairs(value) do
      out[i] = util.python(c, item)
    end
    return "[" .. table.concat(out, ", ") .. "]"
  end
  for i, key in ipairs(keys or util.keys(value)) do
    out[i] = util.python(c, key) .. ": " .. util.python(c, value[key])
  end
  return "{" .. table.concat(out, ", ") .. "}"
end

-- A value as Python writes it.
function util.python_text(value)
  return type(value) == "boolean" and (value and "True" or "False") or tostring(value)
end

-- The lines of a text without their ends.
function util.lines(text)
  local out = {}
  if text == "" then
    return out
  end
  for line in text:gmatch("([^\n]*)\n?") do
    out[#out + 1] = line
  end
  return out
end

-- Lines as a text; each ends with a line end.
function util.unlines(lines)
  return #lines == 0 and "" or table.concat(lines, "\n") .. "\n"
end

-- The parts of a text between a separator, which is plain text; empty parts count.
function util.split(text, sep)
  local out, from = {}, 1
  while true do
    local at, last = text:find(sep, from, true)
    if not at then
      out[#out + 1] = text:sub(from)
      return out
    end
    out[#out + 1] = text:sub(from, at - 1)
    from = last + 1
  end
end

-- Words between blanks.
function util.words(text)
  local out = {}
  for word in text:gmatch("%S+") do
    out[#out + 1] = word
  end
  return out
end

-- The words of a command line, as a shell splits them.
function util.split_command(c, text)
  local out, word, i = {}, nil, 1
  while i <= #text do
    local ch = text:sub(i, i)
    if ch == "'" or ch == '"' then
      local from = i + 1
      word = word or ""
      i = from
      while i <= #text and text:sub(i, i) ~= ch do
        if ch == '"' and text:sub(i, i) == "\\" and text:sub(i + 1, i + 1):match('["\\]') then
          i = i + 1
        end
        word = word .. text:sub(i, i)
        i = i + 1
      end
      if i > #text then
        c:fail("a quotation in '" .. text .. "' does not end")
      end
    elseif ch == "\\" then
      i = i + 1
      word = (word or "") .. text:sub(i, i)
    elseif ch:match("%s") then
      if word then
        out[#out + 1] = word
      end
      word = nil
    else
      word = (word or "") .. ch
    end
    i = i + 1
  end
  if word then
    out[#out + 1] = word
  end
  return list(out)
end

function util.contains(values, wanted)
  for _, value in ipairs(values or {}) do
    if value == wanted then
      return true
    end
  end
  return false
end

function util.set(values)
  local out = {}
  for _, value in ipairs(values or {}) do
    out[value] = true
  end
  return out
end

function util.keys(t)
  local out = {}
  for key in pairs(t or {}) do
    out[#out + 1] = key
  end
  table.sort(out, function(a, b) return tostring(a) < tostring(b) end)
  return out
end

function util.append(to, ...)
  for _, value in ipairs({ ... }) do
    to[#to + 1] = value
  end
  return to
end

function util.extend(to, from)
  for _, value in ipairs(from or {}) do
    to[#to + 1] = value
  end
  return to
end

function util.copy(t)
  local out = {}
  for key, value in pairs(t or {}) do
    out[key] = value
  end
  return out
end

-- True when two plain values are the same, whatever the order of their keys.
function util.equal(a, b)
  if type(a) ~= type(b) or type(a) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not util.equal(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

-- nil for null too.
function util.present(value)
  if value == null then
    return nil
  end
  return value
end

-- Refuses a FIFO, a socket or a device where a file is wanted: a program would wait at it for ever.
function util.regular(c, arg, path)
  local st = c.fs.stat(c.fs.realpath(path) or path)
  if st and st.type == "other" then
    c:fail(arg .. ": '" .. path .. "' is no regular file")
  end
end

-- Words as a shell would take them.
function util.quoted(words)
  local out = {}
  for i, word in ipairs(words) do
    out[i] = word:match("^[%w@%%+=:,./_-]+$") and word or "'" .. word:gsub("'", "'\"'\"'") .. "'"
  end
  return table.concat(out, " ")
end

-- The end of what a program said, short enough for a message; its whole output is in the result.
function util.said(text)
  text = util.trim(text)
  return #text > 4000 and "..." .. text:sub(-4000):match("^[\x80-\xbf]*(.*)$") or text
end

-- Runs a program in the C locale; ends the module when it fails, unless `may_fail`. `shown`: { name, other }: where it
-- says `name`, the other one is meant.
function util.run(c, argv, options)
  options = options or {}
  local env = util.copy(util.LOCALE)
  for key, value in pairs(options.env or {}) do
    env[key] = value
  end
  local r = c:exec({ argv = argv, env = env, stdin = options.stdin, cwd = options.cwd, timeout = options.timeout })
  r.cmd = util.quoted(argv)
  for _, key in ipairs(options.shown and { "stdout", "stderr", "cmd" } or {}) do
    r[key] = r[key]:gsub(options.shown[1]:gsub("%p", "%%%0") .. "%f[^%d]", function() return options.shown[2] end)
  end
  if r.rc ~= 0 and not options.may_fail then
    local said = util.said(r.stderr:match("%S") and r.stderr or r.stdout)
    local what = options.what or argv[1]
    c:fail(what .. " failed: " .. (said ~= "" and said or "status " .. r.rc), {
      rc = r.rc, cmd = r.cmd, stdout = r.stdout, stderr = r.stderr,
    })
  end
  return r
end

-- Plans a text file: records the difference, keeps the new text in c.state for util.write_text. `before` nil: no file.
function util.plan_text(c, path, before, after, header)
  c.state.path, c.state.text = path, nil
  if before ~= after then
    c.state.text = after
    c.state.existed = before ~= nil
    c:diff(header or path, before, after)
  end
end

-- Puts what util.plan_text planned in place, with a backup of the old file when `backup` was asked for.
function util.write_text(c, options)
  if not c.state.text then
    return
  end
  if c.args.backup and c.state.existed then
    c:set("backup_file", c:backup(c.state.path))
  end
  c:replace(c.state.path, c.state.text, options)
end

-- Makes a directory and those above it.
function util.makedirs(c, path, mode)
  if path == "" or path == "/" or c.fs.exists(path) then
    return
  end
  util.makedirs(c, util.dirname(path), mode)
  c.fs.mkdir(path, { mode = mode or 493 })
end

-- A time in seconds as YYYYMMDDHHMMSS, UTC.
function util.utc(seconds)
  local days, rest = seconds // 86400, seconds % 86400
  local z = days + 719468
  local era = z // 146097
  local doe = z - era * 146097
  local yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
  local doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
  local mp = (5 * doy + 2) // 153
  local day, month = doy - (153 * mp + 2) // 5 + 1, mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return ("%04d%02d%02d%02d%02d%02d"):format(year, month, day, rest // 3600, rest % 3600 // 60, rest % 60)
end

-- The directory of a path.
function util.dirname(path)
  local dir = path:match("^(.*)/[^/]*$")
  if dir == nil then
    return "."
  end
  return dir == "" and "/" or dir
end

-- A path below a directory; an absolute one is itself.
function util.join(dir, path)
  if path:sub(1, 1) == "/" or dir == "" then
    return path
  end
  return dir .. (dir:sub(-1) == "/" and "" or "/") .. path
end

-- The time on the target's clock and in its zone, as `date` writes it; `pattern` is what that must look like.
function util.local_time(c, format, pattern)
  local text = util.trim(util.run(c, { c:need("date"), "+" .. format }).stdout)
  if not text:match(pattern) then
    c:fail("date +" .. format .. " did not print the time, but: " .. util.said(text))
  end
  return text
end

-- Bytes in hexadecimal.
function util.hex(bytes)
  return (bytes:gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end))
end

function util.basename(path)
  return (path:gsub("/+$", ""):match("[^/]*$"))
end

return util
