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
# Debian's busybox is built without these; they do to the files what busybox 1.36 of Alpine was seen to do.
cat >"$root/bin/adduser" <<'END'
#!/bin/sh
id=1000 gecos='Linux User,,,' home= shell=/bin/ash
while getopts DHSu:G:g:h:s: o; do
    case $o in u) id=$OPTARG ;; g) gecos=$OPTARG ;; h) home=$OPTARG ;; s) shell=$OPTARG ;; *) ;; esac
done
shift $((OPTIND - 1))
! grep -q "^[^:]*:[^:]*:$id:" /etc/passwd || { echo "adduser: uid '$id' in use" >&2; exit 1; }
echo "$1:x:$id:$id:$gecos:${home:-/home/$1}:$shell" >>/etc/passwd
echo "$1:x:$id:" >>/etc/group
echo "$1:!:20784:0:99999:7:::" >>/etc/shadow
END
cat >"$root/bin/deluser" <<'END'
#!/bin/sh
[ "$1" != --remove-home ] || shift
sed -i "/^$1:/d" /etc/passwd /etc/group /etc/shadow
END
printf '#!/bin/sh\necho "$3:x:$2:" >>/etc/group\n' >"$root/bin/addgroup"
printf '#!/bin/sh\nsed -i "/^$1:/d" /etc/group\n' >"$root/bin/delgroup"
chmod 755 "$root"/bin/adduser "$root"/bin/deluser "$root"/bin/addgroup "$root"/bin/delgroup
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
