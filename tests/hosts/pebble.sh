#!/bin/bash
# pebble.sh start DIR ADDRESS NAME=ADDRESS... | stop DIR
# Debian's ACME test server at https://ADDRESS:14000/dir with a name server that knows the given names. DIR/ca.pem is the
# authority of that https itself (REQUESTS_CA_BUNDLE of certbot), DIR/root.pem the one of the certificates it issues.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
command=${1:?usage: pebble.sh start|stop DIR ...}
dir=${2:?a directory for the state is needed}
shift 2

certificates() { # ADDRESS
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/ca.key" -out "$dir/ca.pem" \
        -days 30 -subj '/CN=play test authority' 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/key.pem" -out "$dir/request.pem" \
        -subj '/CN=pebble' 2>/dev/null
    printf 'subjectAltName=DNS:localhost,IP:%s\n' "$1" >"$dir/names"
    openssl x509 -req -in "$dir/request.pem" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 30 \
        -extfile "$dir/names" -out "$dir/cert.pem" 2>/dev/null
}

start() {
    local ip=$1 pair
    shift
    need_programs pebble pebble-challtestsrv openssl curl
    mkdir -p "$dir"
    dir=$(absolute "$dir")
    certificates "$ip"
    cat >"$dir/config.json" <<END
{"pebble": {"listenAddress": "$ip:14000", "managementListenAddress": "$ip:15000", "certificate": "$dir/cert.pem",
 "privateKey": "$dir/key.pem", "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": false}}
END
    setsid pebble-challtestsrv -defaultIPv4 "$ip" -defaultIPv6 "" -dns01 "$ip:8053" -management "$ip:8055" -http01 "" \
        -https01 "" -tlsalpn01 "" >"$dir/dns.log" 2>&1 </dev/null &
    echo $! >"$dir/dns.pid"
    PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 setsid pebble -config "$dir/config.json" -dnsserver "$ip:8053" \
        >"$dir/pebble.log" 2>&1 </dev/null &
    echo $! >"$dir/pebble.pid"
    wait_until 20 curl -fs --cacert "$dir/ca.pem" -o "$dir/root.pem" "https://$ip:15000/roots/0" || {
        tail -n 5 "$dir/pebble.log" >&2
        die "pebble did not start"
    }
    for pair; do
        wait_until 10 curl -fs -d "{\"host\": \"${pair%%=*}\", \"addresses\": [\"${pair#*=}\"]}" "http://$ip:8055/add-a" || die "no name server"
    done
}

case $command in
    start) start "$@" ;;
    stop) for f in "$dir"/*.pid; do [ ! -f "$f" ] || kill "$(cat "$f")" 2>/dev/null || true; done ;;
    *) die "start or stop, not '$command'" ;;
esac
