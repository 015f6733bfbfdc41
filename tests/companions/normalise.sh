# shellcheck shell=bash
# Sourced: runs one case of cases.txt in files/ and prints its output with what differs from machine to machine taken out.
companion_run() { # DIR-OF-LINKS COMMAND...
    local links=$1 cmd=$2 home
    home=$(mktemp -d)
    (
        cd files || exit 1
        env -i PATH="$links:/usr/bin:/bin" HOME="$home" LANG=C.UTF-8 LC_ALL=C.UTF-8 ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=0 \
            bash -c "$cmd; echo rc=\$?" </dev/null 2>/dev/null
    ) | sed -e "s|$home|@HOME@|g" -e "s|$PWD|@HERE@|g" -e 's|/usr/bin/python3\(\.[0-9]*\)*|@PYTHON@|g'
    rm -rf "$home"
}
