// Tests of keys, shared by the filters that choose and rename keys.
#pragma once
#include "plugin.h"

struct regex;
enum key_how { KEY_EQUAL, KEY_STARTS, KEY_ENDS, KEY_REGEX };
struct key_test {
    enum key_how how;
    struct str text;
    struct regex *re;
    struct str after;  // of replace_keys
};
struct key_tests {
    struct key_test *p;
    size_t n;
};
/// Appends a test of `text` to `t`, which has room for it. ERR_TYPE when it is no string, or what the regex says.
bool key_test_add(struct jcall *c, struct key_tests *t, enum key_how how, struct val text, struct err *e);
/// Whether `key` passes one test.
bool key_test_fits(struct jcall *c, const struct key_test *t, struct str key, bool *yes, struct err *e);
/// The first test that a key passes, or NULL.
bool key_first_fit(struct jcall *c, const struct key_tests *t, struct str key, const struct key_test **out,
                   struct err *e);
