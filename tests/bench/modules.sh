#!/bin/bash
# modules.sh BIN_DIR [RUNS]: the second, unchanged run of a role of a hundred tasks (modules/site.yml) on one disposable host,
# by `play` and by ansible-playbook with pipelining: medians in milliseconds, and how many times faster. Nothing here passes
# or fails because of a time. exit 77: not possible here
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
hosts=$here/../hosts/hosts.sh
. "$here/../hosts/lib.sh"
bin=$(absolute "${1:?usage: modules.sh BIN_DIR [RUNS]}")
runs=${2:-5}
need_programs ansible-playbook
run=$(mktemp -d)/hosts
trap '"$hosts" stop "$run"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
"$hosts" start "$run" 1 python
cat >"$run/inventory" <<END
web1 ansible_host=10.79.0.11 ansible_user=root ansible_ssh_private_key_file=$run/id_ed25519 ansible_python_interpreter=/usr/bin/python3
[all:vars]
ansible_ssh_common_args=-o UserKnownHostsFile=$run/known_hosts
END
export ANSIBLE_PIPELINING=True ANSIBLE_NOCOWS=1 ANSIBLE_SSH_CONTROL_PATH_DIR=$run/cp ANSIBLE_DEPRECATION_WARNINGS=False

converge() { # COMMAND...: until nothing changes
    for _ in 1 2 3; do
        "$hosts" run "$run" "$@" -i "$run/inventory" "$here/modules/site.yml" >"$run/out.txt" 2>&1 || { tail -n 30 "$run/out.txt" >&2; exit 1; }
        grep -q 'changed=0 ' "$run/out.txt" && return
    done
    tail -n 30 "$run/out.txt" >&2
    die "$1 never comes to an unchanged run"
}
median() { # COMMAND...
    local i start
    for ((i = 0; i < runs; i++)); do
        start=$EPOCHREALTIME
        "$hosts" run "$run" "$@" -i "$run/inventory" "$here/modules/site.yml" >"$run/out.txt" 2>&1 </dev/null || { tail -n 30 "$run/out.txt" >&2; exit 1; }
        echo $((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}))
    done | sort -n | awk -v n="$runs" 'NR == int((n + 1) / 2) { printf "%.0f\n", $1 / 1000 }'
}
converge "$bin/play" run
ours=$(median "$bin/play" run)
grep 'ok=' "$run/out.txt"
converge ansible-playbook
theirs=$(median ansible-playbook)
grep 'ok=' "$run/out.txt"
printf 'play %s ms, ansible-playbook %s ms: %s times\n' "$ours" "$theirs" "$(awk -v a="$theirs" -v b="$ours" 'BEGIN { printf "%.1f", a / b }')"
