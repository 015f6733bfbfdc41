// play: runs Ansible playbooks without Python. A map of the code, from the outside in:
//   cli/        argv, ansible.cfg, the project's layout -> a session
//   inventory/  hosts and groups        vars/      precedence layers
//   playbook/   plays, tasks, roles     jinja/     templates and expressions
//   exec/       the coordinator: which task runs where, and what its result means
//   transport/  ssh and local           wire/      frames to play-remote
//   output/     everything that is printed
//   yaml/ script/ value/ base/          loaders and ground
// The modules are in modules/, the program on the target is modules/remote/.
#include "cli.h"
#include "nodump.h"

int main(int argc, char **argv) {
    nodump();
    return cli_main(argc, argv);
}
