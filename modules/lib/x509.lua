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

-- A UTC time as YYYYMMDDHHMMSSZ from "+3650d", "-1h", "20300101000000Z".
function x509.time(c, text, name)
  if text:match("^%d%d%d%d%d%d%d%d%d%d%d%d%d%dZ$") then
    return text
  end
  local sign, rest = text:match("^([+-])(.*)$")
  local total, units = 0, { w = 604800, d = 86400, h = 3600, m = 60, s = 1 }
  if not sign then
    c:fail('The time spec "' .. text .. '" for ' .. name .. " is invalid")
  end
  for number, unit in rest:gmatch("(%d+)([wdhms])") do
    total = total + tonumber(number) * units[unit]
  end
  if rest:gsub("%d+[wdhms]", "") ~= "" or rest == "" then
    c:fail('The time spec "' .. text .. '" for ' .. name .. " is invalid")
  end
  return util.utc(c.now() + math.tointeger(total) * (sign == "-" and -1 or 1)) .. "Z"
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
  if c.fs.stat(c.args.path) then
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
