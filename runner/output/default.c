// The default callback: what ansible-playbook prints, line for line.
// Source: recorded output of ansible-core 2.14 (tests/golden).
#include "output.h"

static const char *const status_word[] = {
    [ST_OK] = "ok",
    [ST_CHANGED] = "changed",
    [ST_FAILED] = "failed",
    [ST_SKIPPED] = "skipping",
    [ST_UNREACHABLE] = "fatal",
};
static const enum color status_color[] = {
    [ST_OK] = COLOR_OK,        [ST_CHANGED] = COLOR_CHANGED,         [ST_FAILED] = COLOR_ERROR,
    [ST_SKIPPED] = COLOR_SKIP, [ST_UNREACHABLE] = COLOR_UNREACHABLE,
};

static struct str host_label(struct output *o, const struct event *ev) {
    if (ev->delegated_to.n == 0) {
        return ev->host;
    }
    return str_printf(&o->scratch, "%.*s -> %.*s", STR(ev->host), STR(ev->delegated_to));
}

/// What was said of a task that has not shown itself yet.
struct banner {
    const struct task *task;
    struct str text;
};

static void print_banner(struct output *o, const struct task *task, struct str text) {
    out_banner(o, text);
    if (o->opts.verbosity >= 2 && task) {
        struct place p = mark_place(task->n.at);
        if (p.file) {
            out_printf(o, COLOR_DEBUG, "task path: %s:%u", p.file, p.line);
        }
    }
    o->last_task = task;
}

static struct str task_key(const struct task *const *t) {
    return (struct str){(const char *)(const void *)t, sizeof *t};
}

/// Shows the banner at once, or keeps it until the task has a result that is shown.
static void task_banner(struct output *o, const struct event *ev) {
    const char *kind = ev->handler ? "RUNNING HANDLER" : "TASK";
    const char *check = ev->check && o->opts.check_markers ? " [CHECK MODE]" : "";
    struct str text = str_printf(&o->scratch, "%s [%.*s]%s", kind, STR(str_trim(ev->name)), check);
    if (!o->lazy && o->opts.show_skipped && o->opts.show_ok) {
        print_banner(o, ev->task, text);
        return;
    }
    struct banner *b = map_get(&o->banners, task_key(&ev->task));
    if (!b) {
        b = ARENA_NEW(&o->arena, struct banner);
        b->task = ev->task;
        map_put(&o->banners, &o->arena, task_key(&b->task), b);
    }
    if (!b->text.n || (!o->lazy && !str_eq(b->text, text))) {  // at their own pace the first host names the task
        b->text = str_dup(&o->arena, text);
    }
}

/// Before anything of a task is shown: its banner, when another task's was the last.
static void announce(struct output *o, const struct event *ev) {
    if (o->last_task == ev->task) {
        return;
    }
    const struct banner *b = map_get(&o->banners, task_key(&ev->task));
    if (b) {
        print_banner(o, ev->task, b->text);
    }
}

static void play_start(struct output *o, const struct event *ev) {
    struct str name = str_trim(ev->name);
    const char *check = ev->check && o->opts.check_markers ? " [CHECK MODE]" : "";
    o->lazy = ev->free;
    out_banner(o, name.n ? str_printf(&o->scratch, "PLAY [%.*s]%s", STR(name), check)
                         : str_printf(&o->scratch, "PLAY%s", check));
}

static bool is_debug(const struct event *ev) {
    return ev->task && ev->task->action && strcmp(ev->task->action, "debug") == 0;
}

// debug shows its message or variable and nothing else.
static struct val clean(struct output *o, const struct event *ev) {
    static const char *const hide[] = {"changed", "failed", "skipped", "invocation", "skip_reason"};
    struct val r = ev->result;
    if (!is_debug(ev) || r.kind != VAL_DICT) {
        return r;
    }
    struct val out = val_dict(&o->scratch, 4);
    bool alone = val_has(r, "msg");
    size_t i = 0;
    for (struct vpair *p; (p = val_each(r, &i));) {
        struct str k = val_text(p->key);
        bool keep = str_eqz(k, "msg") || str_starts(k, "_");
        if (!alone) {
            keep = true;
            for (size_t h = 0; h < COUNTOF(hide); h++) {
                keep = keep && !str_eqz(k, hide[h]);
            }
        }
        if (keep) {
            val_set_key(&o->scratch, out, p->key, p->value);
        }
    }
    return out;
}

