// --list-tasks, --list-hosts, --list-tags: the plays as they would run, as text. No host is touched.
#include "exec.h"

struct listing {
    struct play_run *pr;
    struct buf out;
    struct val play_tags, all_tags;
    bool hosts, tasks, tags;
};

static int by_text(const void *x, const void *y) {
    return str_cmp(val_text(*(const struct val *)x), val_text(*(const struct val *)y));
}

static void add_tags(struct arena *a, struct val to, struct val more) {
    for (size_t i = 0; i < val_len(more); i++) {
        bool known = false;
        for (size_t k = 0; k < val_len(to); k++) {
            known = known || str_eq(val_text(val_at_index(to, k)), val_text(val_at_index(more, i)));
        }
        if (!known) {
            val_push(a, to, val_at_index(more, i));
        }
    }
}

static void put_tags(struct listing *l, struct val tags, const char *sep) {
    for (size_t i = 0; i < val_len(tags); i++) {
        buf_printf(&l->out, "%s%.*s", i ? sep : "", STR(val_text(val_at_index(tags, i))));
    }
}

static void put_sorted(struct listing *l, struct val tags) {
    if (val_len(tags)) {
        qsort(tags.u.l->items, tags.u.l->n, sizeof(struct val), by_text);
    }
    put_tags(l, tags, ", ");
}

static bool list_task(struct listing *l, struct pstep *s, struct err *e) {
    const struct task *t = s->task;
    struct arena *a = &l->pr->a;
    bool selected = true;
    struct val tags = {0};
    if (t->kind == TASK_META && t->implicit) {
        return true;
    }
    if (!plan_tags(l->pr, &t->n, a, &selected, &tags, e)) {
        return false;
    }
    add_tags(a, l->all_tags, tags);
    if (!l->tasks) {
        return true;
    }
    const struct role *role = t->n.role;
    struct str role_name = role ? (role->fqcn.n ? role->fqcn : role->name) : STR_NONE;
    if (t->n.name.n && role && t->kind != TASK_INCLUDE_ROLE) {
        buf_printf(&l->out, "      %.*s : %.*s", STR(role_name), STR(t->n.name));
    } else {
        buf_printf(&l->out, "      %.*s", STR(t->n.name.n ? t->n.name : t->action_name));
    }
    buf_z(&l->out, "\tTAGS: [");
    struct val all = val_copy(a, l->play_tags);
    add_tags(a, all, tags);
    put_sorted(l, all);
    buf_z(&l->out, "]\n");
    return true;
}

static bool list_block(struct listing *l, const struct pblock *b, struct err *e) {
    for (size_t i = 0; i < b->sec[SEC_BODY].n; i++) {
        struct pstep *s = b->sec[SEC_BODY].p[i];
        if (s->block ? !list_block(l, s->block, e) : s->task && !list_task(l, s, e)) {
            return false;
        }
    }
    return true;
}

static bool list_hosts(struct listing *l, struct str pattern, struct val list, struct err *e) {
    struct run_pattern p = {.text = pattern, .at = l->pr->play->hosts.mark};
    struct host **hosts = NULL;
    size_t n = 0;
    if (!val_is(list, VAL_NULL) && !run_match_only(l->pr->r, &p, &l->pr->a, &hosts, &n, e)) {
        return false;
    }
    buf_z(&l->out, "\n    pattern: ");
    val_to_repr(&l->out, list);
    buf_printf(&l->out, "\n    hosts (%zu):", n);
    size_t room = 0;
    for (size_t i = 0; i < n; i++) {
        room += hosts[i]->name.n + 7;
    }
    (void)buf_reserve(&l->out, room + 64);
    for (size_t i = 0; i < n; i++) {
        buf_z(&l->out, "\n      ");
        buf_str(&l->out, hosts[i]->name);
    }
    return true;
}

static bool list_play(struct run *r, struct play *p, size_t number, struct listing *l, struct err *e) {
    struct play_run pr;
    struct str pattern = STR_NONE;
    struct val hosts = {0};
    bool selected = true;
    if (!play_prompts(r, p, false, e)) {
        return false;
    }
    play_run_init(&pr, r, p);
    l->pr = &pr;
    l->all_tags = val_list(&pr.a, 4);
    bool ok = play_fields(r, p, e) && play_pattern(r, p, &pr.a, &pattern, e) && play_hosts(r, p, &pr.a, &hosts, e) &&
              plan_tags(&pr, &p->n, &pr.a, &selected, &l->play_tags, e);
    if (ok) {
        buf_printf(&l->out, "\n  play #%zu (%.*s): %.*s\tTAGS: [", number, STR(pattern), STR(pr.name));
        put_tags(l, l->play_tags, ",");
        buf_char(&l->out, ']');
        ok = !l->hosts || list_hosts(l, pattern, hosts, e);
        buf_char(&l->out, '\n');
    }
    if (ok && (l->tasks || l->tags)) {
        buf_z(&l->out, l->tasks ? "    tasks:\n" : "");
        ok = play_compile(&pr, false, e) && list_block(l, pr.root, e);
        if (ok && l->tags) {
            struct val all = val_copy(&pr.a, l->play_tags);
            add_tags(&pr.a, all, l->all_tags);
            buf_z(&l->out, "      TASK TAGS: [");
            put_sorted(l, all);
            buf_z(&l->out, "]\n");
        }
    }
    l->pr = NULL;
    arena_release(&pr.a);
    return ok;
}

int run_list(const struct run_opts *o, bool hosts, bool tasks, bool tags) {
    struct run r;
    struct listing l = {.hosts = hosts, .tasks = tasks, .tags = tags};
    run_init(&r, o);
    struct err e = {.arena = &r.a};
    if (!run_check_limit(&r, &e)) {
        run_error(&r, &e);
        run_release(&r);
        return RC_ERROR;
    }
    bool ok = true;
    l.out = BUF_IN(&r.a);
    for (size_t i = 0; i < o->nbooks && ok; i++) {
        struct playbook *b = o->books[i];
        buf_printf(&l.out, "\nplaybook: %.*s\n", STR(book_name(&r, b)));
        for (size_t k = 0; k < b->nplays && ok; k++) {
            r.basedir = run_dir_of(b->plays[k]->n.file);
            ok = check_play(&r, b->plays[k], &e) && list_play(&r, b->plays[k], k + 1, &l, &e);
        }
    }
    if (ok) {
        struct str text = buf_view(&l.out);
        output_text(o->output, text);
    } else {
        run_error(&r, &e);
    }
    run_release(&r);
    return ok ? 0 : 4;
}
