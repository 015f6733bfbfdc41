# shellcheck shell=bash
# To be sourced; `on I COMMAND...` runs a command as root on machine I.

# All that may hold anything of these runs; not logs, caches, lists of packages, and what belongs to the tool's own way in.
list() { # I: lines "MODE USER:GROUP DIGEST TYPE PATH", sorted by path
    on "$1" bash -s <<'END' | LC_ALL=C sort -k5
set -euo pipefail
cd /
wanted=(./etc ./srv ./var ./root ./home ./opt ./usr/local)
prune=(-path ./srv/repo)
for p in ./var/log ./var/cache ./var/tmp ./var/lib/apt ./var/lib/dpkg ./var/lib/systemd ./root/.ansible ./root/.cache \
    ./home/vagrant/.ansible ./home/vagrant/.cache ./srv/commons/.ansible ./srv/commons/.cache \
    ./etc/hostname ./etc/hosts ./etc/machine-id './etc/ssh/ssh_host_*' ./etc/systemd/network; do # the last: who this machine is
    prune+=(-o -path "$p")
done
find "${wanted[@]}" -xdev \( "${prune[@]}" -o -name __pycache__ \) -prune -o -type f -print0 >/tmp/files
paste -d' ' <(xargs -0 stat -c '%A %U:%G' </tmp/files) <(xargs -0 sha256sum </tmp/files | sed 's/ / f /')
find "${wanted[@]}" -xdev \( "${prune[@]}" -o -name __pycache__ \) -prune -o \( -type d -o -type l \) -printf '%M %u:%g - %y  %p %l\n'
rm /tmp/files
END
}
