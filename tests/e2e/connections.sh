#!/bin/bash
# connections.sh BIN_DIR: connections that are a program in front of the command. Each program is a stub that writes its
# arguments down and runs the command here; chroot (busybox), systemd-nspawn and the system's ssh are the real ones.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: connections.sh BIN_DIR}")
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
work=$(mktemp -d "${TMPDIR:-/tmp}/connections.XXXXXX")
failed=0
passed=0
cleanup() {
    [ -z "${loop_dir:-}" ] || loopback_stop
    rm -rf "$work"
}
trap cleanup EXIT
export HOME=$work/home LC_ALL=C.UTF-8
mkdir -p "$HOME" "$work/stubs" && cd "$work" || exit 1

cat >stub <<'STUB'
#!/bin/sh
printf '%s' "${0##*/}" >>"$STUB_LOG"
while [ $# -gt 0 ] && [ "$1" != /bin/sh ]; do
    printf ' %s' "$1" >>"$STUB_LOG"
    shift
done
echo >>"$STUB_LOG"
exec "$@"
STUB
chmod +x stub
for program in docker podman buildah kubectl oc lxc-attach lxc incus systemd-nspawn systemd-run virsh nsenter; do
    cp stub "stubs/$program"
done
cat >site.yml <<'PLAY'
- hosts: all
  gather_facts: false
  tasks:
    - command: /bin/echo from {{ inventory_hostname }}
      register: said
    - copy: {content: "{{ said.stdout }}", dest: "{{ out }}/result"}
    - raw: echo raw
PLAY


# stub KIND VARS EXPECTED: the line of arguments that the program gets for the host box1
stub() {
    : >log
    PATH=$work/stubs:$PATH STUB_LOG=$work/log timeout 60 "$bin/play" run site.yml -i box1, -c "$1" -e "out=$work" \
        -e "$2" >output 2>&1
    local rc=$?
    check "$1: exit status" 0 "$rc"
    [ $rc = 0 ] || tail -5 output
    check "$1: words" "$3" "$(sort -u log)"
    check "$1: what it did" "from box1" "$(cat result 2>/dev/null)"
    rm -f result
}

# refused KIND VARS TEXT: the message names what is wrong, and no program was started
refused() {
    : >log
    PATH=$work/stubs:$PATH STUB_LOG=$work/log timeout 60 "$bin/play" run site.yml -i box1, -c "$1" -e "out=$work" \
        -e "$2" >output 2>&1
    check "$1 $2: nothing was started" "" "$(cat log)"
    grep -qF -- "$3" output
    check "$1 $2: message has '$3'" 0 $?
}

stub docker '{}' 'docker exec -i box1'
stub community.docker.docker \
    '{"ansible_docker_extra_args": "--tlsverify -H tcp://1.2.3.4:1", "ansible_user": "app", "ansible_host": "web"}' \
    'docker --tlsverify -H tcp://1.2.3.4:1 exec -u app -i web'
stub community.docker.docker_api '{"ansible_docker_privileged": true, "ansible_docker_working_dir": "/srv"}' \
    'docker exec -w /srv --privileged -i box1'
stub community.docker.nsenter '{"ansible_nsenter_pid": 7}' \
    'nsenter --ipc --mount --net --pid --uts --preserve-credentials --target=7 --'
stub containers.podman.podman '{"ansible_podman_extra_args": "--log-level error", "ansible_user": "u"}' \
    'podman --log-level error exec --user u -i box1'
stub buildah '{}' 'buildah run -- box1 --'
stub kubernetes.core.kubectl \
    '{"ansible_kubectl_namespace": "n", "ansible_kubectl_container": "c", "ansible_kubectl_context": "x",
      "ansible_kubectl_pod": "p", "ansible_kubectl_validate_certs": false}' \
    'kubectl --context x --insecure-skip-tls-verify=true --namespace n exec -i p -c c --'
stub oc '{"ansible_oc_namespace": "n"}' 'oc --namespace n exec -i box1 --'
stub community.general.lxc '{}' 'lxc-attach --name=box1 --clear-env --'
stub community.general.lxd '{"ansible_lxd_project": "p", "ansible_host": "c1.example.org"}' \
    'lxc --project p exec local:c1 -T --'