static bool flag_set(struct val r, const char *key) {
    return val_truth(val_get(r, key));
}

static bool verbose(const struct output *o, const struct event *ev) {
    return (o->opts.verbosity > 0 || flag_set(ev->result, "_ansible_verbose_always")) &&
           !flag_set(ev->result, "_ansible_verbose_override");
}

static struct str dump(struct output *o, const struct event *ev) {
    bool pretty = flag_set(ev->result, "_ansible_verbose_always") || o->opts.verbosity > 2;
    if (o->cb->dump) {
        return o->cb->dump(o, clean(o, ev));
    }
    return out_result(o, clean(o, ev), pretty);
}

static void warnings(struct output *o, const struct event *ev) {
    struct val w = o->opts.keep_warnings ? VNULL : val_get(ev->result, "warnings");
    for (size_t i = 0; val_is_seq(w) && i < w.u.l->n; i++) {
        out_warning(o, "WARNING", val_str_of(&o->scratch, w.u.l->items[i]));
    }
}

static struct event without(struct output *o, const struct event *ev, const char *key) {
    struct event copy = *ev;
    if (val_has(ev->result, key)) {
        copy.result = val_copy(&o->scratch, ev->result);
        val_del_key(copy.result, val_z(&o->scratch, key));
    }
    return copy;
}

static void show_diff(struct output *o, const struct event *ev) {
    struct val d = val_get(ev->result, "diff");
    if (!ev->diff_on || ev->no_log || ev->status == ST_SKIPPED || d.kind == VAL_UNDEF ||
        !flag_set(ev->result, "changed")) {
        return;
    }
    struct str text = out_diff(o, d);
    if (text.n > 0) {
        text.n -= str_ends(text, "\n") ? 1 : 0;  // out_line ends the line
        out_line(o, false, COLOR_NONE, text);
    }
}

static bool has_items(const struct event *ev) {
    return ev->loop && val_has(ev->result, "results");
}

// Whether the error knows a place other than its task.
static bool has_own_place(const struct event *ev) {
    for (const struct err *e = ev->err; e; e = e->cause) {
        if (e->at.at && (!ev->task || (e->at.at != ev->task->n.at.at && e->at.at != ev->task->action_at.at))) {
            return true;
        }
    }
    return false;
}

// Where the mistake is, on standard error: the place of the error, or that of the task, once for all its hosts.
static void show_place(struct output *o, const struct event *ev) {
    struct buf b = BUF_IN(&o->scratch);
    if (!o->opts.places) {
        return;
    }
    if (has_own_place(ev)) {
        render_err_buf(&b, ev->err, o->opts.color);
    } else if (ev->task && !ev->no_log && !ev->ignore_errors && ev->status == ST_FAILED && o->placed != ev->task) {
        o->placed = ev->task;
        render_place_buf(&b, ev->task->action_at.at ? ev->task->action_at : ev->task->n.at, o->opts.color);
        if (ev->err && ev->err->hint) {
            buf_printf(&b, "  hint: %s\n", ev->err->hint);
        }
    }
    if (b.n) {
        out_line(o, true, COLOR_NONE, str_rtrim(buf_view(&b)));
    }
}

static void task_path(struct output *o, const struct event *ev) {
    struct place p = mark_place(ev->task ? ev->task->n.at : NO_MARK);
    if (o->opts.verbosity < 2 && o->opts.failure_path && p.file) {
        out_printf(o, COLOR_DEBUG, "task path: %s:%u", p.file, p.line);
    }
}

static void failed(struct output *o, const struct event *ev) {
    bool gone = ev->status == ST_UNREACHABLE;
    bool items = has_items(ev) && !(is_debug(ev) && val_has(ev->result, "msg"));  // debug keeps its message only
    if (gone || !items) {
        if (!gone) {
            task_path(o, ev);
        }
        struct str line = str_printf(&o->scratch, "fatal: [%.*s]: %s! => %.*s", STR(host_label(o, ev)),
                                     gone ? "UNREACHABLE" : "FAILED", STR(dump(o, ev)));
        out_line(o, o->opts.failed_stderr, gone ? COLOR_UNREACHABLE : COLOR_ERROR, line);
    }
    if (!has_items(ev)) {
        show_place(o, ev);
    }
    if (ev->ignore_errors) {
        out_printf(o, COLOR_SKIP, "...ignoring");
    }
}

