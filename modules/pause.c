// pause: waits for a time, or for the person at the terminal.
#include "module.h"

#include <math.h>

#define PAUSE_MAX_S ((int64_t)366 * 86400)

static const struct arg args[] = {
    {"minutes", ARG_RAW, .doc = "Minutes to wait; fractions are dropped."},
    {"seconds", ARG_RAW, .doc = "Seconds to wait, at least 1; fractions are dropped."},
    {"prompt", ARG_STR, .doc = "What to ask; the answer is `user_input`."},
    {"echo", ARG_BOOL, .def = "true", .doc = "Show what is typed. Without effect together with a time."},
    {0},
};

/// A time as Python's int() reads it: whole numbers as text, fractions cut off.
static bool whole(struct mod_call *c, const char *arg, int64_t *out, bool *given, struct err *e) {
    struct val v = mod_arg(c, arg);
    *given = v.kind != VAL_UNDEF && v.kind != VAL_NULL;
    if (!*given) {
        return true;
    }
    if (v.kind == VAL_FLOAT && v.u.f > -1e12 && v.u.f < 1e12) {
        *out = (int64_t)trunc(v.u.f);
        return true;
    }
    if (v.kind == VAL_BOOL || !val_as_int(v, out)) {
        return mod_fail(
            c, e, "argument '%s' is of type <class '%s'> and we were unable to convert to int: '%.*s' is no number",
            arg, val_type_name(v), STR(val_str_of(c->arena, v)));
    }
    return true;
}

/// As Python's str(datetime.now()).
static struct str stamp(struct arena *a, const struct timespec *t) {
    struct tm tm;
    char day[32];
    if (!localtime_r(&t->tv_sec, &tm) || !strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &tm)) {
        return STR_NONE;
    }
    return str_printf(a, "%s.%06ld", day, t->tv_nsec / 1000);
}

static void report(struct mod_call *c, const struct timespec *from, const struct timespec *to, bool minutes) {
    double took = (double)(to->tv_sec - from->tv_sec) + (double)(to->tv_nsec - from->tv_nsec) / 1e9;
    double shown = round((minutes ? took / 60.0 : took) * 100.0) / 100.0;
    struct buf b = BUF_IN(c->arena);
    buf_z(&b, "Paused for ");
    float_repr(&b, shown);
    buf_z(&b, minutes ? " minutes" : " seconds");
    mod_set_str(c, "start", stamp(c->arena, from));
    mod_set_str(c, "stop", stamp(c->arena, to));
    mod_set(c, "delta", val_int((int64_t)took));
    mod_set_str(c, "stdout", buf_view(&b));
    mod_set_z(c, "stderr", "");
    mod_set(c, "rc", val_int(0));
    mod_set(c, "echo", val_bool(mod_bool(c, "echo")));
}

static void show_prompt(struct mod_call *c, struct str text) {
    c->ctl->show(c->ctl->self, arena_printf(c->arena, "[%.*s]\n%.*s%s:", STR(c->ctl->title(c->ctl->self)), STR(text),
                                            mod_bool(c, "echo") ? "" : " (output is hidden)"));
}

static void show_time(struct mod_call *c, int64_t seconds) {
    struct str prompt = mod_str(c, "prompt");
    c->ctl->show(c->ctl->self, arena_printf(c->arena, "Pausing for %lld seconds%s", (long long)seconds,
                                            mod_bool(c, "echo") ? "" : " (output is hidden)"));
    c->ctl->show(c->ctl->self, "(ctrl+C then 'C' = continue early, ctrl+C then 'A' = abort)\r");
    if (prompt.n) {
        show_prompt(c, prompt);
    }
}

/// Asks and waits. Without a terminal nobody is waited for.
static bool ask(struct mod_call *c, struct val *answer, struct err *e) {
    struct err inner = {.arena = c->arena};
    struct str prompt = mod_str(c, "prompt");
    bool echo = mod_bool(c, "echo");
    struct str text = STR_LIT("");
    show_prompt(c, prompt.n ? prompt : STR_LIT("Press enter to continue, Ctrl+C to interrupt"));
    if (!c->ctl->ask(c->ctl->self, echo, c->arena, &text, &inner)) {
        if (inner.code != ERR_NOT_FOUND) {
            return mod_fail(c, e, "%.*s", STR(err_text(&inner)));
        }
        mod_warn(c, "Not waiting for response to prompt as stdin is not interactive");
        text = STR_LIT("");
    }
    *answer = val_flag(val_str(c->arena, text), echo ? 0U : (unsigned)VAL_SECRET);
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    int64_t minutes = 0;
    int64_t seconds = 0;
    bool by_minutes;
    bool by_seconds;
    struct timespec from;
    if (!whole(c, "minutes", &minutes, &by_minutes, e) || !whole(c, "seconds", &seconds, &by_seconds, e)) {
        return false;
    }
    clock_gettime(CLOCK_REALTIME, &from);
    struct timespec to = from;
    struct val answer = val_z(c->arena, "");
    if (by_minutes || by_seconds) {
        if (minutes > PAUSE_MAX_S / 60 || seconds > PAUSE_MAX_S) {
            return mod_fail(c, e, "a pause must be shorter than a year");
        }
        seconds = by_minutes ? minutes * 60 : seconds;
        seconds = seconds < 1 ? 1 : seconds;
        show_time(c, seconds);
        c->sleep_ms = seconds * 1000;
        to.tv_sec += seconds;
    } else {
        if (!ask(c, &answer, e)) {
            return false;
        }
        clock_gettime(CLOCK_REALTIME, &to);
    }
    report(c, &from, &to, !by_seconds);
    mod_set(c, "user_input", answer);
    return true;
}

MODULE(pause) = {
    .doc = "Wait for a time, or for an answer at the terminal.",
    .spec = "ansible.builtin.pause",
    .example = "- ansible.builtin.pause:\n    seconds: 1",
    .order = "changed rc stderr stdout start stop delta echo user_input",
    .returns = "user_input: What was typed.\nstart: When it began.\nstop: When it ended.\ndelta: Seconds it took.\n"
               "stdout: How long it took, as text.\necho: Whether typing was shown.",
    .args = args,
    .exclusive = "minutes,seconds",
    .once = true,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_CONTROLLER,
    .run = run,
};
