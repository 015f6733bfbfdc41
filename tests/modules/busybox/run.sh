#!/bin/bash
# run.sh RUN_CASES PLAY-REMOTE: cases of modules on a target whose only userland is a static busybox, as on Alpine: what
# they ask for is its sh, tar, crontab, adduser ... exit 77: not possible here
set -eu
run_cases=$(realpath "$1")
remote=$(realpath "$2")
self=$(realpath "$0")
cd "$(dirname "$0")/.."
skip() {
    echo "skipped: $*"
    exit 77
}
[ "$(id -u)" = 0 ] || skip 'a root of its own needs root'
busybox=$(command -v busybox) || skip 'busybox is not installed'
ldd "$busybox" >/dev/null 2>&1 && skip 'busybox is not static'
if [ "${PLAY_TEST_BUSYBOX:-}" = "" ]; then
    root=$(mktemp -d)
    trap 'rmdir "$root"' EXIT
    PLAY_TEST_BUSYBOX=$root unshare -m "$self" "$run_cases" "$remote" || exit $?
    exit 0
fi
root=$PLAY_TEST_BUSYBOX
mount -t tmpfs -o mode=755 tmpfs "$root"
mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,etc,proc,sys,dev,tmp,root,home,var/spool/cron/crontabs,run,lib}
cp "$busybox" "$root/bin/busybox"
cp "$remote" "$root/play-remote"
for applet in $("$busybox" --list | grep -vx busybox); do ln -sf /bin/busybox "$root/bin/$applet"; done
printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\ndaemon:x:1:\nadm:x:4:\nnogroup:x:65533:\nnobody:x:65534:\n' >"$root/etc/group"
printf 'root:*:19000:0:99999:7:::\n' >"$root/etc/shadow"
printf 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME="Alpine Linux v3.19"\n' >"$root/etc/os-release"
echo 3.19.1 >"$root/etc/alpine-release"
chmod 600 "$root/etc/shadow"
mount --bind /proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t sysfs sysfs "$root/sys" 2>/dev/null || true
mount --bind /tmp "$root/tmp"
cat >"$root/enter" <<END
#!/bin/sh
cd /
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 chroot $root /play-remote
END
chmod +x "$root/enter"
export TMPDIR=/tmp
"$run_cases" "$root/enter" busybox assemble blockinfile command copy cron file find gather_facts hostname htpasswd ini_file lineinfile mount replace setup shell slurp sysctl tempfile template timezone unarchive yum_repository
