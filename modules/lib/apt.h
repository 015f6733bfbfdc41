// The apt module as `package` uses it.
#pragma once
#include "module.h"

/// As the module's plan and run; the call's args are those of apt.
bool apt_plan(struct mod_call *c, struct err *e);
bool apt_run(struct mod_call *c, struct err *e);
