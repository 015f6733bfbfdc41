// YAML 1.1 as PyYAML reads it, from libyaml events to values with marks.
#pragma once
#include "val.h"

/// How `!vault` scalars are opened. NULL in yaml_opts: they are ERR_VAULT at their place.
struct yaml_vault {
    void *self;
    /// `envelope` is the scalar's text, or a whole file's. The plaintext goes to `a`. Errors: ERR_VAULT.
    bool (*open)(void *self, struct str envelope, struct mark at, struct arena *a, struct str *plain, struct err *e);
    /// NULL, or called for each `!vault` scalar of a trusted text instead of `open`: the value stays sealed
    /// (VAL_SEALED) until it is read. `envelope` is the caller's to copy.
    void (*sealed)(void *self, struct str envelope);
    /// True when no password was given at all; NULL: not known.
    bool (*locked)(void *self);
    /// True for the text of a file of variables that `open` turns into the plaintext; NULL: envelopes only.
    bool (*is_file)(struct str text);
};
/// What a key that a mapping has already does.
enum yaml_duplicates { YAML_DUPLICATE_WARN, YAML_DUPLICATE_IGNORE, YAML_DUPLICATE_ERROR };
struct yaml_opts {
    bool trusted;  // a user's file: strings get VAL_TRUSTED and VAL_TMPL; otherwise data (from_yaml filter)
    bool secret;   // the whole text came out of a vault: every scalar gets VAL_SECRET
    const struct yaml_vault *vault;
    void (*warn)(void *self, struct mark at, const char *msg);  // duplicate keys; NULL: silent
    enum yaml_duplicates duplicates;                            // DUPLICATE_YAML_DICT_KEY
    void *warn_self;
    struct mark at;    // of the text's first byte, when the text is a registered source already
    size_t max_depth;  // 0: 128
    size_t max_nodes;  // 0: 4 million; alias expansion counts (billion laughs)
};

/// Loads one document. `name` is what marks show; an empty document gives VAL_NULL. All in `a`.
/// Every value and key carries the mark of its first byte: of a scalar the opening quote, the block indicator `|` or
/// the first character (behind its tag and anchor), which is where mark_inside() starts; of a list or mapping the
/// bracket, the first `-` or the first key. The text is registered as a source and so kept until exit: data that comes
/// again and again (filters, command output) is loaded with `name` NULL, without marks; errors then say line and column
/// in words. Types as PyYAML's SafeLoader: 0o/0 octal, 0x, binary, sexagesimal, yes/no/on/off, ~, floats, dates, merge
/// keys `<<`,
/// !!str and other standard tags, `!unsafe`, `!vault` / `!vault-encrypted`. Unknown tags: ERR_SYNTAX by name.
/// Where Python has types we lack: sets are lists of their keys, !!binary is a string of the bytes, integers beyond 64
/// bits are strings of their digits. `!unsafe` gives VAL_UNSAFE to the value and all inside, `!vault` gives VAL_SECRET,
/// VAL_VAULTED and VAL_UNSAFE (Ansible does not template vaulted values). Dates are objects of value/date.h.
/// A trusted text that is JSON is read by JSON's rules where they differ (1e3 is a number), as Ansible does.
/// An alias in a trusted file is a copy of what it repeats; in data it shares the list or mapping.
/// Entries that override merged ones (`<<`) are not reported as duplicates; Ansible 2.14 does report those.
/// Errors: ERR_SYNTAX with the mark of the place; ERR_LIMIT; ERR_VAULT. Any thread.
bool yaml_load(const char *name, struct str text, const struct yaml_opts *o, struct arena *a, struct val *out,
               struct err *e);
/// All documents of a stream, as a list.
bool yaml_load_all(const char *name, struct str text, const struct yaml_opts *o, struct arena *a, struct val *out,
                   struct err *e);
/// One plain scalar by PyYAML's resolver ("yes" -> true, "012" -> 10, "text" -> string). For k=v values and INI.
struct val yaml_scalar(struct arena *a, struct str text);
