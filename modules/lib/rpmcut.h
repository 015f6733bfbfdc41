// What an rpm that was killed leaves beside the files of its packages.
#pragma once
#include "module.h"

#include <time.h>

/// Removes the files "NAME;HEX" that came since `since` into directories of the packages installed below `root` ("" for
/// the system itself). ERR_SYS when rpm cannot be started; refused as in trust.h.
bool rpmcut_remove(struct mod_call *c, const char *root, struct timespec since, struct err *e);
