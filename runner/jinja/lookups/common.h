// What lookups share: options, files of the controller, "term key=value" strings.
#pragma once
#include "filters/support.h"

/// Option `name`; kind VAL_UNDEF with u.undef NULL when it was not given.
struct val lk_opt(const struct jcall *c, const char *name);
bool lk_given(const struct jcall *c, const char *name);
/// Option as text (numbers are accepted), truth or number; `def` when missing or none. ERR_TYPE naming lookup and
/// option.
bool lk_str(struct jcall *c, const char *name, struct str def, struct str *out, struct err *e);
bool lk_bool(struct jcall *c, const char *name, bool def, bool *out, struct err *e);
bool lk_int(struct jcall *c, const char *name, int64_t def, int64_t *out, struct err *e);
/// Warns about options the lookup does not have; `names` ends with NULL.
void lk_known(const struct jcall *c, const char *const *names);
void lk_warn(const struct jcall *c, const char *msg);

/// Number of terms, and term `i` as it is or as text. ERR_TYPE.
size_t lk_terms(const struct jcall *c);
struct val lk_term(const struct jcall *c, size_t i);
bool lk_term_str(struct jcall *c, size_t i, struct str *out, struct err *e);
/// Calls `one` for each term as text; what it finds it pushes to the list `*out`.
bool lk_each_term(struct jcall *c, bool (*one)(struct jcall *, struct str term, struct val list, struct err *),
                  struct val *out, struct err *e);

/// Finds and reads a file of the controller; `kind` as in jinja_host. ERR_NOT_FOUND.
bool lk_find(struct jcall *c, const char *kind, struct str name, struct str *path, struct err *e);
bool lk_read(struct jcall *c, struct str path, struct str *text, bool *secret, struct err *e);
/// A variable of the template, templated; *found false when there is none.
bool lk_var(struct jcall *c, const char *name, struct val *out, bool *found, struct err *e);
/// The names of all variables of the template, a list. ERR_NOT_FOUND where they cannot be searched.
bool lk_names(struct jcall *c, struct val *names, struct err *e);
/// The directory of the playbook.
struct str lk_basedir(const struct jcall *c);
/// One level of lists opened.
struct val lk_flatten(struct jcall *c, struct val l);

/// Splits "free words key=value key='a b'" as Ansible's parse_kv: `*raw` are the free words joined by spaces (s ==
/// NULL: none), `*kv` a dict of texts. ERR_SYNTAX for an open quote.
bool lk_kv(struct jcall *c, struct str text, struct str *raw, struct val *kv, struct err *e);

/// libcurl's write function: into a `struct buf` with a `max`; ends the transfer once that is full.
size_t lk_receive(char *p, size_t size, size_t n, void *to);
