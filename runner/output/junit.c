// callbacks_enabled = junit: the run as a JUnit report, a file for each playbook.
// Source: recorded reports of ansible-core 2.14 (tests/callbacks).
#include "output.h"

#include "fd.h"
#include "json.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

enum verdict { PASSED, FAILED, SKIPPED, INCLUDED };
struct test_host {
    struct str name, text, message;  // text: the result; message of a failure or a skip
    bool error;                      // failed with an exception
    enum verdict verdict;
    int64_t took_ms;
};
struct test_task {
    const struct task *task;
    struct str play, name, path;
    bool setup;
    int64_t started;
    struct {
        struct test_host *p;
        size_t n, cap;
    } hosts;
};
struct junit {
    struct str playbook, play;
    struct {
        struct test_task **p;
        size_t n, cap;
    } tasks;
};

// -- what happened ---------------------------------------------------------------------------------------------------

/// ", "-joined NAME=VALUE of the arguments as the playbook has them.
static void add_arguments(struct output *o, struct buf *b, const struct task *t) {
    struct val args = out_masked(o, t->args);
    size_t i = 0;
    const char *sep = " ";
    for (struct vpair *p; val_is(args, VAL_DICT) && (p = val_each(args, &i)); sep = ", ") {
        buf_z(b, sep);
        val_to_str(b, p->key);
        buf_char(b, '=');
        val_to_str(b, p->value);
    }
}

static struct test_task *new_task(struct output *o, struct junit *j, const struct event *ev, struct str name) {
    struct test_task *t = ARENA_NEW(&o->arena, struct test_task);
    struct buf b = BUF_IN(&o->scratch);
    struct place p = mark_place(ev->task->n.at);
    struct val hidden = ev->task->n.kw[KW_NO_LOG];
    const char *action = ev->task->action ? ev->task->action : "";
    buf_str(&b, str_trim(name));
    if (!o->opts.junit.hide_arguments && !val_truth(hidden)) {
        add_arguments(o, &b, ev->task);
    }
    *t = (struct test_task){.task = ev->task,
                            .play = j->play,
                            .name = str_dup(&o->arena, buf_view(&b)),
                            .setup = strcmp(action, "setup") == 0 || strcmp(action, "gather_facts") == 0,
                            .started = clock_ms()};
    if (p.file) {
        t->path = str_printf(&o->arena, "%s:%u", p.file, p.line);
    }
    VEC_PUSH(&o->arena, j->tasks, t);
    return t;
}

static struct test_host *find_host(struct test_task *t, struct str name) {
    for (size_t i = 0; i < t->hosts.n; i++) {
        if (str_eq(t->hosts.p[i].name, name)) {
            return &t->hosts.p[i];
        }
    }
    return NULL;
}

static struct test_task *find_task(const struct junit *j, const struct task *task) {
    for (size_t i = j->tasks.n; i-- > 0;) {
        if (j->tasks.p[i]->task == task) {
            return j->tasks.p[i];
        }
    }
    return NULL;
}

/// The results of items without what is internal.
static struct val shown_items(struct output *o, struct val items) {
    struct arena *a = &o->scratch;
    struct val out = val_list(a, val_len(items));
    for (size_t k = 0; k < val_len(items); k++) {
        struct val item = val_at_index(items, k);
        struct val kept = val_is(item, VAL_DICT) ? val_dict(a, val_len(item)) : item;
        size_t i = 0;
        for (struct vpair *p; val_is(item, VAL_DICT) && (p = val_each(item, &i));) {
            if (!str_starts(val_text(p->key), "_ansible_")) {
                val_set_key(a, kept, p->key, p->value);
            }
        }
        val_push(a, out, kept);
    }
    return out;
}

static struct str dump(struct output *o, struct val result, bool pretty) {
    struct val v = out_shown(o, result);
    struct val items = val_get(v, "results");
    struct buf b = BUF_IN(&o->scratch);
    struct err e = {.arena = &o->scratch};
    struct json_style style = {.indent = pretty ? 4 : 1, .sort_keys = true};
    if (val_is(items, VAL_LIST)) {
        v = val_copy(&o->scratch, v);
        val_set(&o->scratch, v, "results", shown_items(o, items));
    }
    if (!json_write(&b, v, &style, &e)) {
        return str_printf(&o->arena, "the result cannot be shown: %s", e.msg);
    }
    struct str rest = buf_view(&b);
    struct str line;
    struct buf out = BUF_IN(&o->arena);
    while (str_next(&rest, '\n', &line)) {  // Python's indent of 0: line ends and nothing before the text
        size_t from = 0;
        while (!pretty && from < line.n && line.s[from] == ' ') {
            from++;
        }
        buf_printf(&out, "%s%.*s", out.n ? "\n" : "", STR(str_sub(line, from, line.n)));
    }
    return buf_view(&out);
}

