#!/bin/bash
# What is looked at, without times, ids, the invocations that only Ansible's modules tell, and empty lines; cases of JUnit
# and lines of the log in an order of their own, since hosts come as they are done.
callback_normalise() {
    local dir=${1#/} order=${2-}
    sed -E "s#(/|)$dir#DIR#g; s/^[0-9-]{10} [0-9:,]+ p=[0-9]+ u=[^ ]+ /TIME /
            s/(start|end|delta|id)(&quot;|\"): (&quot;|\")[^\"&]*(&quot;|\")/\\1: -/g; s/time=\"[^\"]*\"/time=\"\"/g" |
        awk '/^ *(&quot;|")invocation(&quot;|"): \{/ {skip = 1; depth = 0}
            skip {depth += gsub(/\{/, "{") - gsub(/\}/, "}"); if (depth <= 0) skip = 0; next}
            /<testcase/ {item = ""; open = 1}
            open {item = item "~" $0; if (/<\/testcase>/) {print item; open = 0} next}
            /[^ ]/' | sed -E 's/ +$//' | { [ "$order" = sorted ] && LC_ALL=C sort || cat; }
}
# callback_run PLAYBOOK_TOOL WORK_DIR WHAT PLAYBOOK SETTINGS...: runs it and prints that. Read by run.sh and
# tests/oracle/callbacks_record.sh.
callback_run() {
    local tool=$1 dir=$2 what=$3 book=$4 order=sorted
    shift 4
    [ "$what" != out ] || order=
    rm -rf "$dir"/{out,log,junit,tree} && : >"$dir/empty.cfg"
    (cd files && env -u ANSIBLE_STDOUT_CALLBACK HOME="$dir" ANSIBLE_CONFIG="$dir/empty.cfg" ANSIBLE_NOCOLOR=1 \
        ANSIBLE_LOG_PATH="$dir/log" JUNIT_OUTPUT_DIR="$dir/junit" ANSIBLE_CALLBACK_TREE_DIR="$dir/tree" "$@" \
        "$tool" -i hosts "$book" >"$dir/out" 2>/dev/null </dev/null)
    # shellcheck disable=SC2086
    cat "$dir"/$what 2>/dev/null | callback_normalise "$PWD/files" "$order"
}
