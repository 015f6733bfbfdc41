// wait_for_connection: waits until the target can be reached and modules run there.
#include "fd.h"
#include "module.h"

static const struct arg args[] = {
    {"connect_timeout", ARG_INT, .def = "5", .doc = "Seconds one attempt to connect may take."},
    {"delay", ARG_INT, .def = "0", .doc = "Seconds to wait before the first attempt."},
    {"sleep", ARG_INT, .def = "1", .doc = "Seconds between attempts."},
    {"timeout", ARG_INT, .def = "600", .doc = "Seconds after which the module gives up."},
    {0},
};

struct waiting {
    int64_t start, deadline;
    bool delayed;
};

static void attempt(struct mod_call *c, struct mod_step *next, int64_t sleep_s, bool reconnect) {
    int64_t connect_ms = mod_int(c, "connect_timeout", 5) * 1000;
    *next = (struct mod_step){.module = "ping",
                              .args = val_dict(c->arena, 1),
                              .sleep_ms = sleep_s * 1000,
                              .reconnect = reconnect,
                              .connect_ms = connect_ms > 0 ? connect_ms : 1000,
                              .timeout_ms = connect_ms > 0 ? connect_ms * 4 : 4000};
}

static bool step(struct mod_call *c, struct mod_step *next, struct err *e) {
    struct waiting *w = c->state;
    if (!w) {
        w = c->state = ARENA_NEW(c->arena, struct waiting);
        w->start = clock_ms();
        if (c->check) {
            next->done = true;
            return mod_skip(c, "nothing is waited for in check mode");
        }
        w->deadline = w->start + (mod_int(c, "delay", 0) + mod_int(c, "timeout", 600)) * 1000;
        // What is connected now may be about to go away: only a new connection proves anything.
        attempt(c, next, mod_int(c, "delay", 0), true);
        return true;
    }
    mod_set(c, "elapsed", val_int((clock_ms() - w->start) / 1000));
    if (val_is(val_get(c->answer, "ping"), VAL_STR)) {
        next->done = true;
        return true;
    }
    int64_t sleep_s = mod_int(c, "sleep", 1);
    if (clock_ms() + sleep_s * 1000 > w->deadline) {
        return mod_fail(c, e, "timed out waiting for ping module test: %.*s", STR(val_text(val_get(c->answer, "msg"))));
    }
    attempt(c, next, sleep_s, true);
    return true;
}

MODULE(wait_for_connection) = {
    .doc = "Wait until the target can be reached and modules run there.",
    .spec = "ansible.builtin.wait_for_connection",
    .example = "- ansible.builtin.wait_for_connection:\n    delay: 1\n    timeout: 300",
    .returns = "elapsed: Seconds that were waited.",
    .args = args,
    .check = SUPPORT_NONE,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .step = step,
};
