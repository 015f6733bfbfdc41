#!/bin/bash
# network.sh BIN_DIR: the network goes away, in a network namespace of its own: packets dropped before the connection, at login and in
# the middle of a task, and a link that comes back. A host is given up in bounded time, and the others go on.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: network.sh BIN_DIR}")
PATH=$PATH:/usr/sbin:/sbin
[ "$(id -u)" = 0 ] || skip "only root may make network namespaces"
need_programs ip iptables ssh-keygen
if [ -z "${IN_NAMESPACE:-}" ]; then
    unshare -n true 2>/dev/null || skip "no network namespaces"
    IN_NAMESPACE=1 exec unshare -n "$0" "$bin"
fi
ip link set lo up
iptables -L -n >/dev/null 2>&1 || skip "no iptables in a network namespace"
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
trap loopback_stop EXIT
loopback_start good=127.0.0.41 bad=127.0.0.42
export HOME=$loop_dir/home LC_ALL=C.UTF-8
mkdir -p "$HOME" && cd "$loop_dir" || exit 1
failed=0
passed=0
cat >inv <<INV
good ansible_host=127.0.0.41
bad ansible_host=127.0.0.42
[all:vars]
ansible_port=$loop_port
ansible_user=$(id -un)
ansible_timeout=3
ansible_ssh_private_key_file=$loop_dir/id_ed25519
ansible_ssh_common_args=-o UserKnownHostsFile=$loop_dir/known_hosts -o ServerAliveInterval=1 -o ServerAliveCountMax=2
INV
cat >site.yml <<END
- hosts: all
  gather_facts: false
  strategy: free
  tasks:
    - command: touch $loop_dir/{{ inventory_hostname }}.began
    - shell: test {{ inventory_hostname }} = good || sleep {{ nap | default(50) }}
    - command: touch $loop_dir/{{ inventory_hostname }}.ended
END
drop() { iptables -I INPUT -d 127.0.0.42 -p tcp -j DROP && iptables -I INPUT -s 127.0.0.42 -p tcp -j DROP; }
restore() { iptables -F; }

# check NAME STATUS TEXT ARGS...: a run ends so within 40 s, its output has TEXT, and the other host did all
check() {
    local rc=0
    timeout 90 "$bin/play" run site.yml -i inv "${@:4}" >output 2>&1 || rc=$?
    if [ "$rc" = "$2" ] && grep -qF -- "$3" output && [ -e good.ended ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s: exit status %s, expected %s and "%s"\n' "$1" "$rc" "$2" "$3"
        tail -8 output
    fi
    restore
    rm -f ./*.began ./*.ended
}
# once bad is in the middle of its task
later() {
    wait_until 60 test -e bad.began && sleep 0.5 && "$@"
}
check "no fault" 0 "bad                        : ok=3" -e nap=0
drop
check "packets dropped before the connection" 4 "no answer within 3 s"
iptables -I INPUT -s 127.0.0.42 -p tcp -m length --length 300:65535 -j DROP
check "only small packets pass, so the key exchange hangs" 4 "no answer within 3 s"
later drop &
check "packets dropped in the middle of a task" 4 "has not answered for"
# the link comes back when also the kernel has given the connection up: the host finds out when it says something
echo 1 >/proc/sys/net/ipv4/tcp_orphan_retries
later drop &
timeout 90 "$bin/play" run site.yml -i inv -e nap=600.$$ >output 2>&1
# shellcheck disable=SC2317 # called by wait_until
given_up() { ! grep -qE '^ *[0-9]+: [0-9A-F:]+ 2A00007F:[0-9A-F]+ 0[14] ' /proc/net/tcp; }
# shellcheck disable=SC2317 # called by wait_until
no_nap() { ! pgrep -f "^sleep 600\.$$" >/dev/null; }
wait_until 60 given_up
restore
if wait_until 60 no_nap; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    say "FAILED: the task goes on although nobody is there any more"
    pkill -f "^sleep 600.$$"
fi
rm -f ./*.began ./*.ended
later iptables -I INPUT -d 127.0.0.42 -p tcp -j REJECT --reject-with tcp-reset &
check "reset in the middle of a task" 4 "bad                        : ok=1"
later sh -c "$(declare -f drop restore); drop; sleep 1.2; iptables -F" &
check "a link that comes back in time" 0 "bad                        : ok=3" -e nap=4
wait

# in the background: what it costs to find out that the host cannot be asked counts
cat >site.yml <<END
- hosts: all
  gather_facts: false
  strategy: free
  tasks:
    - shell: touch $loop_dir/{{ inventory_hostname }}.began; test {{ inventory_hostname }} = good || sleep 50
      async: 24
      poll: 1
    - command: touch $loop_dir/{{ inventory_hostname }}.ended
END
later drop &
check "packets dropped while a task in the background is asked for" 2 "did not complete within the requested time - 24s"
wait

# a large content over a slow link: the ping lies behind it
head -c 3000000 /dev/urandom >noise
cat >site.yml <<END
- hosts: all
  gather_facts: false
  tasks:
    - copy: {src: noise, dest: $loop_dir/good.ended}
END
sed -i "s/^bad .*//; s/^good .*/good ansible_host=127.0.0.1 ansible_port=$((loop_port + 1))/" inv
printf '[127.0.0.1]:%s %s\n' "$((loop_port + 1))" "$(cut -d' ' -f1,2 hostkey.pub)" >>known_hosts
"$bin/bench-relay" "$((loop_port + 1))" 127.0.0.41 "$loop_port" 10 300000 >/dev/null &
echo $! >relay.pid
sleep 0.3
check "a slow link" 0 "good                       : ok=1    changed=1"
kill "$(cat relay.pid)"
wait
say "$passed checks passed, $failed failed"
[ "$failed" = 0 ]
