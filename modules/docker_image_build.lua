-- docker_image_build: builds an image: with buildx where the target's docker program has it, else by the engine itself.

local util = use("util")
local docker = use("docker")
local images = use("docker_images")

-- What only buildx can do.
local function only_buildx(c)
  for _, name in ipairs({ "secrets", "outputs" }) do
    if c.args[name] and #c.args[name] > 0 then
      return name
    end
  end
  return c.args.platform and #c.args.platform > 1 and "more than one platform" or nil
end

local function buildx(c)
  local cli = c.args.docker_cli or c:which("docker")
  if not cli then
    return nil
  end
  local argv = docker.cli(c, cli)
  local probe = util.copy(argv)
  util.append(probe, "buildx", "version")
  return util.run(c, probe, { may_fail = true }).rc == 0 and argv or nil
end

local function output_word(o)
  local words = { "type=" .. o.type }
  for _, key in ipairs({ "dest", "context", "name" }) do
    if util.present(o[key]) then
      util.append(words, key .. "=" .. o[key])
    end
  end
  if o.push then
    util.append(words, "push=true")
  end
  return table.concat(words, ",")
end

-- The words for secrets, and the environment that carries those given as values.
local function secret_words(c, argv)
  local env, prefix = {}, nil
  for i, s in ipairs(c.args.secrets or {}) do
    local where = s.type == "file" and "type=file,src=" .. s.src or "type=env,env=" .. tostring(s.env)
    if s.type == "value" then
      prefix = prefix or c.digest("sha256", c.random(16)):sub(1, 32)
      local name = "PLAY_BUILD_SECRET_" .. prefix .. "_" .. i
      env[name] = s.value
      where = "type=env,env=" .. name
    end
    util.append(argv, "--secret", "id=" .. s.id .. "," .. where)
  end
  return env
end

local function by_buildx(c, argv, name)
  local a = c.args
  local function each(option, values, joint)
    for _, key in ipairs(joint and util.keys(values) or values or {}) do
      util.append(argv, option, joint and key .. joint .. tostring(values[key]) or key)
    end
  end
  util.append(argv, "buildx", "build", "--progress", "plain", "--tag", name)
  if a.dockerfile then
    util.append(argv, "--file", a.path .. "/" .. a.dockerfile)
  end
  each("--cache-from", a.cache_from)
  util.extend(argv, { a.pull and "--pull" or nil })
  if a.network then
    util.append(argv, "--network", a.network)
  end
  util.extend(argv, { a.nocache and "--no-cache" or nil })
  each("--add-host", a.etc_hosts, ":")
  each("--build-arg", a.args, "=")
  if a.target then
    util.append(argv, "--target", a.target)
  end
  each("--platform", a.platform)
  if a.shm_size then
    util.append(argv, "--shm-size", tostring(docker.bytes(a.shm_size) or c:fail("Failed to convert shm_size to bytes: '" .. a.shm_size .. "' is no size")))
  end
  each("--label", a.labels, "=")
  local env = secret_words(c, argv)
  for _, o in ipairs(a.outputs or {}) do
    util.append(argv, "--output", output_word(o))
  end
  util.append(argv, "--", a.path)
  local r = util.run(c, argv, { may_fail = true, env = env })
  if r.rc ~= 0 then
    c:fail("Building " .. name .. " failed", { stdout = r.stdout, stderr = r.stderr, rc = r.rc })
  end
  return r.stdout, r.stderr
end

local function run(c)
  local a = c.args
  local st = c.fs.stat(c.fs.realpath(a.path) or a.path)
  if not st or st.type ~= "directory" then
    c:fail('"' .. a.path .. '" is not an existing directory')
  end
  if a.dockerfile and not c.fs.exists(a.path .. "/" .. a.dockerfile) then
    c:fail('"' .. a.path .. "/" .. a.dockerfile .. '" is not an existing file')
  end
  if docker.is_id(a.name) then
    c:fail("Image name must not be a digest")
  end
  local repo, tag = images.names(c, a.name, a.tag)
  if docker.is_id(tag) then
    c:fail("Image name must not contain a digest, but have a tag")
  end
  local name = images.full(repo, tag)
  local image = docker.image(c, name)
  c:set("actions", list())
  c:set("image", image or dict())
  if image and a.rebuild == "never" then
    return
  end
  c:changed()
  if c.check then
    return
  end
  local argv = buildx(c)
  if not argv and only_buildx(c) then
    c:fail(only_buildx(c) .. ": the docker program of the target does not have the buildx plugin, which this needs")
  end
  local stdout, stderr
  if argv then
    stdout, stderr = by_buildx(c, argv, name)
  else
    local b = util.copy(a)
    b.platform = a.platform and a.platform[1] or nil
    stdout, stderr = images.build(c, name, b), ""
  end
  c:set("stdout", stdout)
  c:set("stderr", stderr)
  c:set("image", docker.image(c, name) or dict())
end

return {
  doc = "Build an image of Docker.",
  spec = "community.docker.docker_image_build",
  example = "- community.docker.docker_image_build:\n    name: app\n    tag: \"1.4\"\n    path: /srv/app",
  returns = "image: The image, as the engine describes it.\nstdout: Output of the build.\nstderr: Messages of buildx.",
  side = "target",
  check = "full",
  diff = "none",
  args = docker.cli_args({
    name = { required = true, doc = "Name of the image; may hold the tag." },
    tag = { default = "latest", doc = "Its tag." },
    path = { type = "path", required = true, doc = "Directory of the build." },
    dockerfile = { doc = "The Dockerfile in it." },
    cache_from = { type = "list", elements = "str", doc = "Images whose layers may be used." },
    pull = { type = "bool", default = false, doc = "Ask for a newer base image." },
    network = { doc = "Network of the build." },
    nocache = { type = "bool", default = false, doc = "Use no layers of former builds." },
    etc_hosts = { type = "dict", doc = "More host names." },
    args = { type = "dict", doc = "Build arguments." },
    target = { doc = "Stage to build." },
    platform = { type = "list", elements = "str", doc = "Platforms; more than one needs buildx." },
    shm_size = { doc = "Size of /dev/shm." },
    labels = { type = "dict", doc = "Labels." },
    rebuild = { default = "never", choices = { "never", "always" }, doc = "Build also when the image is there." },
    secrets = {
      type = "list", elements = "dict", doc = "Secrets of the build; needs buildx.",
      options = {
        id = { required = true, doc = "Its name in the Dockerfile." },
        type = { required = true, choices = { "file", "env", "value" }, doc = "Where it is." },
        src = { type = "path", doc = "The file." },
        env = { doc = "The variable of the environment." },
        value = { no_log = true, doc = "The secret itself." },
      },
    },
    outputs = {
      type = "list", elements = "dict", doc = "Where the result goes; needs buildx.",
      options = {
        type = { required = true, choices = { "local", "tar", "oci", "docker", "image" }, doc = "Kind." },
        dest = { type = "path", doc = "Path." },
        context = { doc = "Context of Docker." },
        name = { doc = "Name of the image." },
        push = { type = "bool", default = false, doc = "Push it." },
      },
    },
  }),
  run = run,
}
