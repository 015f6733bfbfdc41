#!/bin/bash
# with_server.sh RUN_CASES PLAY_REMOTE DIR...: the cases of these directories against a PostgreSQL server of its own, on a
# socket in a directory of its own, where namespaces can be made also on 127.0.0.1, with TLS and for the roles of
# the end of this file. Ends with 77 where there is none.
set -euo pipefail
run_cases=$1 remote=$2
shift 2
skip() {
    echo "skipped: $*"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root"
if [ -z "${IN_NAMESPACE:-}" ] && unshare -n true 2>/dev/null; then
    IN_NAMESPACE=1 exec unshare -n "$0" "$run_cases" "$remote" "$@"
fi
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
listen=
if [ -n "${IN_NAMESPACE:-}" ] && command -v openssl >/dev/null; then
    ip link set lo up
    listen=127.0.0.1
    certs=$work/certs
    mkdir "$certs"
    (
        cd "$certs"
        for ca in ca other; do
            openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=$ca -keyout $ca-key.pem -out $ca.pem
        done
        for name in localhost by_cert; do
            openssl req -newkey rsa:2048 -nodes -subj /CN=$name -keyout $name-key.pem -out $name.csr
            openssl x509 -req -days 9 -in $name.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out $name.pem
        done
    ) >"$work/certs.log" 2>&1
    cp "$certs/localhost.pem" "$work/data/server.crt"
    cp "$certs/localhost-key.pem" "$work/data/server.key"
    cp "$certs/ca.pem" "$work/data/root.crt"
    chmod 600 "$work/data/server.key"
    {
        echo "ssl = on"
        echo "ssl_ca_file = 'root.crt'"
    } >>"$work/data/postgresql.conf"
    cat >"$work/data/pg_hba.conf" <<'END'
local all all trust
hostssl all by_cert 127.0.0.1/32 cert
hostssl all all 127.0.0.1/32 scram-sha-256
hostnossl all all 127.0.0.1/32 reject
END
    chown -R postgres "$work/data"
    export PLAY_TEST_POSTGRES_CERTS=$certs
fi
as "$bin/pg_ctl" -D "$work/data" -w -l "$work/log" -o "-c listen_addresses=$listen -k $work -c fsync=off" start >/dev/null
as psql -q -h "$work" -d postgres <<'END'
CREATE ROLE by_word SUPERUSER LOGIN PASSWORD 'se cret';
CREATE ROLE by_cert SUPERUSER LOGIN;
CREATE ROLE plain LOGIN;
END
# the programs themselves: Debian's psql is a script that looks for one, and takes longer than the query
PATH=$bin:$PATH PLAY_TEST_POSTGRES=1 PGHOST=$work "$run_cases" "$remote" "$@"
