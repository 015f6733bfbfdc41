#!/bin/bash
# service.sh BIN_DIR: playbooks/service.yml on a fresh Debian 12 machine without Python: an engine, a database and a service in containers, their
# settings and secrets in files. Twice; then a changed setting, a new image and check mode. Images are stand-ins.
set -euo pipefail
. "$(dirname "$0")/../hosts/deployment.sh"
deployment service 1
sed -i 's/^ingest.example.org.*/web1/' "$work/inventories/service/hosts"
cat >"$work/inventories/service/group_vars/service.yml" <<'END'
couchdb_image: stand-in:1
service_image: stand-in:1
service_pull: false
service_ports: ["127.0.0.1:8000:8000"]
service_check: http://127.0.0.1:8000/health
END
engine service
play service env=service
it_is '$3 > 0 && $5 == 0'
play service env=service
it_is '$3 == 0 && $5 == 0'
id() { on 1 docker inspect --format '{{.Id}}{{.State.StartedAt}}' "$@"; }
[ "$(on 1 docker inspect --format '{{.State.Health.Status}}' couchdb)" = healthy ] || die "the database is not healthy"
on 1 docker exec grand-central cat /app/secrets.yml | grep -q 't0p-secret an access key\|key: an access key' || die "the secrets did not reach the service"
[ "$(on 1 stat -c %a /srv/grand-central/secrets.yml /opt/couchdb/etc/admins.ini | tr '\n' ' ')" = '600 600 ' ] || die "wrong modes"

say '' 'A changed setting restarts the service and leaves the database alone.'
db=$(id couchdb)
app=$(id grand-central)
play service env=service -e '{"service_config": {"sqs": {"interval": 5}}}' --check --diff
it_is '$3 > 0 && $5 == 0'
grep -q '^+.*interval: 5' "$work/out" || die "the difference is not shown"
[ "$app" = "$(id grand-central)" ] || die "check mode restarted the service"
play service env=service -e '{"service_config": {"sqs": {"interval": 5}}}'
it_is '$3 == 2 && $5 == 0'
[ "$app" != "$(id grand-central)" ] || die "the service was not restarted"
[ "$db" = "$(id couchdb)" ] || die "the database was restarted"
on 1 docker exec grand-central cat /app/config.yml | grep -q 'interval: 5' || die "the service does not see its new settings"

say '' 'A new image replaces the container.'
app=$(id grand-central)
on 1 'docker import -c "ENTRYPOINT [\"/bin/app\"]" -c "LABEL version=2" - stand-in:2' <"$work/stand-in.tar" >/dev/null
play service env=service -e '{"service_config": {"sqs": {"interval": 5}}}' -e service_image=stand-in:2
it_is '$3 == 1 && $5 == 0'
[ "$(on 1 docker inspect --format '{{.Config.Labels.version}}' grand-central)" = 2 ] || die "the old image runs on"
[ "$db" = "$(id couchdb)" ] || die "the database was restarted"
no_secret_shown
say '' 'The service is as it should be.'
