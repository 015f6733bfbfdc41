// A directory with a playbook for one test.
#include "fixture.h"

#include "fd.h"
#include "test.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_warn(void *self, struct mark at, const char *msg) {
    struct fix *f = self;
    buf_printf(&f->warned, "%u: %s\n", mark_place(at).line, msg);
}

/// "{{ name }}" anywhere in the text; a missing name is an error as in the real engine.
static bool template(void *self, struct val raw, struct val vars, struct arena *a, struct val *out, struct err *e) {
    (void)self;
    struct buf b = BUF_IN(a);
    struct str s = val_text(raw);
    for (size_t i = 0; i < s.n;) {
        size_t open = str_find(s, i, STR_LIT("{{"));
        size_t shut = open == SIZE_MAX ? SIZE_MAX : str_find(s, open, STR_LIT("}}"));
        if (shut == SIZE_MAX) {
            buf_str(&b, str_sub(s, i, s.n));
            break;
        }
        buf_str(&b, str_sub(s, i, open));
        struct str name = str_trim(str_sub(s, open + 2, shut));
        struct val v = val_get_str(vars, name);
        if (v.kind == VAL_UNDEF) {
            return err_set(e, ERR_UNDEFINED, raw.mark, "'%.*s' is undefined", STR(name));
        }
        buf_str(&b, val_str_of(a, v));
        i = shut + 2;
    }
    *out = val_str(a, buf_view(&b));
    return true;
}

void fix_open(struct fix *f) {
    *f = (struct fix){.e = {.arena = &f->a}};
    f->warned = BUF_IN(&f->a);
    snprintf(f->dir, sizeof f->dir, "/tmp/play-pb-XXXXXX");
    CHECK(mkdtemp(f->dir) != NULL);
    struct pb_opts o = {.a = &f->a, .template_static = template, .warn = on_warn, .warn_self = f};
    f->l = pb_loader_new(&o);
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void fix_close(struct fix *f) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
    nftw(f->dir, drop, 16, FTW_DEPTH | FTW_PHYS);
    arena_release(&f->a);
}

void fix_file(struct fix *f, const char *name, const char *text) {
    char *path = arena_printf(&f->a, "%s/%s", f->dir, name);
    for (char *p = path + strlen(f->dir) + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        mkdir(path, 0700);
        *p = '/';
    }
    if (!fd_replace_file(path, str_from(text), 0600, &f->e)) {
        fail_msg("%.*s", STR(err_text(&f->e)));
    }
}

struct playbook *fix_load(struct fix *f, const char *text) {
    fix_file(f, "site.yml", text);
    return pb_load(f->l, arena_printf(&f->a, "%s/site.yml", f->dir), &f->e);
}

// -- showing ---------------------------------------------------------------------------------------------------------
static void show_kw(struct buf *b, const struct node *n) {
    for (int k = KW_NONE + 1; k < KW_COUNT; k++) {
        bool list = k == KW_BLOCK || k == KW_RESCUE || k == KW_ALWAYS || k == KW_NAME || k == KW_LOOP_CONTROL ||
                    k == KW_COLLECTIONS ||
                    (n->kind == NODE_PLAY && k != KW_VARS && k != KW_TAGS && k != KW_WHEN && k != KW_BECOME &&
                     k != KW_REMOTE_USER);
        if (n->kw[k].kind == VAL_UNDEF || list || (n->kw[k].kind == VAL_DICT && !val_len(n->kw[k]))) {
            continue;
        }
        buf_printf(b, " %s=", keyword_docs[k].name);
        val_to_repr(b, n->kw[k]);
    }
}

static void line(struct buf *b, int depth, const struct node *n, const char *what) {
    buf_printf(b, "%*s%s", depth * 2, "", what);
    if (n->name.n) {
        buf_printf(b, " '%.*s'", STR(n->name));
    }
}

static void show_steps(struct buf *b, int depth, const char *what, const struct steps *s);

static void show_task(struct buf *b, int depth, const struct task *t) {
    static const char *const kinds[] = {"task", "include_tasks", "include_role", "meta", "unknown"};
    line(b, depth, &t->n, t->n.kind == NODE_HANDLER ? "handler" : kinds[t->kind]);
    buf_printf(b, " %s ", t->action);
    val_to_repr(b, t->args);
    if (t->loop.kind != VAL_UNDEF) {
        buf_printf(b, " loop(%.*s)=", STR(t->loop_with));
        val_to_repr(b, t->loop);
    }
    show_kw(b, &t->n);
    buf_char(b, '\n');
}

