// What happened, told to whoever prints or records it. exec/ calls these; only output/ prints.
#pragma once
#include "inventory.h"
#include "playbook.h"
#include "val.h"

struct output;
enum task_status { ST_OK, ST_CHANGED, ST_FAILED, ST_SKIPPED, ST_UNREACHABLE };
enum event_kind {
    EV_RUN_START,  // cfg known
    EV_NO_HOSTS_MATCHED,
    EV_NO_HOSTS_LEFT,
    EV_PLAY_START,   // play, name
    EV_TASK_START,   // task, name (templated), handler flag, path
    EV_RESULT,       // host, task, status, result
    EV_ITEM_RESULT,  // one loop item
    EV_RETRY,        // until: retries left
    EV_ASYNC,        // a task in the background: `level` 0 still runs, 1 ended well, 2 failed; result
    EV_INCLUDED,     // name, hosts; no name: a role of which nothing is said
    EV_NOTIFY,
    EV_WARNING,
    EV_DEPRECATED,
    EV_ERROR,    // err: message outside of a task
    EV_LOG,      // host, name: a line of live output
    EV_VERBOSE,  // name: a remark shown from verbosity `level` on
    EV_BANNER,   // name: a line of its own
    EV_STATS,    // recap
};
struct host_stats {
    struct str host;
    unsigned ok, changed, unreachable, failed, skipped, rescued, ignored;
};
struct event {
    enum event_kind kind;
    struct str name;  // play or task name, handler name, warning text, include file
    const struct play *play;
    const struct task *task;
    struct str host, delegated_to;  // inventory names; delegated_to empty when none
    bool handler, check, no_log, ignore_errors, diff_on, loop;
    bool free;  // EV_PLAY_START: hosts go at their own pace, so that a task is announced with its first result
    int level;  // EV_VERBOSE
    enum task_status status;
    struct val result;      // dict; secrets carry VAL_SECRET
    struct val item_label;  // EV_ITEM_RESULT
    int64_t retries_left;
    const struct err *err;
    const struct host_stats *stats;
    size_t nstats;
    struct val hosts;  // EV_INCLUDED: list of names
};
/// What is printed in a colour of its own.
enum color {
    COLOR_NONE,
    COLOR_OK,
    COLOR_CHANGED,
    COLOR_ERROR,
    COLOR_SKIP,
    COLOR_WARN,
    COLOR_UNREACHABLE,
    COLOR_VERBOSE,
    COLOR_DEBUG,
    COLOR_INCLUDED,
    COLOR_DEPRECATE,
    COLOR_DIFF_ADD,
    COLOR_DIFF_REMOVE,
    COLOR_DIFF_LINES,
    COLOR_COUNT
};
/// The code of a colour's name ("bright red": "1;31"), in `a` or static; NULL: there is no such colour.
const char *color_code(struct arena *a, struct str name);
/// Settings of the callback junit.
struct junit_opts {
    const char *dir, *relative_to, *out_of_tree, *prefix;  // the last three may be NULL
    bool task_class, fail_on_change, fail_on_ignore, no_setup, hide_arguments;
};
struct output_opts {
    int verbosity;
    bool color;
    const char *colors[COLOR_COUNT];  // codes as color_code gives them; NULL: Ansible's own
    int diff_context;                 // lines around a difference
    bool keep_warnings;               // warnings of modules stay in their results and are not printed
    bool verbose_stderr;              // what -v adds goes to standard error
    bool show_skipped, show_ok, show_custom_stats, check_markers;
    bool failed_stderr;                                     // failures go to standard error
    bool host_start;                                        // a line when a task starts on a host
    bool failure_path;                                      // the task's place with each failure
    bool args;                                              // the task's arguments in its banner
    enum { PRETTY_DEFAULT, PRETTY_ON, PRETTY_OFF } pretty;  // results over several lines
    bool places;                                            // where failed tasks stand, on standard error
    bool yaml;                                              // results as YAML
    int columns;
    int json_indent;  // of the callback json; 0: one line
    struct junit_opts junit;
    const char *name;           // callback's name: "default"
    const struct str *enabled;  // names of callbacks that run beside it
    size_t nenabled;
    const char *tree;   // directory that gets the last result of each host as a file; NULL: none
    const char *log;    // file that gets what is printed, too; NULL: none
    int log_verbosity;  // it gets remarks up to this level, even when the screen does not
    FILE *out, *err;
};
struct callback {
    const char *doc;
    void (*event)(struct output *o, const struct event *ev);
    /// With default_event: how a result is written. NULL: as settings say.
    struct str (*dump)(struct output *o, struct val result);
    bool beside;  // runs beside the one that writes the screen, when callbacks_enabled names it
};
#define CALLBACK(n)                                                                                                    \
    extern const struct callback callback_##n;                                                                         \
    const struct callback callback_##n
struct callback_entry {
    const char *name;
    const struct callback *it;
};
extern const struct callback_entry callback_table[];
extern const size_t callback_count;

struct output;
struct output *output_new(const struct output_opts *o, struct err *e);
void output_free(struct output *o);
void output_event(struct output *o, const struct event *ev);
/// Texts that are masked in everything printed from now on, in each usual encoding (plain, base64, url, JSON- and
/// shell-escaped). Short ones (< 4 bytes) and ordinary words are masked only as whole values, see docs/secrets.md.
/// Copied to locked memory.
void output_secret(struct output *o, struct str text);
/// The same for what a template made of a secret: only what is long or odd enough not to be an ordinary word.
void output_made(struct output *o, struct str text);
/// A name that is no secret wherever it stands whole: plain files show it.
void output_public(struct output *o, struct str name);
/// True when facts that a play gathers may be shown or written somewhere.
bool output_shows_facts(const struct output *o);
/// Prints text as it is, masked: listings.
void output_text(struct output *o, struct str text);
/// Prints an error as message, place, source line with caret, causes, hint. Also used before a run exists.
void render_err(FILE *f, const struct err *e, bool color);
