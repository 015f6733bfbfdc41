#!/bin/bash
# Shared by run.sh and tests/oracle/golden_record.sh: runs one case and prints its normalised output and exit code.
# A case may name more arguments in a first line "# args: ...", or settings in a first line "# env: NAME=value ...".

golden_args() {
    sed -n '1s/^# args: //p' "$1.yml"
}

# Times, temporary paths, the place of this tree and python's noise are made equal.
golden_normalise() {
    sed -E \
        -e "s#$(pwd -P)#DIR#g" \
        -e 's/"(delta|start|end)": "[^"]*"/"\1": "TIME"/g' \
        -e '/^\[WARNING\]|^\[DEPRECATION WARNING\]/,/^$/d' \
        -e '/^An exception occurred during task execution/d' \
        -e '/^(No config file found|Using .* as config file)/d' \
        -e '/undefined|UNREACHABLE/s/"msg": ".*"/"msg": "TEXT"/' \
        -e 's/^\+\+\+ after: .*/+++ after: PATH/' \
        -e 's/[[:space:]]+$//'
}

# golden_run PROGRAM NAME
golden_run() {
    rc=0
    args=$(golden_args "$2")
    env=$(sed -n '1s/^# env: //p' "$2.yml")
    out=$(eval "$env ANSIBLE_NOCOLOR=1 ANSIBLE_FORCE_COLOR=0 ANSIBLE_HOST_KEY_CHECKING=False COLUMNS=80 \
        ANSIBLE_RETRY_FILES_ENABLED=0 ANSIBLE_ROLES_PATH=$(pwd -P)/roles \"\$1\" -i hosts.ini -f 1 $args \"\$2.yml\"" \
        2>/dev/null </dev/null) || rc=$?
    printf '%s\n' "$out" | golden_normalise
    echo "exit code: $rc"
}
