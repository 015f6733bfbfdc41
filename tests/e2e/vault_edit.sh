#!/bin/sh
# vault edit, create, rekey, diff, check, grep, git and recipients: results, refusals, and no plaintext left anywhere.
# usage: vault_edit.sh BIN_DIR     exits 77 (skipped) when there is no file system in memory
set -eu

bin=${1:?usage: vault_edit.sh BIN_DIR}
case $bin in
    /*) ;;
    *) bin=$(pwd)/$bin ;;
esac
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
fails=0
vault=$bin/vault

fail() {
    echo "FAIL: $*" >&2
    fails=$((fails + 1))
}
status() { # status WANT COMMAND...
    want=$1
    shift
    got=0
    "$@" >out.txt 2>err.txt </dev/null || got=$?
    [ "$got" = "$want" ] || fail "status $got instead of $want: $* ($(cat err.txt))"
}
says() {
    grep -q -- "$1" err.txt || fail "expected '$1', found: $(cat err.txt)"
}
clean() {
    [ -z "$(ls -A "$XDG_RUNTIME_DIR")" ] || fail "$1: left $(ls -R "$XDG_RUNTIME_DIR")"
}
editor() { # editor NAME: the rest of the script from standard input; $1 is the file
    { echo '#!/bin/sh'; cat; } >"$1"
    chmod 700 "$1"
}

echo 'first password' >p1
echo 'second password' >p2
editor noop <<'END'
:
END
editor broken <<'END'
echo 'canary-plain: oops' >>"$1"
exit 3
END
editor append <<'END'
echo 'b: canary-two' >>"$1"
END
editor rename <<'END'
sed 's/canary-one/canary-new/' "$1" >"$1.new" && mv "$1.new" "$1"
END
editor invalid <<'END'
echo 'x: [1, canary' >>"$1"
END
editor vanish <<'END'
rm "$1"
END
editor meddle <<'END'
echo 'b: mine' >>"$1"
cp other.yml file.yml
END
editor spy <<'END'
stat -c '%a' "$(dirname "$1")" >seen.txt
stat -f -c %T "$1" >>seen.txt
echo "$TMPDIR" >>seen.txt
END

# a whole file
echo 'a: canary-one' >plain.yml
cp plain.yml file.yml
"$vault" encrypt --vault-id dev@p1 file.yml
chmod 640 file.yml
cp -p file.yml first.yml
for e in noop 'noop'; do
    EDITOR=./$e status 0 "$vault" edit --vault-password-file p1 file.yml
    cmp -s file.yml first.yml || fail "edit without a change wrote the file"
done
EDITOR=./broken status 1 "$vault" edit --vault-password-file p1 file.yml
says "failed with status 3"
EDITOR=./nonesuch status 1 "$vault" edit --vault-password-file p1 file.yml
says "no editor './nonesuch'"
EDITOR=./invalid status 1 "$vault" edit --vault-password-file p1 file.yml
says "not YAML any more"
EDITOR=./vanish status 1 "$vault" edit --vault-password-file p1 file.yml
says "left no file"
status 1 "$vault" edit --vault-password-file p2 file.yml
status 1 "$vault" edit --vault-password-file p1 plain.yml
says "holds no vault data"
status 1 "$vault" edit --vault-password-file p1 missing.yml
status 0 "$vault" edit --vault-password-file p1
cmp -s file.yml first.yml || fail "a refused edit changed the file"
EDITOR=./spy status 0 "$vault" edit --vault-password-file p1 file.yml
[ "$(head -n 2 seen.txt)" = "700
tmpfs" ] || fail "scratch directory: $(cat seen.txt)"
case $(tail -n 1 seen.txt) in
    "$XDG_RUNTIME_DIR"/vault-edit.*) ;;
    *) fail "TMPDIR: $(cat seen.txt)" ;;
esac
EDITOR=./append status 0 "$vault" edit --vault-password-file p1 file.yml
[ "$(stat -c %a file.yml)" = 640 ] || fail "edit changed the mode"
[ "$(head -n 1 file.yml)" = '$ANSIBLE_VAULT;1.2;AES256;dev' ] || fail "edit lost the label: $(head -n 1 file.yml)"
"$vault" view --vault-password-file p1 file.yml >out.txt
[ "$(cat out.txt)" = "a: canary-one
b: canary-two" ] || fail "edit: $(cat out.txt)"
EDITOR=./invalid status 0 "$vault" edit --force --vault-password-file p1 file.yml
cp first.yml file.yml
cp file.yml other.yml
"$vault" rekey --vault-password-file p1 --new-vault-password-file p2 other.yml 2>err.txt
EDITOR=./meddle status 1 "$vault" edit --vault-password-file p1 file.yml
says "changed while it was edited"
cmp -s file.yml other.yml || fail "the other's version is gone"
"$vault" view --vault-password-file p1 file.yml.vault-edit | grep -q 'b: mine' || fail "the edited version is gone"
rm file.yml.vault-edit
clean "whole file"

# create
EDITOR=./append status 0 "$vault" create --vault-password-file p1 new/deep/x.yml
says "is made"
[ "$("$vault" view --vault-password-file p1 new/deep/x.yml)" = 'b: canary-two' ] || fail "create"
status 1 "$vault" create --vault-password-file p1 new/deep/x.yml
says "vault edit"
status 5 "$vault" create --vault-password-file p1
status 5 "$vault" create --vault-password-file p1 a b
EDITOR=./broken status 1 "$vault" create --vault-password-file p1 y.yml
[ ! -e y.yml ] || fail "create with a failed editor left a file"

# inline values
{
    echo '# top comment'
    "$vault" encrypt_string --vault-password-file p1 -n one 'canary-one'
    echo 'plain:   kept   # as it is'
    echo 'list:'
    printf '  - name: x\n    key: '
    printf 'line 1\nline 2\n' | "$vault" encrypt_string --vault-password-file p1 | sed '1n;s/^ */      /'
    printf '  - '
    printf '\377\376bin' | "$vault" encrypt_string --vault-password-file p1
    printf 'last: "x"'
} >inline.yml 2>err.txt
cp inline.yml inline.first
EDITOR=./noop status 0 "$vault" edit --vault-password-file p1 inline.yml
cmp -s inline.yml inline.first || fail "inline: no change wrote the file"
editor show <<'END'
cp "$1" shown.txt
END
EDITOR=./show status 0 "$vault" edit --vault-password-file p1 inline.yml
grep -q '^one: !decrypted:1 "canary-one"$' shown.txt || fail "inline: $(cat shown.txt)"
grep -q '^        line 2$' shown.txt || fail "inline block: $(cat shown.txt)"
rm shown.txt
EDITOR=./rename status 0 "$vault" edit --vault-password-file p1 inline.yml
diff inline.first inline.yml >d.txt && fail "inline: nothing changed"
[ "$(grep -c '^[<>]' d.txt)" -le 12 ] || fail "inline: too much changed: $(cat d.txt)"
sed -n '/^plain:/,$p' inline.yml >a.txt
sed -n '/^plain:/,$p' inline.first >b.txt
cmp -s a.txt b.txt || fail "inline: unchanged values changed"
EDITOR=./show status 0 "$vault" edit --vault-password-file p1 inline.yml
grep -q 'canary-new' shown.txt || fail "inline: the new value is not there"
rm shown.txt
editor addnew <<'END'
printf '\nextra: !decrypted "fresh-canary"  # new\n' >>"$1"
END
EDITOR=./addnew status 0 "$vault" edit --vault-password-file p1 inline.yml
grep -q 'fresh-canary' inline.yml && fail "a new value was saved in the clear"
EDITOR=./show status 0 "$vault" edit --vault-password-file p1 inline.yml
grep -q 'extra: !decrypted:4 "fresh-canary"' shown.txt || fail "new value: $(cat shown.txt)"
rm shown.txt
cp inline.yml before.yml
editor untag <<'END'
sed -i 's/!decrypted:1 //' "$1"
END
EDITOR=./untag status 1 "$vault" edit --vault-password-file p1 inline.yml
says "in the clear"
editor comment <<'END'
sed -i 's/^one:/# one:/' "$1"
END
EDITOR=./comment status 1 "$vault" edit --vault-password-file p1 inline.yml
says "not in a comment"
EDITOR=./invalid status 1 "$vault" edit --vault-password-file p1 inline.yml
says "not YAML any more"
cmp -s before.yml inline.yml || fail "a refused inline edit changed the file"
clean "inline"

