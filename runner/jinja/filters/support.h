// What filters, tests and lookups share: error wording, sorting, membership, attribute getters.
#pragma once
#include "plugin.h"

/// Records "'name': message" at the call and returns false; `name` is the plugin as the user wrote it.
bool plug_err(const struct jcall *c, struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(4, 5);
/// ERR_TYPE "'name': 'param' must be <want>, not <kind>"; ERR_UNDEFINED when `got` is an undefined variable. Returns
/// false.
bool bad_arg(const struct jcall *c, struct err *e, const char *param, const char *want, struct val got);
/// Argument `i`, or an undefined value when it was not given.
struct val opt_val(const struct jcall *c, size_t i);
/// True when argument `i` was not given or is none.
bool opt_none(const struct jcall *c, size_t i);
/// Argument `i` if it is a string, `def` when not given or none; ERR_TYPE otherwise.
bool opt_str(struct jcall *c, size_t i, const char *param, struct str def, struct str *out, struct err *e);
/// The keyword `name` of a call that takes any keywords; kind VAL_UNDEF when missing.
struct val opt_kw(const struct jcall *c, const char *name);
/// ERR_ARGS for the first keyword that is not one of `names` (ended by NULL), with "did you mean".
bool only_kw(const struct jcall *c, const char *const *names, struct err *e);
/// Fails with ERR_UNDEFINED when `v` is undefined.
bool need_defined(const struct jcall *c, struct val v, struct err *e);
/// Python's str(): text of any defined value, in c->a.
struct str text_of(struct jcall *c, struct val v);
/// An undefined value whose message is `hint`.
struct val undef_because(struct arena *a, const char *hint);
bool is_undef(struct val v);
/// True for int and bool; *out is its value.
bool as_int(struct val v, int64_t *out);
/// True for int, bool and float.
bool as_num(struct val v, double *out);
/// True for dictionaries and for objects that behave like one (hostvars).
bool is_mapping(struct val v);
/// A mapping as a dictionary; ERR_TYPE naming `param` when it is none.
bool as_dict(struct jcall *c, const char *param, struct val v, struct val *out, struct err *e);
/// "a list", "an integer": the kind with its article, for messages.
const char *kind_article(struct val v);

/// Strings become lower case, other values stay.
struct val ignore_case(struct arena *a, struct val v);
/// Jinja2's make_attrgetter: `path` missing gives `item` itself. `fold`: lower-case strings of the result.
struct getter {
    struct val path;  // VAL_UNDEF or VAL_NULL: the item itself
    bool fold;
    struct val def;  // not VAL_UNDEF/VAL_NULL: replaces an undefined result
};
bool getter_get(struct jcall *c, const struct getter *g, struct val item, struct val *out, struct err *e);

struct sort_item {
    struct val key, value;
};
/// Stable, in place, by Python's `<` on the keys. ERR_TYPE when two keys have no order.
bool sort_items(struct jcall *c, struct sort_item *v, size_t n, bool reverse, struct err *e);

/// A growing set of values with Python's equality; unhashable ones (lists, dicts) are compared one by one.
struct value_set {
    struct arena *a;
    struct val keys;  // dict of the hashable ones
    struct val rest;  // list of the others
};
struct value_set set_new(struct arena *a);
bool set_has(const struct value_set *s, struct val v);
/// false when it was there already.
bool set_add(struct value_set *s, struct val v);
/// False for lists, dicts and what contains them.
bool val_hashable(struct val v);

/// Multiplies with a cap; ERR_LIMIT naming the plugin when the product is above `cap`.
bool size_mul(const struct jcall *c, size_t a, size_t b, size_t cap, size_t *out, struct err *e);
#define TEXT_CAP  ((size_t)64 << 20)  // longest text a filter makes
#define ITEMS_CAP ((size_t)1 << 20)   // most items a combining filter makes

/// A copy that is plain data: neither trusted nor a template. What filters read from outside.
struct val plain_str(struct arena *a, struct str s);
