// callbacks_enabled = tree: the last result of each host in a file of its name. output.c writes it, as for --tree; this
// makes the name known.
#include "output.h"

static void on_event(struct output *o, const struct event *ev) {
    (void)o;
    (void)ev;
}

CALLBACK(tree) = {
    .doc = "The last result of each host in a file of its name.",
    .event = on_event,
    .beside = true,
};
