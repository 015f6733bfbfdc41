#!/bin/bash
# ssh.sh PLAY_BIN [NAME...]: the same cases, but the hosts are reached by ssh, where tasks and items are in flight together.
# One throwaway sshd plays all hosts. What is printed must be the same.
set -u
play=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
loopback_start all=127.0.0.31
tmp=$(mktemp -d) || exit 1
trap 'loopback_stop; rm -rf "$tmp"' EXIT
cp -r "$here" "$tmp/golden" && cd "$tmp/golden" || exit 1
. ./normalise.sh
cat >vars <<END
ansible_host=127.0.0.31
ansible_port=$loop_port
ansible_ssh_private_key_file=$loop_dir/id_ed25519
ansible_ssh_common_args=-F none -o UserKnownHostsFile=$loop_dir/known_hosts
END
sed -i -e '/^ansible_connection=local$/{r vars
d
}' hosts.ini
grep -q "ansible_port=$loop_port" hosts.ini || die "the inventory was not understood"
ln -s "$play" "$tmp/ansible-playbook"
failed=0
total=0
names=("$@")
if [ ${#names[@]} = 0 ]; then
    for out in *.out; do
        # what tells of the connection itself
        grep -qE 'connection|ansible_host\b|^# not over ssh' "${out%.out}.yml" || names+=("${out%.out}")
    done
fi
for f in "${names[@]}"; do
    total=$((total + 1))
    # a delegated host is shown with its address
    golden_run "$tmp/ansible-playbook" "$f" | sed 's/(127\.0\.0\.31)\]/]/' >"$tmp/$f.out"
    if ! diff -u "$f.out" "$tmp/$f.out" >"$tmp/diff"; then
        failed=$((failed + 1))
        echo "FAILED: $f"
        cat "$tmp/diff"
    fi
done
echo "$((total - failed)) of $total cases equal over ssh"
[ "$failed" -eq 0 ]
