#!/bin/sh
# small_disk.sh COMMAND...: runs it with TMPDIR on a disk of its own of 400 MB, which it may fill. Needs root.
set -eu
if [ "$(id -u)" != 0 ] || ! unshare --mount true 2>/dev/null; then
    echo "skipped: needs root and a mount namespace" >&2
    exit 77
fi
if [ "${PLAY_TEST_DISK:-}" = "" ]; then
    PLAY_TEST_DISK=$(mktemp -d)
    export PLAY_TEST_DISK
    trap 'rmdir "$PLAY_TEST_DISK"' EXIT
    unshare --mount --propagation private "$0" "$@" || exit $?
    exit 0
fi
mount -t tmpfs -o mode=1777,size=400m none "$PLAY_TEST_DISK"
TMPDIR=$PLAY_TEST_DISK
export TMPDIR
exec "$@"
