// What comes from targets, lookups and prompts is never evaluated and secrets stay secret: through every filter, with
// several kinds of input and arguments, through methods, concatenation and containers.
#include "test.h"

#include "fd.h"
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
    val_set(a, vars, "ip", val_flag(val_z(a, "10.0.0.1"), flags));
    val_set(a, vars, "count", val_flag(val_int(12), flags));
    struct val sections = val_dict(a, 1), ips = val_list(a, 1);
    val_set(a, sections, "s", dict);
    val_set(a, vars, "sections", sections);
    val_push(a, ips, val_flag(val_z(a, "10.0.0.1"), flags));
    val_set(a, vars, "ips", ips);
}

struct tally {
    bool secret;  // what went in; else it was untrusted
    size_t tried, worked, bad;
};

/// Text that is in no secret: keys of the variables and words of the arguments.
static bool harmless(struct str s) {
    static const char *const words[] = {"k",    "key", "value", "name", "l",  "n",    "s",    "a",   "b",
                                        "data", "x",   "upper", "none", "eq", "list", "dict", "str", "saltsalt"};
    for (size_t i = 0; i < COUNTOF(words); i++) {
        if (str_eqz(s, words[i])) {
            return true;
        }
    }
    return s.n < 2 || str_find(s, 0, STR_LIT("<built-in method")) != SIZE_MAX || str_starts(s, "10.0.0.0/8") ||
           str_eqz(s, "00:11:22:33:44:55");
}

/// Every text inside is secret or harmless.
static bool kept(struct val v) {
    size_t i = 0;
    if (v.flags & VAL_SECRET) {
        return true;
    }
    if (v.kind == VAL_STR) {
        return harmless(val_text(v));
    }
    for (size_t k = 0; (v.kind == VAL_LIST || v.kind == VAL_TUPLE) && k < val_len(v); k++) {
        if (!kept(val_at_index(v, k))) {
            return false;
        }
    }
    for (const struct vpair *p = v.kind == VAL_DICT ? val_each(v, &i) : NULL; p; p = val_each(v, &i)) {
        if (!kept(p->key) || !kept(p->value)) {
            return false;
        }
    }
    return true;
}

/// What comes out must not be a template, must not become one when it is templated again, and must be secret when what
/// went in was.
static void judge(struct jinja_ctx *ctx, const char *text, struct val out, bool good, struct tally *t) {
    struct err e = {.arena = ctx->a};
    struct val again = VNULL;
    struct stat st;
    bool marked = !t->secret && val_any_flag(out, VAL_TRUSTED | VAL_TMPL);
    bool same = jinja_value(ctx, out, &again, &e) && val_equal(out, again);
    bool ran = stat(TRACE, &st) == 0;
    if (marked || !good || !same || ran) {
        print_error("%s: %s%s%s%s\n", text, marked ? "is trusted " : "", good ? "" : "is not secret ",
                    same ? "" : "changes when it is templated again ", ran ? "RAN" : "");
        t->bad++;
        (void)unlink(TRACE);
    }
}

static bool run_template(struct jinja_ctx *ctx, const char *text, struct val *out) {
    struct err e = {.arena = ctx->a};
    struct val src = val_flag(val_z(ctx->a, text), VAL_TRUSTED | VAL_TMPL);
    ctx->scope.get = get_var;
    return jinja_string(ctx, src, out, &e);
}

/// Renders "{{ expr }}" alone and inside text.
static bool render(struct jinja_cache *cache, struct arena *a, const char *text, struct tally *t) {
    struct jinja_ctx ctx = {.a = a, .cache = cache, .opts = &jinja_opts_ansible};
    struct val out = VNULL, inside = VNULL;
    t->tried++;
    if (!run_template(&ctx, text, &out)) {
        return false;
    }
    t->worked++;
    judge(&ctx, text, out, !t->secret || ctx.state.secret || kept(out), t);
    bool holds = out.kind != VAL_BOOL && out.kind != VAL_NULL && val_any_flag(out, VAL_SECRET);
    const char *longer = arena_printf(a, "a %s b", text);
    if (run_template(&ctx, longer, &inside)) {
        judge(&ctx, longer, inside, !t->secret || !holds || ctx.state.secret || val_any_flag(inside, VAL_SECRET), t);
    }
    return true;
}

