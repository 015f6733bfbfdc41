-- docker_container_copy_into: one file into a container, through the archives of the Engine API.

local util = use("util")
local docker = use("docker")
local tar = use("tar")

local IN_MEMORY = 8 << 20  -- files up to this size are compared and sent from memory

-- Bits of a mode as the engine tells it: Go's os.FileMode.
local GO_LINK, GO_SETUID, GO_SETGID, GO_STICKY = 1 << 27, 1 << 23, 1 << 22, 1 << 20
local GO_NO_FILE = 1 << 31 | 1 << 28 | GO_LINK | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19

local function failed(c, status, answer)
  if status == 404 then
    c:fail('Could not find container "' .. c.args.container .. '" or resource in it (' .. docker.message(answer) .. ")")
  end
  c:fail('An unexpected Docker error occurred for container "' .. c.args.container .. '": ' .. status .. " (" .. docker.message(answer) .. ")")
end

local function archive(c)
  return "/containers/" .. docker.escaped(c.args.container) .. "/archive"
end

-- A path without ".", ".." and doubled slashes.
local function normal(path)
  local out = {}
  for _, part in ipairs(util.split(path, "/")) do
    if part == ".." then
      table.remove(out)
    elseif part ~= "" and part ~= "." then
      out[#out + 1] = part
    end
  end
  return "/" .. table.concat(out, "/")
end

-- What a link at a path names.
local function beside(path, target)
  return normal(target:sub(1, 1) == "/" and target or util.dirname(path) .. "/" .. target)
end

-- -- who owns it -----------------------------------------------------------------------------------------------------

-- User and group that a command in the container has.
local function owner(c)
  if c.args.owner_id then
    return c.args.owner_id, c.args.group_id
  end
  local path = "/containers/" .. docker.escaped(c.args.container) .. "/exec"
  local status, made = docker.request(c, "POST", path,
    { body = { AttachStdout = true, AttachStderr = true, Tty = true, Cmd = list({ "/bin/sh", "-c", "id -u && id -g" }) } })
  if status == 409 then
    c:fail('Cannot execute command in paused container "' .. c.args.container .. '", or it does not run: owner_id and group_id are needed then')
  elseif status >= 400 then
    failed(c, status, made)
  end
  local _, text = docker.call(c, "Error running id in " .. c.args.container, "POST", "/exec/" .. made.Id .. "/start",
    { body = { Detach = false, Tty = true }, raw = true })
  local user, group = text:match("^(%d+)\r?\n(%d+)%s*$")
  if not user then
    c:fail("Expected two-line output to obtain user and group ID for container " .. c.args.container .. ", but got: " .. util.trim(text) ..
      " (owner_id and group_id say who owns the file)")
  end
  return math.tointeger(tonumber(user)), math.tointeger(tonumber(group))
end

-- -- what is wanted --------------------------------------------------------------------------------------------------

-- The file on the target: type, size, mode, and its text or path.
local function from_path(c)
  local path = c.args.path
  local st = c.fs.stat(path)
  if st and st.type == "link" and c.args.local_follow then
    path = c.fs.realpath(path)
    st = path and c.fs.stat(path)
  end
  if not st then
    c:fail("Cannot find local file " .. c.args.path)
  elseif st.type == "link" then
    return { target = c.fs.readlink(path), size = 0, mode = 511 }
  elseif st.type ~= "file" then
    c:fail("Local path " .. c.args.path .. " is not a symbolic link or file")
  end
  local small = st.size <= IN_MEMORY
  return { path = path, text = small and c.fs.read(path) or nil, size = st.size, mode = st.mode & 4095, mtime = math.tointeger(st.mtime // 1) }
end

local function from_content(c)
  local text = c.args.content
  if c.args.content_is_b64 then
    text = c.base64.decode(text) or c:fail("Cannot Base64 decode the content option: it is no base64")
  end
  return { text = text, size = #text }
end

-- -- what is there ---------------------------------------------------------------------------------------------------

-- What the engine says of the path: its name when links are followed, the state (nil: not there), and the target of a link.
local function state_of(c, path)
  local seen = {}
  while true do
    if seen[path] then
      c:fail('Found infinite symbolic link loop when trying to stating "' .. path .. '"')
    end
    seen[path] = true
    local status, answer, _, headers = docker.request(c, "HEAD", archive(c), { query = { path = path }, raw = true })
    if status == 404 then
      return path
    elseif status >= 400 then
      failed(c, status, answer)
    end
    local text = c.base64.decode(headers["x-docker-container-path-stat"] or "")
    local ok, state = pcall(c.json.decode, text or "")
    if not ok or type(state) ~= "table" or math.type(state.mode) ~= "integer" then
      c:fail("When retrieving information for " .. path .. " from " .. c.args.container .. ", the engine's answer has no state of the file")
    end
    if state.mode & GO_LINK == 0 then
      return path, state
    elseif not c.args.follow then
      return path, state, state.linkTarget
    end
    path = beside(path, state.linkTarget)
  end
end

local function mode_of(state)
  local function bit(of, as)
    return state.mode & of ~= 0 and as or 0
  end
  return state.mode & 4095 | bit(GO_SETUID, 2048) | bit(GO_SETGID, 1024) | bit(GO_STICKY, 512)
end

-- Whether the file in the container has that owner, mode and content; its archive is fetched.
local function same(c, path, want)
  local file = c:tmpdir() .. "/there.tar"
  local status, answer = docker.request(c, "GET", archive(c), { query = { path = path }, raw = true, to_file = file, timeout = 600 })
  if status >= 400 then
    failed(c, status, answer)
  end
  local head = file
  if want.size > IN_MEMORY then
    head = c:tmpdir() .. "/head"
    util.run(c, { c:need("dd"), "if=" .. file, "of=" .. head, "bs=512", "count=64" })
  end
  local text = c.fs.read(head) or ""
  local have = tar.first(text)
  if not have or have.type ~= "file" or have.mode ~= want.mode or have.uid ~= want.uid or have.gid ~= want.gid or have.size ~= want.size then
    return false
  elseif want.text then
    return text:sub(have.at + 1, have.at + have.size) == want.text
  end
  local words = { c:need("cmp"), "-s", "-n", tostring(want.size), file, want.path, tostring(have.at), "0" }
  return util.run(c, words, { may_fail = true }).rc == 0
end

-- The path it goes to, and whether it is there as it should be.
local function there(c, path, want)
  if c.args.force and not c.args.follow then
    return path, false
  end
  local real, state, target = state_of(c, path)
  if not state or c.args.force then
    return real, false
  elseif c.args.force == false then
    return real, true
  elseif want.target then
    return real, target == want.target or target == beside(real, want.target)  -- the engine tells where it leads
  elseif target or state.mode & GO_NO_FILE ~= 0 or state.size ~= want.size or mode_of(state) ~= want.mode then
    return real, false
  end
  return real, same(c, real, want)
end

-- -- putting it there ------------------------------------------------------------------------------------------------

local function put(c, path, want)
  local header, why = tar.header({
    name = util.basename(path), mode = want.mode, uid = want.uid, gid = want.gid, size = want.size, target = want.target,
    mtime = want.mtime or math.tointeger(c.now() // 1),
  })
  if not header then
    c:fail(path .. ": " .. why)
  end
  local file = c:tmpdir() .. "/put.tar"
  if want.text or want.target then
    c.fs.write(file, header .. (want.text or "") .. tar.padding(want.size), { mode = 384 })
  else
    c.fs.write(file, header, { mode = 384 })
    util.run(c, { c:need("dd"), "if=" .. want.path, "of=" .. file, "bs=512", "seek=1", "conv=notrunc" })
    util.run(c, { c:need("truncate"), "-s", tostring(512 + want.size + #tar.padding(want.size)), file })
  end
  local status, answer = docker.request(c, "PUT", archive(c),
    { query = { path = util.dirname(path), noOverwriteDirNonDir = "1" }, headers = { ["Content-Type"] = "application/x-tar" }, body_file = file, timeout = 600 })
  if status >= 400 then
    failed(c, status, answer)
  end
end

local function run(c)
  local a = c.args
  if (a.owner_id == nil) ~= (a.group_id == nil) then
    c:fail("parameters are required together: owner_id, group_id")
  elseif a.content and not a.mode then
    c:fail("missing parameter(s) required by 'content': mode")
  elseif not a.content and not a.path then
    c:fail("One of path and content must be supplied")
  end
  local uid, gid = owner(c)
  local want = a.content and from_content(c) or from_path(c)
  want.uid, want.gid, want.mode = uid, gid, a.mode or want.mode
  local path, done = there(c, normal(a.container_path), want)
  c:set("container_path", path)
  if not done then
    c:changed()
    if not c.check then
      put(c, path, want)
    end
  end
end

return {
  doc = "Copy a file into a container.",
  spec = "community.docker.docker_container_copy_into",
  example = "- community.docker.docker_container_copy_into:\n    container: web\n    path: /srv/site.conf\n    container_path: /etc/site.conf",
  returns = "container_path: The file in the container; with `follow` the one that a link names.",
  side = "target",
  check = "full",
  diff = "none",
  args = docker.args({
    container = { required = true, doc = "Name of the container." },
    path = { type = "path", doc = "File on the target." },
    content = { no_log = true, doc = "The content, in place of a file; needs `mode`." },
    content_is_b64 = { type = "bool", default = false, doc = "The content is given in base64." },
    container_path = { required = true, doc = "File in the container." },
    follow = { type = "bool", default = false, doc = "Follow links in the container." },
    local_follow = { type = "bool", default = true, doc = "Follow links on the target." },
    owner_id = { type = "int", doc = "Owner; that of commands in the container without it." },
    group_id = { type = "int", doc = "Group; as `owner_id`." },
    mode = { type = "int", doc = "Mode, as a number: \"0644\" in quotes is a decimal number." },
    force = { type = "bool", doc = "true: in any case; false: only when nothing is there." },
  }),
  exclusive = { { "path", "content" } },
  run = run,
}
