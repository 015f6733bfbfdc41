#!/bin/bash
# run.sh BUILD_DIR [HOSTS...]: how long connecting takes at least (bench-limit), how long `play` takes for the second run of
# mixed.yml and, where it is installed, ansible-playbook with pipelining; medians of five, as a table. One throwaway sshd on
# loopback addresses plays all hosts. BENCH_RUNNER is put in front of each command and of sshd (chrt -r 1 keeps other work
# on the machine out of the figures). Nothing here passes or fails because of a time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../hosts/lib.sh"
. "$here/../hosts/loopback.sh"
build=$(absolute "${1:?usage: run.sh BUILD_DIR [HOSTS...]}")
shift
[ $# -gt 0 ] || set -- 1 3 10 50
read -ra runner <<<"${BENCH_RUNNER:-}"
need_programs ssh-keygen
cmake --build "$build" --target bench-limit play play-remote >/dev/null
trap loopback_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

max=0
for n; do [ "$n" -gt "$max" ] && max=$n; done
pairs=()
# sshd listens on 16 addresses at most: beyond that, hosts share one
address() { echo "127.0.1.$((($1 - 1) % 16 + 1))"; }
for ((i = 1; i <= max && i <= 16; i++)); do pairs+=("h$i=$(address "$i")"); done
loopback_start "${pairs[@]}"
if [ ${#runner[@]} -gt 0 ]; then # sshd as the runner wants it
    kill "$(cat "$loop_dir/sshd.pid")"
    wait_until 5 test ! -e "$loop_dir/sshd.pid"
    "${runner[@]}" "$(PATH=$PATH:/usr/sbin command -v sshd)" -f "$loop_dir/sshd_config" -E "$loop_dir/sshd.log"
    wait_until 5 test -s "$loop_dir/sshd.pid"
fi

# inventory N: the first N hosts
inventory() {
    local i
    for ((i = 1; i <= $1; i++)); do echo "h$i ansible_host=$(address "$i")"; done
    cat <<-END
	[all:vars]
	ansible_port=$loop_port
	ansible_user=$(id -un)
	ansible_ssh_private_key_file=$loop_dir/id_ed25519
	ansible_ssh_common_args=-o UserKnownHostsFile=$loop_dir/known_hosts
	ansible_python_interpreter=$(command -v python3 || echo /usr/bin/python3)
	bench_dir=$loop_dir/out
	END
}

# median COMMAND...: milliseconds of the middle one of five runs; the output of the last is in $loop_dir/out.txt
median() {
    local i start rc=0
    for i in 1 2 3 4 5; do
        export ANSIBLE_SSH_CONTROL_PATH_DIR=$loop_dir/cp$RANDOM$i # ansible: no connection left over from the run before
        start=$EPOCHREALTIME
        "${runner[@]}" "$@" >"$loop_dir/out.txt" 2>&1 </dev/null || rc=$?
        echo $((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}))
        [ "$rc" = 0 ] || { cat "$loop_dir/out.txt" >&2; die "failed with exit status $rc: $*"; }
    done | sort -n | awk 'NR == 3 { printf "%.0f\n", $1 / 1000 }'
}

ratio() { LC_ALL=C awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

: >"$loop_dir/ansible.cfg"
export ANSIBLE_CONFIG=$loop_dir/ansible.cfg ANSIBLE_PIPELINING=1 ANSIBLE_HOST_KEY_CHECKING=1 ANSIBLE_NOCOLOR=1
ansible=$(command -v ansible-playbook || true)
printf '%-6s %-6s %10s %10s %8s %12s %8s\n' hosts facts 'limit ms' 'play ms' 'x limit' 'ansible ms' 'x play'
for n; do
    inventory "$n" >"$loop_dir/inv$n"
    addresses=()
    for ((i = 1; i <= n; i++)); do addresses+=("$(address "$i")"); done
    limit=$(median "$build/bin/bench-limit" "$loop_port" "$loop_dir/id_ed25519" "$loop_dir/known_hosts" true "${addresses[@]}")
    for gather in explicit implicit; do
        export ANSIBLE_GATHERING=$gather
        args=(-i "$loop_dir/inv$n" -f 20 "$here/mixed.yml")
        "$build/bin/play" run "${args[@]}" >/dev/null || die "the first run failed"
        play=$(median "$build/bin/play" run "${args[@]}")
        recap "$loop_dir/out.txt" >"$loop_dir/recap.play"
        theirs=- more=-
        if [ -n "$ansible" ] && [ "$n" -le "${BENCH_ANSIBLE_HOSTS:-10}" ]; then
            theirs=$(median "$ansible" "${args[@]}")
            more=$(ratio "$theirs" "$play")
            recap "$loop_dir/out.txt" | diff "$loop_dir/recap.play" - >&2 || die "the recaps differ (play's on the left)"
        fi
        facts=$([ $gather = explicit ] && echo no || echo yes)
        printf '%-6s %-6s %10s %10s %8s %12s %8s\n' "$n" "$facts" "$limit" "$play" "$(ratio "$play" "$limit")" "$theirs" "$more"
    done
done
