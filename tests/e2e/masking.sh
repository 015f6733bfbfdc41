#!/bin/bash
# masking.sh BIN_DIR [NAME]: a secret must not be seen. Canaries are put wherever secrets live (vaulted files, vaulted values,
# no_log arguments, passwords) and led through everything that prints; then nothing printed, no process's arguments or
# environment, and no file left behind may hold one of them, in any encoding. MASKING_SHOW=1 prints what was printed.
# shellcheck disable=SC2016  # what is in single quotes is for the shell that is started
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
bin=$(absolute "${1:?usage: masking.sh BIN_DIR [NAME]}")
only=${2:-}
passed=0
failed=0
work=$(mktemp -d "${TMPDIR:-/tmp}/masking.XXXXXX")
watcher=
cleanup() {
    [ -z "$watcher" ] || kill "$watcher" 2>/dev/null
    [ -n "${MASKING_KEEP:-}" ] || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_)'); do unset "$name"; done
export HOME=$work/home LC_ALL=C.UTF-8 TMPDIR=$work/tmp
mkdir -p "$HOME" "$TMPDIR" "$work/p/group_vars/all" && cd "$work/p" || exit 1
printf 'h1 ansible_connection=local\nh2 ansible_connection=local\n' >hosts
(umask 077 && echo 'Xvaultpw-canary-9' >vault-password)

# -- the canaries, and all the ways they may be written ---------------------------------------------------------------
plain='Kanarienvogel8842'
special="p\$q'r\"s&t/u v%w+8842é"
inline='Zeisig-inline-5531'
line1='first-secret-line-77'
line2='second-secret-line-78'
option='Fink-option-6613'

