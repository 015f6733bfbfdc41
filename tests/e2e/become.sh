#!/bin/bash
# become.sh BIN_DIR: become by the real sudo and su, over ssh: passwords from a prompt, a file and a variable, wrong and missing ones, rules
# that want a terminal, output that looks like a prompt, words of another language, users who may not read the login user's directory.
# The accounts and sudoers are those of a copy of /etc in a mount namespace; needs root.
set -uo pipefail
self=$(readlink -f "$0")
here=${self%/*}
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: become.sh BIN_DIR}")
[ "$(id -u)" = 0 ] || skip "only root may change accounts"
need_programs sudo su script unshare sshd ssh-keygen
if [ -z "${PLAY_TEST_BECOME:-}" ]; then
    unshare -m true 2>/dev/null || skip "no namespaces here"
    PLAY_TEST_BECOME=1 exec unshare -m "$self" "$bin"
fi
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
work=$(mktemp -d /var/tmp/become.XXXXXX)
cleanup() {
    [ ! -s "$work/sshd.pid" ] || kill "$(cat "$work/sshd.pid")"
    rm -rf "$work"
}
trap cleanup EXIT
chmod 755 "$work" && cd "$work" || exit 1
cp -a /etc etc && mount --bind etc /etc || skip "cannot put another /etc here"
chown root:root /etc/passwd && chmod 644 /etc/passwd
useradd -m -d "$work/home" -s /bin/bash tester
chmod 700 home
useradd -M -d "$work/home2" -s /bin/bash other
password='pa ss:wörd'
printf '%s\n' "tester:$password" "root:$password" "other:$password" | chpasswd
rules() { printf 'Defaults !fqdn\n%s\ntester ALL=(ALL) %s\n' "${2:-}" "$1" >/etc/sudoers && chmod 440 /etc/sudoers; }
rm -rf /etc/sudoers.d
# What a login says is not believed: it asks as sudo and su would, and keeps what it gets.
cat >home/.bashrc <<'END'
printf 'Password: ' >&2
printf '[sudo] password for tester: ' >&2
printf '[PLAY-0000] password:' >&2
read -rt 0.2 got && echo "$got" >>~/stolen
END
failed=0
passed=0
cat >home/site.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - command: id -un
      become: "{{ item != 'tester' }}"
      become_user: "{{ item }}"
      loop: "{{ users }}"
      register: who
    - raw: id -un
      become: true
      become_user: "{{ users[0] }}"
      register: first
    # what a task says afterwards is no question
    - shell: "printf 'Password: ' >&2; printf '[sudo] password for tester: '; read -t 1 x; test -z \"$x\""
      args: {executable: /bin/bash}
      become: true
    - copy: {content: "{{ 'x' * 100000 }}", dest: "/tmp/become-{{ users[2] }}-{{ tag }}"}
      become: true
      become_user: "{{ users[2] }}"
    - file: {path: "/tmp/become-{{ users[2] }}-{{ tag }}", state: absent}
      become: true
      become_user: "{{ users[2] }}"
    - assert:
        that:
          - first.stdout | trim == users[0]
          - who.results | map(attribute='stdout') == users
END
echo "$password" >home/right
echo wrong >home/wrong
account_sshd tester
# a su in another language, which has the password compared by the real one
cat >su-de <<'END'
#!/bin/sh
printf 'Passwort für root: ' >&2
read -r word
case $word in pa*) shift 2; while [ "$1" != -c ]; do shift; done; { echo "$word"; cat; } | su -s /bin/sh root "$@" 2>/dev/null; exit ;; esac
echo 'su-de: Fehler bei der Authentifizierung' >&2
exit 1
END
chmod 755 su-de
chown -R tester home

# site NAME STATUS TEXT ARGS...: the playbook as tester; its end, and the text in its output
site() {
    local rc
    (cd home && HOME=$PWD LC_ALL=C.UTF-8 timeout 90 runuser -u tester -- "$bin/play" run site.yml -i 127.0.0.1, -u tester --private-key key \
        -e "ansible_port=$port" -e "tag=$$" --ssh-common-args=-oUserKnownHostsFile=known -T 60 "${@:4}") >output 2>&1 </dev/null
    rc=$?
    judge "$1" "$rc" "$2" "$3"
    ! grep -qE 'wrong|wörd' output || { failed=$((failed + 1)) && say "FAILED $1: a password is shown" && cat output; }
}
three='{"users": ["root", "tester", "nobody"]}'
rules "ALL"
site "sudo, a file" 0 "failed=0" -e "$three" --become-password-file right
printf '%s\n' 'ansible_become_password: "{{ lookup(\"file\", \"right\") }}"' >home/vars.yml
site "sudo, a variable" 0 "failed=0" -e "$three" -e @vars.yml
site "sudo, a wrong one" 2 "incorrect sudo password for host '127.0.0.1'" -e "$three" --become-password-file wrong
site "sudo, none" 2 "missing sudo password for host '127.0.0.1' (give it with --ask-become-pass" -e "$three"
: >output
# typed once it is asked for
(cd home && { wait_until 60 grep -q 'BECOME password:' "$work/output"; printf '%s\n' "$password"; } | HOME=$PWD timeout 90 script -qec "runuser -u tester -- '$bin/play' run site.yml -i 127.0.0.1, -u tester \
    --private-key key -e ansible_port=$port -e tag=$$ -e '$three' --ssh-common-args=-oUserKnownHostsFile=known -T 60 -K" /dev/null) >output 2>&1
judge "sudo, a prompt" $? 0 "BECOME password:"
rules "ALL" 'Defaults lecture=always, insults, use_pty, passwd_tries=5, badpass_message="[sudo] password for tester:"'
site "sudo that talks" 0 "failed=0" -e "$three" --become-password-file right
site "sudo that talks, a wrong one" 2 "incorrect sudo password for host '127.0.0.1'" -e "$three" --become-password-file wrong
rules "NOPASSWD: ALL" "Defaults noexec"
site "sudo whose shell may start nothing" 4 "'uname -sm' does not tell what host '127.0.0.1' is: /bin/sh: 1: uname: Permission denied" -e "$three"
rules "NOPASSWD: ALL"
site "sudo without a password" 0 "failed=0" -e "$three"
rules "NOPASSWD: ALL" "Defaults requiretty"
site "sudo that wants a terminal" 2 "must have a tty to run sudo (take 'requiretty' out of sudoers there: a line such as Defaults:LOGIN !requiretty)" -e "$three"
rules "NOPASSWD: /bin/ls"
site "sudo that does not allow it" 2 "missing sudo password" -e "$three"
rules "NOPASSWD: ALL"
site "a user who is not there" 2 "become: sudo to user 'nouser' on host '127.0.0.1' failed: " -e '{"users": ["nouser", "tester", "nobody"]}'
grep -qi "unknown user" output || { failed=$((failed + 1)) && say "FAILED: unknown user" && cat output; }
site "no such program" 2 "failed: " -e "$three" -e ansible_become_exe=/no/such/sudo
own='{"users": ["root", "tester", "other"]}'
for words in "-e ansible_become_method=su --become-password-file right" "--become-method ansible.builtin.su -e @vars.yml"; do
    # shellcheck disable=SC2086 # several words
    site "su, $words" 0 "failed=0" -e "$own" $words
done
site "su, a wrong one" 2 "incorrect su password for host '127.0.0.1'" -e "$own" --become-method su --become-password-file wrong
site "su, none" 2 "missing su password for host '127.0.0.1'" -e "$own" --become-method su
root='{"users": ["root", "tester", "root"]}'
site "su, in another language" 0 "failed=0" -e "$root" --become-method su -e "ansible_become_exe=$work/su-de" --become-password-file right
site "su, in another language, a wrong one" 2 "Fehler bei der Authentifizierung" -e "$root" --become-method su -e "ansible_become_exe=$work/su-de" --become-password-file wrong
site "runas" 2 "become_method 'runas' is not supported: expected sudo, su or doas" -e "$root" --become-method runas
[ ! -e home/stolen ] || { failed=$((failed + 1)) && say "FAILED: a password was stolen" && cat home/stolen; }
# shellcheck disable=SC2317 # called by wait_until
nothing() { ! pgrep -u tester,other play-remote; }
wait_until 30 nothing || { failed=$((failed + 1)) && say "FAILED: something is left running" && pgrep -a play-remote; }
say "$passed checks passed, $failed failed"
[ "$failed" = 0 ]