static void result(struct output *o, const struct event *given) {
    warnings(o, given);
    struct event ev = o->opts.keep_warnings ? *given : without(o, given, "warnings");
    if ((ev.status == ST_SKIPPED && !o->opts.show_skipped) || (ev.status == ST_OK && !o->opts.show_ok)) {
        return;
    }
    announce(o, &ev);
    if (ev.status == ST_FAILED || ev.status == ST_UNREACHABLE) {
        failed(o, &ev);
        return;
    }
    if (!has_items(&ev)) {
        show_diff(o, &ev);  // that of an item is shown with the item
    } else {
        if (ev.status != ST_SKIPPED) {
            return;  // the items have been shown
        }
        ev = without(o, &ev, "results");
    }
    struct str host = ev.status == ST_SKIPPED ? ev.host : host_label(o, &ev);
    const char *word = status_word[ev.status];
    if (verbose(o, &ev)) {
        out_printf(o, status_color[ev.status], "%s: [%.*s] => %.*s", word, STR(host), STR(dump(o, &ev)));
    } else {
        out_printf(o, status_color[ev.status], "%s: [%.*s]", word, STR(host));
    }
}

static void item_result(struct output *o, const struct event *given) {
    warnings(o, given);
    struct event ev = o->opts.keep_warnings ? *given : without(o, given, "warnings");
    if ((ev.status == ST_SKIPPED && !o->opts.show_skipped) || (ev.status == ST_OK && !o->opts.show_ok)) {
        return;
    }
    announce(o, &ev);
    struct str label = val_str_of(&o->scratch, out_masked(o, ev.item_label));
    if (ev.status == ST_FAILED || ev.status == ST_UNREACHABLE) {
        struct str line = str_printf(&o->scratch, "failed: [%.*s] (item=%.*s) => %.*s", STR(host_label(o, &ev)),
                                     STR(label), STR(dump(o, &ev)));
        out_line(o, o->opts.failed_stderr, COLOR_ERROR, line);
        show_place(o, &ev);
        return;
    }
    show_diff(o, &ev);
    bool skipped = ev.status == ST_SKIPPED;
    struct str tail = skipped ? STR_LIT(" ") : STR_NONE;
    if (verbose(o, &ev)) {
        tail = str_printf(&o->scratch, "%s => %.*s", skipped ? " " : "", STR(dump(o, &ev)));
    }
    out_printf(o, status_color[ev.status], "%s: [%.*s] => (item=%.*s)%.*s", status_word[ev.status],
               STR(host_label(o, &ev)), STR(label), STR(tail));
}

static void retry(struct output *o, const struct event *ev) {
    struct str name = ev->name.n ? ev->name : str_from(ev->task->action);
    struct str tail = STR_NONE;
    if (o->opts.verbosity > 2 || flag_set(ev->result, "_ansible_verbose_always")) {
        tail = str_printf(&o->scratch, "Result was: %.*s", STR(out_result(o, ev->result, true)));
    }
    out_printf(o, COLOR_DEBUG, "FAILED - RETRYING: [%.*s]: %.*s (%lld retries left).%.*s", STR(host_label(o, ev)),
               STR(name), (long long)ev->retries_left, STR(tail));
}

/// What is said of a task in the background each time it was asked about, and at its end.
static void in_background(struct output *o, const struct event *ev) {
    struct val r = ev->result;
    struct val jid = val_get(r, "ansible_job_id");
    if (!val_is(jid, VAL_STR)) {
        jid = val_get(val_get(r, "async_result"), "ansible_job_id");
    }
    struct str id = val_str_of(&o->scratch, jid);
    if (ev->level == 0) {
        out_printf(o, COLOR_DEBUG, "ASYNC POLL on %.*s: jid=%.*s started=%.*s finished=%.*s", STR(ev->host), STR(id),
                   STR(val_str_of(&o->scratch, val_get(r, "started"))),
                   STR(val_str_of(&o->scratch, val_get(r, "finished"))));
        return;
    }
    out_printf(o, COLOR_DEBUG, "ASYNC %s on %.*s: jid=%.*s", ev->level == 1 ? "OK" : "FAILED", STR(ev->host), STR(id));
}

