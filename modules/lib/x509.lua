-- x509: keys, requests and certificates through the openssl program.

local util = use("util")

local x509 = {}

function x509.openssl(c, words, options)
  options = options or {}
  local argv = { c:need("openssl") }
  util.extend(argv, words)
  return util.run(c, argv, { may_fail = options.may_fail, stdin = options.stdin, env = { OPENSSL_CONF = options.config or "/dev/null" }, what = options.what })
end

-- A secret in a private file, for -passin and -passout.
function x509.secret(c, name, text)
  if not text then
    return nil
  end
  local path = c:tmpdir() .. "/" .. name
  c.fs.write(path, text .. "\n", { mode = 384 })
  return "file:" .. path
end

-- The path of something that is given as a file or as its content.
function x509.input(c, path_arg, content_arg)
  local content = content_arg and c.args[content_arg]
  if content then
    local path = c:tmpdir() .. "/" .. content_arg
    c.fs.write(path, content, { mode = 384 })
    return path
  end
  local path = c.args[path_arg]
  if path and not c.fs.exists(path) then
    c:fail("The " .. path_arg .. " file " .. path .. " does not exist")
  end
  return path
end

local UNITS = { { "w", 604800 }, { "d", 86400 }, { "h", 3600 }, { "m", 60 } }

-- A UTC time as YYYYMMDDHHMMSSZ, from "+1w2d", "-30", "20300101000000Z" or "203001010000Z".
function x509.time(c, text, name)
  local sign, rest = text:match("^([+-])(.+)$")
  if sign then
    local total = 0
    for _, unit in ipairs(UNITS) do
      local number, behind = rest:match("^(%d+)[" .. unit[1] .. unit[1]:upper() .. "](.*)$")
      total, rest = total + (tonumber(number) or 0) * unit[2], behind or rest
    end
    total, rest = total + (tonumber(rest:match("^(%d+)[sS]?$")) or 0), rest:gsub("^%d+[sS]?$", "")
    if rest == "" and total < 3000 * 366 * 86400 then
      return util.utc(c.now() + (sign == "-" and -total or total)) .. "Z"
    end
  elseif text:match("^%d%d%d%d%d%d%d%d%d%d%d%dZ$") or text:match("^%d%d%d%d%d%d%d%d%d%d%d%d%d%dZ$") then
    local month, day, hour, minute, second = text:match("^%d%d%d%d(%d%d)(%d%d)(%d%d)(%d%d)(%d?%d?)Z$")
    if month >= "01" and month <= "12" and day >= "01" and day <= "31" and hour < "24" and minute < "60" and second < "62" then
      return text:sub(1, 12) .. (second == "" and "00" or second) .. "Z"
    end
  end
  c:fail('The time spec "' .. text .. '" for ' .. name .. " is invalid: +1w2d3h4m5s and YYYYMMDDHHMMSSZ are times")
end

-- The public half of a private key, as DER. `what` is whose key it is and `arg` the argument of its passphrase, for
-- messages.
function x509.public_half(c, text, secret, what, arg)
  local locked = text:find("ENCRYPTED", 1, true) ~= nil
  if secret and not locked then
    c:fail("Wrong or empty passphrase provided for private key: " .. arg .. " is given, and the key has none")
  end
  local words = { "pkey", "-pubout", "-outform", "DER", "-passin", x509.secret(c, "passin", secret or "") }
  local r = x509.openssl(c, words, { stdin = text, may_fail = true })
  if r.rc ~= 0 and locked then
    c:fail("Wrong " .. (secret and "" or "or empty ") .. "passphrase provided for private key: " .. arg .. " does not open it: " ..
      util.said(r.stderr))
  elseif r.rc ~= 0 then
    c:fail("Unable to load the private key " .. what .. ": " .. util.said(r.stderr))
  end
  return r.stdout
end

-- Digests of a public key, as Ansible shows them.
function x509.fingerprints(c, der)
  local out = dict({})
  for _, name in ipairs({ "md5", "sha1", "sha224", "sha256", "sha384", "sha512" }) do
    out[name] = c.digest(name, der):gsub("(%x%x)", "%1:"):gsub(":$", "")
  end
  return out
end

-- The extensions in a text of openssl: name to value.
function x509.extensions(text)
  local out, name, inside, indent = {}, nil, false, nil
  for _, line in ipairs(util.lines(text)) do
    local depth = #line:match("^ *")
    if line:match("^%s*Requested Extensions:") or line:match("^%s*X509v3 extensions:") then
      inside, indent = true, nil
    elseif inside and line:match("^%s*Signature ") then
      inside = false
    elseif inside and util.trim(line) ~= "" then
      indent = indent or depth
      if depth == indent then
        name = util.trim(line):gsub(":%s*(critical)%s*$", " %1"):gsub(":%s*$", "")
        out[name] = ""
      elseif depth < indent then
        inside = false
      elseif name then
        out[name] = out[name] .. util.trim(line) .. "\n"
      end
    end
  end
  return out
end

-- Plans that a file goes away; true when that is all there is to do.
function x509.plan_absent(c)
  util.regular(c, "path", c.args.path)
  if c.args.state ~= "absent" then
    return false
  end
  c:set("filename", c.args.path)
  local st = c.fs.stat(c.args.path)
  if st and st.type == "directory" then
    c:fail("path: '" .. c.args.path .. "' is a directory")
  elseif st then
    c:differs("exists", true, false)
  end
  return true
end

function x509.run_absent(c)
  if c.args.backup then
    c:set("backup_file", c:backup(c.args.path))
  end
  c.fs.remove(c.args.path)
end

-- Puts a new text in place, with a backup of the old file, and sets the file arguments.
function x509.write(c, text, mode)
  if c.args.backup and c.fs.exists(c.args.path) then
    c:set("backup_file", c:backup(c.args.path))
  end
  c:replace(c.args.path, text, { mode = mode })
end

return x509
