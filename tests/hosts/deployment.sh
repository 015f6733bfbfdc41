# shellcheck shell=bash
# For the tests that deploy one of the systems of playbooks/: machines with an engine, a copy of the project, its secrets encrypted, and
# `play` in the network of the machines. Sourced with the directory of the programs.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bin=$(absolute "${1:?usage: ${0##*/} BIN_DIR}")
need_programs busybox
work=$(mktemp -d)
leave() {
    set +e
    "$hosts_home/hosts.sh" stop "$work/hosts"
    rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

in_net() { "$hosts_home/hosts.sh" run "$work/hosts" "$@"; }
on() { "$hosts_home/hosts.sh" ssh "$work/hosts" "$@"; } # I COMMAND...

# deployment ENV MACHINES: machines web1 ..., and the project in $work with the environment's secrets: what is a word in the
# example is "t0p-secret" and that word
deployment() {
    local dir=$work/inventories/$1
    "$hosts_home/hosts.sh" start "$work/hosts" "$2" docker || exit $?
    "$hosts_home/stand-in.sh" "$work"
    cp -R "$repo_top/playbooks" "$repo_top/inventories" "$work/"
    mkdir -p "$work/home/.ssh"
    cp "$work/hosts/ssh-config" "$work/home/.ssh/config"
    (umask 077 && echo 'a password of this test' >"$work/vault-password")
    sed '/^#/d; s/: \([a-z0-9][a-z0-9 ]*\)$/: t0p-secret \1/; s/password: \(a\|the\)/password: t0p-secret \1/' "$dir/secrets.example" >"$dir/secrets"
    rm "$dir/secrets.example"
    (cd "$work" && "$bin/vault" encrypt --vault-password-file vault-password "$dir/secrets")
}
# engine ENV: an engine on every machine by the playbook's own tag, and the stand-in image in it. Where an engine is installed that
# does not start, or runs nothing, this machine cannot run the test.
engine() {
    local i rc=0
    (play "$1" "env=$1" -t container_host) || rc=$?
    for i in $(sed -n 's/^Host web//p' "$work/hosts/ssh-config"); do
        if on "$i" test -x /usr/sbin/dockerd && ! on "$i" docker info >/dev/null 2>&1; then
            skip "no engine starts here: $(on "$i" journalctl -q -u docker -n 1 --no-pager)"
        fi
        [ $rc = 0 ] || exit $rc
        on "$i" 'docker import -c "ENTRYPOINT [\"/bin/app\"]" - stand-in:1' <"$work/stand-in.tar" >/dev/null
        on "$i" docker run --rm --entrypoint /bin/true stand-in:1 || skip "the engine runs no container here"
    done
    it_is '$3 > 0 && $5 == 0'
}

# play ARGUMENTS...: shows the recap, and all of it when it fails
play() {
    say "\$ play $*"
    if ! (cd "$work" && in_net env -i HOME="$work/home" PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8 "$bin/play" "$@" >"$work/out" 2>&1); then
        tail -n 60 "$work/out"
        die "play failed"
    fi
    cat "$work/out" >>"$work/all"
    recap "$work/out"
}
# it_is TEST: of "host ok changed unreachable failed", of every machine
it_is() {
    recap "$work/out" | awk "END { if (NR == 0) exit 1 } !($1) { exit 1 }" || {
        cat "$work/out"
        die "expected of every machine: $1"
    }
}
no_secret_shown() { if grep -q "t0p-secret${1:+\|$1}" "$work/all"; then die "a secret was shown"; fi; }
