#!/bin/bash
# facts.sh PLAY_BIN: what a play gathers. Programs that collectors ask are stand-ins that leave a trace: none is asked when
# the play does not read what it tells, and what is read is always there, however it is read. Then all of them hang.
set -u
play=$1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0
total=0
fail() {
    failed=$((failed + 1))
    echo "FAILED $*"
}
mkdir "$tmp/bin" "$tmp/outside"
stand_in() { # NAME SHELL_TEXT
    printf '#!/bin/sh\necho %s >>"%s/asked"\n%s\n' "$1" "$tmp" "$2" >"$tmp/bin/$1"
    chmod +x "$tmp/bin/$1"
}
answering() {
    stand_in lsb_release 'printf "Distributor ID:\tStand\nRelease:\t1.2\nCodename:\tin\n"'
    stand_in capsh 'echo "Current: =cap_chown,cap_kill=ep"'
    stand_in lsblk 'exit 0'
    stand_in lspci 'exit 0'
    stand_in vgs 'exit 0'
    stand_in lvs 'exit 0'
    stand_in pvs 'exit 0'
    stand_in facter 'echo "{\"kind\": \"stand-in\"}"'
    stand_in getent 'exit 2'
}
# run_play OPTIONS...: runs $tmp/p/play.yml, its output is in $tmp/out, who was asked in $tmp/asked
run_play() {
    : >"$tmp/asked"
    (cd "$tmp/p" && env PATH="$tmp/bin:$PATH" ANSIBLE_NOCOLOR=1 HOME="$tmp" timeout 60 "$play" run play.yml -i inv "$@") \
        >"$tmp/out" 2>&1 </dev/null
}
project() { # TASKS: a fresh project whose play has these tasks
    rm -rf "$tmp/p"
    mkdir -p "$tmp/p/templates" "$tmp/p/group_vars" "$tmp/p/roles/r/tasks" "$tmp/p/roles/r/defaults"
    printf 'h1 ansible_connection=local\nh2 ansible_connection=local\n' >"$tmp/p/inv"
    { printf -- '- hosts: h1,h2\n  tasks:\n'; printf '%s\n' "$1" | sed 's/^/    /'; } >"$tmp/p/play.yml"
}
asked() {
    sort -u "$tmp/asked" | tr '\n' ' '
}

# reads NAME TASKS: the play sees what the stand-in of lsb_release says, and prints it on both hosts
reads() {
    local name=$1
    shift
    total=$((total + 1))
    run_play "$@" || fail "$name: status $?"
    [ "$(grep -c 'Stand' "$tmp/out")" = 2 ] || fail "$name: the fact is missing: $(cat "$tmp/out")"
}

answering
total=$((total + 1))
project '- debug: {msg: "{{ ansible_distribution }} {{ ansible_facts.kernel }} {{ ansible_facts[\"os_family\"] }}"}
- debug: {var: ansible_default_ipv4}
- debug: {msg: "{{ hostvars[inventory_hostname].ansible_hostname }} {{ ansible_virtualization_type }}"}'
run_play || fail "nothing: status $? $(cat "$tmp/out")"
[ -z "$(asked)" ] || fail "nothing that costs is read, but these were asked: $(asked)"

