#!/bin/bash
# masking_matrix.sh BIN_DIR [small]: every kind of secret, in every situation that prints, on every output. What is printed,
# written to a file, or stands in a process's arguments or environment must not hold the canary of its column, in no
# encoding. `small` takes fewer verbosities. MATRIX_SHOW=1 prints what was printed.
# shellcheck disable=SC2016  # what is in single quotes is for the shell that is started
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: masking_matrix.sh BIN_DIR [small]}")
size=${2:-full}
work=$(mktemp -d "${TMPDIR:-/tmp}/matrix.XXXXXX")
watcher=
cleanup() {
    [ -z "$watcher" ] || kill "$watcher" 2>/dev/null
    loopback_stop
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_)'); do unset "$name"; done
columns=${MATRIX_COLUMNS:-vault vaulted_file no_log made prompt}
passed=0
failed=0
loopback_start far=127.0.0.11
export HOME=$work/home LC_ALL=C.UTF-8 TMPDIR=$work/tmp
mkdir -p "$HOME" "$TMPDIR" "$work/p" && cd "$work/p" || exit 1
cat >hosts <<I
near ansible_connection=local
far ansible_host=127.0.0.11 ansible_port=$loop_port ansible_ssh_private_key_file=$loop_dir/id_ed25519
[all:vars]
ansible_ssh_common_args='-o UserKnownHostsFile=$loop_dir/known_hosts'
I
printf 'gone ansible_host=127.0.0.11 ansible_port=1 ansible_user="{{ secret }}" ansible_password="{{ secret }}"\n' >gone
(umask 077 && echo 'Xmatrixpw-canary-9' >pw)

# -- the columns: a canary each, the variable that holds it, and what is said about the tasks ---------------------------
canary() { printf 'K%s8842-%s' "$1" "$(printf '%s' "$1" | sha256sum | cut -c 1-10)"; }
vault() { printf '%s' "$2" | "$bin/vault" encrypt_string --vault-password-file pw --stdin-name "$1" 2>"$work/err"; }
column_vault() { vault secret "$1" >vars.yml; }
column_vaulted_file() { printf 'secret: %s\n' "$1" >vars.yml && "$bin/vault" encrypt --vault-password-file pw vars.yml; }
column_no_log() { printf 'secret: %s\n' "$1" >vars.yml; }
column_made() { vault original "$(printf '%s' "$1" | tr 'a-zA-Z' 'n-za-mN-ZA-M')" >vars.yml
    # made of a secret by filters: rot13 by way of a dictionary
    { printf 'abc: abcdefghijklmnopqrstuvwxyz\nsecret: "{%% set o = [] %%}{%% for c in original %%}{%% set i = abc.find(c|lower) %%}'
      printf '{{ (abc[(i+13) %% 26] if c|lower == c else abc[(i+13) %% 26]|upper) if i >= 0 else c }}{%% endfor %%}"\n'; } >>vars.yml; }
column_prompt() { printf 'none: 1\n' >vars.yml; }

