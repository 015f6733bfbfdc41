#!/bin/bash
# bad_input.sh RUN_CASES BIN_DIR: every module that runs on a target, by the tables of `play doc`: each argument with a value
# of a wrong type or that is no choice, one that is not known, required ones missing: refused, and the argument is named.
# Then every module's example on a target that has nothing but busybox: no program, no service, no account is what it
# expects; it may fail, with a message, and nothing crashes or hangs. All in namespaces of its own. exit 77: not possible here
set -eu
run_cases=$(realpath "$1")
bin=$(realpath "$2")
self=$(realpath "$0")
docs=$(dirname "$self")/../../docs/modules
play=$bin/play
remote=$(ls "$bin"/play-remote-"$(uname -m)")
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
    unshare -m -u -n -i -p -f --mount-proc "$self" "$run_cases" "$bin" || exit $?
    exit 0
fi
root=$PLAY_TEST_ROOT
mount -t tmpfs -o mode=755 tmpfs "$root"
mkdir -p "$root"/{bin,etc,dev,proc,tmp,root,var/tmp}
for applet in $("$busybox" --list | grep -vxE 'busybox|reboot|halt|poweroff|init'); do ln -s /bin/busybox "$root/bin/$applet"; done
cp "$busybox" "$root/bin/busybox"
cp "$remote" "$root/play-remote"
mknod "$root/dev/null" c 1 3
mknod "$root/dev/urandom" c 1 9
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
mount -t proc proc "$root/proc"
work=$root/tmp/work
mkdir "$work" "$work/cases"
printf '#!/bin/sh\ncd /\nexec env -i PATH=/bin HOME=/root /usr/sbin/chroot %s /play-remote\n' "$root" >"$work/enter"
chmod +x "$work/enter"
failed=0

# -- arguments ---------------------------------------------------------------------------------------------------------
for page in "$docs"/*.md; do
    name=$(basename "$page" .md)
    grep -q '^Runs on the target' "$page" || continue
    case $name in raw | reboot | script | wait_for_connection | package) continue ;; esac # the controller does their work
    mkdir "$work/cases/$name"
    awk -F' *[|] *' -v name="$name" '
        function trim(s) { gsub(/^[ `]+|[ `]+$/, "", s); return s }
        /^## Arguments/ { on = 1 }
        /^## / && !/^## Arguments/ { on = 0 }
        on && /^\| `/ {
            arg = trim($2); type = trim($3); what = $0
            if (arg ~ /[.]/ || arg ~ /^_/) next
            n++; names[n] = arg; types[n] = type; choice[n] = ""
            if (match(what, /One of `[^`]*`/)) { choice[n] = substr(what, RSTART + 8, RLENGTH - 9) }
            needed[n] = trim($4) == "required"
        }
        function good(i) {
            if (choice[i] != "") return choice[i]
            if (types[i] == "int" || types[i] == "float") return "1"
            if (types[i] == "bool") return "true"
            if (types[i] ~ /^list/) return "[x]"
            return types[i] == "dict" ? "{a: b}" : "x"
        }
        function emit(i, bad, why) {
            printf "- name: \"%s %s\"\n  check: false\n  args: {%s: %s", names[i], why, names[i], bad
            for (k = 1; k <= n; k++) if (needed[k] && k != i) printf ", %s: %s", names[k], good(k)
            printf "}\n  result: {failed: true, changed: false, msg: \"re:%s\"}\n", names[i]
        }
        END {
            for (i = 1; i <= n; i++) {
                if (types[i] == "bool") emit(i, "perhaps", "is no boolean")
                else if (types[i] == "int") emit(i, "seven", "is no number")
                else if (types[i] == "float") emit(i, "seven", "is no number")
                else if (types[i] == "dict") emit(i, "[1, 2]", "is no dictionary")
                else if (types[i] ~ /^list/) emit(i, "{a: b}", "is no list")
                else if (choice[i] != "") emit(i, "no-such-choice", "is no choice")
            }
            any = ""
            for (i = 1; i <= n; i++) if (needed[i]) any = any (any == "" ? "" : "|") names[i]
            if (any != "") printf "- name: nothing is given\n  check: false\n  args: {}\n  result: {failed: true, msg: \"re:%s\"}\n", any
            if (name == "fetch") exit # what it does not know it leaves alone, as the one of Ansible
            printf "- name: an argument nobody knows\n  check: false\n  args: {no_such_argument: 1"
            for (k = 1; k <= n; k++) if (needed[k]) printf ", %s: %s", names[k], good(k)
            print "}\n  result: {failed: true, msg: \"re:no_such_argument|required|missing\"}"
        }' "$page" >"$work/cases/$name/bad.yml"
done
(cd "$work/cases" && TMPDIR=$root/tmp "$run_cases" "$work/enter" ./*) >"$work/out" 2>&1 || failed=1
grep -E '^FAILED' "$work/out" || true
tail -n 1 "$work/out"
[ "$(tail -n 1 "$work/out" | cut -d' ' -f1)" -gt 900 ] || { echo "too few arguments were tried"; failed=1; }

# -- examples ----------------------------------------------------------------------------------------------------------
mkdir "$work/book"
cd "$work/book"
printf 'target ansible_connection=chroot ansible_host=%s\n' "$root" >inv
total=0
for page in "$docs"/*.md; do
    name=$(basename "$page" .md)
    grep -q '^Runs on the target' "$page" || continue
    case $name in reboot | wait_for | wait_for_connection) continue ;; esac # they wait for what never comes
    total=$((total + 1))
    {
        printf -- '- hosts: target\n  gather_facts: false\n  tasks:\n    - ignore_errors: true\n      timeout: 20\n      block:\n'
        sed -n '/^```yaml/,/^```/p' "$page" | sed '/^```/d; s/^/        /'
    } >"$name.yml"
    rc=0
    HOME=$work timeout 60 "$play" run "$name.yml" -i inv >"$name.out" 2>&1 </dev/null || rc=$?
    if [ $rc -ge 124 ] || grep -qE 'killed by signal|expected time frame|UNREACHABLE|Traceback|"msg": ""' "$name.out" ||
        ! grep -q '^target .*ok=' "$name.out"; then
        failed=1
        echo "FAILED: the example of $name on an empty machine: status $rc"
        tail -n 15 "$name.out"
    fi
done
echo "$total examples on a machine with nothing"
exit $failed
