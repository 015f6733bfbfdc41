// The engine's inside: tokens, syntax tree, compiled templates and the state of one evaluation. Not for other layers.
#pragma once
#include "plugin.h"

struct tmpl;

// -- tokens ----------------------------------------------------------------------------------------------------------
enum tok_type {
    T_EOF,
    T_DATA,
    T_VAR_BEGIN,
    T_VAR_END,
    T_BLOCK_BEGIN,
    T_BLOCK_END,
    T_NAME,
    T_STR,
    T_INT,
    T_FLOAT,
    T_ADD,
    T_SUB,
    T_MUL,
    T_DIV,
    T_FLOORDIV,
    T_MOD,
    T_POW,
    T_TILDE,
    T_LPAREN,
    T_RPAREN,
    T_LBRACKET,
    T_RBRACKET,
    T_LBRACE,
    T_RBRACE,
    T_EQ,
    T_NE,
    T_GT,
    T_GE,
    T_LT,
    T_LE,
    T_ASSIGN,
    T_DOT,
    T_COLON,
    T_PIPE,
    T_COMMA,
    T_SEMICOLON,
};
struct token {
    enum tok_type type;
    uint32_t at;      // byte offset in the source
    struct str text;  // T_DATA, T_NAME, T_STR: the text (unescaped)
    struct val num;   // T_INT, T_FLOAT
};
struct tokens {
    struct token *p;
    size_t n, cap;
};
/// What a lexer or parser works on: where memory comes from and where errors point.
struct source {
    struct arena *a;
    struct str text;   // with "\n" line ends
    struct mark base;  // place of text.s[0] for errors
    const struct jinja_opts *o;
    const struct tmpl *t;  // the template, to place errors in its source
};
/// Cuts a template (`bare`: an expression without delimiters) into tokens, with T_EOF at the end, also behind what was
/// cut before an error.
bool jinja_lex(const struct source *s, bool bare, struct tokens *out, struct err *e);
/// What Jinja calls a token in its messages.
const char *tok_name(enum tok_type t);

// -- syntax tree -----------------------------------------------------------------------------------------------------
enum node_type {
    // expressions
    N_CONST,     // val
    N_NAME,      // name; text: "ansible_facts.KEY" where only that member of the name is read, else empty;
                 // flag: read only where this template may set it, see refs.c
    N_LIST,      // kids
    N_TUPLE,     // kids
    N_DICT,      // kids: N_PAIR
    N_PAIR,      // a: key, b: value
    N_COND,      // a: test, b: then, c: else or NULL
    N_OR,        // a, b
    N_AND,       // a, b
    N_NOT,       // a
    N_NEG,       // a
    N_POS,       // a
    N_BINOP,     // a, b; op: the token type
    N_CONCAT,    // kids; op: enum escaping
    N_COMPARE,   // a; kids: N_OPERAND
    N_OPERAND,   // a; op: token type, or T_NAME for `in`, T_SEMICOLON for `not in`
    N_GETATTR,   // a, name; flag: dicts have a method of that name; op: enum loop_attr
    N_GETITEM,   // a, b: index or N_SLICE
    N_SLICE,     // a, b, c: start, stop, step, each may be NULL
    N_CALL,      // a: callee; args
    N_FILTER,    // a: input (NULL: the block's text), name, plugin, sig; args
    N_TEST,      // as N_FILTER
    N_KEYWORD,   // name, a: value
    N_MARKSAFE,  // a: what is HTML where output is escaped; op: enum escaping
    N_NSREF,     // name: namespace, text: attribute (assignment target)
    // statements
    N_DATA,      // text
    N_OUTPUT,    // kids: expressions; op: enum escaping
    N_FOR,       // a: target, b: iterable, c: condition or NULL, body, other: else; flag: recursive, flag2: uses `loop`
    N_IF,        // a: test, body, other: else statements; flag: an `elif`, one N_IF
    N_SET,       // a: target, b: value
    N_SETBLOCK,  // a: target, b: filter chain or NULL, body
    N_WITH,      // kids: N_PAIR (target, value); body
    N_MACRO,     // name; kids: parameters (N_NAME, a: default or NULL); body; flag: uses caller, flag2: it is a caller
    N_CALLBLOCK,    // a: N_CALL; b: N_MACRO for `caller`
    N_FILTERBLOCK,  // b: filter chain, body; op: enum escaping
    N_BLOCK,        // name, body; flag: scoped, flag2: required; op: it stands inside of a scope
    N_EXTENDS,      // a
    N_INCLUDE,      // a; flag: ignore missing, flag2: with context
    N_IMPORT,       // a, name: target; flag2: with context
    N_FROM,         // a; kids: N_NAME (name, text: alias); flag2: with context
    N_DO,           // a
    N_BREAK,
    N_CONTINUE,
    N_AUTOESCAPE,  // a: on or off, body
};
/// Whether output is escaped for HTML: known when the template is read, or asked for when it runs.
enum escaping { ESC_OFF, ESC_ON, ESC_ASK };
struct sig;
struct node {
    enum node_type type;
    uint32_t at;        // byte offset in the source
    struct node *next;  // in a list of kids or statements
    struct node *a, *b, *c;
    struct node *kids;
    struct node *body, *other;
    struct call_args *args;
    struct str name, text;
    struct val val;
    const void *plugin;
    const struct sig *sig;
    uint32_t hash;  // N_NAME, N_GETATTR: str_hash(name)
    uint8_t op;
    bool flag, flag2;
};
struct call_args {
    struct node *pos;       // positional
    struct node *kw;        // N_KEYWORD
    struct node *star;      // *args or NULL
    struct node *starstar;  // **kwargs or NULL
    size_t npos, nkw;
};

