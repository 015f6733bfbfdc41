#!/bin/bash
# places.sh BIN_DIR: where play-remote can be put on a target and where not: directories mounted noexec, read-only, full; no shell. The
# target is a busybox tree; needs root and mount namespaces.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
bin=$(absolute "${1:?usage: places.sh BIN_DIR}")
[ "$(id -u)" = 0 ] || skip "only root may chroot"
need_programs busybox unshare
ldd "$(command -v busybox)" >/dev/null 2>&1 && skip "busybox is not static"
unshare -m true 2>/dev/null || skip "no mount namespaces"
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
work=$(mktemp -d "${TMPDIR:-/tmp}/places.XXXXXX")
trap 'rm -rf "$work"' EXIT
export HOME=/root LC_ALL=C.UTF-8
cd "$work" || exit 1
failed=0
passed=0
mkdir -p root/{bin,tmp,root,proc,dev/shm,sys,etc,var/tmp}
cp "$(command -v busybox)" root/bin/
for applet in sh uname id wc mkdir chmod rm mv cp head cat echo sha256sum sync; do ln -s busybox "root/bin/$applet"; done
echo 'root:x:0:0:root:/root:/bin/sh' >root/etc/passwd
: >root/etc/os-release
mknod -m 666 root/dev/null c 1 3 || skip "cannot make devices"
printf -- '- hosts: all\n  gather_facts: false\n  tasks:\n    - command: /bin/echo it works\n      register: r\n    - debug: {var: r.stdout}\n' >site.yml
printf -- '- hosts: all\n  gather_facts: false\n  tasks:\n    - raw: echo it works\n      register: r\n    - debug: {var: r.stdout}\n' >raw.yml

# check NAME STATUS TEXT MOUNTS [PLAYBOOK [ARGS]]: a run after these commands ends so and its output has TEXT
check() {
    local rc=0
    unshare -m sh -c "set -e; $4
        exec timeout 60 '$bin/play' run '${5:-site.yml}' -i box, -c community.general.chroot -e 'ansible_host=$work/root' ${6:-}" >output 2>&1 || rc=$?
    judge "$1" "$rc" "$2" "$3"
}
all='root var/tmp tmp dev/shm'
each() { echo "for d in $all; do mount -t tmpfs -o $1 none root/\$d; done"; }

check "everything as usual" 0 "it works" "true"
check "a home that is noexec: the next place" 0 "it works" "mount -t tmpfs -o noexec none root/root"
check "no place but noexec ones" 4 "/root/.cache/play is mounted noexec; /var/tmp/.play-0 is mounted noexec" "$(each noexec)"
check "only read-only file systems" 4 "Read-only file system" "$(each ro)"
check "full disks" 4 "is the disk full" "$(each size=64k)"
check "nearly full: what arrived is compared" 4 "cannot put play-remote on host 'box'" "$(each size=2m)"
check "raw works without any place" 0 "it works" "$(each noexec)" raw.yml
check "and a place that is told" 0 "it works" "$(each noexec); mkdir -p root/srv" site.yml "-e ansible_remote_tmp=/srv"
check "no shell" 4 "UNREACHABLE" "rm root/bin/sh"
ln -s busybox root/bin/sh
check "all there again" 0 "it works" "true"
say "$passed checks passed, $failed failed"
[ "$failed" = 0 ]
