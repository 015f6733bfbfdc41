#!/bin/bash
# kill -9 at random moments of edit and rekey: each file is the old or the new one, never a third thing; a second run
# finishes; the plaintext is on no disk.
# usage: vault_kill.sh BIN_DIR [ROUNDS]     exits 77 (skipped) when there is no file system in memory
set -eu

bin=$(realpath "${1:?usage: vault_kill.sh BIN_DIR [ROUNDS]}")
rounds=${2:-40}
[ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || exit 77
dir=$(mktemp -d)
XDG_RUNTIME_DIR=$(mktemp -d /dev/shm/vault-test.XXXXXX)
trap 'rm -rf "$dir" "$XDG_RUNTIME_DIR"' EXIT
cd "$dir"
HOME=$dir
ANSIBLE_CONFIG=$dir/none.cfg
export HOME ANSIBLE_CONFIG XDG_RUNTIME_DIR
unset ANSIBLE_VAULT_PASSWORD_FILE ANSIBLE_VAULT_IDENTITY_LIST ANSIBLE_VAULT_ENCRYPT_IDENTITY
umask 077
vault=$bin/vault
fails=0
fail() {
    echo "FAIL: $*" >&2
    fails=$((fails + 1))
}
nap() { # up to MILLISECONDS
    sleep "$(printf '0.%03d' $((RANDOM % $1)))"
}
# The canary is put together here, so that this script does not hold it.
canary=canary-$(printf '%s' kill | sha256sum | cut -c 1-12)
printf 'first\n' >p1
printf 'second\n' >p2
mkdir proj
for i in 1 2 3 4 5 6; do
    printf 'a: %s %s\n' "$canary" "$i" | "$vault" encrypt --vault-password-file p1 --output "proj/f$i.yml" -
done
printf '#!/bin/sh\nsed -i "s/ 1$/ changed/" "$1"\n' >editor
chmod 700 editor
cp -r proj proj.first

for ((i = 0; i < rounds; i++)); do
    cp proj.first/f1.yml proj/f1.yml
    EDITOR=$dir/editor "$vault" edit --vault-password-file p1 proj/f1.yml >/dev/null 2>&1 </dev/null &
    pid=$!
    nap 60
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    text=$("$vault" view --vault-password-file p1 proj/f1.yml) || fail "edit $i: the file does not open"
    case $text in
        "a: $canary 1" | "a: $canary changed") ;;
        *) fail "edit $i: a third thing" ;;
    esac
done
for ((n = 0; n < 60; n++)); do
    [ -n "$(ls -A "$XDG_RUNTIME_DIR")" ] || break
    sleep 0.05
done
[ -z "$(ls -A "$XDG_RUNTIME_DIR")" ] || fail "the scratch directory is left: $(ls "$XDG_RUNTIME_DIR")"

for ((i = 0; i < rounds; i++)); do
    rm -rf proj
    cp -r proj.first proj
    "$vault" rekey -r --vault-password-file p1 --new-vault-password-file p2 proj >/dev/null 2>&1 </dev/null &
    pid=$!
    nap 150
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    if [ -e proj/.vault-rekey.journal ]; then
        "$vault" rekey -r --vault-password-file p1 --new-vault-password-file p2 proj 2>/dev/null ||
            fail "rekey $i: the journal cannot be finished"
    fi
    who=
    for p in p1 p2; do
        if "$vault" view --vault-password-file $p proj/f?.yml >all.txt 2>/dev/null; then
            who=$p
        fi
        rm -f all.txt
    done
    [ -n "$who" ] || fail "rekey $i: some files have the old password and some the new one"
done
rm -f editor
if grep -rqa "$canary" "$dir"; then
    fail "plaintext on disk: $(grep -rla "$canary" "$dir")"
fi
[ "$fails" -eq 0 ] && echo "vault kill: ok"
[ "$fails" -eq 0 ]
