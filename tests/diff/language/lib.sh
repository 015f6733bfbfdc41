#!/bin/bash
# Shared by run.sh and record.sh.

# shown DIR TEXT CODE: what a run printed, made equal where runs differ, and its exit code
shown() {
    printf '%s\n' "$2" | sed -E -e "s#$1/##g" -e 's/[[:space:]]+$//'
    echo "exit code: $3"
}

# ours PLAY DIR: runs the play in DIR
ours() {
    local rc=0 out
    # shellcheck disable=SC2046 # the arguments are words
    out=$(cd "$2" && ANSIBLE_NOCOLOR=1 ANSIBLE_CONFIG="$language_dir/empty.cfg" ANSIBLE_RETRY_FILES_ENABLED=0 "$1" -f 1 -c local -i h1,h2,h3, \
        $(cat ARGS) play.yml 2>/dev/null </dev/null) || rc=$?
    shown "$2" "$out" "$rc"
}

# theirs DIR: what oracle.py left in DIR
theirs() {
    shown "$1" "$(head -n -1 "$1/OUT")" "$(sed -n '$s/^exit code: //p' "$1/OUT")"
}
language_dir=$(pwd -P)
