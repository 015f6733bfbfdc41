#!/bin/bash
# alpine.sh RUN_CASES PLAY-REMOTE OPTION...: cases with play-remote in a root of Alpine on a small disk at /mnt, with a repository
# of its own. The root: PLAY_TEST_ALPINE, the name of a minirootfs (alpine-minirootfs-*.tar.gz). exit 77: not possible here
set -eu
skip() {
    echo "skipped: $*"
    exit 77
}
[ "$(id -u)" = 0 ] || skip 'a root of its own needs root'
[ -f "${PLAY_TEST_ALPINE:-}" ] || skip 'PLAY_TEST_ALPINE names no minirootfs of Alpine'
command -v openssl >/dev/null || skip 'openssl is not installed, which signs the repository'
if [ "${PLAY_TEST_DISK:-}" = "" ]; then
    PLAY_TEST_DISK=/mnt exec unshare --mount --propagation private "$0" "$@"
fi
run_cases=$(realpath "$1")
remote=$(realpath "$2")
shift 2
mount -t tmpfs -o mode=755,size=60m none /mnt
tar -xzf "$PLAY_TEST_ALPINE" -C /mnt
[ -x /mnt/sbin/apk ] || skip "$PLAY_TEST_ALPINE has no /sbin/apk"
chroot /mnt /sbin/apk --version >/dev/null || skip 'its apk does not run on this machine'
cp "$remote" /mnt/play-remote
mount --bind /proc /mnt/proc
mount --bind /dev /mnt/dev
mkdir -p /mnt/mnt/tmp /mnt/repo/x86_64 /mnt/work
chmod 1777 /mnt/tmp
mount --bind /mnt/tmp /mnt/mnt/tmp # the same names inside

# member FILE...: a tar without its end, as the parts of a package but the last are
member() {
    tar -C /mnt/work --format=ustar --owner=0 --group=0 --mtime=@1700000000 -b 1 -cf - "$@" | head -c "$(($# * 512 + ($(cat "${@/#//mnt/work/}" | wc -c) + 511) / 512 * 512))" | gzip -n
}
# package NAME VERSION LETTER DEPENDS: 200 files of that letter
package() {
    local dir=usr/share/$1 i
    mkdir -p "/mnt/work/$dir"
    for i in $(seq 200); do head -c 3000 /dev/zero | tr '\0' "$3" >"/mnt/work/$dir/f$i"; done
    (cd /mnt/work && tar --format=posix --owner=0 --group=0 --mtime=@1700000000 \
        "--pax-option=APK-TOOLS.checksum.SHA1:=$(sha1sum "/mnt/work/$dir/f1" | cut -d' ' -f1)" --sort=name -cf - usr) | gzip -n >/mnt/work/data
    printf 'pkgname = %s\npkgver = %s\npkgdesc = x\nurl = http://x\nbuilddate = 1700000000\npackager = me\nsize = 600000\narch = %s\norigin = x\nlicense = MIT\n%sdatahash = %s\n' \
        "$1" "$2" "$(uname -m)" "${4:+depend = $4
}" "$(sha256sum </mnt/work/data | cut -d' ' -f1)" >/mnt/work/.PKGINFO
    { member .PKGINFO && cat /mnt/work/data; } >"/mnt/repo/$(uname -m)/$1-$2.apk"
    rm -r /mnt/work/usr
}
package small 1.0-r0 x ''
package small 1.1-r0 y ''
package big 1.0-r0 x small
openssl genrsa -out /mnt/work/key.pem 2048 2>/dev/null
openssl rsa -in /mnt/work/key.pem -pubout -out /mnt/etc/apk/keys/t.rsa.pub 2>/dev/null
chroot /mnt sh -ec 'cd /repo/*/ && apk index --allow-untrusted -o /work/index.tar.gz ./*.apk' >/dev/null 2>&1
openssl dgst -sha1 -sign /mnt/work/key.pem -out /mnt/work/.SIGN.RSA.t.rsa.pub /mnt/work/index.tar.gz
{ member .SIGN.RSA.t.rsa.pub && cat /mnt/work/index.tar.gz; } >"/mnt/repo/$(uname -m)/APKINDEX.tar.gz"
echo /repo >/mnt/etc/apk/repositories
chroot /mnt /sbin/apk update --quiet
cp -a /mnt/lib/apk /mnt/saved
cp /mnt/etc/apk/world /mnt/saved.world
printf '#!/bin/sh\ncd /\nexec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root %s /mnt /play-remote\n' "$(command -v chroot)" >/mnt/enter
chmod +x /mnt/enter
rm -r /mnt/work
TMPDIR=/mnt/tmp exec "$run_cases" "$@" /mnt/enter "$(dirname "$(realpath "$0")")/kill/alpine.yml"
