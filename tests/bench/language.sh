#!/bin/bash
# The language without a network: what `play` spends on a large inventory, on tasks that run on the controller, on
# includes in a loop and on a template over many hosts, beside what ansible-core's tools spend on the same. The best of
# RUNS of `play`; ansible's tools run once, and `--list-hosts` is measured against ansible-inventory --list, which reads
# the same inventory. Each line says what is wanted; the script fails when something misses it.
# usage: language.sh BIN_DIR [RUNS]
set -eu
bin=$(realpath "${1:?usage: language.sh BIN_DIR [RUNS]}")
runs=${2:-5}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export HOME=$dir ANSIBLE_CONFIG=$dir/none.cfg ANSIBLE_LOCALHOST_WARNING=False ANSIBLE_FORKS=5
missed=0

awk 'BEGIN {
    print "all:\n  children:"
    for (g = 0; g < 200; g++) {
        printf "    group%03d:\n      vars:\n        role_%d: value%d\n      hosts:\n", g, g, g
        for (h = 50 * g; h < 50 * g + 50; h++)
            printf "        host%05d.example.com:\n          ansible_host: 10.0.%d.%d\n          rack: r%d\n", h, h / 256, h % 256, h % 40
    }
}' >inv.yml
printf -- '- hosts: all\n  gather_facts: false\n  tasks: []\n' >list.yml
seq -f 'local%g' 50 | sed '1i [all:vars]\nansible_connection=local\n[all]' >fifty
awk 'BEGIN {
    print "- hosts: all\n  gather_facts: false\n  vars:\n    base: 3\n  tasks:"
    for (i = 0; i < 20; i++) {
        printf "    - debug:\n        msg: \"{{ inventory_hostname }} {{ base + %d }}\"\n", i
        printf "    - set_fact:\n        f%d: \"{{ base * %d }}\"\n", i, i
        printf "    - assert:\n        that: f%d | int == base * %d\n", i, i
    }
}' >sixty.yml
printf -- '- debug:\n    msg: "{{ item }}"\n' >inc.yml
for n in 1000 2000; do
    printf -- '- hosts: localhost\n  gather_facts: false\n  tasks:\n    - include_tasks: inc.yml\n      loop: "{{ range(%d) | list }}"\n' $n >loop$n.yml
done
printf -- '- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks: [{template: {src: all.j2, dest: "%s/out"}}]\n' "$dir" >over.yml
printf -- '- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks: [{template: {src: one.j2, dest: "%s/out"}}]\n' "$dir" >one.yml
echo '{% for h in groups["all"] %}{{ h }} {{ hostvars[h].ansible_host }} {{ hostvars[h].rack }}{{ "\n" }}{% endfor %}' >all.j2
echo '{{ hostvars["host00001.example.com"].rack }}' >one.j2

# measure N COMMAND...: sets ms (of the fastest of N runs) and kb (its peak memory)
measure() {
    local n=$1 i s k
    shift
    ms=
    for ((i = 0; i < n; i++)); do
        /usr/bin/time -o used -f '%e %M' "$@" >out.txt 2>err.txt || { cat out.txt err.txt >&2 && exit 1; }
        read -r s k <used
        s=$(awk -v s="$s" 'BEGIN {printf "%d", s * 1000}')
        if [ -z "$ms" ] || [ "$s" -lt "$ms" ]; then
            ms=$((s > 0 ? s : 10)) kb=$k
        fi
    done
}
# verdict NAME OURS THEIRS UNIT WANTED: OURS must be at most THEIRS / WANTED
verdict() {
    local ok=ok
    [ $(($2 * $5)) -le "$3" ] || { ok=MISSED && missed=1; }
    printf '%-52s %9s %9s %3s %6s of it, 1/%s wanted: %s\n' "$1" "$2" "$3" "$4" "1/$(($3 / $2))" "$5" $ok
}
# below NAME OURS LIMIT UNIT
below() {
    local ok=ok
    [ "$2" -le "$3" ] || { ok=MISSED && missed=1; }
    printf '%-52s %9s %9s %3s at most that is wanted: %s\n' "$1" "$2" "$3" "$4" $ok
}

printf '%s processors, load %s\n' "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
printf '%-52s %9s %9s\n' '' ours theirs
measure "$runs" "$bin/play" run list.yml -i inv.yml --list-hosts
ours=$ms ourkb=$kb
[ "$(grep -c example.com out.txt)" = 10000 ]
measure 1 ansible-inventory -i inv.yml --list
verdict '10,000 hosts in 200 groups: --list-hosts' $ours "$ms" ms 10
verdict '  its memory' "$ourkb" "$kb" KiB 10
measure "$runs" "$bin/play" run sixty.yml -i fifty
ours=$ms
grep '^local' out.txt | sort >recap
measure 1 ansible-playbook sixty.yml -i fifty
grep '^local' out.txt | sort | cmp - recap
verdict '60 debug, set_fact, assert on 50 local hosts' $ours "$ms" ms 50
measure "$runs" "$bin/play" run loop1000.yml
half=$ms
measure "$runs" "$bin/play" run loop2000.yml
below 'include_tasks in a loop of 2,000, against 1,000 twice' "$ms" $((half * 5 / 2)) ms
measure "$runs" "$bin/play" run one.yml -i inv.yml
base=$ms
measure "$runs" "$bin/play" run over.yml -i inv.yml
[ "$(wc -l <out)" -ge 10000 ]
below 'a template over hostvars of 10,000 hosts, whole run' "$ms" 1000 ms
printf '%-52s %9s\n' '  the same run with a template of one host' "$base"
exit $missed
