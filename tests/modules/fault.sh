#!/bin/sh
# fault.sh: play-remote under strace, which lets its PLAY_FAULT_CALL number PLAY_FAULT_AT (of those that change files, in each process)
# end with PLAY_FAULT_KIND: signal=KILL (then also of those that tell the kernel or a service) or error=ENOSPC. What it did is in PLAY_FAULT_LOG. For `run_cases -f`.
calls=write,pwrite64,fsync,ftruncate,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat
case $PLAY_FAULT_KIND in
    signal=*) calls=$calls,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,unlink,unlinkat,rmdir,utimensat,sendmsg,setsockopt ;;
esac
exec strace -f -qq -o "$PLAY_FAULT_LOG" -e "trace=$calls" -e signal=none \
    -e "inject=$PLAY_FAULT_CALL:$PLAY_FAULT_KIND:when=$PLAY_FAULT_AT" "$PLAY_FAULT_REMOTE"
