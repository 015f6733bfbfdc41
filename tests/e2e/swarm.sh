#!/bin/bash
# swarm.sh BIN_DIR: playbooks/swarm.yml on two fresh Debian 12 machines without Python: engines, a swarm of two managers, labels, a stack whose
# settings come from a vault, a nightly backup. Twice; then check mode and a changed number of replicas. Images are stand-ins.
set -euo pipefail
. "$(dirname "$0")/../hosts/deployment.sh"
deployment swarm 2
sed -i 's/^manager-01.example.org ansible_user=debian/web1/; s/^manager-02.example.org.*/web2/; /^manager-03/d' "$work/inventories/swarm/hosts"
cat >>"$work/inventories/swarm/group_vars/swarm.yml" <<'END'
container_packages: [docker.io, iptables]
container_sysctls: {net.core.somaxconn: 1024} # what a machine in a container may set
swarm_firewall: false
swarm_address: "{{ {'web1': '10.79.0.11', 'web2': '10.79.0.12'}[inventory_hostname] }}"
stack_app_image: stand-in:1
stack_db_image: stand-in:1
stack_redis_image: stand-in:1
stack_proxy_image: stand-in:1
stack_resolve_image: never # no registry has it
END
engine swarm
play swarm env=swarm
it_is '$5 == 0'
play swarm env=swarm
it_is '$3 == 0 && $5 == 0'

[ "$(on 1 "docker node ls --format '{{.Hostname}} {{.ManagerStatus}}'" | sort | tr '\n' ' ')" = 'web1 Leader web2 Reachable ' ] || die "not two managers"
[ "$(on 2 "docker node inspect --format '{{index .Spec.Labels \"traefik\"}}' web1")" = true ] || die "the first node has no label"
services() { on 1 "docker stack services --format '{{.Name}} {{.Replicas}}' mastodon" | sort | tr '\n' ' '; }
[ "$(services)" = 'mastodon_db 1/1 mastodon_redis 1/1 mastodon_sidekiq 1/1 mastodon_streaming 2/2 mastodon_traefik 1/1 mastodon_web 2/2 ' ] ||
    die "not every service runs: $(services)"
on 1 'docker ps --format {{.Names}}' | grep -q '^mastodon_db\.' || die "the database does not run where its label is"
web=$(on 1 docker ps -q --filter label=com.docker.swarm.service.name=mastodon_sidekiq)
[ -n "$web" ] && at=1 || at=2
on $at 'docker exec $(docker ps -q --filter label=com.docker.swarm.service.name=mastodon_sidekiq) cat /tmp/env' >"$work/env"
grep -qx 'SECRET_KEY_BASE=t0p-secret 64 random bytes in hexadecimal' "$work/env" || die "the settings did not reach the service"
on 1 cat /etc/cron.d/volume-backup | grep -q '^0 8 \* \* \* root /usr/local/sbin/volume-backup$' || die "no nightly backup"
on 1 /usr/local/sbin/volume-backup
on 1 'zcat /var/backups/volumes/mastodon_postgres-*.sql.gz' | grep -q '^-- a dump' || die "the database was not backed up"
on 1 'tar -tzf /var/backups/volumes/mastodon_redis-*.tgz' >/dev/null || die "the volume was not backed up"

say '' 'Check mode changes nothing; another number of replicas changes one service.'
play swarm env=swarm -e stack_web_replicas=3 --check
recap "$work/out" | grep -q '^web1 [0-9]* [1-9]' || die "check mode sees no change"
[[ $(services) == *'mastodon_web 2/2 ' ]] || die "check mode changed the stack"
before=$(on 1 docker service ps --quiet mastodon_db mastodon_streaming)
play swarm env=swarm -e stack_web_replicas=3
[[ $(services) == *'mastodon_web 3/3 ' ]] || die "the stack was not changed: $(services)"
[ "$before" = "$(on 1 docker service ps --quiet mastodon_db mastodon_streaming)" ] || die "other services were changed"
no_secret_shown "$(on 1 docker swarm join-token -q manager)"
say '' 'The swarm is as it should be.'
