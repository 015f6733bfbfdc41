#!/bin/bash
# reboot.sh BIN_DIR: a machine that goes down and comes up, as ssh sees it: its sshd and all sessions end, and after a moment
# there is another one. What is expected was recorded from Ansible (REBOOT_PLAYER=ansible-playbook runs it again).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: reboot.sh BIN_DIR}")
need_programs ssh-keygen setsid ps
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
trap loopback_stop EXIT
loopback_start box=127.0.0.43
export HOME=$loop_dir/home LC_ALL=C.UTF-8
mkdir -p "$HOME" "$loop_dir/bin" && cd "$loop_dir" || exit 1
failed=0
passed=0
# ends sshd and its sessions, and starts it again with another mark of the start
cat >bin/shutdown <<END
#!/bin/sh
[ ! -e $loop_dir/broken ] || { echo no power >&2; exit 9; }
echo "\$0 \$*" >>$loop_dir/calls
[ -e $loop_dir/deaf ] || setsid sh -c '
    sleep 0.3
    old=\$(cat $loop_dir/sshd.pid)
    kill \$(ps -o pid= --ppid \$old) \$old
    sleep 1.5
    echo "started \$(date +%s%N)" >$loop_dir/boot
    $(command -v sshd || echo /usr/sbin/sshd) -f $loop_dir/sshd_config -E $loop_dir/sshd.log' >/dev/null 2>&1 </dev/null &
END
chmod +x bin/shutdown
cp bin/shutdown bin/own
echo first >boot
cat >inv <<INV
box ansible_host=127.0.0.43
[all:vars]
ansible_port=$loop_port
ansible_user=$(id -un)
ansible_python_interpreter=/usr/bin/python3
ansible_ssh_private_key_file=$loop_dir/id_ed25519
ansible_ssh_common_args=-o UserKnownHostsFile=$loop_dir/known_hosts
INV

# check NAME STATUS CALLS PATTERN ARGUMENTS: the run ends so, the machine was told to go down so, and the output has the pattern
check() {
    local rc=0 said
    rm -f calls
    cat >site.yml <<END
- hosts: box
  gather_facts: false
  tasks:
    - reboot: {boot_time_command: cat $loop_dir/boot, $5}
      register: r
    - debug: msg="changed {{ r.changed }} rebooted {{ r.rebooted }} elapsed {{ r.elapsed is number }}"
END
    if [ -n "${REBOOT_PLAYER:-}" ]; then
        timeout 120 "$REBOOT_PLAYER" -i inv site.yml >output 2>&1 || rc=$?
    else
        timeout 120 "$bin/play" run site.yml -i inv >output 2>&1 || rc=$?
    fi
    said=$(cat calls 2>/dev/null)
    if [ "$rc" = "$2" ] && [ "$said" = "$3" ] && grep -qE -- "$4" output; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s: exit status %s, expected %s and "%s"; told: "%s"\n' "$1" "$rc" "$2" "$4" "$said"
        tail -8 output
    fi
}
done_text="changed True rebooted True elapsed True"
check "the machine's own command" 0 "$loop_dir/bin/shutdown -r 0 Reboot initiated by Ansible" "$done_text" \
    "search_paths: [$loop_dir/none, $loop_dir/bin], reboot_timeout: 60, connect_timeout: 5"
check "with a delay and a message" 0 "$loop_dir/bin/shutdown -r 2 going down" "$done_text" \
    "search_paths: [$loop_dir/bin], pre_reboot_delay: 120, post_reboot_delay: 1, msg: going down"
check "another command, and a test" 0 "$loop_dir/bin/own now" "$done_text" \
    "reboot_command: $loop_dir/bin/own now, test_command: test -s $loop_dir/boot, reboot_timeout: 60"
check "a test that never succeeds" 2 "$loop_dir/bin/own now" "Timed out waiting for post-reboot test command" \
    "reboot_command: $loop_dir/bin/own now, test_command: test -e $loop_dir/none, reboot_timeout: 6"
check "no such command" 2 "" "Unable to find command .*shutdown.* in search paths: .*$loop_dir/none" "search_paths: [$loop_dir/none]"
touch broken
check "a command that fails" 2 "" "Reboot command failed.*no power" "search_paths: [$loop_dir/bin]"
rm broken
touch deaf
check "a machine that does not go down" 2 "$loop_dir/bin/shutdown -r 0 Reboot initiated by Ansible" "Timed out waiting for last boot time check" \
    "search_paths: [$loop_dir/bin], reboot_timeout: 6"
say "$passed checks passed, $failed failed"
[ "$failed" = 0 ]