static bool in_name(const struct test_task *t, const char *what) {
    return str_find(t->name, 0, str_from(what)) != SIZE_MAX;
}

static void add(struct output *o, struct junit *j, struct test_task *t, struct test_host h) {
    if (h.verdict == FAILED && in_name(t, "EXPECTED FAILURE")) {
        h.verdict = PASSED;
    } else if (in_name(t, "TOGGLE RESULT")) {
        h.verdict = h.verdict == FAILED ? PASSED : h.verdict == PASSED ? FAILED : h.verdict;
    }
    if (h.verdict != FAILED && o->opts.junit.prefix && !str_starts(t->name, o->opts.junit.prefix)) {
        return;
    }
    struct test_host *old = find_host(t, h.name);
    h.took_ms = clock_ms() - t->started;
    if (old && h.verdict == INCLUDED) {
        old->text = str_printf(&o->arena, "%.*s\n%.*s", STR(old->text), STR(h.text));
        old->took_ms = h.took_ms;
        return;
    }
    if (old) {  // the same task of a file that was included again
        struct test_task *again = ARENA_NEW(&o->arena, struct test_task);
        *again = *t;
        again->hosts.p = NULL;
        again->hosts.n = again->hosts.cap = 0;
        VEC_PUSH(&o->arena, j->tasks, again);
        t = again;
    }
    h.name = str_dup(&o->arena, h.name);
    VEC_PUSH(&o->arena, t->hosts, h);
}

static void result(struct output *o, struct junit *j, const struct event *ev) {
    const struct output_opts *opts = &o->opts;
    struct test_task *t = find_task(j, ev->task);
    bool changed = val_truth(val_get(ev->result, "changed"));
    bool failed = ev->status == ST_FAILED && (!ev->ignore_errors || opts->junit.fail_on_ignore);
    if (!t || ev->status == ST_UNREACHABLE) {
        return;
    }
    failed = failed || (opts->junit.fail_on_change && changed && (ev->status == ST_CHANGED || ev->status == ST_FAILED));
    struct val shown = out_masked(o, ev->result);
    struct val message = val_get(shown, ev->status == ST_SKIPPED ? "skip_reason" : "msg");
    struct val exception = val_get(shown, "exception");
    struct val rc = val_get(shown, "rc");
    struct test_host h = {.name = ev->host,
                          .text = dump(o, ev->result, val_truth(val_get(ev->result, "_ansible_verbose_always"))),
                          .verdict = ev->status == ST_SKIPPED ? SKIPPED
                                     : failed                 ? FAILED
                                                              : PASSED};
    if (ev->status == ST_SKIPPED) {
        h.message = val_truth(message) ? str_dup(&o->arena, val_str_of(&o->scratch, message)) : STR_LIT("skipped");
    } else if (val_is(exception, VAL_STR)) {
        h.text = str_dup(&o->arena, val_text(exception));
        struct str rest = str_trim(h.text);
        while (str_next(&rest, '\n', &h.message)) {
        }
        h.error = true;
    } else if (!val_is(message, VAL_UNDEF)) {
        h.message = str_dup(&o->arena, val_str_of(&o->scratch, message));
    } else {
        h.message =
            str_printf(&o->arena, "rc=%.*s", STR(val_is(rc, VAL_INT) ? val_str_of(&o->scratch, rc) : STR_LIT("0")));
    }
    add(o, j, t, h);
}

