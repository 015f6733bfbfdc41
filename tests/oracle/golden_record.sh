#!/bin/sh
# Records what the real ansible-playbook prints for each tests/golden/NAME.yml: NAME.out (normalised) with the exit code.
# Usage: tests/oracle/golden_record.sh [NAME...]
set -eu
cd "$(dirname "$0")/../golden"
. ./normalise.sh
names=${*:-$(ls *.yml | sed 's/\.yml$//')}
for n in $names; do
    golden_run ansible-playbook "$n" >"$n.out"
done
