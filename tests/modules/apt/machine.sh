#!/bin/sh
# Runs a command in a throw-away copy of this Debian system (an overlay in a mount namespace) whose only apt source is
# a local repository of tiny packages, with a host name and a network of its own: what the command installs, removes or
# sets is gone when it ends. Needs root.
#   machine.sh build/tests/modules/run_cases build/bin/play-remote-x86_64 tests/modules/apt
set -eu
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || ! unshare --mount --uts --net true 2>/dev/null; then
    echo "skipped: needs root and a Debian system" >&2
    exit 77
fi
if [ "${PLAY_TEST_APT_INSIDE:-}" != mounts ]; then
    PLAY_TEST_APT_INSIDE=mounts exec unshare --mount --uts --net --propagation private "$0" "$@"
fi
unset PLAY_TEST_APT_INSIDE
here=$(pwd)
top=$(mktemp -d)
mount -t tmpfs -o mode=755 none "$top"
mkdir "$top/up" "$top/work" "$top/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$top/up,workdir=$top/work" "$top/root"
for d in proc sys dev; do
    if [ -d "/$d" ]; then mount --rbind "/$d" "$top/root/$d"; fi
done
mkdir -p "$top/root/tmp" && mount -t tmpfs -o mode=1777 none "$top/root/tmp"
mkdir -p "$top/root/tmp/bin"
# The directory it was called in is there as it is, wherever it lies; programs may lie elsewhere and are copied.
mkdir -p "$top/root$here" && mount --rbind "$here" "$top/root$here"
if [ -e "${1:-}" ]; then cp "$1" "$top/root/tmp/bin/run_cases"; fi
case "${2:-}" in *play-remote*) cp "$2" "$top/root/tmp/bin/play-remote" ;; esac

repo=$top/root/srv/play-repo
mkdir -p "$repo"
# name version [field...]
make_deb() {
    name=$1
    version=$2
    shift 2
    d=$repo/tree
    rm -rf "$d"
    mkdir -p "$d/DEBIAN" "$d/usr/share/$name"
    echo "$version" >"$d/usr/share/$name/version"
    {
        printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <n@example.test>\n' "$name" "$version"
        for field in "$@"; do printf '%s\n' "$field"; done
        printf 'Description: a package of the test suite\n'
    } >"$d/DEBIAN/control"
    if [ "$name" = qa-conf ]; then
        mkdir -p "$d/etc"
        echo x >"$d/etc/qa-conf.cfg"
        echo /etc/qa-conf.cfg >"$d/DEBIAN/conffiles"
    fi
    f=$repo/${name}_${version}_all.deb
    dpkg-deb --root-owner-group -b "$d" "$f" >/dev/null
    { dpkg-deb -f "$f"; printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$(basename "$f")" "$(stat -c %s "$f")" \
        "$(sha256sum "$f" | cut -d' ' -f1)"; } >>"$repo/Packages"
}
make_deb qa-a 1.0
make_deb qa-a 2.0
make_deb qa-b 1.0 'Depends: qa-a' 'Recommends: qa-r'
make_deb qa-c 1.0 'Provides: qa-virtual'
make_deb qa-r 1.0
make_deb qa-conf 1:1.0-1
make_deb qa-new 2.0 'Depends: qa-a, qa-r'
make_deb qa-lost 1.0 'Suggests: qa-nowhere'
make_deb qa-clash 1.0 'Conflicts: qa-a'
make_deb qa-real 1.0
make_deb qa-also 1.0 'Provides: qa-real'
make_deb qa-one 1.0 'Provides: qa-either'
make_deb qa-two 1.0 'Provides: qa-either'
rm -rf "$repo/tree"
mkdir -p "$repo/debs"
cp "$repo"/qa-a_*.deb "$repo"/qa-b_*.deb "$repo/debs/"
rm -f "$top/root/etc/apt/sources.list"
rm -rf "$top/root/etc/apt/sources.list.d" "$top/root/var/lib/apt/lists"
mkdir -p "$top/root/etc/apt/sources.list.d" "$top/root/var/lib/apt/lists/partial"
echo 'deb [trusted=yes] file:/srv/play-repo ./' >"$top/root/etc/apt/sources.list.d/qa.list"
rm -f "$top/root/usr/sbin/policy-rc.d"
chroot "$top/root" apt-get -q update >"$top/update" 2>&1 || { cat "$top/update" >&2; exit 2; }
ip link set lo up 2>/dev/null || true
export PLAY_TEST_APT=1 PLAY_TEST_MACHINE=1
if [ -e "$top/root/tmp/bin/play-remote" ]; then
    shift 2
    exec chroot "$top/root" /bin/sh -c 'cd "$1" && shift && exec /tmp/bin/run_cases /tmp/bin/play-remote "$@"' sh "$here" "$@"
fi
exec chroot "$top/root" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$here" "$@"
