// The oneline callback: one line a host, as `ansible -o` prints ad-hoc results.
#include "output.h"

static struct str one_line(struct output *o, struct val v) {
    struct str text = val_text(out_masked(o, v));
    text = str_replace(&o->scratch, text, STR_LIT("\n"), STR_LIT("\\n"));
    return str_replace(&o->scratch, text, STR_LIT("\r"), STR_LIT("\\r"));
}

/// A result without line ends; those that are always shown in full keep their indentation.
static struct str packed(struct output *o, const struct event *ev, bool indent) {
    struct str text = out_result(o, ev->result, true);
    struct buf b = BUF_IN(&o->scratch);
    for (size_t i = 0; i < text.n; i++) {
        if (text.s[i] != '\n') {
            buf_char(&b, text.s[i]);
            continue;
        }
        while (!indent && i + 1 < text.n && text.s[i + 1] == ' ') {
            i++;
        }
    }
    return buf_view(&b);
}

static void command_result(struct output *o, const struct event *ev, const char *word, enum color c) {
    long long rc = val_get(ev->result, "rc").kind == VAL_INT ? (long long)val_get(ev->result, "rc").u.i : -1;
    struct str err = one_line(o, val_get(ev->result, "stderr"));
    out_printf(o, c, "%.*s | %s | rc=%lld | (stdout) %.*s%s%.*s", STR(ev->host), word, rc,
               STR(one_line(o, val_get(ev->result, "stdout"))), err.n ? " (stderr) " : "", STR(err));
}

static void result(struct output *o, const struct event *ev) {
    static const char *const words[] = {"SUCCESS", "CHANGED", "FAILED!", "SKIPPED", "UNREACHABLE!"};
    static const enum color colors[] = {COLOR_OK, COLOR_CHANGED, COLOR_ERROR, COLOR_SKIP, COLOR_UNREACHABLE};
    static const char *const no_json[] = {"command", "shell", "raw", "script"};
    const char *action = ev->task && ev->task->action ? ev->task->action : "";
    bool command = false;
    for (size_t i = 0; i < COUNTOF(no_json); i++) {
        command = command || strcmp(action, no_json[i]) == 0;
    }
    bool good = ev->status == ST_OK || ev->status == ST_CHANGED;
    if (ev->status == ST_SKIPPED) {
        out_printf(o, COLOR_SKIP, "%.*s | SKIPPED", STR(ev->host));
    } else if (ev->status == ST_UNREACHABLE) {
        out_printf(o, COLOR_UNREACHABLE, "%.*s | UNREACHABLE!: %.*s", STR(ev->host),
                   STR(val_text(out_masked(o, val_get(ev->result, "msg")))));
    } else if (command && good && !val_has(ev->result, "ansible_job_id")) {
        command_result(o, ev, words[ev->status], colors[ev->status]);
    } else {
        out_printf(o, colors[ev->status], "%.*s | %s => %.*s", STR(ev->host), words[ev->status],
                   STR(packed(o, ev, strcmp(action, "debug") == 0 || o->opts.verbosity > 2)));
    }
}

static void on_event(struct output *o, const struct event *ev) {
    if (ev->kind == EV_RESULT) {
        result(o, ev);
    } else if (ev->kind == EV_WARNING || ev->kind == EV_DEPRECATED) {
        out_warning(o, ev->kind == EV_WARNING ? "WARNING" : "DEPRECATION WARNING", ev->name);
    } else if (ev->kind == EV_VERBOSE) {
        default_event(o, ev);
    } else if (ev->kind == EV_ERROR) {
        struct buf b = BUF_IN(&o->scratch);
        render_err_buf(&b, ev->err, o->opts.color);
        out_line(o, true, COLOR_NONE, str_rtrim(buf_view(&b)));
    }
}

CALLBACK(oneline) = {
    .doc = "One line a host, as `ansible -o` prints it.",
    .event = on_event,
};
