// `play template`: renders a template file, standard input or an expression with a host's variables, or a file of
// cases.
#include "cli.h"

#include "case.h"
#include "fd.h"
#include "json.h"

#include <unistd.h>

#define INPUT_CAP ((size_t)256 << 20)

// -- with a host's variables -----------------------------------------------------------------------------------------

/// The innermost message, and the innermost place that is known.
static const struct err *innermost(const struct err *e, struct place *p) {
    struct mark at = e->at;
    while (e->cause) {
        e = e->cause;
        at = e->at.at ? e->at : at;
    }
    *p = mark_place(at);
    return e;
}

static bool read_what(struct settings *s, struct render_what *w, struct err *e) {
    size_t most = s->template_expr.n ? 0 : 1;
    struct str file = s->positional.n > 0 ? s->positional.p[0] : STR_NONE;
    w->host = s->limit;
    if (s->positional.n > most) {
        return err_set(e, ERR_ARGS, NO_MARK, "unexpected word '%.*s': one template is rendered",
                       STR(s->positional.p[most]));
    }
    if (s->template_expr.n) {
        w->text = s->template_expr;
        w->name = STR_LIT("<expression>");
        w->is_expr = true;
        return true;
    }
    if (!file.n) {
        err_set(e, ERR_ARGS, NO_MARK, "no template given");
        return err_hint(e, "say: play template FILE (- is standard input) or play template --expr EXPRESSION");
    }
    if (!str_eqz(file, "-")) {
        w->path = file;
        return true;
    }
    w->name = STR_LIT("<standard input>");
    return fd_read_all(STDIN_FILENO, INPUT_CAP, s->a, &w->text, e);
}

static bool show(struct session *x, const struct render_what *w, const struct rendered *out, struct err *e) {
    struct arena *a = x->a;
    struct buf b = BUF_IN(a);
    struct json_style style = {0};
    struct val shown = out->value;
    if (shown.kind == VAL_STR && out->secret) {
        output_secret(x->output, val_text(shown));
    }
    if (x->s->template_json) {
        struct val d = val_dict(a, 3);
        val_set(a, d, "host", val_str(a, out->host));
        val_set(a, d, w->is_expr ? "value" : "out", shown);
        if (!json_write(&b, d, &style, e)) {
            return false;
        }
        buf_char(&b, '\n');
    } else {
        val_to_str(&b, shown);
        if (w->is_expr) {
            buf_char(&b, '\n');
        }
    }
    output_text(x->output, buf_view(&b));
    return true;
}

static void show_error(struct session *x, const struct err *e) {
    struct val d = val_dict(x->a, 4);
    struct buf b = BUF_IN(x->a);
    struct json_style style = {0};
    struct err ignored = {.arena = x->a};
    struct place p;
    val_set(x->a, d, "error", val_z(x->a, innermost(e, &p)->msg));
    if (p.file) {
        val_set(x->a, d, "file", val_z(x->a, p.file));
        val_set(x->a, d, "line", val_int(p.line));
        val_set(x->a, d, "col", val_int(p.col));
    }
    if (json_write(&b, d, &style, &ignored)) {
        buf_char(&b, '\n');
        output_text(x->output, buf_view(&b));
    }
}

static bool render(struct session *x, struct settings *s, struct err *e) {
    struct render_what w = {0};
    struct rendered out = {0};
    struct words none = {0};
    return read_what(s, &w, e) && session_open(x, s, &none, e) && run_render(&x->run, &w, s->a, &out, e) &&
           show(x, &w, &out, e);
}

// -- cases -----------------------------------------------------------------------------------------------------------

static void case_error(struct arena *a, struct val d, const struct err *e) {
    struct place p;
    val_set(a, d, "error", val_z(a, innermost(e, &p)->msg));
    val_set(a, d, "line", p.file ? val_int(p.line) : VNULL);
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/// Renders a case again and again for at least `seconds`, its template compiled once; then only compiles it.
static bool measure(struct jinja_case *k, int64_t seconds, struct arena *a, struct val d, struct err *e) {
    struct jinja_cache *cache = jinja_cache_new();
    struct str text = STR_NONE;
    bool ok = true;
    for (int part = 0; part < 2 && ok; part++) {
        int64_t n = 0;
        double spent = 0;
        for (double start = now_s(); ok && spent < (double)seconds; n++) {
            struct arena once = {0};
            struct err own = {.arena = &once};
            ok = part ? jinja_case_compile(&once, k, &own) : jinja_case_render(&once, cache, k, &text, &own);
            if (!ok) {
                err_set(e, own.code, own.at, "%s", own.msg);
            }
            arena_release(&once);
            spent = now_s() - start;
        }
        val_set(a, d, part ? "compiles" : "renders", val_int(n));
        val_set(a, d, part ? "compile_seconds" : "render_seconds", val_float(spent));
    }
    jinja_cache_free(cache);
    return ok;
}

static struct val run_case(struct arena *a, struct str line, int64_t bench) {
    struct err e = {.arena = a};
    struct val object = VNULL, d = val_dict(a, 4);
    struct jinja_case k = {0};
    struct str text = STR_NONE;
    bool ok = json_parse(a, line, &object, &e) && jinja_case_read(a, object, &k, &e);
    ok = ok && jinja_case_render(a, NULL, &k, &text, &e);
    val_set(a, d, "id", val_get(object, "id").kind == VAL_UNDEF ? VNULL : val_get(object, "id"));
    if (ok && bench) {
        ok = measure(&k, bench, a, d, &e);
    } else if (ok) {
        val_set(a, d, "out", val_str(a, text));
    }
    if (!ok) {
        case_error(a, d, &e);
    }
    return d;
}

static bool run_cases(struct settings *s, struct err *e) {
    const char *path = str_z(s->a, s->json_cases);
    struct str text = STR_NONE, line;
    struct json_style style = {.ascii = true};
    bool ok = str_eqz(s->json_cases, "-") ? fd_read_all(STDIN_FILENO, INPUT_CAP, s->a, &text, e)
                                          : fd_read_file(path, INPUT_CAP, s->a, &text, e);
    while (ok && str_next(&text, '\n', &line)) {
        if (!str_trim(line).n) {
            continue;
        }
        struct arena a = {0};
        struct err own = {.arena = &a};
        struct buf b = BUF_IN(&a);
        struct val d = run_case(&a, line, s->bench);
        ok = json_write(&b, d, &style, &own);
        if (ok) {
            buf_char(&b, '\n');
            fwrite(b.p, 1, b.n, stdout);
        } else {
            err_set(e, own.code, NO_MARK, "%s", own.msg);
        }
        arena_release(&a);
        mark_reset();  // each case is a program of its own
    }
    return ok;
}

int tool_template(struct settings *s) {
    struct err e = {.arena = s->a};
    struct session x = {0};
    int code = 0;
    s->quiet_inventory = true;
    if (s->json_cases.n) {
        return run_cases(s, &e) ? 0 : cli_report(&e, cli_error_code(&e));
    }
    if (!render(&x, s, &e)) {
        code = cli_error_code(&e);
        if (s->template_json && x.output) {
            show_error(&x, &e);
        } else {
            cli_report_in(&x, &e, code);
        }
    }
    session_close(&x);
    return code;
}
