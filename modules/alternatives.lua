-- alternatives: symbolic links that choose between programs, through update-alternatives.

local util = use("util")

-- What `update-alternatives --display` says: mode, current path, link, and the alternatives by path.
local function display(c, tool)
  local r = util.run(c, { tool, "--display", c.args.name }, { may_fail = true })
  local now = { alternatives = {} }
  if r.rc ~= 0 then
    return now
  end
  local links, last = {}, nil
  for _, line in ipairs(util.lines(r.stdout)) do
    local name, path = line:match("^%s+slave (%S+) is (.*)$")
    if not name then
      name, path = line:match("^%s+follower (%S+) is (.*)$")
    end
    local of, file = line:match("^%s+slave (.-): (.*)$")
    if not of then
      of, file = line:match("^%s+follower (.-): (.*)$")
    end
    local alternative, priority = line:match("^(/.*) %- .*priority (%d+)")
    if name then
      links[name] = path
    elseif alternative then
      last = { priority = math.tointeger(tonumber(priority)), family = line:match(" %- family (%S+) "), subcommands = {} }
      now.alternatives[alternative] = last
    elseif of and last and file ~= "(null)" then
      last.subcommands[#last.subcommands + 1] = { name = of, path = file }
    elseif line:match("^%s+link currently points to ") then
      now.path = line:match("points to (.*)$")
    elseif line:match("^%s+link %S+ is ") then
      now.link = line:match("^%s+link %S+ is (.*)$")
    elseif not now.mode then
      now.mode = line:match(" %- status is (%w+)") or line:match(" %- (%w+) mode$")
    end
  end
  for _, alternative in pairs(now.alternatives) do
    for _, sub in ipairs(alternative.subcommands) do
      sub.link = links[sub.name]
    end
  end
  return now
end

local function same_subcommands(a, b)
  local function keyed(subs)
    local out = {}
    for _, sub in ipairs(subs) do
      out[sub.name .. "\0" .. sub.path] = sub.link
    end
    return out
  end
  return util.equal(keyed(a), keyed(b))
end

local function install(c, tool, now, old)
  local path = c.args.path
  local link = c.args.link or now.link
  local priority = c.args.priority or old and old.priority or 50
  local subcommands = c.args.subcommands or old and old.subcommands or {}
  if not c.fs.exists(path) then
    c:fail("Specified path " .. path .. " does not exist")
  end
  if not link then
    c:fail("Needed to install the alternative, but unable to do so as we are missing the link")
  end
  local argv = { tool, "--install", link, c.args.name, path, tostring(priority) }
  util.extend(argv, c.args.family and { "--family", c.args.family })
  for _, sub in ipairs(subcommands) do
    util.append(argv, "--slave", sub.link, sub.name, sub.path)
  end
  return argv, { state = "present", path = path, priority = priority, link = link }
end

local function plan(c)
  local tool, path, state = c:need("update-alternatives"), c.args.path, c.args.state
  local now = display(c, tool)
  local old = path and now.alternatives[path]
  local calls, msgs = {}, {}
  local before = { state = old and "present" or "absent" }
  local after = { state = before.state }
  if old then
    before.path, before.priority, before.link = path, old.priority, now.link
    after = util.copy(before)
  end
  if state == "absent" then
    if old then
      calls[1] = { tool, "--remove", c.args.name, path }
      msgs[1] = "Remove alternative '" .. path .. "' from '" .. c.args.name .. "'."
      after = { state = "absent" }
    end
  else
    if path and not old or old and c.args.priority and c.args.priority ~= old.priority or
        old and c.args.subcommands and not same_subcommands(c.args.subcommands, old.subcommands) then
      calls[1], after = install(c, tool, now, old)
      msgs[1] = "Install alternative '" .. path .. "' for '" .. c.args.name .. "'."
    end
    local current = now.path and now.alternatives[now.path]
    if state == "selected" and (not path or now.path ~= path) and not (c.args.family and current and current.family == c.args.family) then
      calls[#calls + 1] = { tool, "--set", c.args.name, path or c.args.family }
      msgs[#msgs + 1] = "Set alternative '" .. (path or c.args.family) .. "' for '" .. c.args.name .. "'."
      after.state = "selected"
    elseif state == "auto" and now.mode == "manual" then
      calls[#calls + 1] = { tool, "--auto", c.args.name }
      msgs[#msgs + 1] = "Set alternative to auto for '" .. c.args.name .. "'."
      before.mode, after.mode = "manual", "auto"
    end
  end
  if #calls > 0 then
    c:changed()
    for _, key in ipairs({ "state", "path", "priority", "link", "mode" }) do
      c:differs(key, before[key], after[key])
    end
  end
  c:set("msg", table.concat(msgs, " "))
  c.state.calls = calls
end

local function run(c)
  for _, argv in ipairs(c.state.calls) do
    util.run(c, argv)
  end
end

return {
  doc = "Choose between programs of the same name, with update-alternatives.",
  spec = "community.general.alternatives",
  example = "- community.general.alternatives:\n    name: editor\n    path: /usr/bin/vim.basic",
  returns = "msg: What was done.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    name = { required = true, doc = "Name of the link group, as `editor`." },
    path = { empty_is_none = true, type = "path", doc = "The program it is to lead to." },
    family = { doc = "Family of alternatives, where update-alternatives knows them (Red Hat, not Debian)." },
    link = { type = "path", doc = "Path of the link; needed for a new group." },
    priority = { type = "int", doc = "Priority of the alternative; 50 for a new one." },
    state = {
      default = "selected", choices = { "present", "selected", "auto", "absent" },
      doc = "`present`: known; `selected`: also in use; `auto`: the best one is in use; `absent`: not known.",
    },
    subcommands = {
      type = "list", elements = "dict", aliases = { "slaves" }, doc = "Links that follow this one.",
      options = {
        name = { required = true, doc = "Name of the following link." },
        path = { type = "path", required = true, doc = "What it is to lead to." },
        link = { type = "path", required = true, doc = "Path of the link." },
      },
    },
  },
  required_one_of = { { "path", "family" } },
  plan = plan,
  run = run,
}
