// The rules of ansible-core 2.19 (compat = 2.19). Expected results are those of its porting guide and of its templating
// engine's documentation; Debian has no version to record them from.
#include "test.h"

#include "jinja.h"

static struct val vars;

static bool get_var(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    (void)self;
    (void)a;
    (void)e;
    *out = val_get_str(vars, name);
    return true;
}

static struct jinja_ctx context(struct arena *a, struct jinja_cache *cache, bool v219) {
    vars = val_dict(a, 8);
    val_set(a, vars, "inventory_hostname", val_z(a, "localhost"));
    val_set(a, vars, "value", val_int(1));
    val_set(a, vars, "items", val_list(a, 1));
    val_push(a, val_get(vars, "items"), val_int(1));
    val_set(a, vars, "result", val_dict(a, 1));
    val_set(a, vars, "untrusted", val_z(a, "{{ value }}"));
    val_set(a, vars, "truth", val_mark_templates(val_flag(val_z(a, "{{ 1 == 1 }}"), VAL_TRUSTED)));
    return (struct jinja_ctx){.a = a,
                              .cache = cache,
                              .opts = &jinja_opts_ansible,
                              .scope = {.get = get_var},
                              .native = v219,
                              .v219 = v219,
                              .strict_conditions = v219};
}

struct condition {
    const char *text;
    int old, new;      // 0, 1, or -1: an error
    const char *says;  // part of the error of 2.19
};

static int truth(struct condition c, bool v219, bool strict, struct jinja_cache *cache, const char *says) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct jinja_ctx ctx = context(&a, cache, v219);
    bool out = false;
    ctx.strict_conditions = strict;
    bool ok = jinja_truth(&ctx, val_mark_templates(val_flag(val_z(&a, c.text), VAL_TRUSTED)), &out, &e);
    if (!ok && says) {
        CHECK(str_find(err_text(&e), 0, str_from(says)) != SIZE_MAX);
    }
    arena_release(&a);
    return ok ? out : -1;
}

TEST(compat_conditions) {
    static const struct condition cases[] = {
        {"inventory_hostname", 1, -1, "derived from value of type 'str'. Conditionals must have a boolean result."},
        {"inventory_hostname | length > 0", 1, 1, NULL},
        {"inventory_hostname is defined and 'inventory_hostname | length > 0'", 1, -1, "of type 'str'"},
        {"inventory_hostname is contains \"local\" ~ \"host\"", 1, -1, "of type 'str'"},
        {"inventory_hostname is contains(\"local\" ~ \"host\")", 1, 1, NULL},
        {"1 + {{ value }} == 2", 1, -1, "expected token ':', got '}'"},
        {"1 + value == 2", 1, 1, NULL},
        {"{{ value == 1 }}", 1, 1, NULL},
        {"{{ value }}", 1, -1, "of type 'int'"},
        {"'{{ value + 1 }}' == 2", 0, 1, NULL},
        {"value", 1, -1, "of type 'int'"},
        {"items", 1, -1, "of type 'list'"},
        {"not items", 0, 0, NULL},
        {"items and value == 1", 1, 1, NULL},
        {"truth", 1, 1, NULL},
        {"none", 0, -1, "of type 'NoneType'"},
        {"", 1, -1, "Empty conditional expressions are not allowed."},
        {"result.exists is false", 0, -1, "exists"},
        {"missing is string", 0, -1, "'missing' is undefined"},
        {"missing is defined", 0, 0, NULL},
        {"missing | default(true)", 1, 1, NULL},
        {"missing | upper | default('') == ''", -1, 1, NULL},
    };
    struct jinja_cache *cache = jinja_cache_new();
    size_t bad = 0;
    for (size_t i = 0; i < COUNTOF(cases); i++) {
        struct condition c = cases[i];
        int old = truth(c, false, false, cache, NULL);
        int new = truth(c, true, true, cache, c.says);
        if (old != c.old || new != c.new) {
            print_error("%s: want %d and %d, got %d and %d\n", c.text, c.old, c.new, old, new);
            bad++;
        }
    }
    CHECK(truth((struct condition){.text = "value"}, true, false, cache, NULL) == 1);  // ALLOW_BROKEN_CONDITIONALS
    CHECK(truth((struct condition){.text = "value"}, false, true, cache, NULL) == -1);
    jinja_cache_free(cache);
    assert_int_equal(bad, 0);
}

TEST(compat_values) {
    static const struct {
        const char *text, *old, *new;  // as repr
    } cases[] = {
        {"{{ ['test1', 'test2'] | replace('test', 'prod') }}", "['prod1', 'prod2']", "\"['prod1', 'prod2']\""},
        {"{{ ['test1', 'test2'] | map('replace', 'test', 'prod') }}", "['prod1', 'prod2']", "['prod1', 'prod2']"},
        {"[{{ value }}, 2]", "[1, 2]", "'[1, 2]'"},
        {"{{ value }}", "1", "1"},
        {"{{ value + 1 }}", "'2'", "2"},
        {"{{ '[1]' }}", "[1]", "'[1]'"},
        {"x{{ none }}y", "'xy'", "'xy'"},
        {"{{ none }}{{ 'y' }}", "'y'", "'y'"},
        {"{{ none }}", "''", "None"},
        {"{% if false %}x{% endif %}", "''", "None"},
        {"{{ missing | upper | default('d') }}", "'missing' is undefined", "'d'"},
        {"{{ untrusted }}", "'{{ value }}'", "'{{ value }}'"},
        {"{{ 'a' | type_debug }}", "'str'", "'str'"},
    };
    struct jinja_cache *cache = jinja_cache_new();
    size_t bad = 0;
    for (size_t i = 0; i < COUNTOF(cases) * 2; i++) {
        struct arena a = {0};
        struct err e = {.arena = &a};
        struct jinja_ctx ctx = context(&a, cache, i % 2 == 1);
        struct val v;
        struct buf b = BUF_IN(&a);
        const char *want = i % 2 ? cases[i / 2].new : cases[i / 2].old;
        bool ok = jinja_string(&ctx, val_mark_templates(val_flag(val_z(&a, cases[i / 2].text), VAL_TRUSTED)), &v, &e);
        if (ok) {
            val_to_repr(&b, v);
        }
        struct str got = ok ? buf_view(&b) : err_text(&e);
        if (!str_eqz(got, want)) {
            print_error("%s\n  want [%s]\n  got  [%.*s]\n", cases[i / 2].text, want, STR(got));
            bad++;
        }
        arena_release(&a);
    }
    jinja_cache_free(cache);
    assert_int_equal(bad, 0);
}