stub community.general.incus '{"ansible_incus_remote": "far"}' 'incus exec far:box1 -T --'
stub nspawn '{"ansible_host": "/srv/tree"}' 'systemd-nspawn --quiet --pipe --directory=/srv/tree --'
stub machinectl '{"ansible_user": "u"}' \
    'systemd-run --quiet --pipe --wait --collect --service-type=exec --uid u --machine=box1 --'
stub community.libvirt.libvirt_lxc '{}' 'virsh -c lxc:/// lxc-enter-namespace box1 --'

refused kubectl '{"ansible_kubectl_token": "s3cret"}' kubeconfig
refused docker '{"ansible_host": "-v"}' "'-v' cannot be the name of a host"
refused dokcer '{}' "did you mean 'docker'"
refused winrm '{}' "connection 'winrm' is not supported"
refused openssh '{"ansible_password": "x"}' 'takes no password'

# a program that is not there is the host's failure, not the run's
timeout 60 "$bin/play" run site.yml -i box1, -c podman -e ansible_podman_executable=/no/such/podman -e out=. >output 2>&1
check "no such program: exit status" 4 $?
grep -q "cannot connect to host 'box1' by 'podman'" output
check "no such program: message" 0 $?

# what it prints for ever is no progress
printf '#!/bin/sh\nexec yes noise\n' >endless && chmod +x endless
timeout 90 "$bin/play" run site.yml -i box1, -c podman -T 1 -e "ansible_podman_executable=$work/endless out=." >output 2>&1
check "endless output: exit status" 4 $?
grep -q "play-remote on host 'box1' did not start in time: .*noise noise" output
check "endless output: message" 0 $?

tree() { # DIR: a root with busybox only
    local applet
    mkdir -p "$1"/{usr/bin,tmp,root,proc,dev,sys,run,etc,var}
    ln -s usr/bin "$1/bin"
    cp "$(command -v busybox)" "$1/bin/"
    for applet in sh uname id wc mkdir chmod rm mv cp head cat echo find; do ln -s busybox "$1/bin/$applet"; done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
    : >"$1/etc/os-release"
    mknod -m 666 "$1/dev/null" c 1 3
}
static_busybox() { command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1; }

if [ "$(id -u)" = 0 ] && static_busybox && tree "$work/root" 2>/dev/null; then
    timeout 60 "$bin/play" run site.yml -i box1, -c community.general.chroot -e "ansible_host=$work/root" -e out=/tmp >output 2>&1
    check "chroot: exit status" 0 $?
    check "chroot: what it did" "from box1" "$(cat root/tmp/result)"
    if command -v systemd-nspawn >/dev/null; then
        grep -v raw: site.yml >once.yml  # a tree can be entered by one program at a time
        timeout 60 "$bin/play" run once.yml -i box1, -c nspawn -e "ansible_host=$work/root" -e out=/root \
            -e '{"ansible_nspawn_extra_args": "--keep-unit --register=no"}' >output 2>&1
        check "nspawn: exit status" 0 $?
        check "nspawn: what it did" "from box1" "$(cat root/root/result)"
    fi
else
    say "not root or no static busybox: chroot and nspawn were not tried"
fi

loopback_start box=127.0.0.21
timeout 60 "$bin/play" run site.yml -i box, -c openssh -e "ansible_host=127.0.0.21 ansible_port=$loop_port out=$loop_dir/box" \
    -e "{\"ansible_ssh_common_args\": \"-F none -o UserKnownHostsFile=$loop_dir/known_hosts\"}" \
    --private-key "$loop_dir/id_ed25519" >output 2>&1
check "openssh: exit status" 0 $? || cat output
check "openssh: what it did" "from box" "$(cat "$loop_dir/box/result")"
timeout 60 "$bin/play" run site.yml -i box, -c openssh -e "ansible_host=127.0.0.21 ansible_port=$loop_port out=$loop_dir/box" \
    -e "{\"ansible_ssh_common_args\": \"-F none -o UserKnownHostsFile=/dev/null\"}" \
    --private-key "$loop_dir/id_ed25519" >output 2>&1
