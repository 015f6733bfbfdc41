#!/bin/sh
# What `vault` encrypts ansible-vault decrypts, and the other way round; exit codes agree.
# usage: vault_roundtrip.sh BIN_DIR     exits 77 (skipped) when ansible-vault is not installed
set -eu

bin=${1:?usage: vault_roundtrip.sh BIN_DIR}
case $bin in
    /*) ;;
    *) bin=$(pwd)/$bin ;;
esac
command -v ansible-vault >/dev/null 2>&1 || exit 77
# An ssh that was killed in another test leaves the standard input that they share non-blocking, and Ansible refuses that.
exec </dev/null

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Nothing of the caller's configuration may play a part.
HOME=$dir
ANSIBLE_CONFIG=$dir/none.cfg
export HOME ANSIBLE_CONFIG
unset ANSIBLE_VAULT_PASSWORD_FILE ANSIBLE_VAULT_IDENTITY_LIST ANSIBLE_VAULT_ENCRYPT_IDENTITY

fails=0
vault=$bin/vault

fail() {
    echo "FAIL: $*" >&2
    fails=$((fails + 1))
}

same() { # NAME FILE FILE
    cmp -s "$2" "$3" || fail "$1: $2 and $3 differ"
}

# status WANT COMMAND...: runs it quietly and compares the exit status
status() {
    want=$1
    shift
    got=0
    "$@" >out.txt 2>err.txt </dev/null || got=$?
    [ "$got" = "$want" ] || fail "status $got instead of $want: $* ($(cat err.txt))"
}

umask 077
echo 'first password' >p1
printf 'p\303\244ss two' >p2
printf '#!/bin/sh\necho "client:$2"\n' >get-client.sh
chmod 700 get-client.sh

# texts: empty, one line, blocks of exactly 16 bytes, binary, long, CRLF
: >t.empty
echo 'a: 1' >t.line
printf '1234567890123456' >t.block
od -An -v -tx1 "$vault" 2>/dev/null | head -c 5000 >t.long
head -c 3000 "$vault" >t.binary
printf 'a: 1\r\nb: 2\r\n' >t.crlf

for t in t.empty t.line t.block t.long t.binary t.crlf; do
    for who in p1 dev@p2 dev@get-client.sh; do
        "$vault" encrypt --vault-id "$who" --output ours.txt "$t" 2>err.txt || fail "encrypt $t $who: $(cat err.txt)"
        ansible-vault decrypt --vault-id "$who" --output theirs.out ours.txt 2>err.txt ||
            fail "ansible-vault decrypt $t $who: $(cat err.txt)"
        same "$t sealed by us ($who)" "$t" theirs.out
        ansible-vault encrypt --vault-id "$who" --output theirs.txt "$t" 2>err.txt ||
            fail "ansible-vault encrypt $t $who: $(cat err.txt)"
        "$vault" decrypt --vault-id "$who" --output ours.out theirs.txt 2>err.txt ||
            fail "decrypt $t $who: $(cat err.txt)"
        same "$t sealed by ansible-vault ($who)" "$t" ours.out
        [ "$(head -n 1 ours.txt)" = "$(head -n 1 theirs.txt)" ] || fail "headers differ for $t $who"
        rm -f ours.txt theirs.txt ours.out theirs.out
    done
done

# in place, modes, symbolic links
cp t.line plain.yml
chmod 640 plain.yml
ln -s plain.yml link.yml
"$vault" encrypt --vault-password-file p1 link.yml
[ -L link.yml ] || fail "the link was replaced"
[ "$(stat -c %a plain.yml)" = 640 ] || fail "encrypt changed the mode to $(stat -c %a plain.yml)"
ansible-vault view --vault-password-file p1 plain.yml >out.txt
same "in place" t.line out.txt
"$vault" view --vault-password-file p1 plain.yml >out.txt
same "view" t.line out.txt
"$vault" decrypt --vault-password-file p1 plain.yml
same "decrypt in place" t.line plain.yml
[ "$(stat -c %a plain.yml)" = 600 ] || fail "plaintext has the mode $(stat -c %a plain.yml)"

# pipes
"$vault" encrypt --vault-password-file p1 <t.line >pipe.txt
ansible-vault decrypt --vault-password-file p1 --output - pipe.txt >out.txt 2>err.txt
same "stdin to stdout" t.line out.txt
"$vault" decrypt --vault-password-file p1 - <pipe.txt >out.txt
same "stdin named -" t.line out.txt

# inline values: ours in a play of theirs, byte for byte the same shape
"$vault" encrypt_string --vault-id dev@p2 -n one 'text 1' >vars.yml
printf 'text 2' | "$vault" encrypt_string --vault-id dev@p2 --stdin-name two >>vars.yml
cat >play.yml <<'END'
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: [vars.yml]
  tasks:
    - assert: {that: ["one == 'text 1'", "two == 'text 2'"]}
END
ansible-playbook -i localhost, --vault-id dev@p2 play.yml >out.txt 2>err.txt || fail "inline values: $(cat out.txt err.txt)"
"$vault" encrypt_string --vault-password-file p1 -n a x | sed 's/[0-9a-f]\{2,\}$/HEX/' >ours.out
ansible-vault encrypt_string --vault-password-file p1 -n a x 2>err.txt | sed 's/[0-9a-f]\{2,\}$/HEX/' >theirs.out
[ "$(cat ours.out)" = "$(cat theirs.out)" ] || fail "encrypt_string: the layout differs"

# the configuration names the password
printf '[defaults]\nvault_password_file = p1 ; here\n' >my.cfg
ANSIBLE_CONFIG=$dir/my.cfg "$vault" view pipe.txt >out.txt
same "ansible.cfg" t.line out.txt
ANSIBLE_VAULT_PASSWORD_FILE=p1 "$vault" view pipe.txt >out.txt
same "environment" t.line out.txt
ANSIBLE_VAULT_IDENTITY_LIST='dev@p2, x@p1' "$vault" view pipe.txt >out.txt
same "identity list" t.line out.txt
cp p1 vault-password
"$vault" view pipe.txt >out.txt
same "vault-password" t.line out.txt
chmod 640 vault-password
status 1 "$vault" view pipe.txt
grep -q "open to other users" err.txt || fail "vault-password that others can read: $(cat err.txt)"
rm vault-password

# both refuse alike
cp pipe.txt sealed.yml
for v in "$vault" ansible-vault; do
    status 1 "$v" view --vault-password-file p2 pipe.txt
    status 1 "$v" view --vault-password-file p1 t.line
    status 1 "$v" view --vault-password-file p1 missing.yml
    status 1 "$v" view --vault-password-file missing pipe.txt
    status 1 "$v" encrypt --vault-password-file p1 sealed.yml
    status 1 "$v" encrypt --vault-id dev@p1 --encrypt-vault-id prod t.line
    status 5 "$v" encrypt --vault-id dev@p1 --vault-id prod@p2 t.line
    status 5 "$v" encrypt --vault-password-file p1 --output x t.line t.crlf
    status 2 "$v" view --no-such-option x
    status 2 "$v" nothing
done
same "refused files are left alone" pipe.txt sealed.yml
[ "$fails" -eq 0 ] && echo "vault round trip: ok"
[ "$fails" -eq 0 ]
