#!/bin/bash
# serve.sh DIR ADDRESS:PORT: serves the files of DIR over HTTP with a private nginx, in the foreground.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need_programs nginx
root=$(absolute "${1:?usage: serve.sh DIR ADDRESS:PORT}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/error.log;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi;
    scgi_temp_path $work/scgi;
    server { listen ${2:?an address is needed}; root $root; }
}
END
[ "$(id -u)" != 0 ] || sed -i '1i user root;' "$work/nginx.conf"
trap 'kill "$!" 2>/dev/null; wait; rm -rf "$work"; exit 0' TERM INT
PATH=$PATH:/usr/sbin nginx -e "$work/error.log" -c "$work/nginx.conf" &
wait "$!"
