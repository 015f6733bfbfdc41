// Renders a template with a host's variables, outside of any play and without a connection.
#include "exec.h"

/// The one host that is meant.
static bool find_host(struct run *r, struct str pattern, struct hrun **out, struct err *e) {
    struct hosts all = {0};
    if (!pattern.n || str_eqz(pattern, "localhost")) {
        *out = run_host_named(r, STR_LIT("localhost"));
        return true;
    }
    if (!run_match(r, pattern, NO_MARK, &r->a, &all, e)) {
        return false;
    }
    if (all.n == 1) {
        *out = all.p[0];
        return true;
    }
    if (!all.n) {
        err_set(e, ERR_NOT_FOUND, NO_MARK, "'%.*s' matches no host of the inventory", STR(pattern));
        return err_hint(e, "give an inventory with -i and one of its hosts with -l");
    }
    err_set(e, ERR_ARGS, NO_MARK, "'%.*s' matches %zu hosts, expected one", STR(pattern), all.n);
    return err_hint(e, "choose one with -l, for example -l %.*s", STR(all.p[0]->host->name));
}

static bool render_text(struct view *v, const struct render_what *w, struct rendered *out, struct err *e) {
    struct mark at = mark_source(str_z(v->a, w->name), w->text, 0);
    if (w->is_expr) {
        return jinja_expr(&v->jc, w->text, at, false, &out->value, e);
    }
    struct jinja_opts o = jinja_opts_file;
    struct str text;
    bool ok = jinja_render(&v->jc, w->text, at, &o, &text, e);
    out->value = ok ? val_str(v->a, text) : VNULL;
    return ok;
}

static bool render(struct view *v, const struct render_what *w, struct rendered *out, struct err *e) {
    struct val plain = val_dict(v->a, 0);
    struct str text = STR_NONE;
    bool secret = false;
    if (!w->path.n) {
        bool ok = render_text(v, w, out, e);
        out->secret = ok && v->jc.state.secret;
        return ok;
    }
    if (!v->ctl.render(v, w->path, plain, VNULL, v->a, &text, &secret, e)) {
        return false;
    }
    out->value = val_str(v->a, text);
    out->secret = secret || v->jc.state.secret;
    return true;
}

bool run_render(const struct run_opts *o, const struct render_what *w, struct arena *a, struct rendered *out,
                struct err *e) {
    struct run r;
    struct run_opts own = *o;
    struct view v;
    struct hrun *h = NULL;
    own.limit = STR_NONE;  // it is w->host
    run_init(&r, &own);
    r.basedir = STR_LIT(".");
    struct play *p = ARENA_NEW(&r.a, struct play);
    struct play_run *pr = ARENA_NEW(&r.a, struct play_run);
    p->n.kind = NODE_PLAY;
    bool ok = find_host(&r, w->host, &h, e);
    if (ok) {
        *pr = (struct play_run){.r = &r, .play = p, .all_names = val_list(&r.a, 1)};
        hosts_push(&r.a, &pr->all, h);
        hosts_push(&r.a, &pr->batch, h);
        val_push(&r.a, pr->all_names, val_str(&r.a, h->host->name));
        ok = view_init(&v, pr, h, NULL, a, e) && render(&v, w, out, e);
        arena_release(&pr->a);
    }
    if (ok) {
        out->host = str_dup(a, h->host->name);
        out->value = val_promote(a, out->value);
    }
    run_release(&r);
    return ok;
}
