-- ini_file: options and sections of INI files. What is not asked for stays as it is, comments too.

local util = use("util")

-- An option's line in parts: comment sign, equals sign and value; nil when the line is not of that option.
local function option_of(c, line, option)
  local name = option:gsub("[%p ]", "\\%0")
  local m = c.re.match(line, "^[ \t]*([#;]?)[ \t]*" .. name .. "[ \t]*(=|$)[ \t]*(.*)")
  return m and { inactive = m[1] ~= "", equals = m[2] ~= "", value = m[3] }
end

local function active(c, line, option)
  local found = option_of(c, line, option)
  return found and not found.inactive and found or nil
end

local function assignment(c, option, value)
  return option .. (c.args.no_extra_spaces and "=" or " = ") .. value
end

local function has_values(c, lines)
  for _, condition in ipairs(c.args.section_has_values or {}) do
    local met = false
    for _, line in ipairs(lines) do
      local found = option_of(c, line, condition.option)
      met = met or found and (#condition.values == 0 or util.contains(condition.values, found.value))
    end
    if not met then
      return false
    end
  end
  return true
end

local function is_header(line, section)
  local name = line:match("^%[%s*(.-)%s*%]")
  if not name then
    return false
  end
  local wanted = util.trim(section)
  return name == wanted or line:match("^%[%s*(.*)$"):sub(1, #wanted + 1) == wanted .. "]"
end

-- From and to of the section's lines, its header included; nil when it is not there. Without a section: what stands
-- before the first one.
local function find_section(c, lines)
  local section, from = c.args.section, nil
  if not section or section == "" then
    local last = #lines
    for i, line in ipairs(lines) do
      if line:sub(1, 1) == "[" then
        last = i - 1
        break
      end
    end
    return 1, last
  end
  for i = 1, #lines + 1 do
    local line = lines[i] or "["
    if from and line:sub(1, 1) == "[" then
      if has_values(c, table.move(lines, from, i - 1, 1, {})) then
        return from, i - 1
      end
      from = nil
    end
    if lines[i] and is_header(line, section) then
      from = i
    end
  end
  return nil
end

local function unique(values)
  local out, seen = {}, {}
  for _, value in ipairs(values) do
    if not seen[value] then
      seen[value] = true
      out[#out + 1] = value
    end
  end
  return out
end

-- Options that are there already take the wanted values, exact ones first; what is left over goes.
local function update(c, lines, values)
  local option, done, edit = c.args.option, {}, { msg = nil }
  local bare = c.args.allow_no_value
  local match = c.args.modify_inactive_option and option_of or active
  local function set(i, line)
    done[i] = true
    local old = option_of(c, lines[i], option)
    local same = lines[i] == line
    if c.args.ignore_spaces and not old.inactive then
      same = old.value == option_of(c, line, option).value
    end
    if not same then
      lines[i], edit.msg = line, "option changed"
    end
  end
  local wanted = #values
  for i, line in ipairs(lines) do
    local found = match(c, line, option)
    if found and wanted > 0 then
      for k, value in ipairs(values) do
        if value == found.value then
          table.remove(values, k)
          edit.bare = edit.bare or (value == "" and bare)
          set(i, value == "" and bare and option or assignment(c, option, value))
          break
        end
      end
    elseif found and bare then
      edit.bare = true
      set(i, option)
      break
    end
  end
  if not c.args.exclusive or bare then
    return edit
  end
  -- a comment that is no more than the option's name may be prose
  local function left(i)
    local found = not done[i] and match(c, lines[i], option)
    return found and (found.equals or not found.inactive)
  end
  for i = 1, #lines do
    if #values > 0 and left(i) then
      set(i, assignment(c, option, table.remove(values, 1)))
    end
  end
  for i = #lines, 1, -1 do
    if left(i) then
      table.remove(lines, i)
      edit.msg = "option changed"
    end
  end
  return edit
end

local function insert(c, lines, values, edit)
  local at = 0
  for i = #lines, 1, -1 do
    if not lines[i]:match("^[ \t]*$") and not lines[i]:match("^[ \t]*[#;]") then
      at = i
      break
    end
  end
  local new = {}
  for _, value in ipairs(values) do
    new[#new + 1] = assignment(c, c.args.option, value)
  end
  if #new == 0 and c.args.allow_no_value and not edit.bare then
    new[1] = c.args.option
  end
  for i, line in ipairs(new) do
    table.insert(lines, at + i, line)
    edit.msg = "option added"
  end
end

local function present(c, lines, values)
  if not c.args.option then
    return nil
  end
  local edit = update(c, lines, values)
  insert(c, lines, values, edit)
  return edit.msg
end

local function absent(c, lines, values)
  local option, msg = c.args.option, nil
  if not option then
    local had = #lines > 0
    for i = #lines, 1, -1 do
      lines[i] = nil
    end
    return had and "section removed" or nil
  end
  for i = #lines, 1, -1 do
    local found = active(c, lines[i], option)
    if found and (c.args.exclusive or util.contains(values, found.value)) then
      table.remove(lines, i)
      msg = "option changed"
    end
  end
  return msg
end

local function new_section(c, lines, values)
  local option = c.args.option
  lines[#lines + 1] = "[" .. c.args.section .. "]"
  for _, condition in ipairs(c.args.section_has_values or {}) do
    if condition.option ~= option then
      for _, value in ipairs(condition.values) do
        lines[#lines + 1] = assignment(c, condition.option, value)
      end
      if #condition.values == 0 and c.args.allow_no_value then
        lines[#lines + 1] = condition.option
      end
    elseif not c.args.exclusive then
      for _, value in ipairs(condition.values) do
        if not util.contains(values, value) then
          values[#values + 1] = value
        end
      end
    end
  end
  if not option or #values == 0 and not c.args.allow_no_value then
    return "only section added"
  end
  for _, value in ipairs(values) do
    lines[#lines + 1] = assignment(c, option, value)
  end
  if #values == 0 then
    lines[#lines + 1] = option
  end
  return "section and option added"
end

local function wanted_values(c)
  local values = {}
  util.extend(values, c.args.values)
  if c.args.value then
    values[1] = c.args.value
  end
  for _, condition in ipairs(c.args.section_has_values or {}) do
    local all = {}
    util.extend(all, util.present(condition.values))
    if util.present(condition.value) then
      all[#all + 1] = condition.value
    end
    condition.values = all
  end
  if c.args.state == "present" and #values == 0 and not c.args.allow_no_value then
    c:fail("Parameter 'value(s)' must be defined if state=present and allow_no_value=False.")
  end
  return unique(values)
end

local function check_arguments(c)
  local fields = { "section", "option", "value" }
  for _, name in ipairs(fields) do
    if c.args[name] and c.args[name]:find("\n") and name ~= "value" then
      c:fail(name .. " must not hold a line end")
    end
  end
end

local function plan(c)
  check_arguments(c)
  local path = c.args.path
  if c.args.follow then
    path = c.fs.follow(path) or path
  end
  if c.args.option == "" then
    c.args.option = nil
  end
  local values = wanted_values(c)
  local text = c.fs.read(path)
  if not text and not c.args.create then
    c:fail("Destination " .. path .. " does not exist!", { rc = 257 })
  end
  local before = text
  if text then
    text = text:gsub("^\239\187\191", ""):gsub("\r\n?", "\n")  -- as Python reads text: any line end is a \n
  end
  -- an empty file has one empty line from then on, as with Ansible
  local lines = (text == nil or text == "") and { "" } or util.lines(text)
  local from, to = find_section(c, lines)
  local part = from and table.move(lines, from, to, 1, {}) or {}
  local msg
  if c.args.state == "present" and not from then
    msg = new_section(c, lines, values)
  else
    msg = (c.args.state == "present" and present or absent)(c, part, values)
    if from then
      local all = table.move(lines, 1, from - 1, 1, {})
      util.extend(all, part)
      lines = table.move(lines, to + 1, #lines, #all + 1, all)
    end
  end
  c.state.path = path
  c:set("path", c.args.path)
  c:set("msg", msg or "OK")
  local complete = text and text ~= "" and text:sub(-1) ~= "\n"
  if msg or complete then
    util.plan_text(c, path, before, util.unlines(lines), path .. " (content)")
  end
  if not c.show_diff then
    local header = path .. " (content)"
    c:set("diff", dict({ before = "", after = "", before_header = header, after_header = header }))
  end
  if before then
    c:info(c.args.path)
    c:attrs_differ(path)
  end
end

local function run(c)
  util.makedirs(c, util.dirname(c.state.path))
  util.write_text(c)
  if c.args.backup and c.state.text and not c.state.existed then
    c:set("backup_file", "")
  end
  c:attrs_apply(c.state.path)
  c:info(c.args.path)
end

return {
  doc = "Set options in INI files, or remove options and sections.",
  spec = "community.general.ini_file",
  example = "- community.general.ini_file:\n    path: /etc/app.conf\n    section: server\n    option: port\n    value: '8080'",
  order = "changed diff msg path",
  returns = "path: The file.\nmsg: What was done.\nbackup_file: Name of the backup.",
  side = "target",
  check = "full",
  diff = "full",
  file_args = true,
  args = {
    path = { type = "path", required = true, aliases = { "dest" }, doc = "The file; it is made when it is missing." },
    section = { doc = "Section; without one, what stands before the first section." },
    section_has_values = {
      type = "list", elements = "dict", doc = "Only a section of that name that has these options.",
      options = {
        option = { required = true, doc = "An option the section has." },
        value = { doc = "Its value." },
        values = { type = "list", elements = "str", doc = "Its values." },
      },
    },
    option = { doc = "The option; without it, the section itself is meant." },
    value = { doc = "Its value." },
    values = { type = "list", elements = "str", doc = "Its values, for an option that stands there several times." },
    backup = { type = "bool", default = false, doc = "Keep the old file under a dated name." },
    state = { default = "present", choices = { "absent", "present" }, doc = "Whether it is to be there." },
    exclusive = {
      type = "bool", default = true,
      doc = "The values are all the option has; else they are added, or only they are removed.",
    },
    no_extra_spaces = { type = "bool", default = false, doc = "No blanks around the equals sign." },
    ignore_spaces = { type = "bool", default = false, doc = "Do not change a line only for its blanks." },
    create = { type = "bool", default = true, doc = "Make the file when it is missing." },
    allow_no_value = { type = "bool", default = false, doc = "The option may stand there without a value." },
    modify_inactive_option = { type = "bool", default = true, doc = "Use a line that is commented out." },
    follow = { type = "bool", default = false, doc = "Change what a link at the path points to." },
  },
  exclusive = { { "value", "values" } },
  plan = plan,
  run = run,
}
