// The lookup template: a template file rendered with the variables of the call and some of its own.
#include "ast.h"
#include "datetime.h"
#include "filters/path.h"
#include "filters/text.h"
#include "lookups/common.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

/// A scope in front of another: its names win.
struct overlay {
    struct val vars;
    struct jinja_scope below;
};

static bool overlay_get(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    struct overlay *o = self;
    *out = val_get_str(o->vars, name);
    if (!is_undef(*out)) {
        return true;
    }
    return !o->below.get || o->below.get(o->below.self, name, a, out, e);
}

static void overlay_names(void *self, void (*offer)(void *, struct str), void *to) {
    struct overlay *o = self;
    size_t i = 0;
    const struct vpair *p;
    while ((p = val_each(o->vars, &i)) != NULL) {
        offer(to, val_text(p->key));
    }
    if (o->below.names) {
        o->below.names(o->below.self, offer, to);
    }
}

static struct val date_of_time(struct arena *a, const struct timespec *t) {
    struct tm tm = {0};
    localtime_r(&t->tv_sec, &tm);
    struct vdate d = {.year = tm.tm_year + 1900,
                      .month = tm.tm_mon + 1,
                      .day = tm.tm_mday,
                      .has_time = true,
                      .hour = tm.tm_hour,
                      .minute = tm.tm_min,
                      .second = tm.tm_sec,
                      .micro = (int)(t->tv_nsec / 1000)};
    return date_val(a, &d);
}

/// The variables Ansible gives every template: template_host, template_path, ansible_managed ...
static void template_vars(struct jcall *c, struct val vars, struct str term, struct str path) {
    char host[256] = "";
    struct stat st = {0};
    struct timespec now = {0};
    struct passwd pw, *who = NULL;
    char *room = arena_alloc(c->a, 1 << 14);
    gethostname(host, sizeof host - 1);
    stat(str_z(c->a, path), &st);
    clock_gettime(CLOCK_REALTIME, &now);
    getpwuid_r(st.st_uid, &pw, room, 1 << 14, &who);
    val_set(c->a, vars, "template_host", val_z(c->a, host));
    val_set(c->a, vars, "template_path", val_str(c->a, term));
    val_set(c->a, vars, "template_fullpath", val_str(c->a, path));
    val_set(c->a, vars, "template_mtime", date_of_time(c->a, &st.st_mtim));
    val_set(c->a, vars, "template_uid", who ? val_z(c->a, who->pw_name) : val_printf(c->a, "%u", (unsigned)st.st_uid));
    val_set(c->a, vars, "template_run_date", date_of_time(c->a, &now));
    val_set(c->a, vars, "template_destpath", VNULL);
    struct val managed = val_z(c->a, "Ansible managed");
    const struct jinja_host *h = c->ctx->host;
    const struct setting_query q = {.name = STR_LIT("DEFAULT_MANAGED_STR")};
    struct val set;
    if (h && h->setting && h->setting(h->self, &q, c->a, &set) && set.kind == VAL_STR) {
        managed = set;
    }
    val_set(c->a, vars, "ansible_managed", managed);
}

static bool delimiters(struct jcall *c, struct jinja_opts *o, struct err *e) {
    static const char *const opts[] = {"variable_start_string", "variable_end_string", "comment_start_string",
                                       "comment_end_string"};
    const char **to[] = {&o->var_start, &o->var_end, &o->comment_start, &o->comment_end};
    for (size_t i = 0; i < COUNTOF(opts); i++) {
        struct str s;
        if (!lk_str(c, opts[i], str_from(*to[i]), &s, e)) {
            return false;
        }
        if (!s.n) {
            return plug_err(c, e, ERR_ARGS, "'%s' must not be empty", opts[i]);
        }
        *to[i] = str_z(c->a, s);
    }
    return true;
}

static bool one_term(struct jcall *c, struct str term, const struct jinja_opts *o, bool convert, bool native,
                     struct val *out, struct err *e) {
    struct str path, text, result;
    bool secret;
    if (!lk_find(c, "templates", term, &path, e) || !lk_read(c, path, &text, &secret, e)) {
        return false;
    }
    struct val vars = val_dict(c->a, 16), extra = lk_opt(c, "template_vars");
    template_vars(c, vars, term, path);
    if (!is_undef(extra) && extra.kind != VAL_NULL) {
        if (extra.kind != VAL_DICT) {
            return bad_arg(c, e, "template_vars", "a dictionary", extra);
        }
        vars = val_merge(c->a, vars, extra, false, MERGE_REPLACE);
    }
    struct overlay *ov = ARENA_NEW(c->a, struct overlay);
    *ov = (struct overlay){vars, c->ctx->scope};
    struct jinja_ctx *ctx = ARENA_NEW(c->a, struct jinja_ctx);
    *ctx = *c->ctx;
    ctx->scope = (struct jinja_scope){.self = ov, .get = overlay_get, .names = overlay_names};
    ctx->resolved = (struct map){0};
    ctx->native = native;
    ctx->beside = path_dir(path);
    struct source_file f = {.path = path, .text = text, .secret = secret};  // registered once for all hosts
    if (!cache_file(ctx, &f, o, e) || !jinja_render(ctx, text, f.base, o, &result, e)) {
        return err_wrap(e, c->at, "in lookup '%s' of '%.*s'", c->name, STR(term));
    }
    unsigned flags = secret || ctx->state.secret ? VAL_SECRET : 0U;
    if (native) {
        if (!convert || !literal_native(c->a, result, out)) {
            *out = val_str(c->a, result);
        }
        *out = val_reflag(c->a, *out, 0, flags | (convert ? 0U : VAL_SAFE_JSON));
        return true;
    }
    bool looks =
        str_starts(result, "{") || str_starts(result, "[") || str_eqz(result, "True") || str_eqz(result, "False");
    if (convert && looks && literal_eval(c->a, result, out)) {
        *out = val_reflag(c->a, *out, 0, flags);
        if (!c->ctx->native) {
            return true;
        }
        result = val_str_of(c->a, *out);
    }
    *out = val_flag(val_str(c->a, result), flags | (convert && !c->ctx->native ? 0U : VAL_SAFE_JSON));
    return true;
}

static bool l_template(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {
        "convert_data",  "variable_start_string", "variable_end_string", "jinja2_native",
        "template_vars", "comment_start_string",  "comment_end_string",  NULL};
    struct jinja_opts o = jinja_opts_file;
    bool convert = true, native = false;
    lk_known(c, names);
    if (!lk_bool(c, "convert_data", true, &convert, e) || !lk_bool(c, "jinja2_native", false, &native, e) ||
        !delimiters(c, &o, e)) {
        return false;
    }
    *out = val_list(c->a, lk_terms(c));
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct str term;
        struct val v = VNULL;
        if (!lk_term_str(c, i, &term, e) || !one_term(c, term, &o, convert, native && c->ctx->native, &v, e)) {
            return false;
        }
        val_push(c->a, *out, v);
    }
    return true;
}
LOOKUP(template) = {
    .doc = "Rendered template files.",
    .fn = l_template,
    .example = "lookup('template', '/dev/null') == ''",
    .options = "convert_data=True, template_vars={}, variable_start_string='{{', variable_end_string='}}', "
               "comment_start_string='{#', comment_end_string='#}', jinja2_native=False"};
