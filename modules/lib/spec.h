// The argument table of a module as the core sees it: its own options and, with file_args, Ansible's common file
// options.
#pragma once
#include "module.h"

/// One level of options: a table, and behind it the common file options or NULL.
struct spec {
    const struct arg *own;     // ends with {0}; may be NULL
    const struct arg *common;  // ends with {0}; may be NULL
    size_t nown;               // how many own options there are
    uint32_t hidden;           // a bit for each common option that an own one hides
};
struct spec spec_of(const struct module *m);
struct spec spec_sub(const struct arg *options);
/// Iterates: `size_t i = 0; while ((arg = spec_each(s, &i))) ...`. An own option hides a common one of the same name.
const struct arg *spec_each(struct spec s, size_t *i);
/// The option a name or an alias stands for, or NULL.
const struct arg *spec_find(struct spec s, struct str name);
/// Cuts the next name of a list such as "a|b|c"; false at its end.
bool spec_next(struct str *rest, char sep, struct str *name);
/// Replaces "~" and "$VAR" in what is declared as a path, as on the target. `args` is a validated dict.
void spec_expand_paths(struct arena *a, struct spec s, struct val args);
/// os.path.expanduser and expandvars of one string.
struct str path_expand(struct arena *a, struct str s);
struct str path_expand_vars(struct arena *a, struct str s);
struct str path_expand_user(struct arena *a, struct str s);
