// callbacks_enabled = profile_tasks: the time at each task, and at the end the tasks that took longest; profile_roles:
// the same by role.
#include "output.h"

#include "fd.h"

#include <time.h>

#define SHOWN 20

struct timed {
    const struct task *task;
    struct str name;
    int64_t started, took;
};
struct profile {
    struct {
        struct timed *p;
        size_t n, cap;
    } tasks;
    struct timed *now;
    int64_t start, last;
};

static void put_time(struct buf *b, int64_t ms) {
    buf_printf(b, "%lld:%02lld:%02lld.%03lld", (long long)(ms / 3600000), (long long)(ms / 60000 % 60),
               (long long)(ms / 1000 % 60), (long long)(ms % 1000));
}

/// "Tuesday 01 January 2030  10:00:00 +0000 (0:00:01.000)       0:00:02.000 ****"
static void time_line(struct output *o, struct profile *p) {
    struct buf b = BUF_IN(&o->scratch);
    char text[80];
    time_t t = time(NULL);
    struct tm tm;
    int64_t now = clock_ms();
    localtime_r(&t, &tm);
    strftime(text, sizeof text, "%A %d %B %Y  %H:%M:%S %z", &tm);
    buf_printf(&b, "%s (", text);
    put_time(&b, now - p->last);
    buf_z(&b, ")       ");
    put_time(&b, now - p->start);
    buf_char(&b, ' ');
    p->last = now;
    do {
        buf_char(&b, '*');
    } while (b.n < 79);
    buf_char(&b, ' ');
    out_line(o, false, COLOR_NONE, buf_view(&b));
}

static void stop(struct profile *p) {
    if (p->now) {
        p->now->took += clock_ms() - p->now->started;
    }
    p->now = NULL;
}

static void start(struct output *o, struct profile *p, const struct event *ev) {
    stop(p);
    for (size_t i = 0; i < p->tasks.n; i++) {
        if (p->tasks.p[i].task == ev->task) {
            p->now = &p->tasks.p[i];
        }
    }
    if (!p->now) {
        struct timed t = {.task = ev->task, .name = str_dup(&o->arena, str_trim(ev->name))};
        VEC_PUSH(&o->arena, p->tasks, t);
        p->now = &p->tasks.p[p->tasks.n - 1];
    }
    p->now->started = clock_ms();
}

/// By role; what is in none counts for its module.
static void start_role(struct output *o, struct profile *p, const struct event *ev) {
    struct role *role = ev->task ? ev->task->n.role : NULL;
    struct str name = role ? role->name : ev->task ? ev->task->action_name : STR_LIT("meta");
    stop(p);
    for (size_t i = 0; i < p->tasks.n; i++) {
        if (str_eq(p->tasks.p[i].name, name)) {
            p->now = &p->tasks.p[i];
        }
    }
    if (!p->now) {
        struct timed t = {.name = str_dup(&o->arena, name)};
        VEC_PUSH(&o->arena, p->tasks, t);
        p->now = &p->tasks.p[p->tasks.n - 1];
    }
    p->now->started = clock_ms();
}

static int longest_first(const void *x, const void *y) {
    const struct timed *a = x;
    const struct timed *b = y;
    return (a->took < b->took) - (a->took > b->took);
}

static void line_of(struct output *o, char c) {
    struct buf line = BUF_IN(&o->scratch);
    for (int i = 0; i < 79; i++) {
        buf_char(&line, c);
    }
    buf_char(&line, ' ');
    out_line(o, false, COLOR_NONE, buf_view(&line));
}

static void sort(struct output *o, struct profile *p) {
    stop(p);
    line_of(o, '=');
    if (p->tasks.n) {
        qsort(p->tasks.p, p->tasks.n, sizeof *p->tasks.p, longest_first);
    }
}

static void role_line(struct output *o, struct str name, int64_t ms) {
    struct buf b = BUF_IN(&o->scratch);
    struct str took = str_printf(&o->scratch, " %.2fs", (double)ms / 1000.0);
    buf_printf(&b, "%.*s ", STR(name));
    for (size_t n = utf8_len(buf_view(&b)); n < 70; n++) {
        buf_char(&b, '-');
    }
    for (size_t n = took.n; n < 9; n++) {
        buf_char(&b, '-');
    }
    buf_str(&b, took);
    out_line(o, false, COLOR_NONE, buf_view(&b));
}

static void role_summary(struct output *o, struct profile *p) {
    int64_t total = 0;
    sort(o, p);
    for (size_t i = 0; i < p->tasks.n; i++) {
        role_line(o, p->tasks.p[i].name, p->tasks.p[i].took);
        total += p->tasks.p[i].took;
    }
    line_of(o, '~');
    role_line(o, STR_LIT("total"), total);
}

static void summary(struct output *o, struct profile *p) {
    sort(o, p);
    for (size_t i = 0; i < p->tasks.n && i < SHOWN; i++) {
        struct buf b = BUF_IN(&o->scratch);
        size_t columns = o->opts.columns > 0 ? (size_t)o->opts.columns : 79;
        struct str took = str_printf(&o->scratch, " %.2fs", (double)p->tasks.p[i].took / 1000.0);
        buf_printf(&b, "%.*s ", STR(p->tasks.p[i].name));
        for (size_t n = utf8_len(buf_view(&b)); n < columns - 9; n++) {
            buf_char(&b, '-');
        }
        for (size_t n = took.n; n < 9; n++) {
            buf_char(&b, '-');
        }
        buf_str(&b, took);
        out_line(o, false, COLOR_NONE, buf_view(&b));
    }
}

static void on_event(struct output *o, const struct event *ev) {
    struct profile *p = out_state(o, sizeof *p);
    if (!p->start) {
        p->start = p->last = clock_ms();
    }
    if (ev->kind == EV_TASK_START) {
        time_line(o, p);
        start(o, p, ev);
    } else if (ev->kind == EV_STATS) {
        time_line(o, p);
        summary(o, p);
    }
}

CALLBACK(profile_tasks) = {
    .doc = "The time at each task, and the tasks that took longest.",
    .event = on_event,
    .beside = true,
};

static void on_role_event(struct output *o, const struct event *ev) {
    struct profile *p = out_state(o, sizeof *p);
    if (!p->start) {
        p->start = p->last = clock_ms();
    }
    if (ev->kind == EV_TASK_START) {
        time_line(o, p);
        start_role(o, p, ev);
    } else if (ev->kind == EV_STATS) {
        out_banner(o, STR_LIT("ROLES RECAP"));
        time_line(o, p);
        role_summary(o, p);
    }
}

CALLBACK(profile_roles) = {
    .doc = "The time at each task, and how long each role took.",
    .event = on_role_event,
    .beside = true,
};
