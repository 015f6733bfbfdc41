// play vars explain: every place that defines a variable for a host, and which of them wins.
#include "cli.h"

#include "json.h"
#include "typo.h"

static struct str shown_value(struct session *x, struct val v) {
    struct buf b = BUF_IN(x->a);
    struct err e = {.arena = x->a};
    struct json_style style = {0};
    if (v.kind == VAL_STR) {
        return v.flags & VAL_SECRET ? STR_LIT("********") : val_text(v);
    }
    if (val_any_flag(v, VAL_SECRET)) {
        return STR_LIT("******** (holds secrets)");
    }
    return json_write(&b, v, &style, &e) ? buf_view(&b) : STR_LIT("(an object)");
}

/// One definition: the level's number and name, the place, the value as it is written there.
static void put_line(struct session *x, struct buf *out, struct val d, bool wins) {
    struct val file = val_get(d, "file");
    struct str place = file.kind == VAL_STR
                           ? str_printf(x->a, "%.*s:%lld", STR(val_text(file)), (long long)val_get(d, "line").u.i)
                           : STR_LIT("(no file)");
    buf_printf(out, "%s %2lld  %-26.*s %.*s\n", wins ? "=>" : "  ", (long long)val_get(d, "level").u.i,
               STR(val_text(val_get(d, "name"))), STR(place));
    struct str value = shown_value(x, val_get(d, "value"));
    struct str row;
    while (str_next(&value, '\n', &row)) {
        buf_printf(out, "       %.*s\n", STR(row));
    }
}

static bool explain(struct session *x, struct str host, struct str name, struct err *e) {
    struct host **found = NULL;
    size_t n = 0;
    struct scope sc = {.a = x->a, .inject_facts = true};
    if (!inv_match(x->inventory, host, NO_MARK, x->a, &found, &n, NULL, e)) {
        return false;
    }
    if (n != 1) {
        err_set(e, ERR_ARGS, NO_MARK, "'%.*s' names %zu hosts; 'vars explain' needs one", STR(host), n);
        return err_hint(e, "'play inventory --graph' shows the hosts");
    }
    if (!vars_files_layers(x->vars_files, found[0], &sc.base, &sc.nbase, e)) {
        return false;
    }
    scope_push(&sc, LEVEL_EXTRA, x->extra_vars);
    struct val all = scope_explain(&sc, name, x->a);
    struct buf out = BUF_IN(x->a);
    if (!val_len(all)) {
        struct typo t = {.got = name};
        struct val have = VNULL;
        size_t i = 0;
        if (!scope_all(&sc, x->a, &have, e)) {
            return false;
        }
        for (struct vpair *p; (p = val_each(have, &i));) {
            typo_offer(&t, val_text(p->key));
        }
        err_set(e, ERR_NOT_FOUND, NO_MARK, "nothing defines '%.*s' for the host '%.*s'", STR(name), STR(host));
        return t.best.n ? err_hint(e, "did you mean '%.*s'?", STR(t.best))
                        : err_hint(e, "plays, roles and tasks may define it; 'vars explain' sees the inventory, "
                                      "group_vars, host_vars and -e");
    }
    buf_printf(&out, "%.*s on %.*s (highest precedence first)\n", STR(name), STR(found[0]->name));
    for (size_t i = 0; i < val_len(all); i++) {
        put_line(x, &out, val_at_index(all, i), i == 0);
    }
    output_text(x->output, buf_view(&out));
    return true;
}

int tool_vars(struct settings *s) {
    struct err e = {.arena = s->a};
    struct session x = {0};
    struct words none = {0};
    int code = 0;
    if (s->positional.n != 3 || !str_eqz(s->positional.p[0], "explain")) {
        err_set(&e, ERR_ARGS, NO_MARK, "expected: play vars explain HOST VARIABLE [-i INVENTORY] [-e ...]");
        return cli_report(&e, 2);
    }
    s->quiet_inventory = true;
    if (!session_open(&x, s, &none, &e)) {
        code = cli_report_in(&x, &e, cli_error_code(&e));
    } else {
        vars_files_add_playbook(x.vars_files, config_path(s->a, s->playbook_dir, STR_NONE));
        if (!explain(&x, s->positional.p[1], s->positional.p[2], &e)) {
            code = cli_report_in(&x, &e, e.code == ERR_ARGS ? 2 : 1);
        }
    }
    session_close(&x);
    return code;
}
