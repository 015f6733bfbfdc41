// The value type: 16 bytes, tagged, immutable once stored. Everything a playbook says or a module returns is one.
#pragma once
#include "buf.h"
#include "err.h"

enum val_kind {
    VAL_UNDEF,  // no value: a missing variable; what it was is in u.undef (may be NULL)
    VAL_NULL,
    VAL_BOOL,
    VAL_INT,
    VAL_FLOAT,
    VAL_STR,
    VAL_LIST,
    VAL_TUPLE,  // prints as Python's tuple; otherwise as a list
    VAL_DICT,
    VAL_OMIT,  // `omit`: the argument that holds it is left out
    VAL_OBJ,   // something with methods that lives only inside templates, or a date: see struct obj_type
};

enum val_flags {
    VAL_TRUSTED = 1,  // from the user's files: may be evaluated when a keyword or `that:` asks for an expression
    VAL_TMPL = 2,     // trusted string that contains a template, or a container with one somewhere inside
    VAL_SECRET = 4,  // from vault, no_log or a prompt: masked wherever it would be shown; spreads to what is made of it
    VAL_UNSAFE = 8,  // tagged !unsafe: never templated
    VAL_VAULTED = 16,    // came out of `!vault` inline (prints as its plaintext where used, tests `vaulted`)
    VAL_SAFE_JSON = 32,  // text made by to_json and friends: a template that is only this stays text
    VAL_MARKUP = 64,     // HTML already (escape, safe): escape leaves it alone
    VAL_SEALED = 128,    // `!vault` text that is still its envelope; has VAL_TMPL: templating it opens it
};

struct vstr {
    size_t n;
    uint32_t hash;  // 0: not computed yet
    char s[];       // NUL behind
};
struct vlist {
    size_t n, cap;
    struct val *items;
};
struct vpair;
struct vdict {
    size_t n, cap;        // pairs in use (deleted ones have key kind VAL_UNDEF), allocated
    size_t live;          // pairs not deleted: the length
    struct vpair *pairs;  // insertion order
    uint32_t *index;      // NULL for small dicts
    size_t index_cap;
};
struct vundef {
    struct str name;         // the variable or attribute that is missing
    struct str hint;         // full message, or empty: "'name' is undefined" is used
    struct str owner, key;   // a missing attribute or item: what "no such element" says of it
    struct mark at;          // where it is missing, when that is not where it is used
    const struct vdict *of;  // the dictionary without it, for "did you mean"; as long-lived as this, else NULL
    bool late;               // the template sets the name further on
};
struct val {
    uint8_t kind;   // enum val_kind
    uint8_t flags;  // enum val_flags
    uint16_t spare;
    struct mark mark;
    union {
        bool b;
        int64_t i;
        double f;
        const struct vstr *s;
        struct vlist *l;  // list and tuple
        struct vdict *d;
        const struct vundef *undef;
        const struct vobj *o;
    } u;
};
struct vpair {
    struct val key, value;
};

// val.spare of lists that are Python's views, ranges and generators, in plain Jinja2 only. A range keeps its three
// numbers behind its items. A generator is true, has no length and no items by position, and is empty once it was read;
// one that fails has why behind its items, which is told when it is read that far.
enum { VAL_SPARE_KEYS = 4, VAL_SPARE_VALUES, VAL_SPARE_ITEMS, VAL_SPARE_RANGE, VAL_SPARE_GENERATOR, VAL_SPARE_FAILING };
#define VAL_SPARE_PLAIN 2  // in val.spare of an undefined value: it prints as Jinja2's, not as Ansible's

/// An object: its first member is this. Which operations exist is the type's business; NULL means "not supported".
struct obj_type {
    const char *name;                                                                 // Python's type name
    bool (*get)(struct val self, struct str attr, struct arena *a, struct val *out);  // attribute; false: none
    void (*str)(struct val self, struct buf *out);                                    // str()
    bool (*iter)(struct val self, struct arena *a, struct val *list, struct err *e);  // as a list
    bool (*json)(struct val self, struct arena *a, struct val *out);                  // plain value for JSON/YAML/wire
};
struct vobj {
    const struct obj_type *type;
};

_Static_assert(sizeof(struct val) == 16, "a value is 16 bytes");

// -- making ----------------------------------------------------------------------------------------------------------
#define VNULL      ((struct val){.kind = VAL_NULL})
#define VOMIT      ((struct val){.kind = VAL_OMIT})
/// What `omit` becomes as text, as in Ansible.
#define OMIT_TOKEN "__omit_place_holder__"
struct val val_bool(bool b);
struct val val_int(int64_t i);
struct val val_float(double f);
/// Copies the text to `a`. val_z: from a C string. val_lit keeps nothing either: it copies too.
struct val val_str(struct arena *a, struct str s);
struct val val_z(struct arena *a, const char *z);
struct val val_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct val val_list(struct arena *a, size_t cap);
struct val val_tuple(struct arena *a, size_t cap);
struct val val_dict(struct arena *a, size_t cap);
struct val val_undef(struct arena *a, struct str name);
struct val val_obj(const struct vobj *o);
/// `v` with a mark / with flags added.
struct val val_at(struct val v, struct mark m);
struct val val_flag(struct val v, unsigned flags);

