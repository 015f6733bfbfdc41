#!/bin/bash
# sshconfig.sh BIN_DIR: what an operator's ssh_config, known_hosts and keys say, against a real sshd: each keyword changes what happens.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: sshconfig.sh BIN_DIR}")
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_|SSH_)'); do unset "$name"; done
need_programs ssh ssh-keygen ssh-agent ssh-add
failed=0
passed=0
agent=
# shellcheck disable=SC2317 # called by the trap
cleanup() {
    [ -z "$agent" ] || kill "$agent" 2>/dev/null
    loopback_stop
}
trap cleanup EXIT
loopback_start box=127.0.0.31 jump1=127.0.0.32 jump2=127.0.0.33
export HOME=$loop_dir/home LC_ALL=C.UTF-8
mkdir -p "$HOME" && cd "$loop_dir" || exit 1

# sshd once more, with a host key of each kind and all our keys
restart() { # LINES...: put in front
    kill "$(cat sshd.pid)"
    wait_until 30 test ! -e sshd.pid
    { printf '%s\n' "$@"; grep -v -e '^HostKey' -e '^AuthorizedKeysFile' sshd_config; } >now
    "$(PATH=$PATH:/usr/sbin command -v sshd)" -f "$loop_dir/now" -E "$loop_dir/sshd.log"
    wait_until 30 test -s sshd.pid
}
for kind in rsa ecdsa ed25519; do
    ssh-keygen -q -t $kind -N '' -f host_$kind
    ssh-keygen -q -t $kind -N '' -f user_$kind
    ssh-keygen -q -t $kind -N 'a phrase' -f locked_$kind
done
ssh-keygen -q -t rsa -b 2048 -m PEM -N 'a phrase' -f pem_rsa
cat user_*.pub locked_*.pub pem_rsa.pub id_ed25519.pub >authorized
all_keys=("AuthorizedKeysFile $loop_dir/authorized" "HostKey $loop_dir/host_rsa" "HostKey $loop_dir/host_ecdsa" "HostKey $loop_dir/host_ed25519")
restart "${all_keys[@]}"
knows() { # NAME KIND: a line for known_hosts
    echo "$1 $(cut -d' ' -f1,2 "host_$2.pub")"
}
at="[127.0.0.31]:$loop_port"
cat >site.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - command: /bin/echo $HOME
      register: r
    - debug: {msg: "home {{ r.stdout | basename }}"}
END

# run HOST ARGS...: the configuration is in `conf`
run() {
    timeout 90 "$bin/play" run "${book:-site.yml}" -i "$1," -T 60 --ssh-common-args "-F $loop_dir/conf" "${@:2}" >output 2>&1
}
check() { # NAME STATUS TEXT HOST ARGS...: the run ends so and its output has TEXT
    local rc=0
    run "${@:4}" || rc=$?
    judge "$1" "$rc" "$2" "$3"
}
conf() { printf '%s\n' "$@" >conf; }
usual=("UserKnownHostsFile $loop_dir/known" "GlobalKnownHostsFile /dev/null" "Port $loop_port" "User $(id -un)")
login=("IdentityFile $loop_dir/user_ed25519" "IdentitiesOnly yes")
knows "$at" ed25519 >known

conf "Host web*" " HostName 127.0.0.31" "Host other" " HostName 127.0.0.1" "Host *" "${usual[@]}" "${login[@]}"
check "Host, HostName, Port, User, IdentityFile" 0 "home box" web1
printf '%s\n' "HostName 127.0.0.31" >included
conf "Match originalhost web1 exec \"test %n = web1\"" " Include $loop_dir/included" "Match all" "${usual[@]}" "${login[@]}"
check "Match and Include" 0 "home box" web1
conf "HostName 127.0.0.31" "HostKeyAlias the-alias" "${usual[@]}" "${login[@]}"
check "HostKeyAlias: not known" 4 "the host key of 'web1' (the-alias) is not known" web1
knows the-alias ed25519 >>known
check "HostKeyAlias: known" 0 "home box" web1
conf "HostName 127.0.0.31" "UserKnownHostsFile /dev/null" "GlobalKnownHostsFile $loop_dir/known" "${usual[@]:2}" "${login[@]}"
check "GlobalKnownHostsFile" 0 "home box" web1

# known_hosts
conf "HostName 127.0.0.31" "${usual[@]}" "${login[@]}"
for kind in rsa ecdsa ed25519; do
    knows "$at" $kind >known
    check "a host known by its $kind key, of three" 0 "home box" web1