# A base64 text shows a secret at three alignments; what does not depend on the neighbours is searched for.
base64_forms() {
    local pad text
    for pad in '' x xx; do
        text=$(printf '%s%s' "$pad" "$1" | base64 -w0)
        text=${text%%=*}
        # the first 4 and last 4 characters may hold bits of the neighbours
        text=${text:${#pad} > 0 ? 4 : 0}
        printf '%s\n' "${text:0:$((${#text} - 4))}"
    done
}
url_form() {
    local i c LC_ALL=C
    for ((i = 0; i < ${#1}; i++)); do
        c=${1:i:1}
        case $c in
            [A-Za-z0-9._~/-]) printf '%s' "$c" ;;
            *) printf '%%%02X' "'$c" ;;
        esac
    done | sed 's/%FFFFFFFFFFFFFF/%/g'
    echo
}
json_form() { printf '%s\n' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g'; }
# as Python's repr() puts it inside quotes
repr_form() { printf '%s\n' "$1" | sed "s/\\\\/\\\\\\\\/g; s/'/\\\\'/g"; }
shell_form() { printf '%s\n' "$1" | sed "s/'/'\"'\"'/g"; }
for c in "$plain" "$special" "$inline" "$line1" "$line2" "$option" Xvaultpw-canary-9; do
    printf '%s\n' "$c"
    base64_forms "$c"
    url_form "$c"
    json_form "$c"
    json_form "$c" | sed 's/é/\\u00e9/'
    shell_form "$c"
    repr_form "$c"
    json_form "$(repr_form "$c")"
    json_form "$(shell_form "$c")"
    # parts of them: a message may quote only the piece it stumbled over
    printf '%s\n' "${c:0:9}"
done | awk 'length($0) > 7' | sort -u >"$work/canaries"

# -- where they live --------------------------------------------------------------------------------------------------
cat >group_vars/all/vault.yml <<Y
v_plain: $plain
v_special: $(printf '%s' "$special" | sed "s/'/''/g; s/^/'/; s/\$/'/")
v_multi: |
  $line1
  $line2
v_dict: {user: app, password: $plain, list: [$plain]}
v_number: 5432
v_flag: true
v_short: abc
Y
"$bin/vault" encrypt group_vars/all/vault.yml >/dev/null 2>&1 || die 'cannot encrypt'
cp group_vars/all/vault.yml loaded.yml
printf '%s' "$inline" | "$bin/vault" encrypt_string --stdin-name v_inline >group_vars/all/inline.yml 2>/dev/null || die 'cannot encrypt a value'
printf 'port=5432\npassword=%s\n%s\n' "$plain" "$line1" >secret.txt && "$bin/vault" encrypt secret.txt >/dev/null 2>&1
printf 'a: 1\n  %s: [\n' "$plain" >broken.yml && "$bin/vault" encrypt broken.yml >/dev/null 2>&1
printf 'v_bad: "{{ %s_undefined }}%s"\n' x "$plain" >undefined.yml && "$bin/vault" encrypt undefined.yml >/dev/null 2>&1
printf 'user=app\npassword={{ v_plain }}\n{{ v_multi }}\n' >conf.j2
printf '%s\n' '{{ v_plain }} {{ nosuch }}' >bad.j2 && "$bin/vault" encrypt bad.j2 >/dev/null 2>&1

printf -- '- debug: msg="{{ item }}"\n' >inner.yml

# judge NAME: nothing in $work/out may be a canary
judge() {
    if grep -aqF -f "$work/canaries" "$work/out"; then
        failed=$((failed + 1))
        say "FAILED: $1"
        grep -aF -f "$work/canaries" "$work/out" | cut -c1-400 | head -5
    else
        passed=$((passed + 1))
    fi
    [ -z "${MASKING_SHOW:-}" ] || { say "--- $1"; cat "$work/out"; }
}

# book NAME [ARGUMENTS...] <<PLAYBOOK: run at three verbosities
book() {
    local name=$1 v
    shift
    cat >book.yml
    [[ $name == *"$only"* ]] || return 0
    for v in -D -vv -vvvvv; do
        timeout 60 "$bin/play" run book.yml -i hosts $v "$@" >"$work/out" 2>&1 </dev/null
        [ $? -lt 124 ] || say "(${name} $v ended abnormally)" >>"$work/out"
        judge "$name $v"
    done
}
# tasks NAME [ARGUMENTS...] <<TASKS
tasks() {
    { printf -- '- hosts: h1\n  gather_facts: false\n  ignore_errors: true\n  tasks:\n' && sed 's/^/    /'; } >tasks.tmp
    book "$@" <tasks.tmp
}
# each NAME TASK-WITH-@: a task for every variable, "@" being its name
each() {
    local v
    for v in v_plain v_special v_inline v_multi; do printf '%s\n' "${2//@/$v}"; done >each.tmp
    tasks "$1" <each.tmp  # not a pipe: the counters would be a subshell's
}

each 'debug msg' '- debug: msg="<{{ @ }}>"'
each 'debug var' '- debug: var=@'
tasks 'debug of a dictionary' <<<$'- debug: var=v_dict\n- debug: msg="{{ v_dict }}"\n- debug: msg="{{ v_dict | string }}"'
tasks 'debug of all variables' <<<$'- debug: var=vars\n- debug: var=hostvars\n- debug: msg="{{ hostvars.h1.v_dict }}"'
for f in b64encode urlencode to_json to_nice_json to_yaml quote upper 'replace("8","9")' 'split("8")' string list reverse 'hash("md5")' \
    'regex_replace("8842", "0000")' to_uuid 'indent(4)' 'comment' 'password_hash("sha512", "salt")' 'truncate(9)' from_json from_yaml from_yaml_all int float bool human_to_bytes ipaddr; do
    each "filter $f" "- debug: msg=\"{{ @ | ${f//\"/\\\"} }}\""
done
each 'lines of it' '- debug: msg="{{ @.splitlines() }}"'
each 'set_fact' $'- set_fact: {mine: "pre-{{ @ }}-post"}\n- debug: var=mine\n- debug: msg="{{ mine | b64encode }}"'
each 'registered and printed later' $'- debug: msg="{{ @ }}"\n  register: r\n- debug: var=r'
each 'what a command gives back' $'- command: {argv: [printf, "%s", "{{ @ }}"]}\n  register: r\n- debug: var=r.stdout_lines\n- shell: printf %s {{ @ | quote }} | base64 -w0\n- shell: printf %s {{ @ | quote }} | base64\n- shell: "printf %s x{{ @ | quote }} | base64 -w0"'
tasks 'made by a template, back from a command' <<<$'- command: echo {{ v_plain | upper | lower }}\n- command: echo {{ v_plain | b64encode | b64encode }}\n- shell: printf %s {{ v_plain }} | base64 -w 4\n- shell: printf %s {{ v_plain }} | fold -w 5\n- shell: printf %s {{ v_plain }} | od -An -v -tx1 | tr -d " \\n"\n- command: printf %s\\\\n {{ v_plain[:9] }} {{ v_plain[9:] }}'
each 'arguments of a failed command' $'- command: {argv: ["false", "{{ @ }}"]}\n- command: "false {{ @ | quote }}"\n- command: "/no/such/{{ @ }}"\n- command: {cmd: "true", chdir: "/no/such/{{ @ }}"}'
each 'fail and assert' $'- fail: msg="{{ @ }}"\n- assert: {that: "@ == 1", fail_msg: "was {{ @ }}"}\n- assert: {that: "\'{{ @ }}\' == 1"}'
each 'a loop' $'- debug: msg=x\n  loop: ["{{ @ }}", "{{ @ | b64encode }}"]\n- command: echo\n  loop: ["{{ @ }}"]\n  loop_control: {label: "label {{ @ }}"}\n- fail: msg=no\n  with_dict: {k: "{{ @ }}"}\n- command: "false"\n  when: false\n  loop: ["{{ @ }}"]'
each 'retries' $'- command: {argv: [echo, "{{ @ }}"]}\n  register: r\n  until: false\n  retries: 1\n  delay: 0'
each 'files and their diff' $'- copy: {content: "a={{ @ }}\\n", dest: "'"$work"$'/c-@"}\n- lineinfile: {path: "'"$work"$'/c-@", line: "line {{ @ }}"}\n- file: {path: "'"$work"$'/c-@", state: absent}\n- file: {path: "/no/such/{{ @ }}", state: touch}'
tasks 'template and its diff' <<<$'- template: {src: conf.j2, dest: "'"$work"$'/conf"}\n- copy: {src: secret.txt, dest: "'"$work"$'/secret"}\n- file: {path: "'"$work"$'/conf", state: absent}\n- file: {path: "'"$work"$'/secret", state: absent}'
tasks 'template and its diff, check mode' -C <<<$'- template: {src: conf.j2, dest: "'"$work"$'/conf"}\n- copy: {src: secret.txt, dest: "'"$work"$'/secret"}'
tasks 'include_vars' <<<$'- include_vars: loaded.yml\n- include_vars: {file: loaded.yml, name: x}\n- debug: var=x\n- include_vars: broken.yml\n- include_vars: undefined.yml\n- debug: var=v_bad'
tasks 'a lookup of a vaulted file' <<<$'- debug: msg="{{ lookup(\'file\', \'secret.txt\') }}"\n- debug: msg="{{ lookup(\'template\', \'conf.j2\') }}"\n- debug: msg="{{ lookup(\'unvault\', \'secret.txt\') }}"\n- debug: msg="{{ lookup(\'file\', v_plain) }}"'
tasks 'a vaulted template that is wrong' <<<$'- template: {src: bad.j2, dest: "'"$work"$'/conf"}'
each 'template errors' $'- debug: msg="{{ {}[@] }}"\n- debug: msg="{{ @ + 1 }}"\n- debug: msg="{{ @ | int(default=[]) / 0 }}"\n- debug: msg="{{ @ | from_json }}"\n- debug: msg="{{ @ | dict2items }}"\n- debug: msg="{{ @.nosuch.deeper }}"\n- debug: msg="{{ lookup(@, 1) }}"\n- debug: msg="{{ q(\'file\', @) }}"\n- debug: msg="{{ 1 | mandatory(@) }}{{ nosuch | mandatory(@) }}"\n- debug: msg="{{ @ | to_datetime }}"\n- debug: msg="{{ (@ ~ \'(\') | regex_search(@ ~ \'(\') }}"\n- debug: msg="{{ \'1\' is version(@, \'<\') }}"\n- debug: msg="{{ @ | b64decode }}"'
each 'conditions' $'- debug: msg=x\n  when: @ == 1\n- debug: msg=x\n  when: "@ > 1"\n- command: "true"\n  changed_when: "@ in 1"\n- command: "true"\n  failed_when: "@ != \'x\'"'
each 'names' $'- name: task {{ @ }}\n  debug: msg=x\n- debug: msg=x\n  delegate_to: "{{ @ }}"\n  vars: {ansible_connection: local}\n- include_vars: "{{ @ }}"\n- add_host: {name: "{{ @ }}"}\n- group_by: {key: "{{ @ }}"}'
for f in 'include_tasks: "{{ @ }}"' 'include_role: {name: "{{ @ }}"}' 'import_tasks: "{{ @ }}"' 'action: "{{ @ }}"' 'ping: "{{ @ }}"' \
    'copy: {"{{ @ }}": 1}' 'file: {path: /x, state: "{{ @ }}"}' 'wait_for: {timeout: "{{ @ }}"}' 'meta: "{{ @ }}"'; do
    each "bad $f" "- $f"
    each "bad $f in a loop" "- $f"$'\n  loop: ["{{ @ }}"]'
done
each 'environment' $'- command: "false"\n  environment: {SECRET: "{{ @ }}"}\n- command: env\n  environment: {SECRET: "{{ @ }}"}'
book 'handlers and rescue' <<'Y'
- hosts: h1
  gather_facts: false
  tasks:
    - block:
        - command: {argv: [echo, "{{ v_plain }}"]}
          notify: h
        - meta: flush_handlers
        - command: {argv: ["false", "{{ v_plain }}"]}
      rescue:
        - debug: var=ansible_failed_result
        - debug: var=ansible_failed_task
      always:
        - debug: msg="{{ v_special }}"
  handlers:
    - name: h
      debug: msg="{{ v_inline }}"
Y
book 'names of plays and hosts' <<'Y'
- hosts: "{{ v_plain | default('h1') }}"
  name: "play {{ v_plain }}"
  gather_facts: false
  tasks:
    - name: "task {{ v_plain }}"
      debug: msg=x
Y
book 'listings' --list-tasks --list-tags -e @loaded.yml <<'Y'
- hosts: h1
  name: "play {{ v_plain }}"
  tasks:
    - name: "task {{ v_plain }}"
      debug: msg=x
      tags: "{{ v_plain }}"
Y
book 'include_tasks with it' <<'Y'
- hosts: h1
  gather_facts: false
  tasks:
    - include_tasks: inner.yml
      loop: ["{{ v_plain }}"]
    - include_tasks: inner.yml
      vars: {item: "{{ v_inline }}"}
Y
book 'unreachable' <<'Y'
- hosts: h1
  gather_facts: false
  vars:
    ansible_connection: ssh
    ansible_host: "{{ v_plain }}.invalid"
    ansible_user: "{{ v_inline }}"
    ansible_password: "{{ v_plain }}"
    ansible_ssh_private_key_file: "/no/{{ v_plain }}"
  tasks:
    - ping:
Y
book 'broken vaulted vars_files' <<<$'- hosts: h1\n  vars_files: [broken.yml]\n  tasks: [{ping: }]'
book 'broken vaulted -e' -e @broken.yml <<<$'- hosts: h1\n  tasks: [{ping: }]'
tasks 'no_log arguments' <<Y
- uri: {url: "http://127.0.0.1:9/", url_username: u, url_password: "$option", timeout: 1}
- uri: {url: "http://u:$option@127.0.0.1:9/", timeout: 1}
  no_log: true
- get_url: {url: "http://127.0.0.1:9/x", dest: "$work/x", url_password: "$option", timeout: 1}
- debug: msg="$option later"
Y
tasks 'a task with no_log' <<Y
- command: {argv: [echo, "$option"]}
  no_log: true
  register: r
- command: {argv: ["false", "$option"]}
  no_log: true
- debug: msg="$option"
  no_log: true
  loop: ["$option"]
- shell: "echo $option; exit 3"
  no_log: true
  register: r
  until: r.rc == 0
  retries: 1
  delay: 0
- fail: msg="{{ nosuch }} $option"
  no_log: true
- copy: {content: "$option", dest: "$work/nl"}
  no_log: true
- file: {path: "$work/nl", state: absent}
Y
# the source of the playbook is the user's own text: the canary is written there by the user, so it is a variable here
tasks 'passwords' -e ansible_become_password="$option" <<<$'- command: id\n  become: true\n  become_user: nobody\n- debug: var=ansible_become_password'
(umask 077 && echo "$option" >pwfile)
tasks 'a password file' --become-password-file pwfile <<<$'- command: id\n  become: true\n  become_user: nobody\n- debug: msg="{{ lookup(\'file\', \'pwfile\') }}"'

# -- what must stay as it is ------------------------------------------------------------------------------------------
if [[ ordinary == *"$only"* ]]; then
    cat >book.yml <<'Y'
- hosts: h1
  gather_facts: false
  tasks:
    - debug: msg="port 5432 true abc app"
    - command: echo 5432 true
Y
    "$bin/play" run book.yml -i hosts -v >"$work/out" 2>&1
    if grep -q 'port 5432 true abc app' "$work/out" && grep -q '"stdout": "5432 true"' "$work/out"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1)) && say 'FAILED: ordinary words are masked' && cat "$work/out"
    fi
fi

# -- processes and files ----------------------------------------------------------------------------------------------
# watch: every process's arguments and environment, as often as this machine can
watch() {
    while [ ! -e "$work/stop" ]; do
        grep -aHzF -f "$work/canaries" /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\0' '\n'
    done >>"$1" 2>/dev/null
}
if [[ processes == *"$only"* ]]; then
    cat >book.yml <<'Y'
- hosts: h1
  gather_facts: false
  ignore_errors: true
  vars: {ansible_become_password: "{{ v_plain }}"}
  tasks:
    - copy: {content: "{{ v_special }}", dest: "{{ out }}", mode: "0600"}
    - template: {src: conf.j2, dest: "{{ out }}", mode: "0600"}
    - command: {cmd: sleep 0.3, stdin: "{{ v_plain }}"}
    - uri: {url: "http://127.0.0.1:9/", url_username: u, url_password: "{{ v_plain }}", timeout: 1}
    - command: sleep 0.3
      become: true
      become_user: nobody
    - lineinfile: {path: "{{ out }}", line: "{{ v_inline }}"}
    - set_fact: {x: "{{ v_plain }}"}
    - wait_for: {timeout: 1}
    - file: {path: "{{ out }}", state: absent}
Y
    : >"$work/seen"
    watch "$work/seen" &
    watcher=$!
    "$bin/play" run book.yml -i hosts -e "out=$work/made" --vault-password-file vault-password >"$work/out" 2>&1 </dev/null
    touch "$work/stop" && wait "$watcher"
    watcher=
    judge 'output of the watched run'
    cp "$work/seen" "$work/out"
    judge 'arguments and environments of processes'
fi
rm -f book.yml tasks.tmp each.tmp pwfile vault-password
grep -arlF -f "$work/canaries" "$HOME" "$TMPDIR" "$work/p" /dev/shm 2>/dev/null >"$work/left"
find /tmp /var/tmp -maxdepth 2 -newer hosts -user "$(id -un)" -type f -name '*play*' -exec grep -alF -f "$work/canaries" {} + >>"$work/left" 2>/dev/null
if [ -s "$work/left" ]; then
    failed=$((failed + 1))
    say "FAILED: files left behind: $(tr '\n' ' ' <"$work/left")"
else
    passed=$((passed + 1))
fi

say "$passed passed, $failed failed"
[ "$failed" = 0 ]
