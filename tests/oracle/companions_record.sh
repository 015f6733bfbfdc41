#!/bin/bash
# Records what the real tools print for each case of tests/companions/cases.txt. Usage: companions_record.sh [NAME...]
set -eu
cd "$(dirname "$0")/../companions"
. ./normalise.sh
mkdir -p expected
while read -r name cmd; do
    [[ $name == '' || $name == \#* ]] && continue
    [[ $# == 0 || " $* " == *" $name "* ]] || continue
    companion_run "${ANSIBLE_BIN:-/usr/bin}" "$cmd" >"expected/$name"
done <cases.txt
