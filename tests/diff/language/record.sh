#!/bin/bash
# record.sh: asks ansible-playbook what each pair of aspects (generate.py) prints, and keeps it in pairs.expected.
set -euo pipefail
cd "$(dirname "$0")"
. ./lib.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 generate.py "$tmp/pairs"
/usr/bin/python3 oracle.py "$tmp/pairs"/*
for dir in "$tmp/pairs"/*; do
    echo "=== ${dir##*/}"
    theirs "$dir"
done >"$tmp/new"
cp "$tmp/new" pairs.expected
