#!/bin/bash
# sshoptions.sh BIN_DIR: every keyword of ssh_config, beside OpenSSH's own client with the same file: what it connects to, so do we,
# and where it stops, so do we; what has no effect here is told by name, and lines that are wrong by file and line.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
# shellcheck source=../hosts/loopback.sh
. "$here/../hosts/loopback.sh"
bin=$(absolute "${1:?usage: sshoptions.sh BIN_DIR}")
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
loopback_start box=127.0.0.41 jump1=127.0.0.42
export HOME=$loop_dir/home LC_ALL=C.UTF-8 COLOUR=blue SHADE=dark NOTHING=
mkdir -p "$HOME/.ssh/conf.d" && cd "$loop_dir" || exit 1
sed -i 's/^MaxStartups.*/&\nAcceptEnv COLOUR SHADE WORD/' sshd_config
kill -HUP "$(cat sshd.pid)"
ssh-keygen -q -t rsa -b 2048 -N '' -f small_rsa
mkdir "with space" && cp id_ed25519 "with space/key" && cp id_ed25519 "key_of_box"
cat id_ed25519.pub small_rsa.pub >both && mv both id_ed25519.pub.all
cat >site.yml <<'EOF'
- hosts: all
  gather_facts: false
  tasks:
    - raw: echo "home ${HOME##*/} colour $COLOUR shade $SHADE word $WORD"
      register: r
    - command: printenv HOME
    - debug: {var: r.stdout}
EOF

conf() { printf '%s\n' "$@" >conf; }
usual=("UserKnownHostsFile $loop_dir/known_hosts" "GlobalKnownHostsFile /dev/null" "Port $loop_port" "User $(id -un)")
login=("IdentityFile $loop_dir/id_ed25519" "IdentitiesOnly yes")
host=("Host web1" "HostName 127.0.0.41" "Host *")

# check NAME STATUS TEXT [ARGS...]: so it ends with the configuration in `conf`, and with TEXT in the output
check() {
    local rc=0
    timeout 90 "$bin/play" run site.yml -i web1, -T 60 --ssh-common-args "-F $loop_dir/conf" "${@:4}" >output 2>&1 </dev/null || rc=$?
    judge "$1" "$rc" "$2" "$3"
}
# both NAME STATUS TEXT: the same, and ssh agrees that there is a connection, or that there is none
both() {
    local rc=0 want=0
    check "$@"
    timeout 60 ssh -F "$loop_dir/conf" -o BatchMode=yes web1 true >ssh.out 2>&1 </dev/null || rc=$?
    [ "$2" = 0 ] || want=255
    [ "$rc" = "$want" ] || {
        failed=$((failed + 1))
        printf 'FAILED %s: ssh itself ends with %s\n' "$1" "$rc"
        cat ssh.out
    }
}
# works NAME LINES...: both connect
works() {
    conf "${@:2}" "${host[@]}" "${usual[@]}" "${login[@]}"
    both "$1" 0 "home box"
}
# stops NAME TEXT LINES...: neither connects, and we say TEXT
stops() {
    conf "${@:3}" "${host[@]}" "${usual[@]}" "${login[@]}"
    both "$1" 4 "$2"
}

