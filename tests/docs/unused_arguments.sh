#!/bin/bash
# unused_arguments.sh [MODULE...]: the arguments of the modules (of all, without names; from docs/modules) that no case in
# tests/modules uses, a line a module, and how many there are of how many. An argument counts as used when its name or an
# alias of it stands outside of what a case expects, in a file of the module's own directory or in a case that names the
# module. Fails, when it looks at all of them, for one that stands in unused_arguments.txt without need, or that does not
# stand there.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
known=$here/unused_arguments.txt
cd "$here/../modules"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# MODULE ARGUMENT [ALIAS...]
for page in ../../docs/modules/*.md; do
    module=$(basename "$page" .md)
    [ $# = 0 ] || [[ " $* " == *" $module "* ]] || continue
    sed -n '/^## Arguments/,/^## Return/p' "$page" |
        sed -nE 's/^\| `([a-z0-9_]+)` \|.*(Also called|Also|Aliases?:?) ((`[a-z0-9_]+`(, )?)+).*/\1 \3/p; t; s/^\| `([a-z0-9_]+)` \|.*/\1/p' |
        tr -d '`,' | sed "s/^/$module /"
done >"$tmp/arguments"

# What stands before a colon or an equals sign, for each module that the file is about
find . ../e2e ../golden ../diff/cases ../hosts -type f \( -name '*.yml' -o -name '*.sh' -o -path './*/*' \) |
    awk '
    function flush(   m, w) {
        for (m in about) for (w in word) used[m, w] = 1
        split("", about)
        split("", word)
    }
    FILENAME == ARGV[1] { module[$1] = 1; line[++n] = $0; next }
    {
        file = $0
        cases = file ~ /\.(yml|sh)$/
        k = split(file, part, "/")
        if (k == 3 && part[1] == "." && (part[2] in module)) about[part[2]] = 1
        else if (!cases) next
        while ((getline text <file) > 0) {
            if (cases && match(text, /^ *(- )?((community\.[a-z]+|ansible\.[a-z]+)\.)?[a-z0-9_]+:/)) {
                name = substr(text, 1, RLENGTH - 1)
                sub(/.*[ .]/, "", name)
                if (name in module) about[name] = 1
            }
            if (cases && match(text, /module: [a-z0-9_]+/)) {
                name = substr(text, RSTART + 8, RLENGTH - 8)
                if (name in module) about[name] = 1
            }
            if (text ~ /^ +(result|check_result|after|files|without):/) continue
            while (match(text, /[A-Za-z0-9_.]+["\047]?[:=]/)) {
                name = substr(text, RSTART, RLENGTH - 1)
                sub(/["\047]$/, "", name)
                word[name] = 1
                text = substr(text, RSTART + RLENGTH)
            }
        }
        close(file)
        flush()
    }
    END {
        for (i = 1; i <= n; i++) {
            k = split(line[i], part, " ")
            found = 0
            for (j = 2; j <= k; j++) found += (part[1], part[j]) in used
            if (!found) print part[1], part[2]
        }
    }' "$tmp/arguments" - | sort -u >"$tmp/unused"
awk '{ list[$1] = list[$1] " " $2 } END { for (m in list) print m ":" list[m] }' "$tmp/unused" | sort
echo "$(wc -l <"$tmp/unused") of $(wc -l <"$tmp/arguments") arguments are used by no test"
[ $# = 0 ] || exit 0
wrong=0
if grep -vE '^#|^[a-z0-9_]+ [a-z0-9_]+ .' "$known"; then
    echo "FAILED: these lines of $known are not MODULE ARGUMENT REASON"
    wrong=1
fi
grep -v '^#' "$known" | cut -d' ' -f1,2 | sort -u >"$tmp/known" || true
while read -r line; do
    echo "FAILED: $line: no test uses it, and $known gives no reason"
    wrong=1
done < <(comm -23 "$tmp/unused" "$tmp/known")
while read -r line; do
    echo "FAILED: $line: a test uses it, or there is no such argument: take it out of $known"
    wrong=1
done < <(comm -13 "$tmp/unused" "$tmp/known")
exit $wrong
