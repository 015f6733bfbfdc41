// stdout_callback = null (community.general.null): nothing is printed but errors and warnings.
#include "output.h"

static void on_event(struct output *o, const struct event *ev) {
    if (ev->kind == EV_WARNING || ev->kind == EV_DEPRECATED || ev->kind == EV_ERROR) {
        default_event(o, ev);
    }
}

CALLBACK(null) = {
    .doc = "Nothing is printed but errors and warnings.",
    .event = on_event,
};
