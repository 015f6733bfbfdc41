#!/bin/bash
# settings.sh: the table of settings is honest: a setting with a word about what it does is read somewhere, and one that is
# read has a word. Those that share a variable of the environment are one setting for several plugins.
set -euo pipefail
cd "$(dirname "$0")/../.."
failed=0
declare -A acts row_env
mapfile -t rows < <(tr '\n' ' ' <runner/cli/settings.def | sed 's/ SETTING(/\n&/g' | grep '^ *SETTING(')
[ ${#rows[@]} -gt 270 ] || { echo "FAILED: only ${#rows[@]} settings"; exit 1; }
mapfile -t sources < <(find runner vault -name '*.c')
members=$(<runner/cli/config.c)
words=$(grep -ohE '"[A-Za-z_]{6,}"' "${sources[@]}" | sort -u)
is_read() { # PLUGIN NAME ENVIRONMENT
    local one
    [[ $members != *"{$1, \"$2\", MEMBER"* ]] || return 0
    [[ $1 != NULL && $1 != '"become:'* ]] || [[ $words != *"\"$2\""* ]] || return 0
    for one in ${3//|/ }; do
        [[ $words != *"\"$one\""* ]] || return 0
    done
    return 1
}
parse() { # ROW; sets plugin, name, env, doc
    local head='SETTING\(([^,]*), "([^"]*)"' environment='"((ANSIBLE|PLAY|JUNIT|NO_COLOR)[A-Z_|]*)", ("|NULL)' none='NULL\) *(//.*)?$'
    [[ $1 =~ $head ]]
    plugin=${BASH_REMATCH[1]}
    name=${BASH_REMATCH[2]}
    env=
    [[ ! $1 =~ $environment ]] || env=${BASH_REMATCH[1]}
    doc=yes
    [[ ! $1 =~ $none ]] || doc=
}
for row in "${rows[@]}"; do
    parse "$row"
    if is_read "$plugin" "$name" "$env"; then
        for one in ${env//|/ }; do acts[$one]=1; done
        [ -n "$doc" ] || { echo "FAILED: $plugin $name is read, but the table does not say what for"; failed=1; }
    elif [ -n "$doc" ]; then
        row_env[$plugin $name]=$env
    fi
done
for row in "${!row_env[@]}"; do
    shared=
    for one in ${row_env[$row]//|/ }; do
        [ -z "${acts[$one]:-}" ] || shared=1
    done
    [ -n "$shared" ] || { echo "FAILED: $row is said to have a meaning, and nothing reads it"; failed=1; }
done
exit $failed
