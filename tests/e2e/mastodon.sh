#!/bin/bash
# mastodon.sh BIN_DIR: playbooks/mastodon.yml on a fresh Debian 12 machine without Python: an engine from apt, networks, units that run containers,
# a first run that fills the database, monitoring, a backup by a timer. Twice; then changed settings, check mode, a backup and what
# is restored from it. Every image is a stand-in: what is tested is what `play` makes of the machine.
set -euo pipefail
. "$(dirname "$0")/../hosts/deployment.sh"
deployment mastodon 1
sed -i 's/^social.example.org.*/web1/' "$work/inventories/mastodon/hosts"
cat >>"$work/inventories/mastodon/group_vars/mastodon.yml" <<'END'
container_image_source: local
container_sysctls: {net.core.somaxconn: 1024} # what a machine in a container may set
containers_health_seconds: 60
mastodon_tls: false
mastodon_search_limits: [] # nor may it raise limits or give all rights away
monitoring_cadvisor_rights: []
mastodon_stand_in: stand-in:1
END
sed -n 's/^\([a-z_]*_image\): .*/\1: "{{ mastodon_stand_in }}"/p' "$work"/playbooks/roles/{mastodon,monitoring}/defaults/main.yml >>"$work/inventories/mastodon/group_vars/mastodon.yml"

ids() { on 1 "docker inspect --format '{{.Name}} {{.Id}}' $*"; }

engine mastodon
play mastodon env=mastodon
it_is '$3 > 0 && $5 == 0'
before=$(ids mastodon-web mastodon-db caddy monitoring-grafana)
play mastodon env=mastodon
it_is '$3 == 0 && $5 == 0'
[ "$before" = "$(ids mastodon-web mastodon-db caddy monitoring-grafana)" ] || die "a second run restarted containers"

units='mastodon-db mastodon-redis mastodon-es mastodon-web mastodon-streaming mastodon-sidekiq caddy metrics-provider-nodeexporter
    metrics-provider-cadvisor metrics-provider-postgres metrics-provider-redis metrics-provider-sidekiq metrics-provider-mastodon
    metrics-provider-es monitoring-prometheus monitoring-grafana mastodon monitoring mastodon-backup.timer'
[ "$(on 1 systemctl is-active $units | sort | uniq -c | tr -s ' ')" = ' 19 active' ] || die "not every unit is active"
[ "$(on 1 systemctl is-enabled $units | sort | uniq -c | tr -s ' ')" = ' 19 enabled' ] || die "not every unit is enabled"
on 1 'docker inspect mastodon-db' | grep -q '"Status": "healthy"' || die "the database is not healthy"
[ "$(on 1 "docker inspect --format '{{range \$k, \$v := .NetworkSettings.Networks}}{{\$k}} {{end}}' mastodon-web")" = 'mastodon-net-external mastodon-net-internal ' ] ||
    die "the web container is not on both networks"
[ "$(on 1 "docker network inspect --format '{{.Internal}} {{(index .IPAM.Config 0).Subnet}}' mastodon-net-internal")" = 'true 10.10.0.0/24' ] || die "the internal network is not as described"
on 1 'docker exec mastodon-web cat /tmp/env' | grep -qx 'SECRET_KEY_BASE=t0p-secret 64 random bytes in hexadecimal' || die "the settings did not reach the container"
[ "$(on 1 stat -c %a:%U /opt/mastodon/mastodon.env /opt/mastodon/admin.env /opt/backup /opt/backup/backup.sh | tr '\n' ' ')" = '600:mastodon 600:root 700:root 500:root ' ] || die "wrong modes or owners"
on 1 cat /opt/mastodon/admin.env | grep -qx 'ADMIN_PASSWORD=made-by-the-first-run' || die "the first run left no password"

say '' 'Check mode tells what would change, and changes nothing.'
play mastodon env=mastodon -e monitoring_interval=5s -e mastodon_admin=eve --check --diff
it_is '$3 == 2 && $5 == 0'
grep -q '^+  scrape_interval: 5s' "$work/out" || die "the difference is not shown"
[ "$before" = "$(ids mastodon-web mastodon-db caddy monitoring-grafana)" ] || die "check mode restarted containers"

say '' 'A changed setting restarts what reads it, and nothing else.'
play mastodon env=mastodon -e mastodon_domain=other.example.org
it_is '$3 > 0 && $5 == 0'
after=$(ids mastodon-web mastodon-db caddy)
[ "$(diff <(head -3 <<<"$before") <(cat <<<"$after") | grep -c '^>')" = 2 ] || die "expected the web server and Mastodon's web to be new, and the database to be as before: $after"

say '' 'A backup, and what it holds.'
on 1 systemctl start mastodon-backup.service
archive=$(on 1 'ls /opt/backup/mastodon-*.tgz')
on 1 tar -tzf "$archive" >"$work/held"
for name in database.sql opt/mastodon/mastodon.env opt/caddy/etc/Caddyfile opt/mastodon/grafana/dashboards/host.json; do
    grep -qx "$name" "$work/held" || die "the backup lacks $name"
done
! grep -q '^opt/mastodon/postgres' "$work/held" || die "the backup has the database's own files"
on 1 rm /opt/caddy/etc/Caddyfile
on 1 /opt/backup/restore.sh "$archive"
on 1 test -f /opt/caddy/etc/Caddyfile || die "the restore did not put back the web server's settings"
on 1 docker exec mastodon-db cat /data/restored.sql | grep -q '^-- a dump of' || die "the database was not restored"
play mastodon env=mastodon -e mastodon_domain=other.example.org
it_is '$3 == 0 && $5 == 0'
no_secret_shown made-by-the-first-run
say '' 'The node is as it should be.'
