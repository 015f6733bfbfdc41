#!/bin/bash
# Compares what callbacks and log_path write with what the real ones wrote, case by case, and looks for secrets in all of
# it. Usage: tests/callbacks/run.sh PLAY_BIN [NAME...]
set -u
play=$(realpath "$1") || exit 1
shift
cd "$(dirname "$0")" || exit 1
. ./normalise.sh
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
ln -s "$play" "$tmp/ansible-playbook"
failed=0
total=0
while read -r name what book settings; do
    [[ $name == '' || $name == \#* ]] && continue
    [[ $# == 0 || " $* " == *" $name "* ]] || continue
    total=$((total + 1))
    # shellcheck disable=SC2086
    callback_run "$tmp/ansible-playbook" "$tmp" "$what" "$book" $settings >"$tmp/got"
    if [ ! -s "expected/$name" ] || ! diff -u "expected/$name" "$tmp/got" >"$tmp/diff"; then
        failed=$((failed + 1))
        echo "FAILED: $name: $settings"
        cat "$tmp/diff"
    fi
done <cases.txt
echo "$((total - failed)) of $total cases equal"

# A secret in every place a callback may write it from: a vaulted value in arguments, results, names, loops, diffs, errors
# and statistics, and an argument of a task with no_log.
mkdir "$tmp/secret" && cd "$tmp/secret" || exit 1
export HOME=$tmp/secret ANSIBLE_CONFIG=/dev/null ANSIBLE_LOCALHOST_WARNING=False ANSIBLE_INVENTORY_UNPARSED_WARNING=False
canary='Kanarie<&>"q7 X'
echo pw >pw
printf 'secret: %s\n' "'$canary'" >plain.yml
"$(dirname "$play")/vault" encrypt --vault-password-file pw --output vars.yml plain.yml && rm plain.yml
cat >site.yml <<'EOF'
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: [vars.yml]
  tasks:
    - {name: "name {{ secret }}", debug: {msg: "{{ secret }}"}}
    - command: {argv: ["echo", "{{ secret }}", "{{ secret | b64encode }}"]}
    - {debug: {msg: "{{ item }}"}, loop: ["{{ secret }}", "{{ secret | urlencode }}"]}
    - {copy: {content: "{{ secret }}", dest: "{{ playbook_dir }}/dest"}, diff: true}
    - {fail: {msg: "x {{ secret }}"}, ignore_errors: true}
    - {set_stats: {data: {k: "{{ secret }}"}}}
    - {assert: {that: "secret == 'x'", fail_msg: "not {{ secret }}"}, ignore_errors: true}
    - {command: "echo {{ secret | quote }}", no_log: true}
    - {command: "echo KanarieArg", no_log: true}
    - {include_tasks: inc.yml, vars: {v: "{{ secret }}"}, loop: ["{{ secret }}"]}
EOF
echo '- debug: {var: v}' >inc.yml
for cb in default json null yaml minimal oneline debug; do
    ANSIBLE_STDOUT_CALLBACK=$cb ANSIBLE_CALLBACKS_ENABLED=junit,tree,profile_roles,profile_tasks,timer ANSIBLE_SHOW_CUSTOM_STATS=1 \
        JUNIT_OUTPUT_DIR=junit ANSIBLE_CALLBACK_TREE_DIR=tree ANSIBLE_LOG_PATH=log \
        "$play" run site.yml --vault-password-file pw -vvv >out.$cb 2>&1
    [ -s log ] && [ -n "$(ls junit)" ] && [ -s tree/localhost ] || { echo "FAILED: $cb: no reports" && cat out.$cb && failed=1; }
    for file in junit/*.xml log tree/localhost; do
        grep -q '\*\*\*\*\*\*\*\*' "$file" || { echo "FAILED: $cb: nothing is masked in $file" && failed=1; }
    done
    for text in "$canary" Kanarie "$(printf %s "$canary" | base64)" 'q7 X'; do
        if found=$(grep -rlF -- "$text" out.$cb log junit tree); then
            echo "FAILED: $cb: '$text' in $found" && failed=1
            grep -rhF -- "$text" $found | head -3
        fi
    done
    rm -rf log junit tree dest
done
[ "$failed" -eq 0 ]
