-- docker_secret: secrets of a swarm.

local data = use("docker_data")

return {
  doc = "Make and remove secrets of a Docker swarm.",
  spec = "community.docker.docker_secret",
  example = "- community.docker.docker_secret:\n    name: app\n    data: \"{{ text }}\"",
  returns = "secret_id: Its id.\nsecret_name: Its name.",
  side = "target",
  check = "partial",
  diff = "none",
  args = data.args({
    
  }),
  exclusive = { { "data", "data_src" } },
  required_if = { { "state", "present", { "data", "data_src" }, true } },
  run = data.run("secret"),
}
