// The engine's rules that need more than a template and its text: places of errors, secrets, trust, loops, caps,
// checks.
#include "test.h"

#include "jinja.h"
#include "plugin.h"

struct fixture {
    struct arena a;
    struct err e;
    struct val vars;
    struct jinja_ctx c;
    unsigned asked;  // how often the scope was asked
};

static bool fixture_get(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    struct fixture *f = self;
    (void)a;
    (void)e;
    f->asked++;
    *out = val_get_str(f->vars, name);
    return true;
}

static void fixture_names(void *self, void (*offer)(void *, struct str), void *to) {
    struct fixture *f = self;
    size_t i = 0;
    for (struct vpair *p = val_each(f->vars, &i); p; p = val_each(f->vars, &i)) {
        offer(to, val_text(p->key));
    }
}

static void setup(struct fixture *f) {
    *f = (struct fixture){0};
    f->e.arena = &f->a;
    f->vars = val_dict(&f->a, 8);
    f->c = (struct jinja_ctx){.a = &f->a, .opts = &jinja_opts_ansible};
    f->c.scope = (struct jinja_scope){.self = f, .get = fixture_get, .names = fixture_names};
}

static void set(struct fixture *f, const char *name, const char *text, unsigned flags) {
    struct val v = val_flag(val_z(&f->a, text), flags);
    val_set(&f->a, f->vars, name, flags & VAL_TRUSTED ? val_mark_templates(v) : v);
}

static struct val tmpl(struct fixture *f, const char *text) {
    return val_mark_templates(val_flag(val_z(&f->a, text), VAL_TRUSTED));
}

static struct val string(struct fixture *f, const char *text) {
    struct val out = {0};
    bool ok = jinja_string(&f->c, tmpl(f, text), &out, &f->e);
    if (!ok) {
        print_error("%s\n", err_text(&f->e).s);
    }
    CHECK(ok);
    return out;
}

/// The message of what must fail.
static struct str failure(struct fixture *f, const char *text) {
    struct val out = {0};
    err_clear(&f->e);
    CHECK(!jinja_string(&f->c, tmpl(f, text), &out, &f->e));
    return err_text(&f->e);
}

TEST(errors_point_into_the_template) {
    struct fixture f;
    setup(&f);
    struct str src = STR_LIT("- msg: 'is {{ nope }}'\n");
    struct mark base = mark_source("play.yml", src, 0);
    struct val t = tmpl(&f, "is {{ nope }}"), out;
    t.mark = (struct mark){base.at + 7};
    CHECK(!jinja_string(&f.c, t, &out, &f.e));
    struct place p = mark_place(f.e.at);
    CHECK(p.line == 1 && p.col == 15);
    CHECK(f.e.code == ERR_UNDEFINED);
    arena_release(&f.a);
}

TEST(files_with_crlf_keep_their_places) {
    struct fixture f;
    setup(&f);
    struct str src = STR_LIT("a\r\nb\r\n{{ nope }}\r\n"), out;
    struct mark base = mark_source("t.j2", src, 0);
    CHECK(!jinja_render(&f.c, src, base, &jinja_opts_file, &out, &f.e));
    struct place p = mark_place(f.e.at);
    CHECK(p.line == 3 && p.col == 4);
    arena_release(&f.a);
}

TEST(a_wrong_name_gets_a_suggestion) {
    struct fixture f;
    setup(&f);
    set(&f, "http_port", "80", VAL_TRUSTED);
    CHECK_STR(failure(&f, "{{ htp_port }}"), "'htp_port' is undefined");
    CHECK_STR(str_from(f.e.hint), "did you mean 'http_port'?");
    failure(&f, "{{ 'a' | uper }}");
    CHECK_STR(str_from(f.e.hint), "did you mean 'upper'?");
    arena_release(&f.a);
}

TEST(secrets_spread) {
    struct fixture f;
    setup(&f);
    set(&f, "pw", "hunter2", VAL_TRUSTED | VAL_SECRET);
    set(&f, "url", "http://u:{{ pw }}@h", VAL_TRUSTED);
    static const char *const secret[] = {
        "{{ pw }}",
        "x{{ pw }}",
        "{{ url }}",
        "{{ pw | upper }}",
        "{{ pw.upper() }}",
        "{{ pw ~ 'x' }}",
        "{{ pw + 'x' }}",
        "{{ pw[1:] }}",
        "{{ pw[0] }}",
        "{{ '%s' % pw }}",
        "{{ '{}'.format(pw) }}",
        "{{ [pw] | join(',') }}",
        "{{ {'a': pw} | to_json }}",
        "{% set a = pw %}{{ a }}",
        "{% set a %}{{ pw }}{% endset %}{{ a }}",
        "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(pw) }}",
        "{% for c in pw %}{{ c }}{% endfor %}",
        "{% filter upper %}{{ pw }}{% endfilter %}",
        "{{ pw | length }}",
    };
    for (size_t i = 0; i < COUNTOF(secret); i++) {
        struct val v = string(&f, secret[i]);
        if (!(v.flags & VAL_SECRET)) {
            print_error("not secret: %s\n", secret[i]);
        }
        CHECK(v.flags & VAL_SECRET);
        CHECK(f.c.state.secret);
    }
    CHECK(val_any_flag(string(&f, "{{ [pw, 'a'] }}"), VAL_SECRET));
    CHECK(val_any_flag(string(&f, "{{ pw.split('t') }}"), VAL_SECRET));
    CHECK(!(string(&f, "{{ pw == 'x' }}").flags & VAL_SECRET));
    CHECK(!(string(&f, "plain {{ 1 }}").flags & VAL_SECRET));
    CHECK(!f.c.state.secret);
    arena_release(&f.a);
}

