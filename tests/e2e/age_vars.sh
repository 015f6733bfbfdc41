#!/bin/bash
# Variables encrypted to recipients: group_vars, vars_files, include_vars and listings open them, copy leaves them alone.
# usage: age_vars.sh BIN_DIR     exits 77 (skipped) without ssh-keygen
set -euo pipefail
bin=$(realpath "${1:?usage: age_vars.sh BIN_DIR}")
command -v ssh-keygen >/dev/null || exit 77
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export HOME=$dir/home ANSIBLE_CONFIG=/dev/null
unset XDG_CONFIG_HOME
mkdir -p home/.ssh group_vars
ssh-keygen -q -t ed25519 -N '' -f key
printf 'one: canary-number-one\n' | "$bin/vault" encrypt --recipient key.pub --output group_vars/all.yml -
printf 'two: canary-number-two\n' | "$bin/vault" encrypt --recipient key.pub --armor --output two.age -
printf 'three: canary-number-three\n' | "$bin/vault" encrypt --recipient key.pub --output three.age -
cat >p.yml <<'END'
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: [two.age]
  tasks:
    - include_vars: three.age
    - debug: msg="{{ one }} {{ two }} {{ three }}"
    - assert:
        that: one == 'canary-number-' ~ 'one' and two == 'canary-number-' ~ 'two' and three == 'canary-number-' ~ 'three'
    - copy: {src: two.age, dest: "{{ playbook_dir }}/copied"}
END
fail() { printf 'FAIL: %s\n' "$1"; cat out.txt; exit 1; }

"$bin/play" run p.yml -i localhost, --identity key -vvv >out.txt 2>&1 || fail 'the play'
! grep -q "canary-number-[ot]" out.txt || fail 'a secret was shown'
cmp -s two.age copied || fail 'copy changed a file that is encrypted to recipients'
"$bin/play" inventory -i localhost, --playbook-dir . --host localhost --identity key >out.txt 2>&1 || fail 'the listing'
! grep -q "canary-number-[ot]" out.txt || fail 'a secret was listed'
grep -q '"one"' out.txt || fail 'the listing lacks the variable'

! "$bin/play" run p.yml -i localhost, >out.txt 2>&1 || fail 'a play without a key'
grep -q 'no identity given opens this file, which is encrypted to 1 recipient' out.txt || fail 'the reason'
grep -q -e '--identity' out.txt || fail 'the hint'
! "$bin/play" run p.yml -i localhost, --identity none >out.txt 2>&1 || fail 'a play with a key that is not there'
grep -q "cannot use the identity file 'none'" out.txt || fail 'the reason for a missing key'
cp key home/.ssh/id_ed25519
"$bin/play" run p.yml -i localhost, >out.txt 2>&1 || fail 'the key at its usual place'
