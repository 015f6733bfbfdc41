#!/bin/bash
# kill -9 of play-remote at random moments of modules that write: every file is the old or the new one, never a third
# thing; the next run finishes what was begun, and leaves nothing behind.
# usage: modules_kill.sh BIN_DIR [ROUNDS]
set -eu

bin=$(realpath "${1:?usage: modules_kill.sh BIN_DIR [ROUNDS]}")
rounds=${2:-40}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export HOME=$dir ANSIBLE_CONFIG=$dir/none.cfg ANSIBLE_LOCALHOST_WARNING=False
play=$bin/play
fails=0
fail() {
    echo "FAIL: $*" >&2
    fails=$((fails + 1))
}

# The processes named play-remote below one process.
remotes() { # PID
    local child
    # shellcheck disable=SC2013  # words, not lines
    for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do
        case $(readlink "/proc/$child/exe" 2>/dev/null) in *play-remote*) echo "$child" ;; esac
        remotes "$child"
    done
}

mkdir -p src/tree/sub
for i in $(seq 20000); do echo "line $i of a file that takes a while to write"; done >src/big
cp src/big src/tree/a
sed 's/line/zeile/' src/big >src/tree/sub/b
tar -C src -czf src/tree.tgz tree
cat >book.yml <<'END'
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {w: "{{ playbook_dir }}/work"}
  tasks:
    - {copy: {src: src/big, dest: "{{ w }}/copy"}}
    - {copy: {src: src/tree/, dest: "{{ w }}/tree"}}
    - {lineinfile: {path: "{{ w }}/lines", line: new, backup: true}}
    - {blockinfile: {path: "{{ w }}/blocks", block: new}}
    - {replace: {path: "{{ w }}/replaced", regexp: old, replace: new}}
    - {assemble: {src: "{{ playbook_dir }}/src/tree", dest: "{{ w }}/assembled", remote_src: true}}
    - {unarchive: {src: src/tree.tgz, dest: "{{ w }}/unpacked"}}
    - {yum_repository: {name: new, description: new, baseurl: "http://x", reposdir: "{{ w }}", file: repo}}
    - {known_hosts: {name: new, key: "new ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ", path: "{{ w }}/hosts"}}
    - {file: {path: "{{ w }}/made/a/b", state: directory, mode: "0750"}}
    - {file: {path: "{{ w }}/gone", state: absent}}
END

fresh() {
    rm -rf work
    mkdir -p work/unpacked work/gone/x/y
    { cat src/big; echo old; } >work/old
    for f in copy lines blocks replaced assembled; do cp work/old "work/$f"; done
    printf '[old]\nname = old\nbaseurl = http://old\n\n' >work/repo.repo
    echo 'old ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ' >work/hosts
}

# What a tree is, without the names of backups.
digest() {
    (cd work && find . -type f ! -name 'lines.*~' -exec sha256sum {} + | sort -k 2 && find . -type d | sort)
}

fresh
"$play" run book.yml >log 2>&1 || { cat log >&2; fail "the playbook does not run"; }
digest >want
for f in copy lines blocks replaced assembled repo.repo hosts; do sha256sum "work/$f"; done | sed 's, work/, ,' >new
fresh
for f in copy lines blocks replaced assembled repo.repo hosts; do sha256sum "work/$f"; done | sed 's, work/, ,' >old
start=$EPOCHREALTIME
"$play" run book.yml >log 2>&1
took=$(((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}) / 1000 + 1))

for ((i = 0; i < rounds; i++)); do
    fresh
    "$play" run book.yml >log 2>&1 </dev/null &
    pid=$!
    sleep "$(awk -v ms=$((RANDOM % took)) 'BEGIN { printf "%.3f", ms / 1000 }')"
    for victim in $(remotes "$pid"); do kill -9 "$victim" 2>/dev/null || true; done
    wait "$pid" 2>/dev/null || true
    while read -r sum f; do
        now=$(sha256sum <"work/$f" | cut -d' ' -f1)
        [ "$now" = "$sum" ] || [ "$now" = "$(awk -v f="$f" '$2 == f { print $1 }' new)" ] || fail "round $i: $f is a third thing"
    done <old
    "$play" run book.yml >log 2>&1 </dev/null || { tail -n 5 log >&2; fail "round $i: the next run fails"; }
    digest | diff want - >differences || { cat differences >&2; fail "round $i: the next run does not repair"; }
done
[ "$fails" = 0 ] || exit 1
echo "$rounds runs killed, all repaired"