TEST(untrusted_text_is_never_evaluated) {
    struct fixture f;
    setup(&f);
    bool yes;
    struct val out;
    set(&f, "out", "{{ 1 + 1 }}", 0);
    set(&f, "cond", "1 == 1", 0);
    CHECK_STR(val_text(string(&f, "{{ out }}")), "{{ 1 + 1 }}");
    CHECK(!(string(&f, "{{ out }}").flags & (VAL_TRUSTED | VAL_TMPL)));
    CHECK(!(string(&f, "a{{ out }}").flags & VAL_TRUSTED));
    CHECK(string(&f, "a{{ 'b' }}").flags & VAL_TRUSTED);
    CHECK(jinja_string(&f.c, val_z(&f.a, "{{ 1 }}"), &out, &f.e));
    CHECK_STR(val_text(out), "{{ 1 }}");
    CHECK(!jinja_truth(&f.c, val_z(&f.a, "1 == 1"), &yes, &f.e) && f.e.code == ERR_TYPE);
    err_clear(&f.e);
    CHECK(!jinja_truth(&f.c, tmpl(&f, "{{ cond }}"), &yes, &f.e) && f.e.code == ERR_TYPE);
    arena_release(&f.a);
}

TEST(results_are_not_templated_again) {
    struct fixture f;
    setup(&f);
    set(&f, "x", "5", VAL_TRUSTED);
    struct val v = string(&f, "{{ '{{' }} x }}");
    CHECK_STR(val_text(v), "{{ x }}");
    CHECK(!(v.flags & VAL_TMPL));
    arena_release(&f.a);
}

TEST(variables_are_resolved_once_and_loops_are_named) {
    struct fixture f;
    setup(&f);
    set(&f, "a", "{{ b }}", VAL_TRUSTED);
    set(&f, "b", "v", VAL_TRUSTED);
    set(&f, "p", "{{ q }}", VAL_TRUSTED);
    set(&f, "q", "{{ p }}x", VAL_TRUSTED);
    string(&f, "{{ a }}{{ a }}{{ b }}");
    CHECK(f.asked == 2);
    jinja_ctx_changed(&f.c);
    string(&f, "{{ b }}");
    CHECK(f.asked == 3);
    CHECK_STR(failure(&f, "{{ p }}"), "recursive loop detected in template string: 'p' -> 'q' -> 'p'");
    arena_release(&f.a);
}

