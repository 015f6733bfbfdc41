#!/bin/bash
# largefile.sh BIN_DIR: a file of 100 MB. The controller never holds it in memory; when play-remote or play is killed half-way, what was
# there stays as it was, nothing half-written is left, and the next run brings it whole; a file that changes while it is sent is told.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: largefile.sh BIN_DIR}")
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
need_programs ssh-keygen openssl pgrep
failed=0
trap loopback_stop EXIT
loopback_start h1=127.0.1.1
export HOME=$loop_dir/home LC_ALL=C.UTF-8
mkdir -p "$HOME" "$loop_dir/out" && cd "$loop_dir" || exit 1
cat >inv <<INV
h1 ansible_host=127.0.1.1 ansible_port=$loop_port ansible_user=$(id -un)
[all:vars]
ansible_ssh_private_key_file=$loop_dir/id_ed25519
ansible_ssh_common_args=-o UserKnownHostsFile=$loop_dir/known_hosts
INV
cat >site.yml <<END
- hosts: all
  gather_facts: false
  tasks:
    - copy: {src: large, dest: "$loop_dir/out/large"}
END
noise() { openssl enc -aes-128-ctr -K "$1" -iv 00 -in /dev/zero 2>/dev/null | head -c 100000000; }
bad() {
    failed=1
    echo "FAILED $*"
    cat output
}
run() { timeout 120 "$bin/play" run site.yml -i inv >output 2>&1; }

# whole NAME: a run that ends well; the file is there as it should be, and nothing else is
whole() {
    run || bad "$1: exit status"
    cmp -s large out/large || bad "$1: the content"
    [ "$(ls -A out)" = large ] || bad "$1: what lies beside it: $(ls -A out)"
}

# received PID: bytes that the process has read
received() { awk '$1 == "rchar:" { print $2 }' "/proc/$1/io" 2>/dev/null || echo 0; }

# killed WHO BYTES: ends play-remote (remote) or play (controller) after play-remote has read so much; true when it was still at work
killed() {
    local play remote='' rc=0 n
    "$bin/play" run site.yml -i inv >output 2>&1 &
    play=$!
    for ((n = 0; n < 3000; n++)); do
        kill -0 "$play" 2>/dev/null || break
        [ -n "$remote" ] || remote=$(pgrep -o -f "^$loop_dir/h1/.cache/play/")
        if [ -n "$remote" ] && [ "$(received "$remote")" -gt "$2" ]; then
            if [ "$1" = remote ]; then kill -9 "$remote"; else kill -9 "$play"; fi
            break
        fi
        sleep 0.01
    done
    wait "$play" 2>/dev/null || rc=$?
    [ -z "$remote" ] || wait_until 30 test ! -d "/proc/$remote" || bad "play-remote is still there"
    [ "$rc" = 137 ] || [ "$rc" = 4 ]
}

# interrupted NAME WHO BYTES: the same until it came in time; what was there before is there still
interrupted() {
    local n
    for ((n = 0; n < 6; n++)); do
        if killed "$2" "$3"; then
            break
        fi
        if [ -e before ]; then cp before out/large; else rm -f out/large; fi
    done
    [ "$n" -lt 6 ] || bad "$1: it was never interrupted in time"
    if [ -e before ]; then
        cmp -s before out/large || bad "$1: what was there has changed"
    else
        [ ! -e out/large ] || bad "$1: there is half of a file"
    fi
    [ -z "$(find out -mindepth 1 ! -name large)" ] || bad "$1: left over: $(ls -A out)"
}

noise 00 >large
interrupted "a new file, play-remote killed" remote 30000000
interrupted "a new file, play killed" controller 30000000
whole "the next run"
peak=$(python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)' "$bin/play" run site.yml -i inv)
[ "$peak" -lt 60 ] || bad "the controller took $peak MiB of memory"

# half of it is new: pieces of what is there, and 50 MB
mv out/large before
cp before out/large
{ head -c 50000000 before; noise 01 | head -c 50000000; } >large
interrupted "pieces, play-remote killed" remote 20000000
interrupted "pieces, play killed" controller 20000000
whole "the next run brings the rest"

# another program writes to it under way
noise 02 >large
rm -f out/large before
"$bin/play" run site.yml -i inv >output 2>&1 &
play=$!
remote=''
for ((n = 0; n < 3000; n++)); do
    kill -0 "$play" 2>/dev/null || break
    [ -n "$remote" ] || remote=$(pgrep -o -f "^$loop_dir/h1/.cache/play/")
    if [ -n "$remote" ] && [ "$(received "$remote")" -gt 20000000 ]; then
        printf changed | dd of=large bs=1 seek=99999000 conv=notrunc status=none
        break
    fi
    sleep 0.01
done
rc=0
wait "$play" || rc=$?
say "a file that changes: exit status $rc"
if [ "$rc" != 0 ]; then
    [ "$rc" = 2 ] || bad "a file that changes: exit status $rc"
    grep -q 'changed while it was sent' output || bad "a file that changes: the message"
    [ ! -e out/large ] || bad "a file that changes: something was written"
fi
whole "and then the file as it is now"
[ $failed = 0 ] && echo "largefile: all good"
exit $failed
