#!/bin/bash
# blocked.sh BIN_DIR: what facts come from never answers: the mount of a server, a name server, a program of facts.d. The rest is
# there, what is missing is named, and no source takes longer than gather_timeout. exit 77: not possible here
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../../hosts/lib.sh
. "$here/../../hosts/lib.sh"
bin=$(absolute "${1:?usage: blocked.sh BIN_DIR}")
PATH=$PATH:/usr/sbin:/sbin
[ "$(id -u)" = 0 ] || skip "only root may mount"
need_programs ip mount unshare getent
if [ -z "${IN_NAMESPACE:-}" ]; then
    [ -c /dev/fuse ] || skip "no /dev/fuse"
    unshare -n -m -u true 2>/dev/null || skip "no namespaces"
    IN_NAMESPACE=1 exec unshare -n -m -u "$0" "$bin"
fi
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_)'); do unset "$name"; done
work=$(mktemp -d)
cleanup() {
    set +e
    exec 9>&- # the kernel gives up the mount
    umount -l "$work/dead"
    cd / && rm -rf "$work"
} 2>/dev/null
trap cleanup EXIT
cd "$work"
export HOME=$work LC_ALL=C.UTF-8
mount --make-rprivate /

# a name server whose packets go nowhere, and a name of this machine that only it could know
ip link set lo up
ip link add nowhere type veth peer name nobody 2>/dev/null || skip "no pair of network interfaces"
ip addr add 192.0.2.1/24 dev nowhere
ip link set nobody up
ip link set nowhere up
ip neigh add 192.0.2.53 lladdr 02:00:00:00:00:01 dev nowhere nud permanent
echo 'nameserver 192.0.2.53' >resolv.conf
echo '127.0.0.1 localhost' >hosts
echo 'hosts: files dns' >nsswitch.conf
for f in resolv.conf hosts nsswitch.conf; do
    [ -e "/etc/$f" ] || skip "no /etc/$f"
    mount --bind $f "$(readlink -f "/etc/$f")"
done
hostname unknown-here

# a file system whose server never says a word
mkdir dead facts.d
exec 9<>/dev/fuse
mount -i -t fuse.server -o fd=9,rootmode=40000,user_id=0,group_id=0 server:/export dead 2>/dev/null || skip "fuse cannot be mounted here"

printf '#!/bin/sh\nexec sleep 1000\n' >facts.d/a.fact
printf '#!/bin/sh\necho "{\\"after\\": true}"\n' >facts.d/b.fact
chmod +x facts.d/*.fact

cat >site.yml <<END
- hosts: localhost
  gather_facts: false
  tasks:
    - setup:
        gather_timeout: 5
        fact_path: $work/facts.d
      register: got
    - assert:
        quiet: true
        fail_msg: "{{ got | to_json }}"
        that:
          - ansible_mounts | selectattr('mount', 'equalto', '$work/dead') | map(attribute='note') | list ==
            ['Could not get extra information due to timeout']
          - ansible_mounts | selectattr('size_total', 'defined') | list | length > 0
          - ansible_hostname == 'unknown-here'
          - ansible_fqdn == 'unknown-here'
          - ansible_local.a is search('gather_timeout')
          - ansible_local.b.after
          - ansible_memtotal_mb > 0
          - got.warnings | select('search', 'getent gave no answer within 5 seconds') | list | length == 1
          - got.warnings | select('search', 'mount info for $work/dead') | list | length == 1
          - got.warnings | select('search', 'facts.d/a.fact') | list | length == 1
END
timeout 120 "$bin/play" run -i localhost, -c local site.yml >output 2>&1 || {
    cat output >&2
    die "facts were not gathered, or others than were expected"
}
say "a mount, a name server and a program that never answer: all else was gathered"
