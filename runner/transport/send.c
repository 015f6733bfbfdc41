// What goes out to a peer: requests in their order, the contents they refer to before them or when the target asks.
#include "peer.h"

#include "fd.h"
#include "frame.h"

#define OUT_LOW     ((size_t)64 << 10)
#define UPLOAD_PART ((size_t)8 << 10)  // many hosts may be sent the executable at the same time
#define HOLD_BUSY   ((size_t)1)        // requests on their way with which a host has enough to do for a moment
#define HOLD_ROW    ((size_t)8)        // requests that then go out together
#define HOLD_MS     5

static void start_clock(struct peer *p, struct req *r) {
    r->sent_ms = clock_ms();
    if (r->timeout_ms > 0) {
        r->deadline_ms = r->sent_ms + r->timeout_ms + (r->raw ? 0 : 250);  // the remote stops it first
        shard_alarm(p->conn->shard, r->deadline_ms);
    }
}

static void sent(struct peer *p, struct req *r) {
    r->state = REQ_SENT;
    start_clock(p, r);
}

void peer_give(struct peer *p, struct req *r) {
    r->peer = p;
    r->state = REQ_QUEUED;
    r->send_next = NULL;
    p->pending++;
    if (p->raw) {
        sent(p, r);
        return;
    }
    if (p->sendq) {
        p->sendq_tail->send_next = r;
    } else {
        p->sendq = r;
    }
    p->sendq_tail = r;
    p->queued++;
}

static void unqueue(struct peer *p, struct req *r) {
    struct req *prev = NULL;
    for (struct req *q = p->sendq; q; prev = q, q = q->send_next) {
        if (q != r) {
            continue;
        }
        if (prev) {
            prev->send_next = q->send_next;
        } else {
            p->sendq = q->send_next;
        }
        if (p->sendq_tail == q) {
            p->sendq_tail = prev;
        }
        p->queued--;
        return;
    }
}

void peer_cancel(struct peer *p, struct req *r) {
    if (r->raw) {
        conn_fail_req(r, NULL);
        if (p->state != PEER_GONE) {
            peer_close(p, 0);
        }
    } else if (r->state == REQ_SENT) {
        frame_write(&p->out, FRAME_CANCEL, r->wire_id, STR_NONE);
        r->kill_ms = clock_ms() + CANCEL_GRACE_MS;
        shard_alarm(p->conn->shard, r->kill_ms);
    } else if (r->blob_at == 0) {
        unqueue(p, r);
        conn_fail_req(r, NULL);
    }  // else a blob is half sent: the rest of it must follow, see fill
}

void peer_ping(struct peer *p) {
    frame_write(&p->out, FRAME_PING, 0, STR_NONE);
}

static bool was_sent(const struct peer *p, const struct blob *b) {
    return map_get(&p->sent, (struct str){(const char *)b->sha, sizeof b->sha}) != NULL;
}

static void mark_sent(struct peer *p, const struct blob *b, void *how) {
    struct str key = str_dup(&p->arena, (struct str){(const char *)b->sha, sizeof b->sha});
    map_put(&p->sent, &p->arena, key, how);
}

// How content was sent: any two pointers.
static void *as_whole(struct peer *p) {
    return p;
}
static void *as_recipe(struct peer *p) {
    return &p->needs;
}

static bool packs(const struct peer *p) {
    return !p->conn->local;
}

/// One part of the request's next blob; false when there is none left.
static bool blob_part(struct peer *p, struct req *r) {
    if (r->lazy) {
        return false;
    }
    while (r->blob_i < r->nblobs && r->blob_at == 0 && (r->cancelled || was_sent(p, r->blobs[r->blob_i]))) {
        r->blob_i++;
    }
    if (r->blob_i >= r->nblobs) {
        return false;
    }
    struct blob *b = r->blobs[r->blob_i];
    size_t end = 0;
    blob_frame(&p->conn->hub->blobs, b, r->blob_at, packs(p), &p->out, &end);
    r->blob_at = end < b->size ? end : 0;
    if (!r->blob_at) {
        mark_sent(p, b, as_whole(p));
        r->blob_i++;
    }
    return true;
}

static void drop_need(struct peer *p, struct blobs *all) {
    struct need *n = p->needs;
    p->needs = n->next;
    p->need_at = 0;
    old_pieces_free(n->old);
    blob_drop(all, n->blob);
}

/// One part of what the target asked for.
static void need_part(struct peer *p) {
    struct blobs *all = &p->conn->hub->blobs;
    const struct need *n = p->needs;
    size_t end = 0;
    if (n->old) {
        recipe_frame(all, n->blob, n->old, p->need_at, packs(p), &p->out, &end);
    } else {
        blob_frame(all, n->blob, p->need_at, packs(p), &p->out, &end);
    }
    p->need_at = end;
    if (end == n->blob->size) {
        drop_need(p, all);
    }
    for (struct req *r = p->needs ? NULL : p->conn->reqs; r; r = r->next) {
        if (r->peer == p && r->lazy && r->state == REQ_SENT && !r->timed_out) {
            start_clock(p, r);  // the time for its contents is not the task's
        }
    }
}

