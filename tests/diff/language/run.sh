#!/bin/bash
# run.sh PLAY [PAIR...]: compares what PLAY prints for each pair of aspects (generate.py) with what ansible-playbook printed.
# With LIVE=1 ansible-playbook is asked again instead of pairs.expected.
set -euo pipefail
play=$(realpath "${1:?usage: run.sh PLAY [PAIR...]}")
shift
cd "$(dirname "$0")"
. ./lib.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
ln -s "$play" "$tmp/ansible-playbook"
python3 generate.py "$tmp/pairs"
mkdir "$tmp/expected"
awk -v dir="$tmp/expected/" '/^=== / { out = dir $2; next } { print > out }' pairs.expected
all=0 bad=0
for dir in "$tmp/pairs"/*; do
    name=${dir##*/}
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    all=$((all + 1))
    if [ -n "${LIVE:-}" ]; then
        /usr/bin/python3 oracle.py "$dir"
        theirs "$dir" >"$tmp/expected/$name"
    fi
    ours "$tmp/ansible-playbook" "$dir" >"$tmp/got"
    if ! diff -u "$tmp/expected/$name" "$tmp/got" >"$tmp/diff"; then
        bad=$((bad + 1))
        echo "DIFFERENT: $name"
        sed -n '3,40p' "$tmp/diff"
    fi
done
echo "$((all - bad)) of $all pairs equal"
[ "$bad" -eq 0 ]
