#!/bin/bash
# Shared by run.sh and record.sh.

# Results of hosts race within a task: they are put in order.
in_order() {
    awk '
        function flush(   i, k, t) {
            for (i = 2; i <= n; i++) {
                t = part[i]
                for (k = i - 1; k > 0 && part[k] > t; k--)
                    part[k + 1] = part[k]
                part[k + 1] = t
            }
            for (i = 1; i <= n; i++)
                print part[i]
            n = 0
        }
        /^$/ || /^(PLAY|TASK|RUNNING)/ { flush(); print; next }
        /^[ }]/ && n { part[n] = part[n] "\n" $0; next }
        { part[++n] = $0 }
        END { flush() }'
}

# shown DIR TEXT CODE: what a run printed, made equal where runs differ, and its exit code
shown() {
    printf '%s\n' "$2" | sed -E -e "s#$1/##g" -e 's/[[:space:]]+$//' | in_order
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
