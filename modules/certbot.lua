-- certbot: certificates of an ACME authority. What is there is read from the files, so a run that has nothing to do asks
-- nobody.

local util = use("util")

local function paths(c)
  local live = c.args.config_dir .. "/live/" .. c.args.name
  return {
    live = live, cert = live .. "/cert.pem", key = live .. "/privkey.pem", chain = live .. "/chain.pem",
    fullchain = live .. "/fullchain.pem", renewal = c.args.config_dir .. "/renewal/" .. c.args.name .. ".conf",
  }
end

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

-- "Jan  1 10:00:00 2030 GMT" in seconds.
local function seconds(text)
  local month, day, h, m, s, year = text:match("(%a%a%a)%s+(%d+) (%d+):(%d+):(%d+) (%d+) GMT")
  if not month or not MONTHS[month] then
    return nil
  end
  year, month, day = tonumber(year), MONTHS[month], tonumber(day)
  local y = month <= 2 and year - 1 or year
  local era = y // 400
  local yoe = y - era * 400
  local doy = (153 * (month + (month > 2 and -3 or 9)) + 2) // 5 + day - 1
  local days = era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468
  return math.tointeger(days * 86400 + tonumber(h) * 3600 + tonumber(m) * 60 + tonumber(s))
end

-- The certificate that is there: its names, when it ends, and how it is renewed; nil when there is none.
local function current(c, p)
  if not c.fs.exists(p.cert) then
    return nil
  end
  local r = util.run(c, { c:need("openssl"), "x509", "-in", p.cert, "-noout", "-enddate", "-ext", "subjectAltName" }, { may_fail = true })
  local ends = r.stdout:match("notAfter=([^\n]+)")
  if r.rc ~= 0 or not ends then
    return { domains = {}, days = -1, broken = true }
  end
  local domains = {}
  for kind, name in r.stdout:gmatch("(%a[%a ]*):([^,%s]+)") do
    if kind:match("DNS$") or kind:match("IP Address$") then
      domains[#domains + 1] = name
    end
  end
  table.sort(domains)
  local now = { domains = domains, not_after = ends, days = (seconds(ends) - c.now()) // 86400 }
  for line in (c.fs.read(p.renewal) or ""):gmatch("[^\n]+") do
    local key, value = line:match("^([%w_]+) = (.*)$")
    if key == "server" or key == "key_type" or key == "authenticator" then
      now[key] = value
    end
  end
  return now
end

local function sorted(values)
  local out = {}
  for _, value in ipairs(values) do
    out[#out + 1] = value:lower()
  end
  table.sort(out)
  return out
end

-- Why certbot has to run; nil when it does not.
local function reason(c, now)
  local a = c.args
  if not now then
    return "there is none"
  elseif now.broken then
    return "it cannot be read"
  elseif a.force then
    return "a new one is asked for"
  elseif not util.equal(sorted(a.domains), sorted(now.domains)) then
    return "it is for " .. table.concat(now.domains, ", ")
  elseif now.days < a.renew_within then
    return "it ends in " .. now.days .. " days"
  elseif a.server and now.server and now.server ~= a.server then
    return "it is of " .. now.server
  elseif a.key_type and now.key_type and now.key_type ~= a.key_type then
    return "its key is " .. now.key_type
  end
end

local function certbot(c, words)
  local a = c.args
  local argv = { a.certbot or c:need("certbot") }
  util.extend(argv, words)
  util.append(argv, "--non-interactive", "--config-dir", a.config_dir, "--work-dir", a.work_dir, "--logs-dir", a.logs_dir)
  local env = {}
  if a.ca_bundle then
    env.REQUESTS_CA_BUNDLE = a.ca_bundle
  end
  local r = util.run(c, argv, { env = env, may_fail = true, timeout = a.timeout })
  if r.rc ~= 0 then
    local why = r.timed_out and "no end within " .. a.timeout .. " seconds" or util.trim(r.stderr)
    c:fail("certbot failed: " .. why, { rc = r.rc, stdout = r.stdout, stderr = r.stderr })
  end
  return r
end

-- How it is shown that the names are ours.
local function challenge(c)
  local a, words = c.args, {}
  if a.method == "webroot" then
    util.append(words, "--webroot", "--webroot-path", a.webroot)
  elseif a.method == "standalone" then
    util.append(words, "--standalone")
    if a.http_port then
      util.append(words, "--http-01-port", tostring(a.http_port))
    end
  elseif a.method == "nginx" then
    util.append(words, "--nginx")
  else
    util.append(words, "--manual", "--preferred-challenges", "dns", "--manual-auth-hook", a.auth_hook)
    if a.cleanup_hook then
      util.append(words, "--manual-cleanup-hook", a.cleanup_hook)
    end
  end
  return words
end

local function obtain_words(c, force)
  local a = c.args
  local words = { "certonly", "--cert-name", a.name, "--agree-tos", "--renew-with-new-domains" }
  util.extend(words, challenge(c))
  for _, name in ipairs(a.domains) do
    util.append(words, "-d", name)
  end
  if a.email then
    util.append(words, "--email", a.email, "--no-eff-email")
  else
    util.append(words, "--register-unsafely-without-email")
  end
  if a.server then
    util.append(words, "--server", a.server)
  elseif a.staging then
    util.append(words, "--staging")
  end
  if a.key_type then
    util.append(words, "--key-type", a.key_type)
  end
  for arg, option in pairs({ deploy_hook = "--deploy-hook", pre_hook = "--pre-hook", post_hook = "--post-hook" }) do
    if a[arg] then
      util.append(words, option, a[arg])
    end
  end
  if force then
    util.append(words, "--force-renewal")
  end
  util.extend(words, a.extra_args)
  return words
end

local function report(c, p, now)
  for _, key in ipairs({ "cert", "key", "chain", "fullchain" }) do
    c:set(key, p[key])
  end
  if now then
    c:set("domains", list(now.domains))
    c:set("not_after", now.not_after or null)
    c:set("days_left", math.tointeger(now.days))
  end
end

local function check_arguments(c)
  local a = c.args
  a.name = a.name or a.domains and a.domains[1] and a.domains[1]:gsub("^%*%.", "")
  if not a.name or a.name:find("[/%s]") or a.name:sub(1, 1) == "-" or a.name:sub(1, 1) == "." then
    c:fail("name: '" .. tostring(a.name) .. "' is no name of a certificate")
  end
  if a.state == "absent" then
    return
  end
  if not a.domains or #a.domains == 0 then
    c:fail("state is present but all of the following are missing: domains")
  end
  for _, name in ipairs(a.domains) do
    if not name:match("^[%w%*][%w%.%-%*]*$") then
      c:fail("domains: '" .. name .. "' is no name of a host")
    end
    if name:find("*", 1, true) and a.method ~= "dns" then
      c:fail("domains: '" .. name .. "' needs method dns: an authority gives certificates for all names below one only so")
    end
  end
  if a.method == "webroot" and not a.webroot then
    c:fail("method is webroot but all of the following are missing: webroot")
  elseif a.method == "dns" and not a.auth_hook then
    c:fail("method is dns but all of the following are missing: auth_hook")
  end
end

local function plan(c)
  check_arguments(c)
  local p = paths(c)
  local now = current(c, p)
  c:set("name", c.args.name)
  report(c, p, now)
  if c.args.state == "absent" then
    if now or c.fs.exists(p.renewal) then
      c:differs("exists", true, false)
    end
    return
  end
  local why = reason(c, now)
  if why then
    c.state.force = now ~= nil and not now.broken and util.equal(sorted(c.args.domains), sorted(now.domains))
    c:differs("certificate", why, "for " .. table.concat(c.args.domains, ", "))
    c:set("reason", why)
  end
end

local function run(c)
  check_arguments(c)
  local p = paths(c)
  if c.args.state == "absent" then
    if c.args.revoke and c.fs.exists(p.cert) then
      local words = { "revoke", "--cert-path", p.cert, "--delete-after-revoke" }
      if c.args.server then
        util.append(words, "--server", c.args.server)
      end
      certbot(c, words)
    else
      certbot(c, { "delete", "--cert-name", c.args.name })
    end
    return
  end
  local damaged = current(c, p)
  if damaged and damaged.broken then
    certbot(c, { "delete", "--cert-name", c.args.name })  -- certbot does not replace what it cannot read
  end
  certbot(c, obtain_words(c, c.state.force))
  local now = current(c, p)
  if not now or now.broken then
    c:fail("certbot ended well, but there is no certificate at " .. p.cert)
  end
  report(c, p, now)
end

return {
  doc = "Obtain, expand and renew certificates with certbot, of any ACME authority.",
  spec = "certbot",
  example = "- certbot:\n    domains: [example.org, www.example.org]\n    method: webroot\n    webroot: /var/www/html\n    email: admin@example.org\n    deploy_hook: systemctl reload nginx",
  returns = "cert: The certificate.\nkey: Its private key.\nchain: The certificates above it.\nfullchain: All of them.\ndomains: The names it is for.\n" ..
      "not_after: When it ends.\ndays_left: Days until then.\nreason: Why certbot was run.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    name = { empty_is_none = true, doc = "Name of the certificate; the first domain without it." },
    domains = { type = "list", elements = "str", doc = "The names it is for." },
    state = { default = "present", choices = { "present", "absent" }, doc = "Whether it is to be there." },
    method = { default = "webroot", choices = { "webroot", "standalone", "nginx", "dns" }, doc = "How the authority is shown that the names are ours." },
    webroot = { type = "path", doc = "Directory the web server gives out (webroot)." },
    http_port = { type = "int", doc = "Port to listen on (standalone)." },
    auth_hook = { doc = "Program that puts the record in place (dns); certbot gives it CERTBOT_DOMAIN and CERTBOT_VALIDATION." },
    cleanup_hook = { doc = "Program that removes it." },
    email = { doc = "Address of the account; registered without one if missing." },
    server = { doc = "Address of the authority's directory; Let's Encrypt without it." },
    staging = { type = "bool", default = false, doc = "Let's Encrypt's test authority." },
    ca_bundle = { type = "path", doc = "Authorities the ACME server's own certificate is checked with." },
    key_type = { choices = { "rsa", "ecdsa" }, doc = "Type of the key." },
    renew_within = { type = "int", default = 30, doc = "Renew when it ends within so many days." },
    force = { type = "bool", default = false, doc = "A new one in any case." },
    revoke = { type = "bool", default = false, doc = "Revoke it when it is removed." },
    deploy_hook = { doc = "Command after each new certificate, also when certbot renews by itself." },
    pre_hook = { doc = "Command before." },
    post_hook = { doc = "Command after, in any case." },
    extra_args = { type = "list", elements = "str", doc = "More words for certbot." },
    config_dir = { type = "path", default = "/etc/letsencrypt", doc = "Its configuration." },
    work_dir = { type = "path", default = "/var/lib/letsencrypt", doc = "Its working directory." },
    logs_dir = { type = "path", default = "/var/log/letsencrypt", doc = "Its logs." },
    timeout = { type = "int", default = 600, doc = "Seconds it may take." },
    certbot = { type = "path", doc = "The program." },
  },
  plan = plan,
  run = run,
}