/// A compiled template: immutable, shared between threads.
struct tmpl {
    struct str src;           // as given
    struct str text;          // with "\n" line ends
    struct jinja_opts asked;  // the options it was compiled with
    struct jinja_opts o;      // the same with what a `#jinja2:` header changed
    struct node *body;        // statements; for a bare expression: the expression
    struct node **blocks;     // every N_BLOCK
    size_t nblocks;
    struct str single_name;  // the template is just {{ name }}
    bool mutates;            // calls append(), update() ... or pulls in other templates
    bool extends;
    size_t cut;  // bytes of a `#jinja2:` header in front of text
};

/// Compiles a template or (`bare`) an expression into `a`. Errors point inside `at`.
struct tmpl_key;
struct tmpl *jinja_compile(struct arena *a, const struct tmpl_key *k, const struct jinja_plugins *plugins,
                           struct err *e);
const struct jinja_plugins *cache_plugins(const struct jinja_cache *c);
/// The dialect of a run; never NULL.
const struct jinja_dialect *cache_dialect(const struct jinja_cache *c);
/// The same through the cache of `c` (may be NULL: compiled into `a`).
struct tmpl_key {
    struct str src;
    struct mark at;
    const struct jinja_opts *o;
    bool bare;
};
const struct tmpl *cache_get(struct jinja_cache *c, struct arena *a, const struct tmpl_key *k, struct err *e);
/// The same for a file: also gives the mark of its first byte, registered once per content.
struct source_file {
    struct str path, text;
    bool secret;       // it came out of a vault
    struct mark base;  // filled in
};
const struct tmpl *cache_file(struct jinja_ctx *c, struct source_file *f, const struct jinja_opts *o, struct err *e);
/// The mark of an offset in tmpl.text of a template whose source stands at `base`.
struct mark tmpl_mark(const struct tmpl *t, struct mark base, size_t offset);

