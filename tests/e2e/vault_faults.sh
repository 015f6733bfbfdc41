#!/bin/bash
# kill -9, and a full disk, at every step of edit, create, encrypt and rekey: at each system call that changes a file
# system, one after the other, as strace lists them. A file is then the original or the new one, never a third thing; a second run ends what was begun;
# the plaintext is on no disk, byte for byte; nothing stays in memory's file system.
# usage: vault_faults.sh BIN_DIR [small]     exits 77 (skipped) without strace or a file system in memory
# shellcheck disable=SC2016  # what is in single quotes is for the editor
set -u

bin=$(realpath "${1:?usage: vault_faults.sh BIN_DIR [small]}")
size=${2:-full}
command -v strace >/dev/null || { echo 'vault_faults.sh: skipped: strace is not installed' && exit 77; }
[ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || { echo 'vault_faults.sh: skipped: /dev/shm is no tmpfs' && exit 77; }
dir=$(mktemp -d)
XDG_RUNTIME_DIR=$(mktemp -d /dev/shm/vault-test.XXXXXX)
trap 'rm -rf "$dir" "$XDG_RUNTIME_DIR"' EXIT
strace -o "$dir/x" true 2>/dev/null || { echo 'vault_faults.sh: skipped: strace may not trace here' && exit 77; }
cd "$dir" || exit 1
HOME=$dir
ANSIBLE_CONFIG=$dir/none.cfg
export HOME ANSIBLE_CONFIG XDG_RUNTIME_DIR ASAN_OPTIONS=detect_leaks=0
unset ANSIBLE_VAULT_PASSWORD_FILE ANSIBLE_VAULT_IDENTITY_LIST ANSIBLE_VAULT_ENCRYPT_IDENTITY
umask 077
vault=$bin/vault
fails=0
points=0
fail() {
    echo "FAIL: $*" >&2
    fails=$((fails + 1))
}
# The canary is put together here, so that this script does not hold it.
canary=canary-$(printf '%s' faults | sha256sum | cut -c 1-12)
changing=write,fsync,fchmod,fchown,chown,rename,renameat2,unlink,unlinkat,mkdir,rmdir,memfd_create,pipe2
printf 'first\n' >p1
printf 'second\n' >p2
printf '#!/bin/sh\nsed -i "s/ 1$/ changed/; s/ 1\\"/ changed\\"/" "$1"\n' >editor
chmod 700 editor
export EDITOR=$dir/editor

# leftover WHAT: no plaintext, and no scratch directory once the sweeper had its time
leftover() {
    if grep -rqaF "$canary" "$dir"; then
        fail "$1: plaintext on disk: $(grep -rlaF "$canary" "$dir")"
    fi
    for ((n = 0; n < 100; n++)); do
        [ -n "$(ls -A "$XDG_RUNTIME_DIR")" ] || return 0
        sleep 0.03
    done
    fail "$1: left in memory: $(ls -R "$XDG_RUNTIME_DIR")"
}

# faults NAME START CHECK COMMAND...: runs COMMAND with a kill at its 1st, 2nd, ... call until it gets through. START puts
# the files back, CHECK POINT judges them.
faults() {
    local name=$1 start=$2 check=$3
    shift 3
    each_point "$name, killed" "$start" "$check" openat,clone3,close,$changing signal=KILL "$@"
    each_point "$name, full disk" "$start" "$check" $changing error=ENOSPC "$@"
}

# each_point NAME START CHECK CALLS FAULT COMMAND...
each_point() {
    local name=$1 start=$2 check=$3 calls=$4 fault=$5 step=1 point all at
    shift 5
    "$start"
    strace -o "$dir/x" -e "trace=$calls" "$@" >/dev/null 2>&1 </dev/null
    all=$(grep -c '(' "$dir/x")
    rm -f "$dir/x"
    # the first calls open libraries and settings: in the small run only each ninth point is taken
    [ "$size" = full ] || step=9
    for ((point = 1; point <= all; point += step)); do
        "$start"
        (exec 2>/dev/null && strace -o "$dir/x" -e "trace=$calls" -e "inject=$calls:$fault:when=$point" "$@" >/dev/null 2>&1 </dev/null)
        at=$(tail -n 2 "$dir/x" | head -n 1 | cut -c 1-120)
        rm -f "$dir/x"
        points=$((points + 1))
        "$check" "$name, call $point of $all ($at)"
        leftover "$name, call $point of $all ($at)"
        [ "$fails" -lt 10 ] || exit 1
    done
}

# -- a whole file -----------------------------------------------------------------------------------------------------
printf 'a: %s 1\n' "$canary" | "$vault" encrypt --vault-password-file p1 --output first.yml -
put_file() { cp first.yml file.yml; rm -f file.yml.*; }
judge_file() {
    cmp -s first.yml file.yml && return
    [ "$("$vault" view --vault-password-file p1 file.yml 2>&1)" = "a: $canary changed" ] || fail "$1: a third thing"
}
faults 'edit of a file' put_file judge_file "$vault" edit --vault-password-file p1 file.yml

# -- inline values ----------------------------------------------------------------------------------------------------
{
    echo '# a comment'
    printf '%s 1' "$canary" | "$vault" encrypt_string --vault-password-file p1 --stdin-name one
    printf 'kept' | "$vault" encrypt_string --vault-password-file p1 --stdin-name two
} >inline.first 2>/dev/null
put_inline() { cp inline.first inline.yml; rm -f inline.yml.*; }
judge_inline() {
    cmp -s inline.first inline.yml && return
    for text in "^$canary changed\$" '^kept$'; do
        "$vault" grep --vault-password-file p1 "$text" inline.yml >/dev/null 2>&1 || fail "$1: a third thing"
    done
}
faults 'edit of values' put_inline judge_inline "$vault" edit --vault-password-file p1 inline.yml

# -- create and encrypt -----------------------------------------------------------------------------------------------
printf '#!/bin/sh\nprintf "a: %%s\\n" "$(printf canary-; printf faults | sha256sum | cut -c 1-12)" >"$1"\n' >editor
put_none() { rm -f new.yml new.yml.*; }
judge_none() {
    [ ! -e new.yml ] || [ "$("$vault" view --vault-password-file p1 new.yml 2>&1)" = "a: $canary" ] || fail "$1: a third thing"
}
faults 'create' put_none judge_none "$vault" create --vault-password-file p1 new.yml
# here the plaintext is on the disk before: it is the original
put_plain() { printf 'a: 1\n' >plain.yml; rm -f plain.yml.*; }
judge_plain() {
    [ "$(cat plain.yml)" = 'a: 1' ] || [ "$("$vault" view --vault-password-file p1 plain.yml 2>&1)" = 'a: 1' ] || fail "$1: a third thing"
}
faults 'encrypt' put_plain judge_plain "$vault" encrypt --vault-password-file p1 plain.yml

# -- rekey of a project: all files or none ------------------------------------------------------------------------------
mkdir proj.first proj.first/sub
for i in 1 2 3; do
    printf 'a: %s %s\n' "$canary" "$i" | "$vault" encrypt --vault-password-file p1 --output "proj.first/f$i.yml" -
done
cp inline.first proj.first/sub/inline.yml
put_project() { rm -rf proj; cp -r proj.first proj; }
opens() { "$vault" view --vault-password-file "$1" proj/f?.yml >/dev/null 2>&1 && "$vault" grep --vault-password-file "$1" kept proj/sub/inline.yml >/dev/null 2>&1; }
judge_project() {
    for f in f1.yml f2.yml f3.yml sub/inline.yml; do
        cmp -s "proj.first/$f" "proj/$f" || "$vault" grep --vault-password-file p2 . "proj/$f" >/dev/null 2>&1 || fail "$1: $f is a third thing"
    done
    if [ -e proj/.vault-rekey.journal ]; then
        "$vault" rekey -r --vault-password-file p1 --new-vault-password-file p2 proj >/dev/null 2>&1 || fail "$1: cannot be finished"
        opens p2 || fail "$1: the second run did not finish it"
    else
        opens p1 || opens p2 || fail "$1: some files have the old password and some the new one"
    fi
    [ -z "$(find proj -name '*.journal*' -newer p1 ! -name '*.tmp')" ] || fail "$1: the journal is left"
}
faults 'rekey' put_project judge_project "$vault" rekey -r --vault-password-file p1 --new-vault-password-file p2 proj
rm -f editor

[ "$fails" -eq 0 ] && echo "vault faults: ok, $points points"
[ "$fails" -eq 0 ]
