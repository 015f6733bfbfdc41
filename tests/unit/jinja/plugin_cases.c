// Runs tests/cases/plugins/*.json: expressions whose results ansible-core's filters, tests and lookups gave
// (tests/oracle/plugins_oracle.py). A line with "accept" names a difference that is meant.
#include "test.h"

#include "fd.h"
#include "jinja.h"
#include "json.h"
#include "plugin.h"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES TEST_DATA "/cases/plugins/files"

static struct val plugin_vars;

static bool get_var(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    (void)self;
    (void)a;
    (void)e;
    *out = val_get_str(plugin_vars, name);
    return true;
}

static void var_names(void *self, void (*offer)(void *, struct str), void *to) {
    (void)self;
    size_t i = 0;
    for (struct vpair *p = val_each(plugin_vars, &i); p; p = val_each(plugin_vars, &i)) {
        offer(to, val_text(p->key));
    }
}

/// Ansible's search: <basedir>/<kind>/name, then <basedir>/name; absolute names as they are.
static bool find_file(void *self, const char *kind, struct str name, struct arena *a, struct str *path, struct err *e) {
    (void)self;
    const char *tries[] = {str_z(a, str_printf(a, FILES "/%s/%.*s", kind, STR(name))),
                           str_z(a, str_printf(a, FILES "/%.*s", STR(name)))};
    if (str_starts(name, "/")) {
        tries[0] = tries[1] = str_z(a, name);
    }
    for (size_t i = 0; i < COUNTOF(tries); i++) {
        struct stat st;
        if (stat(tries[i], &st) == 0) {
            *path = str_from(tries[i]);
            return true;
        }
    }
    return err_set(e, ERR_NOT_FOUND, NO_MARK, "no file '%.*s'", STR(name));
}

static bool read_file(void *self, struct str path, struct arena *a, struct str *text, bool *secret, struct err *e) {
    (void)self;
    *secret = false;
    return fd_read_file(str_z(a, path), 1 << 20, a, text, e);
}

static const struct jinja_host host = {
    .find = find_file, .read = read_file, .basedir = {FILES, sizeof FILES - 1}, .lookup_timeout_ms = 20000};

static bool run_plugin_case(struct arena *a, struct jinja_cache *cache, struct val c, struct str *text, struct err *e) {
    struct jinja_ctx ctx = {.a = a, .cache = cache, .opts = &jinja_opts_file, .host = &host};
    struct val out;
    ctx.scope = (struct jinja_scope){.get = get_var, .names = var_names};
    plugin_vars = val_get(c, "vars");
    if (!jinja_expr(&ctx, val_text(val_get(c, "template")), NO_MARK, false, &out, e)) {
        return false;
    }
    if (out.kind == VAL_UNDEF) {
        return err_set(e, ERR_UNDEFINED, NO_MARK, "the expression is undefined");
    }
    struct buf b = BUF_IN(a);
    // The oracle writes plain text.
    val_to_repr(&b, val_any_flag(out, VAL_MARKUP) ? val_reflag(a, out, VAL_MARKUP, 0) : out);
    *text = buf_view(&b);
    return true;
}

/// Replaces the directory of the test files, which the oracle does not write down.
static struct str neutral(struct arena *a, struct str s) {
    if (!s.n) {
        return s;  // an error's: there is no text
    }
    struct buf b = BUF_IN(a);
    size_t pos = 0, hit;
    while ((hit = str_find(s, pos, STR_LIT(FILES))) != SIZE_MAX) {
        buf_add(&b, s.s + pos, hit - pos);
        buf_z(&b, "@FILES@");
        pos = hit + sizeof FILES - 1;
    }
    buf_add(&b, s.s + pos, s.n - pos);
    return buf_view(&b);
}

