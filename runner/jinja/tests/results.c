// Tests on registered results: failed, changed, skipped, reachable, started, finished, timedout.
#include "filters/support.h"

static bool result_of(struct jcall *c, struct err *e) {
    return c->args[0].kind == VAL_DICT || bad_arg(c, e, "result", "a dictionary", c->args[0]);
}

static bool key_true(struct jcall *c, const char *key, bool want, bool *out, struct err *e) {
    if (!result_of(c, e)) {
        return false;
    }
    struct val v = val_get(c->args[0], key);
    *out = (!is_undef(v) && val_truth(v)) == want;
    return true;
}

static bool t_failed(struct jcall *c, bool *out, struct err *e) {
    return key_true(c, "failed", true, out, e);
}
JTEST(failed) = {.doc = "The task failed.",
                 .params = "result",
                 .fn = t_failed,
                 .aliases = "failure",
                 .example = "{'failed': true} is failed"};

static bool t_success(struct jcall *c, bool *out, struct err *e) {
    return key_true(c, "failed", false, out, e);
}
JTEST(success) = {.doc = "The task did not fail.",
                  .params = "result",
                  .fn = t_success,
                  .aliases = "succeeded|successful",
                  .example = "{'failed': false} is success"};

static bool t_unreachable(struct jcall *c, bool *out, struct err *e) {
    return key_true(c, "unreachable", true, out, e);
}
JTEST(unreachable) = {.doc = "The host could not be reached.",
                      .params = "result",
                      .fn = t_unreachable,
                      .example = "{'unreachable': true} is unreachable"};

static bool t_reachable(struct jcall *c, bool *out, struct err *e) {
    return key_true(c, "unreachable", false, out, e);
}
JTEST(reachable) = {
    .doc = "The host could be reached.", .params = "result", .fn = t_reachable, .example = "{} is reachable"};

static bool t_skipped(struct jcall *c, bool *out, struct err *e) {
    return key_true(c, "skipped", true, out, e);
}
JTEST(skipped) = {.doc = "The task was skipped.",
                  .params = "result",
                  .fn = t_skipped,
                  .aliases = "skip",
                  .example = "{'skipped': true} is skipped"};

static bool t_changed(struct jcall *c, bool *out, struct err *e) {
    if (!result_of(c, e)) {
        return false;
    }
    struct val v = val_get(c->args[0], "changed"), l = val_get(c->args[0], "results");
    if (!is_undef(v)) {
        *out = val_truth(v);
        return true;
    }
    *out = false;
    if (l.kind != VAL_LIST || !val_len(l) || val_at_index(l, 0).kind != VAL_DICT) {
        return true;
    }
    for (size_t i = 0; i < val_len(l); i++) {
        struct val item = val_get(val_at_index(l, i), "changed");
        *out = *out || (!is_undef(item) && val_truth(item));
    }
    return true;
}
JTEST(changed) = {.doc = "The task changed something.",
                  .params = "result",
                  .fn = t_changed,
                  .aliases = "change",
                  .example = "{'changed': true} is changed"};

static bool async_state(struct jcall *c, const char *key, bool *out, struct err *e) {
    if (!result_of(c, e)) {
        return false;
    }
    struct val v = val_get(c->args[0], key);
    if (is_undef(v)) {
        if (c->ctx->host && c->ctx->host->warn) {
            c->ctx->host->warn(c->ctx->host->self, c->at,
                               arena_printf(c->a, "'%s' is a test for async tasks, this one is not", key));
        }
        *out = true;
        return true;
    }
    *out = val_equal(v, val_int(1));
    return true;
}

static bool t_started(struct jcall *c, bool *out, struct err *e) {
    return async_state(c, "started", out, e);
}
JTEST(started) = {
    .doc = "The async task has started.", .params = "result", .fn = t_started, .example = "{'started': 1} is started"};

static bool t_finished(struct jcall *c, bool *out, struct err *e) {
    return async_state(c, "finished", out, e);
}
JTEST(finished) = {
    .doc = "The async task is done.", .params = "result", .fn = t_finished, .example = "{'finished': 1} is finished"};

static bool t_timedout(struct jcall *c, bool *out, struct err *e) {
    if (!result_of(c, e)) {
        return false;
    }
    struct val v = val_get(c->args[0], "timedout");
    struct val period = val_get(v, "period");
    *out = v.kind == VAL_DICT && !is_undef(period) && val_truth(period);
    return true;
}
JTEST(timedout) = {.doc = "The task ran into its timeout.",
                   .params = "result",
                   .fn = t_timedout,
                   .example = "{'timedout': {'period': 1}} is timedout"};
