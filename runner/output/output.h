// What every callback uses: masked printing, banners, results as text. Private to output/.
#pragma once
#include "callback.h"
#include "map.h"
#include "mask.h"
#include "typo.h"

enum { BESIDE_MAX = 8 };

struct output {
    struct arena arena;    // lives as long as the output
    struct arena scratch;  // reset after each event
    struct output_opts opts;
    const struct callback *cb;
    struct {
        const struct callback *cb;
        void *state;
    } beside[BESIDE_MAX];  // those that callbacks_enabled names
    size_t nbeside;
    void *own;                       // what the callback of the screen keeps
    const char *codes[COLOR_COUNT];  // what starts each colour; "" without colours
    void **state;                    // of the callback that is told of an event now
    struct mask *mask;
    FILE *log;                     // of log_path; NULL: none
    struct map warned;             // warnings already shown
    const struct task *last_task;  // whose banner was printed last
    struct map banners;            // task -> its banner, for tasks announced with their first result
    bool lazy;                     // the play's tasks are announced that way
    const struct task *placed;     // the failed task whose place was shown last
};

/// What a callback that runs beside keeps from event to event: `n` bytes, zero at first.
void *out_state(struct output *o, size_t n);
/// The default callback, for those that only write results in another way.
void default_event(struct output *o, const struct event *ev);
/// A result dict without what is internal or too much.
struct val out_shown(struct output *o, struct val result);
/// Prints a masked line (a newline is added) to standard output or, with `to_err`, to standard error.
void out_line(struct output *o, bool to_err, enum color color, struct str text);
void out_printf(struct output *o, enum color color, const char *fmt, ...) PRINTF_LIKE(3, 4);
/// A remark for verbosity `level`: printed, or only logged, or neither.
void out_remark(struct output *o, int level, struct str text);
/// "\nTEXT ****", filled to the width of the screen.
void out_banner(struct output *o, struct str text);
/// "[WARNING]: text", wrapped, once.
void out_warning(struct output *o, const char *kind, struct str text);
/// A result dict as Ansible prints it: internal keys dropped, secrets masked, keys sorted, one line unless `pretty`.
struct str out_result(struct output *o, struct val result, bool pretty);
/// The same over several lines, with `indent` blanks a level.
struct str out_result_indent(struct output *o, struct val result, int indent);
/// A value over several lines, as a side of a diff.
struct str out_structure(struct output *o, struct val v);
/// `v` with every VAL_SECRET string replaced by asterisks, in o->scratch.
struct val out_masked(struct output *o, struct val v);
/// The text of one or more diffs (a dict or a list of them).
struct str out_diff(struct output *o, struct val diffs);
void render_err_buf(struct buf *b, const struct err *e, bool color);
/// The place and its source line with a caret; nothing for NO_MARK.
void render_place_buf(struct buf *b, struct mark at, bool color);
/// Fills o->codes from the options.
void color_init(struct output *o);
/// A colour's start sequence; "" without colours.
const char *out_color(const struct output *o, enum color color);
