// The apt module as `package` uses it.
#pragma once
#include "module.h"

/// As the module's plan and run; the call's args are those of apt.
bool apt_plan(struct mod_call *c, struct err *e);
bool apt_run(struct mod_call *c, struct err *e);

/// What apt complains of in `text`, its standard error: "E:one, W:two", as python-apt words it. In `a`; never empty.
struct str apt_messages(struct arena *a, struct str text);
