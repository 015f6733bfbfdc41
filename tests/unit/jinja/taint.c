// What comes from targets, lookups and prompts is never evaluated and secrets stay secret: through every filter, with
// several kinds of input and arguments, through methods, concatenation and containers.
#include "test.h"

#include "jinja.h"
#include "plugin.h"

#include <sys/stat.h>
#include <unistd.h>

#define EVIL  "{{ lookup('pipe', 'touch " TRACE "') }}"
#define TRACE "/tmp/play-taint-test"

static struct val vars;

static bool get_var(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    (void)self;
    (void)a;
    (void)e;
    *out = val_get_str(vars, name);
    return true;
}

/// Variables that hold the text in every shape a filter may want.
static void make_vars(struct arena *a, unsigned flags) {
    struct val evil = val_flag(val_z(a, EVIL), flags), list = val_list(a, 2), dict = val_dict(a, 2);
    struct val rows = val_list(a, 2), pairs = val_list(a, 1), pair = val_list(a, 2), item = val_dict(a, 2);
    val_push(a, list, evil);
    val_push(a, list, evil);
    val_set_key(a, dict, evil, evil);
    val_set(a, dict, "k", evil);
    val_push(a, rows, dict);
    val_set(a, item, "key", val_z(a, "n"));
    val_set(a, item, "value", evil);
    val_set(a, item, "name", evil);
    val_set(a, item, "l", list);
    val_push(a, rows, item);
    val_push(a, pair, val_z(a, "n"));
    val_push(a, pair, evil);
    val_push(a, pairs, pair);
    struct val items = val_list(a, 1);
    val_push(a, items, item);
    vars = val_dict(a, 8);
    val_set(a, vars, "evil", evil);
    val_set(a, vars, "list", list);
    val_set(a, vars, "dict", dict);
    val_set(a, vars, "rows", rows);
    val_set(a, vars, "items", items);
    val_set(a, vars, "pairs", pairs);
    val_set(a, vars, "json", val_flag(val_z(a, "{\"a\": \"" EVIL "\"}"), flags));
    val_set(a, vars, "b64", val_flag(val_z(a, "e3sgbG9va3VwKCdwaXBlJywgJ3RvdWNoIFgnKSB9fQ=="), flags));
    val_set(a, vars, "number", val_flag(val_z(a, "12"), flags));
    val_set(a, vars, "net", val_flag(val_z(a, "10.0.0.1/24"), flags));
    val_set(a, vars, "mac", val_flag(val_z(a, "00:11:22:33:44:55"), flags));
    val_set(a, vars, "csv", val_flag(val_z(a, "a,b\n" EVIL ",x\n"), flags));
    val_set(a, vars, "ini", val_flag(val_z(a, "[a]\nb = " EVIL "\n"), flags));
    val_set(a, vars, "span", val_flag(val_z(a, "1h 2min"), flags));
    val_set(a, vars, "date", val_flag(val_z(a, "2024-01-02 03:04:05"), flags));
    val_set(a, vars, "size", val_flag(val_z(a, "12 MB"), flags));
    struct val sections = val_dict(a, 1), ips = val_list(a, 1);
    val_set(a, sections, "s", dict);
    val_set(a, vars, "sections", sections);
    val_push(a, ips, val_flag(val_z(a, "10.0.0.1"), flags));
    val_set(a, vars, "ips", ips);
}

struct tally {
    size_t tried, worked, bad;
};