project '- debug: {msg: "{{ ansible_lsb.id }}"}'
reads 'a variable'
case $(asked) in 'lsb_release ') ;; *) fail "only lsb_release is needed, but these were asked: $(asked)" ;; esac
project '- debug: {msg: "{{ ansible_facts.lsb.id }}"}'
reads 'a member'
project "- debug: {msg: \"{{ ansible_facts['lsb']['id'] }}\"}"
reads 'an item'
project '- debug: {msg: "{{ hostvars[inventory_hostname].ansible_lsb.id }}"}'
reads 'of hostvars'
project "- debug: {msg: \"{{ hostvars['h1']['ansible_facts']['lsb']['id'] }}\"}"
reads 'of another host'
project "- debug: {msg: \"{{ vars['ansible_lsb'].id }}\"}"
reads 'of vars'
project "- debug: {msg: \"{{ lookup('vars', 'ansible_' ~ 'lsb').id }}\"}"
reads 'a name that is put together'
project "- debug: {msg: \"{{ ansible_facts | dict2items | selectattr('key', '==', 'lsb') | map(attribute='value.id') | first }}\"}"
reads 'all facts'
project '- debug: {msg: "{{ (ansible_facts | to_json | from_json).lsb.id }}"}'
reads 'facts as text'
project '- set_fact: {copy: "{{ ansible_facts }}"}
- debug: {msg: "{{ copy.lsb.id }}"}'
reads 'a copy of all facts'
project "- debug: {msg: \"{{ lookup('template', 't.j2') }}\"}"
echo '{% if ansible_lsb is defined %}{{ ansible_lsb.id }}{% endif %}' >"$tmp/p/templates/t.j2"
reads 'in a template file'
project '- include_role: {name: "{{ \"r\" }}"}'
echo 'who: "{{ ansible_lsb.id }}"' >"$tmp/p/roles/r/defaults/main.yml"
echo '- debug: {msg: "{{ who }}"}' >"$tmp/p/roles/r/tasks/main.yml"
reads 'in a default of a role'
project '- debug: {msg: "{{ who }}"}'
echo 'who: "{{ ansible_lsb.id }}"' >"$tmp/p/group_vars/all.yml"
reads 'in group_vars'
project '- debug: {msg: "{{ who }}"}'
reads 'in an extra variable' -e '{"who": "{{ ansible_lsb.id }}"}'
# What is not searched is fetched when it is read.
echo '{{ ansible_lsb.id }}' >"$tmp/outside/t.j2"
printf -- '- debug: {msg: "{{ ansible_facts.lsb.id }}"}\n' >"$tmp/outside/tasks.yml"
project "- debug: {msg: \"{{ lookup('template', '$tmp/outside/t.j2') }}\"}"
reads 'in a template from elsewhere'
project "- include_tasks: $tmp/outside/tasks.yml"
reads 'in tasks from elsewhere'
echo '{{ hostvars.h2.ansible_facts.lsb.id if hostvars.h2.ansible_facts.lsb is defined }}' >"$tmp/outside/t.j2"
project "- debug: {msg: \"{{ lookup('template', '$tmp/outside/t.j2') }}\"}"
reads 'of another host in a template from elsewhere'
project "- debug: {msg: \"{{ lookup('template', '$tmp/outside/t.j2') }}\"}"
echo "{{ ansible_facts.items() | map('first') | list | select('==', 'lsb') | list | join and 'Stand' }}" >"$tmp/outside/t.j2"
reads 'all facts in a template from elsewhere'
project "- debug: {msg: \"{{ lookup('template', '$tmp/outside/t.j2') }}\"}"
echo "{{ facter_kind | regex_replace('stand', 'Stand') }}" >"$tmp/outside/t.j2"
reads 'the facts of another tool'
# A later play without facts of its own.
project '- debug: {msg: "{{ ansible_distribution }}"}'
echo "{{ ansible_lsb.id }}" >"$tmp/outside/t.j2"
printf -- "- hosts: h1,h2\n  gather_facts: false\n  tasks:\n    - debug: {msg: \"{{ lookup('template', '%s') }}\"}\n" "$tmp/outside/t.j2" >>"$tmp/p/play.yml"
reads 'in a later play'

# Everything is gathered when it is asked for.
total=$((total + 1))
project '- debug: {msg: "nothing"}'
run_play -v
case $(asked) in *capsh*lsb_release*) ;; *) fail "with -v everything is gathered, not only: $(asked)" ;; esac
total=$((total + 1))
sed -i 's/  tasks:/  gather_subset: all\n  tasks:/' "$tmp/p/play.yml"
run_play
case $(asked) in *capsh*lsb_release*) ;; *) fail "gather_subset gathers everything, not only: $(asked)" ;; esac

# Nothing hangs: all programs do, and a file system that never answers.
total=$((total + 1))
for name in lsb_release capsh lsblk lspci vgs lvs pvs facter getent; do
    stand_in "$name" 'exec sleep 1000'
done
project '- debug: {msg: "still {{ ansible_facts | length > 50 }}"}'
sed -i 's/  tasks:/  gather_timeout: 1\n  tasks:/' "$tmp/p/play.yml"
sed -i '/^h2/d' "$tmp/p/inv"
sed -i 's/h1,h2/h1/' "$tmp/p/play.yml"
begin=$(date +%s)
run_play || fail "hanging programs: status $? $(cat "$tmp/out")"
took=$(($(date +%s) - begin))
grep -q 'still True' "$tmp/out" || fail "hanging programs: $(cat "$tmp/out")"
[ $took -lt 15 ] || fail "hanging programs: $took seconds"
grep -q 'gave no answer within 1 seconds' "$tmp/out" || fail "hanging programs: no warning: $(cat "$tmp/out")"
if [ "$(id -u)" = 0 ] && [ -r /dev/fuse ]; then
    total=$((total + 1))
    answering
    mkdir "$tmp/dead1" "$tmp/dead2"
    project '- debug: {msg: "still {{ ansible_mounts | length > 0 }}"}'
    sed -i 's/  tasks:/  gather_timeout: 1\n  tasks:/' "$tmp/p/play.yml"
    begin=$(date +%s)
    PATH="$tmp/bin:$PATH" ANSIBLE_NOCOLOR=1 unshare -m sh -ec 'cd "$1"; exec 8<>/dev/fuse 9<>/dev/fuse
        mount -i -t fuse -o fd=8,rootmode=40000,user_id=0,group_id=0 server:/a "$2"
        mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 server:/b "$3"
        exec timeout 60 "$4" run play.yml -i inv -l h1' sh "$tmp/p" "$tmp/dead1" "$tmp/dead2" "$play" \
        >"$tmp/out" 2>&1 </dev/null || fail "dead mounts: status $? $(cat "$tmp/out")"
    took=$(($(date +%s) - begin))
    grep -q 'still True' "$tmp/out" || fail "dead mounts: $(cat "$tmp/out")"
    [ "$(grep -c 'Timeout exceeded' "$tmp/out")" = 2 ] || fail "dead mounts: no warnings: $(cat "$tmp/out")"
    [ $took -lt 5 ] || fail "dead mounts: $took seconds"
else
    echo "not tested here: file systems that do not answer (needs root and /dev/fuse)"
fi
echo "facts: $((total - failed)) of $total"
[ "$failed" = 0 ]