# -- the rows ---------------------------------------------------------------------------------------------------------
# book COLUMN: all situations as one play; `marks` are keywords put on every task
book() {
    local no_log=false prompt=
    [ "$1" = no_log ] && no_log=true
    [ "$1" = prompt ] && prompt=$'  vars_prompt: [{name: secret, prompt: give it, private: true}]'
    cat <<Y
- hosts: near:far
  gather_facts: false
  no_log: $no_log
  vars_files: [vars.yml]
$prompt
  ignore_errors: true
  tasks:
    - name: ok
      command: echo "{{ secret }}"
      changed_when: false
      register: r
    - name: debug var
      debug: {var: r}
    - name: debug all
      debug: {var: vars}
    - name: changed
      copy: {content: "x {{ secret }}\n", dest: "{{ dir }}/{{ inventory_hostname }}.1", mode: "0600"}
      diff: true
    - name: changed again, with a diff of both
      lineinfile: {path: "{{ dir }}/{{ inventory_hostname }}.1", line: "y {{ secret }} z"}
    - name: check and diff
      copy: {content: "other {{ secret }}\n", dest: "{{ dir }}/{{ inventory_hostname }}.1", mode: "0600"}
      check_mode: true
      diff: true
    - name: failed
      command: sh -c 'echo "{{ secret }}"; echo "{{ secret }}" >&2; exit 3'
    - name: failed before it started
      command: "/no/such/{{ secret }}"
    - name: bad argument
      file: {path: "{{ dir }}", state: "{{ secret }}"}
    - name: wrong type
      wait_for: {timeout: "{{ secret }}"}
    - name: skipped
      command: echo "{{ secret }}"
      when: secret == 'x'
    - name: condition that fails
      command: echo
      when: secret > 1
    - name: retry
      command: echo "{{ secret }}"
      register: r
      until: secret in 'never'
      retries: 1
      delay: 0
    - name: loop item
      command: echo "{{ item }}"
      loop: ["{{ secret }}", "a{{ secret }}b"]
    - name: failed loop item
      command: sh -c 'echo "{{ item.k }}"; exit 1'
      loop: [{k: "{{ secret }}"}]
      loop_control: {label: "{{ item.k }}"}
    - name: notifies
      command: echo "{{ secret }}"
      notify: told
    - meta: flush_handlers
    - block:
        - name: fails in a block
          fail: {msg: "no {{ secret }}"}
      rescue:
        - name: rescue
          debug: {msg: "{{ ansible_failed_result }} {{ ansible_failed_task.args }}"}
      always:
        - name: always
          debug: {msg: "{{ secret }}"}
    - name: assert
      assert: {that: ["secret == 'x'"], fail_msg: "is {{ secret }}", quiet: false}
    - name: include_vars
      include_vars: {file: vars.yml, name: again}
    - name: undefined, with it
      debug: {msg: "{{ secret }} {{ nosuchvariable }}"}
    - name: fact
      set_fact: {kept: "<{{ secret }}>", list: ["{{ secret }}"]}
    - name: environment
      command: sh -c 'echo "\$CANARY"; exit 1'
      environment: {CANARY: "{{ secret }}"}
    - name: encoded by the target
      shell: |
        printf %s '{{ secret }}' | base64 -w 8
        printf %s '{{ secret }}' | od -An -v -tx1 | tr -d ' \n'
        printf %s '{{ secret }}' | fold -w 7
    - name: secret argument
      uri: {url: "http://127.0.0.1:9/", url_username: u, url_password: "{{ secret }}", timeout: 1}
    - name: secret argument of another
      get_url: {url: "http://127.0.0.1:9/x", dest: "{{ dir }}/x", url_username: u, url_password: "{{ secret }}", timeout: 1}
    - name: URL with a password
      uri: {url: "http://u:{{ secret }}@127.0.0.1:9/", timeout: 1}
    - name: URL with a password, in a file
      get_url: {url: "http://u:{{ secret }}@127.0.0.1:9/x", dest: "{{ dir }}/x", timeout: 1}
    - name: become
      command: id
      become: true
      become_user: nobody
      vars: {ansible_become_password: "{{ secret }}"}
    - name: async
      command: sh -c 'echo "{{ secret }}"; exit 1'
      async: 10
      poll: 1
    - name: fire and forget
      command: echo "{{ secret }}"
      async: 10
      poll: 0
      register: job
    - name: asked afterwards
      async_status: {jid: "{{ job.ansible_job_id }}"}
      register: done
      until: done.finished
      retries: 20
      delay: 0.2
    - name: its file is removed
      async_status: {jid: "{{ job.ansible_job_id }}", mode: cleanup}
    - name: delegated to a host with its name
      command: sleep 0
      delegate_to: "no{{ secret }}host"
    - name: gone
      file: {path: "{{ dir }}/{{ inventory_hostname }}.1", state: absent}
      diff: true
  handlers:
    - name: told
      command: sh -c 'echo "{{ secret }}"; exit 1'
- hosts: gone
  gather_facts: false
  vars_files: [vars.yml]
  no_log: $no_log
$prompt
  tasks:
    - name: unreachable
      ping:
Y
}