check "openssh: an unknown host key" 4 $?
grep -q "Host key verification failed" output
check "openssh: the reason is told" 0 $?

# a host certificate: the system's ssh is the stream by itself, unless there is a password that it cannot be given
ssh-keygen -q -t ed25519 -N '' -f ca && ssh-keygen -q -s ca -I box -h -n 127.0.0.21 "$loop_dir/hostkey.pub"
kill "$(cat "$loop_dir/sshd.pid")"
wait_until 30 test ! -e "$loop_dir/sshd.pid"
echo "HostCertificate $loop_dir/hostkey-cert.pub" | cat - "$loop_dir/sshd_config" >"$loop_dir/with_cert"
"$(PATH=$PATH:/usr/sbin command -v sshd)" -f "$loop_dir/with_cert" -E "$loop_dir/sshd.log"
wait_until 30 test -s "$loop_dir/sshd.pid"
certified() { # KNOWN_HOSTS_LINE [ARGS...]
    printf '%s\n' "$1" >known_ca
    timeout 60 "$bin/play" run site.yml -i box, -e "ansible_host=127.0.0.21 ansible_port=$loop_port out=$loop_dir/box" \
        -e "{\"ansible_ssh_common_args\": \"-F none -o UserKnownHostsFile=$work/known_ca\"}" \
        --private-key "$loop_dir/id_ed25519" "${@:2}" >output 2>&1
}
rm -f "$loop_dir/box/result"
certified "@cert-authority [127.0.0.21]:$loop_port $(cut -d' ' -f1,2 ca.pub)" -v
check "host certificate: exit status" 0 $? || cat output
check "host certificate: what it did" "from box" "$(cat "$loop_dir/box/result")"
check "host certificate: -v tells" 1 "$(grep -c "<127.0.0.21> only a certificate authority vouches for the host key: connecting by the system's ssh" output)"
certified "@cert-authority * $(cut -d' ' -f1,2 ca.pub)"
check "host certificate: any host" 0 $?
check "host certificate: without -v" 0 "$(grep -c vouches output)"
certified "@cert-authority * $(cut -d' ' -f1,2 "$loop_dir/id_ed25519.pub")"
check "host certificate: of another authority" 4 $?
grep -q "Host key verification failed" output
check "host certificate: of another authority, the reason" 0 $?
certified "@cert-authority * $(cut -d' ' -f1,2 ca.pub)" -e ansible_password=x
check "host certificate: with a password" 4 $?
grep -q "known by a certificate authority only (@cert-authority, $work/known_ca line 1)" output
check "host certificate: with a password, the reason" 0 $?
printf '%s\n@revoked * %s\n' "@cert-authority * $(cut -d' ' -f1,2 ca.pub)" "$(cut -d' ' -f1,2 "$loop_dir/hostkey.pub")" >known_revoked
certified "$(cat known_revoked)"
check "host certificate: of a revoked key" 4 $?

timeout 60 "$bin/play" run site.yml -i box, -vvv -e "ansible_host=127.0.0.21 ansible_port=$loop_port ansible_user=$(id -un) out=$loop_dir/box" \
    -e "{\"ansible_ssh_common_args\": \"-F none -o UserKnownHostsFile=$loop_dir/known_hosts\"}" \
    --private-key "$loop_dir/id_ed25519" >output 2>&1
check "-vvv: exit status" 0 $? || cat output
check "-vvv: the connection is told once" "<127.0.0.21> ESTABLISH SSH CONNECTION FOR USER: $(id -un)" "$(grep ESTABLISH output)"
check "-vvv: and how" "<127.0.0.21> SSH: port $loop_port key $loop_dir/id_ed25519 -F none -o UserKnownHostsFile=$loop_dir/known_hosts" "$(grep '> SSH:' output)"
printf -- '- hosts: all\n  gather_facts: false\n  become: true\n  become_user: nobody\n  tasks:\n    - ping:\n' >become.yml
timeout 60 "$bin/play" run become.yml -i box, -c local -vvv >output 2>&1
check "-vvv: become is told" "<127.0.0.1> BECOME: sudo -H -S -n -u nobody" "$(grep BECOME output)"

say "$passed checks passed, $failed failed"
[ "$failed" = 0 ]