static void included(struct output *o, struct junit *j, const struct event *ev) {
    struct test_task *t = find_task(j, ev->task);
    struct buf hosts = BUF_IN(&o->scratch);
    struct val file = val_get(ev->task->args, "_raw_params");
    struct val shown = val_dict(&o->scratch, 3);
    file = val_is(file, VAL_UNDEF) ? val_get(ev->task->args, "file") : file;
    if (!t) {
        return;
    }
    val_set(&o->scratch, shown, "changed", val_bool(false));
    val_set(&o->scratch, shown, "include", val_is(file, VAL_STR) ? file : val_str(&o->scratch, ev->name));
    val_set(&o->scratch, shown, "include_args", val_dict(&o->scratch, 0));
    for (size_t i = 0; val_is_seq(ev->hosts) && i < val_len(ev->hosts); i++) {
        struct str name = val_text(val_at_index(ev->hosts, i));
        buf_printf(&hosts, "%s%.*s", i ? ", " : "", STR(name));
        if (!find_host(t, name)) {
            add(o, j, t, (struct test_host){.name = name, .text = dump(o, shown, false), .verdict = PASSED});
        }
    }
    struct buf vars = BUF_IN(&o->scratch);
    if (ev->item_label.kind != VAL_UNDEF) {
        buf_z(&vars, "'item': ");
        val_to_repr(&vars, out_masked(o, ev->item_label));
    }
    struct str text = str_printf(&o->arena, "%.*s (args={} vars={%.*s}): [%.*s]", STR(ev->name), STR(buf_view(&vars)),
                                 STR(buf_view(&hosts)));
    add(o, j, t, (struct test_host){.name = STR_LIT("include"), .text = text, .verdict = INCLUDED});
}

// -- the report ------------------------------------------------------------------------------------------------------

/// Masked, and with what XML cannot take as it is written another way.
static void put_xml(struct output *o, struct buf *b, struct str text, bool attribute) {
    text = mask_apply(o->mask, &o->scratch, text);
    for (size_t i = 0; i < text.n;) {
        size_t from = i;
        uint32_t c = utf8_next(text, &i);
        bool legal = !(c >= 0xD800 && c < 0xE000);  // such are bytes that are no UTF-8
        legal = legal && (c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c != 0xFFFE && c != 0xFFFF));
        if (c == '&' || c == '<' || c == '>' || c == '"') {
            buf_z(b, c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&quot;");
        } else if (attribute && c == '\n') {
            buf_z(b, "&#10;");
        } else if (!legal) {
            buf_z(b, "\xEF\xBF\xBD");
        } else {
            buf_str(b, str_sub(text, from, i));
        }
    }
}

/// The path of `file` as seen from the directory `base`; both absolute.
static struct str relative(struct output *o, struct str file, struct str base) {
    struct buf b = BUF_IN(&o->scratch);
    size_t same = 0;
    size_t i = 0;
    base = str_ends(base, "/") ? str_sub(base, 0, base.n - 1) : base;
    while (i < base.n && i < file.n && base.s[i] == file.s[i]) {
        i++;
        same = i < file.n && file.s[i] == '/' && (i == base.n || base.s[i] == '/') ? i : same;
    }
    for (i = same; i < base.n; i++) {
        buf_z(&b, base.s[i] == '/' ? "../" : "");
    }
    buf_str(&b, str_sub(file, same + 1, file.n));
    return buf_view(&b);
}

static struct str class_name(struct output *o, const struct test_task *t) {
    const struct output_opts *opts = &o->opts;
    struct str name = t->path;
    if (opts->junit.relative_to && name.n) {
        name = relative(o, name, str_from(opts->junit.relative_to));
    }
    if (opts->junit.out_of_tree && str_starts(name, "../")) {
        size_t slash = name.n;
        while (slash && name.s[slash - 1] != '/') {
            slash--;
        }
        name = str_printf(&o->scratch, "%s%.*s", opts->junit.out_of_tree, STR(str_sub(name, slash, name.n)));
    }
    size_t yml = str_find(name, 0, STR_LIT(".yml:"));
    return opts->junit.task_class && yml != SIZE_MAX ? str_sub(name, 0, yml) : name;
}

static void put_case(struct output *o, struct buf *b, const struct test_task *t, const struct test_host *h) {
    const char *tag = h->verdict == SKIPPED  ? "skipped"
                      : h->verdict != FAILED ? "system-out"
                      : h->error             ? "error"
                                             : "failure";
    buf_z(b, "\t\t<testcase classname=\"");
    put_xml(o, b, class_name(o, t), true);
    buf_z(b, "\" name=\"");
    put_xml(o, b, str_printf(&o->scratch, "[%.*s] %.*s: %.*s", STR(h->name), STR(t->play), STR(t->name)), true);
    buf_printf(b, "\" time=\"%.3f\">\n\t\t\t<%s", (double)h->took_ms / 1000.0, tag);
    if (h->verdict == FAILED) {
        buf_z(b, " message=\"");
        put_xml(o, b, h->message, true);
        buf_printf(b, "\" type=\"%s\"", tag);
    }
    buf_char(b, '>');
    put_xml(o, b, h->verdict == SKIPPED ? h->message : h->text, false);
    buf_printf(b, "</%s>\n\t\t</testcase>\n", tag);
}

