-- sysctl: kernel parameters, in a file that is read at boot and in the running kernel.

local YES = { y = true, yes = true, on = true, ["1"] = true, ["true"] = true, t = true, ["1.0"] = true }
local NO = { n = true, no = true, off = true, ["0"] = true, ["false"] = true, f = true, ["0.0"] = true }

local function trim(text)
  return text:match("^%s*(.-)%s*$")
end

-- The value as it is written: what reads as a truth value becomes 1 or 0.
local function wanted(c)
  local value = c.args.value
  if not value then
    return nil
  end
  local lower = value:lower()
  return YES[lower] and "1" or NO[lower] and "0" or trim(value)
end

-- The name and value of a line that sets one.
local function setting(line)
  local text = trim(line)
  if text == "" or text:match("^[#;]") then
    return nil
  end
  local name, value = text:match("^(.-)%s*=%s*(.*)$")
  return name, value
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("[^\n]*\n?") do
    if line ~= "" then
      lines[#lines + 1] = line
    end
  end
  return lines
end

-- The file as it is to be: each name once, as name=value; comments stay.
local function rewritten(text, name, value)
  local out, seen = {}, {}
  for _, line in ipairs(lines_of(text)) do
    local key, old = setting(line)
    if not key then
      out[#out + 1] = line:sub(-1) == "\n" and line or line .. "\n"
    elseif not seen[key] then
      seen[key] = true
      if key ~= name then
        out[#out + 1] = key .. "=" .. old .. "\n"
      elseif value then
        out[#out + 1] = key .. "=" .. value .. "\n"
      end
    end
  end
  if value and not seen[name] then
    out[#out + 1] = name .. "=" .. value .. "\n"
  end
  return table.concat(out)
end

local function in_file(text, name)
  local found
  for _, line in ipairs(lines_of(text)) do
    local key, value = setting(line)
    if key == name then
      found = value
    end
  end
  return found
end

local function sysctl(c, ...)
  local path = c:need("sysctl")
  return c:exec({ argv = { path, ... }, env = { LANG = "C", LC_ALL = "C" } })
end

local function same(now, value)
  local words = function(text) return trim(text):gsub("%s+", " ") end
  return now ~= nil and (words(now)) == (words(value))
end

-- sysctl ends with 0 for some values the kernel refused.
local function refused(r)
  if r.rc ~= 0 then
    return true
  end
  for line in r.stderr:gmatch("[^\n]+") do
    if line:match('^sysctl: setting key "[^"]+": Invalid argument$') or
        line:match('^sysctl: setting key "[^"]+": Read%-only file system$') then
      return true
    end
  end
  return false
end

local function check_arguments(c, name, value)
  if name == "" then
    c:fail("name cannot be blank")
  end
  if name:find("[%s=]") or name:find("^[-#;]") then
    c:fail("name is not one of a kernel parameter: '" .. name .. "'")
  end
  if c.args.state == "present" and (value == nil or value == "") then
    c:fail("value cannot be blank")
  end
  if value and value:find("[\r\n]") then
    c:fail("value must be a single line")
  end
end

local function plan(c)
  local name, value, present = trim(c.args.name), wanted(c), c.args.state == "present"
  check_arguments(c, name, value)
  local text = c.fs.read(c.args.sysctl_file) or ""
  local old = in_file(text, name)
  c.state.name, c.state.value, c.state.set = name, value, false
  local write = present and old ~= value or not present and old ~= nil
  if write then
    c.state.text = rewritten(text, name, present and value or nil)
    c:diff(c.args.sysctl_file, c.fs.exists(c.args.sysctl_file) and text or nil, c.state.text)
    c:changed()
  end
  if not present or not (c.args.sysctl_set or c.args.reload) then
    return
  end
  local r = sysctl(c, "-e", "-n", name)
  local now = r.rc == 0 and trim(r.stdout) or nil
  if not same(now, value) then
    c.state.set = c.args.sysctl_set
    if c.args.sysctl_set or not write then
      c:changed()
    end
  end
end

local function run(c)
  local ignore = c.args.ignoreerrors
  if c.state.set then
    local pair = c.state.name .. "=" .. c.state.value
    local r = ignore and sysctl(c, "-e", "-w", pair) or sysctl(c, "-w", pair)
    if refused(r) then
      c:fail("setting " .. c.state.name .. " failed: " .. r.stdout .. r.stderr)
    end
  end
  if c.state.text then
    c.fs.write(c.args.sysctl_file, c.state.text)
  end
  if c.args.reload then
    local r = ignore and sysctl(c, "-e", "-p", c.args.sysctl_file) or sysctl(c, "-p", c.args.sysctl_file)
    if refused(r) then
      c:fail("Failed to reload sysctl: " .. r.stdout .. r.stderr)
    end
  end
end

return {
  doc = "Set kernel parameters, in a file that is read at boot and in the running kernel.",
  spec = "ansible.posix.sysctl",
  returns = "changed: Whether the file or the running kernel was changed.",
  example = "- ansible.posix.sysctl:\n    name: net.ipv4.ip_forward\n    value: '1'\n    sysctl_file: /etc/sysctl.d/90-forward.conf",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    name = { required = true, aliases = { "key" }, doc = "Name of the parameter, as net.ipv4.ip_forward." },
    value = { aliases = { "val" }, doc = "Its value; needed unless state is absent." },
    state = { default = "present", choices = { "present", "absent" }, doc = "Whether it is to be in the file." },
    ignoreerrors = { type = "bool", default = false, doc = "Do not mind parameters the kernel does not have." },
    reload = { type = "bool", default = true, doc = "Run `sysctl -p` on the file after a change." },
    sysctl_file = { type = "path", default = "/etc/sysctl.conf", doc = "The file." },
    sysctl_set = { type = "bool", default = false, doc = "Compare with the running kernel, and set it there." },
  },
  required_if = { { "state", "present", { "value" } } },
  plan = plan,
  run = run,
}
