// Playbook text: no input may crash or hang the reader; every node of what is accepted leads up to its play.
#include "mark.h"
#include "playbook.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct input {
    struct str text;
};

/// Every file of the run is the same text, so imports of existing names meet the depth limit.
static bool read_input(void *self, struct str path, struct arena *a, struct str *text, bool *secret, struct err *e) {
    const struct input *in = self;
    (void)path;
    (void)a;
    (void)e;
    *text = in->text;
    *secret = false;
    return true;
}

static bool template(void *self, struct val raw, struct val vars, struct arena *a, struct val *out, struct err *e) {
    (void)self;
    (void)vars;
    (void)a;
    (void)e;
    *out = raw;
    return true;
}

static void climb(struct arena *a, const struct node *n) {
    const struct node *top = n;
    for (size_t i = 0; top->parent; top = top->parent) {
        if (++i > 10000) {
            BUG("parents in a circle");
        }
    }
    if (top->kind != NODE_PLAY) {
        BUG("a node without a play");
    }
    (void)node_tags(n, a);
    (void)node_whens(n, a);
    (void)node_vars(n, a);
    (void)node_environments(n, a);
}

static void visit(struct arena *a, const struct steps *s) {
    for (size_t i = 0; i < s->n; i++) {
        if (s->p[i].kind == STEP_TASK) {
            climb(a, &s->p[i].u.task->n);
            continue;
        }
        const struct block *b = s->p[i].u.block;
        climb(a, &b->n);
        visit(a, &b->body);
        visit(a, &b->rescue);
        visit(a, &b->always);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    if (n > 8192) {
        return 0;
    }
    struct input in = {str_dup(&a, (struct str){(const char *)p, n})};
    struct pb_opts o = {.a = &a, .template_static = template, .read = read_input, .read_self = &in};
    const struct playbook *pb = pb_load(pb_loader_new(&o), "/dev/../etc/hostname", &e);
    if (!pb && e.code == ERR_NONE) {
        BUG("a failure without an error");
    }
    for (size_t i = 0; pb && i < pb->nplays; i++) {
        visit(&a, &pb->plays[i]->tasks);
        visit(&a, &pb->plays[i]->pre_tasks);
    }
    arena_release(&a);
    mark_reset();
    return 0;
}
