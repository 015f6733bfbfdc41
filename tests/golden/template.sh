#!/bin/bash
# template.sh PLAY_BIN [--update]: what `play template` prints and with which code it ends, compared with template_command.txt.
set -u
play=$(realpath "$1")
want=$(realpath "$(dirname "$0")")/template_command.txt
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
printf 'Hello {{ name }}\n{%% for x in l %%}{{ x }},{%% endfor %%}\n' >ok.j2
printf 'a\n{{ nope }}\n' >bad.j2
printf 'a\n{%% if %%}\n' >syntax.j2
printf '[web]\nh1 name=one\nh2 name=two\n' >inv
printf '{"id": 1, "template": "{{ a }}", "vars": {"a": [1, "x"]}}\n{"id": 2, "template": "\\n{{ a.b }}"}\n{"id": 3}\n{"id": 4, "template": "", "extensions": ["jinja2.ext.debug"]}\n' >cases.json
run() {
    echo "\$ play template $*"
    ANSIBLE_CONFIG=/dev/null "$play" template "$@" 2>&1 | grep -v '^\[WARNING\]'
    echo "ends with ${PIPESTATUS[0]}"
}
{
    run ok.j2 -e name=x -e '{"l": [1, 2]}'
    run ok.j2 -i inv -l h2 -e '{"l": []}'
    run --json ok.j2 -i inv -l h1 -e '{"l": ["é"]}'
    run --expr '1 + 1'
    run --expr '{"a": [1, none]}' --json
    echo 'in {{ 2 * 3 }}' | run -
    run bad.j2
    run --json bad.j2
    run syntax.j2
    run --json syntax.j2
    run
    run ok.j2 extra
    run nofile.j2
    run --expr 'x |nofilter'
    run --json-cases cases.json
    run --json-cases nofile
} >out
if [ "${2:-}" = --update ]; then
    cp out "$want"
fi
diff -u "$want" out && echo "as expected"