# signals: the original survives, nothing is left
editor slow <<'END'
echo 'c: canary-slow' >>"$1"
touch started
sleep 4
END
for sig in TERM HUP KILL; do
    rm -f started
    cp first.yml file.yml
    EDITOR=./slow "$vault" edit --vault-password-file p1 file.yml >out.txt 2>err.txt </dev/null &
    pid=$!
    n=0
    while [ ! -e started ] && [ "$n" -lt 100 ]; do sleep 0.05; n=$((n + 1)); done
    kill -"$sig" "$pid"
    wait "$pid" || true
    n=0
    while [ -n "$(ls -A "$XDG_RUNTIME_DIR")" ] && [ "$n" -lt 60 ]; do sleep 0.05; n=$((n + 1)); done
    clean "SIG$sig"
    cmp -s first.yml file.yml || fail "SIG$sig changed the file"
done

# rekey: all or nothing
mkdir -p proj/sub
cp first.yml proj/a.yml
cp inline.yml proj/sub/b.yml
cp plain.yml proj/plain.yml
"$vault" rekey -r --vault-password-file p1 --new-vault-password-file p2 proj 2>err.txt || fail "rekey: $(cat err.txt)"
says "2 files"
[ "$("$vault" view --vault-password-file p2 proj/a.yml)" = 'a: canary-one' ] || fail "rekey: whole file"
EDITOR=./show status 0 "$vault" edit --vault-password-file p2 proj/sub/b.yml
grep -q canary-new shown.txt || fail "rekey: inline"
rm shown.txt
cp first.yml proj/sub/z.yml
cp -r proj proj.before
status 1 "$vault" rekey -r --vault-password-file p2 --new-vault-password-file p1 proj
says "no file was changed"
diff -r proj proj.before || fail "a refused rekey changed something"
status 0 "$vault" rekey --vault-id x@p1 --new-vault-id new@p2 proj/sub/z.yml
says "Rekey successful"
[ "$(head -n 1 proj/sub/z.yml)" = '$ANSIBLE_VAULT;1.2;AES256;new' ] || fail "rekey: label"
status 1 "$vault" rekey --vault-password-file p1 --new-vault-password-file p2 plain.yml