static bool check_plugin_case(struct jinja_cache *cache, struct val c) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str got = STR_NONE, want = val_text(val_get(c, "out")), id = val_text(val_get(c, "id"));
    bool error = val_has(c, "error"), good;
    struct val accept = val_get(c, "accept");
    bool ok = run_plugin_case(&a, cache, c, &got, &e);
    got = neutral(&a, got);
    if (accept.kind == VAL_STR) {
        good = ok ? str_eq(got, val_text(accept)) : str_eqz(val_text(accept), "error");
    } else {
        good = error ? !ok : ok && str_eq(got, want);
    }
    if (!good) {
        struct str t = val_text(val_get(c, "template")), why = ok ? got : err_text(&e);
        struct str msg = error ? val_text(val_get(c, "error")) : want;
        print_error("%.*s: %.*s\n  want %s[%.*s]\n  got  %s[%.*s]\n", STR(id), STR(t), error ? "error " : "", STR(msg),
                    ok ? "" : "error ", STR(why));
    }
    arena_release(&a);
    return good;
}

static size_t run_plugin_file(struct jinja_cache *cache, const char *path, size_t *bad) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str text, line;
    size_t n = 0;
    CHECK(fd_read_file(path, (size_t)64 << 20, &a, &text, &e));
    while (str_next(&text, '\n', &line)) {
        struct val c;
        if (!line.n) {
            continue;
        }
        CHECK(json_parse(&a, line, &c, &e));
        *bad += !check_plugin_case(cache, c);
        n++;
    }
    arena_release(&a);
    return n;
}

TEST(plugin_cases) {
    static const char *const env[][2] = {
        {"PLUG_TEST", "hello"}, {"PLUG_EMPTY", ""}, {"HOME", "/home/tester"}, {"TZ", "UTC"}};
    glob_t files;
    size_t n = 0, bad = 0;
    struct jinja_cache *cache = jinja_cache_new();
    char *was = getcwd(NULL, 0);
    for (size_t i = 0; i < COUNTOF(env); i++) {
        CHECK(setenv(env[i][0], env[i][1], 1) == 0);  // NOLINT(concurrency-mt-unsafe): one thread
    }
    tzset();
    CHECK(chdir(FILES) == 0);
    CHECK(glob(TEST_DATA "/cases/plugins/*.json", 0, NULL, &files) == 0);  // NOLINT(concurrency-mt-unsafe)
    for (size_t i = 0; i < files.gl_pathc; i++) {
        n += run_plugin_file(cache, files.gl_pathv[i], &bad);
    }
    globfree(&files);
    jinja_cache_free(cache);
    CHECK(was && chdir(was) == 0);
    free(was);
    print_message("%zu cases, %zu differ\n", n, bad);
    CHECK(n >= 4900);
    CHECK(bad == 0);
}

/// Examples of the tables: each is an expression that is true.
static size_t run_example(struct jinja_cache *cache, const char *kind, const char *name, const char *example) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct jinja_ctx ctx = {.a = &a, .cache = cache, .opts = &jinja_opts_file, .host = &host};
    struct val out = VNULL;
    ctx.scope = (struct jinja_scope){.get = get_var, .names = var_names};
    plugin_vars = val_dict(&a, 0);
    bool ok = example && jinja_expr(&ctx, str_from(example), NO_MARK, false, &out, &e) && val_truth(out);
    if (!ok) {
        struct str why = e.code ? err_text(&e) : example ? STR_LIT("it is not true") : STR_LIT("there is none");
        print_error("%s %s: example [%s]: %.*s\n", kind, name, example ? example : "", STR(why));
    }
    arena_release(&a);
    return !ok;
}

TEST(plugin_examples_are_true) {
    struct jinja_cache *cache = jinja_cache_new();
    size_t bad = 0;
    CHECK(setenv("HOME", "/home/tester", 1) == 0);  // NOLINT(concurrency-mt-unsafe): one thread
    for (size_t i = 0; i < filter_count; i++) {
        bad += run_example(cache, "filter", filter_table[i].name, filter_table[i].it->example);
        CHECK(filter_table[i].it->doc && filter_table[i].it->params);
    }
    for (size_t i = 0; i < jtest_count; i++) {
        bad += run_example(cache, "test", jtest_table[i].name, jtest_table[i].it->example);
        CHECK(jtest_table[i].it->doc && jtest_table[i].it->params);
    }
    for (size_t i = 0; i < lookup_count; i++) {
        bad += run_example(cache, "lookup", lookup_table[i].name, lookup_table[i].it->example);
        CHECK(lookup_table[i].it->doc != NULL);
    }
    jinja_cache_free(cache);
    CHECK(bad == 0);
}
