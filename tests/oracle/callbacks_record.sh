#!/bin/bash
# Records what the real callbacks write: tests/callbacks/expected. ansible.posix and community.general must be found in
# ANSIBLE_COLLECTIONS_PATH. Usage: tests/oracle/callbacks_record.sh [NAME...]
set -eu
cd "$(dirname "$0")/../callbacks"
. ./normalise.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p expected
while read -r name what book settings; do
    [[ $name == '' || $name == \#* ]] && continue
    [[ $# == 0 || " $* " == *" $name "* ]] || continue
    # shellcheck disable=SC2086
    callback_run ansible-playbook "$tmp" "$what" "$book" $settings >"$tmp/got" || true
    if [ ! -s "$tmp/got" ]; then
        echo "$name: nothing was written, is the callback of '$settings' installed?" >&2
        exit 1
    fi
    cp "$tmp/got" "expected/$name"
done <cases.txt
