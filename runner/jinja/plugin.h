// What a filter, a test and a lookup are. One file in filters/, tests/ or lookups/ holds one family; each plugin is one
// function with one FILTER(), TEST_FN() or LOOKUP() row, found by the collector at column 0.
#pragma once
#include "jinja.h"

/// A call: positional arguments (for filters and tests args[0] is the piped value), keyword arguments, where it stands.
struct jcall {
    struct jinja_ctx *ctx;
    struct arena *a;  // ctx->a
    const struct val *args;
    size_t nargs;
    struct val kwargs;  // dict with string keys, or VAL_UNDEF when there are none
    struct mark at;
    const char *name;    // as the user wrote it
    const char *params;  // the plugin's parameter list, for messages
    const void *data;    // the plugin's own
};

/// Declares parameter names so that the engine binds keywords and checks counts before calling:
/// "value, separator=',', attribute=None": names without default are required; "*" takes the rest; "**" any keywords.
/// After binding, args[i] is parameter i; an optional one that was not given has kind VAL_UNDEF and u.undef == NULL.
struct filter {
    const char *doc;
    const char *params;
    bool takes_undef;  // an undefined input is passed on (default, mandatory, type_debug ...); otherwise ERR_UNDEFINED
    bool (*fn)(struct jcall *c, struct val *out, struct err *e);
    const char *aliases;  // "d|default" other names, separated by |
    const char *fqcn;     // full name; NULL: ansible.builtin. and the name of the row
    const char *example;  // an expression that is true; run by the test suite
    const void *data;     // handed to fn as jcall.data
    bool takes_sealed;    // a variable that no vault password opens is passed on as its envelope
    bool html;            // text marked as HTML gives text marked as HTML
    bool lazy;            // a generator in plain Jinja2: what fails is told when its items are read
};
struct jtest {
    const char *doc;
    const char *params;
    bool takes_undef;
    bool (*fn)(struct jcall *c, bool *out, struct err *e);
    const char *aliases;
    const char *fqcn, *example;
    const void *data;
    bool takes_sealed;
};
struct lookup {
    const char *doc;
    /// args[0] is the list of terms (already flattened as Ansible does), kwargs the options. `*out` is a list.
    bool (*fn)(struct jcall *c, struct val *out, struct err *e);
    bool raw_terms;       // with_<lookup> passes terms without flattening (subelements, nested, together ...)
    const char *options;  // "name=default, ..." as in params
    const char *fqcn, *example;
    const void *data;
};
#define FILTER(n)                                                                                                      \
    extern const struct filter filter_##n;                                                                             \
    const struct filter filter_##n
#define JTEST(n)                                                                                                       \
    extern const struct jtest jtest_##n;                                                                               \
    const struct jtest jtest_##n
#define LOOKUP(n)                                                                                                      \
    extern const struct lookup lookup_##n;                                                                             \
    const struct lookup lookup_##n

struct filter_entry {
    const char *name;
    const struct filter *it;
};
struct jtest_entry {
    const char *name;
    const struct jtest *it;
};
struct lookup_entry {
    const char *name;
    const struct lookup *it;
};
extern const struct filter_entry filter_table[];  // generated, sorted by name, {NULL, NULL} behind
extern const size_t filter_count;
extern const struct jtest_entry jtest_table[];
extern const size_t jtest_count;
extern const struct lookup_entry lookup_table[];
extern const size_t lookup_count;

/// The built in plugin of a name, NULL when there is none. A short name is one of ansible.builtin, an alias of one, or
/// one that ansible-core redirects to a collection (ipaddr, json_query, flattened ...); what else is in a collection
/// has its full name. ansible.legacy. and redirects between collections are followed.
const struct filter *filter_find(struct str name);
const struct jtest *jtest_find(struct str name);
const struct lookup *lookup_find(struct str name);
/// True when ansible-core's redirects or a collection's prefix say that the name is a plugin, only not one of ours.
bool plugin_elsewhere(enum plugin_kind kind, struct str name);
/// The same, looking at the project's plugins first. NULL with ERR_NOT_FOUND "no filter named 'x'" at `at`, with
/// "did you mean".
const struct filter *plugin_filter(const struct jinja_plugins *own, struct str name, struct mark at, struct err *e);
const struct jtest *plugin_test(const struct jinja_plugins *own, struct str name, struct mark at, struct err *e);
bool plugin_known(const struct jinja_ctx *c, enum plugin_kind kind, struct str name);
const struct lookup *plugin_lookup(const struct jinja_plugins *own, struct str name, struct mark at, struct err *e);

