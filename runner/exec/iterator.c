// Where one host stands in the tree of blocks of a play. Behaviour as ansible-core's play iterator; the representation
// is a stack of open blocks, so that an include is a push and a failure is a walk down the stack.
#include "iterator.h"

static void push(struct arena *a, struct frames *f, struct frame x) {
    VEC_PUSH(a, *f, x);
}

/// Makes `to` the same as `from`, which it is already up to `same`.
static void copy(struct arena *a, struct frames *to, const struct frames *from, size_t same) {
    to->n = same;
    for (size_t i = same; i < from->n; i++) {
        push(a, to, from->p[i]);
    }
}

/// The frame on top of `f` may be changed or closed now.
static void unshare_top(struct iter *it, const struct frames *f) {
    if (it->shared >= f->n) {
        it->shared = f->n ? f->n - 1 : 0;
    }
}

void iter_init(struct iter *it, struct arena *a, const struct pblock *root, uint32_t host) {
    *it = (struct iter){.a = a, .host = host};
    push(a, &it->cur, (struct frame){.block = root});
}

void iter_copy(struct iter *it, const struct iter *from, struct arena *a) {
    *it = (struct iter){.a = a, .host = from->host, .state = from->state};
    copy(a, &it->cur, &from->cur, 0);
}

/// The frame on top failed. Unwinds to the first part that takes over; false when there is none.
static bool unwind(struct iter *it, struct frames *f) {
    while (f->n) {
        unshare_top(it, f);
        struct frame *t = &f->p[f->n - 1];
        const struct pblock *b = t->block;
        if (b && t->sec == SEC_BODY && b->sec[SEC_RESCUE].n) {
            t->sec = SEC_RESCUE;
            t->pos = 0;
            t->failed = true;
            return true;
        }
        if (b && t->sec != SEC_ALWAYS && b->sec[SEC_ALWAYS].n) {
            t->sec = SEC_ALWAYS;
            t->pos = 0;
            t->failed = true;
            return true;
        }
        f->n--;
    }
    return false;
}

/// The next notified handler at or after the frame's position.
static struct pstep *next_handler(const struct iter *it, struct frame *t) {
    while (t->pos < t->handlers->n) {
        struct pstep *s = t->handlers->p[t->pos++];
        if (s->notified && s->notified[it->host]) {
            return s;
        }
    }
    return NULL;
}

/// The frame's part has no more steps: the next part, or the frame is closed. False: a failure left the last frame.
static bool end_of_part(struct iter *it, struct frames *f) {
    struct frame *t = &f->p[f->n - 1];
    if (t->sec == SEC_RESCUE) {
        t->failed = false;
        t->rescued = true;
    }
    if (t->sec != SEC_ALWAYS) {
        t->sec = SEC_ALWAYS;
        t->pos = 0;
        return true;
    }
    bool failed = t->failed;
    f->n--;
    return !failed || unwind(it, f);
}

/// Moves `ahead` to the next task.
static struct pstep *advance(struct iter *it) {
    struct frames *f = &it->ahead;
    while (f->n) {
        unshare_top(it, f);
        struct frame *t = &f->p[f->n - 1];
        if (!t->block) {
            struct pstep *s = next_handler(it, t);
            if (s) {
                return s;
            }
            f->n--;
            continue;
        }
        const struct psteps *list = &t->block->sec[t->sec];
        if (t->pos < list->n) {
            struct pstep *s = list->p[t->pos++];
            if (!s->block) {
                return s;
            }
            push(it->a, f, (struct frame){.block = s->block});
            continue;
        }
        if (!end_of_part(it, f)) {
            it->ahead_state = ITER_FAILED;
            return NULL;
        }
    }
    it->ahead_state = ITER_DONE;
    return NULL;
}

struct pstep *iter_peek(struct iter *it) {
    if (it->state != ITER_RUNNING) {
        return NULL;
    }
    if (!it->peeked) {
        copy(it->a, &it->ahead, &it->cur, it->shared);
        it->shared = it->cur.n;
        it->ahead_state = ITER_RUNNING;
        it->next = advance(it);
        it->peeked = true;
        if (!it->next) {
            iter_take(it);
        }
    }
    return it->next;
}

void iter_take(struct iter *it) {
    struct frames old = it->cur;
    it->cur = it->ahead;
    it->ahead = old;
    it->state = it->ahead_state;
    it->peeked = false;
}

void iter_touch(struct iter *it) {
    it->peeked = false;
}

void iter_fail(struct iter *it) {
    it->peeked = false;
    if (it->state == ITER_RUNNING && !unwind(it, &it->cur)) {
        it->state = ITER_FAILED;
    }
}

void iter_include(struct iter *it, const struct pblock *b) {
    it->peeked = false;
    if (it->state == ITER_RUNNING) {
        push(it->a, &it->cur, (struct frame){.block = b});
    }
}

void iter_flush(struct iter *it, const struct psteps *list) {
    it->peeked = false;
    if (it->state == ITER_RUNNING) {
        push(it->a, &it->cur, (struct frame){.handlers = list});
    }
}

void iter_end(struct iter *it) {
    it->peeked = false;
    it->cur.n = 0;
    it->shared = 0;
    if (it->state == ITER_RUNNING) {
        it->state = ITER_DONE;
    }
}

bool iter_failed(const struct iter *it) {
    return it->state == ITER_FAILED;
}

void iter_clear(struct iter *it) {
    it->peeked = false;
    if (it->state == ITER_FAILED) {
        it->state = it->cur.n ? ITER_RUNNING : ITER_DONE;
    }
    it->shared = 0;
    for (size_t i = 0; i < it->cur.n; i++) {
        it->cur.p[i].failed = false;
    }
}

bool iter_would_rescue(const struct iter *it) {
    for (size_t i = 0; i < it->cur.n; i++) {
        const struct frame *f = &it->cur.p[i];
        if (f->block && f->sec == SEC_BODY && f->block->sec[SEC_RESCUE].n) {
            return true;
        }
    }
    return false;
}

/// A block that stands in another, or in what was included or imported.
static bool nested(const struct pblock *b) {
    const struct node *n = b->src ? b->src->n.parent : NULL;
    while (n && n->kind == NODE_ROLE) {
        n = n->parent;
    }
    return n && n->kind != NODE_PLAY;
}

bool iter_counts_rescued(const struct iter *it) {
    bool flushed = it->cur.n && !it->cur.p[it->cur.n - 1].block;
    for (size_t i = 0; flushed && i < it->cur.n; i++) {
        const struct frame *f = &it->cur.p[i];
        if (f->block && f->sec == SEC_BODY && f->block->sec[SEC_RESCUE].n && nested(f->block)) {
            return true;
        }
    }
    return !flushed && iter_would_rescue(it);
}

bool iter_in_handlers(struct iter *it, uint32_t *pos) {
    if (!iter_peek(it)) {
        return false;
    }
    for (size_t i = it->ahead.n; i-- > 0;) {
        const struct frame *f = &it->ahead.p[i];
        if (!f->block) {
            if (pos) {
                *pos = f->pos;
            }
            return true;
        }
    }
    return false;
}
