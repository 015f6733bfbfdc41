// Printing with secrets masked: nothing else in the program writes results.
#include "output.h"

#include "fd.h"
#include "json.h"
#include "udiff.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/// A name without its collection.
static struct str short_name(struct str name) {
    static const char *const collections[] = {"ansible.builtin.", "ansible.posix.", "community.general."};
    for (size_t i = 0; i < COUNTOF(collections); i++) {
        if (str_starts(name, collections[i])) {
            return str_sub(name, strlen(collections[i]), name.n);
        }
    }
    return name;
}

static const struct callback *find(struct str name, struct typo *t) {
    for (size_t i = 0; i < callback_count; i++) {
        typo_offer(t, str_from(callback_table[i].name));
        if (str_eqz(name, callback_table[i].name)) {
            return callback_table[i].it;
        }
    }
    return NULL;
}

/// Callbacks beside the one of the screen. One that is not known is only warned about, as in Ansible.
static void enable(struct output *o, const struct output_opts *opts) {
    for (size_t i = 0; i < opts->nenabled; i++) {
        struct str name = short_name(str_trim(opts->enabled[i]));
        struct typo t = {.got = name};
        const struct callback *cb = find(name, &t);
        if (cb && cb->beside && o->nbeside < BESIDE_MAX) {
            o->beside[o->nbeside++].cb = cb;
        } else if (!cb && name.n) {
            out_warning(o, "WARNING",
                        str_printf(&o->scratch, "the callback '%.*s' is not supported and has no effect", STR(name)));
        }
    }
}

static void open_log(struct output *o, const char *path);

struct output *output_new(const struct output_opts *opts, struct err *e) {
    struct str name = short_name(str_from(opts->name ? opts->name : "default"));
    struct typo t = {.got = name};
    const struct callback *cb = find(name, &t);
    if (!cb || cb->beside) {
        err_set(e, ERR_NOT_FOUND, NO_MARK, "unknown stdout callback '%.*s'", STR(name));
        if (t.best.s) {
            err_hint(e, "did you mean '%.*s'?", STR(t.best));
        }
        return NULL;
    }
    struct arena first = {0};
    struct output *o = ARENA_NEW(&first, struct output);
    o->arena = first;
    o->opts = *opts;
    o->cb = cb;
    o->mask = mask_new();
    color_init(o);
    if (opts->log) {
        open_log(o, opts->log);
    }
    enable(o, opts);
    return o;
}

void *out_state(struct output *o, size_t n) {
    if (!*o->state) {
        *o->state = ARENA_ARRAY(&o->arena, char, n);
    }
    return *o->state;
}

void output_free(struct output *o) {
    if (o) {
        if (o->log) {
            fclose(o->log);
        }
        mask_free(o->mask);
        arena_release(&o->scratch);
        struct arena a = o->arena;
        arena_release(&a);
    }
}

void output_secret(struct output *o, struct str text) {
    arena_wipe_all();
    mask_add(o->mask, text);
}

void output_public(struct output *o, struct str name) {
    mask_public(o->mask, name);
}

bool output_shows_facts(const struct output *o) {
    static const char *const silent[] = {"default", "yaml", "debug"};
    for (size_t i = 0; i < COUNTOF(silent); i++) {
        if (strcmp(o->opts.name ? o->opts.name : "default", silent[i]) == 0) {
            return o->opts.verbosity > 0 || o->opts.tree;
        }
    }
    return true;
}

void output_made(struct output *o, struct str text) {
    mask_add_made(o->mask, text);
}

/// The result of a host as JSON in a file of its name.
static void write_tree(struct output *o, const struct event *ev) {
    struct err e = {.arena = &o->scratch};
    if (!o->opts.tree || ev->kind != EV_RESULT || ev->status == ST_SKIPPED ||
        str_find_char(ev->host, 0, '/') != SIZE_MAX) {
        return;
    }
    bool pretty = val_truth(val_get(ev->result, "_ansible_verbose_always"));
    struct str text = mask_apply(o->mask, &o->scratch, out_result(o, ev->result, pretty));
    const char *path = arena_printf(&o->scratch, "%s/%.*s", o->opts.tree, STR(ev->host));
    if ((mkdir(o->opts.tree, 0777) != 0 && errno != EEXIST) || !fd_replace_file(path, text, 0644, &e)) {
        out_warning(o, "WARNING", str_printf(&o->scratch, "cannot write the result to '%s'", path));
    }
}

void output_event(struct output *o, const struct event *ev) {
    o->state = &o->own;
    o->cb->event(o, ev);
    for (size_t i = 0; i < o->nbeside; i++) {
        o->state = &o->beside[i].state;
        o->beside[i].cb->event(o, ev);
    }
    write_tree(o, ev);
    arena_reset(&o->scratch);
}

