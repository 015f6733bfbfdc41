#!/bin/bash
# run.sh BIN_DIR [CASE...]: each playbook of cases/ is run by ansible-playbook and by play on an empty directory of the same name;
# then exit status, what happened to each task on each host, the recap and all files (path, type, mode, owner, group, content)
# must be equal, except for what known.yml accepts with a reason. What Ansible gave is kept in the cache, by the case's content.
# In a case, `root` is the directory of the host, `web` serves cases/files; hosts are h1 and h2, both local. exit 77: ansible-core is not installed
set -euo pipefail
. "$(dirname "$0")/../hosts/lib.sh"
here=$(absolute "$(dirname "$0")")
bin=$(absolute "${1:?usage: run.sh BIN_DIR [CASE...]}")
shift
need_programs ansible-playbook git nginx
umask 022
cache=$hosts_cache/diff
work=$cache/work # always the same place: files may hold its name, and are compared with those of an earlier run
mkdir -p "$work"
exec 8>"$cache/lock"
flock 8
# Addresses for the cases that fetch something: the files of cases/files
. "$here/../hosts/loopback.sh"
port=$(free_ports 1)
"$hosts_home/serve.sh" "$here/cases/files" "127.0.0.11:$port" 8>&- &
server=$!
trap 'kill "$server"; wait; rm -rf "$work"' EXIT
wait_until 10 http_get 127.0.0.11 "$port" /plain.txt || die "no web server"
oracle=$(dpkg-query -W -f '${Version}' ansible-core 2>/dev/null || ansible-playbook --version | head -n 1)

# What the tasks did, from the screen: "TASK-NUMBER status [host] (item=...)", sorted within a task because hosts race.
statuses() {
    sed -E 's/ => (\{.*|changed=.*)?$//; s/: (FAILED|UNREACHABLE)! =>.*/: \1!/; s/ \*+$//; s/ +$//' "$1" | awk -v host_base="$2/" '
        /^(PLAY|TASK|RUNNING HANDLER) / || /^PLAY$/ { n++; printf "%04d 0 %s\n", n, $0; next }
        /^(ok|changed|skipping|fatal|failed|included|rescued): ?/ { gsub(host_base, ""); printf "%04d 1 %s\n", n, $0; next }
        /^\.\.\.ignoring/ { printf "%04d 2 %s\n", n, $0; next }
        /^h[12] +: ok=/ { gsub(/ +/, " "); print "9999 " $0 }' | LC_ALL=C sort -s
}

# Every file below a directory: type, mode, owner, group, path, target of a link, content.
tree() {
    (
        cd "$1"
        find . -mindepth 1 -not -path '*/.git/*' -not -name .git \( -type f -printf '%y %m %u:%g %P ' -exec sh -c 'sha256sum <"$1" | cut -c1-16' _ {} \; -o -printf '%y %m %u:%g %P %l\n' \)
    ) | sed "s/ $(id -un):$(id -gn) / me /" | LC_ALL=C sort -k4
}

# one_run OUT PROGRAM...: runs the case in $work/$name/target and describes what came of it in OUT
one_run() {
    local out=$1 rc=0 dir=$work/$name
    shift
    rm -rf "$dir/target"
    mkdir -p "$dir/target/h1" "$dir/target/h2" "$dir/home"
    (cd "$here/cases" && env -i PATH="$PATH" HOME="$dir/home" LC_ALL=C.UTF-8 TMPDIR="$dir" ANSIBLE_CONFIG="$dir/ansible.cfg" ANSIBLE_NOCOLOR=1 \
        ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_COLLECTIONS_PATH="$here/collections" \
        "$@" -f 1 -i "$dir/hosts" -e "base=$dir/target" -e "web=http://127.0.0.11:$port" "$name.yml") >"$dir/screen" 2>&1 </dev/null || rc=$?
    {
        echo "exit status $rc"
        statuses "$dir/screen" "$here/cases"
        tree "$dir/target"
    } >"$out"
    cp "$dir/screen" "$out.screen"
}

accepted() { # the lines known.yml accepts for this case, as diff prints them
    awk -v want="$name" '/^- case: / { use = $3 == want } use && /^  line: / { sub(/^  line: /, ""); gsub(/^'\''|'\''$/, ""); print }' "$here/known.yml"
}

run_case() {
    name=$1
    local dir=$work/$name key kept
    mkdir -p "$dir"
    printf '[ansible]\nh1\nh2\n[ansible:vars]\nansible_connection=local\nansible_python_interpreter=/usr/bin/python3\nroot={{ base }}/{{ inventory_hostname }}\n' >"$dir/hosts"
    : >"$dir/ansible.cfg"
    key=$({ echo "$oracle $(id -un)" && cat "$here/run.sh" "$here/cases/$name.yml" && find "$here/cases/files" "$here/cases/roles" -type f | LC_ALL=C sort | xargs cat; } | sha256sum | cut -c1-16)
    kept=$cache/$name-$key
    if [ ! -f "$kept" ]; then
        one_run "$dir/expected" ansible-playbook
        find "$cache" -name "$name-*" -delete
        cp "$dir/expected.screen" "$kept.screen"
        cp "$dir/expected" "$kept"
    fi
    one_run "$dir/got" "$bin/play" run
    diff "$kept" "$dir/got" | grep '^[<>]' >"$dir/diff" || true
    accepted >"$dir/accepted"
    if grep -vxFf "$dir/accepted" "$dir/diff" >"$dir/left"; then
        printf '%s: different (< ansible-playbook, > play)\n%s\n' "$name" "$(cat "$dir/left")"
        sed -n '/FAILED\|ERROR/p' "$dir/got.screen" | cut -c1-300 | head -n 5
        return 1
    fi
    if grep -vxFf "$dir/diff" "$dir/accepted" >"$dir/left"; then
        printf '%s: known.yml accepts what does not differ any more:\n%s\n' "$name" "$(cat "$dir/left")"
        return 1
    fi
}

if [ $# = 0 ]; then
    set -- "$here"/cases/*.yml
fi
export -f run_case one_run statuses tree accepted absolute
export here bin work cache oracle port
failed=0
printf '%s\0' "$@" | xargs -0 -n 1 basename -s .yml | xargs -P "$(nproc)" -n 1 bash -c 'set -euo pipefail; run_case "$0"' || failed=1
say "$# cases compared with ansible-core $oracle"
exit $failed