# how lines are written
works "comments, tabs, equals signs, quotes" "# a comment" $'\tConnectTimeout\t=\t1m # one minute' 'IdentityFile = "/nowhere/a b"' "LogLevel=ERROR"
works "times" "ServerAliveInterval 1h30m" "ConnectTimeout 90"
stops "a keyword that is none" "$loop_dir/conf line 2: 'HostNmae' is not an option of ssh" "Host other" "HostNmae x"
grep -q "did you mean 'HostName'" output || { failed=$((failed + 1)) && say "FAILED: did you mean HostName"; }
works "IgnoreUnknown" "IgnoreUnknown Use*,Own" "UseKeychain yes" "Own 1"
stops "no value" "conf line 1: option 'Port' has no value" "Port"
stops "a value too many" "conf line 1: option 'Port' takes one value, and '23' is another" "Port 22 23"
stops "a quote that is not closed" 'conf line 1: quote \" is not closed' 'User "me'
stops "neither yes nor no" "conf line 1: ssh option 'Compression' must be yes or no, not 'maybe'" "Compression maybe"
stops "no number" "conf line 1: ssh option 'Port' must be a number from 1 to 65535, not 'ssh'" "Port ssh"
stops "port 0" "not '0'" "Port 0"
stops "no time" "conf line 1: ssh option 'ConnectTimeout' must be a time such as 90 or 1m30s, not '1x'" "ConnectTimeout 1x"
stops "AddressFamily" "must be one of any inet inet6, not 'inet5'" "AddressFamily inet5"
stops "StrictHostKeyChecking" "must be one of yes no off accept-new ask" "StrictHostKeyChecking maybe"
stops "Match" "conf line 1: 'Match hots' is not supported: expected all, canonical" "Match hots web1"
stops "Match without its value" "conf line 1: 'Match user' needs a value" "Match user"
stops "a variable that is not set" "the environment has no variable 'NOT_THERE'" "IdentityFile \${NOT_THERE}/key"
stops "RevokedHostKeys that is not there" "in RevokedHostKeys of host 'web1'" "RevokedHostKeys $loop_dir/none"

# blocks and files
works "Match: user, localuser, host, exec and their negation" "Match !localuser nobody-here host web* exec \"test %n = web1\"" "HostName 127.0.0.41" \
    "Match originalhost web1 !host *.41" "HostName 127.0.0.1"
works "Match with an exec that fails" "Match exec false" "HostName 127.0.0.1"
echo "HostName 127.0.0.41" >"$HOME/.ssh/conf.d/one.conf"
works "Include: relative, with wildcards, of what is not there" "Match originalhost web1" "Include conf.d/*.conf nothing/*" "Match all"
works "Match final" "Match final host 127.0.0.41" "Compression yes" "Match all"

# environment
conf "SetEnv WORD=\"two words\" " "SendEnv COLOUR S*" "SendEnv -SHADE" "${host[@]}" "${usual[@]}" "${login[@]}"
both "SetEnv, SendEnv" 0 "home box colour blue shade  word two words"
conf "SetEnv WORD" "${host[@]}" "${usual[@]}" "${login[@]}"
check "SetEnv without a value" 4 "SetEnv of host 'web1' must be NAME=VALUE, not 'WORD'"

# keys
conf "IdentityFile none" "IdentitiesOnly yes" "${host[@]}" "${usual[@]}"
both "IdentityFile none" 4 "permission denied"
tilde="~"
for name in "\"$loop_dir/with space/key\"" '%d/../id_ed25519' "\${HOME}/../id_ed25519" "$tilde/../id_ed25519" "$loop_dir/key_of_%n-" "$loop_dir/id_%%"; do
    cp id_ed25519 "key_of_web1-" && cp id_ed25519 "id_%"
    conf "IdentityFile $name" "IdentitiesOnly yes" "${host[@]}" "${usual[@]}"
    check "IdentityFile $name" 0 "home box"  # ssh itself takes ~ and %d from the list of users, not from HOME
done
conf "IdentityFile /nowhere/first" "${host[@]}" "IdentityFile $loop_dir/id_ed25519" "${usual[@]}"
both "several IdentityFile" 0 "home box"
eval "$(ssh-agent -a "$loop_dir/agent")" >/dev/null
agent=$SSH_AGENT_PID
ssh-add -q id_ed25519 2>/dev/null
cp id_ed25519.pub only_public.pub
for name in only_public.pub only_public; do
    conf "IdentityFile $loop_dir/$name" "IdentitiesOnly yes" "${host[@]}" "${usual[@]}"
    both "the public half in $name, the other in the agent" 0 "home box"
