#!/bin/bash
# unused_arguments.sh PLAY [MODULE...]: the arguments of the modules (of all, without names) that no case in tests/modules uses,
# a line a module, and how many there are of how many. An argument counts as used when its name or an alias of it stands
# outside of what a case expects, in a file of the module's own directory or in a case that names the module. Fails, when it
# looks at all of them, for one that stands in unused_arguments.txt without need, or that does not stand there.
set -euo pipefail
play=$(realpath "${1:?usage: unused_arguments.sh PLAY [MODULE...]}")
shift
whole=$([ $# -gt 0 ] || echo yes)
known=$(realpath "$(dirname "$0")")/unused_arguments.txt
cd "$(dirname "$0")/../modules"
[ $# -gt 0 ] || mapfile -t modules < <("$play" doc -l | cut -d' ' -f1)
[ $# = 0 ] || modules=("$@")

# The text of a module's cases without the lines that say what is expected; of other directories only files that name it.
texts() { # MODULE
    local files=() f
    for f in "$1"/*; do [ ! -f "$f" ] || files+=("$f"); done
    mapfile -t -O ${#files[@]} files < <(grep -rlE "module: $1\b|^ *(- )?(community\.[a-z]+\.|ansible\.[a-z]+\.)?$1:" --include='*.yml' --include='*.sh' . ../e2e ../golden ../diff/cases ../hosts 2>/dev/null)
    [ ${#files[@]} = 0 ] || grep -hvE '^ +(result|check_result|after|files|without):' "${files[@]}"
}

unused=0 all=0 wrong=0
found=$(mktemp)
trap 'rm -f "$found"' EXIT
for module in "${modules[@]}"; do
    text=$(texts "$module" || true)
    left=()
    while IFS='|' read -r names; do
        [ -n "$names" ] || continue
        all=$((all + 1))
        grep -qE "(^|[^A-Za-z0-9_.])(${names// /|})[\"']?[:=]" <<<"$text" || left+=("${names%% *}")
    done < <("$play" doc --markdown "$module" | sed -n '/^## Arguments/,/^## Return/p' |
        sed -nE 's/^\| `([a-z0-9_]+)` \|.*(Also called|Also|Aliases?:?) ((`[a-z0-9_]+`(, )?)+).*/\1 \3/p; t; s/^\| `([a-z0-9_]+)` \|.*/\1/p' | tr -d '`,')
    unused=$((unused + ${#left[@]}))
    [ ${#left[@]} = 0 ] || echo "$module: ${left[*]}"
    for name in "${left[@]}"; do echo "$module $name" >>"$found"; done
done
echo "$unused of $all arguments are used by no test"
[ -n "$whole" ] || exit 0
if grep -vE '^#|^[a-z0-9_]+ [a-z0-9_]+ .' "$known"; then
    echo "FAILED: these lines of $known are not MODULE ARGUMENT REASON"
    wrong=1
fi
while read -r line; do
    echo "FAILED: $line: no test uses it, and $known gives no reason"
    wrong=1
done < <(sort -u "$found" | grep -vxF -f <(grep -v '^#' "$known" | cut -d' ' -f1,2 || true))
while read -r line; do
    echo "FAILED: $line: a test uses it, or there is no such argument: take it out of $known"
    wrong=1
done < <(grep -v '^#' "$known" | cut -d' ' -f1,2 | grep -vxF -f <(sort -u "$found"))
exit $wrong
