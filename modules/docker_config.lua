-- docker_config: configs of a swarm.

local data = use("docker_data")

return {
  doc = "Make and remove configs of a Docker swarm.",
  spec = "community.docker.docker_config",
  example = "- community.docker.docker_config:\n    name: app\n    data: \"{{ text }}\"",
  returns = "config_id: Its id.\nconfig_name: Its name.",
  side = "target",
  check = "partial",
  diff = "none",
  args = data.args({
    template_driver = { choices = { "golang" }, doc = "The content is a template." },
  }),
  exclusive = { { "data", "data_src" } },
  required_if = { { "state", "present", { "data", "data_src" }, true } },
  run = data.run("config"),
}