done
OWN_AGENT=$SSH_AUTH_SOCK
export OWN_AGENT
unset SSH_AUTH_SOCK
for name in "\$OWN_AGENT" "\${OWN_AGENT}" "%d/../agent"; do
    conf "IdentityAgent $name" "${host[@]}" "${usual[@]}"
    check "IdentityAgent $name" 0 "home box"
done
conf "IdentityAgent none" "${host[@]}" "${usual[@]}"
both "IdentityAgent none" 4 "permission denied"
stops "PubkeyAuthentication no" "permission denied for user" "PubkeyAuthentication no"
stops "PreferredAuthentications" "tried nothing; the host accepts publickey" "PreferredAuthentications password,keyboard-interactive"
works "PreferredAuthentications with publickey" "PreferredAuthentications gssapi-with-mic,publickey" "PubkeyAuthentication host-bound"

# host keys
works "several UserKnownHostsFile" "UserKnownHostsFile /nowhere/known \"$loop_dir/known_hosts\""
stops "StrictHostKeyChecking ask" "is not known" "UserKnownHostsFile /dev/null" "StrictHostKeyChecking ask"
works "NoHostAuthenticationForLocalhost" "UserKnownHostsFile /dev/null" "NoHostAuthenticationForLocalhost yes"
cut -d' ' -f1,2 hostkey.pub >revoked
stops "RevokedHostKeys" "the host key of 'web1' is revoked: $loop_dir/revoked line 1" "RevokedHostKeys $loop_dir/revoked"
cut -d' ' -f1,2 id_ed25519.pub >revoked
works "RevokedHostKeys with another key" "RevokedHostKeys $loop_dir/revoked"
ssh-keygen -q -k -f krl hostkey.pub
stops "RevokedHostKeys as a KRL" "binary format (KRL): expected lines with public keys" "RevokedHostKeys $loop_dir/krl"

# addresses, algorithms
works "BindInterface" "BindInterface lo"
stops "BindInterface that is not there" "BindInterface 'nolink0': No such device" "BindInterface nolink0"
works "lists with + - ^" "Ciphers -chacha20-poly1305@openssh.com" "KexAlgorithms ^ecdh-sha2-nistp256" "MACs +hmac-sha2-512" "HostKeyAlgorithms +ssh-rsa" \
    "PubkeyAcceptedAlgorithms +ssh-rsa"
stops "a list without what the host has" "cannot connect to host 'web1'" "HostKeyAlgorithms -ssh-ed25519"
# two files of our keys
sed "s|^AuthorizedKeysFile.*|AuthorizedKeysFile $loop_dir/id_ed25519.pub.all|" sshd_config >now && cat now >sshd_config && kill -HUP "$(cat sshd.pid)"
conf "RequiredRSASize 1024" "IdentityFile $loop_dir/small_rsa" "IdentitiesOnly yes" "${host[@]}" "${usual[@]}"
wait_until 30 timeout 5 ssh -F conf -o BatchMode=yes web1 true 2>/dev/null
both "RequiredRSASize" 0 "home box"
conf "RequiredRSASize 3072" "IdentityFile $loop_dir/small_rsa" "IdentitiesOnly yes" "${host[@]}" "${usual[@]}"
both "RequiredRSASize that is not met" 4 "permission denied"

# proxies: the first of the two counts
via="ssh -F $loop_dir/conf -W %h:%p jump1"
jump=("Host jump1" "HostName 127.0.0.42" "Host *")
works "ProxyCommand before ProxyJump" "Host web1" "ProxyCommand $via" "ProxyJump nowhere.invalid" "${jump[@]}"
works "ProxyJump before ProxyCommand" "Host web1" "ProxyJump jump1" "ProxyCommand false" "${jump[@]}"
works "ProxyCommand none" "ProxyCommand none" "ProxyJump nowhere.invalid"
stops "a ProxyCommand that ends" "the relay is closed today" "ProxyCommand echo the relay is closed today >&2; exit 3"
conf "ProxyCommand sleep 50" "${host[@]}" "${usual[@]}" "${login[@]}"
check "a ProxyCommand that is silent" 4 "no answer within 1 s" -T 1
conf "ProxyCommand nc %h %p" "ProxyUseFdpass yes" "${host[@]}" "${usual[@]}" "${login[@]}"
check "ProxyUseFdpass" 4 "ProxyUseFdpass of host 'web1' is not supported"

