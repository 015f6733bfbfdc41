#!/bin/bash
# bad_input.sh BIN_DIR: what goes wrong gives its message, its place and its exit status, and other hosts go on. Hosts are
# one throwaway sshd on loopback addresses, as in the demo.
set -euo pipefail
. "$(dirname "$0")/../hosts/lib.sh"
. "$(dirname "$0")/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: bad_input.sh BIN_DIR}")
need_programs ssh-keygen
cleanup() {
    [ -z "${small:-}" ] || umount "$small" || true
    loopback_stop
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
loopback_start web1=127.0.0.11 web2=127.0.0.12 web3=127.0.0.13
work=$loop_dir/project
mkdir -p "$work/playbooks" "$work/inventories"
cp -R "$repo_top/inventories/demo" "$work/inventories/"
cp "$loop_dir/known_hosts" "$loop_dir/good_known_hosts"
: >"$work/ansible.cfg"
(umask 077 && echo demo >"$work/vault-password")
unset ANSIBLE_VAULT_PASSWORD_FILE
export PLAY_DEMO_DIR=$loop_dir PLAY_DEMO_PORT=$loop_port ANSIBLE_CONFIG=$work/ansible.cfg
cd "$work"
fails=0

# book: the text of playbooks/try.yml from standard input
book() { cat >playbooks/try.yml; }
# case_is NAME STATUS PLAY-ARGUMENTS...: runs play; what it printed is in $out
case_is() {
    local rc=0
    name=$1
    "$bin/play" "${@:3}" >"$loop_dir/out" 2>&1 </dev/null || rc=$?
    out=$(cat "$loop_dir/out")
    [ "$rc" = "$2" ] || bad "exit status $rc instead of $2"
}
bad() {
    printf 'FAIL: %s: %s\n%s\n' "$name" "$1" "$out" >&2
    fails=$((fails + 1))
}
says() { # PATTERN...: each must be somewhere in the output
    local p
    for p; do grep -Eqi -- "$p" <<<"$out" || bad "does not say: $p"; done
}
silent_about() { if grep -Eq -- "$1" <<<"$out"; then bad "says: $1"; fi; }
recap_is() { # "web1 OK CHANGED UNREACHABLE FAILED"...
    local line
    for line; do recap "$loop_dir/out" | grep -qx "$line" || bad "recap without: $line"; done
}

book <<'END'
- hosts: web
  gather_facts: false
  tasks:
    - ping:
    - command: echo {{ inventory_hostname }} goes on
END
case_is 'all is well' 0 try env=demo
recap_is 'web1 2 1 0 0' 'web2 2 1 0 0' 'web3 2 1 0 0'

free=$((loop_port + 1))
printf '[web]\nweb2 ansible_port=%s\n' $free >unreachable
case_is 'unreachable host' 4 run playbooks/try.yml -i inventories/demo/hosts -i unreachable -e @inventories/demo/secrets
says "web2.*UNREACHABLE.*($free|refused)"
recap_is 'web1 2 1 0 0' 'web2 0 0 1 0' 'web3 2 1 0 0'

printf '[web]\nweb2 ansible_host=no-such-host.invalid\n' >unreachable
case_is 'unknown host name' 4 run playbooks/try.yml -i inventories/demo/hosts -i unreachable -e @inventories/demo/secrets
says 'web2.*UNREACHABLE.*no-such-host.invalid'
recap_is 'web1 2 1 0 0' 'web3 2 1 0 0'

ssh-keygen -q -t ed25519 -N '' -f "$loop_dir/otherkey"
sed "/127.0.0.13/s|ssh-ed25519 .*|$(cut -d' ' -f1,2 "$loop_dir/otherkey.pub")|" "$loop_dir/good_known_hosts" >"$loop_dir/known_hosts"
case_is 'changed host key' 4 try env=demo
says 'web3.*UNREACHABLE.*host key' 'known_hosts'
recap_is 'web1 2 1 0 0' 'web2 2 1 0 0' 'web3 0 0 1 0'
case_is 'a changed host key is refused with --accept-new, too' 4 try env=demo --accept-new
recap_is 'web3 0 0 1 0'

grep -v 127.0.0.13 "$loop_dir/good_known_hosts" >"$loop_dir/known_hosts"
case_is 'unknown host key' 4 try env=demo
says 'web3.*UNREACHABLE.*host key'
recap_is 'web1 2 1 0 0' 'web3 0 0 1 0'
case_is 'unknown host key, accepted' 0 try env=demo --accept-new
recap_is 'web3 2 1 0 0'
cp "$loop_dir/good_known_hosts" "$loop_dir/known_hosts"

ssh-keygen -q -t ed25519 -N '' -f "$loop_dir/strange"
case_is 'refused key' 4 run playbooks/try.yml -i inventories/demo/hosts -l web1 -e @inventories/demo/secrets -e "ansible_ssh_private_key_file=$loop_dir/strange"
says 'web1.*UNREACHABLE.*(denied|refused|authenti)'

echo wrong >vault-password
case_is 'wrong vault password' 1 try env=demo
says 'vault|decrypt' 'inventories/demo/secrets'
silent_about 'PLAY \['
echo demo >vault-password
chmod 644 vault-password
case_is 'vault password others can read' 1 try env=demo
says 'vault-password' 'chmod 600|0?600|others'
silent_about 'PLAY \['
rm vault-password
case_is 'no vault password' 1 try env=demo
says 'vault' 'password'
silent_about 'PLAY \['
(umask 077 && echo demo >vault-password)

case_is 'unknown environment' 1 try env=dmeo
says "'dmeo'" 'demo'
case_is 'unknown verb' 4 tyr env=demo
says "'tyr'" 'try'
case_is 'missing playbook' 1 run nothing.yml -i inventories/demo/hosts
says 'nothing.yml'

printf -- '- hosts: web\n  tasks:\n    - ping: {data: [}\n    - ping:\n' | book
case_is 'broken YAML' 4 try env=demo
says 'try.yml:[0-9]+:[0-9]+' '\^'
printf -- '- hosts: web\n  taskz:\n    - ping:\n' | book
case_is 'unknown keyword' 4 try env=demo
says "'taskz'" 'try.yml:2:3' '\^' 'tasks'
printf -- '- hosts: web\n  tasks:\n    - pign:\n' | book
case_is 'unknown module' 4 try env=demo
says "'pign'" 'try.yml:3:7' '\^' 'ping'

book <<'END'
- hosts: web
  gather_facts: false
  tasks:
    - debug:
        msg: "{{ 'known' if inventory_hostname != 'web2' else never_defined }}"
    - ping:
END
case_is 'undefined variable' 2 try env=demo
says "web2.*never_defined" 'try.yml|line'
recap_is 'web1 2 0 0 0' 'web2 0 0 0 1' 'web3 2 0 0 0'
sed -i 's/never_defined/(1 | no_such_filter)/' playbooks/try.yml
"$bin/play" try env=demo >"$loop_dir/out" 2>&1 </dev/null && bad 'an unknown filter was accepted'
name='unknown filter' out=$(cat "$loop_dir/out")
says 'no_such_filter'
printf -- '- hosts: web\n  gather_facts: false\n  tasks:\n    - file:\n        path: /tmp\n        sate: directory\n' | book
"$bin/play" try env=demo >"$loop_dir/out" 2>&1 </dev/null && bad 'an unknown argument was accepted'
name='unknown argument' out=$(cat "$loop_dir/out")
says 'sate'

# The connection dies in the middle of a task: that host is lost, the others go on.
book <<'END'
- hosts: web
  gather_facts: false
  tasks:
    - shell: "{% if inventory_hostname == 'web2' %}read -r _ _ _ up _ </proc/$PPID/stat; kill -9 $up; sleep 5{% else %}true{% endif %}"
    - ping:
END
case_is 'killed connection' 4 try env=demo
says 'web2.*UNREACHABLE'
recap_is 'web1 2 1 0 0' 'web2 0 0 1 0' 'web3 2 1 0 0'

small=$loop_dir/web1/small
mkdir "$small"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64k tmpfs "$small" 2>/dev/null; then
    head -c 300000 /dev/zero | tr '\0' x >big
    cat >playbooks/try.yml <<END
- hosts: web
  gather_facts: false
  tasks:
    - copy: {src: $work/big, dest: "{{ demo_dir }}/{{ inventory_hostname }}/small/big"}
END
    mkdir "$loop_dir"/web{2,3}/small
    case_is 'full disk' 2 try env=demo
    says 'web1.*No space left'
    recap_is 'web1 0 0 0 1' 'web2 1 1 0 0'
    [ -z "$(ls -A "$small")" ] || bad "something half-written stayed: $(ls -A "$small")"
else
    say 'a full disk needs root to make one: left out'
    small=
fi
[ "$fails" = 0 ] || die "$fails checks failed"
say 'every mistake is answered'
