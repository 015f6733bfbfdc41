// Version numbers compared as the test `version` does.
#pragma once
#include "filters/support.h"

/// Loose versions: <0, 0, >0 in *out. ERR_TYPE when a number meets a word at the same place.
bool version_cmp_loose(struct jcall *c, struct str a, struct str b, int *out, struct err *e);
