#!/bin/bash
# bootstrap.sh build|test|demo: everything from a fresh Debian 12 to a built, tested or demonstrated `play`.
#   build  install the packages the build needs (apt, with sudo when not root) and build build/Release; `build arm64`
#          builds play-remote for arm64 targets too
#   test   build, and run the tests
#   demo   build, and deploy a small site to three throwaway ssh hosts on loopback, twice
set -euo pipefail
cd "$(dirname "$0")"

build_packages=(gcc cmake ninja-build pkg-config ccache libssh-dev libyaml-dev liblua5.4-dev libpcre2-dev
    libsqlite3-dev libssl-dev libjansson-dev libcrypt-dev libcmocka-dev libmbedtls-dev libc-ares-dev zlib1g-dev ca-certificates git make dpkg-dev
    openssh-server openssh-client)
demo_packages=(nginx-light curl)
test_packages=("${demo_packages[@]}" clang clang-format libclang-rt-14-dev shellcheck python3 python3-yaml sudo
    dropbear-bin tinysshd ansible-core supervisor cron acl attr file procps iproute2 systemd-container mmdebstrap pebble age
    unzip zip xz-utils bzip2 zstd util-linux docker.io docker-registry docker-compose busybox-static e2fsprogs xfsprogs lvm2 parted strace postgresql
    rsync opendoas pacman-package-manager makepkg libarchive-tools ufw apache2 dnf rpm createrepo-c)

die() {
    printf 'bootstrap: %s\n' "$*" >&2
    exit 1
}

need() { # packages...
    local missing=() p
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
    done
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get >/dev/null || die "these packages are needed, and this is no Debian system: ${missing[*]}"
    local sudo=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "not root and no sudo: please install ${missing[*]}"
        sudo=(sudo)
    fi
    printf 'bootstrap: installing %s\n' "${missing[*]}"
    # Services of these packages are not wanted here, only their programs.
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee $policy >/dev/null
        "${sudo[@]}" chmod 755 $policy
        # shellcheck disable=SC2064
        trap "${sudo[*]} rm -f $policy" EXIT
    fi
    "${sudo[@]}" apt-get -q update
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "${missing[@]}"
}

build() {
    need "${build_packages[@]}"
    cmake --preset Release "$@" >build-configure.log 2>&1 || {
        cat build-configure.log >&2
        die "the configuration failed"
    }
    rm -f build-configure.log
    cmake --build --preset Release
}

case ${1:-} in
build)
    if [ "${2:-}" = arm64 ]; then
        need gcc-aarch64-linux-gnu qemu-user-static
        build -DPLAY_ARM64=ON
    else
        build
    fi
    echo "bootstrap: build/Release/bin/play is ready"
    ;;
test)
    need "${test_packages[@]}"
    build
    # A second try everywhere, because a busy machine can starve the servers and machines that the tests start.
    ctest --test-dir build/Release --output-on-failure -j "$(($(nproc) + 1))" -LE 'e2e|diff|long' --repeat until-pass:2
    # Whole deployments; those that need much take turns (RESOURCE_LOCK).
    ctest --test-dir build/Release --output-on-failure -j "$(($(nproc) + 1))" -L 'e2e|diff' --repeat until-pass:2
    ;;
demo)
    need "${demo_packages[@]}"
    build
    tests/hosts/demo.sh "$PWD/build/Release/bin"
    ;;
*)
    sed -n '2,6s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
