#!/bin/bash
# servers.sh BIN_DIR: hosts like Alpine's: busybox as all there is, dropbear or tinysshd instead of OpenSSH, no sftp, no Python.
# Each server runs chrooted in a tree of its own; needs root, a static busybox and the servers.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: servers.sh BIN_DIR}")
[ "$(id -u)" = 0 ] || skip "only root may chroot"
need_programs busybox ssh-keygen
ldd "$(command -v busybox)" >/dev/null 2>&1 && skip "busybox is not static"
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
PATH=$PATH:/usr/sbin
work=$(mktemp -d "${TMPDIR:-/tmp}/servers.XXXXXX")
pids=()
# shellcheck disable=SC2317 # called by the trap
cleanup() {
    [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
    sleep 0.2
    rm -rf "$work"
}
trap cleanup EXIT
export HOME=$work/home LC_ALL=C.UTF-8
mkdir -p "$HOME" && cd "$work" || exit 1
ssh-keygen -q -t ed25519 -N '' -f key
port=$(free_ports 3)

# with_libraries ROOT PROGRAM: copies it with what it is linked to
with_libraries() {
    local file
    cp "$(command -v "$2")" "$1/usr/sbin/"
    ldd "$(command -v "$2")" | grep -o '/[^ ]*' | while IFS= read -r file; do
        mkdir -p "$1${file%/*}" && cp -L "$file" "$1$file"
    done
}

tree() { # ROOT
    local applet
    mkdir -p "$1"/{bin,usr/sbin,tmp,root/.ssh,proc,dev/pts,sys,run,etc,var/run,var/tmp}
    cp "$(command -v busybox)" "$1/bin/"
    for applet in $("$1/bin/busybox" --list); do [ -e "$1/bin/$applet" ] || ln -s busybox "$1/bin/$applet"; done
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$1/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$1/etc/group"
    printf 'root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n' >"$1/etc/shadow"
    echo /bin/sh >"$1/etc/shells"
    chmod 700 "$1/root" "$1/root/.ssh"
    chmod 1777 "$1/tmp" "$1/var/tmp"
    cp key.pub "$1/root/.ssh/authorized_keys"
    mknod -m 666 "$1/dev/null" c 1 3 || skip "cannot make devices"
    mknod -m 666 "$1/dev/urandom" c 1 9
    mknod -m 666 "$1/dev/ptmx" c 5 2
}

cat >site.yml <<'END'
- hosts: all
  gather_facts: true
  tasks:
    - assert: {that: ["ansible_system == 'Linux'"]}
    - copy: {content: "{{ inventory_hostname }}\n", dest: /etc/greeting, mode: "0600"}
    - copy: {src: big, dest: /root/big}
    - lineinfile: {path: /etc/greeting, line: second}
    - command: cat /etc/greeting
      register: r
    - shell: echo {{ item }} >> /tmp/order
      loop: "{{ range(20) | list }}"
    - shell: cat /tmp/order | tr '\n' ' '; rm /tmp/order
      register: o
    - stat: {path: /root/big}
      register: big
    - raw: echo raw
      tags: channels
    - command: id -un
      tags: channels
      become: true
      become_method: su
      become_user: nobody
      register: who
    - fetch: {src: /etc/greeting, dest: "{{ playbook_dir }}/fetched-{{ inventory_hostname }}", flat: true}
    - assert:
        that:
          - r.stdout_lines == [inventory_hostname, 'second']
          - o.stdout | trim == range(20) | join(' ')
          - big.stat.size == 3000000
          - who.stdout | default('nobody') == 'nobody'
END
head -c 3000000 /dev/urandom >big

failed=0
# check NAME PORT KNOWN_HOSTS_LINE [ARGS...]: two runs of the playbook
check() {
    local run more=("${@:4}")
    printf '[127.0.0.1]:%s %s\n' "$2" "$3" >"known-$1"
    for run in 1 2; do
        timeout 120 "$bin/play" run site.yml -i "$1," -e ansible_host=127.0.0.1 -e "ansible_port=$2" -u root --private-key key "${more[@]}" \
            --ssh-common-args "-F none -o UserKnownHostsFile=$work/known-$1" >"out-$1" 2>&1 || {
            failed=1
            printf 'FAILED: %s, run %s\n' "$1" "$run"
            cat "out-$1"
            return
        }
    done
    say "$1: two runs of site.yml"
}

if command -v dropbear >/dev/null && command -v dropbearkey >/dev/null; then
    tree "$work/dropbear"
    with_libraries "$work/dropbear" dropbear
    mkdir -p "$work/dropbear/etc/dropbear"
    dropbearkey -t ed25519 -f "$work/dropbear/etc/dropbear/key" >dropbear.key 2>&1
    chroot "$work/dropbear" /usr/sbin/dropbear -F -E -r /etc/dropbear/key -p "127.0.0.1:$port" >dropbear.log 2>&1 &
    pids+=($!)
    wait_until 10 grep -q 'Not backgrounding' dropbear.log
    check dropbear "$port" "$(grep -o 'ssh-ed25519 [^ ]*' dropbear.key)"
else
    say "dropbear is not installed: not tried"
fi

if command -v tinysshd >/dev/null && command -v systemd-socket-activate >/dev/null; then
    tree "$work/tinysshd"
    with_libraries "$work/tinysshd" tinysshd
    tinysshd-makekey "$work/tinysshd/etc/tinyssh" >tiny.key 2>&1
    systemd-socket-activate --accept --inetd -l "127.0.0.1:$((port + 1))" \
        chroot "$work/tinysshd" /usr/sbin/tinysshd -v /etc/tinyssh >tiny.log 2>&1 &
    pids+=($!)
    sleep 0.5
    tinysshd-printkey "$work/tinysshd/etc/tinyssh" >tiny.pub 2>&1
    check tinysshd "$((port + 1))" "$(grep -o 'ssh-ed25519 [^ ]*' tiny.pub | head -1)" --skip-tags channels
    # it allows one channel a connection
    timeout 60 "$bin/play" run site.yml -i tinysshd, -e ansible_host=127.0.0.1 -e "ansible_port=$((port + 1))" -u root \
        --private-key key --ssh-common-args "-F none -o UserKnownHostsFile=$work/known-tinysshd" >out 2>&1
    grep -q 'neither raw nor become' out || {
        failed=1
        say "FAILED: tinysshd, the message"
        cat out
    }
else
    say "tinysshd is not installed: not tried"
fi
exit "$failed"
