# shellcheck shell=bash
# For the scripts of this directory and the tests on top of them: messages, the cache, the ssh command line.
hosts_home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034
repo_top=$(cd "$hosts_home/../.." && pwd)
# shellcheck disable=SC2034
hosts_cache=${PLAY_CACHE:-${HOME:-/tmp}/.cache}/play-hosts

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
# Nothing is wrong with `play`: this machine cannot run the test. ctest counts 77 as skipped.
skip() {
    printf '%s: skipped: %s\n' "${0##*/}" "$*" >&2
    exit 77
}

# absolute DIR: makes a path usable from everywhere
absolute() { (cd "$1" && pwd); }

# need_programs NAME...: skips when one is missing
need_programs() {
    local p
    for p in "$@"; do
        command -v "$p" >/dev/null || [ -x "/usr/sbin/$p" ] || skip "$p is not installed"
    done
}

# wait_until SECONDS COMMAND...: tries until it succeeds
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# http_get ADDRESS PORT PATH [HOST]: the body, with nothing but bash
http_get() {
    local line body=
    exec 9<>"/dev/tcp/$1/$2" || return 1
    printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$3" "${4:-$1}" >&9
    IFS= read -r line <&9 || line=
    while IFS= read -r -t 10 body <&9 && [ "$body" != $'\r' ]; do :; done
    cat <&9
    exec 9>&-
    [[ $line == *" 200"* ]]
}

# recap FILE: the lines "host ok changed unreachable failed" of a run's recap
recap() {
    sed -n 's/^\([^ ]*\) *: ok=\([0-9]*\) *changed=\([0-9]*\) *unreachable=\([0-9]*\) *failed=\([0-9]*\).*/\1 \2 \3 \4 \5/p' "$1"
}

# judge NAME STATUS WANTED TEXT: a check has passed when its run ended as wanted and its output, in the file `output`, has TEXT;
# counts in `passed` and `failed`
judge() {
    if [ "$2" = "$3" ] && grep -qF -- "$4" output; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s: exit status %s, expected %s and "%s"\n' "$1" "$2" "$3" "$4"
        tail -6 output
    fi
}

# check NAME EXPECTED FOUND: counts as judge does; what the last run said, in the file `output` if there is one, is shown
check() {
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
        [ ! -f output ] || cat output
    fi
}
