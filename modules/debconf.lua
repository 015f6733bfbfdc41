-- debconf: answers to the questions that Debian packages ask while they are configured.

local LOCALE = { LANG = "C", LC_ALL = "C" }

local function trim(text)
  return text:match("^%s*(.-)%s*$")
end

local function program(c, name)
  return c:need(name)
end

-- The answers debconf shows for the package.
local function answers(c)
  local r = c:exec({ argv = { program(c, "debconf-show"), c.args.name }, env = LOCALE })
  if r.rc ~= 0 then
    c:fail(trim(r.stderr), { rc = r.rc })
  end
  local found = dict()
  for line in r.stdout:gmatch("[^\n]+") do
    local question, answer = line:match("^[*%s]*([^:%s]+):%s*(.-)%s*$")
    if question then
      found[question] = answer
    end
  end
  return found
end

-- A password is not shown by debconf-show; the daemon's own protocol gives it to root.
local function password(c)
  local r = c:exec({
    argv = { program(c, "debconf-communicate"), "-fnoninteractive", c.args.name },
    stdin = "GET " .. c.args.question .. "\n",
    env = LOCALE,
  })
  return r.stdout:match("^0 ([^\n]*)")
end

local function choices(text)
  local list = {}
  for choice in text:gmatch("[^,]+") do
    list[#list + 1] = trim(choice)
  end
  table.sort(list)
  return table.concat(list, ",")
end

local function same(vtype, now, value)
  if vtype == "boolean" then
    return now:lower() == value
  elseif vtype == "multiselect" then
    return choices(now) == choices(value)
  end
  return now == value
end

-- What goes to debconf-set-selections is one line of words.
local function check_arguments(c)
  local name, question, value = c.args.name, c.args.question, c.args.value
  if name:find("%s") or name == "" or name:sub(1, 1) == "-" then
    c:fail("name is not one of a package: '" .. name .. "'")
  end
  if question and (question:find("%s") or question == "") then
    c:fail("question is not one of debconf: '" .. question .. "'")
  end
  if value and value:find("[\r\n]") then
    c:fail("value must be a single line")
  end
end

local function plan(c)
  check_arguments(c)
  local vtype, question = c.args.vtype, c.args.question
  local value = vtype == "boolean" and c.args.value:lower() or c.args.value
  local previous = answers(c)
  c:set("msg", "")
  c:set("current", previous)
  if not question then
    return
  end
  local secret = vtype == "password"
  local now = previous[question]
  if secret then
    now = password(c)
  end
  if now ~= nil and same(vtype, now, value) then
    return
  end
  local before = dict({ [question] = secret and "********" or now or "" })
  local current = dict({ [question] = secret and "********" or value })
  c.state.value = value
  c:set("previous", before)
  c:set("current", current)
  c:differs(question, before[question], secret and "******** (another)" or value)
  c:set("diff", c.show_diff and dict({ before = before, after = current }) or dict())
end

local function run(c)
  local argv = { program(c, "debconf-set-selections") }
  if c.args.unseen then
    argv[2] = "-u"
  end
  local words = { c.args.name, c.args.question, c.args.vtype, c.state.value }
  local r = c:exec({ argv = argv, stdin = table.concat(words, " ") .. "\n", env = LOCALE })
  if r.rc ~= 0 then
    c:fail(trim(r.stderr), { rc = r.rc })
  end
  c:set("msg", r.stdout)
end

return {
  doc = "Answer a question that a Debian package asks while it is configured, before it asks.",
  spec = "ansible.builtin.debconf",
  example = "- ansible.builtin.debconf:\n    name: tzdata\n    question: tzdata/Areas\n    value: Europe\n    vtype: select",
  returns = "current: The answers there are now.\nprevious: The answer there was.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    name = { required = true, aliases = { "pkg" }, doc = "The package." },
    question = { aliases = { "selection", "setting" }, doc = "The question; without one the answers are returned." },
    vtype = {
      choices = { "boolean", "error", "multiselect", "note", "password", "seen", "select", "string", "text", "title" },
      doc = "Type of the answer.",
    },
    value = { aliases = { "answer" }, doc = "The answer." },
    unseen = { type = "bool", default = false, doc = "Do not mark the question as seen: it is asked all the same." },
  },
  required_together = { { "question", "vtype", "value" } },
  plan = plan,
  run = run,
}
