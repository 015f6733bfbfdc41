-- openssl_dhparam: parameters of the Diffie-Hellman key exchange.

local util = use("util")
local x509 = use("x509")

-- Bits of the parameters in the file; nil: none that are right.
local function bits(c)
  local words = { "dhparam", "-text", "-noout", "-in", c.args.path }
  if c.args.select_crypto_backend == "openssl" then
    util.append(words, "-check")
  end
  local r = x509.openssl(c, words, { may_fail = true })
  if r.rc ~= 0 or (r.stdout .. r.stderr):find("WARNING", 1, true) then
    return nil
  end
  local number = r.stdout:match("Parameters:%s+%((%d+) bit%)")
  return number and math.tointeger(tonumber(number))
end

local function report(c)
  c:set("size", c.args.size)
  c:set("filename", c.args.path)
  if c.args.return_content then
    c:set("dhparams", c.fs.read(c.args.path) or null)
  end
end

local function plan(c)
  local a = c.args
  util.regular(c, "path", a.path)
  local dir = util.dirname(a.path)
  dir = dir ~= "" and dir or "."
  local st = c.fs.stat(c.fs.realpath(dir) or dir)
  if not st or st.type ~= "directory" then
    c:fail("The directory '" .. dir .. "' does not exist or the file is not a directory", { name = dir })
  end
  local there = c.fs.exists(a.path)
  if a.state == "absent" then
    if there then
      c:changed()
    end
  elseif a.force or not there or bits(c) ~= a.size then
    c.state.make = true
    c:changed()
  else
    c:attrs_differ(a.path)
  end
  report(c)
end

local function run(c)
  if c.args.state == "absent" then
    x509.run_absent(c)
  else
    if c.state.make then
      local made = c:tmpdir() .. "/dhparams"
      x509.openssl(c, { "dhparam", "-out", made, tostring(c.args.size) }, { what = "Generating the parameters" })
      x509.write(c, c.fs.read(made))
    end
    c:attrs_apply(c.args.path)
  end
  report(c)
end

return {
  doc = "Make parameters of the Diffie-Hellman key exchange.",
  spec = "community.crypto.openssl_dhparam",
  example = "- community.crypto.openssl_dhparam:\n    path: /etc/ssl/dhparams.pem\n    size: 2048",
  returns = "size: Size of the parameters.\nfilename: The file.\nbackup_file: Name of the backup.\n"
    .. "dhparams: The parameters, with return_content.",
  side = "target",
  check = "full",
  diff = "none",
  file_args = true,
  args = {
    path = { type = "path", required = true, doc = "The file." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    size = { type = "int", default = 4096, doc = "Bits. 4096 take minutes to make." },
    force = { type = "bool", default = false, doc = "Make new ones in any case." },
    backup = { type = "bool", default = false, doc = "Keep the old file under a dated name." },
    return_content = { type = "bool", default = false, doc = "Return the parameters." },
    select_crypto_backend = {
      default = "auto", choices = { "auto", "cryptography", "openssl" },
      doc = "`openssl`: parameters that are there are also checked. They are always made by the openssl program.",
    },
  },
  plan = plan,
  run = run,
}
