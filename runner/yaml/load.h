// YAML 1.1 as PyYAML reads it, from libyaml events to values with marks.
#pragma once
#include "val.h"

/// How `!vault` scalars are opened. NULL in yaml_opts: they are ERR_VAULT at their place.
struct yaml_vault {
    void *self;
    /// `envelope` is the scalar's text. The plaintext goes to `a`. Errors: ERR_VAULT.
    bool (*open)(void *self, struct str envelope, struct mark at, struct arena *a, struct str *plain, struct err *e);
};
struct yaml_opts {
    bool trusted;      // a user's file: strings get VAL_TRUSTED and VAL_TMPL; otherwise data (from_yaml filter)
    bool secret;       // the whole text came out of a vault: every scalar gets VAL_SECRET
    const struct yaml_vault *vault;
    void (*warn)(void *self, struct mark at, const char *msg);  // duplicate keys; NULL: silent
    void *warn_self;
    size_t max_depth;  // 0: 128
    size_t max_nodes;  // 0: 4 million; alias expansion counts (billion laughs)
};

/// Loads one document. `name` is what marks show; an empty document gives VAL_NULL. All in `a`.
/// Types as PyYAML's SafeLoader: 0o/0 octal, 0x, binary, sexagesimal, yes/no/on/off, ~, floats, dates, merge keys `<<`,
/// !!str and other standard tags, `!unsafe`, `!vault` / `!vault-encrypted`. Unknown tags: ERR_SYNTAX by name.
/// Errors: ERR_SYNTAX with the mark of the place; ERR_LIMIT; ERR_VAULT. Any thread.
bool yaml_load(const char *name, struct str text, const struct yaml_opts *o, struct arena *a, struct val *out, struct err *e);
/// All documents of a stream, as a list.
bool yaml_load_all(const char *name, struct str text, const struct yaml_opts *o, struct arena *a, struct val *out, struct err *e);
/// One plain scalar by PyYAML's resolver ("yes" -> true, "012" -> 10, "text" -> string). For k=v values and INI.
struct val yaml_scalar(struct arena *a, struct str text);
