#!/bin/bash
# with_server.sh RUN_CASES PLAY_REMOTE DIR...: the cases of these directories against a PostgreSQL server of its own, on a
# socket in a directory of its own. Ends with 77 where there is none.
set -euo pipefail
run_cases=$1 remote=$2
shift 2
skip() {
    echo "skipped: $*"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root"
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -x "$bin/initdb" ] || skip "needs PostgreSQL"
id postgres >/dev/null 2>&1 || skip "needs the user postgres"
work=$(mktemp -d)
chown postgres "$work"
as() { setpriv --reuid postgres --regid postgres --init-groups env HOME="$work" PATH="$PATH" "$@"; }
finish() {
    as "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT
as "$bin/initdb" -D "$work/data" -A trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null
as "$bin/pg_ctl" -D "$work/data" -w -l "$work/log" -o "-c listen_addresses= -k $work -c fsync=off" start >/dev/null
PLAY_TEST_POSTGRES=1 PGHOST=$work "$run_cases" "$remote" "$@"
