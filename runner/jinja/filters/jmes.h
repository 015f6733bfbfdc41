// JMESPath: what community.general.json_query asks of data. Parsing and evaluation of expressions.
#pragma once
#include "filters/support.h"

enum jm_type {
    JM_FIELD,    // text
    JM_LITERAL,  // val
    JM_CURRENT,  // the value itself
    JM_SUB,      // a, then b on its result (also a pipe)
    JM_INDEX,    // a[n]
    JM_SLICE,    // a[from:to:step]
    JM_FLATTEN,  // a
    JM_PROJECT,  // b on each item of a
    JM_VALUES,   // b on each value of a
    JM_FILTER,   // b on each item of a for which c holds
    JM_LIST,     // kids
    JM_DICT,     // kids, each with its key in text
    JM_OR,       // a, b
    JM_AND,      // a, b
    JM_NOT,      // a
    JM_COMPARE,  // a, b; op
    JM_REF,      // &a
    JM_CALL,     // text, kids
};
enum jm_op { JM_EQ, JM_NE, JM_LT, JM_LE, JM_GT, JM_GE };
struct jm_node {
    enum jm_type type;
    enum jm_op op;
    struct str text;
    struct val val;
    struct jm_node *a, *b, *c;
    struct jm_node **kids;
    size_t nkids, cap;
    int64_t n[3];
    bool given[3];  // of a slice
};

/// What an expression works with: the filter's call, for memory and errors.
struct jm {
    struct jcall *c;
    struct err *e;
    struct str expr;
    unsigned depth;
};
#define JM_DEPTH 200

/// ERR_ARGS "JMESPath: ..." and returns false.
bool jm_error(struct jm *j, const char *fmt, ...) PRINTF_LIKE(2, 3);
/// The expression's tree in c->a; NULL with an error.
struct jm_node *jm_parse(struct jm *j);
bool jm_eval(struct jm *j, const struct jm_node *n, struct val v, struct val *out);
/// A function by name on its arguments; JM_REF arguments come as nodes.
struct jm_arg {
    struct val v;
    const struct jm_node *ref;  // for &expression
};
bool jm_call(struct jm *j, struct str name, const struct jm_arg *args, size_t n, struct val *out);
/// JMESPath's idea of false: none, false, "", [] and {}.
bool jm_false(struct val v);
bool jm_number(struct val v);