/// Renders once; what comes out must not be a template, must not become one when it is templated again, and must be
/// secret when what went in was.
static bool render(struct jinja_cache *cache, struct arena *a, const char *text, bool secret, struct tally *t) {
    struct err e = {.arena = a};
    struct jinja_ctx ctx = {.a = a, .cache = cache, .opts = &jinja_opts_ansible};
    struct val src = val_flag(val_z(a, text), VAL_TRUSTED | VAL_TMPL), out = VNULL, again = VNULL;
    ctx.scope.get = get_var;
    t->tried++;
    if (!jinja_string(&ctx, src, &out, &e)) {
        return false;
    }
    t->worked++;
    bool marked = val_any_flag(out, VAL_TRUSTED | VAL_TMPL);
    bool kept = !secret || ctx.state.secret || val_any_flag(out, VAL_SECRET) || out.kind == VAL_BOOL ||
                out.kind == VAL_NULL || (out.kind == VAL_STR && !val_text(out).n) ||
                ((out.kind == VAL_LIST || out.kind == VAL_DICT) && !val_len(out));
    bool same = jinja_value(&ctx, out, &again, &e) && val_equal(out, again);
    struct stat st;
    bool ran = stat(TRACE, &st) == 0;
    if (marked || !kept || !same || ran) {
        print_error("%s: %s%s%s%s\n", text, marked ? "is trusted " : "", kept ? "" : "is not secret ",
                    same ? "" : "changes when it is templated again ", ran ? "RAN" : "");
        t->bad++;
        (void)unlink(TRACE);
    }
    return true;
}

static const char *const inputs[] = {"evil", "list", "dict", "rows", "items", "pairs", "json", "b64", "number",
                                     "net",  "mac",  "csv",  "ini",  "span",  "date",  "size", "ips", "sections"};
static const char *const arguments[] = {"",
                                        "()",
                                        "('name')",
                                        "(evil)",
                                        "(2)",
                                        "('%s', evil)",
                                        "(evil, evil)",
                                        "('(.*)', evil)",
                                        "(list)",
                                        "(dict)",
                                        "('upper')",
                                        "('name', 'eq', evil)",
                                        "('sha512', 'saltsalt')",
                                        "('l')",
                                        "('10.0.0.0/8')",
                                        "('@')",
                                        "(target='k')",
                                        "(target=[{'before': 'k', 'after': 'x'}])",
                                        "('00:11:22:33:44:55')",
                                        "(list, 'name')",
                                        "(fillvalue=evil)"};

/// True when at least one combination worked.
static bool try_filter(struct jinja_cache *cache, const char *name, bool secret, struct tally *t) {
    bool any = false;
    for (size_t i = 0; i < COUNTOF(inputs); i++) {
        struct arena a = {0};
        make_vars(&a, secret ? VAL_SECRET : 0);
        for (size_t k = 0; k < COUNTOF(arguments); k++) {
            any =
                render(cache, &a, arena_printf(&a, "{{ %s | %s%s }}", inputs[i], name, arguments[k]), secret, t) || any;
            if (k < 4) {
                (void)render(cache, &a, arena_printf(&a, "a {{ %s | %s%s }} b", inputs[i], name, arguments[k]), secret,
                             t);
            }
        }
        arena_release(&a);
    }
    return any;
}

static void every_filter(bool secret) {
    // vault and unvault work with what the host lends; path filters look at the file system.
    static const char *const silent[] = {"vault", "unvault"};
    struct jinja_cache *cache = jinja_cache_new();
    struct tally t = {0};
    (void)unlink(TRACE);
    for (size_t i = 0; i < filter_count; i++) {
        const char *full = filter_table[i].it->fqcn;
        bool excused = false;
        for (size_t k = 0; k < COUNTOF(silent); k++) {
            excused = excused || strcmp(silent[k], filter_table[i].name) == 0;
        }
        if (!try_filter(cache, full ? full : filter_table[i].name, secret, &t) && !excused) {
            print_error("filter %s took none of the inputs\n", filter_table[i].name);
            t.bad++;
        }
    }
    jinja_cache_free(cache);
    print_message("%zu tried, %zu worked, %zu bad\n", t.tried, t.worked, t.bad);
    CHECK(t.worked > 3000);
    CHECK(t.bad == 0);
}

TEST(untrusted_text_stays_so_through_every_filter) {
    every_filter(false);
}

TEST(secrets_stay_secret_through_every_filter) {
    every_filter(true);
}

