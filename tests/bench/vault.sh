#!/bin/bash
# vault and play against ansible-vault and ansible-playbook, process start included; the best of RUNS. Also what the
# derivation alone costs: of 500 salts every tool must derive 500 keys, and no trick makes them fewer.
# usage: vault.sh BIN_DIR [RUNS]
set -eu
bin=$(realpath "${1:?usage: vault.sh BIN_DIR [RUNS]}")
runs=${2:-5}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export HOME=$dir ANSIBLE_CONFIG=$dir/none.cfg ANSIBLE_LOCALHOST_WARNING=False EDITOR=true
umask 077
echo secret >p
echo other >p2
pw=(--vault-password-file p)
echo 'a: 1' | "$bin/vault" encrypt "${pw[@]}" --output one.yml -
mapfile -t texts < <(seq -f 'value %g' 500)
"$bin/vault" encrypt_string "${pw[@]}" "${texts[@]}" 2>/dev/null | awk '/^!vault/ {printf "v%d: ", n++} {print}' >many.yml
cp many.yml same.yml
"$bin/vault" rekey "${pw[@]}" --new-vault-password-file p --same-salt same.yml 2>/dev/null
seq -f '{{ v%g }}' 0 499 >all.j2
for book in one all thrice; do
    printf -- '- hosts: localhost\n  connection: local\n  gather_facts: false\n  vars_files: ["{{ from }}.yml"]\n  tasks:\n' >$book.play
done
printf '    - template: {src: all.j2, dest: "{{ dir }}/out"}\n' >>all.play
printf '    - copy: {content: "{{ v250 }}", dest: "{{ dir }}/out1"}\n' >>one.play
for _ in 1 2 3; do printf '    - template: {src: all.j2, dest: "{{ dir }}/out"}\n' >>thrice.play; done

# best RUNS COMMAND...: sets ms (hundredths of a millisecond of the fastest run) and cpu (user and system, milliseconds)
best() {
    local n=$1 i from to now spent
    shift
    ms=
    for ((i = 0; i < n; i++)); do
        from=$(date +%s%N)
        exec 3>&2
        spent=$({ TIMEFORMAT='%U %S' && time "$@" >out.txt 2>err.txt; } 2>&1) || { cat out.txt err.txt >&2 && exit 1; }
        exec 3>&-
        to=$(date +%s%N)
        now=$(((to - from) / 10000))
        if [ -z "$ms" ] || [ "$now" -lt "$ms" ]; then
            ms=$now
            cpu=$(awk '{printf "%d", ($1 + $2) * 1000}' <<<"$spent")
        fi
    done
}
# row NAME RUNS_OF_THEIRS OURS... -- THEIRS...
row() {
    local name=$1 n=$2 ours=() mine mycpu
    shift 2
    while [ "$1" != -- ]; do ours+=("$1") && shift; done
    shift
    best "$runs" "${ours[@]}"
    mine=$ms mycpu=$cpu
    best "$n" "$@"
    printf '%-44s %9s %9s %7s %9s %9s\n' "$name" "$(show $mine)" "$(show "$ms")" "$((ms / mine))x" "$mycpu" "$cpu"
}
show() { printf '%d.%02d' $(($1 / 100)) $(($1 % 100)); }
ours() { "$bin/play" run "$1.play" -i localhost, "${pw[@]}" -e "dir=$dir from=$2"; }
theirs() { ansible-playbook "$1.play" -i localhost, "${pw[@]}" -e "dir=$dir from=$2"; }

nproc=$(nproc)
printf '%s processors, load %s\n' "$nproc" "$(cut -d' ' -f1 /proc/loadavg)"
printf '%-44s %9s %9s %7s %9s %9s\n' '' 'ours ms' 'theirs ms' faster 'ours CPU' 'theirs CPU'
row 'view of one file' "$runs" "$bin/vault" view "${pw[@]}" one.yml -- ansible-vault view "${pw[@]}" one.yml
row 'decrypt of one file to standard output' "$runs" "$bin/vault" decrypt "${pw[@]}" --output - one.yml -- ansible-vault decrypt "${pw[@]}" --output - one.yml
row 'encrypt_string' "$runs" "$bin/vault" encrypt_string "${pw[@]}" x -- ansible-vault encrypt_string "${pw[@]}" x
row '500 values: a play that reads one of them' 1 ours one many -- theirs one many
row '500 values: a play that reads all' 1 ours all many -- theirs all many
row '500 values: a play that reads all, three times' 1 ours thrice many -- theirs thrice many
row '500 values of one salt: a play that reads all' 1 ours all same -- theirs all same
best "$runs" "$bin/vault" edit "${pw[@]}" many.yml
printf '%-44s %9s %29s\n' '500 values: vault edit' "$(show "$ms")" "$cpu"
best "$runs" "$bin/vault" edit "${pw[@]}" same.yml
printf '%-44s %9s %29s\n' '500 values of one salt: vault edit' "$(show "$ms")" "$cpu"
best 1 "$bin/vault" rekey "${pw[@]}" --new-vault-password-file p2 many.yml
printf '%-44s %9s %29s\n' '500 values: vault rekey' "$(show "$ms")" "$cpu"
if command -v python3 >/dev/null; then
    best "$runs" python3 -c 'import hashlib
for i in range(50): hashlib.pbkdf2_hmac("sha256", b"secret", b"%032d" % i, 10000, 80)'
    printf '%-44s %9s %29s\n' '500 derivations by libcrypto, one thread' "$(show $((ms * 10)))" $((cpu * 10))
fi
