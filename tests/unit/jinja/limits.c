// Nothing that a template asks for may hang or use up memory: each cap gives an error that names it, in bounded time.
#include "test.h"

#include "jinja.h"
#include "regex.h"

static bool render(struct arena *a, const char *text, struct err *e) {
    struct jinja_ctx c = {.a = a, .opts = &jinja_opts_plain};
    struct str out;
    struct str self = STR_LIT("{% include 'self' %}"), base = STR_LIT("{% extends 'base' %}");
    struct map templates = {0};
    map_put(&templates, a, STR_LIT("self"), &self);
    map_put(&templates, a, STR_LIT("base"), &base);
    c.templates = &templates;
    return jinja_render(&c, str_from(text), NO_MARK, &jinja_opts_plain, &out, e);
}

TEST(what_templates_ask_for_is_capped) {
    static const struct {
        const char *text, *says;
    } all[] = {
        {"{{ ('a' * 40 ~ '!') | regex_search('(a+)+$') }}", "gave up"},
        {"{{ ('a' * 40 ~ '!') | regex_replace('^(a|aa)+$', 'x') }}", "gave up"},
        {"{{ ('a' * 40 ~ '!') | regex_findall('(a+)+$') }}", "gave up"},
        {"{{ ('a' * 40 ~ '!') is match('(a+)+$') }}", "gave up"},
        {"{{ ['a' * 40 ~ '!'] | select('search', '(a|a)*$') | list }}", "gave up"},
        {"{% for i in range(200) %}{{ ('a' * i ~ '!') | regex_search('(a+)+$') }}{% endfor %}", "gave up"},
        {"{% for i in range(99) %}{{ ('ab' * 8000000) | regex_search('(a|b)*c') }}{% endfor %}", "gave up"},
        {"{{ ('a' * 1000000) | regex_replace('a', 'b' * 1000) }}", "grow by more than 67108864 bytes"},
        {"{% set l = range(100000) | list %}{% for i in l %}{% for k in l %}{% endfor %}{% endfor %}",
         "loops of more than"},
        {"{% for i in range(1000000) %}{% set x = range(100000) | list %}{% endfor %}", "MiB of memory"},
        {"{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}", "grows beyond"},
        {"{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
         "grows beyond"},
        {"{% for i in range(100000) %}{{ 'a' * 10000 }}{% endfor %}", "output grows beyond"},
        {"{% set x %}{% for i in range(100000) %}{{ 'a' * 10000 }}{% endfor %}{% endset %}", "output grows beyond"},
        {"{% set l = [1] %}{% for i in l %}{% set _ = l.insert(0, 9) %}{% endfor %}", "loops of more than"},
        {"{{ range(1000001) }}", "range() of more than 1000000 numbers"},
        {"{{ 'ab' * 100000000 }}", "repeated 100000000 times"},
        {"{{ [1] * 10000000 }}", "repeated 10000000 times"},
        {"{{ (1, 2) * 10000000 }}", "repeated 10000000 times"},
        {"{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}", "nested deeper"},
        {"{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}", "nested deeper"},
        {"{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}", "nested deeper"},
        {"{% include 'self' %}", "nested deeper"},
        {"{% extends 'base' %}", "nested deeper"},
        {"{% set l = [] %}{% set _ = l.append(l) %}{{ l }}", "contain itself"},
        {"{{ 9 ** 999999 }}", "4300 digits"},
        {"{{ '%1000000000d' | format(1) }}", "larger than 100000"},
        {"{{ ('a' * 1000000) | replace('a', 'b' * 1000) }}", "longer than 67108864 bytes"},
        {"{{ (['a' * 1000] * 100000) | join }}", "longer than 67108864 bytes"},
    };
    for (size_t i = 0; i < COUNTOF(all); i++) {
        struct arena a = {0};
        struct err e = {.arena = &a};
        clock_t start = clock();
        bool ok = render(&a, all[i].text, &e);
        double took = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (ok || e.code != ERR_LIMIT || !strstr(err_text(&e).s, all[i].says) || took > 60) {
            print_error("%s: %s (%.1f s)\n", all[i].text, ok ? "no error" : err_text(&e).s, took);
        }
        CHECK(!ok && e.code == ERR_LIMIT && strstr(err_text(&e).s, all[i].says));
        CHECK(took < 60);
        arena_release(&a);
    }
}

/// A regex turns into machine code when it was used a while: what it finds stays the same.
TEST(machine_code_finds_what_the_interpreter_finds) {
    static const char *const patterns[] = {"^(\\w+)-(\\d+)$", "(?i)straße|ünder", "(?P<a>x)?y*",
                                           "\\bfoo\\b",       "a{2,3}?(b|c)*",    "(?<=-)\\d",
                                           "[^\\W\\d_]+",     "(a)|(b)|c",        ""};
    static const char *const texts[] = {"host-12", "STRASSE Straße ÜNDER", "xyyy", "a foo b", "aaabcbc", "-1-2",
                                        "é1_b",    "\xff-12\xc3",          "c",    ""};
    for (size_t p = 0; p < COUNTOF(patterns); p++) {
        struct arena a = {0};
        struct err e = {.arena = &a};
        struct regex *warm = regex_compile(&a, str_from(patterns[p]), 0, NO_MARK, &e);
        for (int i = 0; i < 100; i++) {
            CHECK(regex_exec(warm, STR_LIT("some text to become warm with"), 0, REGEX_SEARCH, &a, NULL, &e) >= 0);
        }
        for (size_t t = 0; t < COUNTOF(texts); t++) {
            struct regex *cold = regex_compile(&a, str_from(patterns[p]), 0, NO_MARK, &e);
            struct regex_match m[2] = {0};
            int rc = regex_exec(cold, str_from(texts[t]), 0, REGEX_SEARCH, &a, &m[0], &e);
            CHECK(regex_exec(warm, str_from(texts[t]), 0, REGEX_SEARCH, &a, &m[1], &e) == rc && rc >= 0);
            CHECK(m[0].n == m[1].n);
            CHECK(!rc || memcmp(m[0].from, m[1].from, sizeof *m[0].from * 2 * m[0].n) == 0);
        }
        arena_release(&a);
    }
}

static void count(void *p) {
    ++*(int *)p;
}

TEST(arenas_call_what_asked_for_their_end) {
    int n = 0;
    struct arena a = {0};
    arena_at_end(&a, count, &n);
    arena_at_end(&a, count, &n);
    CHECK(n == 0);
    arena_reset(&a);
    CHECK(n == 2);
    arena_at_end(&a, count, &n);
    arena_release(&a);
    arena_release(&a);
    CHECK(n == 3);
}