# the command line, and what view and check see without and with a password
status 2 "$vault" view --vault-pasword-file p1 x
says "no option '--vault-pasword-file', did you mean '--vault-password-file'"
status 2 "$vault" view --vault-id
says "a value is missing behind the option '--vault-id'"
status 0 "$vault" edit --help
grep -q -- --same-salt out.txt || fail "edit --help lacks an option of edit"
grep -q -- --new-vault-id out.txt && fail "edit --help shows an option of rekey"
status 1 "$vault" edit --vault-password-file p1 missing.yml
says "'vault create missing.yml' makes a new file"
mkdir whole
"$vault" encrypt_string --vault-password-file p1 -n k 'canary-inline' >whole/values.yml 2>err.txt
status 0 "$vault" view --vault-password-file p1 whole/values.yml
[ "$(cat out.txt)" = 'k: !decrypted "canary-inline"' ] || fail "view of a value: $(cat out.txt)"
echo 'plain: text' >whole/plain.yml
status 1 "$vault" view --vault-password-file p1 whole/plain.yml
says 'expected vault data'
status 0 "$vault" check whole
sed -i '4s/^   */&z/' whole/values.yml
"$vault" encrypt --vault-password-file p1 --output whole/file.yml whole/plain.yml
sed -i '3d' whole/file.yml
status 1 "$vault" check whole
grep -q 'whole/values.yml:1: the vault data is damaged' out.txt || fail "check: $(cat out.txt)"
grep -q 'whole/file.yml:1: the vault data is damaged' out.txt || fail "check: $(cat out.txt)"

