// A command line under construction and its environment, for modules that run the target's own tools.
#pragma once
#include "module.h"
#include "run.h"

/// A growing argv. `words_run` ends it.
struct words {
    const char **p;
    size_t n, cap;
};
void words_add(struct mod_call *c, struct words *w, const char *word);
/// Adds `option` and its value.
void words_opt(struct mod_call *c, struct words *w, const char *option, const char *value);
void words_opt_int(struct mod_call *c, struct words *w, const char *option, int64_t value);
/// Runs it with the messages of the C locale; the words can be run again or extended afterwards. ERR_SYS when the
/// program cannot be started; its exit status is the caller's business.
bool words_run(struct mod_call *c, struct words *w, struct str input, struct run_result *r, struct err *e);
/// The environment of this process with `n` settings "NAME=value" put in place of those of the same name. In the call's
/// arena.
const char *const *words_env(struct mod_call *c, const char *const *settings, size_t n);