static void show_block(struct buf *b, int depth, const struct block *block) {
    line(b, depth, &block->n, block->implicit ? "(block)" : "block");
    if (block->n.role && block->n.parent == &block->n.role->n) {
        buf_printf(b, " role %.*s", STR(block->n.role->fqcn));
        show_kw(b, &block->n.role->n);
    }
    show_kw(b, &block->n);
    buf_char(b, '\n');
    show_steps(b, depth + 1, "", &block->body);
    show_steps(b, depth + 1, "rescue", &block->rescue);
    show_steps(b, depth + 1, "always", &block->always);
}

static void show_steps(struct buf *b, int depth, const char *what, const struct steps *s) {
    if (s->n && *what) {
        buf_printf(b, "%*s%s:\n", depth * 2 - 2, "", what);
    }
    for (size_t i = 0; i < s->n; i++) {
        if (s->p[i].kind == STEP_TASK) {
            show_task(b, depth, s->p[i].u.task);
        } else {
            show_block(b, depth, s->p[i].u.block);
        }
    }
}

static void show_role(struct fix *f, struct buf *b, struct play *p, struct role *r) {
    const struct block *block = pb_role_block(f->l, p, r, &f->e);
    if (!block) {
        fail_msg("%.*s", STR(err_text(&f->e)));
        return;
    }
    show_block(b, 2, block);
    for (size_t i = 0; i < r->nhandlers; i++) {
        show_task(b, 2, r->handlers[i]);
    }
}

struct str fix_dump(struct fix *f, const struct playbook *pb) {
    struct buf b = BUF_IN(&f->a);
    for (size_t i = 0; i < pb->nplays; i++) {
        struct play *p = pb->plays[i];
        line(&b, 0, &p->n, "play");
        buf_z(&b, " hosts=");
        val_to_repr(&b, p->hosts);
        show_kw(&b, &p->n);
        buf_char(&b, '\n');
        show_steps(&b, 2, "pre_tasks", &p->pre_tasks);
        if (p->nroles) {
            buf_z(&b, "  roles:\n");
        }
        for (size_t k = 0; k < p->nroles; k++) {
            show_role(f, &b, p, p->roles[k]);
        }
        show_steps(&b, 2, "", &p->tasks);
        show_steps(&b, 2, "post_tasks", &p->post_tasks);
        for (size_t k = 0; k < p->nhandlers; k++) {
            show_task(&b, 1, p->handlers[k]);
        }
    }
    return buf_view(&b);
}

struct str fix_dump_block(struct fix *f, const struct block *b) {
    struct buf out = BUF_IN(&f->a);
    show_block(&out, 0, b);
    return buf_view(&out);
}

void fix_expect(struct fix *f, const char *text, const char *tree) {
    struct playbook *pb = fix_load(f, text);
    if (!pb) {
        fail_msg("%.*s (%s)", STR(err_text(&f->e)), f->e.hint ? f->e.hint : "");
        return;
    }
    CHECK_STR(fix_dump(f, pb), tree);
}

static const struct err *innermost(const struct err *e) {
    while (e->cause) {
        e = e->cause;
    }
    return e;
}

/// The hint nearest to the cause.
static const char *hint_of(const struct err *e) {
    const char *hint = NULL;
    for (; e; e = e->cause) {
        hint = e->hint ? e->hint : hint;
    }
    return hint;
}

void fix_refuse(struct fix *f, const char *text, const char *message, const char *place, const char *hint) {
    struct playbook *pb = fix_load(f, text);
    if (pb) {
        fail_msg("accepted, expected: %s", message);
        return;
    }
    const struct err *e = innermost(&f->e);
    assert_string_equal(e->msg, message);
    struct place p = mark_place(e->at);
    const char *file = p.file ? p.file : "";
    if (strncmp(file, f->dir, strlen(f->dir)) == 0) {
        file += strlen(f->dir) + 1;
    }
    char *got = strcmp(file, "site.yml") == 0 ? arena_printf(&f->a, "%u:%u", p.line, p.col)
                                              : arena_printf(&f->a, "%s:%u:%u", file, p.line, p.col);
    assert_string_equal(got, place);
    if (hint) {
        assert_string_equal(hint_of(&f->e) ? hint_of(&f->e) : "", hint);
    }
}

struct task *fix_task(const struct steps *s, const char *name) {
    for (size_t i = 0; i < s->n; i++) {
        struct task *t = NULL;
        if (s->p[i].kind == STEP_BLOCK) {
            const struct block *b = s->p[i].u.block;
            t = fix_task(&b->body, name);
            t = t ? t : fix_task(&b->rescue, name);
            t = t ? t : fix_task(&b->always, name);
        } else if (str_eqz(s->p[i].u.task->n.name, name)) {
            t = s->p[i].u.task;
        }
        if (t) {
            return t;
        }
    }
    return NULL;
}
