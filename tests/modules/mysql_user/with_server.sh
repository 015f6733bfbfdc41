#!/bin/bash
# with_server.sh RUN_CASES PLAY_REMOTE [OPTION...] DIR...: the cases of these directories against a MariaDB server of its own, on a
# socket in a directory of its own, and on 127.0.0.1:3306 of a network of its own, with a certificate for db.example and
# 127.0.0.1. Ends with 77 where there is none.
set -euo pipefail
run_cases=$1 remote=$2
shift 2
skip() {
    echo "skipped: $*"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root"
PATH=$PATH:/usr/sbin
for program in mariadbd mariadb-install-db mariadb openssl; do
    command -v $program >/dev/null || skip "needs $program"
done
if [ -z "${IN_NAMESPACE:-}" ]; then
    unshare -n true 2>/dev/null || skip "no namespaces here"
    IN_NAMESPACE=1 exec unshare -n "$0" "$run_cases" "$remote" "$@"
fi
ip link set lo up
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
certs=$work/certs
mkdir "$certs"
(
    cd "$certs"
    for name in ca other-ca; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj "/CN=$name" -keyout $name-key.pem -out $name.pem
    done
    for name in server client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=db.example$name" -keyout $name-key.pem -out $name.csr
        echo 'subjectAltName=DNS:db.example,IP:127.0.0.1' >ext
        openssl x509 -req -days 9 -in $name.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -extfile ext -out $name.pem
    done
) >"$work/certs.log" 2>&1
mariadbd --no-defaults --user=root --datadir="$work/data" --socket="$work/s" --bind-address=127.0.0.1 --pid-file="$work/pid" \
    --log-bin="$work/binlog" --server-id=1 --ssl-ca="$certs/ca.pem" --ssl-cert="$certs/server.pem" \
    --ssl-key="$certs/server-key.pem" --innodb-flush-log-at-trx-commit=0 >"$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do
    mariadb --no-defaults -uroot -S "$work/s" -e 'SELECT 1' >/dev/null 2>&1 && break
    kill -0 $server 2>/dev/null || skip "mariadbd does not start here: $(tail -1 "$work/log")"
    sleep 0.2
done
printf '[client]\nuser = root\nsocket = %s\n' "$work/s" >"$work/client.cnf"
# the cases say @SOCKET@ and @CERTS@: a directory of its own holds copies that name this server's
cases=()
for word; do
    if [ -e "$word" ]; then
        cp -R "$word" "$work/"
        word=$work/$(basename "$word")
    fi
    cases+=("$word")
done
find "$work" -name '*.yml' -exec sed -i "s#@SOCKET@#$work/s#g; s#@CERTS@#$certs#g" {} +
PLAY_TEST_MYSQL=1 HOME=$work "$run_cases" "$remote" "${cases[@]}"
