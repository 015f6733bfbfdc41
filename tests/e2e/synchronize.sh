#!/bin/bash
# synchronize.sh BIN_DIR | --record: synchronize over a throwaway sshd, in every direction; results, command lines and the
# trees compared with what Ansible's module did (--record, with ansible.posix in ANSIBLE_COLLECTIONS_PATH).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
case ${1:?usage: synchronize.sh BIN_DIR | --record} in
--record) run=(ansible-playbook) expected=/dev/null ;;
*) run=("$(absolute "$1")/play" run) expected=$here/synchronize/expected ;;
esac
[ "$(id -u)" = 0 ] || skip "owners and become need root"
need_programs rsync ssh sudo
collections=${ANSIBLE_COLLECTIONS_PATH:-}
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
[ "${1}" != --record ] || export ANSIBLE_COLLECTIONS_PATH=$collections
work=$(mktemp -d "${TMPDIR:-/tmp}/synchronize.XXXXXX")
trap 'loopback_stop; rm -rf "$work"' EXIT
loopback_start far=127.0.0.71 near=127.0.0.72
export LC_ALL=C.UTF-8 ANSIBLE_HOST_KEY_CHECKING=False
umask 022

# what is copied: a tree with modes, times, a link, a name with a blank
mkdir -p "$work/dest" "$work/playbook/files/tree/sub" "$work/playbook/files/other" "$work/playbook/tree" && cd "$work/playbook" || exit 1
echo a >files/tree/a.txt && echo b >files/tree/sub/b.txt && echo c >"files/tree/a b" && ln -s a.txt files/tree/link
echo x >files/other/x.txt && echo d >tree/d.txt && echo e >beside.txt
chmod 640 files/tree/a.txt && chown -h 1:1 files/tree/sub/b.txt
find . -exec touch -h -d @1000000000 {} +
cp "$here/synchronize/site.yml" .
cat >hosts.ini <<END
[ssh]
far ansible_host=127.0.0.71
near ansible_host=127.0.0.72
[here]
self ansible_connection=local
[ssh:vars]
ansible_user=root
ansible_port=$loop_port
ansible_ssh_private_key_file=$loop_dir/id_ed25519
ansible_ssh_common_args=-i $loop_dir/id_ed25519
END
"${run[@]}" site.yml -i hosts.ini -e "top=$work" -e "out=$work" >"$work/output" 2>&1
[ -s "$work/far.json" ] && [ -s "$work/here.json" ] || {
    cat "$work/output"
    die "the run did not come to its end"
}

# the options of ssh are not the same on purpose: the host key is checked as on the connection
report() {
    jq -r '(.push + .rest)[] | "\(.changed) failed=\(.failed // false) rc=\(.rc)", (.cmd // "-"),
        (if .failed and .rc then "rsync said something: \((.msg | length) > 0)"
         elif .rc then (.stdout_lines | sort | .[] | "  " + .), (if .diff then "diff: \(.diff)" else empty end)
         else .msg end)' "$1" |
        sed -E -e "s#--rsh='[^']*'#--rsh=SSH#" -e "s#$work#TOP#g" -e 's#/(usr/)?bin/##g' -e '/^ *(sent [0-9]|delta-transmission|total:|opening conn|building file|sending incr)/d'
}
{
    report "$work/far.json"
    report "$work/here.json"
    (cd "$work" && find dest pulled playbook -printf '%p %y %m %U:%G %T@ %l\n' | sed -E 's# [0-9]{10}\.[0-9]+ # T #; s# 1000000000 # OLD #' |
        grep -v -e ansible -e '^playbook/site.retry' | sort)
} | sed -E 's# (1000000000)\.0+ # OLD #' >"$work/found"
if [ "$1" = --record ]; then
    cp "$work/found" "$here/synchronize/expected"
    grep -c . "$here/synchronize/expected"
    exit
fi
diff -u "$expected" "$work/found" || die "synchronize differs from Ansible's"

# a key with a passphrase and a host key that is checked: what is secret stands in no command line
ssh-keygen -q -p -P '' -N 'open sesame' -f "$loop_dir/id_ed25519"
sed -i -e "s#^ansible_ssh_common_args=.*#ansible_ssh_common_args=-F none -o UserKnownHostsFile=$loop_dir/known_hosts#" \
    -e '/^\[ssh:vars\]/a ansible_ssh_private_key_passphrase=open sesame' hosts.ini
mkdir "$work/bin"
cat >"$work/bin/rsync" <<END
#!/bin/sh
echo "\$@" >>$work/argv
exec $(command -v rsync) "\$@"
END
chmod +x "$work/bin/rsync"
cat >secret.yml <<'END'
- hosts: far
  gather_facts: false
  tasks:
    - synchronize: {src: tree/, dest: "{{ top }}/dest/secret"}
END
unset ANSIBLE_HOST_KEY_CHECKING
PATH=$work/bin:$PATH "${run[@]}" secret.yml -i hosts.ini -e "top=$work" -vvv >"$work/output" 2>&1 || {
    cat "$work/output"
    die "a key with a passphrase does not open"
}
cmp -s files/tree/a.txt "$work/dest/secret/a.txt" || die "nothing was copied with the key"
grep -q 'StrictHostKeyChecking=yes' "$work/argv" || die "the host key is not checked"
! grep -q sesame "$work/argv" "$work/output" || die "the passphrase can be read"
sed -i 's/ .*/ ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/' "$loop_dir/known_hosts"
rm -r "$work/dest/secret"
! "${run[@]}" secret.yml -i hosts.ini -e "top=$work" >"$work/output" 2>&1 || die "another host key is taken"
[ ! -e "$work/dest/secret" ] || die "something was copied to the wrong host"
# a host key that is not looked at, unless the task says so
export ANSIBLE_HOST_KEY_CHECKING=False
sed -i 's#synchronize: {#&verify_host: "{{ verify }}", #' secret.yml
! "${run[@]}" secret.yml -i hosts.ini -e "top=$work verify=true" >"$work/output" 2>&1 || die "verify_host does not look at the host key"
[ ! -e "$work/dest/secret" ] || die "something was copied to a host that was to be verified"
"${run[@]}" secret.yml -i hosts.ini -e "top=$work verify=false" >"$work/output" 2>&1 || {
    cat "$work/output"
    die "without verify_host the host key is looked at"
}
say "$(grep -c '^[tf][a-z]* failed=' "$expected") calls as Ansible's"
