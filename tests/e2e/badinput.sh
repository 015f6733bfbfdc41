#!/bin/bash
# badinput.sh BIN_DIR [NAME]: what a user sees when something is wrong. Each row is one situation: its name, the exit status
# ansible-playbook gives for it, texts the output must have ("!text": must not have), and the playbook or command line.
# BADINPUT_SHOW=1 prints what each situation printed; NAME runs only the rows whose name contains it.
# Hosts are local; those that are reached over ssh are in bad_input.sh.
# shellcheck disable=SC2016  # what is in single quotes is for the shell that is started
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
bin=$(absolute "${1:?usage: badinput.sh BIN_DIR [NAME]}")
only=${2:-}
passed=0
failed=0
work=$(mktemp -d "${TMPDIR:-/tmp}/badinput.XXXXXX")
cleanup() {
    chmod -R u+rwX "$work"
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Nothing of the caller's configuration may play a part.
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_)'); do unset "$name"; done
export HOME=$work/home LC_ALL=C.UTF-8
unset SSH_AUTH_SOCK
mkdir -p "$HOME/.ssh" "$work/p" && chmod 700 "$HOME/.ssh"
cd "$work/p" || exit 1
printf 'h1 ansible_connection=local\nh2 ansible_connection=local\n' >hosts

# report NAME CODE GOT FRAGMENT...: compares $work/out with what is wanted
report() {
    local name=$1 code=$2 got=$3 f why=
    shift 3
    [ "$got" = "$code" ] || why="exit status $got instead of $code"
    for f; do
        case $f in
            !*) ! grep -qF -e "${f#!}" "$work/out" || why+="; has '${f#!}'" ;;
            *) grep -qF -e "$f" "$work/out" || why+="; lacks '$f'" ;;
        esac
    done
    # One message for one mistake, and none about us.
    [ "$(grep -c '^ERROR!' "$work/out")" -le 1 ] || why+="; several errors"
    ! grep -qE 'BUG|AddressSanitizer|runtime error|LeakSanitizer|core dumped' "$work/out" || why+="; a crash"
    if [ -z "$why" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        say "FAILED: $name: ${why#; }"
    fi
    if [ -n "$why" ] || [ -n "${BADINPUT_SHOW:-}" ]; then
        say "--- $name ($got)"
        head -c 3000 "$work/out"
    fi
}

# try NAME CODE FRAGMENT... -- COMMAND...
try() {
    local name=$1 code=$2 got=0
    local want=()
    shift 2
    while [ "$1" != -- ]; do
        want+=("$1")
        shift
    done
    shift
    [[ $name == *"$only"* ]] || return 0
    timeout -k 5 60 "$@" >"$work/out" 2>&1 </dev/null || got=$?
    report "$name" "$code" "$got" ${want[0]+"${want[@]}"}
}

# play NAME CODE FRAGMENT... -- ARGUMENTS...: a command line
cli() {
    local args=()
    while [ "$1" != -- ]; do
        args+=("$1")
        shift
    done
    shift
    try "${args[@]}" -- "$bin/play" "$@"
}

