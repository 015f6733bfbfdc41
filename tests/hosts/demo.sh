#!/bin/bash
# demo.sh BIN_DIR: deploys the model project to three "machines", which are one throwaway sshd on 127.0.0.11 to .13 run as the
# invoking user, twice: the first run changes something, the second must not. Then the site is fetched from each of them.
# Everything is in one temporary directory, removed at the end however it comes. exit 77: sshd, nginx, git or cc is missing
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/loopback.sh"
bin=$(absolute "${1:?usage: demo.sh BIN_DIR}")
need_programs nginx git make cc ssh-keygen
trap loopback_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

loopback_start web1=127.0.0.11 web2=127.0.0.12 web3=127.0.0.13
"$hosts_home/site-repo.sh" "$loop_dir/commons.git"
# The secrets of the demo are encrypted for show; this is their password.
(umask 077 && echo demo >"$loop_dir/vault-password")
export PLAY_DEMO_DIR=$loop_dir PLAY_DEMO_PORT=$loop_port ANSIBLE_VAULT_PASSWORD_FILE=$loop_dir/vault-password
: >"$loop_dir/ansible.cfg" && export ANSIBLE_CONFIG=$loop_dir/ansible.cfg
cd "$repo_top"

# deploy FILE: one run, shown and kept
deploy() {
    say '' '$ play deploy env=demo'
    local start=$EPOCHREALTIME rc=0
    "$bin/play" deploy env=demo 2>&1 | tee "$1" || rc=$?
    LC_ALL=C awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "(%.2f s)\n", b - a }'
    [ $rc = 0 ] || die "the run failed with exit status $rc"
}

# expect FILE TEST MESSAGE: a condition on "host ok changed unreachable failed" of every host
expect() {
    recap "$1" | awk "END { if (NR != 3) exit 1 } !($2) { exit 1 }" || die "$3"
}

deploy "$loop_dir/first"
expect "$loop_dir/first" '$3 > 0' 'the first run was to change every host'
deploy "$loop_dir/second"
expect "$loop_dir/second" '$3 == 0' 'the second run was to change nothing'

for n in 1 2 3; do
    say '' "web$n, http://127.0.0.1$n:$((loop_port + 1))/"
    http_get "127.0.0.1$n" $((loop_port + 1)) / || die "the site of web$n does not answer"
    http_get "127.0.0.1$n" $((loop_port + 1)) /api/health || die "the API of web$n does not answer"
done
say '' 'Both runs and the site are as they should be. Everything is stopped and removed now.'
