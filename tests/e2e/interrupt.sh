#!/bin/bash
# interrupt.sh BIN_DIR: Ctrl-C ends a run with 99 and says where each host stood, a second one ends it at once; --live shows
# output while it comes. Over ssh nothing is left running on the host, also when play itself is killed.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: interrupt.sh BIN_DIR}")
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_)'); do unset "$name"; done
work=$(mktemp -d "${TMPDIR:-/tmp}/interrupt.XXXXXX")
# shellcheck disable=SC2317 # called by the trap
cleanup() {
    loopback_stop
    rm -rf "$work"
}
trap cleanup EXIT
export HOME=$work LC_ALL=C.UTF-8
cd "$work" || exit 1
failed=0
expect() { # WHAT COMMAND...
    local what=$1
    shift
    "$@" >/dev/null || {
        failed=1
        printf 'FAILED: %s\n' "$what"
        cat output
    }
}
cat >slow.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - name: build
      shell: echo started; echo $$ > pid-{{ inventory_hostname }}; {{ 'true' if inventory_hostname == 'a' else 'sleep 60' }}
      args: {chdir: "{{ playbook_dir }}"}
END
# -- once
"$bin/play" run slow.yml -i a,b,c -c local --live >output 2>&1 &
pid=$!
wait_until 20 test -s pid-b && wait_until 20 test -s pid-c && wait_until 20 grep -q '^changed: \[a\]' output
expect "live output" grep -qx 'b | started' output
kill -INT $pid
wait $pid
expect "exit status 99" test $? = 99
expect "where b stood" grep -q "host b was at the task 'build'" output
expect "where c stood" grep -q "host c was at the task 'build'" output
expect "nothing about a" grep -vq 'host a ' output
# shellcheck disable=SC2317 # called by wait_until
gone() { ! kill -0 "$(cat pid-b)" 2>/dev/null; }
expect "remote work has ended" wait_until 5 gone

# -- live output: lines as a whole, of each item, nothing that commands the terminal, no secrets
cat >live.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - shell: "printf 'par'; sleep 0.2; printf 'tial {{ item }}\\n'"
      loop: [1, 2]
    - shell: "printf 'a\\377b \\033[31mred\\033[0m\\r\\n'"
    - shell: "printf 'hid'; sleep 0.2; printf 'den-word\\n'"
      vars: {ansible_become_password: hidden-word}
    - shell: echo not shown
      no_log: true
END
timeout 60 "$bin/play" run live.yml -i a,b, -c local --live -e ansible_password=hidden-word >output 2>&1
expect "live output of loops" test "$(grep -c '^[ab] | partial [12]$' output)" = 4
expect "live output: bytes" test "$(grep -cF 'a\xffb \x1b[31mred\x1b[0m' output)" = 2
expect "live output: nothing hidden" test "$(grep -c -e 'hidden-word' -e '| not shown' output)" = 0
expect "live output: masked" test "$(grep -cx '[ab] | \*\*\*\*\*\*\*\*' output)" = 2

# -- twice, while the run itself is busy
cat >busy.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - debug: msg="{{ lookup('pipe', 'touch busy; sleep 60') }}"
END
"$bin/play" run busy.yml -i a, -c local >output 2>&1 &
pid=$!
wait_until 20 test -e busy
start=$SECONDS
kill -INT $pid
sleep 0.2
kill -INT $pid
wait $pid
expect "exit status 99 after two" test $? = 99
expect "at once" test $((SECONDS - start)) -lt 5
# -- over ssh, with a task that runs as the login user and one that a become user has begun
loopback_start box=127.0.0.61
cat >far.yml <<END
- hosts: all
  gather_facts: false
  tasks:
    - command: "true"
      become: "{{ lookup('env', 'USER_ID') == '0' }}"
      become_method: su
    - shell: echo \$\$ >$work/far; sleep 600.$$
END
# shellcheck disable=SC2317 # called by wait_until
left() { ps -eo args | grep -F -e "$loop_dir/box/.cache/play" -e "sleep 600.$$" | grep -v grep; }
# shellcheck disable=SC2317 # called by wait_until
nothing_left() { ! left; }
for signal in INT TERM HUP KILL; do
    rm -f far
    USER_ID=$(id -u) "$bin/play" run far.yml -i box, -e "ansible_host=127.0.0.61 ansible_port=$loop_port" --private-key "$loop_dir/id_ed25519" -T 60 \
        -e "{\"ansible_ssh_common_args\": \"-F none -o UserKnownHostsFile=$loop_dir/known_hosts\"}" >output 2>&1 &
    pid=$!
    expect "$signal: the task began" wait_until 60 test -s far
    kill -$signal $pid
    wait $pid 2>/dev/null
    status=$?
    expect "$signal: exit status $status" test $status = "$([ $signal = KILL ] && echo 137 || echo 99)"
    expect "$signal: nothing is left running" wait_until 30 nothing_left
done
expect "nothing is left but the cache" test "$(cd "$loop_dir/box" && find . -type f | grep -cvE '^\./\.cache/play/[0-9a-f]{64}$')" = 0
[ "$failed" = 0 ] && say "interrupts: everything holds"
exit "$failed"
