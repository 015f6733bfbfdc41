// Where one host stands in the tree of blocks of a play. A stack of frames and four verbs; knows nothing of running.
#pragma once
#include "playbook.h"

enum section { SEC_BODY, SEC_RESCUE, SEC_ALWAYS, SEC_COUNT };

struct pblock;
/// One step of a compiled play: a task, a block, or the end of a role. Instances are unique: a role used twice has two.
struct pstep {
    struct task *task;      // NULL for a block and for the end of a role
    struct pblock *block;   // NULL for a task
    struct role *role_end;  // set: every step of this role has been passed
    size_t at;              // place in the order of all steps of the play (or of all handlers)
    bool handler;           // stands in the list of handlers, or was included by one
    uint8_t *notified;      // handlers of the list: one flag for each host of the batch
    struct layer *layers;   // variables that do not depend on the host, made on first use (view.c)
    size_t nlayers;
    size_t group;      // handlers: which list they came from; a later list goes before an earlier one
    struct str title;  // handlers: templated name, made when first looked for
};
struct psteps {
    struct pstep **p;
    size_t n, cap;
};
/// A block with the steps that the tags select.
struct pblock {
    const struct block *src;  // NULL for blocks made here
    struct psteps sec[SEC_COUNT];
};

enum iter_state { ITER_RUNNING, ITER_DONE, ITER_FAILED };
/// One open block. The failing rules are Ansible's: body -> rescue -> always -> out.
struct frame {
    const struct pblock *block;     // NULL: the frame walks the notified handlers
    const struct psteps *handlers;  // set when block is NULL
    uint32_t pos;
    uint8_t sec;   // enum section
    bool failed;   // body failed and was not rescued, or rescue failed
    bool rescued;  // rescue ran to its end
};
struct frames {
    struct frame *p;
    size_t n, cap;
};
struct iter {
    struct arena *a;
    uint32_t host;  // index in the `notified` arrays
    enum iter_state state;
    struct frames cur;    // where the host is: everything up to here has been handed out
    struct frames ahead;  // where it will be when `next` is taken; valid when peeked
    struct pstep *next;
    enum iter_state ahead_state;
    bool peeked;
    size_t shared;  // so many frames at the bottom of `cur` and `ahead` are the same, so that a peek copies the rest
};

/// Starts at the top of `root`. Memory from `a`, which outlives the iterator.
void iter_init(struct iter *it, struct arena *a, const struct pblock *root, uint32_t host);
/// A copy to look further ahead with: taking its steps changes nothing for the host. Memory from `a`.
void iter_copy(struct iter *it, const struct iter *from, struct arena *a);
/// The next task of this host, or NULL when it has none. Changes nothing that can be seen: iter_take does.
struct pstep *iter_peek(struct iter *it);
/// Moves to what iter_peek returned.
void iter_take(struct iter *it);
/// The task last taken failed: on to the rescue or always part of the nearest block that has one, else ITER_FAILED.
void iter_fail(struct iter *it);
/// Puts a block in front of what follows: its steps come next (include_tasks, include_role).
void iter_include(struct iter *it, const struct pblock *b);
/// Runs the notified handlers of `list` next (flush_handlers).
void iter_flush(struct iter *it, const struct psteps *list);
/// The list of notified handlers changed: forget what was peeked.
void iter_touch(struct iter *it);
/// Leaves everything: end_host, end_batch, end_play.
void iter_end(struct iter *it);
/// True when the host has failed and nothing rescued it.
bool iter_failed(const struct iter *it);
/// Forgets failures (meta: clear_host_errors).
void iter_clear(struct iter *it);
/// True when an open block would catch a failure now.
bool iter_would_rescue(const struct iter *it);
/// True when a failure now counts as rescued. As in Ansible one of a handler that was flushed inside of a block of the
/// play or of its roles does not, although its rescue part runs; inside of a block in a block it does.
bool iter_counts_rescued(const struct iter *it);
/// True while the host walks handlers, or will with its next task; *pos (may be NULL) is the place in the list.
bool iter_in_handlers(struct iter *it, uint32_t *pos);
