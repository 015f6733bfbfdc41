-- dpkg_divert: who may install a file at a path, and where the others' version of it goes, through dpkg-divert.

local util = use("util")

local function said(r)
  return util.trim(r.stdout)
end

-- What dpkg knows of the path now.
local function diversion(c, tool, path)
  local now = { path = path, state = "absent", holder = null, divert = null }
  local holder = said(util.run(c, { tool, "--listpackage", path }))
  if holder ~= "" then
    now.state, now.holder = "present", holder
    now.divert = said(util.run(c, { tool, "--truename", path }))
  end
  return now
end

local function wanted_of(a)
  local want = { path = a.path, state = a.state, holder = null, divert = null }
  if a.state == "present" then
    want.holder = a.holder or "LOCAL"
    want.divert = a.divert or a.path .. ".distrib"
  end
  return want
end

-- The words behind the program's name, without --test.
local function words_of(a, want, rename)
  local words = { rename and "--rename" or "--no-rename" }
  if a.state == "absent" then
    return util.append(words, "--remove", a.path)
  end
  util.extend(words, want.holder ~= "LOCAL" and { "--package", want.holder } or { "--local" })
  util.extend(words, a.divert and { "--divert", a.divert })
  return util.append(words, "--add", a.path)
end

local function call(tool, words, test)
  return util.extend(test and { tool, "--test" } or { tool }, words)
end

local function spoken(tool, words)
  return tool .. " " .. table.concat(words, " ")
end

local function fail(c, msg, cmd, r, now)
  c:set("diversion", now)
  c:fail(msg, { cmd = cmd, rc = r.rc, stdout = r.stdout, stderr = r.stderr })
end

-- What dpkg-divert says when it is only asked. To see whether it may rename it makes a file for a moment, also with
-- --test: in check mode the question is put without that.
local function ask(c, tool, want, words)
  return util.run(c, call(tool, c.check and words_of(c.args, want, false) or words, true), { may_fail = true })
end

-- The file that would be lost by a change of state that moves one; nil: none.
local function in_the_way(c, now, want)
  local a = c.args
  local other = a.state == "present" and want.divert or now.divert
  if a.rename and a.state ~= now.state and c.fs.exists(a.path) and c.fs.exists(other) then
    return a.state == "present" and other or a.path
  end
end

local function plan(c)
  local tool, a = c:need("dpkg-divert"), c.args
  local now, want = diversion(c, tool, a.path), wanted_of(a)
  local words = words_of(a, want, a.rename)
  local state = { tool = tool, now = now, want = want, calls = { words } }
  local r = ask(c, tool, want, words)
  local messages = { said(r) }
  local lost = in_the_way(c, now, want)
  if lost and (r.rc ~= 0 or c.check) then
    if not a.force then
      fail(c, "Set 'force' param to True to force renaming of files.", spoken(tool, words), r, now)
    end
    state.lose = lost
  elseif r.rc ~= 0 and a.state ~= now.state then
    fail(c, "Unexpected error while changing state of the diversion.", spoken(tool, words), r, now)
  elseif r.rc ~= 0 then
    -- dpkg-divert changes neither holder nor place: the old diversion goes, and files stay where they are.
    local remove = { "--no-rename", "--remove", a.path }
    state.calls = { remove, words_of(a, want, false) }
    messages = { said(util.run(c, call(tool, remove, true))), "Running in check mode" }
  end
  local commands = {}
  for i, one in ipairs(state.calls) do
    commands[i] = spoken(tool, one)
  end
  c:set("commands", commands)
  c:set("messages", messages)
  c:set("diversion", want)
  for _, key in ipairs({ "state", "holder", "divert" }) do
    c:differs(key, now[key], want[key])
  end
  c.state = state
end

-- What dpkg-divert leaves when it is killed while it looks whether it may rename.
local function tidy(c, paths)
  for _, path in ipairs(paths) do
    if util.present(path) then
      c.fs.remove(path .. ".dpkg-divert.tmp")
    end
  end
end

local function move(c, from, to)
  return pcall(c.fs.rename, from, to)
end

-- Another holder or place is a removal and an addition. What lies at the old place goes to the new one where it can: first,
-- so that a run that is killed between the calls leaves no file that nobody knows of. What fails half-way is put back,
-- where that is possible.
local function replace(c, s)
  local old, new = s.now.divert, s.want.divert
  local follows = old ~= new and c.fs.exists(old) and not c.fs.exists(new) and move(c, old, new)
  local messages = { said(util.run(c, call(s.tool, s.calls[1]))) }
  local r = util.run(c, call(s.tool, s.calls[2]), { may_fail = true })
  if r.rc ~= 0 then
    local before = words_of({ state = "present", path = s.now.path, divert = old }, s.now, false)
    if util.run(c, call(s.tool, before), { may_fail = true }).rc == 0 and follows then
      move(c, new, old)
    end
    fail(c, "Unexpected error while changing state of the diversion.", spoken(s.tool, s.calls[2]), r, diversion(c, s.tool, c.args.path))
  end
  messages[2] = said(r)
  return messages
end

-- Where a file is lost it is replaced in one step, before dpkg-divert, which would refuse that, is told to move nothing.
local function change(c, s)
  local words = s.calls[1]
  if s.lose then
    c.fs.rename(s.lose == c.args.path and s.now.divert or c.args.path, s.lose)
    words = words_of(c.args, s.want, false)
  end
  return { said(util.run(c, call(s.tool, words))) }
end

local function run(c)
  local s = c.state
  tidy(c, { c.args.path, s.now.divert, s.want.divert })
  local messages = s.calls[2] and replace(c, s) or change(c, s)
  local after = diversion(c, s.tool, c.args.path)
  c:set("messages", messages)
  c:set("diversion", after)
  if not util.equal(after, s.want) then
    c:fail("dpkg-divert ended well, but the diversion of '" .. c.args.path .. "' is not the one that was asked for: " ..
      table.concat(messages, "; "))
  end
end

return {
  doc = "Keep a file from being replaced by a Debian package, with dpkg-divert.",
  spec = "community.general.dpkg_divert",
  example = "- community.general.dpkg_divert:\n    path: /usr/bin/busybox\n    divert: /usr/bin/busybox.dpkg-divert\n    rename: true",
  returns = "commands: The calls of dpkg-divert.\nmessages: What they said.\n" ..
      "diversion: The diversion afterwards: path, state, holder, divert.",
  side = "target",
  check = "full",
  diff = "full",
  args = {
    path = { type = "path", required = true, doc = "Absolute path of the file." },
    state = {
      default = "present", choices = { "absent", "present" },
      doc = "`present`: packages but the holder install their version elsewhere; `absent`: there is no diversion.",
    },
    holder = { empty_is_none = true, doc = "The package whose version is not diverted; none but the administrator's when it is not given (`LOCAL`)." },
    divert = { empty_is_none = true, type = "path", doc = "Where the others' version goes; the path with `.distrib` when it is not given." },
    rename = { type = "bool", default = false, doc = "Also move the file there, or back with `state: absent`, when the state changes." },
    force = { type = "bool", default = false, doc = "With `rename`: what is at the place it is moved to is lost." },
  },
  plan = plan,
  run = run,
}
