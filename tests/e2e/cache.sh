#!/bin/bash
# cache.sh BIN_DIR: the cache of executables on a target: what was used least recently leaves first when it is too large,
# what is old leaves, and one that ends before it says hello is sent again.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: cache.sh BIN_DIR}")
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
need_programs ssh-keygen
trap loopback_stop EXIT
loopback_start h1=127.0.1.1
cd "$loop_dir" || exit 1
kill "$(cat sshd.pid)"
wait_until 30 test ! -e sshd.pid || die "sshd did not end"
sed -i "s#SetEnv HOME=.*#& PATH=$loop_dir/bin:/usr/sbin:/usr/bin:/sbin:/bin#" sshd_config
"$(PATH=$PATH:/usr/sbin command -v sshd)" -f sshd_config -E sshd.log
wait_until 30 test -s sshd.pid || die "sshd did not start"
mkdir bin home
export HOME=$loop_dir/home LC_ALL=C.UTF-8
cache=h1/.cache/play
cat >inv <<END
h1 ansible_host=127.0.1.1 ansible_port=$loop_port
[all:vars]
ansible_user=$(id -un)
ansible_ssh_private_key_file=$loop_dir/id_ed25519
ansible_ssh_common_args=-o UserKnownHostsFile=$loop_dir/known_hosts
END
cat >site.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - command: "true"
    - copy: {content: "{{ 'x' * 100000 }}", dest: "~/large"}
END
failed=0
passed=0
site() { # NAME [BIN]
    timeout 120 "${2:-$bin}/play" run site.yml -i inv >output 2>&1
    check "$1: exit status" 0 $? || cat output
}
# gone FILE: play-remote tidies up after it has said hello
gone() { wait_until 30 test ! -e "$1"; }
old() { # NAME MIB AGE: an executable of another version
    truncate -s "$2M" "$cache/$1"
    touch -d "$3" "$cache/$1"
}
name() { printf "%064d" "$1"; }     # decimal digits are hex digits
invented="0000000000000000"         # how these begin, and no real executable's sum does
real() { (cd "$cache" && find . -type f -name '[!.]*' ! -name "$invented*" -printf '%f\n'); }

mkdir -m 700 h1/.cache "$cache"
old "$(name 1)" 20 "3 days ago"
old "$(name 2)" 20 "1 day ago"
old "$(name 3)" 20 "2 days ago"
old "$(name 4)" 1 "61 days ago"
old "$(name 5)" 1 "10 days ago"
old .new77 1 "2 days ago"
old .new78 1 "1 hour ago"
site "too large"
gone "$cache/$(name 1)"
gone "$cache/$(name 4)"
gone "$cache/.new77"
check "what was used last stays" "$(name 2) $(name 3)" "$(cd "$cache" && echo "$invented"*)"
check "what a start may still write stays" .new78 "$(cd "$cache" && echo .new*)"
own=$(real)
check "the own one stays" 64 "${#own}"

# used again after a day: as good as new
touch -d "59 days ago" "$cache/$own"
site "used again"
wait_until 30 test -n "$(find "$cache/$own" -mtime -1)" || check "the time of use is noted" new old

# what is found and ends before it says hello is looked at then, and sent again
damaged() { # NAME: with what lies there now
    chmod 700 "$cache/$own"
    site "$1"
    check "$1: it was sent again" "$own" "$(sha256sum <"$cache/$own" | cut -d' ' -f1)"
}
size=$(stat -c %s "$cache/$own")
for cut in 100000 4096 40 0; do
    truncate -s "$cut" "$cache/$own"
    damaged "cut to $cut bytes"
done
head -c "$size" /dev/zero >"$cache/$own"
damaged "nothing but zeros"
for status in 0 1 126 127; do
    printf '#!/bin/sh\nexit %s\n' "$status" >"$cache/$own"
    damaged "ends with $status"
done
# shellcheck disable=SC2016
printf '#!/bin/sh\nrm -f "$0"\nkill -9 $$\n' >"$cache/$own"
damaged "gone and killed"

# two versions at the same time, each of which stores itself and tidies up
mkdir other
cp "$bin/play" other/
for file in "$bin"/play-remote-*; do { cat "$file"; echo; } >"other/${file##*/}"; done
chmod +x other/*
for _ in 1 2 3; do
    for file in $(real); do rm -f "$cache/$file"; done
    for i in $(seq 10 25); do old "$(name "$i")" 5 "$i days ago"; done
    timeout 120 other/play run site.yml -i inv >output.other 2>&1 &
    site "two at once"
    wait $!
    check "two at once: the other's exit status" 0 $?
done
wait_until 30 test "$(du -sm --apparent-size "$cache" | cut -f1)" -le 70
check "two at once: both stay" 2 "$(real | wc -l)"

say "$passed checks passed, $failed failed"
[ "$failed" = 0 ]
