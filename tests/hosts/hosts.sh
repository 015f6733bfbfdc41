#!/bin/bash
# hosts.sh start RUN N [nopython|python|docker] | stop RUN | run RUN COMMAND... | ssh RUN I [COMMAND...]
# N disposable Debian 12 machines with systemd as process 1, sshd and apt, named web1 to webN at 10.79.0.11 and up, by
# systemd-nspawn over overlays of one read-only tree. They are on a bridge in a network namespace of their own, which nothing
# leaves: `run` starts a command of the controller in it (the controller is 10.79.0.1 there). All state is in the directory RUN:
# known_hosts, ssh-config (as `vagrant ssh-config` prints it) and id_ed25519 are for the tests. exit 77: not possible here
set -euo pipefail
. "$(dirname "$0")/lib.sh"
command=${1:?usage: hosts.sh start|stop|run|ssh RUN ...}
run=${2:?a directory for the state is needed}
shift 2

address() { echo "10.79.0.$((10 + $1))"; }
in_net() { nsenter --net="/proc/$(cat "$run/net.pid")/ns/net" "$@"; }

# Where overlays can be written: the cache, or memory when that is itself on an overlay.
prepare_disk() {
    mkdir -p "$run"
    run=$(absolute "$run")
    mkdir -p "$run/disk/probe"/{up,work,root}
    if ! mount -t overlay overlay -o "lowerdir=$1,upperdir=$run/disk/probe/up,workdir=$run/disk/probe/work" "$run/disk/probe/root" 2>/dev/null; then
        mount -t tmpfs -o mode=700 tmpfs "$run/disk" 2>/dev/null || skip "no file system can be mounted here"
        mkdir -p "$run/disk/probe"/{up,work,root}
        mount -t overlay overlay -o "lowerdir=$1,upperdir=$run/disk/probe/up,workdir=$run/disk/probe/work" "$run/disk/probe/root" 2>/dev/null ||
            skip "overlays cannot be mounted here"
    fi
    umount "$run/disk/probe/root"
}

prepare_net() {
    unshare --net sleep infinity &
    echo $! >"$run/net.pid"
    disown
    # sleep has left our namespace once its own differs
    wait_until 5 eval '[ "$(readlink "/proc/$(cat "$run/net.pid")/ns/net")" != "$(readlink /proc/self/ns/net)" ]' || skip "no network namespace can be made here"
    in_net ip link set lo up
    in_net ip link add playbr0 type bridge forward_delay 0 2>/dev/null || skip "no bridge can be made here"
    in_net ip addr add 10.79.0.1/24 dev playbr0
    in_net ip link set playbr0 up
}

# Each guest gets a cgroup of its own in every hierarchy, so that guests do not see each other's processes.
enter_cgroup() { # NAME; moves the calling shell
    local c d
    for c in /sys/fs/cgroup /sys/fs/cgroup/*/; do
        d=${c%/}/play-hosts.$1
        { [ -f "${c%/}/cgroup.procs" ] && mkdir -p "$d"; } 2>/dev/null || continue
        if [ -f "$d/cpuset.cpus" ]; then
            cat "${c%/}/cpuset.cpus" >"$d/cpuset.cpus"
            cat "${c%/}/cpuset.mems" >"$d/cpuset.mems"
        fi 2>/dev/null
        { echo "$BASHPID" >"$d/cgroup.procs"; } 2>/dev/null || true
        # with one hierarchy its directories below are no other controllers
        [ "${c%/}" != /sys/fs/cgroup ] || break
    done
}

# A machine on which a Docker engine can run: its cgroups are writable, its images are on no overlay.
allow_docker() { # DIR; sets unit
    mkdir -p "$1/docker" "$1/root/etc/systemd/system/sysinit.target.wants"
    cat >"$1/root/etc/systemd/system/play-cgroup.service" <<'END'
[Unit]
DefaultDependencies=no
Before=docker.service containerd.service sysinit.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mount -o remount,rw /sys/fs/cgroup; for c in /sys/fs/cgroup/*/; do mount -o remount,rw,bind $$c; done; mount -o remount,rw /proc/sys; true'
END
    ln -s ../play-cgroup.service "$1/root/etc/systemd/system/sysinit.target.wants/"
    unit+=(--capability=all "--bind=$1/docker:/var/lib/docker")
}