// -- parser ----------------------------------------------------------------------------------------------------------
#define PARSE_DEPTH 120
struct parser {
    struct source s;
    struct tokens t;
    size_t i;
    unsigned depth;
    struct tmpl *tmpl;
    const struct jinja_plugins *plugins;  // of the project, or NULL
    struct err *e;
    const char *open[PARSE_DEPTH + 1];  // tags waiting for their end, for messages
    size_t open_at;                     // where the innermost of them stands
    size_t nopen;
    unsigned loop_refs;          // how often the name `loop` was read so far
    unsigned caller_refs;        // how often the name `caller` was read so far
    unsigned inner;              // bodies around that are scopes of their own
    unsigned loops;              // loops around that `break` may leave
    enum escaping escaping;      // where the parser stands
    enum escaping folding;       // what constants get there: the last that was known
    bool asking;                 // inside of an `autoescape` that is known only when it runs
    bool soft, soft_body;        // here, and in the body that comes, a plugin may be missing until it is called
    const struct node *missing;  // the first plugin that is missing
    const struct node *twice;    // the first block whose name was used before
    bool silent;                 // behind {% extends %}: output counts for nothing
    const char *late;            // what is wrong beside the syntax, told when the rest of the template is right
    size_t late_at;
    struct {
        struct node **p;
        size_t n, cap;
    } blocks;
    struct {
        struct str *p;
        size_t n, cap;
    } set;  // names that the template sets, other than for a body
};
/// Marks the names that are never looked for outside of the template, given all `n` names that it sets.
void mark_refs(struct arena *a, struct tmpl *t, const struct str *set, size_t n);
/// True for what Jinja2 computes while it compiles: nothing in it has a name.
bool is_constant(const struct node *n);
/// The same without filters and tests, which nobody calls while it is open whether output is escaped.
bool is_literal(const struct node *n);
struct nodes {  // a list under construction
    struct node *first, *last;
    size_t n;
};
void nodes_add(struct nodes *l, struct node *n);
struct node *node_new(struct parser *p, enum node_type type, size_t at);
struct token *tok(struct parser *p);
struct token *tok_ahead(struct parser *p);
bool tok_is(struct parser *p, enum tok_type t);
bool tok_is_name(struct parser *p, const char *name);
bool tok_skip(struct parser *p, enum tok_type t);
bool tok_skip_name(struct parser *p, const char *name);
bool tok_expect(struct parser *p, enum tok_type t);
struct mark parse_mark(const struct parser *p, size_t at);
bool parse_enter(struct parser *p);
/// Notes what is wrong at the current token for the end of the parse; NULL is nothing.
void parse_late(struct parser *p, const char *msg);
struct node *parse_expr(struct parser *p);
struct node *parse_primary(struct parser *p);
/// A tuple without parentheses or one expression; `end` (may be NULL) is a name that ends it.
struct node *parse_tuple(struct parser *p, bool simple, bool cond, const char *end);
/// `|filter|filter` on `input` (may be NULL); `inline_first`: the first has no bar.
struct node *parse_filters(struct parser *p, struct node *input, bool inline_first);
bool parse_statements(struct parser *p, struct node **body, const char *const *end);
bool parse_template(struct parser *p, struct node **body);
/// `{% trans %}` behind its opening delimiter; NULL after an error.
struct node *tag_trans(struct parser *p);
/// Tells the host of a text that was made of a secret, so that it is masked when a target sends it back.
void tell_secret(struct jinja_ctx *ctx, struct val v);
/// Opens every VAL_SEALED text inside a value, templating nothing. ERR_VAULT.
bool unseal_all(struct jinja_ctx *c, struct val v, struct val *out, struct err *e);

