#!/bin/bash
# few_files.sh BIN_DIR: more hosts than the limit of open files allows connections: idle ones are closed and opened again,
# nothing fails, and it is said once.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: few_files.sh BIN_DIR}")
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
need_programs ssh-keygen
trap loopback_stop EXIT
loopback_start h1=127.0.1.1
cd "$loop_dir" || exit 1
mkdir home
export HOME=$loop_dir/home LC_ALL=C.UTF-8
{
    for i in $(seq 24); do echo "h$i ansible_host=127.0.1.1"; done
    cat <<-END
	[all:vars]
	ansible_port=$loop_port
	ansible_user=$(id -un)
	ansible_ssh_private_key_file=$loop_dir/id_ed25519
	ansible_ssh_common_args=-o UserKnownHostsFile=$loop_dir/known_hosts
	END
} >inv
cat >site.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - command: "true"
    - ping:
END
failed=0
passed=0
run() { # LIMIT
    (ulimit -n "$1" && exec timeout 150 "$bin/play" run site.yml -i inv -f 24 -T 60) >output 2>&1
}
run 90
check "few files: exit status" 0 $?
check "few files: all hosts" 24 "$(grep -c 'ok=2 .*unreachable=0 *failed=0' output)"
check "few files: said once" 1 "$(grep -c 'limit of open files allows 18 ssh connections' output)"
run 256
check "256 files: exit status" 0 $?
check "256 files: nothing said" 0 "$(grep -c 'limit of open files' output)"
run 1024
check "enough files: exit status" 0 $?
check "enough files: all hosts" 24 "$(grep -c 'ok=2 .*unreachable=0 *failed=0' output)"
check "enough files: nothing said" 0 "$(grep -c 'limit of open files' output)"
say "$passed checks passed, $failed failed"
[ "$failed" = 0 ]