start_one() { # I TREE REPO VARIANT
    local i=$1 m=$run/disk/web$1 name=web$1 unit=(--keep-unit)
    mkdir -p "$m"/{up,work,root}
    mount -t overlay overlay -o "lowerdir=$2,upperdir=$m/up,workdir=$m/work" "$m/root"
    echo "$name" >"$m/root/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >"$m/root/etc/hosts"
    printf '[Match]\nName=host0\n[Network]\nAddress=%s/24\nLinkLocalAddressing=no\n' "$(address "$i")" >"$m/root/etc/systemd/network/05-host0.network"
    ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$m/root/etc/ssh/ssh_host_ed25519_key"
    printf '%s %s\n' "$(address "$i")" "$(cut -d' ' -f1,2 "$m/root/etc/ssh/ssh_host_ed25519_key.pub")" >>"$run/known_hosts"
    printf 'Host %s\n  HostName %s\n  User vagrant\n  Port 22\n  UserKnownHostsFile %s/known_hosts\n  StrictHostKeyChecking yes\n  PasswordAuthentication no\n  IdentityFile %s/id_ed25519\n  IdentitiesOnly yes\n  LogLevel FATAL\n\n' \
        "$name" "$(address "$i")" "$run" "$run" >>"$run/ssh-config"
    [ ! -d /run/systemd/system ] || unit=()
    [ "$4" != docker ] || allow_docker "$m"
    (
        [ -d /run/systemd/system ] || enter_cgroup "$$.$name"
        export SYSTEMD_SECCOMP=0
        exec setsid nsenter --net="/proc/$(cat "$run/net.pid")/ns/net" systemd-nspawn -q -D "$m/root" -M "play-$$-$name" --register=no "${unit[@]}" \
            --boot --console=pipe --network-bridge=playbr0 --resolv-conf=off --timezone=off --link-journal=no \
            --bind-ro="$3:/srv/repo" </dev/null >"$m/console.log" 2>&1
    ) &
    echo $! >"$run/web$i.pid"
    disown
}

start() {
    local n=$1 variant=${2:-nopython} tree repo i
    [ "$(id -u)" = 0 ] || skip "machines by systemd-nspawn need root"
    need_programs systemd-nspawn unshare nsenter ip ssh ssh-keygen
    repo=${PLAY_HOSTS_REPO:-$("$hosts_home/repo.sh")} || exit $?
    tree=$("$hosts_home/make-base.sh" "${variant/docker/nopython}") || exit $?
    prepare_disk "$tree"
    cp "$hosts_cache/id_ed25519" "$run/id_ed25519"
    chmod 600 "$run/id_ed25519"
    prepare_net
    echo $$ >"$run/starter" # it is in the names of the cgroups
    for ((i = 1; i <= n; i++)); do start_one "$i" "$tree" "$repo" "$variant"; done
    for ((i = 1; i <= n; i++)); do
        wait_until 90 guest_ssh "$i" true || {
            tail -n 5 "$run/disk/web$i/console.log" >&2
            die "web$i did not come up"
        }
    done
}

guest_ssh() { # I COMMAND...: as root
    local i=$1
    shift
    in_net timeout 300 ssh -F /dev/null -i "$run/id_ed25519" -o UserKnownHostsFile="$run/known_hosts" -o BatchMode=yes -o ConnectTimeout=5 -o LogLevel=ERROR \
        "root@$(address "$i")" "$@"
}

stop() {
    local f root mine
    [ -d "$run" ] || return 0
    mine=$(cat "$run/starter" 2>/dev/null)
    for f in "$run"/web*.pid; do # the guests' disks are thrown away: no orderly end is needed
        [ -f "$f" ] && pkill -KILL -P "$(cat "$f")" 2>/dev/null
        [ -f "$f" ] && kill -KILL "$(cat "$f")" 2>/dev/null
    done
    [ -f "$run/net.pid" ] && kill "$(cat "$run/net.pid")" 2>/dev/null
    for root in "$run"/disk/*/root; do umount -l "$root" 2>/dev/null; done
    umount -l "$run/disk" 2>/dev/null
    for _ in $(seq 50); do
        rm -rf "$run" 2>/dev/null && break
        sleep 0.1
    done
    [ -z "$mine" ] || find /sys/fs/cgroup -depth -type d -path "*/play-hosts.$mine.*" -exec rmdir {} + 2>/dev/null
    return 0
}

stop_failed() {
    local rc=$?
    set +e
    [ $rc = 0 ] || stop
    exit $rc
}

case $command in
    start)
        trap stop_failed EXIT
        start "$@"
        ;;
    stop) set +e && stop ;;
    run) exec nsenter --net="/proc/$(cat "$run/net.pid")/ns/net" "$@" ;; # so that who started it can stop it
    ssh) guest_ssh "$@" ;;
    *) die "start, stop, run or ssh, not '$command'" ;;
esac