# diff, grep, check
cp first.yml d1.yml
cp d1.yml d2.yml
EDITOR=./append status 0 "$vault" edit --vault-password-file p1 d2.yml
status 1 "$vault" diff --vault-password-file p1 d1.yml d2.yml
grep -q '^+b: canary-two' out.txt || fail "diff: $(cat out.txt)"
status 0 "$vault" diff --vault-password-file p1 d1.yml d1.yml
status 2 "$vault" diff --vault-password-file p1 d1.yml missing
status 0 "$vault" grep --vault-password-file p1 canary-two d1.yml d2.yml
[ "$(cat out.txt)" = 'd2.yml:2:b: canary-two' ] || fail "grep: $(cat out.txt)"
status 1 "$vault" grep --vault-password-file p1 nothing-here d1.yml
mkdir chk
printf 'db_password: canary-clear\nok_password: "{{ x }}"\nfine_token: abc # vault: ok\n' >chk/vars.yml
cp plain.yml chk/vault.yml
status 1 "$vault" check chk
grep -q "chk/vars.yml:1: a plaintext value of 'db_password'" out.txt || fail "check: $(cat out.txt)"
grep -q "chk/vault.yml: should be encrypted" out.txt || fail "check: $(cat out.txt)"
[ "$(wc -l <out.txt)" = 2 ] || fail "check: $(cat out.txt)"
grep -q canary-clear out.txt && fail "check shows the secret"
cp first.yml chk/vault.yml
rm chk/vars.yml
status 0 "$vault" check chk
clean "diff"

# git
if command -v git >/dev/null 2>&1; then
    mkdir repo
    cd repo
    export ANSIBLE_VAULT_PASSWORD_FILE="$dir/p1" GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
    git init -q -b main .
    "$vault" git-setup '*.yml'
    "$vault" git-setup '*.yml'
    [ "$(cat .gitattributes)" = '*.yml diff=vault merge=vault' ] || fail "git-setup: $(cat .gitattributes)"
    printf 'a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\ng: 7\n' >v.yml
    { "$vault" encrypt_string -n k1 v1; for i in 1 2 3 4 5; do echo "p$i: x"; done; "$vault" encrypt_string -n k2 v2; } >i.yml
    "$vault" encrypt v.yml
    git add . && git commit -q -m base
    git checkout -q -b other
    echo 'sed -i "s/^a: 1/a: theirs/;s/\"v1\"/\"v1 theirs\"/" "$1"' >../ed.sh
    EDITOR="sh ../ed.sh" "$vault" edit v.yml i.yml
    git commit -q -a -m theirs
    git checkout -q main
    echo 'sed -i "s/^g: 7/g: ours/;s/\"v2\"/\"v2 ours\"/" "$1"' >../ed.sh
    EDITOR="sh ../ed.sh" "$vault" edit v.yml i.yml
    git diff | grep -q '^+g: ours' || fail "git diff: $(git diff)"
    "$vault" diff v.yml | grep -q '^+g: ours' || fail "vault diff of one file"
    git commit -q -a -m ours
    git merge -q other -m merged >../out.txt 2>&1 || fail "git merge: $(cat ../out.txt)"
    "$vault" view v.yml >../out.txt
    { grep -q '^a: theirs' ../out.txt && grep -q '^g: ours' ../out.txt; } || fail "merged file: $(cat ../out.txt)"
    echo 'cp "$1" ../shown.txt' >../ed.sh
    EDITOR="sh ../ed.sh" "$vault" edit i.yml
    { grep -q '"v1 theirs"' ../shown.txt && grep -q '"v2 ours"' ../shown.txt; } || fail "merged values: $(cat ../shown.txt)"
    rm ../shown.txt
    cd ..
    unset ANSIBLE_VAULT_PASSWORD_FILE
    grep -rqa 'v1 theirs' repo && fail "plaintext in the repository"
