// Runs tests/cases/jinja/*.json: templates whose results real Jinja2 and ansible-core wrote
// (tests/oracle/jinja_oracle.py).
#include "test.h"

#include "case.h"
#include "fd.h"
#include "jinja.h"
#include "json.h"

#include <glob.h>

static struct val case_vars;

static bool get_var(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    (void)self;
    (void)a;
    (void)e;
    *out = val_get_str(case_vars, name);
    return true;
}

static void var_names(void *self, void (*offer)(void *, struct str), void *to) {
    (void)self;
    size_t i = 0;
    for (struct vpair *p = val_each(case_vars, &i); p; p = val_each(case_vars, &i)) {
        offer(to, val_text(p->key));
    }
}

/// Values as a user's file would give them; {"__unsafe__": text} is text from elsewhere.
static struct val trust(struct arena *a, struct val v) {
    struct val out = v;
    if (v.kind == VAL_DICT && val_has(v, "__unsafe__")) {
        return val_get(v, "__unsafe__");
    }
    if (v.kind == VAL_DICT) {
        out = val_dict(a, val_len(v));
        size_t i = 0;
        for (struct vpair *p = val_each(v, &i); p; p = val_each(v, &i)) {
            val_set_key(a, out, p->key, trust(a, p->value));
        }
    } else if (v.kind == VAL_LIST) {
        out = val_list(a, val_len(v));
        for (size_t i = 0; i < val_len(v); i++) {
            val_push(a, out, trust(a, val_at_index(v, i)));
        }
    }
    return v.kind == VAL_STR ? val_flag(v, VAL_TRUSTED) : out;
}

/// The options of a case; `strict` is short for StrictUndefined.
static bool options(struct arena *a, struct val env, struct jinja_opts *o, struct err *e) {
    *o = jinja_opts_plain;
    if (val_has(env, "strict")) {
        env = val_copy(a, env);
        o->undefined = val_truth(val_get(env, "strict")) ? UNDEF_STRICT : UNDEF_DEFAULT;
        val_del_key(env, val_z(a, "strict"));
    }
    return jinja_case_options(a, env, o, e);
}

/// Runs one case; *text is the result as the oracle writes it.
static bool run_case(struct arena *a, struct jinja_cache *cache, struct val c, struct str *text, struct err *e) {
    struct str mode = val_text(val_get(c, "mode"));
    struct val t = trust(a, val_get(c, "template")), out = VNULL, loaded = val_get(c, "templates");
    struct jinja_opts plain;
    bool ansible = !str_eqz(mode, "render") && !str_eqz(mode, "expr");
    struct map templates = {0};
    if (!options(a, val_get(c, "env"), &plain, e)) {
        return false;
    }
    struct jinja_ctx ctx = {.a = a, .cache = cache, .opts = ansible ? &jinja_opts_ansible : &plain};
    ctx.scope = (struct jinja_scope){.get = get_var, .names = var_names};
    ctx.templates = &templates;
    size_t i = 0;
    for (struct vpair *p = loaded.kind == VAL_DICT ? val_each(loaded, &i) : NULL; p; p = val_each(loaded, &i)) {
        struct str *s = ARENA_NEW(a, struct str);
        *s = val_text(p->value);
        map_put(&templates, a, val_text(p->key), s);
    }
    case_vars = val_get(c, "vars");
    case_vars = case_vars.kind == VAL_DICT ? trust(a, case_vars) : val_dict(a, 0);
    if (ansible) {
        case_vars = val_mark_templates(case_vars);
    }
    if (str_eqz(mode, "render")) {
        return jinja_render(&ctx, val_text(t), NO_MARK, &plain, text, e);
    }
    if (str_eqz(mode, "file")) {
        return jinja_render(&ctx, val_text(t), NO_MARK, &jinja_opts_file, text, e);
    }
    bool ok, yes = false;
    if (str_eqz(mode, "expr")) {
        ok = jinja_expr(&ctx, val_text(t), NO_MARK, false, &out, e);
        if (ok && out.kind == VAL_UNDEF) {
            return err_set(e, ERR_UNDEFINED, NO_MARK, "the expression is undefined");
        }
    } else if (str_eqz(mode, "cond")) {
        ok = jinja_truth(&ctx, t, &yes, e);
        out = val_bool(yes);
    } else {
        ok = jinja_string(&ctx, val_mark_templates(t), &out, e);
    }
    struct buf b = BUF_IN(a);
    if (ok) {
        val_to_repr(&b, out);
    }
    *text = buf_view(&b);
    return ok;
}

/// Does our failure belong to the class of Python's?
static bool same_class(struct str python, enum err_code code) {
    if (str_eqz(python, "TemplateSyntaxError")) {
        return code == ERR_SYNTAX || code == ERR_LIMIT;
    }
    if (str_eqz(python, "UndefinedError") || str_eqz(python, "AnsibleUndefinedVariable")) {
        return code == ERR_UNDEFINED;
    }
    return code != ERR_NONE;
}

static bool check_case(struct jinja_cache *cache, struct val c) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str got = STR_NONE, want = val_text(val_get(c, "out")), id = val_text(val_get(c, "id"));
    struct val accept = val_get(c, "accept"), error = val_get(c, "error");
    bool ok = run_case(&a, cache, c, &got, &e), good;
    if (accept.kind == VAL_STR) {
        good = ok ? str_eq(got, val_text(accept)) : str_eqz(val_text(accept), "error");
    } else if (error.kind == VAL_LIST) {
        good = !ok && same_class(val_text(val_at_index(error, 0)), e.code);
    } else {
        good = ok && str_eq(got, want);
    }
    if (!good) {
        struct str why = ok ? got : err_text(&e);
        struct str msg = error.kind == VAL_LIST ? val_str_of(&a, error) : want;
        struct str t = val_text(val_get(c, "template"));
        print_error("%.*s: %.*s\n  want %s[%.*s]\n  got  %s%d[%.*s]\n", STR(id), STR(t),
                    error.kind == VAL_LIST ? "error " : "", STR(msg), ok ? "" : "error ", (int)e.code, STR(why));
    }
    arena_release(&a);
    return good;
}

static size_t run_file(struct jinja_cache *cache, const char *path, size_t *bad) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str text, line;
    size_t n = 0;
    CHECK(fd_read_file(path, (size_t)64 << 20, &a, &text, &e));
    while (str_next(&text, '\n', &line)) {
        struct val c;
        if (!line.n) {
            continue;
        }
        CHECK(json_parse(&a, line, &c, &e));
        *bad += !check_case(cache, c);
        n++;
    }
    arena_release(&a);
    return n;
}

TEST(jinja_cases) {
    glob_t files;
    size_t n = 0, bad = 0;
    struct jinja_cache *cache = jinja_cache_new();
    CHECK(glob(TEST_DATA "/cases/jinja/*.json", 0, NULL, &files) == 0);  // NOLINT(concurrency-mt-unsafe)
    for (size_t i = 0; i < files.gl_pathc; i++) {
        n += run_file(cache, files.gl_pathv[i], &bad);
    }
    globfree(&files);
    jinja_cache_free(cache);
    print_message("%zu cases, %zu differ\n", n, bad);
    CHECK(n >= 1900);
    CHECK(bad == 0);
}