# forms CANARY: what it may look like
forms() {
    printf '%s\n' "$1"
    printf '%s' "$1" | base64 -w0 | cut -c 1-16
    printf 'x%s' "$1" | base64 -w0 | cut -c 5-20
    printf 'xx%s' "$1" | base64 -w0 | cut -c 5-20
    printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
    echo
    printf '%s\n' "${1:0:10}" "${1: -10}"
}
judge() { # judge NAME FILE...
    local name=$1
    shift
    if grep -aqF -f "$work/forms" "$@" 2>/dev/null; then
        failed=$((failed + 1))
        say "FAILED: $name"
        grep -anF -f "$work/forms" "$@" | cut -c 1-300 | head -4
    else
        passed=$((passed + 1))
    fi
}
# watch: the arguments of our processes, as often as this machine can. What a command of the play is given is not ours to hide.
watch() {
    local ours
    while [ ! -e "$work/stop" ]; do
        mapfile -t ours < <(grep -alP '^[^\0 ]*(play|vault|ssh|sudo)[^\0 ]*\0' /proc/[0-9]*/cmdline)
        grep -aHzF -f "$work/forms" "${ours[@]}" /dev/null | tr '\0' '\n'
        sleep 0.05
    done >>"$work/seen" 2>/dev/null
}

# run_play ARGUMENTS...: where there is something to type, on a terminal of its own
run_play() {
    if [ "$column" != prompt ]; then
        timeout -k 5 60 setsid -w "$bin/play" "$@"
        return
    fi
    PYTHONDONTWRITEBYTECODE=1 ANSWER=$secret python3 - "$here" "$bin/play" "$@" <<'P'
import os
import sys
sys.path.insert(0, sys.argv[1])
import vault_prompt
answer = os.environ.pop("ANSWER").encode() + b"\n"
talk = [(b"give it", answer), (b"give it", answer)]
sys.stdout.buffer.write(vault_prompt.run(sys.argv[2:], talk)[1])
P
}
command -v python3 >/dev/null || columns=${columns/ prompt/}

verbosities=('' -v -vv -vvv -vvvv -vvvvv)
[ "$size" = full ] || verbosities=('' -vvvvv)
for column in $columns; do
    secret=$(canary "$column")
    forms "$secret" | awk 'length($0) > 7' | sort -u >"$work/forms"
    "column_$column" "$secret" || die "cannot make $column"
    book "$column" >book.yml
    rm -f "$work/stop"
    : >"$work/seen"
    watch &
    watcher=$!
    for callback in default minimal oneline json; do
        for v in "${verbosities[@]}"; do
            export ANSIBLE_STDOUT_CALLBACK=$callback ANSIBLE_LOG_PATH=$work/p/log.$callback ANSIBLE_DISPLAY_ARGS_TO_STDOUT=1
            export ANSIBLE_CALLBACKS_ENABLED=junit JUNIT_OUTPUT_DIR=$work/p/junit
            # shellcheck disable=SC2086
            run_play run book.yml -i hosts -i gone $v -e "dir=$work" --vault-password-file pw >"$work/out" 2>&1 </dev/null
            grep -qE 'URL with a password|SUCCESS|FAILED' "$work/out" || { say "FAILED: $column $callback $v did not run" && cat "$work/out" && failed=$((failed + 1)); }
            [ -z "${MATRIX_SHOW:-}" ] || cat "$work/out"
            judge "$column, $callback $v" "$work/out"
            rm -f "$work/out" vars.retry book.retry.old
        done
    done
    touch "$work/stop"
    wait "$watcher"
    watcher=
    judge "$column: arguments of processes" "$work/seen"
    cp vars.yml "$work/vars.$column" && rm -f vars.yml
    [ "$column" = no_log ] || [ "$column" = prompt ] || mv "$work/vars.$column" "$work/p/vars.$column"
    rm -f "$work/vars.$column" "$work/seen" "$work/x"
    # everything written: logs, trees, retry files, caches, temporary files, the target's home
    mapfile -t written < <(find "$work/p" "$HOME" "$TMPDIR" "$loop_dir" /dev/shm -type f -newer pw ! -name pw 2>/dev/null)
    judge "$column: files" "${written[@]}" /dev/null
done
# The test itself: what nobody called secret is seen.
column=open
secret=$(canary open)
forms "$secret" | awk 'length($0) > 7' | sort -u >"$work/forms"
printf 'secret: %s\n' "$secret" >vars.yml
book open >book.yml
ANSIBLE_STDOUT_CALLBACK=default run_play run book.yml -i hosts -i gone -e "dir=$work" >"$work/out" 2>&1 </dev/null
grep -qF -f "$work/forms" "$work/out" || { say 'FAILED: an open canary was not seen' && failed=$((failed + 1)); }
say "$passed passed, $failed failed"
[ "$failed" = 0 ]
