#!/bin/sh
# stand-in.sh DIR: makes DIR/stand-in.tar, the root of one container image that plays every part of the deployments: a web server on the
# port it is told, stores that are always healthy, and the programs that fill and dump a database.
set -eu
root=$1/stand-in.root
mkdir -p "$root/bin" "$root/etc" "$root/tmp" "$root/www" "$root/data"
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in sh ls cat echo sleep httpd wget env id true false kill; do ln -s busybox "$root/bin/$applet"; done
for always in pg_isready redis-cli curl; do printf '#!/bin/sh\nexit 0\n' >"$root/bin/$always"; done
printf '#!/bin/sh\necho "-- a dump of $*"\n' >"$root/bin/pg_dump"
printf '#!/bin/sh\ncat >/data/restored.sql\n' >"$root/bin/psql"
cat >"$root/bin/app" <<'END'
#!/bin/sh
trap 'exit 0' TERM INT
port=${PORT:-8000}
case "$*" in
    *db:setup*) echo "database filled for $LOCAL_DOMAIN" && exit 0 ;;
    *'accounts create'*) printf 'OK\nNew password: made-by-the-first-run\n' && exit 0 ;;
    *'feeds build'*) exit 0 ;;
    *'rails s -p '*) port=${*##* -p } ;;
esac
echo "$0 $*"
env >/tmp/env
httpd -p "$port" -h /www
while :; do sleep 1000 & wait $!; done
END
chmod 755 "$root"/bin/app "$root"/bin/pg_* "$root"/bin/psql "$root"/bin/redis-cli "$root"/bin/curl
chmod 1777 "$root/tmp"
echo OK >"$root/www/health"
echo 'a page' >"$root/www/index.html"
printf 'root:x:0:0:root:/:/bin/sh\nmastodon:x:991:991:mastodon:/:/bin/sh\n' >"$root/etc/passwd"
tar -C "$root" -cf "$1/stand-in.tar" .
