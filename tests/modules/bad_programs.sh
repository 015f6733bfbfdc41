#!/bin/bash
# bad_programs.sh BIN_DIR [KIND...]: every module's example (`play doc`) on a target where each program it may call, whatever its
# name, is one that lies: garbage, cut JSON, nothing at all, binary noise and status 1, more output than is read. And as a user
# who may do nothing, on root's paths. A task may fail, with a message; nothing crashes or hangs, no error of the module's own
# code is shown. All in namespaces of its own. exit 77: not possible here
# shellcheck disable=SC2016  # texts for other programs
set -eu
bin=$(realpath "$1")
shift
kinds=${*:-garbage json nothing noise nobody}
self=$(realpath "$0")
here=$(dirname "$self")
play=$bin/play
skip() {
    echo "skipped: $*"
    exit 77
}
[ "$(id -u)" = 0 ] || skip 'namespaces need root'
busybox=$(command -v busybox) || skip 'busybox is not installed'
if [ "${PLAY_TEST_ROOT:-}" = "" ]; then
    PLAY_TEST_ROOT=$(mktemp -d)
    export PLAY_TEST_ROOT
    trap 'rmdir "$PLAY_TEST_ROOT"' EXIT
    unshare -m -u -n -i -p -f --mount-proc "$self" "$bin" "$kinds" || exit $?
    exit 0
fi
root=$PLAY_TEST_ROOT
mount -t tmpfs -o mode=755 tmpfs "$root"
mkdir -p "$root"/{bin,etc,dev,proc,run,srv,tmp,root,stubs,usr,var/tmp}
for applet in $("$busybox" --list | grep -vxE 'busybox|reboot|halt|poweroff|init'); do ln -s /bin/busybox "$root/bin/$applet"; done
cp "$busybox" "$root/bin/busybox"
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/zero" c 1 5
mknod -m 666 "$root/dev/urandom" c 1 9
chmod 1777 "$root/tmp" "$root/var/tmp"
chmod 700 "$root/root" "$root/srv"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
mount -t proc proc "$root/proc"
# Every word of the modules' sources may be the name of a program.
grep -ohE '"[a-z][a-z0-9_.+-]*"' "$here"/../../modules/*.lua "$here"/../../modules/*.c "$here"/../../modules/lib/*.[cl]* |
    tr -d '"' | sort -u | grep -vxE 'sh|root|true|false' >"$root/tmp/words"
(cd "$root/stubs" && sed 's,.*,ln -s /bin/liar &,' "$root/tmp/words" | sh)
work=$root/tmp/work
mkdir "$work"
chmod 755 "$work"
cd "$work"
failed=0
seconds=50 # for a task; much output takes time on a busy machine
case $kinds in *flood*) seconds=300 ;; esac

# book NAME: all examples, each in a file of its own, and a playbook that runs them
book() {
    local page name
    mkdir -p "$1"
    : >"$1/names"
    printf -- '- hosts: target\n  gather_facts: false\n  environment: {PATH: /stubs}\n  tasks:\n' >"$1/book.yml"
    for page in "$here"/../../docs/modules/*.md; do
        name=$(basename "$page" .md)
        grep -q '^Runs on the target' "$page" || continue
        case $name in reboot | wait_for | wait_for_connection | raw | script) continue ;; esac # they wait, or call no program
        echo "$name" >>"$1/names"
        {
            printf -- '- ignore_errors: true\n  timeout: %s\n  block:\n' "$seconds"
            sed -n '/^```yaml/,/^```/p' "$page" | sed '/^```/d; s/^/    /; s/^    - \([a-z]\)/    - name: "module '"$name"'"\n      \1/; s/^    - name: "module [a-z0-9_]*"\n      name:/    - name:/'
        } >"$1/$name.yml"
        printf -- '  - {name: "example of %s", include_tasks: %s.yml}\n' "$name" "$name" >>"$1/book.yml"
    done
}

# judge KIND STATUS OUTPUT
judge() {
    if [ "$2" -ge 124 ] || ! grep -q '^target .*ok=.*unreachable=0' "$3"; then
        failed=1
        echo "FAILED $1: the run ended with status $2"
        tail -n 20 "$3" | cut -c1-400
        return
    fi
    if grep -aE 'killed by signal|expected time frame|UNREACHABLE|attempt to|\.lua:[0-9]+|[Tt]raceback|nil value|bad argument #|"msg": ""|stack overflow|not enough memory' "$3" >"$3.bad"; then
        failed=1
        echo "FAILED $1:"
        cut -c1-600 "$3.bad"
    fi
    # What a program printed is kept up to 1 MiB, and shown as a text and as lines.
    if ! awk 'length > 2500000 { exit 1 }' "$3" || [ "$(wc -c <"$3")" -gt 20000000 ]; then
        failed=1
        echo "FAILED $1: $(wc -c <"$3") bytes of output, $(awk 'length > n { n = length } END { print n }' "$3") in one line"
    fi
    echo "$1: $(grep -c '^TASK \[' "$3") tasks, $(grep -c '^fatal: ' "$3") failed"
}

book all
printf 'target ansible_connection=chroot ansible_host=%s\n' "$root" >inv
for kind in $kinds; do
    case $kind in
    garbage) lie='echo "?? [[{ \"garbage"; echo "x = = : y | 1 (2) %s -- ? *"; echo; echo "-1 0 99999999999999999999"; printf "\\t;;,,\\n"' ;;
    json) lie='printf "{\"a\": [1, {\"b\": \"c"' ;;
    nothing) lie=: ;;
    noise) lie='/bin/head -c 3000 /dev/urandom; /bin/head -c 3000 /dev/urandom >&2; exit 1' ;;
    flood) lie='/bin/head -c ${PLAY_TEST_FLOOD:-20000000} /dev/zero | /bin/tr "\\0" "x"' ;;
    nobody) lie='echo "$0: Permission denied" >&2; exit 1' ;;
    esac
    printf '#!/bin/sh\n%s\n' "$lie" >"$root/bin/liar"
    chmod 755 "$root/bin/liar"
    rc=0
    if [ "$kind" = nobody ]; then
        mkdir -p "$root/w/bin"
        cp "$bin"/play-remote-"$(uname -m)" "$root/w/bin/play-remote"
        printf 'target ansible_connection=chroot ansible_host=%s ansible_chroot_exe=%s/w/as-nobody\n' "$root" "$root" >inv.nobody
        printf '#!/bin/sh\nexec chroot --userspec=65534:65534 "$@"\n' >"$root/w/as-nobody"
        chmod -R 755 "$root/w"
        HOME=$work timeout 1700 "$play" run all/book.yml -i inv.nobody >"$kind.out" 2>&1 </dev/null || rc=$?
    else
        HOME=$work timeout 1700 "$play" run all/book.yml -i inv >"$kind.out" 2>&1 </dev/null || rc=$?
    fi
    judge "$kind" "$rc" "$kind.out"
    if [ -n "${PLAY_TEST_KEEP:-}" ]; then cp "$kind.out" "$PLAY_TEST_KEEP/"; fi
done
exit $failed
