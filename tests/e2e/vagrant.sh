#!/bin/bash
# vagrant.sh BIN_DIR: the model project on two fresh Debian 12 machines without Python (hosts.sh), reached by what a stub `vagrant`
# on PATH prints, with certificates from a local ACME server: provision, deploy, deploy again without a change, and what
# then runs there. Then refused sudo, while the other machine goes on.
set -euo pipefail
. "$(dirname "$0")/../hosts/lib.sh"
bin=$(absolute "${1:?usage: vagrant.sh BIN_DIR}")
need_programs git curl pebble
work=$(mktemp -d)
cleanup() {
    set +e
    [ -z "${http_pid:-}" ] || kill "$http_pid"
    [ ! -d "$work/pebble" ] || "$hosts_home/pebble.sh" stop "$work/pebble"
    "$hosts_home/hosts.sh" stop "$work/hosts"
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

"$hosts_home/hosts.sh" start "$work/hosts" 2 nopython || exit $?
in_net() { "$hosts_home/hosts.sh" run "$work/hosts" "$@"; }
on() { "$hosts_home/hosts.sh" ssh "$work/hosts" "$@"; }
in_net "$hosts_home/pebble.sh" start "$work/pebble" 10.79.0.1 web1.example.test=10.79.0.11 web2.example.test=10.79.0.12
for i in 1 2; do
    ! on $i command -v python3 >/dev/null || die "a machine without Python was wanted"
    on $i tee /usr/local/share/pebble.pem <"$work/pebble/ca.pem" >/dev/null
done

# The project as a user would have it, with its own settings for these machines; the application comes over HTTP from here.
cp -R "$repo_top/playbooks" "$repo_top/inventories" "$work/"
"$hosts_home/site-repo.sh" "$work/www/commons.git"
"$hosts_home/hosts.sh" run "$work/hosts" "$hosts_home/serve.sh" "$work/www" 10.79.0.1:8000 &
http_pid=$!
cat >>"$work/inventories/vagrant/group_vars/web.yml" <<'END'
letsencrypt_enabled: true
site_domain: "{{ inventory_hostname }}.example.test"
certbot_server: https://10.79.0.1:14000/dir
certbot_environment: {REQUESTS_CA_BUNDLE: /usr/local/share/pebble.pem}
db_store: file
db_required: true # any TCP server elsewhere will do here
END
sed -i 's|^git_repo:.*|git_repo: http://10.79.0.1:8000/commons.git|' "$work/inventories/vagrant/group_vars/web.yml"
(umask 077 && echo 'a password of this test' >"$work/vault-password")
sed 's/^db_host:.*/db_host: 10.79.0.1/; s/^db_port:.*/db_port: 14000/; s/: \(any\|another\|the\) .*/: t0p-\1-secret/; /^#/d' \
    "$work/inventories/vagrant/secrets.example" >"$work/inventories/vagrant/secrets"
(cd "$work" && "$bin/vault" encrypt --vault-password-file vault-password inventories/vagrant/secrets)
head -n 1 "$work/inventories/vagrant/secrets" | grep -q '^\$ANSIBLE_VAULT' || die "the secrets are not encrypted"
mkdir "$work/stub" "$work/home"
printf '#!/bin/sh\n[ "$1" = ssh-config ] && [ -f Vagrantfile ] && exec cat %s/hosts/ssh-config\nexit 1\n' "$work" >"$work/stub/vagrant"
chmod 755 "$work/stub/vagrant"

# play ARGUMENTS...: in the project and the network of the machines
play() {
    say "\$ play $*"
    (cd "$work" && in_net env -i HOME="$work/home" PATH="$work/stub:/usr/bin:/bin:/usr/sbin:/sbin" LC_ALL=C.UTF-8 "$bin/play" "$@" 2>&1) | tee "$work/out"
}
# hosts_are TEST: of "host ok changed unreachable failed", for both machines
hosts_are() {
    recap "$work/out" | awk "END { if (NR != 2) exit 1 } !($1) { exit 1 }" || die "expected of both machines: $1"
}

play ping env=vagrant
play provision env=vagrant
hosts_are '$3 > 0 && $5 == 0'
play provision env=vagrant
hosts_are '$3 == 0 && $5 == 0'
play deploy env=vagrant
hosts_are '$3 > 0 && $5 == 0'
play deploy env=vagrant
hosts_are '$3 == 0 && $5 == 0'

for i in 1 2; do
    name=web$i.example.test
    fetch() { in_net curl -sS --cacert "$work/pebble/root.pem" --resolve "$name:443:10.79.0.1$i" --resolve "$name:80:10.79.0.1$i" "$@"; }
    fetch "https://$name/" | grep -q 'Welcome to commons' || die "$name does not answer over TLS"
    fetch "https://$name/api/health" | grep -q '"status": "ok"' || die "the API of $name does not answer"
    [ "$(fetch -o /dev/null -w '%{http_code}' "http://$name/")" = 301 ] || die "http://$name/ does not lead to https"
    [ "$(on $i supervisorctl status | grep -c ' RUNNING ')" = 2 ] || die "web$i: not both programs run"
    on $i crontab -l | grep -A1 '^#Ansible: certs_renewal$' | grep -q '^@weekly certbot renew -q' || die "web$i: no renewal in cron"
    on $i systemctl is-active nginx supervisor cron >/dev/null || die "web$i: a service is not active"
    [ "$(on $i stat -c %a:%U /srv/commons/shared/env)" = 600:commons ] || die "web$i: wrong mode or owner of the settings"
done
if grep -q 't0p-' "$work/out"; then die "a secret was shown"; fi

say '' 'A new commit is deployed and the programs are restarted.'
before=$(on 1 supervisorctl pid api)
git clone -q "$work/www/commons.git" "$work/clone"
(cd "$work/clone" && sed -i 's/Welcome to/Welcome back to/' site.c &&
    git -c user.name=t -c user.email=t@example.org commit -qam 'Warmer' && git push -q && git -C "$work/www/commons.git" update-server-info)
play deploy env=vagrant -t app
hosts_are '$3 > 0 && $5 == 0'
in_net curl -sS --cacert "$work/pebble/root.pem" --resolve web1.example.test:443:10.79.0.11 https://web1.example.test/ |
    grep -q 'Welcome back to commons' || die "the new commit does not run"
[ "$(on 1 supervisorctl pid api)" != "$before" ] || die "the program was not restarted"

say '' 'sudo is refused on web1: a clear message, exit status 2, and web2 goes on.'
for user in plain pwsudo; do
    rc=0
    printf 'web1 ansible_user=%s\n' $user >"$work/refused"
    play run playbooks/provision.yml -i "$work/hosts/ssh-config" -i "$work/inventories/vagrant/hosts" -i "$work/refused" -t base || rc=$?
    [ $rc = 2 ] || [ $rc = 4 ] || die "exit status $rc with sudo refused to $user"
    recap "$work/out" | grep -q '^web2 [1-9][0-9]* 0 0 0$' || die "web2 did not go on"
    grep -qi 'sudo\|password' "$work/out" || die "no message about sudo"
done
rc=0
printf 'web1 ansible_user=pwsudo ansible_become_password=wrong\n' >"$work/refused"
play run playbooks/provision.yml -i "$work/hosts/ssh-config" -i "$work/inventories/vagrant/hosts" -i "$work/refused" -t base || rc=$?
[ $rc != 0 ] && grep -qi 'incorrect\|wrong\|password' "$work/out" || die "a wrong sudo password was not reported"
printf 'web1 ansible_user=pwsudo ansible_become_password=secret\n' >"$work/refused"
play run playbooks/provision.yml -i "$work/hosts/ssh-config" -i "$work/inventories/vagrant/hosts" -i "$work/refused" -t base
hosts_are '$3 == 0 && $5 == 0'
say '' 'Both machines are as they should be.'
