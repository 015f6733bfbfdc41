#!/bin/bash
# Compares PLAY_BIN with the recorded output of ansible-playbook, case by case.
# Usage: tests/golden/run.sh PLAY_BIN [NAME...]
set -u
play=$1
shift
cd "$(dirname "$0")" || exit 1
. ./normalise.sh
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
ln -s "$play" "$tmp/ansible-playbook"
failed=0
total=0
names=("$@")
if [ ${#names[@]} = 0 ]; then
    for out in *.out; do
        names+=("${out%.out}")
    done
fi
for f in "${names[@]}"; do
    total=$((total + 1))
    golden_run "$tmp/ansible-playbook" "$f" >"$tmp/$f.out"
    if ! diff -u "$f.out" "$tmp/$f.out" >"$tmp/diff"; then
        failed=$((failed + 1))
        echo "FAILED: $f"
        cat "$tmp/diff"
    fi
done
echo "$((total - failed)) of $total cases equal"
[ "$failed" -eq 0 ]