// -- log_path --------------------------------------------------------------------------------------------------------

/// Who runs this, as Python's getpass.getuser() says it.
static const char *user_name(void) {
    static const char *const names[] = {"LOGNAME", "USER", "LNAME", "USERNAME"};
    const char *user = NULL;
    for (size_t i = 0; i < COUNTOF(names) && !(user && *user); i++) {
        user = getenv(names[i]);
    }
    struct passwd *me = user && *user ? NULL : getpwuid(getuid());
    return me ? me->pw_name : user && *user ? user : "unknown";
}

static void open_log(struct output *o, const char *path) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    o->log = fd >= 0 ? fdopen(fd, "a") : NULL;
    if (!o->log) {
        out_warning(o, "WARNING",
                    str_printf(&o->scratch,
                               "log file at %s is not writeable and we cannot create it: no log is written", path));
    }
}

/// "2030-01-01 10:00:00,123 p=42 u=root n=ansible | TEXT": masked, without colours.
static void write_log(struct output *o, struct str masked) {
    struct timespec t;
    struct tm tm;
    char when[40];
    if (!o->log || !masked.n) {
        return;
    }
    while (str_starts(masked, "\n")) {
        masked = str_sub(masked, 1, masked.n);
    }
    clock_gettime(CLOCK_REALTIME, &t);
    localtime_r(&t.tv_sec, &tm);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
    fprintf(o->log, "%s,%03ld p=%ld u=%s n=ansible | ", when, t.tv_nsec / 1000000, (long)getpid(), user_name());
    for (size_t i = 0; i < masked.n; i++) {
        if (masked.s[i] == '\033' && i + 1 < masked.n && masked.s[i + 1] == '[') {
            while (i < masked.n && masked.s[i] != 'm') {
                i++;
            }
            continue;
        }
        fputc(masked.s[i], o->log);
    }
    fputc('\n', o->log);
    fflush(o->log);
}

void output_text(struct output *o, struct str text) {
    struct str s = mask_apply(o->mask, &o->scratch, text);
    write_log(o, str_rtrim(s));
    fwrite(s.s ? s.s : "", 1, s.n, o->opts.out);
    fflush(o->opts.out);
    arena_reset(&o->scratch);
}

void out_line(struct output *o, bool to_err, enum color color, struct str text) {
    FILE *f = to_err ? o->opts.err : o->opts.out;
    struct str s = mask_apply(o->mask, &o->scratch, text);
    write_log(o, s);
    bool paint = o->opts.color && color != COLOR_NONE && s.n > 0;
    struct str rest = s;
    struct str line;
    while (paint && str_next(&rest, '\n', &line)) {  // each line by itself, for what reads the output by lines
        fprintf(f, "%s%.*s\033[0m%s", out_color(o, color), STR(line), rest.s ? "\n" : "");
    }
    fwrite(s.s && !paint ? s.s : "", 1, paint ? 0 : s.n, f);
    fputc('\n', f);
    fflush(f);
}

void out_printf(struct output *o, enum color color, const char *fmt, ...) {
    struct buf b = BUF_IN(&o->scratch);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        return;
    }
    char *p = buf_reserve(&b, (size_t)n);
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b.n = (size_t)n;
    out_line(o, color == COLOR_VERBOSE && o->opts.verbose_stderr, color, buf_view(&b));
}

void out_remark(struct output *o, int level, struct str text) {
    if (o->opts.verbosity >= level) {
        out_printf(o, COLOR_VERBOSE, "%.*s", STR(text));
    } else if (o->opts.log_verbosity >= level) {
        write_log(o, mask_apply(o->mask, &o->scratch, text));
    }
}

void out_banner(struct output *o, struct str text) {
    text = str_trim(mask_apply(o->mask, &o->scratch, text));
    size_t width = utf8_len(text);
    size_t columns = o->opts.columns > 0 ? (size_t)o->opts.columns : 79;
    size_t stars = columns > width + 3 ? columns - width : 3;
    struct buf b = BUF_IN(&o->scratch);
    buf_char(&b, '\n');
    buf_str(&b, text);
    buf_char(&b, ' ');
    for (size_t i = 0; i < stars; i++) {
        buf_char(&b, '*');
    }
    out_line(o, false, COLOR_NONE, buf_view(&b));
}