fi

# recipients, with age where it is installed
if command -v age >/dev/null 2>&1; then
    age-keygen -o k1 2>err.txt
    age-keygen -o k2 2>err.txt
    ssh-keygen -q -t ed25519 -N '' -f ks
    r1=$(age-keygen -y k1)
    r2=$(age-keygen -y k2)
    rs=$(cat ks.pub)
    for size in 0 1 65535 65536 65537 200000; do
        head -c "$size" /dev/urandom >t.bin
        for k in "$r1 k1" "$r2 k2" "ks.pub ks"; do
            # shellcheck disable=SC2086
            set -- $k
            for armor in '' --armor; do
                # shellcheck disable=SC2086
                "$vault" encrypt $armor --recipient "$1" --recipient "$r2" --output ours.age t.bin
                age -d -i "$2" ours.age >theirs.out 2>err.txt || fail "age -d $size $2 $armor: $(cat err.txt)"
                cmp -s t.bin theirs.out || fail "age opens another text ($size $2)"
                [ "$1" = ks.pub ] && who="-R ks.pub" || who="-r $1"
                # shellcheck disable=SC2086
                age ${armor:+-a} $who -o theirs.age t.bin
                "$vault" decrypt --identity "$2" --output ours.out theirs.age 2>err.txt ||
                    fail "decrypt $size $2 $armor: $(cat err.txt)"
                cmp -s t.bin ours.out || fail "we open another text ($size $2)"
                rm -f ours.age theirs.age ours.out theirs.out
            done
        done
    done
    cp plain.yml r.yml
    "$vault" encrypt --recipient "$r1" r.yml
    status 1 "$vault" view --identity k2 r.yml
    says "no identity given opens"
    status 0 "$vault" recipients add --identity k1 --recipient "$r2" --recipient "$rs" r.yml
    status 0 "$vault" view --identity k2 r.yml
    [ "$(cat out.txt)" = 'a: canary-one' ] || fail "added recipient"
    [ "$(age -d -i ks r.yml)" = 'a: canary-one' ] || fail "added ssh recipient"
    EDITOR=./append status 0 "$vault" edit --identity k2 r.yml
    [ "$(age -d -i k1 r.yml | tail -n 1)" = 'b: canary-two' ] || fail "edit of an age file"
    status 0 "$vault" recipients remove --identity k1 --recipient "$r2" r.yml
    status 1 "$vault" view --identity k2 r.yml
    status 0 "$vault" view --identity ks r.yml
    status 0 "$vault" recipients list --identity k1 r.yml
    [ "$(wc -l <out.txt)" = 2 ] || fail "recipients list: $(cat out.txt)"
    cp r.yml damaged.age
    at=$(($(stat -c %s r.yml) - 5)) # the byte there and its neighbour in value
    dd if=r.yml bs=1 skip=$at count=1 2>err.txt | LC_ALL=C tr '\000-\377' '\001-\377\000' | dd of=damaged.age bs=1 seek=$at conv=notrunc 2>err.txt
    status 1 "$vault" view --identity k1 damaged.age
    says "changed or cut off"
    sed 's/^-> vault-recipient age1x/-> vault-recipient age1y/; t; s/^-> vault-recipient age1./-> vault-recipient age1x/' r.yml >damaged.age
    status 1 "$vault" view --identity k1 damaged.age
    says "header was changed"
    EDITOR=./append status 0 "$vault" create --recipient "$r1" --armor c.age
    [ "$(age -d -i k1 c.age)" = 'b: canary-two' ] || fail "create for a recipient"
fi
clean "recipients"
[ "$fails" -eq 0 ] && echo "vault edit: ok"
[ "$fails" -eq 0 ]