done
ssh-keygen -q -H -f known >/dev/null 2>&1
check "hashed names" 0 "home box" web1
knows "127.0.0.*" ed25519 >known
check "a pattern without the port" 0 "home box" web1
{ knows "$at" ed25519; echo "@revoked $(knows '*' ed25519)"; } >known
check "a revoked key" 4 "the host key of 'web1' is revoked: $loop_dir/known line 2" web1
echo "$at $(cut -d' ' -f1,2 user_ed25519.pub)" >known
check "another key" 4 "$loop_dir/known line 1 has another ssh-ed25519 key" web1
: >known
check "StrictHostKeyChecking as usual" 4 "is not known" web1
conf "HostName 127.0.0.31" "StrictHostKeyChecking accept-new" "${usual[@]}" "${login[@]}"
check "StrictHostKeyChecking accept-new" 0 "home box" web1
grep -qF "$at ssh-ed25519" known || { failed=$((failed + 1)); echo "FAILED accept-new: not written down"; }
: >known
conf "HostName 127.0.0.31" "StrictHostKeyChecking no" "${usual[@]}" "${login[@]}"
check "StrictHostKeyChecking no" 0 "home box" web1
knows "$at" ed25519 >known

# addresses and algorithms
conf "HostName 127.0.0.31" "AddressFamily inet6" "${usual[@]}" "${login[@]}"
check "AddressFamily inet6 of an IPv4 address" 4 "cannot connect to host 'web1'" web1
conf "HostName 127.0.0.31" "BindAddress 127.0.0.77" "${usual[@]}" "${login[@]}"
book=who.yml
cat >who.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - raw: echo "$SSH_CONNECTION"
      register: r
    - debug: {var: r.stdout}
END
check "BindAddress" 0 "127.0.0.77 " web1
book=site.yml
conf "HostName 127.0.0.31" "Ciphers nothing-known" "${usual[@]}" "${login[@]}"
check "Ciphers that do not exist" 4 "Ciphers 'nothing-known'" web1
conf "HostName 127.0.0.31" "Ciphers aes256-gcm@openssh.com" "KexAlgorithms curve25519-sha256" "MACs hmac-sha2-256" \
    "HostKeyAlgorithms ssh-ed25519" "${usual[@]}" "${login[@]}"
check "Ciphers, KexAlgorithms, MACs, HostKeyAlgorithms" 0 "home box" web1

# keys
for kind in rsa ecdsa ed25519; do
    conf "HostName 127.0.0.31" "IdentityFile $loop_dir/user_$kind" "IdentitiesOnly yes" "${usual[@]}"
    check "a key of kind $kind" 0 "home box" web1
    conf "HostName 127.0.0.31" "IdentityFile $loop_dir/locked_$kind" "IdentitiesOnly yes" "${usual[@]}"
    check "an encrypted key of kind $kind" 0 "home box" web1 -e "{ansible_ssh_private_key_passphrase: 'a phrase'}"
    check "an encrypted key of kind $kind without its passphrase" 4 "needs a passphrase" web1
done
conf "HostName 127.0.0.31" "IdentityFile $loop_dir/pem_rsa" "IdentitiesOnly yes" "${usual[@]}"
check "an encrypted key in PEM" 0 "home box" web1 -e "{ansible_ssh_private_key_passphrase: 'a phrase'}"

