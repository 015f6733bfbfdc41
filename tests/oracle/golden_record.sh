#!/bin/sh
# Records what the real ansible-playbook prints for each tests/golden/NAME.yml: NAME.out (normalised) with the exit code.
# Usage: tests/oracle/golden_record.sh [NAME...]
# Cases v218_* are of ansible-core 2.18: its ansible-playbook is the program that ANSIBLE_PLAYBOOK_218 names.
set -eu
cd "$(dirname "$0")/../golden"
. ./normalise.sh
names=${*:-$(ls *.yml | sed 's/\.yml$//')}
for n in $names; do
    program=ansible-playbook
    case $n in v218_*) program=${ANSIBLE_PLAYBOOK_218:-} ;; esac
    if [ -z "$program" ]; then
        echo "not recorded, ANSIBLE_PLAYBOOK_218 is not set: $n" >&2
        continue
    fi
    golden_run "$program" "$n" >"$n.out"
done
