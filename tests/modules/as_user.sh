#!/bin/sh
# as_user.sh RUN_CASES PLAY_REMOTE OPTION VALUE DIR: the cases in DIR, by a user who is not root.
set -eu
here=$(dirname "$(realpath "$0")")
[ "$(id -u)" = 0 ] || exec "$1" "$3" "$4" "$2" "$here/$5"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$1" "$work/run_cases"
cp "$2" "$work/play-remote"
cp -R "$here/$5" "$work/"
chown -R 65534:65534 "$work"
cd "$work"
setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$work" ./run_cases "$3" "$4" ./play-remote "$5"
