#!/bin/bash
# module_pages.sh PLAY [DIRECTORY]: writes docs/modules/ (or the directory) from the modules' own tables.
set -euo pipefail
play=$(realpath "$1")
cd "${2:-$(dirname "$0")/../../docs/modules}"
rm -f ./*.md
{
    printf '# Modules\n\n| module | what |\n|---|---|\n'
    "$play" doc -l | while read -r name what; do
        printf '| [%s](%s.md) | %s |\n' "$name" "$name" "${what//|/\\|}"
        "$play" doc --markdown "$name" >"$name.md"
    done
} >README.md
