// The minimal callback: one paragraph a host, as `ansible` prints ad-hoc results.
#include "output.h"

static void command_result(struct output *o, const struct event *ev, const char *word, enum color c) {
    long long rc = val_get(ev->result, "rc").kind == VAL_INT ? (long long)val_get(ev->result, "rc").u.i : -1;
    struct str out = val_text(out_masked(o, val_get(ev->result, "stdout")));
    struct str err = val_text(out_masked(o, val_get(ev->result, "stderr")));
    struct str msg = val_text(out_masked(o, val_get(ev->result, "msg")));
    out_printf(o, c, "%.*s | %s | rc=%lld >>\n%.*s%.*s%.*s", STR(ev->host), word, rc, STR(out), STR(err), STR(msg));
}

static void show_warnings(struct output *o, const struct event *ev) {
    struct val list = o->opts.keep_warnings ? VNULL : val_get(ev->result, "warnings");
    for (size_t i = 0; val_is_seq(list) && i < val_len(list); i++) {
        out_warning(o, "WARNING", val_text(val_at_index(list, i)));
    }
}

/// Before the result, as Ansible's strategies tell it.
static void show_diff(struct output *o, const struct event *ev) {
    struct str diff = ev->diff_on ? out_diff(o, val_get(ev->result, "diff")) : STR_NONE;
    if (diff.n > 0) {
        out_line(o, false, COLOR_NONE, str_ends(diff, "\n") ? str_sub(diff, 0, diff.n - 1) : diff);
    }
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
    show_warnings(o, ev);
    show_diff(o, ev);
    if (ev->status == ST_SKIPPED) {
        out_printf(o, COLOR_SKIP, "%.*s | SKIPPED", STR(ev->host));
    } else if (command && ev->status != ST_UNREACHABLE && !val_has(ev->result, "ansible_job_id") &&
               !val_has(ev->result, "module_stderr")) {
        command_result(o, ev, ev->status == ST_FAILED ? "FAILED" : words[ev->status], colors[ev->status]);
    } else {
        struct val shown = val_copy(&o->scratch, ev->result);
        if (!o->opts.keep_warnings) {
            (void)val_del_key(shown, val_z(&o->scratch, "warnings"));
        }
        if (strcmp(action, "debug") == 0 && ev->status != ST_FAILED) {
            (void)val_del_key(shown, val_z(&o->scratch, "changed"));
        }
        out_printf(o, colors[ev->status], "%.*s | %s => %.*s", STR(ev->host), words[ev->status],
                   STR(out_result(o, shown, true)));
    }
}

static void on_event(struct output *o, const struct event *ev) {
    switch (ev->kind) {
    case EV_RESULT:
        result(o, ev);
        return;
    case EV_NO_HOSTS_MATCHED:
        out_warning(o, "WARNING", STR_LIT("No hosts matched, nothing to do"));
        return;
    case EV_WARNING:
        out_warning(o, "WARNING", ev->name);
        return;
    case EV_DEPRECATED:
        out_warning(o, "DEPRECATION WARNING", ev->name);
        return;
    case EV_ERROR: {
        struct buf b = BUF_IN(&o->scratch);
        render_err_buf(&b, ev->err, o->opts.color);
        out_line(o, true, COLOR_NONE, str_rtrim(buf_view(&b)));
        return;
    }
    case EV_VERBOSE:
        default_event(o, ev);
        return;
    case EV_RUN_START:
    case EV_NO_HOSTS_LEFT:
    case EV_PLAY_START:
    case EV_TASK_START:
    case EV_ITEM_RESULT:
    case EV_RETRY:
    case EV_INCLUDED:
    case EV_NOTIFY:
    case EV_LOG:
    case EV_ASYNC:
    case EV_BANNER:
    case EV_STATS:
        return;
    }
}

CALLBACK(minimal) = {
    .doc = "One paragraph a host, as `ansible` prints it.",
    .event = on_event,
};
