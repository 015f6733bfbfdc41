#!/bin/sh
# writers.sh WRITERS DOCS: every module that runs on a target is in the table once, with a reason where it is not tested.
set -eu
grep -l '^Runs on the target' "$2"/*.md | sed 's|.*/||; s|[.]md$||' | sort >"${TMPDIR:-/tmp}/writers.$$"
trap 'rm -f "${TMPDIR:-/tmp}/writers.$$"' EXIT
awk -v file="$1" '
    function bad(what) { print file ": " what; rc = 1 }
    NR == FNR { module[$1] = 1; next }
    /^#/ { next }
    {
        seen[$1]++
        if (!($1 in module)) bad("there is no module " $1 " that runs on a target")
        for (i = 2; i <= 3; i++) if ($i !~ /^(plain|slow|program|real|machine|slow-machine|real-machine|none)$/) bad($1 ": no place: " $i)
        if (($2 == "none" || $3 == "none") && NF < 4) bad($1 ": say why not")
    }
    END {
        for (m in module) if (seen[m] != 1)
            bad("module " m " is there " seen[m] + 0 " times: say where its cases are killed and replaced by links, or why not")
        exit rc
    }' "${TMPDIR:-/tmp}/writers.$$" "$1"