// -- calling ---------------------------------------------------------------------------------------------------------
#define SIG_MAX 24
struct sig {
    uint8_t n, required;
    bool rest, any_kw;  // "*", "**"
    struct str names[SIG_MAX];
};
void sig_parse(const char *params, struct sig *s);
/// The same for a text that lives as long as the program, kept for each thread. Valid until the next call.
const struct sig *sig_of(const char *params);
/// Puts arguments where `s` wants them; see struct filter. `slots` has room for SIG_MAX values.
bool sig_bind(struct jcall *c, const struct sig *s, struct val *slots, struct err *e);
/// A function of Python's types and globals: args[0] is the object (or nothing for globals).
struct method {
    const char *name;
    const char *params;
    bool (*fn)(struct jcall *c, struct val *out, struct err *e);
    bool mutates;
};
/// The method `name` of a value's type or NULL.
const struct method *method_find(struct val self, struct str name);
const struct method *str_method(struct str name);
const struct method *str_case_method(struct str name);
/// Whether a character that is not ASCII may stand in a name, and at its start (str.isidentifier()).
bool cp_in_name(uint32_t cp);
bool cp_starts_name(uint32_t cp);
/// What Python's str.isspace() says of a character.
bool cp_is_space(uint32_t cp);
const struct method *list_method(struct str name);
const struct method *tuple_method(struct str name);
const struct method *dict_method(struct str name);
const struct method *number_method(struct val self, struct str name);
/// real, imag, numerator and denominator of a number; false: no such attribute.
bool number_attr(struct val v, struct str name, struct val *out);
const struct method *obj_method(struct val self, struct str name);
const struct method *date_method(struct val self, struct str name);
const struct method *method_in(const struct method *table, size_t n, struct str name);
bool method_is_mutator(struct str name);
bool method_invoke(struct jcall *c, const struct method *m, struct val *out, struct err *e);
/// A method bound to its object, as a value.
struct val method_value(struct arena *a, const struct method *m, struct val self);
bool filter_invoke(struct jcall *c, const struct filter *f, const struct sig *s, struct val *out, struct err *e);
bool test_invoke(struct jcall *c, const struct jtest *t, const struct sig *s, bool *out, struct err *e);
/// Calls `fn` with the arguments in `c`.
bool call_value(struct jcall *c, struct val fn, struct val *out, struct err *e);

// -- evaluation ------------------------------------------------------------------------------------------------------
#define NEST_MAX      1200
#define OUTPUT_CAP    ((size_t)64 << 20)
#define RANGE_CAP     1000000
#define SPARE_LENIENT 1  // val.spare of an undefined value that prints as nothing (inline if without else)

// plain text / Ansible's conversion of text to lists, dicts, bools / what jinja2_native gives
enum concat_mode { CONCAT_TEXT, CONCAT_EVAL, CONCAT_NATIVE };

struct var {
    struct str name;
    uint32_t hash;
    struct val v;
};
struct frame {
    struct frame *up;
    struct var *vars;
    size_t n, cap;
    bool captured;  // a macro keeps it
    bool root;      // of a template or block: those above are of others
};
/// Where output goes: nothing, one value, or text.
struct sink {
    struct buf b;
    struct val first;
    size_t n;
    bool secret;  // a secret went in
};
struct block_link {  // one definition of a block; `up` is the parent template's
    const struct node *node;
    const struct unit *unit;
    struct block_link *up;
};
struct block_set {  // the child's definition of each block, its parents' behind it
    struct block_link **p;
    size_t n, cap;
};
/// A template being evaluated: what its nodes and names refer to.
struct unit {
    const struct tmpl *t;
    struct mark base;
    bool no_scope;         // imported without context: only globals are seen
    struct frame *top;     // the template's own variables
    struct frame *copies;  // in templates that change values: what they read from outside, copied once
    bool mutates;          // the template or one that shares its copies changes values
    struct block_set *blocks;
};
struct rt {
    struct jinja_ctx *c;
    struct arena *a;
    struct err *e;
    const struct unit *u;
    struct frame *f;
    struct sink *out;
    bool mute;                  // what a child prints outside of blocks counts for nothing
    struct block_link *block;   // the block being run, for super()
    struct frame *seen;         // what the block sees of its surroundings, NULL outside of blocks
    const struct unit *parent;  // what {% extends %} asked for
};
enum flow { FLOW_ERROR, FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE };

