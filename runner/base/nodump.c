// One bit of the kernel's that every program of ours sets.
#include "nodump.h"

#include <sys/prctl.h>

void nodump(void) {
#ifndef SANITIZED
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