static void put_frame(struct peer *p, enum frame_kind kind, uint32_t id, struct str body) {
    if (packs(p)) {
        (void)frame_pack(&p->out, kind, id, body);
    } else {
        frame_write(&p->out, kind, id, body);
    }
}

static void send_request(struct peer *p, struct req *r) {
    if (r->script && !was_sent(p, r->script)) {
        struct buf body = {0};
        buf_add(&body, r->module, strlen(r->module) + 1);
        buf_str(&body, r->script->data);
        put_frame(p, FRAME_SCRIPT, 0, buf_view(&body));
        buf_release(&body);
        mark_sent(p, r->script, as_whole(p));
    }
    put_frame(p, FRAME_REQUEST, r->wire_id, r->body);
    sent(p, r);
}

bool peer_holds(struct peer *p) {
    if (!p->sendq || p->sendq->blob_at || p->pending - p->queued < HOLD_BUSY || p->queued >= HOLD_ROW) {
        p->hold_ms = 0;
        return false;
    }
    int64_t now = clock_ms();
    if (!p->hold_ms) {
        p->hold_ms = now + HOLD_MS;
        shard_alarm(p->conn->shard, p->hold_ms);
    }
    if (now >= p->hold_ms) {
        p->hold_ms = 0;
    }
    return p->hold_ms != 0;
}

void peer_fill(struct peer *p) {
    if (p->password_due) {
        p->password_due = false;
        buf_str(&p->out, p->password);
        buf_char(&p->out, '\n');
    }
    if (p->upload.n && p->out.n < UPLOAD_PART) {
        size_t n = p->upload.n > UPLOAD_PART ? UPLOAD_PART : p->upload.n;
        buf_str(&p->out, str_sub(p->upload, 0, n));
        p->upload = str_sub(p->upload, n, p->upload.n);
    }
    // Not only when it has said hello: what is sent before waits in the pipe while the program starts.
    bool open = p->state == PEER_HELLO || p->state == PEER_READY;
    while (open && p->needs && !(p->sendq && p->sendq->blob_at) && p->out.n < OUT_LOW) {
        need_part(p);
    }
    bool held = open && peer_holds(p);
    while (open && !held && p->sendq && p->out.n < OUT_LOW) {
        struct req *r = p->sendq;
        if (p->needs && r->blob_at == 0) {
            break;
        }
        if (blob_part(p, r)) {
            continue;
        }
        unqueue(p, r);
        if (r->cancelled) {
            conn_fail_req(r, NULL);
        } else {
            send_request(p, r);
        }
    }
}

// -- what the target asks for -----------------------------------------------------------------------------------------
struct req *peer_find(const struct peer *p, uint32_t wire_id) {
    for (struct req *r = p->conn->reqs; r; r = r->next) {
        if (r->peer == p && r->wire_id == wire_id && r->state == REQ_SENT) {
            return r;
        }
    }
    return NULL;
}

static void add_need(struct peer *p, struct blob *b, struct old_pieces *old) {
    struct need *n = ARENA_NEW(&p->arena, struct need);
    n->blob = blob_again(&p->conn->hub->blobs, b);
    n->old = old;
    struct need **end = p->needs ? &p->needs_tail->next : &p->needs;
    *end = n;
    p->needs_tail = n;
    mark_sent(p, b, old ? as_recipe(p) : as_whole(p));
}

/// The request's content with this digest; the search begins at *at, where the last one was found. NULL: *e.
static struct blob *own_content(const struct req *r, const char *sha, size_t *at, struct err *e) {
    for (size_t tried = 0; r->lazy && tried < r->nblobs; tried++) {
        if (memcmp(r->blobs[*at]->sha, sha, 32) == 0) {
            return r->blobs[*at];
        }
        *at = *at + 1 < r->nblobs ? *at + 1 : 0;
    }
    (void)err_set(e, ERR_SYNTAX, NO_MARK, "it asks for content that is not its own");
    return NULL;
}

bool peer_need(struct peer *p, const struct frame *f, struct err *e) {
    struct req *r = peer_find(p, f->id);
    size_t at = 0;
    for (size_t i = 0; r && i + 32 <= f->body.n; i += 32) {
        struct blob *b = own_content(r, f->body.s + i, &at, e);
        if (!b) {
            return false;
        }
        struct str key = {(const char *)b->sha, sizeof b->sha};
        if (map_get(&p->sent, key) != as_whole(p)) {
            add_need(p, b, NULL);
        }
    }
    if (r && p->needs) {
        r->deadline_ms = 0;
    }
    return true;
}

bool peer_pieces(struct peer *p, const struct frame *f, struct err *e) {
    struct req *r = peer_find(p, f->id);
    size_t at = 0;
    if (!r) {
        return true;  // given up before
    }
    if (f->body.n < 32) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "expected the digests of pieces, found %zu bytes", f->body.n);
    }
    struct blob *b = own_content(r, f->body.s, &at, e);
    if (b && !was_sent(p, b)) {
        add_need(p, b, old_pieces_new(str_sub(f->body, 32, f->body.n)));
        r->deadline_ms = 0;
    }
    return b != NULL;
}

void peer_forget(struct peer *p, struct blobs *all) {
    while (p->needs) {
        drop_need(p, all);
    }
}
