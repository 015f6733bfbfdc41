#!/bin/bash
# all.sh BIN_DIR: all playbooks of ours that ansible-playbook and play both run, and how many they are: the cases with files
# (run.sh), each pair of aspects of the language (language/), and whole runs (../golden). What Ansible printed is recorded for
# the last two; LIVE=1 asks it again for the pairs.
set -uo pipefail
bin=$(realpath "${1:?usage: all.sh BIN_DIR}")
cd "$(dirname "$0")" || exit 1
failed=0 total=0
part() {
    local count=$1
    shift
    "$@" || failed=1
    total=$((total + count))
}
part "$(find cases -maxdepth 1 -name '*.yml' | wc -l)" ./run.sh "$bin"
part "$(grep -c '^=== ' language/pairs.expected)" language/run.sh "$bin/play"
part "$(find ../golden -maxdepth 1 -name '*.out' | wc -l)" ../golden/run.sh "$bin/play"
echo "$total playbooks run by both"
exit $failed
