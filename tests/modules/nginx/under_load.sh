#!/bin/bash
# under_load.sh PLAY: sites change, are refused, and are taken back while a real nginx is asked without a pause: no request may
# fail, and each answer is one of a site that was in place then.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../../hosts/lib.sh
. "$here/../../hosts/lib.sh"
# shellcheck source=../../hosts/loopback.sh
. "$here/../../hosts/loopback.sh"
play=$1
[ "$(id -u)" = 0 ] || skip "needs root"
export PATH=$PATH:/usr/sbin
need_programs nginx
work=$(mktemp -d)
port=$(free_ports 3)
export HOME=$work/home ANSIBLE_NOCOLOR=1 ANSIBLE_CONFIG=/dev/null
mkdir -p "$HOME" "$work"/etc/{sites-available,sites-enabled,conf.d}
pids=()
finish() {
    touch "$work/end"
    [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
    for f in "$work/pid" "$work/pid2"; do [ ! -s "$f" ] || kill "$(cat "$f")" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap finish EXIT
fail() {
    echo "FAILED: $*" >&2
    exit 1
}

cat >"$work/etc/nginx.conf" <<END
user root;
pid $work/pid;
error_log $work/error.log;
worker_processes 2;
events { worker_connections 256; }
http { access_log off; include $work/etc/conf.d/*; include $work/etc/sites-enabled/*; }
END
site() { echo "server { listen 127.0.0.1:$port; location / { return 200 'v$1'; } }"; }
site 0 >"$work/etc/sites-available/shop"
ln -s ../sites-available/shop "$work/etc/sites-enabled/shop"
nginx -e "$work/error.log" -c "$work/etc/nginx.conf"
# somebody else has this port: a configuration with it passes the test and cannot be used
cat >"$work/other.conf" <<END
pid $work/pid2;
error_log $work/error2.log;
events {}
http { access_log off; server { listen 127.0.0.1:$((port + 1)); } }
END
nginx -e "$work/error2.log" -c "$work/other.conf"

ask() { # FILE: until the end, a connection for each request
    local line status body n=0
    exec 2>>"$work/said"
    while [ ! -e "$work/end" ]; do
        n=$((n + 1))
        if ! exec 9<>"/dev/tcp/127.0.0.1/$port"; then
            echo "request $n: no connection" >>"$work/bad"
            continue
        fi
        printf 'GET / HTTP/1.0\r\nHost: shop\r\n\r\n' >&9
        status='' body=''
        IFS= read -r status <&9 || true
        while IFS= read -r line <&9 && [ "$line" != $'\r' ]; do :; done
        IFS= read -r body <&9 || true
        exec 9>&-
        [[ $status == *" 200 "* && $body =~ ^v[0-9]+$ ]] || echo "request $n: '$status' '$body'" >>"$work/bad"
        echo "$body" >>"$1"
    done
}
for i in 1 2 3; do
    ask "$work/got$i" &
    pids+=($!)
done

for i in 1 2 3; do wait_until 60 test -s "$work/got$i" || fail "no request was answered"; done

echo "server { listen 127.0.0.1:$port; location / { return 200 'v{{ version }}'; } }" >"$work/site.j2"
cat >"$work/p.yml" <<END
- hosts: all
  gather_facts: false
  connection: local
  module_defaults:
    nginx: {directory: $work/etc, service: "", name: shop}
  tasks:
    - name: the site changes
      nginx: {content: "server { listen 127.0.0.1:$port; location / { return 200 'v{{ item }}'; } }\n"}
      loop: [1, 2, 3, 4, 5, 6, 7, 8]
      register: r
      failed_when: not r.changed or not r.reloaded
    - name: nginx does not take it
      nginx: {content: "server { listen 127.0.0.1:$port; no_such_directive on; }\n"}
      register: r
      failed_when: "'nothing was changed' not in r.msg"
    - name: it passes the test, and cannot be used
      nginx: {content: "server { listen 127.0.0.1:$((port + 1)); location / { return 200 'v99'; } }\n", reload_timeout: 3}
      register: r
      failed_when: not r.rolled_back | default(false)
    - name: the one before is still there
      nginx: {content: "server { listen 127.0.0.1:$port; location / { return 200 'v8'; } }\n"}
      register: r
      failed_when: r.changed
    - name: another site, and a piece of configuration
      nginx: {name: "{{ item.name }}", kind: "{{ item.kind }}", content: "{{ item.text }}"}
      loop:
        - {name: api, kind: site, text: "server { listen 127.0.0.1:$((port + 2)); location / { return 200 'api'; } }\n"}
        - {name: types, kind: conf, text: "server_tokens off;\n"}
    - name: that are taken out again
      nginx: {name: "{{ item.name }}", kind: "{{ item.kind }}", state: absent}
      loop: [{name: api, kind: site}, {name: types, kind: conf}]
      register: r
      failed_when: not r.reloaded
    - name: from a template, and not reloaded
      nginx: {src: $work/site.j2, reload: false}
      vars: {version: 11}
      register: r
      failed_when: not r.changed or r.reloaded
    - name: back and forth
      nginx: {content: "server { listen 127.0.0.1:$port; location / { return 200 'v{{ item }}'; } }\n"}
      loop: [9, 10, 9, 10]
END
"$play" run "$work/p.yml" -i one, >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    fail "the run failed"
}
wait_until 30 grep -q '^v10$' "$work/got1"
touch "$work/end"
wait "${pids[@]}"
pids=()
[ ! -s "$work/bad" ] || fail "$(wc -l <"$work/bad") requests failed: $(head -3 "$work/bad")"
for v in 0 8 10; do grep -q "^v$v\$" "$work"/got* || fail "no answer of site $v: it never was in place"; done
grep -q '^v11$' "$work"/got* && fail "a site answered that nginx was not told of"
grep -q '^v99$' "$work"/got* && fail "a site that could not be used answered"
n=$(cat "$work"/got* | wc -l)
[ "$n" -gt 100 ] || fail "only $n requests"
echo "$n requests during 16 changes, none failed"
