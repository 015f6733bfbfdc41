#!/bin/sh
# writers.sh WRITERS DOCS: every module that runs on a target is in the table once, with a reason where it is not tested,
# and those with an engine have a case in */kill.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
grep -l '^Runs on the target' "$2"/*.md | sed 's|.*/||; s|[.]md$||' | sort >"$tmp/modules"
sed -n 's/^  module: \([a-z0-9_]*\)$/\1/p' "$(dirname "$1")"/*/kill/*.yml | sort -u >"$tmp/killed"
awk -v file="$1" -v killed="$tmp/killed" '
    function bad(what) { print file ": " what; rc = 1 }
    BEGIN { while ((getline name <killed) > 0) kill[name] = 1 }
    NR == FNR { module[$1] = 1; next }
    /^#/ { next }
    {
        seen[$1]++
        if (!($1 in module)) bad("there is no module " $1 " that runs on a target")
        for (i = 2; i <= 3; i++) if ($i !~ /^(plain|slow|program|real|own|machine|slow-machine|real-machine|engine|none)$/) bad($1 ": no place: " $i)
        if (($2 == "none" || $3 == "none") && NF < 4) bad($1 ": say why not")
        if ($2 == "engine" && !($1 in kill)) bad($1 ": there is no case for it in */kill")
    }
    END {
        for (m in module) if (seen[m] != 1)
            bad("module " m " is there " seen[m] + 0 " times: say where its cases are killed and replaced by links, or why not")
        exit rc
    }' "$tmp/modules" "$1"
