#!/bin/bash
# doas.sh BIN_DIR: become by the real doas, with and without a password, over local, ssh and a program in front. The
# accounts and doas.conf are those of a copy of /etc in a mount namespace; needs root.
set -uo pipefail
self=$(readlink -f "$0")
here=${self%/*}
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: doas.sh BIN_DIR}")
[ "$(id -u)" = 0 ] || skip "only root may change accounts"
need_programs doas unshare sshd ssh-keygen
if [ -z "${PLAY_TEST_DOAS:-}" ]; then
    unshare -m true 2>/dev/null || skip "no namespaces here"
    PLAY_TEST_DOAS=1 exec unshare -m "$self" "$bin"
fi
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
work=$(mktemp -d /var/tmp/doas.XXXXXX)
cleanup() {
    [ ! -s "$work/sshd.pid" ] || kill "$(cat "$work/sshd.pid")"
    rm -rf "$work"
}
trap cleanup EXIT
chmod 755 "$work" && cd "$work" || exit 1
cp -a /etc etc && mount --bind etc /etc || skip "cannot put another /etc here"
chown root:root /etc/passwd && chmod 644 /etc/passwd
useradd -m -d "$work/home" -s /bin/bash tester
password=$'pa ss\x15:wörd'  # one that the terminal would take apart
echo "tester:$password" | chpasswd
printf 'permit tester as root\npermit nopass tester as nobody\n' >/etc/doas.conf
chmod 600 /etc/doas.conf
# What a login says is not believed: it asks as doas would, and keeps what it gets.
cat >home/.bashrc <<'END'
printf 'doas (tester@host) password: ' >&2
printf '[PLAY-0000] password:' >&2
read -rt 0.2 got && echo "$got" >>~/stolen
END

failed=0
passed=0

cat >home/site.yml <<'END'
- hosts: all
  gather_facts: false
  become_method: community.general.doas
  tasks:
    - raw: id -un
      become: true
      register: first
    - command: id -un
      become: "{{ item != 'tester' }}"
      become_user: "{{ item }}"
      loop: [root, tester, nobody]
      register: who
    - copy: {content: "{{ 'x' * 100000 }}", dest: /etc/large}
      become: true
    - shell: "exec 2>&1; : </dev/tty"
      become: true
      register: terminal
      failed_when: terminal.rc == 0
    - assert:
        that:
          - first.stdout | trim == 'root'
          - who.results | map(attribute='stdout') == ['root', 'tester', 'nobody']
END
echo "$password" >home/right
printf 'wrong\n' >home/wrong
account_sshd tester
printf '#!/bin/sh\nshift 3\nexec "$@"\n' >home/docker
chmod +x home/docker
chown -R tester home

# site NAME CONNECTION PASSWORD_FILE: the playbook as tester; its exit status
site() {
    rm -rf home/.cache /etc/large
    # shellcheck disable=SC2086 # two words
    (cd home && HOME=$PWD LC_ALL=C.UTF-8 timeout 90 runuser -u tester -- "$bin/play" run site.yml -i 127.0.0.1, $2 \
        ${3:+--become-password-file "$3"}) >output 2>&1
    check "$1: exit status" "$4" $?
    [ -z "${5:-}" ] || {
        grep -qF -- "$5" output
        check "$1: says '$5'" 0 $?
        ! grep -qE 'wrong|wörd' output
        check "$1: no password is shown" 0 $?
    }
}
ssh="-u tester --private-key key -e ansible_port=$port --ssh-common-args=-oUserKnownHostsFile=known"
docker="-c docker -e ansible_docker_executable=./docker"
for way in local ssh docker; do
    case $way in
    local) words="-c local" ;;
    ssh) words=$ssh ;;
    docker) words=$docker ;;
    esac
    site "$way" "$words" right 0
    check "$way: what it wrote" 100000 "$(stat -c %s /etc/large)"
    site "$way, wrong" "$words" wrong 2 "incorrect doas password for host '127.0.0.1'"
    site "$way, none" "$words" "" 2 "missing doas password for host '127.0.0.1'"
done
check "nothing was stolen" "" "$(cat home/stolen 2>/dev/null)"
for _ in $(seq 100); do
    pgrep -u tester play-remote >/dev/null || break
    sleep 0.1
done
check "nothing is left running" "" "$(pgrep -u tester -a 'play-remote')"

say "$passed checks passed, $failed failed"
[ "$failed" = 0 ]
