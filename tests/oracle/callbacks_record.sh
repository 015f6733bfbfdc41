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
    callback_run ansible-playbook "$tmp" "$what" "$book" $settings >"expected/$name" || true
done <cases.txt