# book NAME CODE FRAGMENT... [-- ARGUMENTS...] <<PLAYBOOK
book() {
    local want=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        want+=("$1")
        shift
    done
    [ $# = 0 ] || shift
    cat >book.yml
    try "${want[@]}" -- "$bin/play" run book.yml -i hosts "$@"
}

# task NAME CODE FRAGMENT... [-- ARGUMENTS...] <<TASK: one task, at line 4 of book.yml, for h1
task() {
    { printf -- '- hosts: h1\n  gather_facts: false\n  tasks:\n' && sed 's/^/    /'; } >task.tmp
    book "$@" <task.tmp
}
good() { printf -- '- hosts: all\n  gather_facts: false\n  tasks:\n    - ping:\n' >good.yml; }
good

# -- files that are not there, or are not files -----------------------------------------------------------------------
cli 'missing playbook' 1 "nofile.yml" 'hint:' -- run nofile.yml -i hosts
cli 'directory as playbook' 1 "home" 'directory' -- run "$HOME" -i hosts
cli 'missing inventory' 1 'nohosts' -- run good.yml -i nohosts
cli 'missing -e file' 1 'novars.yml' -- run good.yml -i hosts -e @novars.yml
cli 'directory as -e file' 1 'directory' -- run good.yml -i hosts -e "@$HOME"
cli 'missing vault password file' 1 'nopass' -- run good.yml -i hosts --vault-password-file nopass
try 'missing ansible.cfg' 0 'no.cfg' -- env ANSIBLE_CONFIG=no.cfg "$bin/play" run good.yml -i hosts
book 'missing vars_files' 1 'novars.yml' 'book.yml:4:' <<'Y'
- hosts: h1
  gather_facts: false
  vars_files:
    - novars.yml
  tasks:
    - ping:
Y
book 'missing role' 1 "norole" 'book.yml:4:' '^' 'hint:' <<'Y'
- hosts: h1
  gather_facts: false
  roles:
    - norole
Y
task 'missing import_tasks' 1 'notasks.yml' 'book.yml:4:' <<<'- import_tasks: notasks.yml'
task 'missing include_tasks' 2 'notasks.yml' 'book.yml:4:' <<<'- include_tasks: notasks.yml'
task 'missing include_vars' 2 'novars.yml' 'book.yml:4:' <<<'- include_vars: novars.yml'
task 'missing template' 2 'no.j2' 'book.yml:4:' <<<"- template: {src: no.j2, dest: $work/x}"
task 'missing copy source' 2 'nosrc' 'book.yml:4:' '^' <<<"- copy: {src: nosrc, dest: $work/x}"
task 'directory as template' 2 'directory' <<<"- template: {src: $HOME, dest: $work/x}"
task 'missing lookup file' 2 'nofile' 'book.yml:4:' <<<$'- debug:\n    msg: "{{ lookup(\'file\', \'nofile\') }}"'

# -- YAML -------------------------------------------------------------------------------------------------------------
book 'tab in YAML' 4 'book.yml:3:' 'tab' '^' <<<$'- hosts: h1\n  tasks:\n\t- ping:'
book 'unquoted template' 4 'book.yml:4:' 'quote' '^' <<<$'- hosts: h1\n  tasks:\n    - debug:\n        msg: {{ foo }}'
book 'bad indentation' 4 'book.yml:' '^' <<<$'- hosts: h1\n  tasks:\n    - ping:\n   - ping:'
book 'unterminated quote' 4 'book.yml:3:' '^' <<<$'- hosts: h1\n  tasks:\n    - debug: "msg=hello\n'
book 'colon in a plain value' 4 'book.yml:4:' '^' <<<$'- hosts: h1\n  tasks:\n    - debug:\n        msg: a: b'
book 'duplicate key' 0 'book.yml' 'msg' 'WARNING' <<<$'- hosts: h1\n  gather_facts: false\n  tasks:\n    - debug:\n        msg: one\n        msg: two'
book 'empty playbook' 4 'book.yml' 'empty' <<<''
book 'playbook is a dictionary' 4 'book.yml:1:' 'list' '^' <<<'hosts: h1'
book 'playbook is a word' 4 'book.yml:1:' 'list' <<<'hello'
book 'play without hosts' 4 'hosts' 'book.yml:1:' <<<$'- tasks:\n    - ping:'
book 'unknown alias' 4 'book.yml:1:' 'nobody' <<<'- hosts: *nobody'
book 'unknown YAML tag' 4 'book.yml:2:' "unknown tag '" '^' <<<$'- hosts: h1\n  vars: !thing {a: 1}'
head -c 5000 /dev/urandom >garbage
cli 'garbage as playbook' 4 'garbage:' -- run garbage -i hosts
cli 'garbage as inventory' 4 'garbage' -- run good.yml -i garbage
printf '\xff\xfe- hosts: h1\n' >utf16.yml
cli 'not UTF-8' 4 'utf16.yml' -- run utf16.yml -i hosts
printf -- '- hosts: "h\xe9"\n' >latin.yml
cli 'Latin-1 playbook' 4 'latin.yml:1:' 'UTF-8' -- run latin.yml -i hosts
truncate -s 1G huge.yml
cli 'huge sparse playbook' 1 'huge.yml' 'too large' -- run huge.yml -i hosts
rm huge.yml
printf '[web\nh1\n' >broken.ini
cli 'broken inventory' 4 'broken.ini:1' -- run good.yml -i broken.ini
printf 'all:\n  hosts:\n    h1: [1]\n' >broken-hosts.yml
cli 'inventory of wrong types' 4 'broken-hosts.yml:3' -- run good.yml -i broken-hosts.yml

# -- names nobody knows -----------------------------------------------------------------------------------------------
book 'unknown play keyword' 4 "'tassks'" 'book.yml:2:' '^' "did you mean 'tasks'" <<<$'- hosts: h1\n  tassks: []'
task 'unknown task keyword' 4 "'whn'" 'book.yml:5:' '^' "did you mean 'when'" <<<$'- ping:\n  whn: true'
task 'unknown module' 4 "'copyy'" 'book.yml:4:' '^' "did you mean 'copy'" <<<'- copyy: {src: a, dest: b}'
task 'two modules' 4 'book.yml:5:' 'ping' 'command' <<<$'- ping:\n  command: ls'
task 'task without module' 4 'book.yml:4:' <<<$'- name: nothing'
task 'unknown argument' 4 'sorce' 'book.yml:4:' '^' 'did you mean' <<<"- copy: {sorce: a, dest: $work/x}"
task 'missing argument' 2 'dest' 'book.yml:4:' '^' <<<'- copy: {content: a}'
task 'argument of wrong type' 2 'timeout' 'book.yml:4:' <<<'- wait_for: {timeout: soon, path: /}'
task 'value that is no choice' 2 'state' 'direktory' 'directory' 'book.yml:4:' <<<"- file: {path: $work/x, state: direktory}"
task 'exclusive arguments' 2 'content' 'src' 'book.yml:4:' <<<"- copy: {content: a, src: b, dest: $work/x}"
task 'unknown filter' 4 "'uper'" 'book.yml:4:' '^' "did you mean 'upper'" <<<'- debug: msg="{{ 1 | uper }}"'
task 'unknown test' 4 "'definedd'" 'book.yml:5:' "did you mean 'defined'" <<<$'- ping:\n  when: a is definedd'
task 'unknown lookup' 4 "'fille'" 'book.yml:5:' <<<$'- debug:\n    msg: "{{ lookup(\'fille\', 1) }}"'
cli 'unknown tag' 0 "'nosuchtag'" -- run good.yml -i hosts -t nosuchtag
book 'host pattern without hosts' 0 'nosuchhost' 'no hosts matched' <<<$'- hosts: nosuchhost\n  tasks:\n    - ping:'
cli 'limit without hosts' 1 'nosuchhost' -- run good.yml -i hosts -l nosuchhost
cli 'limit file missing' 1 'nolimit' -- run good.yml -i hosts -l @nolimit
cli 'unknown verb' 4 "'deplyo'" 'hint:' -- deplyo env=prod
cli 'unknown environment' 1 "'nowhere'" -- ping env=nowhere
cli 'unknown option' 2 "'--chekc'" "did you mean '--check'" -- run good.yml -i hosts --chekc
cli 'unknown letter' 2 "'-Z'" -- run good.yml -Z
cli 'option without value' 2 "'-i' needs a value" -- run good.yml -i
cli 'option of wrong type' 2 'forks' "'many'" -- run good.yml -i hosts -f many
cli 'no playbook given' 2 'hint:' -- run
try 'unknown callback' 1 "'nocallback'" -- env ANSIBLE_STDOUT_CALLBACK=nocallback "$bin/play" run good.yml -i hosts
cli 'unknown start task' 0 'nothing here' -- run good.yml -i hosts --start-at-task 'nothing here'
book 'unknown become method' 4 "become_method 'runas' is not supported: expected sudo, su or doas" 'book.yml:5:' '!TASK' <<<$'- hosts: h1\n  tasks:\n    - ping:\n    - ping:\n      become_method: runas'
book 'become method with a slip' 4 "did you mean 'sudo'?" 'book.yml:2:' <<<$'- hosts: h1\n  become_method: sduo\n  tasks:\n    - ping:'
book 'unknown become method behind when' 0 '!ERROR' <<<$'- hosts: h1\n  gather_facts: false\n  tasks:\n    - ping:\n      become: true\n      become_method: runas\n      when: ansible_os_family | default("") == "Windows"'
book 'unknown strategy' 4 "'freee'" 'book.yml:2:' <<<$'- hosts: h1\n  strategy: freee\n  tasks:\n    - ping:'
# A connection that is not supported, wherever it is said: refused before the first task of the first play.
cli 'unknown connection' 4 "'telepathy' is not supported: expected one of ssh, local" '!TASK' -- run good.yml -i 'h3,' -c telepathy
cli 'unknown connection, ad hoc' 4 "'telepathy' is not supported" '!UNREACHABLE' -- adhoc all -i 'h3,' -c telepathy -m ping
book 'unknown connection of a play' 4 "'sssh' is not supported" "did you mean 'ssh'" 'book.yml:3:15' '!TASK' -- -i far, <<<$'- hosts: far\n  gather_facts: false\n  connection: sssh\n  tasks:\n    - debug:\n    - ping:'
book 'unknown connection for facts' 4 "'sssh' is not supported" 'book.yml:2:15' '!TASK' -- -i far, <<<$'- hosts: far\n  connection: sssh\n  tasks:\n    - debug:'
book 'unknown connection of a task' 4 "'winrm' is not supported" 'book.yml:7:19' '!TASK' -- -i far, -c local <<<$'- hosts: far\n  gather_facts: false\n  tasks:\n    - ping:\n    - block:\n      - ping:\n      connection: winrm'
book 'unknown connection in variables' 4 "'psrp' is not supported" 'book.yml:5:34' '!TASK' <<<$'- hosts: h1\n  gather_facts: false\n  tasks:\n    - ping:\n      vars: {ansible_connection: psrp}'
printf '[windows]\nw1\n[windows:vars]\nansible_connection=winrm\n' >windows
book 'unknown connection in the inventory, second play' 4 "'w1' cannot be reached" "'winrm' is not supported" 'windows:4:20' '!TASK' -- -i windows <<<$'- hosts: h1\n  tasks:\n    - ping:\n- hosts: windows\n  gather_facts: false\n  tasks:\n    - ping:'
book 'the same, not under the limit' 0 '!ERROR' -- -i windows -l h1 <<<$'- hosts: h1\n  tasks:\n    - ping:\n- hosts: windows\n  tasks:\n    - ping:'
book 'the same, only tasks for the controller' 0 '!ERROR' -- -i windows <<<$'- hosts: windows\n  gather_facts: false\n  tasks:\n    - debug:\n    - ping:\n      delegate_to: h1\n    - ping:\n      when: ansible_connection != "winrm"\n    - ping:\n      tags: never'
mkdir group_vars
printf 'ansible_connection: aws_ssm\n' >group_vars/buckets.yml
printf '[buckets]\nb1\n' >buckets
book 'unknown connection in group_vars' 4 "'aws_ssm' is not supported" 'group_vars/buckets.yml:1:21' '!TASK' -- -i buckets <<<$'- hosts: buckets\n  tasks:\n    - ping:'
rm -r group_vars
book 'a variable wins over the unknown keyword' 0 '!ERROR' <<<$'- hosts: h1\n  connection: winrm\n  tasks:\n    - ping:'
task 'unknown handler' 1 "'nobody'" 'book.yml:4:' <<<$'- command: "true"\n  notify: nobody'
task 'unknown meta' 4 "'clear_thoughts'" 'book.yml:4:' <<<'- meta: clear_thoughts'

# -- templates --------------------------------------------------------------------------------------------------------
task 'undefined in a task' 2 "'nosuch' is undefined" 'book.yml:4:' '^' <<<'- debug: msg="{{ nosuch }}"'
task 'undefined in when' 2 "'nosuch' is undefined" 'book.yml:5:' '^' <<<$'- ping:\n  when: nosuch'
task 'undefined in loop' 2 "'nosuch' is undefined" 'book.yml:5:' '^' <<<$'- ping:\n  loop: "{{ nosuch }}"'
book 'undefined in a chain of variables' 2 "'nosuch' is undefined" 'book.yml:4:' <<'Y'
- hosts: h1
  gather_facts: false
  vars:
    a: "x{{ nosuch }}"
    b: "{{ a }}"
  tasks:
    - debug: msg="{{ b }}"
Y
printf 'one\ntwo {{ nosuch }}\n' >t.j2
task 'undefined in a template file' 2 "'nosuch' is undefined" 't.j2:2:8' 'two {{ nosuch }}' '^' <<<"- template: {src: t.j2, dest: $work/x}"
printf 'one\n{%% if a %%}\nx\n' >t.j2
task 'unclosed block in a template file' 2 't.j2:2:' '{% if a %}' '^' <<<"- template: {src: t.j2, dest: $work/x}"
try 'nothing half-written by a template' 0 -- test ! -e "$work/x"
task 'attribute that is not there' 2 "'nosuch'" 'book.yml:4:' <<<$'- debug: msg="{{ {}.nosuch }}"'
task 'template syntax' 4 'book.yml:4:' '^' <<<'- debug: msg="{{ 1 + }}"'
task 'template not closed' 4 'book.yml:4:' '^' <<<'- debug: msg="{{ 1 "'
task 'type error' 2 'book.yml:4:' '^' <<<$'- debug: msg="{{ 1 + \'a\' }}"'
task 'division by zero' 2 'zero' 'book.yml:4:' '^' <<<'- debug: msg="{{ 1 / 0 }}"'
task 'filter misuse' 2 'book.yml:4:' '^' <<<$'- debug: msg="{{ 1 | dict2items }}"'
task 'condition syntax' 4 'book.yml:5:' '^' <<<$'- ping:\n  when: a ==== b'
task 'condition is no boolean' 2 'book.yml:5:' <<<$'- fail: {msg: no}\n  when: "{{ [] }} =="'
book 'recursive variables' 2 'book.yml:' "'a'" <<'Y'
- hosts: h1
  gather_facts: false
  vars:
    a: "{{ b }}"
    b: "{{ a }}"
  tasks:
    - debug: msg="{{ a }}"
Y
task 'loop over a number' 2 'list' 'book.yml:5:' <<<$'- ping:\n  loop: 5'
task 'assertion' 2 "1 == 2" 'Assertion failed' <<<$'- assert:\n    that: 1 == 2'

# -- variables on the command line ------------------------------------------------------------------------------------
cli 'broken JSON in -e' 4 'extra variables' '^' -- run good.yml -i hosts -e '{"a": '
cli 'a word in -e' 0 "'word', which has no" -- run good.yml -i hosts -e word
cli 'a list in -e' 4 'dictionary' -- run good.yml -i hosts -e '[1, 2]'
cli 'broken quotes in -e' 4 'extra variables' -- run good.yml -i hosts -e 'a="b'

# -- vaults and passwords ---------------------------------------------------------------------------------------------
(umask 077 && echo right >right.pw && echo wrong >wrong.pw)
printf 'a: 1\n' >v.yml
"$bin/vault" encrypt --vault-password-file right.pw v.yml >/dev/null 2>&1
cli 'wrong vault password' 1 'v.yml' 'hint:' -- run good.yml -i hosts -e @v.yml --vault-password-file wrong.pw
cli 'no vault password and no terminal' 1 'v.yml' 'password' -- run good.yml -i hosts -e @v.yml
sed '3s/[0-9]/x/g' v.yml >damaged.yml
cli 'damaged vault' 1 'damaged.yml' -- run good.yml -i hosts -e @damaged.yml --vault-password-file right.pw
head -c 300 v.yml >cut.yml
cli 'vault cut short' 1 'cut.yml' -- run good.yml -i hosts -e @cut.yml --vault-password-file right.pw
cp right.pw vault-password && chmod 644 vault-password
cli 'vault password others can read' 1 'vault-password' 'chmod 600' -- run good.yml -i hosts -e @v.yml
rm -f vault-password
# setsid takes the terminal away, whatever this script has
try 'no terminal for -K' 1 'terminal' -- setsid -w "$bin/play" run good.yml -i hosts -K
try 'no terminal for -k' 1 'terminal' -- setsid -w "$bin/play" run good.yml -i hosts -k
try 'no terminal for --ask-vault-pass' 1 'terminal' -- setsid -w "$bin/play" run good.yml -i hosts -J
cli 'missing become password file' 1 'nopw' -- run good.yml -i hosts --become-password-file nopw

# -- the ends of a pipe -----------------------------------------------------------------------------------------------
try 'stdin closed' 0 'ok=1' -- bash -c '"$0" run good.yml -i hosts <&-' "$bin/play"
try 'stdout closed' 1 'standard output' -- bash -c '"$0" run good.yml -i hosts >&-' "$bin/play"
try 'stdout full' 1 'standard output' -- bash -c '"$0" run good.yml -i hosts >/dev/full' "$bin/play"
try 'stdout is a closed pipe' 141 -- bash -c 'set -o pipefail; "$0" run good.yml -i hosts | true' "$bin/play"

# -- hosts that do not work -------------------------------------------------------------------------------------------
task 'task timeout' 2 'book.yml:4:' 'expected time frame (1)' <<<$'- command: sleep 20\n  timeout: 1'
task 'command that is not there' 2 'no-such-program' 'book.yml:4:' <<<'- command: no-such-program'
task 'killed module' 2 'signal 9' <<<'- shell: kill -9 $PPID; sleep 1'
book 'one host fails, the other goes on' 2 'ok=1    changed=0    unreachable=0    failed=0' <<<$'- hosts: all\n  gather_facts: false\n  tasks:\n    - command: "false"\n      when: inventory_hostname == "h1"\n    - ping:'
printf 'h1 ansible_host=127.0.0.1 ansible_port=9\nh2 ansible_connection=local\n' >refused
cli 'refused connection, the other host goes on' 4 '127.0.0.1 port 9' 'h2                         : ok=1' -- run good.yml -i refused
mkdir -p fake && printf '#!/bin/sh\n[ "$1" = -m ] && echo riscv64 || exec /bin/uname "$@"\n' >fake/uname
printf '#!/bin/sh\nexit 1\n' >fake/sudo && cp fake/sudo fake/su && chmod +x fake/*
task 'become refused' 2 'sudo' -- -b --become-user nobody <<<$'- ping:\n  vars: {ansible_become_exe: "'"$PWD"$'/fake/sudo"}'
task 'become program missing' 2 'nosudo' -- -b --become-user nobody <<<$'- ping:\n  vars: {ansible_become_exe: "/nosudo"}'
mkdir -m 555 readonly
if [ "$(id -u)" != 0 ]; then
    try 'read-only HOME' 0 'ok=1' -- env HOME="$work/p/readonly" "$bin/play" run good.yml -i hosts
fi

# Ctrl-C: the group gets it, as from a terminal
interrupt() {
    local pid got=0
    setsid "$bin/play" run book.yml -i "$1" >"$work/out" 2>&1 </dev/null &
    pid=$!
    sleep 1
    kill -INT "$pid"
    wait "$pid" || got=$?
    report "$2" 99 "$got" interrupted
}
printf -- '- hosts: h1\n  gather_facts: false\n  tasks:\n    - command: sleep 20\n' >book.yml
[[ 'Ctrl-C in a task' != *"$only"* ]] || interrupt hosts 'Ctrl-C in a task'
printf 'h1 ansible_host=192.0.2.1 ansible_ssh_common_args="-o ProxyCommand=\x27sleep 20\x27"\n' >silent
[[ 'Ctrl-C while connecting' != *"$only"* ]] || interrupt silent 'Ctrl-C while connecting'

say "$passed passed, $failed failed"
[ "$failed" = 0 ]
