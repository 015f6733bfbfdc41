// stdout_callback = json (ansible.posix.json): the whole run as one JSON text at its end.
// Source: recorded output of ansible.posix 1.5 (tests/callbacks).
#include "output.h"

#include "fd.h"
#include "json.h"

#include <time.h>

struct report {
    struct val plays;        // all of them
    struct val play, tasks;  // of the last play
    struct val task;         // last one of it
    bool lockstep;           // a task is there before its results; else each result has an entry of its own
};

/// "2030-01-01T10:00:00.123456Z"
static struct val now(struct output *o) {
    struct timespec t;
    struct tm tm;
    char text[40];
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    return val_printf(&o->arena, "%s.%06ldZ", text, t.tv_nsec / 1000);
}

/// As many digits as a UUID has; only their being different means something.
static struct val fresh_id(struct output *o) {
    unsigned char b[16];
    random_bytes(b, sizeof b);
    return val_printf(&o->arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                      b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/// {"duration": {"start"}, "id", "name", "path"}
static struct val about(struct output *o, struct str name, struct mark at) {
    struct arena *a = &o->arena;
    struct val d = val_dict(a, 4);
    struct val duration = val_dict(a, 2);
    struct place p = mark_place(at);
    val_set(a, duration, "start", now(o));
    val_set(a, d, "name", val_str(a, str_trim(name)));
    val_set(a, d, "id", fresh_id(o));
    val_set(a, d, "path", p.file ? val_printf(a, "%s:%u", p.file, p.line) : val_z(a, ""));
    val_set(a, d, "duration", duration);
    return d;
}

static void play_start(struct output *o, struct report *r, const struct event *ev) {
    struct arena *a = &o->arena;
    struct val entry = val_dict(a, 2);
    if (!val_is(r->plays, VAL_LIST)) {
        r->plays = val_list(a, 4);
    }
    r->play = about(o, ev->name, ev->play ? ev->play->n.at : NO_MARK);
    r->tasks = val_list(a, 16);
    r->lockstep = !ev->free;
    val_set(a, entry, "play", r->play);
    val_set(a, entry, "tasks", r->tasks);
    val_push(a, r->plays, entry);
}

static void task_start(struct output *o, struct report *r, const struct event *ev, struct str name) {
    struct arena *a = &o->arena;
    r->task = val_dict(a, 2);
    val_set(a, r->task, "task", about(o, name, ev->task ? ev->task->n.at : NO_MARK));
    val_set(a, r->task, "hosts", val_dict(a, 8));
    val_push(a, r->tasks, r->task);
}

static void record(struct output *o, struct report *r, const struct event *ev, struct str host, struct val result) {
    struct arena *a = &o->arena;
    if (!val_is(r->tasks, VAL_LIST) || !ev->task) {
        return;
    }
    if (!r->lockstep || !val_is(r->task, VAL_DICT)) {
        task_start(o, r, ev, ev->task && ev->task->n.name.n ? ev->task->n.name : ev->task->action_name);
    }
    struct val end = now(o);
    val_set(a, result, "action", val_str(a, ev->task->action_name));
    val_set_str(a, val_get(r->task, "hosts"), host, result);
    val_set(a, val_get(val_get(r->task, "task"), "duration"), "end", end);
    val_set(a, val_get(r->play, "duration"), "end", end);
}

/// What Ansible says in each result, and not what is ours alone.
static void finish(struct arena *a, struct val v) {
    (void)val_del_key(v, val_z(a, "_ansible_notify"));
    if (!val_has(v, "censored")) {
        val_set(a, v, "_ansible_no_log", val_bool(false));
    }
}

static void result(struct output *o, struct report *r, const struct event *ev) {
    struct arena *a = &o->arena;
    struct val v = val_copy(a, val_promote(a, out_masked(o, ev->result)));
    struct val items = val_get(v, "results");
    for (size_t i = 0; ev->loop && val_is(items, VAL_LIST) && i < val_len(items); i++) {
        if (val_is(val_at_index(items, i), VAL_DICT)) {
            finish(a, val_at_index(items, i));
        }
    }
    if (!ev->loop) {
        finish(a, v);
    }
    if (ev->status == ST_FAILED) {
        val_set(a, v, "failed", val_bool(true));
    } else if (ev->status == ST_SKIPPED) {
        val_set(a, v, "skipped", val_bool(true));
    }
    record(o, r, ev, ev->host, v);
}

static void included(struct output *o, struct report *r, const struct event *ev) {
    struct arena *a = &o->arena;
    struct val file = val_get(ev->task->args, "_raw_params");
    file = val_is(file, VAL_UNDEF) ? val_get(ev->task->args, "file") : file;
    for (size_t i = 0; val_is_seq(ev->hosts) && i < val_len(ev->hosts); i++) {
        struct val v = val_dict(a, 4);
        val_set(a, v, "changed", val_bool(false));
        val_set(a, v, "include", val_is(file, VAL_STR) ? val_promote(a, out_masked(o, file)) : val_str(a, ev->name));
        val_set(a, v, "include_args", val_dict(a, 0));
        record(o, r, ev, val_text(val_at_index(ev->hosts, i)), v);
    }
}

static struct val summary(struct output *o, const struct event *ev) {
    struct arena *a = &o->scratch;
    struct val all = val_dict(a, ev->nstats);
    for (size_t i = 0; i < ev->nstats; i++) {
        const struct host_stats *s = &ev->stats[i];
        struct val d = val_dict(a, 7);
        val_set(a, d, "ok", val_int(s->ok));
        val_set(a, d, "failures", val_int(s->failed));
        val_set(a, d, "unreachable", val_int(s->unreachable));
        val_set(a, d, "changed", val_int(s->changed));
        val_set(a, d, "skipped", val_int(s->skipped));
        val_set(a, d, "rescued", val_int(s->rescued));
        val_set(a, d, "ignored", val_int(s->ignored));
        val_set_str(a, all, s->host, d);
    }
    return all;
}

static void stats(struct output *o, struct report *r, const struct event *ev) {
    struct arena *a = &o->scratch;
    struct val all = val_dict(a, 4);
    struct val custom = o->opts.show_custom_stats && val_is(ev->result, VAL_DICT)
                            ? val_copy(a, out_masked(o, ev->result))
                            : val_dict(a, 0);
    struct val run = val_get(custom, "_run");
    (void)val_del_key(custom, val_z(a, "_run"));
    val_set(a, all, "plays", val_is(r->plays, VAL_LIST) ? r->plays : val_list(a, 0));
    val_set(a, all, "stats", summary(o, ev));
    val_set(a, all, "custom_stats", custom);
    val_set(a, all, "global_custom_stats", val_is(run, VAL_DICT) ? run : val_dict(a, 0));
    struct buf b = BUF_IN(a);
    struct err e = {.arena = a};
    struct json_style style = {
        .indent = o->opts.json_indent > 0 ? o->opts.json_indent : 0, .sort_keys = true, .ascii = true};
    if (json_write(&b, all, &style, &e)) {
        out_line(o, false, COLOR_NONE, buf_view(&b));
    } else {
        out_line(o, true, COLOR_ERROR, str_printf(a, "the run cannot be shown as JSON: %s", e.msg));
    }
}

static void on_event(struct output *o, const struct event *ev) {
    struct report *r = out_state(o, sizeof *r);
    switch (ev->kind) {
    case EV_PLAY_START:
        play_start(o, r, ev);
        return;
    case EV_TASK_START:
        if (r->lockstep) {
            task_start(o, r, ev, ev->name);
        }
        return;
    case EV_RESULT:
        result(o, r, ev);
        return;
    case EV_INCLUDED:
        if (ev->name.n) {
            included(o, r, ev);
        }
        return;
    case EV_STATS:
        stats(o, r, ev);
        return;
    case EV_WARNING:
    case EV_DEPRECATED:
    case EV_ERROR:
        default_event(o, ev);
        return;
    case EV_RUN_START:
    case EV_NO_HOSTS_MATCHED:
    case EV_NO_HOSTS_LEFT:
    case EV_ITEM_RESULT:
    case EV_RETRY:
    case EV_ASYNC:
    case EV_NOTIFY:
    case EV_LOG:
    case EV_VERBOSE:
    case EV_BANNER:
        return;
    }
}

CALLBACK(json) = {
    .doc = "The whole run as one JSON text at its end.",
    .event = on_event,
};
