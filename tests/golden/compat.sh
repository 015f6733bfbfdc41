#!/bin/bash
# compat = 2.18 and 2.19: the same playbook under both, and that other values are refused by name. What 2.19 does is from
# its porting guide. Usage: compat.sh PLAY_BIN
set -u
play=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export HOME=$dir ANSIBLE_CONFIG=/dev/null ANSIBLE_LOCALHOST_WARNING=False ANSIBLE_INVENTORY_UNPARSED_WARNING=False
cat >site.yml <<'EOF'
- hosts: localhost
  gather_facts: false
  vars: {value: 1, comparison: ==, text: '[1, 2]', checks: ['value == 1', 'value < 2']}
  tasks:
    - {name: t1, assert: {that: inventory_hostname}, ignore_errors: true}
    - {name: t2, assert: {that: '1 + {{ value }} == 2'}, ignore_errors: true}
    - {name: t3, assert: {that: "inventory_hostname {{ comparison }} 'localhost'"}, ignore_errors: true}
    - {name: t4, assert: {that: '{{ checks }}'}, ignore_errors: true}
    - {name: t5, debug: {msg: x}, when: value, ignore_errors: true}
    - {name: t6, debug: {msg: x}, when: '', ignore_errors: true}
    - {name: t7, debug: {msg: x}, changed_when: value, ignore_errors: true}
    - {name: t8, debug: {msg: x}, loop: '{{ missing }}', when: false}
    - {name: t9, assert: {that: '(("[" ~ value ~ ", 2]") | type_debug) == "str"'}}
    - {name: t10, debug: {msg: '{{ ansible_version.full }} {{ (filled is string) }}'}, vars: {filled: '[{{ value }}]'}}
    - {name: t11, stat: {path: /does-not-exist}, register: r, failed_when: r.exists is false, ignore_errors: true}
    - {name: t12, debug: {msg: x}, when: ["value == 1", "inventory_hostname is truthy"]}
EOF
failed=0
# want COMPAT NAMES...: these tasks fail and no others
want() {
    local got
    got=$("$play" run site.yml "${@:3}" 2>/dev/null | awk '/^TASK/ {t = substr($2, 2); sub(/]$/, "", t)} /^fatal/ {printf "%s ", t}')
    [ "$got" = "$2" ] || { echo "FAILED: $1: want [$2], got [$got]" && failed=1; }
}
want 'default' ''
want '2.18 by option' '' --compat 2.18
want '2.19 by option' 't1 t2 t3 t5 t6 t7 t11 ' --compat 2.19
PLAY_COMPAT=2.19 want '2.19 by environment' 't1 t2 t3 t5 t6 t7 t11 '
PLAY_COMPAT=2.19 ANSIBLE_ALLOW_BROKEN_CONDITIONALS=true want '2.19, broken conditions allowed' 't2 t3 t11 '
ANSIBLE_ALLOW_BROKEN_CONDITIONALS=false want '2.18, broken conditions not allowed' 't1 t5 t7 '
printf '[play]\ncompat = 2.19\n' >of219.cfg
ANSIBLE_CONFIG=of219.cfg want '2.19 by ansible.cfg' 't1 t2 t3 t5 t6 t7 t11 '
for v in 2.18 2.19; do
    t=False && [ $v = 2.19 ] && t=True
    "$play" run site.yml --compat $v 2>/dev/null | grep -q "\"msg\": \"$v.0 $t\"" || { echo "FAILED: $v: values" && failed=1; }
done
for v in 2.17 2.20 x; do
    PLAY_COMPAT=$v "$play" run site.yml >out 2>&1 && failed=1
    grep -q "must be one of 2.18, 2.19, not '$v'" out || { echo "FAILED: environment $v" && cat out && failed=1; }
    "$play" run site.yml --compat $v >out 2>&1 && failed=1
    grep -q "must be 2.18 or 2.19, not '$v'" out || { echo "FAILED: option $v" && cat out && failed=1; }
done
mkdir inv && printf 'a\n' >inv/one.ini && printf 'b\n' >inv/two
[ "$("$play" inventory -i inv --graph | grep -c -- '--[ab]$')" = 1 ] || { echo 'FAILED: .ini is left out' && failed=1; }
[ "$(PLAY_COMPAT=2.19 "$play" inventory -i inv --graph | grep -c -- '--[ab]$')" = 2 ] || { echo 'FAILED: .ini is read' && failed=1; }
exit $failed
