// Regular expressions in Python's `re` syntax, run by PCRE2 with match limits.
#pragma once
#include "buf.h"
#include "err.h"

enum regex_flags {
    REGEX_IGNORECASE = 1,
    REGEX_MULTILINE = 2,
    REGEX_DOTALL = 4,
    REGEX_VERBOSE = 8,
    REGEX_BYTES = 16,  // no UTF: the subject may be any bytes
};
struct regex;
struct regex_match {
    size_t n;           // groups + 1
    size_t *from, *to;  // SIZE_MAX: group not set
};

/// Compiles `pat`. The result belongs to `a` (its PCRE2 memory too) and may be used by one thread at a time. ERR_SYNTAX
/// at `at` with the offset in the message.
struct regex *regex_compile(struct arena *a, struct str pat, unsigned flags, struct mark at, struct err *e);
enum regex_how { REGEX_SEARCH, REGEX_MATCH, REGEX_FULLMATCH };  // anywhere / at `from` / all of it
/// 1 found, 0 not, -1 ERR_LIMIT (too much backtracking). `m` (may be NULL) is filled in `a`.
int regex_exec(struct regex *r, struct str subject, size_t from, enum regex_how how, struct arena *a,
               struct regex_match *m, struct err *e);
/// Where a walk through all matches is; zero at its start.
struct regex_walk {
    size_t at;   // end of the last match
    bool empty;  // which was empty: the next one that begins there is not
};
/// The next match as Python's finditer has it, with regex_exec's results. `m` starts as zero, and its places in `a` are
/// filled again each time.
int regex_next(struct regex *r, struct str subject, struct regex_walk *w, struct arena *a, struct regex_match *m,
               struct err *e);
/// Number of capture groups; the name of group i or NULL; the number of a named group or 0.
size_t regex_groups(const struct regex *r);
const char *regex_group_name(const struct regex *r, size_t i);
size_t regex_group_number(const struct regex *r, struct str name);
/// Python's re.sub: replacement with \1 \g<name> \g<0> \n ...; `count` 0 = all; `*n` (may be NULL) = how many.
/// ERR_LIMIT when the text grows by more than 64 MiB.
bool regex_sub(struct regex *r, struct str repl, struct str subject, size_t count, struct arena *a, struct str *out,
               size_t *n, struct err *e);
/// Expands a replacement template for one match; without a match (NULL) groups are empty, and only the template's
/// mistakes are of interest: ERR_SYNTAX for what Python's re.sub refuses.
bool regex_expand(const struct regex *r, struct str repl, struct str subject, const struct regex_match *m,
                  struct buf *out, struct err *e);
/// Escapes as Python's re.escape.
struct str regex_escape(struct arena *a, struct str s);
