// callbacks_enabled = timer: how long the playbooks took.
#include "output.h"

#include "fd.h"

static void on_event(struct output *o, const struct event *ev) {
    int64_t *start = out_state(o, sizeof *start);
    if (ev->kind == EV_RUN_START && !*start) {
        *start = clock_ms();
    } else if (ev->kind == EV_STATS) {
        int64_t s = (clock_ms() - *start) / 1000;
        out_printf(o, COLOR_NONE, "Playbook run took %lld days, %lld hours, %lld minutes, %lld seconds",
                   (long long)(s / 86400), (long long)(s / 3600 % 24), (long long)(s / 60 % 60), (long long)(s % 60));
    }
}

CALLBACK(timer) = {
    .doc = "How long the playbooks took.",
    .event = on_event,
    .beside = true,
};
