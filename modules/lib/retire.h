// A user who was become keeps an idle play-remote for the rest of the run; it must not be in the way of his removal.
#pragma once
#include "arena.h"

#include <sys/types.h>

/// Ends the play-remote processes of `uid` and waits up to two seconds for them to be gone. One that works is ended as
/// well, as userdel -f would do.
void retire_remotes(struct arena *a, uid_t uid);