static const char *const expressions[] = {"{{ evil }}",
                                          "a{{ evil }}b",
                                          "{{ evil ~ 'x' }}",
                                          "{{ 'x' ~ evil }}",
                                          "{{ evil + 'x' }}",
                                          "{{ evil * 2 }}",
                                          "{{ evil[2:] }}",
                                          "{{ evil[:-2] ~ '}}' }}",
                                          "{{ '{' ~ evil[1:] }}",
                                          "{{ [evil] }}",
                                          "{{ {'a': evil} }}",
                                          "{{ (evil, evil) }}",
                                          "{{ evil if true else 'x' }}",
                                          "{{ nosuch | default(evil) }}",
                                          "{{ '%s' % evil }}",
                                          "{{ '%s' | format(evil) }}",
                                          "{{ '{}'.format(evil) }}",
                                          "{{ evil.upper() }}",
                                          "{{ evil.lower() }}",
                                          "{{ evil.strip() }}",
                                          "{{ evil.split(' ') }}",
                                          "{{ evil.split(' ') | join(' ') }}",
                                          "{{ evil.replace('X', 'Y') }}",
                                          "{{ 'a'.join(list) }}",
                                          "{{ 'aXb'.replace('X', evil) }}",
                                          "{{ evil.partition(' ') }}",
                                          "{{ evil.splitlines() }}",
                                          "{{ evil.title() }}",
                                          "{{ evil.center(200) }}",
                                          "{{ evil.zfill(200) }}",
                                          "{{ evil.encode('utf-8') }}",
                                          "{{ evil.removeprefix('x') }}",
                                          "{{ dict.items() | list }}",
                                          "{{ dict.keys() | list }}",
                                          "{{ dict.values() | list }}",
                                          "{{ dict.k }}",
                                          "{{ dict['k'] }}",
                                          "{{ dict.get('k') }}",
                                          "{{ dict.get('no', evil) }}",
                                          "{{ list[0] }}",
                                          "{{ list.0 }}",
                                          "{{ list.copy() }}",
                                          "{{ list.pop() }}",
                                          "{% set x = evil %}{{ x }}",
                                          "{% set x %}{{ evil }}{% endset %}{{ x }}",
                                          "{% for x in list %}{{ x }}{% endfor %}",
                                          "{% for k, v in dict.items() %}{{ k }}{{ v }}{% endfor %}",
                                          "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(evil) }}",
                                          "{% filter upper %}{{ evil }}{% endfilter %}",
                                          "{% if evil %}{{ evil }}{% endif %}",
                                          "{% set l = [] %}{% set _ = l.append(evil) %}{{ l }}",
                                          "{% set ns = namespace(a='') %}{% set ns.a = evil %}{{ ns.a }}",
                                          "{{ [evil, 'a'] | join }}",
                                          "{{ rows[0].k }}",
                                          "{{ (json | from_json).a }}",
                                          "{{ (ini | community.general.from_ini).a.b }}",
                                          "{% with y = evil %}{{ y }}{% endwith %}",
                                          "{{ evil | first ~ evil[1:] }}",
                                          "{{ cycler(evil).next() }}",
                                          "{{ dict(a=evil) }}",
                                          "{{ evil is defined }}{{ evil }}"};

static void every_expression(bool secret) {
    struct jinja_cache *cache = jinja_cache_new();
    struct tally t = {0};
    (void)unlink(TRACE);
    for (size_t i = 0; i < COUNTOF(expressions); i++) {
        struct arena a = {0};
        make_vars(&a, secret ? VAL_SECRET : 0);
        (void)render(cache, &a, expressions[i], secret, &t);
        arena_release(&a);
    }
    jinja_cache_free(cache);
    CHECK(t.worked + 2 >= COUNTOF(expressions));
    CHECK(t.bad == 0);
}

TEST(untrusted_text_stays_so_through_expressions) {
    every_expression(false);
}

TEST(secrets_stay_secret_through_expressions) {
    every_expression(true);
}
