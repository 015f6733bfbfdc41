# shellcheck shell=bash
# One throwaway sshd, run as the invoking user, that answers on several loopback addresses as if they were machines.
# Source this after lib.sh; everything lives in $loop_dir, which loopback_stop removes.

# free_ports N: a port P such that P to P+N-1 are free on all loopback addresses used here
free_ports() {
    local p i try
    for try in $(seq 50); do
        p=$((20000 + (RANDOM * 32768 + RANDOM + try) % 12000))
        for ((i = 0; i < $1; i++)); do
            (exec 9<>"/dev/tcp/127.0.0.11/$((p + i))") 2>/dev/null && continue 2
        done
        echo "$p"
        return
    done
    die "no free ports on 127.0.0.11"
}

# loopback_start NAME=ADDRESS...: sets loop_dir and loop_port; each "machine" has its home in $loop_dir/NAME
loopback_start() {
    local pair sshd
    sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || skip "sshd is not installed (package openssh-server)"
    loop_dir=$(mktemp -d "${TMPDIR:-/tmp}/play-demo.XXXXXX")
    loop_port=$(free_ports 4)
    ssh-keygen -q -t ed25519 -N '' -C throwaway -f "$loop_dir/hostkey"
    ssh-keygen -q -t ed25519 -N '' -C throwaway -f "$loop_dir/id_ed25519"
    {
        printf 'Port %s\nHostKey %s/hostkey\nPidFile %s/sshd.pid\n' "$loop_port" "$loop_dir" "$loop_dir"
        printf 'AuthorizedKeysFile %s/id_ed25519.pub\nStrictModes no\nUsePAM %s\n' "$loop_dir" "$(pam_wanted)"
        printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n'
        printf 'UseDNS no\nPrintMotd no\nMaxSessions 100\nMaxStartups 100\nAllowUsers %s\n' "$(id -un)"
        for pair; do printf 'ListenAddress %s\n' "${pair#*=}"; done
        for pair; do
            printf 'Match LocalAddress %s\n    SetEnv HOME=%s/%s\n' "${pair#*=}" "$loop_dir" "${pair%%=*}"
        done
    } >"$loop_dir/sshd_config"
    for pair; do
        mkdir -m 700 "$loop_dir/${pair%%=*}"
        printf '[%s]:%s %s\n' "${pair#*=}" "$loop_port" "$(cut -d' ' -f1,2 "$loop_dir/hostkey.pub")" >>"$loop_dir/known_hosts"
    done
    # sshd started as root wants its empty directory, which a service would have made
    if [ "$(id -u)" = 0 ] && [ ! -d /run/sshd ]; then
        mkdir -m 755 /run/sshd
        loop_made_run=1
    fi
    "$sshd" -f "$loop_dir/sshd_config" -E "$loop_dir/sshd.log" || {
        cat "$loop_dir/sshd.log" >&2
        die "sshd did not start"
    }
    wait_until 10 test -s "$loop_dir/sshd.pid" || die "sshd did not start"
}

# Without PAM sshd refuses an account whose password is locked with "!"; only root can see that.
pam_wanted() {
    if [ "$(id -u)" = 0 ] && grep -q '^root:!' /etc/shadow; then echo yes; else echo no; fi
}

# Ends sshd and whatever wrote a pid file below the directory, then removes the directory.
loopback_stop() {
    local file pid
    [ -n "${loop_dir:-}" ] && [ -d "$loop_dir" ] || return 0
    while IFS= read -r file; do
        read -r pid <"$file" || continue
        kill "$pid" 2>/dev/null || true
    done < <(find "$loop_dir" -name '*.pid' -type f)
    # sessions still open are children of that sshd and end with their connection
    for _ in $(seq 20); do
        rm -rf "$loop_dir" 2>/dev/null && break
        sleep 0.1
    done
    [ -z "${loop_made_run:-}" ] || rmdir /run/sshd 2>/dev/null || true
    loop_dir=
}

# account_sshd USER: an sshd on 127.0.0.1 that lets in this account with home/key; all of it in the current directory. Sets
# port, and writes home/known and sshd.pid.
account_sshd() {
    ssh-keygen -q -t ed25519 -N '' -f home/key
    ssh-keygen -q -t ed25519 -N '' -f hostkey
    port=$(free_ports 1)
    cat >sshd_config <<-END
	ListenAddress 127.0.0.1
	Port $port
	HostKey $PWD/hostkey
	PidFile $PWD/sshd.pid
	AuthorizedKeysFile $PWD/home/key.pub
	StrictModes no
	UsePAM no
	AllowUsers $1
	END
    [ -d /run/sshd ] || mkdir -m 755 /run/sshd
    "$(command -v sshd)" -f sshd_config -E sshd.log || die "sshd did not start"
    wait_until 10 test -s sshd.pid || die "sshd did not start"
    printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 hostkey.pub)" >home/known
}
