#!/bin/bash
# A matrix of contents, labels and password orders, encrypted by us and by ansible-vault, opened by the other and edited.
# usage: vault_matrix.sh BIN_DIR [small]     exits 77 (skipped) when ansible-vault is not installed
set -eu

bin=$(realpath "${1:?usage: vault_matrix.sh BIN_DIR [small]}")
size=${2:-full}
command -v ansible-vault >/dev/null 2>&1 || exit 77
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
HOME=$dir
ANSIBLE_CONFIG=$dir/none.cfg
export HOME ANSIBLE_CONFIG
unset ANSIBLE_VAULT_PASSWORD_FILE ANSIBLE_VAULT_IDENTITY_LIST ANSIBLE_VAULT_ENCRYPT_IDENTITY
umask 077
vault=$bin/vault
fails=0
cells=0
fail() {
    echo "FAIL: $*" >&2
    fails=$((fails + 1))
}
printf 'one\n' >p1
printf 'p\303\244ss two' >p2

: >t.empty
printf 'a: 1\r\nb: 2\r\n' >t.crlf
printf 'no newline at the end' >t.nonl
printf '\357\273\277bom: 1\n' >t.bom
printf 'gr\303\274\303\237e: \360\237\224\221\n' >t.utf8
head -c 1000 /dev/urandom >t.binary
head -c 10485760 /dev/urandom >t.10mb
texts=(t.empty t.crlf t.nonl t.bom t.utf8 t.binary t.10mb)
[ "$size" = full ] || texts=(t.empty t.crlf t.binary)

for t in "${texts[@]}"; do
    for label in '' dev; do
        id=${label:+$label@}p1
        [ -n "$label" ] || id=default@p1
        # the right password behind a wrong one of another id
        others=(--vault-id "other@p2" --vault-id "$id")
        "$vault" encrypt --vault-id "$id" --output ours "$t"
        ansible-vault decrypt "${others[@]}" --output out ours 2>err.txt || fail "theirs opens ours: $t $label"
        cmp -s "$t" out || fail "ours to theirs: $t $label"
        rm -f out
        ansible-vault encrypt --vault-id "$id" --output theirs "$t" 2>err.txt
        "$vault" decrypt "${others[@]}" --output out theirs || fail "ours opens theirs: $t $label"
        cmp -s "$t" out || fail "theirs to ours: $t $label"
        [ "$(head -n 1 ours)" = "$(head -n 1 theirs)" ] || fail "header: $t $label"
        "$vault" rekey --vault-id "$id" --new-vault-id new@p2 theirs 2>err.txt || fail "rekey: $t $label"
        rm -f out
        ansible-vault decrypt --vault-id new@p2 --output out theirs 2>err.txt || fail "theirs opens the rekeyed: $t $label"
        cmp -s "$t" out || fail "rekeyed: $t $label"
        rm -f out ours theirs
        cells=$((cells + 3))
    done
done

# inline values at odd indents, several ids, edited by us and read by ansible
if command -v ansible >/dev/null 2>&1 && [ "$(stat -f -c %T /dev/shm)" = tmpfs ]; then
    for indent in 1 3 7; do
        {
            printf 'top:\n%*skey: ' "$indent" ''
            ansible-vault encrypt_string --vault-id dev@p1 'old value' 2>err.txt | sed "1n;s/^ */$(printf '%*s' $((indent + 1)) '')/"
            printf '\n%*sother: ' "$indent" ''
            "$vault" encrypt_string --vault-id prod@p2 'second value'
        } >inline.yml
        printf '#!/bin/sh\nsed -i "s/old value/new: # value/" "$1"\n' >editor
        chmod 700 editor
        EDITOR=$dir/editor "$vault" edit --vault-id dev@p1 --vault-id prod@p2 inline.yml || fail "edit at indent $indent"
        ansible localhost --vault-id dev@p1 --vault-id prod@p2 -e @inline.yml -m debug -a 'msg={{ top.key }}|{{ top.other }}' \
            >out.txt 2>err.txt || fail "ansible reads indent $indent: $(cat err.txt out.txt)"
        grep -qF '"new: # value|second value' out.txt || fail "indent $indent: $(cat out.txt)"
        grep -q 'AES256;dev' inline.yml || fail "label at indent $indent"
        cells=$((cells + 1))
    done
fi
[ "$fails" -eq 0 ] && echo "vault matrix: ok, $cells cells"
[ "$fails" -eq 0 ]
