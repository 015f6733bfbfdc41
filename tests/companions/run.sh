#!/bin/bash
# Compares the companions (ansible, ansible-inventory, ansible-config, and ansible-playbook with inventories and variables)
# with what the real ones printed, case by case. Usage: tests/companions/run.sh PLAY_BIN [NAME...]
set -u
play=$1
shift
cd "$(dirname "$0")" || exit 1
. ./normalise.sh
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
for tool in ansible ansible-playbook ansible-inventory ansible-config; do
    ln -s "$play" "$tmp/$tool"
done
failed=0
total=0
while read -r name cmd; do
    [[ $name == '' || $name == \#* ]] && continue
    [[ $# == 0 || " $* " == *" $name "* ]] || continue
    total=$((total + 1))
    companion_run "$tmp" "$cmd" >"$tmp/out"
    if ! diff -u "expected/$name" "$tmp/out" >"$tmp/diff"; then
        failed=$((failed + 1))
        echo "FAILED: $name: $cmd"
        cat "$tmp/diff"
    fi
done <cases.txt
echo "$((total - failed)) of $total cases equal"
[ "$failed" -eq 0 ]
