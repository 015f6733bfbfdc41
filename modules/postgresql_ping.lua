-- postgresql_ping: whether a server answers, and which it is.

local postgres = use("postgres")

local function run(c)
  postgres.check_input(c)
  c:set("server_version", dict())
  c:set("conn_err_msg", "")
  local raw, why = postgres.sql(c, c.args.login_db or "", "SELECT version();", { may_fail = true })
  c:set("is_available", raw ~= nil)
  if not raw then
    c:set("conn_err_msg", why)
    c:warn("PostgreSQL server is unavailable: " .. why)
    return
  end
  local number = raw:match("^%S+ ([%d%.]+)") or ""
  local major, minor, patch = number:match("^(%d+)%.?(%d*)%.?(%d*)")
  local version = { raw = raw, full = number, major = math.tointeger(tonumber(major)), minor = math.tointeger(tonumber(minor)) }
  if patch and patch ~= "" then
    version.patch = math.tointeger(tonumber(patch))
  end
  c:set("server_version", version)
end

return {
  doc = "Ask whether a PostgreSQL server answers, and which version it is.",
  spec = "community.postgresql.postgresql_ping",
  example = "- community.postgresql.postgresql_ping:\n  become: true\n  become_user: postgres\n  register: server",
  returns = "is_available: Whether there was an answer.\nserver_version: raw, full, major and minor.\nconn_err_msg: Why there was none.",
  side = "target",
  check = "partial",
  diff = "none",
  args = postgres.args({ login_db = { aliases = { "db" }, doc = "Database to connect to." } }),
  run = run,
}