bool expr_eval(struct rt *r, const struct node *n, struct val *out);
bool eval_truth(struct rt *r, const struct node *n, bool *out);
/// Evaluates arguments behind `reserve` empty places; `room` is used when `n` values suffice, else the arena.
struct arg_room {
    struct val *p;
    size_t n;
};
bool eval_args(struct rt *r, const struct call_args *ca, struct jcall *c, size_t reserve, struct arg_room room);
bool eval_filter(struct rt *r, const struct node *n, const struct val *input, struct val *out);
enum flow exec_list(struct rt *r, const struct node *n);
/// Runs statements into a new sink and gives what they make, as HTML where output is escaped.
bool exec_capture(struct rt *r, const struct node *body, bool html, struct val *out);
bool exec_for_items(struct rt *r, const struct node *n, struct val items, unsigned depth);
bool exec_assign(struct rt *r, const struct node *target, struct val v);
enum flow exec_include(struct rt *r, const struct node *n);
enum flow exec_extends(struct rt *r, const struct node *n);
enum flow exec_block(struct rt *r, const struct node *n);
/// Runs a template's body and then the templates it extends.
bool run_unit(struct rt *r);
/// The first definition of a block, or NULL.
struct block_link *block_find(const struct block_set *s, struct str name);
enum flow exec_import(struct rt *r, const struct node *n);
enum flow exec_from(struct rt *r, const struct node *n);

bool put_value(struct rt *r, struct val v, bool escape);
/// True when output at a node is escaped.
static inline bool escapes(const struct rt *r, const struct node *n) {
    return n->op == ESC_ON || (n->op == ESC_ASK && r->c->state.autoescape);
}
bool put_text(struct rt *r, struct str s);
/// What a sink holds, by the context's concat mode.
bool sink_value(struct rt *r, struct sink *s, struct val *out);

struct frame *locals_new(struct arena *a, struct frame *up);
void locals_set(struct arena *a, struct frame *f, struct str name, struct val v);
struct var *locals_find(struct frame *f, struct str name);
/// The same when str_hash(name) is known.
void locals_put(struct arena *a, struct frame *f, struct str name, uint32_t hash, struct val v);
struct var *locals_hashed(struct frame *f, struct str name, uint32_t hash);
/// The same, up to the frame of the template or block.
struct var *locals_within(struct frame *f, struct str name, uint32_t hash);

struct mark rt_mark(const struct rt *r, const struct node *n);
#define FAIL(r, n, code, ...) err_set((r)->e, (code), rt_mark((r), (n)), __VA_ARGS__)
/// Runs a whole template in `c` into `s`.
bool run_template(struct jinja_ctx *c, const struct tmpl *t, struct mark base, struct sink *s, struct err *e);
bool nest_failed(struct jinja_ctx *c, struct err *e);
/// One level deeper, or one step more: ERR_LIMIT when there were too many.
static inline bool nest_enter(struct jinja_ctx *c, struct err *e) {
    if (c->state.nesting >= NEST_MAX || (c->step_cap && ++c->state.steps > c->step_cap)) {
        return nest_failed(c, e);
    }
    c->state.nesting++;
    return true;
}
/// How much a value may grow: `most`, or less when the context's output cap is lower.
size_t cap_of(const struct jinja_ctx *c, size_t most);
#define NEST_LEAVE(c) ((c)->state.nesting--)

/// A name as templates see it: scope (templated, cached), then globals, else undefined.
bool name_resolve(struct jinja_ctx *c, const struct node *n, bool no_scope, struct val *out, struct err *e);
/// A global function or constant; kind VAL_UNDEF when there is none.
bool global_get(struct jinja_ctx *c, struct str name, struct val *out);
/// What the cache of a context knows about a name.
struct resolved {
    struct val v;    // templated; without u.undef when the name does not exist
    bool direct;     // the variable was no template
    bool untrusted;  // it holds text that must never be evaluated
};
const struct resolved *name_entry(struct jinja_ctx *c, struct str name, uint32_t hash, struct err *e);
/// Runs a lookup with the terms in `c` as the functions lookup() and query() do.
bool lookup_call(struct jcall *c, bool wantlist, struct val *out, struct err *e);
/// Notes that untrusted data takes part in what is being rendered.
bool val_untrusted(struct val v);
/// ERR_LIMIT when storing `v` in the container or object `into` (NULL: a variable) would make a circle or nest too
/// deep.
bool val_may_hold(const void *into, struct val v, struct mark at, struct err *e);
/// Deep copy that keeps objects, for templates that change what they read.
struct val val_copy_deep(struct arena *a, struct val v);