# the agent
sk=${SK_PROVIDER:-/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so}
eval "$(ssh-agent -P "/usr/lib/*,$sk" -a "$loop_dir/agent")" >/dev/null
agent=$SSH_AGENT_PID
for i in 1 2 3; do
    ssh-keygen -q -t ed25519 -N '' -f "stranger$i"
    ssh-add -q "stranger$i" 2>/dev/null
done
restart "MaxAuthTries 2" "${all_keys[@]}"
conf "HostName 127.0.0.31" "IdentityFile $loop_dir/user_ed25519" "IdentitiesOnly yes" "${usual[@]}"
check "IdentitiesOnly: the keys of the agent are left alone" 0 "home box" web1
ssh-add -q -D 2>/dev/null
ssh-add -q user_ecdsa 2>/dev/null
conf "HostName 127.0.0.31" "IdentityAgent $loop_dir/agent" "${usual[@]}"
check "IdentityAgent: a key of the agent" 0 "home box" web1
book=lent.yml
printf -- '- hosts: all\n  gather_facts: false\n  tasks:\n    - command: ssh-add -l\n      register: r\n    - debug: {var: r.stdout}\n' >lent.yml
conf "HostName 127.0.0.31" "ForwardAgent yes" "${usual[@]}"
check "ForwardAgent" 0 "(ECDSA)" web1
conf "HostName 127.0.0.31" "${usual[@]}"
check "no ForwardAgent" 2 "FAILED" web1
# a checkout from a third machine, for which the host has no key of its own
if command -v git >/dev/null; then
    git init -q source && git -C source -c user.name=a -c user.email=a@b commit -q --allow-empty -m "the commit" && git clone -q --bare source repo.git
    conf "HostName 127.0.0.31" "ForwardAgent yes" "${usual[@]}"
    book=checkout.yml
    cat >checkout.yml <<END
- hosts: all
  gather_facts: false
  tasks:
    - git:
        repo: ssh://$(id -un)@127.0.0.33:$loop_port$loop_dir/repo.git
        dest: "$loop_dir/checkout"
        ssh_opts: -F none -o IdentityFile=none -o UserKnownHostsFile=$loop_dir/third -o BatchMode=yes
    - command: git -C $loop_dir/checkout log --format=%s
      register: r
    - debug: {var: r.stdout}
END
    knows "[127.0.0.33]:$loop_port" ed25519 >third
    check "git over the agent that is lent" 0 "the commit" web1
    rm -rf checkout
    conf "HostName 127.0.0.31" "${usual[@]}"
    check "git without it" 2 "ermission denied" web1
fi
# a key on a security key: here a program of OpenSSH's own tests in its place, which the agent asks
if [ -e "$sk" ]; then
    book=site.yml
    SSH_SK_PROVIDER=$sk ssh-keygen -q -t ed25519-sk -w "$sk" -N '' -f user_sk && cat user_sk.pub >>authorized
    ssh-add -q -D 2>/dev/null
    SSH_SK_PROVIDER=$sk ssh-add -q -S "$sk" user_sk 2>/dev/null
    conf "HostName 127.0.0.31" "IdentityAgent $loop_dir/agent" "${usual[@]}"
    check "a key on a security key" 0 "home box" web1
    conf "HostName 127.0.0.31" "IdentityFile $loop_dir/user_sk" "IdentitiesOnly yes" "${usual[@]}"
    check "a key on a security key, by its file" 0 "home box" web1
    ssh-add -q -D 2>/dev/null
    check "a key on a security key that the agent does not have" 4 "lies on a security key: add it to the agent" web1
else
    say "security keys: not tried, no $sk (package openssh-tests)"
fi
book=site.yml

# through other hosts; those are logged in to by the same configuration
restart "${all_keys[@]}"
for jump in 32 33; do knows "[127.0.0.$jump]:$loop_port" ed25519; done >>known
conf "Host jump1" " HostName 127.0.0.32" "Host jump2" " HostName 127.0.0.33" "Host web1" " HostName 127.0.0.31" " ProxyJump jump1,jump2" \
    "Host web2" " HostName 127.0.0.31" " ProxyCommand ssh -F $loop_dir/conf -W %h:%p jump1" \
    "Host web3" " HostName 127.0.0.31" " ProxyJump nowhere.invalid" "Host *" "${usual[@]}" "${login[@]}"
check "ProxyJump over two hosts" 0 "home box" web1
check "ProxyCommand" 0 "home box" web2
check "ProxyJump that does not exist" 4 "nowhere.invalid" web3

# a host that goes silent: one second, once
book=silent.yml
cat >silent.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - command: sh -c 'kill -STOP $(ps -o ppid= -p $PPID)'
    - command: sleep 60
END
conf "HostName 127.0.0.31" "ServerAliveInterval 1" "ServerAliveCountMax 1" "${usual[@]}" "${login[@]}"
SECONDS=0
check "ServerAliveInterval and CountMax" 4 "has not answered for" web1
[ $SECONDS -lt 40 ] || { failed=$((failed + 1)); echo "FAILED ServerAliveInterval: $SECONDS s"; }
pkill -9 -f "^$loop_dir/box/.cache/play/" || true
book=site.yml

# what makes no sense here is refused by name; reset_connection connects anew
conf "HostName 127.0.0.31" "${usual[@]}" "${login[@]}"
check "an option that is refused" 4 "ssh option 'Tunnel' in the ssh arguments is not supported" web1 --ssh-extra-args "-o Tunnel=yes"
book=reset.yml
printf -- '- hosts: all\n  gather_facts: false\n  tasks:\n    - ping:\n    - meta: reset_connection\n    - ping:\n' >reset.yml
grep -c 'Accepted publickey' sshd.log >before
check "reset_connection" 0 "ok=2" web1
logins=$(($(grep -c 'Accepted publickey' sshd.log) - $(cat before)))
[ "$logins" = 2 ] || { failed=$((failed + 1)); echo "FAILED reset_connection: $logins logins, not two"; }

# a server that hangs up on whoever comes while two logins are under way, and somebody who keeps both for a while: all hosts
# get in when they go
sed -i /^MaxStartups/d sshd_config
restart "MaxStartups 2:100:3" "${all_keys[@]}"
book=site.yml
conf "HostName 127.0.0.31" "${usual[@]}" "${login[@]}"
many=$(printf 'web%s,' $(seq 24))
for _ in 1 2; do
    sleep 3 <>"/dev/tcp/127.0.0.31/$loop_port" &
done
check "MaxStartups" 0 "web24 " "${many%,}" -f 24
in=$(grep -c 'ok=2 .*unreachable=0' output)
[ "$in" = 24 ] || { failed=$((failed + 1)); echo "FAILED MaxStartups: $in hosts of 24"; }
grep -q 'MaxStartups throttling' sshd.log || { failed=$((failed + 1)); echo "FAILED MaxStartups: no connection was refused"; }

say "$passed checks passed, $failed failed"
[ "$failed" = 0 ]