static const char *const inputs[] = {"evil", "list",   "dict", "rows",     "items", "pairs", "json",
                                     "b64",  "number", "net",  "mac",      "csv",   "ini",   "span",
                                     "date", "size",   "ips",  "sections", "ip",    "count"};
static const char *const arguments[] = {"",
                                        "()",
                                        "('name')",
                                        "('k')",
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
                                        "(fillvalue=evil)",
                                        "(format='compress')"};

/// Keys and certificates, for the filters that read nothing else.
static bool try_pem(struct jinja_cache *cache, const char *name, struct tally *t) {
    static const char *const files[] = {"full.pem", "full.csr", "rsa.key", "rsa.pub", "crl.pem"};
    bool any = false;
    for (size_t i = 0; i < COUNTOF(files); i++) {
        struct arena a = {0};
        struct err e = {.arena = &a};
        struct str pem;
        make_vars(&a, t->secret ? VAL_SECRET : 0);
        CHECK(fd_read_file(arena_printf(&a, TEST_DATA "/cases/plugins/files/files/tls/%s", files[i]), 1 << 20, &a, &pem,
                           &e));
        val_set(&a, vars, "pem", val_flag(val_str(&a, pem), t->secret ? VAL_SECRET : 0));
        any = render(cache, &a, arena_printf(&a, "{{ pem | %s }}", name), t) || any;
        arena_release(&a);
    }
    return any;
}

/// A hash of the usual rounds takes half a second.
static const char *const cheap_hashes[] = {"('md5')", "('md5', evil)", "(evil)", "('sha512', 'saltsalt', rounds=1000)"};

// With sanitizers each takes five times as long: then a third of the combinations, once one has worked.
#ifdef SANITIZED
#define THINNED 3
#else
#define THINNED 1
#endif

/// True when at least one combination worked.
static bool try_filter(struct jinja_cache *cache, const char *name, struct tally *t) {
    bool any = false;
    bool hash = strstr(name, "password_hash") != NULL;
    const char *const *with = hash ? cheap_hashes : arguments;
    size_t n = hash ? COUNTOF(cheap_hashes) : COUNTOF(arguments);
    for (size_t i = 0; i < COUNTOF(inputs) - !t->secret; i++) {  // the last one is a number, which is no text
        struct arena a = {0};
        make_vars(&a, t->secret ? VAL_SECRET : 0);
        for (size_t k = 0; k < n; k++) {
            if (any && (i + k) % THINNED != 0) {
                continue;
            }
            const char *text = arena_printf(&a, "{{ %s | %s%s }}", inputs[i], name, with[k]);
            any = render(cache, &a, text, t) || any;
        }
        arena_release(&a);
    }
    return any;
}

static void every_filter(bool secret) {
    // vault and unvault work with what the host lends, attr gives methods, the others take numbers only.
    static const char *const silent[] = {"vault", "unvault",   "abs",  "human_readable", "log",
                                         "pow",   "to_serial", "root", "round",          "sum"};
    struct jinja_cache *cache = jinja_cache_new();
    struct tally t = {.secret = secret};
    (void)unlink(TRACE);
    for (size_t i = 0; i < filter_count; i++) {
        const char *full = filter_table[i].it->fqcn;
        bool excused = false;
        if (secret && strcmp(filter_table[i].name, "attr") == 0) {
            continue;
        }
        for (size_t k = 0; k < COUNTOF(silent); k++) {
            excused = excused || strcmp(silent[k], filter_table[i].name) == 0;
        }
        bool pem = full && strstr(full, "crypto.") && try_pem(cache, full, &t);
        if (!pem && !try_filter(cache, full ? full : filter_table[i].name, &t) && !excused) {
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
    struct tally t = {.secret = secret};
    (void)unlink(TRACE);
    for (size_t i = 0; i < COUNTOF(expressions); i++) {
        struct arena a = {0};
        make_vars(&a, secret ? VAL_SECRET : 0);
        (void)render(cache, &a, expressions[i], &t);
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