// -- reading ---------------------------------------------------------------------------------------------------------
/// The text of a VAL_STR (borrowed); STR_NONE for any other kind.
struct str val_text(struct val v);
bool val_is(struct val v, enum val_kind k);
bool val_is_seq(struct val v);  // list or tuple
/// "string", "list", "dictionary", "integer", ... for messages; val_type_name gives Python's: str, list, dict, int ...
const char *val_kind_name(enum val_kind k);
const char *val_type_name(struct val v);
/// Number of items of a list, tuple, dict, or code points of a string; 0 otherwise.
size_t val_len(struct val v);
/// Item i of a list or tuple (i < val_len).
struct val val_at_index(struct val list, size_t i);

// -- lists (mutable only while being built) --------------------------------------------------------------------------
void val_push(struct arena *a, struct val list, struct val item);

// -- dicts -----------------------------------------------------------------------------------------------------------
/// The value for a string key; kind VAL_UNDEF (u.undef == NULL) when missing or when `d` is not a dict.
struct val val_get(struct val d, const char *key);
struct val val_get_str(struct val d, struct str key);
/// The same when str_hash(key) is known.
struct val val_get_hashed(struct val d, struct str key, uint32_t hash);
/// The same for any key: 1, 1.0 and True are one key as in Python.
struct val val_get_key(struct val d, struct val key);
bool val_has(struct val d, const char *key);
bool val_has_key(struct val d, struct val key);
/// Sets or replaces (keeping the place of the first insertion).
void val_set(struct arena *a, struct val d, const char *key, struct val v);
void val_set_str(struct arena *a, struct val d, struct str key, struct val v);
void val_set_key(struct arena *a, struct val d, struct val key, struct val v);
/// Removes; false when it was not there.
bool val_del_key(struct val d, struct val key);
/// Iterates live pairs: `size_t i = 0; struct vpair *p; while ((p = val_each(d, &i))) ...`.
struct vpair *val_each(struct val d, size_t *i);

// -- copying ---------------------------------------------------------------------------------------------------------
/// Deep copy into `a`, so that the value outlives where it was made. Objects become plain values (obj_type.json).
struct val val_promote(struct arena *a, struct val v);
/// Shallow copy of a list or dict, so that it may be changed.
struct val val_copy(struct arena *a, struct val v);
/// `v` with every tuple inside made a list, as Ansible's variables have it; shared where there is none.
struct val val_untuple(struct arena *a, struct val v);
/// Deep copy with flags removed (`clear`) and added (`set`) on every value inside.
struct val val_reflag(struct arena *a, struct val v, unsigned clear, unsigned set);
/// True when the value or anything inside has one of `flags`.
bool val_any_flag(struct val v, unsigned flags);
/// Computes VAL_TMPL for a value whose trusted strings are set: strings that contain "{{", "{%" or "{#", and what holds
/// them. Used by loaders of user files once per file. Strings marked VAL_UNSAFE are skipped.
struct val val_mark_templates(struct val v);

// -- Python's rules (compare.c, repr.c) ------------------------------------------------------------------------------
bool val_truth(struct val v);
/// ==; never fails: different types are unequal, True == 1 == 1.0.
bool val_equal(struct val a, struct val b);
/// <, for sorting and operators: -1, 0, 1 in *out. ERR_TYPE "'<' not supported between instances of 'x' and 'y'".
bool val_compare(struct val a, struct val b, int *out, struct err *e);
/// What no dictionary can have as its key: a list or dictionary, and a tuple by what is in it. Ranges and generators
/// are keys. NULL when `v` can be one.
const struct val *val_unhashable(const struct val *v);
/// `needle in hay`: strings, lists, tuples, dicts (keys).
bool val_contains(struct val hay, struct val needle, bool *out, struct err *e);
uint32_t val_hash(struct val v);
/// Python's str() and repr(), to a buffer or to a string in `a`.
void val_to_str(struct buf *b, struct val v);
void val_to_repr(struct buf *b, struct val v);
struct str val_str_of(struct arena *a, struct val v);
/// Python's repr(float): shortest text that reads back the same.
void float_repr(struct buf *b, double f);

// -- Ansible's rules -------------------------------------------------------------------------------------------------
/// Ansible's `boolean`: true/false/yes/no/on/off/1/0/y/n/t/f, any case. false when the text is none of them.
bool val_as_bool(struct val v, bool *out);
/// An integer from an int, an integral float or a decimal string.
bool val_as_int(struct val v, int64_t *out);

// -- combining (merge.c) ---------------------------------------------------------------------------------------------
enum merge_lists { MERGE_REPLACE, MERGE_KEEP, MERGE_APPEND, MERGE_PREPEND, MERGE_APPEND_RP, MERGE_PREPEND_RP };
/// `high` over `low`, as ansible's combine filter. Shallow unless `recursive`.
struct val val_merge(struct arena *a, struct val low, struct val high, bool recursive, enum merge_lists lists);