// Wraps words at the screen's width, as Python's textwrap does for plain text.
static struct str wrap(struct output *o, struct str text) {
    size_t columns = o->opts.columns > 0 ? (size_t)o->opts.columns : 79;
    struct buf b = BUF_IN(&o->scratch);
    size_t col = 0;
    for (size_t i = 0; i < text.n;) {
        while (i < text.n && strchr(" \t\n\r", text.s[i])) {
            i++;
        }
        size_t end = i;
        while (end < text.n && !strchr(" \t\n\r", text.s[end])) {
            end++;
        }
        struct str word = str_sub(text, i, end);
        size_t len = utf8_len(word);
        if (col > 0 && len > 0) {
            bool fits = col + 1 + len <= columns;
            buf_char(&b, fits ? ' ' : '\n');
            col = fits ? col + 1 : 0;
        }
        buf_str(&b, word);
        col += len;
        i = end;
    }
    return buf_view(&b);
}

void out_warning(struct output *o, const char *kind, struct str text) {
    struct str full = wrap(o, str_printf(&o->scratch, "[%s]: %.*s", kind, STR(text)));
    if (map_get(&o->warned, full)) {
        return;
    }
    map_put(&o->warned, &o->arena, str_dup(&o->arena, full), o);
    out_line(o, true, strcmp(kind, "WARNING") == 0 ? COLOR_WARN : COLOR_DEPRECATE, full);
}

struct val out_masked(struct output *o, struct val v) {
    if (!val_any_flag(v, VAL_SECRET)) {
        return v;
    }
    if (val_is_seq(v)) {
        struct val out = val_list(&o->scratch, v.u.l->n);
        for (size_t i = 0; i < v.u.l->n; i++) {
            val_push(&o->scratch, out, out_masked(o, v.u.l->items[i]));
        }
        return out;
    }
    if (v.kind == VAL_DICT) {
        struct val out = val_dict(&o->scratch, v.u.d->live);
        size_t i = 0;
        for (struct vpair *p; (p = val_each(v, &i));) {
            val_set_key(&o->scratch, out, p->key, out_masked(o, p->value));
        }
        return out;
    }
    return val_z(&o->scratch, MASKED);
}

// One side of a diff as text: dicts are printed as results are, sorted, as Ansible does.
static struct str diff_side(struct output *o, struct val v) {
    if (v.kind == VAL_DICT || val_is_seq(v)) {
        return out_structure(o, v);
    }
    return v.kind == VAL_STR ? (v.flags & VAL_SECRET ? STR_LIT(MASKED "\n") : val_text(v)) : STR_LIT("");
}

/// Why a side is not shown, as Ansible words it.
static void left_out(struct buf *b, struct val d) {
    static const char *const sides[][2] = {{"dst", "destination"}, {"src", "source"}};
    for (size_t i = 0; i < 2; i++) {
        char key[16];
        snprintf(key, sizeof key, "%s_binary", sides[i][0]);
        if (val_has(d, key)) {
            buf_printf(b, "diff skipped: %s file appears to be binary\n", sides[i][1]);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        char key[16];
        int64_t max = 0;
        snprintf(key, sizeof key, "%s_larger", sides[i][0]);
        if (val_as_int(val_get(d, key), &max)) {
            buf_printf(b, "diff skipped: %s file size is greater than %lld\n", sides[i][1], (long long)max);
        }
    }
}

static void one_diff(struct output *o, struct buf *b, struct val d) {
    left_out(b, d);
    if (val_has(d, "before") && val_has(d, "after")) {
        struct str bh = val_text(val_get(d, "before_header"));
        struct str ah = val_text(val_get(d, "after_header"));
        size_t was = b->n;
        struct udiff_style style = {.context = o->opts.diff_context};
        if (o->opts.color) {
            style.add = out_color(o, COLOR_DIFF_ADD);
            style.remove = out_color(o, COLOR_DIFF_REMOVE);
            style.lines = out_color(o, COLOR_DIFF_LINES);
        }
        udiff(b, bh.n ? str_printf(&o->scratch, "before: %.*s", STR(bh)) : STR_LIT("before"),
              diff_side(o, val_get(d, "before")),
              ah.n ? str_printf(&o->scratch, "after: %.*s", STR(ah)) : STR_LIT("after"),
              diff_side(o, val_get(d, "after")), &style);
        if (b->n > was) {
            buf_char(b, '\n');
        }
    }
    if (val_has(d, "prepared")) {
        buf_str(b, val_text(val_get(d, "prepared")));
    }
}

struct str out_diff(struct output *o, struct val diffs) {
    struct buf b = BUF_IN(&o->scratch);
    if (diffs.kind == VAL_DICT) {
        one_diff(o, &b, diffs);
    }
    for (size_t i = 0; val_is_seq(diffs) && i < diffs.u.l->n; i++) {
        one_diff(o, &b, diffs.u.l->items[i]);
    }
    return buf_view(&b);
}