# what has no effect is told once, and refused where it is said for this run
conf "RemoteForward 0 127.0.0.1:1" "LocalForward 1 127.0.0.1:1" "DynamicForward 1" "Tunnel yes" "CheckHostIP yes" "KnownHostsCommand /bin/true" \
    "PKCS11Provider /lib/x.so" "PermitLocalCommand yes" "CanonicalizePermittedCNAMEs a:b" "${host[@]}" "${usual[@]}" "${login[@]}"
told="RemoteForward LocalForward DynamicForward Tunnel CheckHostIP KnownHostsCommand PKCS11Provider PermitLocalCommand CanonicalizePermittedCNAMEs"
check "told" 0 "home box" -i web2, -e ansible_host=127.0.0.41
cp output told
for name in $told; do echo "$name ansible_ssh_extra_args='-o $name=x'"; done >inv
check "refused as arguments" 4 "home box" -i inv -e ansible_host=127.0.0.41
line=0
for name in $told; do
    line=$((line + 1))
    n=$(tr -s '\n ' ' ' <told | grep -o "conf line $line: '$name' has no effect" | wc -l)
    [ "$n" = 1 ] || { failed=$((failed + 1)) && say "FAILED: $name told $n times" && cat told; }
    grep -q "ssh option '$name' in the ssh arguments is not supported" output || { failed=$((failed + 1)) && say "FAILED: -o $name" && cat output; }
done
# all that this ssh has, with what it does without a configuration, is known
{ ssh -F none -G web1 2>/dev/null | grep -v -E '^(host|hostname|user|port|identityfile|userknownhostsfile|globalknownhostsfile|canonicaldomains|stricthostkeychecking) '; } >all
conf "Host web1" "HostName 127.0.0.41" "Host *" "${usual[@]}" "${login[@]}"
cat all >>conf
[ "$(wc -l <all)" -gt 50 ] || { failed=$((failed + 1)) && say "FAILED: ssh -G printed little"; }
both "all keywords of this ssh" 0 "home box"
! grep -q 'has no effect' output || { failed=$((failed + 1)) && say "FAILED: what is off is told" && cat output; }

# a canonical name, by a file of hosts of its own
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    echo "127.0.0.41 web1.example.test" >hosts
    conf "CanonicalizeHostname yes" "CanonicalDomains no.test example.test" "Match canonical host web1.example.test" "HostKeyAlias [127.0.0.41]:$loop_port" \
        "Host web1.example.test" "Port $loop_port" "Host *" "UserKnownHostsFile $loop_dir/known_hosts" "GlobalKnownHostsFile /dev/null" "${login[@]}"
    export loop_dir bin
    # ssh itself asks name servers only for such a name (it ends with a dot then)
    unshare -m bash -c 'mount --bind "$loop_dir/hosts" /etc/hosts &&
        timeout 60 "$bin/play" run site.yml -i web1, -T 50 --ssh-common-args "-F $loop_dir/conf" </dev/null' >output 2>&1
    judge "CanonicalizeHostname, Match canonical" $? 0 "home box"
    conf "CanonicalizeHostname yes" "CanonicalDomains no.test" "CanonicalizeFallbackLocal no" "${usual[@]}" "${login[@]}"
    both "CanonicalizeFallbackLocal no" 4 "the name 'web1' of host 'web1' is in none of the CanonicalDomains (no.test)"
else
    say "CanonicalizeHostname: only root can try it"
fi

say "$passed checks passed, $failed failed"
[ "$failed" = 0 ]
