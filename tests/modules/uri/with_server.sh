#!/bin/sh
# Runs a command while server.py listens on the ports the cases of uri, get_url and wait_for name; PLAY_TEST_HTTP is the
# server's directory.
#   with_server.sh build/tests/modules/run_cases build/bin/play-remote-x86_64 tests/modules/uri tests/modules/get_url
set -eu
PLAY_TEST_HTTP=$(mktemp -d)
export PLAY_TEST_HTTP
PLAY_TEST_PORT_HTTP=18580 PLAY_TEST_PORT_HTTPS=18543 PLAY_TEST_PORT_OTHER=18544 PLAY_TEST_PORT_MUTUAL=18545 \
    python3 "$(dirname "$0")/server.py" "$PLAY_TEST_HTTP" &
n=0
until [ -e "$PLAY_TEST_HTTP/ports" ]; do
    n=$((n + 1))
    if [ "$n" -gt 100 ]; then echo "the test server does not start" >&2; exit 2; fi
    sleep 0.2
done
rc=0
"$@" || rc=$?
touch "$PLAY_TEST_HTTP/stop"
wait
rm -r "$PLAY_TEST_HTTP"
exit "$rc"