static void included(struct output *o, const struct event *ev) {
    announce(o, ev);
    if (!ev->name.n) {
        return;
    }
    struct buf hosts = BUF_IN(&o->scratch);
    for (size_t i = 0; val_is_seq(ev->hosts) && i < ev->hosts.u.l->n; i++) {
        buf_z(&hosts, i ? ", " : "");
        buf_str(&hosts, val_text(ev->hosts.u.l->items[i]));
    }
    struct str tail = STR_NONE;
    if (ev->item_label.kind != VAL_UNDEF) {
        tail = str_printf(&o->scratch, " => (item=%.*s)", STR(val_str_of(&o->scratch, out_masked(o, ev->item_label))));
    }
    out_printf(o, COLOR_INCLUDED, "included: %.*s for %.*s%.*s", STR(ev->name), STR(buf_view(&hosts)), STR(tail));
}

static int by_host(const void *x, const void *y) {
    const struct host_stats *a = x;
    const struct host_stats *b = y;
    return str_cmp(a->host, b->host);
}

static void count(struct output *o, struct buf *b, const char *name, unsigned n, enum color color) {
    struct str s = str_printf(&o->scratch, "%s=%-4u", name, n);
    if (o->opts.color && n > 0) {
        buf_printf(b, " %s%.*s\033[0m", out_color(o, color), STR(s));
    } else {
        buf_printf(b, " %.*s", STR(s));
    }
}

static int by_key(const void *x, const void *y) {
    return str_cmp(val_text(*(const struct val *)x), val_text(*(const struct val *)y));
}

/// A result without its line ends.
static struct str on_one_line(struct output *o, struct val v) {
    struct str text = out_result_indent(o, v, 1);
    struct buf b = BUF_IN(&o->scratch);
    for (size_t i = 0; i < text.n; i++) {
        if (text.s[i] != '\n') {
            buf_char(&b, text.s[i]);
        }
    }
    return buf_view(&b);
}

/// set_stats: a line for each host, and one for the whole run.
static void custom_stats(struct output *o, struct val all) {
    struct val keys = val_list(&o->scratch, val_len(all));
    struct val run = val_get(all, "_run");
    size_t i = 0;
    for (struct vpair *p; (p = val_each(all, &i));) {
        if (!str_eqz(val_text(p->key), "_run")) {
            val_push(&o->scratch, keys, p->key);
        }
    }
    if (val_len(keys)) {
        qsort(keys.u.l->items, keys.u.l->n, sizeof(struct val), by_key);
    }
    out_banner(o, STR_LIT("CUSTOM STATS: "));
    for (i = 0; i < val_len(keys); i++) {
        struct val key = val_at_index(keys, i);
        out_printf(o, COLOR_NONE, "\t%.*s: %.*s", STR(val_text(key)), STR(on_one_line(o, val_get_key(all, key))));
    }
    if (val_is(run, VAL_DICT)) {
        out_printf(o, COLOR_NONE, "\n\tRUN: %.*s", STR(on_one_line(o, run)));
    }
    out_line(o, false, COLOR_NONE, STR_LIT(""));
}

static void stats(struct output *o, const struct event *ev) {
    out_banner(o, STR_LIT("PLAY RECAP"));
    struct host_stats *all = ARENA_ARRAY(&o->scratch, struct host_stats, ev->nstats + 1);
    memcpy(all, ev->stats, ev->nstats * sizeof *all);
    qsort(all, ev->nstats, sizeof *all, by_host);
    for (size_t i = 0; i < ev->nstats; i++) {
        const struct host_stats *s = &all[i];
        struct buf b = BUF_IN(&o->scratch);
        enum color c = s->failed || s->unreachable ? COLOR_ERROR : (s->changed ? COLOR_CHANGED : COLOR_OK);
        struct str host =
            str_printf(&o->scratch, "%s%.*s%s", out_color(o, c), STR(s->host), o->opts.color ? "\033[0m" : "");
        buf_printf(&b, "%-*.*s :", o->opts.color ? 37 : 26, STR(host));
        count(o, &b, "ok", s->ok, COLOR_OK);
        count(o, &b, "changed", s->changed, COLOR_CHANGED);
        count(o, &b, "unreachable", s->unreachable, COLOR_UNREACHABLE);
        count(o, &b, "failed", s->failed, COLOR_ERROR);
        count(o, &b, "skipped", s->skipped, COLOR_SKIP);
        count(o, &b, "rescued", s->rescued, COLOR_OK);
        count(o, &b, "ignored", s->ignored, COLOR_WARN);
        out_line(o, false, COLOR_NONE, buf_view(&b));
    }
    out_line(o, false, COLOR_NONE, STR_LIT(""));
    if (o->opts.show_custom_stats && val_len(ev->result)) {
        custom_stats(o, ev->result);
    }
    if (ev->check && o->opts.check_markers) {
        out_banner(o, STR_LIT("DRY RUN"));
    }
}

