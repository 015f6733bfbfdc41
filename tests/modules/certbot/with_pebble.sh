#!/bin/bash
# with_pebble.sh PLAY: certificates of a real ACME authority (pebble) by the real certbot, in each way: obtain, expand, renew,
# remove. Everything is in a network namespace and directories of its own.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../../hosts/lib.sh
. "$here/../../hosts/lib.sh"
play=$1
[ "$(id -u)" = 0 ] || skip "needs root"
export PATH=$PATH:/usr/sbin
need_programs certbot pebble pebble-challtestsrv nginx openssl curl unshare ip
if [ -z "${PLAY_TEST_NAMESPACE:-}" ]; then
    unshare -n true 2>/dev/null || skip "no network namespace can be made here"
    PLAY_TEST_NAMESPACE=1 exec unshare -n "$0" "$@"
fi
ip link set lo up
work=$(mktemp -d)
export HOME=$work/home ANSIBLE_NOCOLOR=1 ANSIBLE_CONFIG=/dev/null
mkdir -p "$HOME" "$work/www" "$work/nginx"
finish() {
    "$here/../../hosts/pebble.sh" stop "$work/pebble"
    [ ! -s "$work/nginx/pid" ] || kill "$(cat "$work/nginx/pid")" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
fail() {
    echo "FAILED: $*" >&2
    cat "$work/log" >&2
    exit 1
}

"$here/../../hosts/pebble.sh" start "$work/pebble" 127.0.0.1 a.example.test=127.0.0.1 b.example.test=127.0.0.1 c.example.test=127.0.0.1
cat >"$work/nginx/nginx.conf" <<END
user root;
pid $work/nginx/pid;
error_log $work/nginx/error.log;
worker_processes 1;
events { worker_connections 64; }
http {
    access_log off;
    server { listen 80; server_name a.example.test b.example.test; root $work/www; }
    server { listen 80; server_name c.example.test; location / { proxy_pass http://127.0.0.1:8402; } }
}
END
nginx -e "$work/nginx/error.log" -c "$work/nginx/nginx.conf"

cat >"$work/auth" <<'END'
#!/bin/sh
curl -fs -d "{\"host\": \"_acme-challenge.$CERTBOT_DOMAIN.\", \"value\": \"$CERTBOT_VALIDATION\"}" http://127.0.0.1:8055/set-txt
END
cat >"$work/cleanup" <<END
#!/bin/sh
echo "\$CERTBOT_DOMAIN" >>$work/cleaned
curl -fs -d "{\"host\": \"_acme-challenge.\$CERTBOT_DOMAIN.\"}" http://127.0.0.1:8055/clear-txt
END
chmod +x "$work/auth" "$work/cleanup"

# run WANT "changed=0" ARGS [OPTIONS]: one task; the recap must have that
run() {
    local want=$1 args=$2 rc=0
    shift 2
    printf -- '- hosts: all\n  gather_facts: false\n  connection: local\n  tasks:\n  - certbot:\n      server: https://127.0.0.1:14000/dir\n      ca_bundle: %s\n      config_dir: %s\n      work_dir: %s\n      logs_dir: %s\n%s\n    register: r\n  - debug: var=r\n' \
        "$work/pebble/ca.pem" "$work/le" "$work/lib" "$work/logs" "$(printf '      %s\n' "${args//$'\n'/$'\n'      }")" >"$work/p.yml"
    timeout 300 "$play" run "$work/p.yml" -i one, "$@" >"$work/log" 2>&1 || rc=$?
    grep -qE "^one .* $want " "$work/log" || fail "no $want (status $rc): $args $*"
}
said() { grep -qE "$1" "$work/log" || fail "no '$1' in the output"; }
serial() { openssl x509 -in "$work/le/live/$1/cert.pem" -noout -serial; }
names() { openssl x509 -in "$work/le/live/$1/cert.pem" -noout -ext subjectAltName | tail -1 | tr -d ' '; }
# differs NAME OLD: another certificate than the one before, of this authority, that fits its key
differs() {
    [ "$(serial "$1")" != "$2" ] || fail "$1: the certificate is the one before"
    openssl verify -CAfile "$work/pebble/root.pem" -untrusted "$work/le/live/$1/chain.pem" "$work/le/live/$1/cert.pem" >"$work/log" 2>&1 || fail "$1: not of this authority"
    [ "$(openssl x509 -in "$work/le/live/$1/cert.pem" -noout -pubkey)" = "$(openssl pkey -in "$work/le/live/$1/privkey.pem" -pubout)" ] || fail "$1: another key"
}
is_asleep() { # what follows must not ask the authority: it is stopped
    kill -STOP "$(cat "$work/pebble/pebble.pid")"
    "$@"
    kill -CONT "$(cat "$work/pebble/pebble.pid")"
}

web="name: web
domains: [a.example.test]
webroot: $work/www
email: admin@example.test
deploy_hook: touch $work/deployed"
run changed=1 "$web" --check
[ ! -e "$work/le/live" ] || fail "check mode made a certificate"
run changed=1 "$web"
said '"reason": "there is none"'
said '"days_left": [0-9]+'
differs web none
[ "$(names web)" = DNS:a.example.test ] || fail "names: $(names web)"
[ -e "$work/deployed" ] || fail "the deploy hook did not run"
is_asleep run changed=0 "$web"
old=$(serial web)
# expand
run changed=1 "${web/\[a.example.test\]/[a.example.test, b.example.test]}"
said '"reason": "it is for a.example.test"'
differs web "$old"
[ "$(names web)" = DNS:a.example.test,DNS:b.example.test ] || fail "names: $(names web)"
old=$(serial web)
is_asleep run changed=0 "${web/\[a.example.test\]/[b.example.test, A.example.test]}"
# renew: pebble's certificates are for five years; in check mode nothing is asked for
is_asleep run changed=1 "${web/\[a.example.test\]/[a.example.test, b.example.test]}"$'\n'"renew_within: 3000" --check
[ "$(serial web)" = "$old" ] || fail "check mode renewed"
run changed=1 "${web/\[a.example.test\]/[a.example.test, b.example.test]}"$'\n'"renew_within: 3000"
said '"reason": "it ends in [0-9]+ days"'
differs web "$old"
# another kind of key
old=$(serial web)
run changed=1 "${web/\[a.example.test\]/[a.example.test, b.example.test]}"$'\n'"key_type: rsa"
said '"reason": "its key is ecdsa"'
differs web "$old"
openssl x509 -in "$work/le/live/web/cert.pem" -noout -text | grep -q 'rsaEncryption' || fail "the key is not RSA"
is_asleep run changed=0 "${web/\[a.example.test\]/[a.example.test, b.example.test]}"$'\n'"key_type: rsa"

# by nginx's own plugin: the site answers before and after, its configuration is the one before
sum=$(sha256sum "$work/nginx/nginx.conf")
ng="name: ng
domains: [b.example.test]
method: nginx
extra_args: [--nginx-server-root, $work/nginx]"
run changed=1 "$ng"
differs ng none
[ "$(sha256sum "$work/nginx/nginx.conf")" = "$sum" ] || fail "nginx's configuration was changed"
is_asleep run changed=0 "$ng"

# by DNS: also for all names below one
dns="name: dns
domains: [example.test, '*.example.test']
method: dns
auth_hook: $work/auth
cleanup_hook: $work/cleanup"
run changed=1 "$dns"
differs dns none
[ "$(names dns | tr , '\n' | sort | tr '\n' ' ')" = 'DNS:*.example.test DNS:example.test ' ] || fail "names: $(names dns)"
[ -s "$work/cleaned" ] || fail "the cleanup hook did not run"
is_asleep run changed=0 "$dns"
old=$(serial dns)
run changed=1 "$dns"$'\n'"force: true"
said '"reason": "a new one is asked for"'
differs dns "$old"

# standalone, on the port that is free once nginx is gone; pre and post hooks stop and start it
alone="name: alone
domains: [a.example.test]
method: standalone
pre_hook: nginx -c $work/nginx/nginx.conf -s stop; while [ -e $work/nginx/pid ]; do sleep 0.1; done
post_hook: nginx -e $work/nginx/error.log -c $work/nginx/nginx.conf"
run changed=1 "$alone"
differs alone none
[ -s "$work/nginx/pid" ] || fail "the post hook did not run"

# standalone on another port, behind a server that hands the question on
behind="name: behind
domains: [c.example.test]
method: standalone
http_port: 8402"
run changed=1 "$behind"
differs behind none
# an authority that does not answer
is_asleep run failed=1 "$behind
force: true
timeout: 5"
said 'no end within 5 seconds'
is_asleep run changed=0 "$behind"

# what cannot be shown to be ours, and leaves nothing
run failed=1 "domains: [nobody.example.invalid]
webroot: $work/nowhere"
said 'certbot failed: '
[ ! -e "$work/le/live/nobody.example.invalid" ] || fail "a certificate of a failure"
# a certificate that is damaged is made anew
: >"$(readlink -f "$work/le/live/dns/cert.pem")"
run changed=1 "$dns"
said '"reason": "it cannot be read"'
differs dns none

# removed, and revoked
run changed=1 "name: web
state: absent
revoke: true"
[ ! -e "$work/le/live/web" ] || fail "the certificate is still there"
grep -q -i 'revok' "$work/pebble/pebble.log" || fail "the authority was not told"
is_asleep run changed=0 "name: web
state: absent"
run changed=1 "name: ng
state: absent"
[ ! -e "$work/le/live/ng" ] || fail "the certificate is still there"
echo "obtained, expanded, renewed and removed in every way"
