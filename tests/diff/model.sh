#!/bin/bash
# model.sh BIN_DIR: the model project's provision and deploy, twice each, on two fresh Debian machines with Python: by ansible-playbook
# on web1, by play on web2. The recaps must be equal, and so must all files of both machines: type, mode, owner, group, content,
# except where known.yml gives a reason. exit 77: no ansible-core or no such machines here
set -euo pipefail
. "$(dirname "$0")/../hosts/lib.sh"
. "$(dirname "$0")/list.sh"
here=$(absolute "$(dirname "$0")")
bin=$(absolute "${1:?usage: model.sh BIN_DIR}")
need_programs ansible-playbook git nginx
work=$(mktemp -d)
cleanup() {
    set +e
    [ -z "${server:-}" ] || kill "$server"
    "$hosts_home/hosts.sh" stop "$work/hosts"
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

"$hosts_home/hosts.sh" start "$work/hosts" 2 python || exit $?
in_net() { "$hosts_home/hosts.sh" run "$work/hosts" "$@"; }
on() { "$hosts_home/hosts.sh" ssh "$work/hosts" "$@"; }
cp -R "$repo_top/playbooks" "$work/"
mkdir -p "$work/inventory" "$work/home" "$work/lists"
"$hosts_home/site-repo.sh" "$work/www/commons.git"
"$hosts_home/hosts.sh" run "$work/hosts" "$hosts_home/serve.sh" "$work/www" 10.79.0.1:8000 &
server=$!
cp -R "$repo_top/inventories/vagrant/group_vars" "$work/inventory/"
cat >>"$work/inventory/group_vars/web.yml" <<'END'
db_store: file
site_domain: site.example.test
END
sed -i 's|^git_repo:.*|git_repo: http://10.79.0.1:8000/commons.git|' "$work/inventory/group_vars/web.yml"
sed '/^#/d' "$repo_top/inventories/vagrant/secrets.example" >"$work/secrets"
for i in 1 2; do
    # one name in both inventories, as it may get into files
    printf '[web]\nmachine ansible_host=10.79.0.1%s ansible_user=vagrant ansible_ssh_private_key_file=%s/hosts/id_ed25519 ansible_python_interpreter=/usr/bin/python3\n' \
        "$i" "$work" >"$work/inventory/hosts$i"
    on $i hostname machine
done
printf '[defaults]\nnocolor = true\n[ssh_connection]\npipelining = true\nssh_common_args = -o UserKnownHostsFile=%s/hosts/known_hosts -o GlobalKnownHostsFile=/dev/null\n' \
    "$work" >"$work/ansible.cfg"

# tool I PROGRAM...: one run of a playbook; its recap is appended to recap.I
tool() {
    local i=$1
    shift
    say "== $*"
    (cd "$work" && in_net env -i HOME="$work/home" PATH="$PATH" LC_ALL=C.UTF-8 ANSIBLE_CONFIG="$work/ansible.cfg" \
        ANSIBLE_COLLECTIONS_PATH="$here/collections" "$@" 8>&- 2>&1) | tee "$work/screen"
    sed -n 's/^machine *: //p' "$work/screen" >>"$work/recap.$i"
    grep -E '^(TASK|RUNNING HANDLER|changed:|ok:|skipping:|included:)' "$work/screen" | sed -E 's/ => \{.*//; s/^included: .* for /included for /' >>"$work/status.$i"
}
for verb in provision provision deploy deploy; do
    tool 1 ansible-playbook -i inventory/hosts1 -e @secrets "playbooks/$verb.yml"
    tool 2 "$bin/play" run -i inventory/hosts2 -e @secrets "playbooks/$verb.yml"
done

failed=0
for i in 1 2; do list $i >"$work/lists/$i"; done
diff "$work/recap.1" "$work/recap.2" || { say 'the recaps differ (< ansible-playbook, > play)' && failed=1; }
diff "$work/status.1" "$work/status.2" || { say 'what happened differs (< ansible-playbook, > play)' && failed=1; }
diff "$work/lists/1" "$work/lists/2" | grep '^[<>]' >"$work/differences" || true
# known.yml names paths of this comparison as extended regular expressions
awk '/^- case: / { use = $3 == "model" } use && /^  path: / { print $2 }' "$here/known.yml" >"$work/known"
if grep -vEf <(sed "s/^'//; s/'\$//; s/.*/ \\\\.(&)( |\$)/" "$work/known") "$work/differences"; then
    say 'files differ (< ansible-playbook, > play)'
    failed=1
fi
say "$(wc -l <"$work/lists/2") files compared"
exit $failed
