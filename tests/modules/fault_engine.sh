#!/bin/sh
# fault_engine.sh: play-remote under strace, which kills it, or a program that it runs, at its PLAY_FAULT_CALL number
# PLAY_FAULT_AT, of those by which a server is spoken to and programs are started and waited for. For `run_cases -s -f`; see fault.sh.
calls=${PLAY_FAULT_CALLS:-sendto,sendmsg,clone,clone3,vfork,wait4,waitid}
exec strace -f -qq -o "$PLAY_FAULT_LOG" -e "trace=$calls" -e signal=none \
    -e "inject=$PLAY_FAULT_CALL:$PLAY_FAULT_KIND:when=$PLAY_FAULT_AT" "$PLAY_FAULT_REMOTE"
