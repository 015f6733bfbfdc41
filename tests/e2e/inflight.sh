#!/bin/bash
# inflight.sh BIN_DIR: what travels to a target over a link of 20 ms. A content goes once, however often it is used;
# what the target has already does not go; text goes compressed; a directory is one question. Prints the bytes.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: inflight.sh BIN_DIR}")
relay=${INFLIGHT_RELAY:-$bin/bench-relay}
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
need_programs ssh-keygen
failed=0
relay_pid=
cleanup() {
    [ -z "$relay_pid" ] || kill "$relay_pid" 2>/dev/null
    loopback_stop
}
trap cleanup EXIT
loopback_start h1=127.0.1.1
export HOME=$loop_dir/home LC_ALL=C.UTF-8
mkdir -p "$HOME" && cd "$loop_dir" || exit 1
port=$((loop_port + 1))
printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 hostkey.pub)" >>known_hosts
cat >inv <<INV
h1 ansible_host=127.0.0.1 ansible_port=$port
[all:vars]
ansible_user=$(id -un)
ansible_ssh_private_key_file=$loop_dir/id_ed25519
ansible_ssh_common_args=-o UserKnownHostsFile=$loop_dir/known_hosts
out=$loop_dir/out
INV

mkdir tree out
for i in $(seq 1000); do
    printf 'file %s\n%s\n' "$i" "$(head -c 1500 /dev/urandom | base64 -w 0)" >"tree/f$i"
done
seq 500000 >text
head -c 3000000 /dev/urandom >noise
for i in $(seq 10); do head -c 100000 /dev/urandom >"part$i"; done
cat >tree.yml <<'END2'
- hosts: all
  gather_facts: false
  tasks:
    - copy: {src: tree, dest: "{{ out }}"}
END2
cat >many.yml <<'END2'
- hosts: all
  gather_facts: false
  tasks:
    - copy: {src: text, dest: "{{ out }}/text{{ item }}"}
      loop: "{{ range(20) | list }}"
END2
cat >noise.yml <<'END2'
- hosts: all
  gather_facts: false
  tasks:
    - copy: {src: noise, dest: "{{ out }}/noise"}
    - template: {src: text, dest: "{{ out }}/template"}
END2
head -c 20000000 /dev/urandom >large
cat >large.yml <<'END2'
- hosts: all
  gather_facts: false
  tasks:
    - copy: {src: large, dest: "{{ out }}/large"}
END2
cat >parts.yml <<'END2'
- hosts: all
  gather_facts: false
  tasks:
    - copy: {src: "part{{ item }}", dest: "{{ out }}/part{{ item }}"}
      loop: "{{ range(1, 11) | list }}"
END2

# measure NAME PLAYBOOK STATE BYTES_MAX BURSTS_MAX: the run ends with STATE, and takes no more than that
measure() {
    local bursts up
    "$relay" "$port" 127.0.1.1 "$loop_port" 10 >count &
    relay_pid=$!
    sleep 0.3
    if ! timeout 120 "$bin/play" run "$2" -i inv >output 2>&1; then
        cat output
        failed=1
    fi
    kill "$relay_pid"
    wait "$relay_pid"
    relay_pid=
    read -r bursts up _ <count
    printf '%-44s %9s bytes up %4s bursts\n' "$1" "$up" "$bursts"
    grep -q "$3" output || { cat output; failed=1; }
    if [ "$up" -gt "$4" ] || [ "$bursts" -gt "$5" ]; then
        echo "FAILED $1: expected at most $4 bytes and $5 bursts"
        failed=1
    fi
}
measure "the first run, which brings play-remote" noise.yml changed=2 10000000 400
measure "a file and a template that are there" noise.yml changed=0 20000 20
measure "a directory of 1,000 files" tree.yml changed=1 2000000 200
measure "the same, nothing to do" tree.yml changed=0 120000 20
echo changed >>tree/f500
measure "the same, one file differs" tree.yml changed=1 130000 22
diff -r tree out/tree || failed=1
measure "3.4 MB of text to 20 paths" many.yml changed=1 1500000 200
cmp text out/text19 || failed=1
measure "ten files of 100 KB in a loop" parts.yml changed=1 1100000 120
measure "the same, nothing to do" parts.yml changed=0 20000 20
head -c 100000 /dev/urandom >part7
measure "the same, one of them differs" parts.yml changed=1 130000 30
cmp part7 out/part7 || failed=1
measure "20 MB of noise" large.yml changed=1 21000000 2000
printf 'changed' | dd of=large bs=1 seek=7000000 conv=notrunc status=none
printf 'inserted' | cat - large >longer && mv longer large
measure "the same, changed in two places" large.yml changed=1 900000 60
cmp large out/large || failed=1
[ $failed = 0 ] && echo "inflight: all good"
exit $failed
