#!/bin/bash
# roles.sh BIN_DIR PLAYBOOK...: any playbooks, of roles from anywhere (ANSIBLE_ROLES_PATH, ANSIBLE_COLLECTIONS_PATH), each twice by
# ansible-playbook and twice by play on two fresh Debian machines: what happened to each task, the recaps and all files must be
# equal: type, mode, owner, group, content. What daemons write for themselves differs anyhow; tell it by ROLES_IGNORE, an
# extended regular expression of paths. The machines have no way out: packages come from PLAY_HOSTS_REPO, a directory that is
# an apt repository, or are those of hosts/repo.sh. exit 77: no ansible-core or no such machines here
set -euo pipefail
. "$(dirname "$0")/../hosts/lib.sh"
. "$(dirname "$0")/list.sh"
bin=$(absolute "${1:?usage: roles.sh BIN_DIR PLAYBOOK...}")
shift
need_programs ansible-playbook
work=$(mktemp -d)
trap '"$hosts_home/hosts.sh" stop "$work/hosts"; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
ignore=${ROLES_IGNORE:-'/var/lib/(mysql|postgresql|redis|fail2ban|samba|ucf|munin|rabbitmq)/|/etc/ssl/(certs|private)/ssl-cert-snakeoil|/var/spool/cron/crontabs/|\.[0-9]+\.[-0-9@:]+~'}

on() { "$hosts_home/hosts.sh" ssh "$work/hosts" "$@"; }
# From the screen of a run to what happened to each task, and the recap.
status() {
    grep -E '^(TASK|RUNNING HANDLER|changed:|ok:|skipping:|included:|failed:|fatal:|machine )' |
        sed -E 's/ => \{.*//; s/^(fatal: .*|failed: .*)=>.*/\1/; s/^included: .* for /included for /; s/ \*+$//'
}
# tool I PLAYBOOK PROGRAM...
tool() {
    "$hosts_home/hosts.sh" run "$work/hosts" env -i HOME="$work/home" PATH="$PATH" LC_ALL=C.UTF-8 ANSIBLE_CONFIG="$work/ansible.cfg" \
        ANSIBLE_ROLES_PATH="${ANSIBLE_ROLES_PATH:-}" ANSIBLE_COLLECTIONS_PATH="${ANSIBLE_COLLECTIONS_PATH:-}" \
        timeout "${ROLES_TIMEOUT:-900}" "${@:3}" -i "$work/inventory$1" "$2" </dev/null 2>&1 | tee "$work/screen.$1" | status >>"$work/status.$1" || true
}
# compare PLAYBOOK: both runners at the same time, each on its machine
compare() {
    local i bad=0 second
    rm -f "$work"/status.* "$work"/screen.*
    "$hosts_home/hosts.sh" start "$work/hosts" 2 python || exit $?
    mkdir -p "$work/home"
    printf '[defaults]\nnocolor = true\n[ssh_connection]\npipelining = true\nssh_common_args = -o UserKnownHostsFile=%s/hosts/known_hosts -o GlobalKnownHostsFile=/dev/null\n' \
        "$work" >"$work/ansible.cfg"
    for i in 1 2; do
        # one name in both inventories, as it may get into files
        printf 'machine ansible_host=10.79.0.1%s ansible_user=root ansible_ssh_private_key_file=%s/hosts/id_ed25519 ansible_python_interpreter=/usr/bin/python3\n' \
            "$i" "$work" >"$work/inventory$i"
        on $i 'hostname machine && apt-get -qq update'
    done
    { tool 1 "$1" ansible-playbook && tool 1 "$1" ansible-playbook; } &
    second=$!
    tool 2 "$1" "$bin/play" run && tool 2 "$1" "$bin/play" run
    wait "$second"
    for i in 1 2; do list $i | grep -vE " \.($ignore)" >"$work/list.$i"; done
    diff "$work/status.1" "$work/status.2" || bad=1
    diff "$work/list.1" "$work/list.2" || bad=1
    grep -q '^machine ' "$work/status.2" || { cat "$work/screen.2" && bad=1; }
    say "$1: $(grep -c '^TASK' "$work/status.2") tasks, $(wc -l <"$work/list.2") files: $([ $bad = 0 ] && echo equal || echo 'they differ (< ansible-playbook, > play)')"
    "$hosts_home/hosts.sh" stop "$work/hosts"
    return $bad
}
failed=0
for playbook in "$@"; do compare "$playbook" || failed=1; done
exit $failed
