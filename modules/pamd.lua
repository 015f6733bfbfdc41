-- pamd: rules of a PAM service, by type, control and module.

local util = use("util")

local TYPES = { "account", "-account", "auth", "-auth", "password", "-password", "session", "-session" }
local CONTROLS = { "required", "requisite", "sufficient", "optional", "include", "substack", "definitive" }
local VALUES = util.set({
  "success", "open_err", "symbol_err", "service_err", "system_err", "buf_err", "perm_denied", "auth_err", "cred_insufficient",
  "authinfo_unavail", "user_unknown", "maxtries", "new_authtok_reqd", "acct_expired", "session_err", "cred_unavail",
  "cred_expired", "cred_err", "no_module_data", "conv_err", "authtok_err", "authtok_recover_err", "authtok_lock_busy",
  "authtok_disable_aging", "try_again", "ignore", "abort", "authtok_expired", "module_unknown", "bad_item", "conv_again",
  "incomplete", "default",
})
local ACTIONS = util.set({ "ignore", "bad", "die", "ok", "done", "reset" })
local MARK = "# Updated by Ansible - "  -- Ansible's module looks for this line, too

-- The words of a rule's end; one in brackets may have blanks.
local function words(text)
  local out, at = {}, 1
  while true do
    at = text:find("%S", at)
    if not at then
      return out
    end
    local last
    if text:sub(at, at) == "[" then
      last = at
      repeat
        last = text:find("]", last + 1, true)
      until not last or text:sub(last - 1, last - 1) ~= "\\"
    end
    if not last then
      last = (text:find("%s", at) or #text + 1) - 1
    end
    out[#out + 1] = text:sub(at, last)
    at = last + 1
  end
end

-- module_arguments as words; nil: not given.
local function given_words(c)
  local out = {}
  for _, text in ipairs(c.args.module_arguments or {}) do
    util.extend(out, words(text))
  end
  return c.args.module_arguments and out
end

local function control_text(text)
  if text:sub(1, 1) ~= "[" then
    return text
  end
  return "[" .. table.concat(util.words((text:gsub("%s*=%s*", "="):gsub("[%[%]]", ""))), " ") .. "]"
end

local function rule_text(rule)
  local text = ("%-11s%s %s"):format(rule.kind, rule.control, rule.path)
  return #rule.args > 0 and text .. " " .. table.concat(rule.args, " ") or text
end

local function parse_rule(c, line, path)
  local kind, rest = line:match("^%s*(%-?%l+)%s+(.*)$")
  if not kind or not util.contains(TYPES, kind) then
    c:fail("Rule is not valid " .. line .. ": " .. path .. " has a line that is no rule (" .. table.concat(TYPES, ", ") ..
      "), no @include and no comment")
  end
  local parts = words(rest)
  local args = table.move(parts, 3, #parts, 1, {})
  return { kind = kind, control = control_text(parts[1] or ""), path = parts[2] or "", args = args }
end

local function parse(c, text, path)
  local out = {}
  for _, line in ipairs(util.lines(text)) do
    line = line:gsub("\r$", "")
    if line:match("^%s*#") or line:match("^%s*$") then
      out[#out + 1] = { line = line, aside = true }
    elseif line:match("^%s*@include") then
      out[#out + 1] = { line = line }
    else
      out[#out + 1] = parse_rule(c, line, path)
    end
  end
  return out
end

local function check_rule(c, rule)
  if rule.control:sub(1, 1) ~= "[" then
    if not util.contains(CONTROLS, rule.control) then
      c:fail("Rule control, " .. rule.control .. ", is not valid in rule " .. rule_text(rule) .. ": it is one of " ..
        table.concat(CONTROLS, ", ") .. ", or [value=action ...]")
    end
    return
  end
  for _, word in ipairs(util.words(rule.control:sub(2, -2))) do
    local value, action = word:match("^([^=]*)=([^=]*)$")
    if not VALUES[value or ""] then
      c:fail("Rule control value, " .. (value or word) .. ", is not valid in rule " .. rule_text(rule) ..
        ": pam.conf(5) has the values; each stands as value=action")
    elseif not ACTIONS[action] and not action:match("^%d+$") then
      c:fail("Rule control action, " .. action .. ", is not valid in rule " .. rule_text(rule) .. ": it is one of " ..
        table.concat(util.keys(ACTIONS), ", ") .. ", or a number of rules to skip")
    end
  end
end

local function is(rule, kind, control, path)
  return rule.kind == kind and rule.control == control and rule.path == path
end

local function same(a, b)
  return #a == #b and table.concat(a, "\0") == table.concat(b, "\0")
end

-- What is done with one rule of the service that is meant: each tells whether it changed something. `at` is its place.

local function update(c, rule, args)
  local a, old = c.args, rule_text(rule)
  rule.kind = a.new_type or rule.kind
  if a.new_control and a.new_control ~= "" then
    rule.control = control_text(a.new_control)
  end
  if a.new_module_path and a.new_module_path ~= "" then
    rule.path = a.new_module_path
  end
  rule.args = args or rule.args
  return rule_text(rule) ~= old
end

local function add_words(_, rule, args)
  local there, values, changed = util.set(rule.args), {}, false
  for i, word in ipairs(rule.args) do
    local name = word:match("^([^%[=][^=]*)=")
    if name then
      values[name] = i
    end
  end
  local behind = {}
  for _, word in ipairs(args) do
    local name = word:match("^([^=]+)=")
    if not name and not there[word] then
      table.insert(rule.args, word)
      there[word] = true
      changed = true
    elseif name and not values[name] then
      behind[#behind + 1] = word
      values[name] = 0
    elseif name and values[name] > 0 and rule.args[values[name]] ~= word then
      rule.args[values[name]] = word
      changed = true
    end
  end
  util.extend(rule.args, behind)
  return changed or #behind > 0
end

local function remove_words(_, rule, args)
  local gone, kept = util.set(args), {}
  for _, word in ipairs(rule.args) do
    if not gone[word] then
      kept[#kept + 1] = word
    end
  end
  local changed = #kept < #rule.args
  rule.args = kept
  return changed
end

-- The next line of the service in this direction that is no comment and not empty.
local function neighbour(lines, at, step)
  repeat
    at = at + step
  until not lines[at] or not lines[at].aside
  return lines[at]
end

local function insert(c, rule, args, lines)
  local a, at = c.args, nil
  for i, line in ipairs(lines) do
    at = line == rule and i or at
  end
  local new = { kind = a.new_type, control = control_text(a.new_control), path = a.new_module_path, args = args or {} }
  local next_to = neighbour(lines, at, a.state == "before" and -1 or 1)
  if next_to and is(next_to, new.kind, new.control, new.path) then
    return false
  end
  table.insert(lines, a.state == "before" and at or at + 1, new)
  return true
end

local function remove(_, rule, _, lines)
  for i = #lines, 1, -1 do
    if lines[i] == rule then
      table.remove(lines, i)
    end
  end
  return true
end

local DO = { updated = update, args_present = add_words, args_absent = remove_words, before = insert, after = insert, absent = remove }

local function text_of(c, lines)
  local out = {}
  for i, line in ipairs(lines) do
    out[i] = line.line or rule_text(line)
  end
  local mark = MARK .. util.local_time(c, "%Y-%m-%dT%H:%M:%S", "^%d+%-%d+%-%d+T[%d:]+$")
  if #out <= 1 then
    table.insert(out, 1, "")
  end
  if #out > 1 and out[2]:sub(1, #MARK) == MARK then
    out[2] = mark
  else
    table.insert(out, 2, mark)
  end
  return util.unlines(out)
end

local function plan(c)
  local a = c.args
  local path = util.join(a.path, a.name)
  util.regular(c, "name", path)
  local text = c.fs.read(path)
  if not text then
    c:fail("Unable to open/read PAM module file " .. path .. ": there is no such file. name and path say which service is meant")
  end
  local args = given_words(c)
  for _, word in ipairs(a.state == "args_present" and args or {}) do
    if word:sub(1, 1) == "[" then
      c:fail("Unable to process bracketed '[' complex arguments with 'args_present'. Please use 'updated'.")
    elseif word:sub(1, 1) == "=" then
      c:fail("module_arguments: '" .. word .. "' has no name: write NAME=VALUE without blanks")
    end
  end
  local lines, meant, count = parse(c, text, path), {}, 0
  for _, line in ipairs(lines) do
    if is(line, a.type, a.control, a.module_path) then
      meant[#meant + 1] = line
    end
  end
  for _, rule in ipairs(meant) do
    count = count + (DO[a.state](c, rule, args, lines) and 1 or 0)
  end
  for _, line in ipairs(lines) do
    if not line.line then
      check_rule(c, line)
    end
  end
  c:set("change_count", count)
  c:set("backupdest", "")
  util.plan_text(c, path, text, count > 0 and text_of(c, lines) or text)
end

local function run(c)
  if c.args.backup then
    c:set("backupdest", c:backup(c.state.path))
  end
  c.fs.write(c.state.path, c.state.text)
end

return {
  doc = "Change, add and remove rules of a PAM service.",
  spec = "community.general.pamd",
  example = "- community.general.pamd:\n    name: system-auth\n    type: auth\n    control: required\n    module_path: pam_faillock.so\n" ..
      "    state: args_present\n    module_arguments: deny=3",
  returns = "change_count: How many rules were changed.\nbackupdest: Name of the backup, or an empty text.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    name = { required = true, doc = "Name of the service: its file in `path`." },
    type = { required = true, choices = TYPES, doc = "Type of the rules that are meant." },
    control = { required = true, doc = "Their control; one in brackets as it stands in the file." },
    module_path = { required = true, doc = "Their module." },
    new_type = { choices = TYPES, doc = "Another type, or that of a new rule." },
    new_control = { doc = "Another control, or that of a new rule." },
    new_module_path = { doc = "Another module, or that of a new rule." },
    module_arguments = { type = "list", elements = "str", doc = "Arguments of the module: all of them, or those that are to be there or not." },
    state = {
      default = "updated", choices = { "absent", "after", "args_absent", "args_present", "before", "updated" },
      doc = "`updated`: the rules get what is new; `before`, `after`: a new rule beside them; `args_present`, `args_absent`: only these arguments " ..
        "change; `absent`: they are removed.",
    },
    path = { type = "path", default = "/etc/pam.d", doc = "Directory of the services." },
    backup = { type = "bool", default = false, doc = "Keep the old file under a dated name." },
  },
  required_if = {
    { "state", "args_present", { "module_arguments" } },
    { "state", "args_absent", { "module_arguments" } },
    { "state", "before", { "new_control", "new_type", "new_module_path" } },
    { "state", "after", { "new_control", "new_type", "new_module_path" } },
  },
  plan = plan,
  run = run,
}