/// `spare` of the (grouper, list) tuples that groupby makes: they have the attributes "grouper" and "list".
#define VAL_SPARE_GROUP 1

// -- services for plugins --------------------------------------------------------------------------------------------
/// Argument helpers: read args[i] as a type, else ERR_TYPE naming the filter, the parameter and what was found.
bool arg_str(struct jcall *c, size_t i, struct str *out, struct err *e);  // str() of numbers is accepted
bool arg_int(struct jcall *c, size_t i, int64_t def, int64_t *out, struct err *e);
bool arg_bool(struct jcall *c, size_t i, bool def, bool *out, struct err *e);
bool arg_given(const struct jcall *c, size_t i);
/// Any iterable (list, tuple, dict keys, string characters, object) as a list.
bool jinja_iter(struct jcall *c, struct val v, struct val *list, struct err *e);
/// True for a list with VAL_SPARE_GENERATOR or VAL_SPARE_FAILING.
static inline bool is_generator(struct val v) {
    return v.kind == VAL_LIST && v.spare >= VAL_SPARE_GENERATOR;
}
/// Takes the next `n` items of a generator.
struct val generator_read(struct arena *a, struct val v, size_t n);
/// What stands at the end of a generator: nothing, or false with why it fails.
bool generator_end(struct val v, struct err *e);
/// Makes a generator of a new list, where the context has them (plain Jinja2).
void as_generator(const struct jcall *c, struct val *list);
/// True for a list that is one of Python's views or a generator: it has no items by position.
static inline bool no_positions(struct val v) {
    return v.kind == VAL_LIST && v.spare >= VAL_SPARE_KEYS && v.spare != VAL_SPARE_RANGE;
}
/// Attribute or item as the dot does: foo.bar tries attribute then item; undefined when neither.
bool jinja_getattr(struct jinja_ctx *ctx, struct val v, struct str name, struct mark at, struct val *out,
                   struct err *e);
/// Item as the bracket does: item, then attribute.
bool jinja_getitem(struct jinja_ctx *ctx, struct val v, struct val key, struct mark at, struct val *out, struct err *e);
/// Jinja's make_attrgetter: "a.b.0" on an item.
bool jinja_path(struct jinja_ctx *ctx, struct val v, struct val path, struct mark at, struct val *out, struct err *e);
/// Applies a filter or test by name (map, select, reject ...).
bool jinja_call_filter(struct jinja_ctx *ctx, struct str name, const struct val *args, size_t nargs, struct val kwargs,
                       struct mark at, struct val *out, struct err *e);
bool jinja_call_test(struct jinja_ctx *ctx, struct str name, const struct val *args, size_t nargs, struct val kwargs,
                     struct mark at, bool *out, struct err *e);
/// regex_compile, once for each pattern and flags of a context: filters are called in loops. The result may only be
/// used by this context's thread.
struct regex;
struct regex *jinja_regex(struct jcall *c, struct str pattern, unsigned flags, struct err *e);
/// Calls a callable value (macro, method).
bool jinja_call(struct jinja_ctx *ctx, struct val fn, const struct val *args, size_t nargs, struct val kwargs,
                struct mark at, struct val *out, struct err *e);
/// Secret if any of `vals` is: what a filter returns must keep the mark. (The engine does this for every filter by
/// itself; only plugins that reach other data, such as lookups, need it.)
struct val val_taint(struct val out, const struct val *vals, size_t n);