static struct str report(struct output *o, const struct junit *j) {
    struct buf cases = BUF_IN(&o->scratch);
    size_t tests = 0, count[INCLUDED + 1] = {0}, errors = 0;
    int64_t ms = 0;
    for (size_t i = 0; i < j->tasks.n; i++) {
        const struct test_task *t = j->tasks.p[i];
        for (size_t k = 0; k < t->hosts.n && !(t->setup && o->opts.junit.no_setup); k++) {
            const struct test_host *h = &t->hosts.p[k];
            put_case(o, &cases, t, h);
            tests++;
            count[h->verdict]++;
            errors += h->verdict == FAILED && h->error;
            ms += h->took_ms;
        }
    }
    struct buf b = BUF_IN(&o->scratch);
    double s = (double)ms / 1000.0;
    buf_printf(&b,
               "<?xml version=\"1.0\" ?>\n<testsuites disabled=\"0\" errors=\"%zu\" failures=\"%zu\" tests=\"%zu\" "
               "time=\"%.3f\">\n\t<testsuite disabled=\"0\" errors=\"%zu\" failures=\"%zu\" name=\"",
               errors, count[FAILED] - errors, tests, s, errors, count[FAILED] - errors);
    put_xml(o, &b, j->playbook, true);
    buf_printf(&b, "\" skipped=\"%zu\" tests=\"%zu\" time=\"%.3f\"%s>\n", count[SKIPPED], tests, s, tests ? "" : "/");
    if (tests) {
        buf_str(&b, buf_view(&cases));
        buf_z(&b, "\t</testsuite>\n");
    }
    buf_z(&b, "</testsuites>\n");
    return buf_view(&b);
}

static bool make_dirs(const char *path) {
    char part[4096];
    for (size_t i = 1; path[i - 1] && i < sizeof part; i++) {
        if (path[i] == '/' || !path[i]) {
            snprintf(part, sizeof part, "%.*s", (int)i, path);
            if (mkdir(part, 0777) != 0 && errno != EEXIST) {
                return false;
            }
        }
    }
    return true;
}

static void write_report(struct output *o, const struct junit *j) {
    struct err e = {.arena = &o->scratch};
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    const char *dir = o->opts.junit.dir;
    const char *path = arena_printf(&o->scratch, "%s/%.*s-%lld.%06ld.xml", dir, STR(j->playbook), (long long)t.tv_sec,
                                    t.tv_nsec / 1000);
    struct str text = mask_apply(o->mask, &o->scratch, report(o, j));
    if (!make_dirs(dir) || !fd_replace_file(path, text, 0644, &e)) {
        out_warning(o, "WARNING", str_printf(&o->scratch, "cannot write the JUnit report '%s'", path));
    }
}

static void run_start(struct output *o, struct junit *j, const struct event *ev) {
    struct str name = ev->name;
    size_t slash = name.n;
    while (slash && name.s[slash - 1] != '/') {
        slash--;
    }
    name = str_sub(name, slash, name.n);
    size_t dot = name.n;
    while (dot > 1 && name.s[dot - 1] != '.') {
        dot--;
    }
    j->playbook = str_dup(&o->arena, dot > 1 ? str_sub(name, 0, dot - 1) : name);
}

static void on_event(struct output *o, const struct event *ev) {
    struct junit *j = out_state(o, sizeof *j);
    switch (ev->kind) {
    case EV_RUN_START:
        run_start(o, j, ev);
        return;
    case EV_PLAY_START:
        j->play = str_dup(&o->arena, str_trim(ev->name));
        return;
    case EV_TASK_START:
        if (ev->task && !find_task(j, ev->task)) {
            (void)new_task(o, j, ev, ev->name);
        }
        return;
    case EV_RESULT:
        result(o, j, ev);
        return;
    case EV_INCLUDED:
        if (ev->name.n) {
            included(o, j, ev);
        }
        return;
    case EV_STATS:
        write_report(o, j);
        return;
    case EV_NO_HOSTS_MATCHED:
    case EV_NO_HOSTS_LEFT:
    case EV_ITEM_RESULT:
    case EV_RETRY:
    case EV_ASYNC:
    case EV_NOTIFY:
    case EV_WARNING:
    case EV_DEPRECATED:
    case EV_ERROR:
    case EV_LOG:
    case EV_VERBOSE:
    case EV_BANNER:
        return;
    }
}

CALLBACK(junit) = {
    .doc = "The run as a JUnit report in a file.",
    .event = on_event,
    .beside = true,
};
