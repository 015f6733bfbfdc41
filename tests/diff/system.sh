#!/bin/bash
# system.sh [--record] BIN_DIR [CASE...]: each playbook of system/ is run by play in a copy of this machine that is thrown away
# (an overlay of /, with a network, processes and mounts of its own); what happened to each task, what the tasks print and every
# file that was made, changed or removed must be what Ansible's own modules gave. --record runs those, by ansible-playbook and
# the collections of ANSIBLE_COLLECTIONS_PATH, and writes it to system/CASE.expected. exit 77: not possible here
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../hosts/lib.sh"
record=
[ "${1:-}" != --record ] || { record=1 && shift; }
bin=$(absolute "${1:?usage: system.sh [--record] BIN_DIR [CASE...]}")
shift
[ "$(id -u)" = 0 ] || skip "copies of the machine need root"
need_programs unshare chroot ip
[ -z "$record" ] || need_programs ansible-playbook
work=$(mktemp -d "${TMPDIR:-/tmp}/system.XXXXXX")
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/usr/sbin:/sbin

# What the tasks did and what debug printed, without times.
screen() {
    sed -E 's/ => (\{.*|changed=.*)?$//; s/: FAILED! =>.*/: FAILED!/; s/ \*+$//; /^(PLAY RECAP|$)/d; s/ +$//; /^\[WARNING\]/d; /^An exception occurred/d; /^(Exception|  [a-z0-9_.\/]+:[0-9]+:[0-9]+|  *[0-9]* \|)/d' "$1" |
        grep -vE "^(one|ERROR|  hint)[ :!]|^2\.1[0-9]" || true
}
# The files of the upper layer, but for caches, logs and what each run has of its own.
tree() {
    (
        cd "$1"
        find . -mindepth 1 \( -path ./tmp/own -o -path ./root -o -path ./run -o -path ./var/log -o -path './var/cache' -o -path './var/tmp' -o -path './dev' -o -path './var/backups' -o -name '__pycache__' \) -prune -o \
            \( -type f -printf '%y %m %u:%g %P ' -exec sh -c 'sed -E "s/[0-9]{2}:[0-9]{2}:[0-9]{2}//g" "$1" | sha256sum | cut -c1-16' _ {} \; -o -type l -printf '%y %P -> %l\n' -o -type c -printf 'gone %P\n' \)
    ) | LC_ALL=C sort
}
# inside ROOT RUNNER: in the namespaces
inside() {
    local root=$work/root
    mount --make-rprivate /
    mount -t tmpfs tmpfs "$work/disk"
    mkdir "$work/disk/up" "$work/disk/work"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$work/disk/up,workdir=$work/disk/work" "$root" 2>/dev/null || exit 77
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys" && mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/run"
    ip link set lo up
    mkdir -p "$root/tmp/own/home" "$root/srv/t"
    cp "$here/system/$2.yml" "$root/tmp/own/case.yml"
    : >"$root/tmp/own/ansible.cfg"
    local runner=("$bin/play" run)
    [ -z "$record" ] || runner=(ansible-playbook)
    chroot "$root" env -i PATH="$PATH" HOME=/tmp/own/home LC_ALL=C.UTF-8 ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_CONFIG=/tmp/own/ansible.cfg \
        ANSIBLE_COLLECTIONS_PATH="${ANSIBLE_COLLECTIONS_PATH:-}" ANSIBLE_STDOUT_CALLBACK=default TMPDIR=/tmp/own \
        timeout 300 "${runner[@]}" -c local -e ansible_python_interpreter=/usr/bin/python3 -i one, /tmp/own/case.yml >"$work/screen" 2>&1 </dev/null || true
    {
        screen "$work/screen"
        echo "-- files"
        tree "$work/disk/up"
    } >"$work/got"
    # what the case has started ends with this process, which is the first of its own
}
export -f inside screen tree
cases=("$@")
[ $# -gt 0 ] || mapfile -t cases < <(cd "$here/system" && ls ./*.yml | sed 's#^\./##; s/\.yml$//')
bad=0
mkdir "$work/root" "$work/disk"
export here bin record work
for name in "${cases[@]}"; do
    : >"$work/got"
    unshare --mount --net --pid --ipc --uts --fork --kill-child bash -euo pipefail -c 'inside "$@"' inside root "$name" || {
        rc=$?
        [ $rc != 77 ] || skip "overlays of / cannot be mounted here"
        die "$name could not be run"
    }
    if [ -n "$record" ]; then
        cp "$work/got" "$here/system/$name.expected"
    elif diff -u "$here/system/$name.expected" "$work/got" >"$work/diff"; then
        echo "ok: $name"
    else
        bad=$((bad + 1))
        echo "DIFFERS: $name"
        cat "$work/diff"
        cat "$work/screen"
    fi
done
[ "$bad" = 0 ] || die "$bad cases differ from what Ansible's modules gave"
