#!/bin/bash
# run.sh: everything that must hold for the sources without building them (clang-tidy: tidy.sh). Exit status 1 when
# something does not hold.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
bad=0
say() {
    printf '%s\n' "$*"
    bad=1
}
mapfile -t sources < <(git ls-files '*.c' '*.h')
mapfile -t code < <(git ls-files 'runner/*.c' 'runner/*.h' 'modules/*.c' 'modules/*.h' 'vault/*.c' 'vault/*.h')

out=$(clang-format --dry-run -Werror "${sources[@]}" 2>&1 | grep -E 'error:' | head -20)
[ -z "$out" ] || say "not formatted (clang-format -i):" "$out"

# Calls with a better way, see docs/contributing.md.
out=$(grep -nE '\b(strcpy|strcat|sprintf|vsprintf|strtok|strtok_r|atoi|atol|gmtime|localtime|ctime|asctime|system|popen|gets|tmpnam|mktemp|alloca|strdup)\(' "${code[@]}" | head -20)
[ -z "$out" ] || say "banned calls:" "$out"
out=$(grep -nE '\b(malloc|calloc|realloc)\(' "${code[@]}" | grep -v '^runner/base/' | head -20)
[ -z "$out" ] || say "memory outside of arenas (only runner/base may):" "$out"
out=$(grep -nE '\bv?fork\(' "${code[@]}" | grep -vE '^modules/(remote|lib)/' | head)
[ -z "$out" ] || say "fork outside of play-remote:" "$out"
out=$(grep -nE '\b(TODO|FIXME|XXX|HACK)\b' "${code[@]}" | head)
[ -z "$out" ] || say "promises:" "$out"

# Every library has one home.
home() { # HEADER DIR...
    local header=$1
    shift
    local allowed
    allowed=$(printf '|^%s' "$@")
    out=$(grep -nE "#include <$header" "${code[@]}" | grep -vE "${allowed:1}" | head -5)
    [ -z "$out" ] || say "<$header> outside of its home:" "$out"
}
home 'yaml\.h' runner/yaml/
home 'libssh/' runner/transport/ vault/sshkey.c
home 'lua' runner/script/
home 'pcre2\.h' runner/base/
home 'jansson\.h' runner/value/
home 'curl/' runner/jinja/lookups/ modules/
home 'sqlite3\.h' runner/vars/
home 'openssl/' vault/ runner/jinja/filters/ runner/jinja/bigint.c runner/transport/
home 'zlib\.h' runner/wire/
home 'mbedtls/' runner/base/ modules/lib/

# Each header compiles alone.
inc=(-I /usr/include/lua5.4)
for d in runner/{base,value,yaml,jinja,wire,script,inventory,vars,playbook,transport,output,exec,cli} modules modules/lib modules/remote vault; do
    inc+=(-iquote "$d")
done
for h in "${code[@]}"; do
    case $h in
    *.h) gcc -std=c17 -fsyntax-only -include runner/base/prelude.h "${inc[@]}" -x c - <<<"#include \"$PWD/$h\"" 2>/dev/null || say "header does not compile alone: $h" ;;
    esac
done
out=$(wc -l "${code[@]}" | awk '$1 > 800 && $2 != "total" {print $2 ": " $1 " lines"}')
[ -z "$out" ] || say "files past 800 lines:" "$out"
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
if command -v shellcheck >/dev/null; then
    shellcheck -S warning "${scripts[@]}" || bad=1
fi
[ $bad = 0 ] && echo "lint: everything holds"
exit $bad
