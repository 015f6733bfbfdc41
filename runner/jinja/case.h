// Templates given as JSON objects: how other suites, the fuzzer and the measurements run the engine as plain Jinja2.
#pragma once
#include "jinja.h"

/// One case, read from an object with `template`, `vars`, `env`, `undefined`, `extensions` and `templates`.
struct jinja_case {
    struct val id;
    struct str source;
    struct mark at;          // place of source.s[0], in a source named "<template>"
    struct jinja_opts opts;  // jinja_opts_plain with what `env`, `undefined` and `extensions` say
    struct val vars;         // dict; its texts are never templated
    struct map templates;    // name -> struct str *
};
/// Reads a case; it lives in `a`. ERR_ARGS names the option, extension or kind of undefined value that is not known.
bool jinja_case_read(struct arena *a, struct val object, struct jinja_case *out, struct err *e);
/// Renders a case as jinja2.Environment(**env).from_string(template).render(vars) would. `cache` may be NULL. The text
/// lives in `a`.
bool jinja_case_render(struct arena *a, struct jinja_cache *cache, struct jinja_case *k, struct str *out,
                       struct err *e);
/// Only compiles it.
bool jinja_case_compile(struct arena *a, const struct jinja_case *k, struct err *e);
/// The options of an Environment by their names in Jinja2.
bool jinja_case_options(struct arena *a, struct val env, struct jinja_opts *o, struct err *e);
