// Inventories and patterns against what ansible-core makes of them.
#include "test.h"

#include "inv_case.h"

static unsigned failures;
static size_t patterns_seen;

static void complain(const char *name, const char *what, struct str got, struct str want) {
    failures++;
    got = got.s ? got : STR_LIT("");
    want = want.s ? want : STR_LIT("");
    got = got.n ? got : STR_LIT("");
    want = want.n ? want : STR_LIT("");
    print_error("%s: %s\n  got:  %.*s\n  want: %.*s\n", name, what, STR(got), STR(want));
}

static int by_text(const void *pa, const void *pb) {
    return str_cmp(*(const struct str *)pa, *(const struct str *)pb);
}

static struct str join(struct arena *a, struct str *names, size_t n, bool sorted) {
    if (sorted && n) {
        qsort(names, n, sizeof *names, by_text);
    }
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&b, "%s%.*s", i ? " " : "", STR(names[i]));
    }
    return buf_view(&b);
}

static struct str join_val(struct arena *a, struct val list, bool sorted) {
    struct str *names = ARENA_ARRAY(a, struct str, val_len(list) + 1);
    for (size_t i = 0; i < val_len(list); i++) {
        names[i] = val_text(val_at_index(list, i));
    }
    return join(a, names, val_len(list), sorted);
}

static struct str join_hosts(struct arena *a, struct host *const *hosts, size_t n, bool sorted) {
    struct str *names = ARENA_ARRAY(a, struct str, n + 1);
    for (size_t i = 0; i < n; i++) {
        names[i] = hosts[i]->name;
    }
    return join(a, names, n, sorted);
}

static void same(const char *name, const char *what, struct str got, struct str want) {
    if (!str_eq(got, want)) {
        complain(name, what, got, want);
    }
}

static void check_group(struct inv_case *c, const char *name, struct str key, struct val want) {
    struct group *g = inv_group(c->inv, key);
    if (!g) {
        complain(name, "missing group", STR_NONE, key);
        return;
    }
    bool sorted = !val_truth(val_get(want, "ordered"));
    size_t n = 0;
    struct host **hosts = inv_group_hosts(c->inv, g, &c->a, &n);
    same(name, arena_printf(&c->a, "hosts of %.*s", STR(key)), join_hosts(&c->a, hosts, n, sorted),
         join_val(&c->a, val_get(want, "hosts"), sorted));
    same(name, arena_printf(&c->a, "direct hosts of %.*s", STR(key)), join_hosts(&c->a, g->hosts, g->nhosts, false),
         join_val(&c->a, val_get(want, "direct"), false));
    struct str *kids = ARENA_ARRAY(&c->a, struct str, g->nchildren + 1);
    for (size_t i = 0; i < g->nchildren; i++) {
        kids[i] = g->children[i]->name;
    }
    same(name, arena_printf(&c->a, "children of %.*s", STR(key)), join(&c->a, kids, g->nchildren, false),
         join_val(&c->a, val_get(want, "children"), false));
    same(name, arena_printf(&c->a, "depth and priority of %.*s", STR(key)),
         str_printf(&c->a, "%u %lld", g->depth, (long long)g->priority),
         str_printf(&c->a, "%lld %lld", (long long)val_get(want, "depth").u.i,
                    (long long)val_get(want, "priority").u.i));
}

static void check_pattern(struct inv_case *c, const char *name, struct val want) {
    struct str pat = val_text(val_get(want, "pattern"));
    struct err e = {.arena = &c->a};
    struct host **hosts = NULL;
    size_t n = 0;
    patterns_seen++;
    bool ok = inv_match(c->inv, pat, NO_MARK, &c->a, &hosts, &n, NULL, &e);
    const char *what = arena_printf(&c->a, "pattern '%.*s'", STR(pat));
    if (val_has(want, "error")) {
        same(name, what, str_from(ok ? "hosts" : "error"), STR_LIT("error"));
        return;
    }
    if (!ok) {
        complain(name, what, err_text(&e), STR_LIT("hosts"));
        return;
    }
    bool sorted = !val_truth(val_get(want, "ordered"));
    same(name, what, join_hosts(&c->a, hosts, n, sorted), join_val(&c->a, val_get(want, "hosts"), sorted));
}

static void check_case(struct inv_case *c, const char *name) {
    bool fails = val_truth(val_get(c->doc, "fails"));
    if (fails || !c->inv) {
        same(name, "loading", c->inv ? STR_LIT("loaded") : STR_LIT("failed"),
             fails ? STR_LIT("failed") : STR_LIT("loaded"));
        if (!c->inv && !fails) {
            complain(name, "error", err_text(&c->e), STR_NONE);
        }
        return;
    }
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(val_get(c->doc, "groups"), &i))) {
        check_group(c, name, val_text(p->key), p->value);
    }
    same(name, "number of groups", str_printf(&c->a, "%zu", c->inv->groups.n),
         str_printf(&c->a, "%zu", val_len(val_get(c->doc, "groups"))));
    struct val hosts = val_get(c->doc, "hosts");
    same(name, "number of hosts", str_printf(&c->a, "%zu", c->inv->nhosts), str_printf(&c->a, "%zu", val_len(hosts)));
    i = 0;
    while ((p = val_each(hosts, &i))) {
        struct host *h = inv_host(c->inv, val_text(p->key));
        struct str *names = ARENA_ARRAY(&c->a, struct str, h ? h->nall + 1 : 1);
        for (size_t k = 0; h && k < h->nall; k++) {
            names[k] = h->all[k]->name;
        }
        same(name, arena_printf(&c->a, "groups of host %.*s", STR(val_text(p->key))),
             join(&c->a, names, h ? h->nall : 0, true), join_val(&c->a, p->value, true));
    }
    struct val patterns = val_get(c->doc, "patterns");
    for (size_t k = 0; k < val_len(patterns); k++) {
        check_pattern(c, name, val_at_index(patterns, k));
    }
}

TEST(cases_of_ansible) {
    failures = 0;
    size_t n = case_each(check_case);
    CHECK(failures == 0);
    CHECK(n >= 60);
    CHECK(patterns_seen > 150);
}