TEST(caps_hold) {
    struct fixture f;
    setup(&f);
    static const char *const too_much[] = {
        "{{ 'x' * 1000000000 }}",
        "{{ [0] * 1000000000 }}",
        "{{ range(1000000000) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 10 ** 4300 }}",
        "{{ 2 ** 99999999999 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{% set ns = namespace(s='x' * 1000000) %}{% for i in range(40) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    };
    for (size_t i = 0; i < COUNTOF(too_much); i++) {
        failure(&f, too_much[i]);
        if (f.e.code != ERR_LIMIT) {
            print_error("%s: %s\n", too_much[i], err_text(&f.e).s);
        }
        CHECK(f.e.code == ERR_LIMIT);
    }
    struct buf b = BUF_IN(&f.a);
    buf_z(&b, "{{ ");
    for (int i = 0; i < 100000; i++) {
        buf_char(&b, '(');
    }
    failure(&f, buf_view(&b).s);
    CHECK(f.e.code == ERR_LIMIT);
    f.c.output_cap = 100;
    failure(&f, "{% for i in range(50) %}xxxxxxxxx{% endfor %}");
    CHECK(f.e.code == ERR_LIMIT);
    CHECK(f.c.state.nesting == 0);
    arena_release(&f.a);
}

TEST(omit_survives) {
    struct fixture f;
    setup(&f);
    CHECK(string(&f, "{{ omit }}").kind == VAL_OMIT);
    CHECK(string(&f, "{{ nope | default(omit) }}").kind == VAL_OMIT);
    CHECK(val_at_index(string(&f, "{{ [omit] }}"), 0).kind == VAL_OMIT);
    arena_release(&f.a);
}

TEST(values_without_templates_are_shared) {
    struct fixture f;
    setup(&f);
    struct val list = val_list(&f.a, 1), out;
    val_push(&f.a, list, val_flag(val_z(&f.a, "a"), VAL_TRUSTED));
    val_set(&f.a, f.vars, "l", list);
    CHECK(jinja_value(&f.c, list, &out, &f.e) && out.u.l == list.u.l);
    CHECK(string(&f, "{{ l }}").u.l == list.u.l);
    CHECK(val_len(string(&f, "{% set _ = l.append(1) %}{{ l }}")) == 2);
    CHECK(list.u.l->n == 1);
    arena_release(&f.a);
}

TEST(check_finds_mistakes_without_running) {
    struct fixture f;
    setup(&f);
    static const char *const bad[] = {"{{ a | nosuch }}",       "{{ a is nosuch }}",
                                      "{{ lookup('nosuch') }}", "{{ a",
                                      "{% if %}{% endif %}",    "{% if false %}{{ a | nosuch }}{% endif %}"};
    struct jinja_cache *cache = jinja_cache_new();
    for (size_t i = 0; i < COUNTOF(bad); i++) {
        err_clear(&f.e);
        CHECK(!jinja_check(cache, tmpl(&f, bad[i]), &f.e));
    }
    err_clear(&f.e);
    CHECK(jinja_check(cache, tmpl(&f, "{{ a | default(b) | upper is string }}"), &f.e));
    CHECK(jinja_check_expr(cache, STR_LIT("a == 1 and b"), NO_MARK, &f.e));
    CHECK(!jinja_check_expr(cache, STR_LIT("a == )"), NO_MARK, &f.e));
    jinja_cache_free(cache);
    arena_release(&f.a);
}

static void check_names(struct fixture *f, const char *text, bool expr, const char *want, bool want_exact) {
    struct val names;
    struct buf b = BUF_IN(&f->a);
    bool exact;
    CHECK(jinja_free_names(NULL, tmpl(f, text), expr, &f->a, &names, &exact, &f->e));
    for (size_t i = 0; i < val_len(names); i++) {
        buf_printf(&b, "%s%.*s", i ? " " : "", STR(val_text(val_at_index(names, i))));
    }
    CHECK_STR(buf_view(&b), want);
    CHECK(exact == want_exact);
}

TEST(free_names) {
    struct fixture f;
    setup(&f);
    check_names(&f, "{{ a.b + c['d'] }} {{ range(e) }}", false, "a c e", true);
    check_names(&f, "{% for i in l if i > m %}{{ i }}{{ loop.index }}{% endfor %}{{ i }}", false, "l m i", true);
    check_names(&f, "{% set x = y %}{{ x }}{% with q = x %}{{ q }}{% endwith %}", false, "y", true);
    check_names(&f, "{% macro m(a, b=c) %}{{ a }}{{ b }}{{ d }}{% endmacro %}{{ m(e) }}", false, "c d e", true);
    check_names(&f, "a == 1 and b is defined", true, "a b", true);
    check_names(&f, "{{ vars['x'] }}", false, "vars", false);
    check_names(&f, "{{ lookup('vars', 'x') }}", false, "", false);
    arena_release(&f.a);
}

TEST(the_cache_gives_the_same_template) {
    struct fixture f;
    setup(&f);
    f.c.cache = jinja_cache_new();
    set(&f, "x", "1", VAL_TRUSTED);
    for (int i = 0; i < 5000; i++) {
        struct val t = tmpl(&f, str_printf(&f.a, "{{ x }}-%d", i % 2500).s), out;
        CHECK(jinja_string(&f.c, t, &out, &f.e));
        CHECK_STR(val_text(out), str_printf(&f.a, "1-%d", i % 2500).s);
    }
    struct str text;
    CHECK(jinja_render(&f.c, STR_LIT("{% if 1 %}\na{% endif %}"), NO_MARK, &jinja_opts_file, &text, &f.e));
    CHECK_STR(text, "a");
    CHECK(jinja_render(&f.c, STR_LIT("{% if 1 %}\na{% endif %}"), NO_MARK, &jinja_opts_plain, &text, &f.e));
    CHECK_STR(text, "\na");
    jinja_cache_free(f.c.cache);
    arena_release(&f.a);
}

TEST(lookups_can_be_refused) {
    struct fixture f;
    setup(&f);
    f.c.no_lookups = true;
    failure(&f, "{{ lookup('env', 'HOME') }}");
    CHECK(f.e.code == ERR_ARGS);
    failure(&f, "{{ q('env', 'HOME') }}");
    CHECK(f.e.code == ERR_ARGS);
    arena_release(&f.a);
}

TEST(plugins_are_found_by_every_name) {
    CHECK(filter_find(STR_LIT("default")) && filter_find(STR_LIT("default")) == filter_find(STR_LIT("d")));
    CHECK(filter_find(STR_LIT("ansible.builtin.to_json")) == filter_find(STR_LIT("to_json")));
    CHECK(jtest_find(STR_LIT("==")) && jtest_find(STR_LIT("==")) == jtest_find(STR_LIT("eq")));
    CHECK(!filter_find(STR_LIT("nosuch")) && !lookup_find(STR_LIT("nosuch")));
}
