#!/bin/bash
# repo.sh: makes (once) a local apt repository with all that the hosts of hosts.sh are made of and that the model project
# installs on them, dependencies included, and prints its directory. Packages come from where this machine's apt gets its own.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need_programs apt-get dpkg-scanpackages dpkg-query flock

host_packages=(apt systemd systemd-sysv dbus libpam-systemd openssh-server sudo iproute2 procps netbase)
site_packages=(git cron acl ca-certificates make tcc libc6-dev nginx supervisor certbot)
ansible_packages=(python3 python3-apt)
container_packages=(docker.io iptables)
# Debian itself, unchanged by what this machine may have added to its sources
mapfile -t essential < <(dpkg-query -W -f '${Essential} ${Package}\n' | sed -n 's/^yes //p')

stamp=$(printf '%s\n' "$(cat /etc/debian_version)" "${essential[@]}" "${host_packages[@]}" "${site_packages[@]}" \
    "${ansible_packages[@]}" "${container_packages[@]}" | sha256sum | cut -c1-12)
repo=$hosts_cache/repo-$stamp
mkdir -p "$hosts_cache"
exec 8>"$hosts_cache/repo.lock"
flock 8
if [ ! -d "$repo" ]; then
    work=$(mktemp -d "$hosts_cache/.repo.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/archives/partial" "$work/state/lists/partial"
    # With an empty status nothing counts as installed, so every dependency is fetched.
    : >"$work/state/status"
    apt-get -q -y -o Dir::State::status="$work/state/status" -o Dir::Cache::archives="$work/archives" \
        -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Debug::NoLocking=1 --download-only install \
        "${essential[@]}" "${host_packages[@]}" "${site_packages[@]}" "${ansible_packages[@]}" "${container_packages[@]}" >"$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        skip "the packages of the hosts cannot be downloaded (apt-get update may be due)"
    }
    rm -rf "$work/archives/partial" "$work/archives/lock"
    (
        cd "$work/archives"
        dpkg-scanpackages . >Packages 2>/dev/null
        printf 'Origin: play-tests\nSuite: hosts\nArchitectures: %s\nDate: %s\nSHA256:\n %s %s Packages\n' "$(dpkg --print-architecture)" \
            "$(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S UTC')" "$(sha256sum <Packages | cut -d' ' -f1)" "$(wc -c <Packages)" >Release
    )
    chmod -R a+rX "$work/archives"
    mv "$work/archives" "$repo"
fi
echo "$repo"
