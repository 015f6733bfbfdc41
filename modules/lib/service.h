// Services of systemd, OpenRC and System V, as the modules systemd and service use them.
#pragma once
#include "module.h"

/// Plan and run of ansible.builtin.systemd; the call's args are that module's.
bool service_systemd_plan(struct mod_call *c, struct err *e);
bool service_systemd_run(struct mod_call *c, struct err *e);