// -- undefined -------------------------------------------------------------------------------------------------------
/// Records the error that using an undefined value is. Always false.
bool undef_fail(struct jinja_ctx *c, struct val v, struct mark at, struct err *e);
/// An undefined value for a missing attribute or item of `of`.
struct val undef_attr(struct arena *a, struct val of, struct val key);
struct val undef_hint(struct arena *a, struct str name, struct str hint);
/// `v`, an undefined value, as one of plain Jinja2 when the context is that.
struct val undef_plain(const struct jinja_ctx *c, struct val v);
/// Under DebugUndefined: what is printed for an undefined value; any other value as it is.
struct val undef_shown(const struct jinja_ctx *c, struct val v);
/// True when using `v` is an error under the context's options.
bool undef_strict(const struct jinja_ctx *c, struct val v);
/// The first undefined value inside `v`, or NULL.
const struct val *undef_inside(const struct val *v);

// -- operators -------------------------------------------------------------------------------------------------------
bool op_binary(struct jinja_ctx *c, enum tok_type op, struct val l, struct val r, struct val *out, struct err *e);
bool op_negate(struct jinja_ctx *c, struct val v, struct val *out, struct err *e);
bool op_equal(struct val l, struct val r);
bool op_order(struct val l, struct val r, enum tok_type op, bool *out, struct err *e);
/// A list of numbers as Python's range(), which prints as such.
struct val val_range(struct arena *a, struct val numbers, int64_t start, int64_t stop, int64_t step);
bool op_slice(struct arena *a, struct val v, const struct val part[3], struct val *out, struct err *e);
/// "a".. % args, "{}".format(...), format(v, spec).
bool fmt_percent(struct jinja_ctx *c, struct val f, struct val args, struct str *out, struct err *e);
bool fmt_format(struct jcall *c, struct str f, struct str *out, struct err *e);
bool fmt_spec(struct val v, struct str spec, struct buf *out, struct err *e);
/// Python literals and JSON words in text, as ansible's conversion reads them; false: stays text.
bool literal_eval(struct arena *a, struct str text, struct val *out);
/// The same as jinja2_native reads them: every Python literal, no JSON words; quoted text keeps its quotes.
bool literal_native(struct arena *a, struct str text, struct val *out);
/// True when repr() and literal_eval would give `v` back.
bool literal_safe(struct val v);

// -- objects ---------------------------------------------------------------------------------------------------------
/// What `loop` has, as the parser notes it in the op of an N_GETATTR.
enum loop_attr {
    LOOP_NONE,
    LOOP_INDEX,
    LOOP_INDEX0,
    LOOP_REVINDEX,
    LOOP_REVINDEX0,
    LOOP_LENGTH,
    LOOP_DEPTH,
    LOOP_DEPTH0,
    LOOP_FIRST,
    LOOP_LAST,
    LOOP_PREVITEM,
    LOOP_NEXTITEM,
};
enum loop_attr loop_attr_named(struct str name);
/// False when `v` is no loop.
bool loop_attr_of(struct val v, enum loop_attr attr, struct arena *a, struct val *out);
bool is_loop(struct val v);
/// Ends a generator with the failure in `e`, which is told when someone reads that far.
void generator_fails(struct arena *a, struct val *v, struct err *e);
struct val loop_new(struct rt *r, const struct node *n, struct val items, unsigned depth);
void loop_advance(struct val loop, size_t index);
struct val macro_new(struct rt *r, const struct node *n);
struct val super_new(struct rt *r, struct block_link *l);
/// The object `self` of a template: its blocks as functions.
struct val self_new(struct rt *r);
struct val module_new(struct rt *r, struct frame *vars, struct val text);
/// A global function.
bool is_function(struct val v);
bool is_namespace(struct val v);
/// The function namespace().
bool make_namespace(struct jcall *c, struct val *out, struct err *e);
bool namespace_set(struct arena *a, struct val ns, struct str name, struct val v, struct err *e);
/// namespace, cycler, joiner; ends with a NULL name.
extern const struct method object_makers[];
/// Calls an object of the engine (macro, loop, joiner, bound method ...); *known false: not callable.
bool obj_call(struct jcall *c, struct val fn, bool *known, struct val *out, struct err *e);
