#!/bin/bash
# with_server.sh RUN_CASES PLAY_REMOTE DIR...: the cases of these directories against a MariaDB server of its own, on a
# socket in a directory of its own. Ends with 77 where there is none.
set -euo pipefail
run_cases=$1 remote=$2
shift 2
skip() {
    echo "skipped: $*"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root"
PATH=$PATH:/usr/sbin
for program in mariadbd mariadb-install-db mariadb; do
    command -v $program >/dev/null || skip "needs $program"
done
work=$(mktemp -d)
finish() {
    if [ -n "${server:-}" ]; then
        kill -9 "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
mariadb-install-db --no-defaults --datadir="$work/data" --auth-root-authentication-method=normal --skip-test-db --user=root \
    >"$work/install" 2>&1 || skip "mariadb-install-db: $(tail -1 "$work/install")"
mariadbd --no-defaults --user=root --datadir="$work/data" --socket="$work/s" --skip-networking --pid-file="$work/pid" \
    --innodb-flush-log-at-trx-commit=0 >"$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do
    mariadb --no-defaults -uroot -S "$work/s" -e 'SELECT 1' >/dev/null 2>&1 && break
    kill -0 $server 2>/dev/null || skip "mariadbd does not start here: $(tail -1 "$work/log")"
    sleep 0.2
done
printf '[client]\nuser = root\nsocket = %s\n' "$work/s" >"$work/client.cnf"
# the cases say @SOCKET@: a directory of its own holds copies that name this server's
cases=()
for dir; do
    cp -R "$dir" "$work/"
    cases+=("$work/$(basename "$dir")")
done
find "${cases[@]}" -name '*.yml' -exec sed -i "s#@SOCKET@#$work/s#g" {} +
PLAY_TEST_MYSQL=1 HOME=$work "$run_cases" "$remote" "${cases[@]}"
