#!/bin/bash
# vault against ansible-vault, process start included: one file decrypted, 500 inline values opened.
# usage: vault.sh BIN_DIR [RUNS]
set -eu
bin=$(realpath "${1:?usage: vault.sh BIN_DIR [RUNS]}")
runs=${2:-5}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export HOME=$dir ANSIBLE_CONFIG=$dir/none.cfg EDITOR=true
umask 077
echo secret >p
echo 'a: 1' | "$bin/vault" encrypt --vault-password-file p --output one.yml -
mapfile -t texts < <(seq -f 'value %g' 500)
"$bin/vault" encrypt_string --vault-password-file p "${texts[@]}" 2>/dev/null | awk '/^!vault/ {printf "v%d: ", n++} {print}' >many.yml

best() { # milliseconds of the fastest of RUNS
    local least=
    for ((i = 0; i < runs; i++)); do
        local from to
        from=$(date +%s%N)
        "$@" >/dev/null 2>err.txt || { cat err.txt >&2; exit 1; }
        to=$(date +%s%N)
        local ms=$(((to - from) / 10000))
        [ -n "$least" ] && [ "$least" -le "$ms" ] || least=$ms
    done
    printf '%d.%02d ms' $((least / 100)) $((least % 100))
}
echo "one file, vault:            $(best "$bin/vault" view --vault-password-file p one.yml)"
echo "one file, ansible-vault:    $(best ansible-vault view --vault-password-file p one.yml)"
echo "500 values, vault edit:     $(best "$bin/vault" edit --vault-password-file p many.yml)"
echo "500 values, ansible:        $(runs=1 best ansible localhost --vault-password-file p -e @many.yml -m debug -a 'msg={{ vars | string | length }}')"