static void run_start(struct output *o, const struct event *ev) {
    if (o->opts.verbosity > 1) {
        size_t slash = ev->name.n;
        while (slash && ev->name.s[slash - 1] != '/') {
            slash--;
        }
        out_banner(o, str_printf(&o->scratch, "PLAYBOOK: %.*s", STR(str_sub(ev->name, slash, ev->name.n))));
    }
    if (ev->check && o->opts.check_markers) {
        out_banner(o, STR_LIT("DRY RUN"));
    }
}

static void on_error(struct output *o, const struct event *ev) {
    struct buf b = BUF_IN(&o->scratch);
    render_err_buf(&b, ev->err, o->opts.color);
    out_line(o, true, COLOR_NONE, str_rtrim(buf_view(&b)));
}

/// A line that a target's program printed: what would command the terminal, or is no UTF-8, is shown as \xNN.
static void live_log(struct output *o, const struct event *ev) {
    struct buf b = BUF_IN(&o->scratch);
    struct str line = ev->name;
    if (line.n && line.s[line.n - 1] == '\r') {
        line.n--;
    }
    for (size_t i = 0; i < line.n;) {
        size_t from = i;
        uint32_t cp = utf8_next(line, &i);
        bool control = (cp < ' ' && cp != '\t') || (cp >= 0x7f && cp < 0xa0);
        bool broken = cp > 0x7f && !utf8_valid(str_sub(line, from, i));
        for (size_t k = from; (control || broken) && k < i; k++) {
            buf_printf(&b, "\\x%02x", (unsigned char)line.s[k]);
        }
        if (!control && !broken) {
            buf_str(&b, str_sub(line, from, i));
        }
    }
    out_printf(o, COLOR_VERBOSE, "%.*s | %.*s", STR(ev->host), STR(buf_view(&b)));
}

void default_event(struct output *o, const struct event *ev) {
    switch (ev->kind) {
    case EV_RUN_START:
        run_start(o, ev);
        return;
    case EV_NOTIFY:
        if (ev->kind == EV_NOTIFY && o->opts.verbosity > 1) {
            out_printf(o, COLOR_VERBOSE, "NOTIFIED HANDLER %.*s for %.*s", STR(ev->name), STR(ev->host));
        }
        return;
    case EV_NO_HOSTS_MATCHED:
        out_printf(o, COLOR_SKIP, "skipping: no hosts matched");
        return;
    case EV_NO_HOSTS_LEFT:
        out_banner(o, STR_LIT("NO MORE HOSTS LEFT"));
        return;
    case EV_PLAY_START:
        play_start(o, ev);
        return;
    case EV_TASK_START:
        task_banner(o, ev);
        return;
    case EV_RESULT:
        result(o, ev);
        return;
    case EV_ITEM_RESULT:
        item_result(o, ev);
        return;
    case EV_RETRY:
        retry(o, ev);
        return;
    case EV_INCLUDED:
        included(o, ev);
        return;
    case EV_ASYNC:
        in_background(o, ev);
        return;
    case EV_WARNING:
        out_warning(o, "WARNING", ev->name);
        return;
    case EV_DEPRECATED:
        out_warning(o, "DEPRECATION WARNING", ev->name);
        return;
    case EV_ERROR:
        on_error(o, ev);
        return;
    case EV_LOG:
        live_log(o, ev);
        return;
    case EV_VERBOSE:
        out_remark(o, ev->level, ev->name);
        return;
    case EV_BANNER:
        out_banner(o, ev->name);
        return;
    case EV_STATS:
        stats(o, ev);
        return;
    }
}

CALLBACK(default) = {
    .doc = "What ansible-playbook prints by default.",
    .event = default_event,
};
