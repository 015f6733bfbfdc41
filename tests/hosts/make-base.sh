#!/bin/bash
# make-base.sh [nopython|python]: makes (once) the Debian tree the hosts start from and prints its directory. Users: root and
# vagrant (sudo without password) and pwsudo (sudo with the password "secret") and plain (no sudo), all with one key.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
variant=${1:-nopython}
[ "$(id -u)" = 0 ] || skip "making a Debian tree needs root"
need_programs mmdebstrap flock ssh-keygen
repo=$("$hosts_home/repo.sh") || exit $?

# ca-certificates once here: it starts thousands of programs when it is installed
packages=systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,sudo,iproute2,procps,netbase,ca-certificates
case $variant in
    nopython) ;;
    python) packages+=,python3,python3-apt ;;
    *) die "the variants are nopython and python, not '$variant'" ;;
esac
tree=$hosts_cache/base-$variant-$(cat "$0" "$repo/Release" | sha256sum | cut -c1-12)

customize() { # ROOT
    local r=$1 u home
    echo debian >"$r/etc/hostname"
    printf '127.0.0.1 localhost\n' >"$r/etc/hosts"
    printf 'deb [trusted=yes] file:/srv/repo ./\n' >"$r/etc/apt/sources.list"
    : >"$r/etc/fstab"
    : >"$r/etc/machine-id"
    rm -f "$r"/etc/ssh/ssh_host_* "$r/etc/resolv.conf"
    for u in vagrant pwsudo plain; do chroot "$r" useradd -m -s /bin/bash "$u"; done
    echo 'pwsudo:secret' | chroot "$r" chpasswd
    echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >"$r/etc/sudoers.d/vagrant"
    echo 'pwsudo ALL=(ALL) ALL' >"$r/etc/sudoers.d/pwsudo"
    chmod 440 "$r/etc/sudoers.d/vagrant" "$r/etc/sudoers.d/pwsudo"
    for home in root home/vagrant home/pwsudo home/plain; do
        mkdir -p "$r/$home/.ssh"
        chmod 700 "$r/$home/.ssh"
        cp "$hosts_cache/id_ed25519.pub" "$r/$home/.ssh/authorized_keys"
        chmod 600 "$r/$home/.ssh/authorized_keys"
        [ "$home" = root ] || chroot "$r" chown -R "${home#home/}:" "/$home/.ssh"
    done
    printf 'UseDNS no\nPermitRootLogin prohibit-password\nHostKey /etc/ssh/ssh_host_ed25519_key\n' >"$r/etc/ssh/sshd_config.d/play.conf"
    # an image is older than what is in the repository
    find "$r/var/lib/apt/lists" -mindepth 1 -delete
    touch -d '2024-01-01 00:00 UTC' "$r/var/lib/apt/lists"
    chroot "$r" systemctl -q enable systemd-networkd.service ssh.service
    chroot "$r" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer \
        systemd-networkd-wait-online.service systemd-resolved.service
}

mkdir -p "$hosts_cache"
exec 8>"$hosts_cache/key.lock" # one key for both variants
flock 8
[ -f "$hosts_cache/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C play-hosts -f "$hosts_cache/id_ed25519"
exec 8>"$hosts_cache/base-$variant.lock"
flock 8
if [ ! -d "$tree" ]; then
    rm -rf "$hosts_cache/base-$variant-"* "$hosts_cache/.base-$variant".*
    work=$(mktemp -d "$hosts_cache/.base-$variant.XXXXXX")
    chmod 755 "$work"
    mmdebstrap --quiet --mode=root --variant=apt --format=directory --skip=check/qemu \
        --aptopt='Apt::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --include="$packages" '' "$work" "deb [trusted=yes] copy:$repo ./" >"$hosts_cache/base-$variant.log" 2>&1 || {
        tail -n 8 "$hosts_cache/base-$variant.log" >&2
        rm -rf "$work"
        die "the Debian tree could not be made"
    }
    customize "$work"
    mv "$work" "$tree"
fi
echo "$tree"
