-- pam_limits: limits of users and groups, in limits.conf or a file of limits.d.

local util = use("util")

local UNLIMITED = { unlimited = true, infinity = true, ["-1"] = true }

local function valid(item, value)
  if item == "nice" or item == "priority" then
    return value:match("^[+-]?%d+$") ~= nil
  end
  return UNLIMITED[value] or value:match("^%d+$") ~= nil or item == "chroot"
end

-- The smaller (use_min) or larger of two limits.
local function chosen(c, old, new)
  local least = c.args.use_min
  local a, b = UNLIMITED[old] and math.huge or tonumber(old), UNLIMITED[new] and math.huge or tonumber(new)
  if not a or not b then
    return new
  end
  if least then
    return a < b and old or new
  end
  return a > b and old or new
end

local function entry(c, value)
  local line = table.concat({ c.args.domain, c.args.limit_type, c.args.limit_item, value }, "\t")
  if c.args.comment ~= "" then
    line = line .. "\t#" .. c.args.comment
  end
  return line
end

local function plan(c)
  local path, value = c.args.dest, c.args.value
  if c.args.use_min and c.args.use_max then
    c:fail("Cannot use use_min and use_max at the same time.")
  end
  if not valid(c.args.limit_item, value) then
    c:fail("Value of '" .. value .. "' for item '" .. c.args.limit_item .. "' is invalid: a number of 0 or larger, or " ..
      "'unlimited', 'infinity' or '-1' for no limit (limits.conf(5))")
  end
  for _, name in ipairs({ "domain", "comment" }) do
    if c.args[name]:find("\n") or name == "domain" and c.args[name]:find("%s") then
      c:fail(name .. " must be one line" .. (name == "domain" and " without blanks" or ""))
    end
  end
  local text = c.fs.read(path)
  if not text and not path:match("^/etc/security/limits%.d/") and not c.fs.exists(util.dirname(path)) then
    c:fail("directory " .. util.dirname(path) .. " is not writable (check presence, access rights, use sudo)")
  end
  local out, found = {}, false
  for _, line in ipairs(util.lines(text or "")) do
    local fields = util.words((line:gsub("#.*$", "")))
    local ours = #fields == 4 and fields[1] == c.args.domain and fields[2] == c.args.limit_type and
        fields[3] == c.args.limit_item
    if not ours then
      out[#out + 1] = line
    elseif not found then
      found = true
      if c.args.use_min or c.args.use_max then
        value = chosen(c, fields[4], value)
      end
      if fields[4] == value then
        out[#out + 1] = line
      else
        out[#out + 1] = entry(c, value)
        c:set("msg", out[#out] .. "\n")
      end
    elseif fields[4] ~= value then
      c:set("msg", entry(c, value) .. "\n")
    else
      out[#out + 1] = line
    end
  end
  if not found then
    out[#out + 1] = entry(c, value)
    c:set("msg", out[#out] .. "\n")
  end
  util.plan_text(c, path, text, util.unlines(out))
  c:set("diff", dict({ before = text or "", after = util.unlines(out) }))
end

local function run(c)
  util.write_text(c, { mode = 420 })
end

return {
  doc = "Set limits of users and groups (limits.conf).",
  spec = "community.general.pam_limits",
  example = "- community.general.pam_limits:\n    domain: joe\n    limit_type: soft\n    limit_item: nofile\n    value: '64000'",
  returns = "msg: The line that was written.",
  side = "target",
  check = "full",
  diff = "full",
  file_args = true,
  args = {
    domain = { required = true, doc = "User, @group, or * for everybody." },
    limit_type = { required = true, choices = { "hard", "soft", "-" }, doc = "Hard, soft, or both (-)." },
    limit_item = {
      required = true,
      choices = {
        "core", "data", "fsize", "memlock", "nofile", "rss", "stack", "cpu", "nproc", "as", "maxlogins",
        "maxsyslogins", "priority", "locks", "sigpending", "msgqueue", "nice", "rtprio", "chroot",
      },
      doc = "What is limited.",
    },
    value = { required = true, doc = "The limit: a number, `unlimited`, `infinity` or -1." },
    backup = { type = "bool", default = false, doc = "Keep the old file under a dated name." },
    use_min = { type = "bool", default = false, doc = "Keep the old limit when it is smaller." },
    use_max = { type = "bool", default = false, doc = "Keep the old limit when it is larger." },
    dest = { type = "path", default = "/etc/security/limits.conf", doc = "The file." },
    comment = { default = "", doc = "Comment behind the line." },
  },
  plan = plan,
  run = run,
}
