// add_host, group_by, the implicit localhost, and the speed of large inventories.
#include "test.h"

#include "inv_case.h"

static struct val list_of(struct arena *a, const char *x, const char *y) {
    struct val l = val_list(a, 2);
    val_push(a, l, val_z(a, x));
    if (y) {
        val_push(a, l, val_z(a, y));
    }
    return l;
}

static void load(struct inv_case *c, const char *text) {
    case_init(c);
    case_write(c, STR_LIT("hosts"), str_from(text), 0644);
    const char *path = arena_printf(&c->a, "%s/hosts", c->root);
    case_load_sources(c, &path, 1);
    CHECK(c->inv != NULL);
}

static struct str names_of(struct inv_case *c, const char *pat) {
    struct host **hosts;
    size_t n;
    struct buf b = BUF_IN(&c->a);
    if (!inv_match(c->inv, str_from(pat), NO_MARK, &c->a, &hosts, &n, NULL, &c->e)) {
        return err_text(&c->e);
    }
    for (size_t i = 0; i < n; i++) {
        buf_printf(&b, "%s%.*s", i ? " " : "", STR(hosts[i]->name));
    }
    return buf_view(&b);
}

TEST(add_host_twice) {
    struct inv_case c;
    load(&c, "[g]\nh\n");
    struct val vars = val_dict(&c.a, 1);
    val_set(&c.a, vars, "x", val_int(1));
    bool changed = false;
    struct host *h = inv_add_host(c.inv, STR_LIT("new"), list_of(&c.a, "g", "fresh"), vars, &changed, &c.e);
    CHECK(h && changed);
    CHECK_STR(names_of(&c, "g"), "h new");
    CHECK_STR(names_of(&c, "fresh"), "new");
    CHECK_STR(names_of(&c, "ungrouped"), "");
    CHECK(inv_add_host(c.inv, STR_LIT("new"), list_of(&c.a, "g", NULL), vars, &changed, &c.e) == h && !changed);
    val_set(&c.a, vars, "x", val_int(2));
    CHECK(inv_add_host(c.inv, STR_LIT("new"), val_z(&c.a, "a, b"), vars, &changed, &c.e) == h && changed);
    CHECK(val_get(h->vars, "x").u.i == 2);
    CHECK(h->nall == 5);
    CHECK(inv_add_host(c.inv, STR_LIT("solo"), VNULL, VNULL, &changed, &c.e) && changed);
    CHECK_STR(names_of(&c, "ungrouped"), "solo");
    case_close(&c);
}

TEST(group_by_os) {
    struct inv_case c;
    load(&c, "[g]\nh1\nh2\n");
    bool changed = false;
    struct host *h1 = inv_host(c.inv, STR_LIT("h1"));
    struct host *h2 = inv_host(c.inv, STR_LIT("h2"));
    CHECK(inv_group_by(c.inv, h1, STR_LIT("os_debian"), list_of(&c.a, "linux", NULL), &changed, &c.e) && changed);
    CHECK(inv_group_by(c.inv, h2, STR_LIT("os_debian"), list_of(&c.a, "linux", NULL), &changed, &c.e) && changed);
    CHECK(inv_group_by(c.inv, h2, STR_LIT("os_debian"), list_of(&c.a, "linux", NULL), &changed, &c.e) && !changed);
    CHECK_STR(names_of(&c, "linux"), "h1 h2");
    CHECK(inv_group(c.inv, STR_LIT("os_debian"))->depth == 2);
    CHECK(h2->nall == 4);
    struct val names = inv_group_names(h1, &c.a);
    CHECK(val_len(names) == 3);
    CHECK_STR(val_text(val_at_index(names, 0)), "g");
    case_close(&c);
}

TEST(implicit_localhost) {
    struct inv_case c;
    load(&c, "[all:vars]\nx=1\n[g]\nh\n");
    CHECK_STR(names_of(&c, "all"), "h");
    CHECK_STR(names_of(&c, "localhost"), "localhost");
    CHECK_STR(names_of(&c, "all:localhost"), "h localhost");
    CHECK_STR(names_of(&c, "all"), "h");
    struct host *h = inv_localhost(c.inv);
    CHECK(h->implicit && h->nall == 1);
    CHECK_STR(val_text(val_get(h->vars, "ansible_connection")), "local");
    CHECK(inv_host(c.inv, STR_LIT("localhost")) == NULL);
    case_close(&c);
}

TEST(unmatched_part) {
    struct inv_case c;
    load(&c, "[g]\nh\n[empty]\n");
    struct host **hosts;
    size_t n;
    struct str un;
    CHECK(inv_match(c.inv, STR_LIT("g:nope:other"), NO_MARK, &c.a, &hosts, &n, &un, &c.e));
    CHECK_STR(un, "nope");
    CHECK(inv_match(c.inv, STR_LIT("empty"), NO_MARK, &c.a, &hosts, &n, &un, &c.e));
    CHECK(un.s == NULL && n == 0);
    case_close(&c);
}

TEST(ten_thousand_hosts) {
    struct inv_case c;
    int64_t start = clock_ms();
    struct buf b = {0};
    for (int i = 0; i < 10000; i++) {
        if (i % 100 == 0) {
            buf_printf(&b, "[rack%d]\n", i / 100);
        }
        buf_printf(&b, "host%05d.example.com ansible_host=10.%d.%d.%d size=%d\n", i, i / 65536, i / 256 % 256, i % 256,
                   i % 7);
    }
    for (int i = 0; i < 100; i++) {
        buf_printf(&b, "[room%d:children]\nrack%d\n", i % 10, i);
    }
    buf_char(&b, '\0');
    load(&c, b.p);
    buf_release(&b);
    CHECK(c.inv->nhosts == 10000);
    struct host **hosts;
    size_t n;
    CHECK(inv_match(c.inv, STR_LIT("room1:&rack1?:!*7.example.com"), NO_MARK, &c.a, &hosts, &n, NULL, &c.e));
    CHECK(n == 90);
    struct buf pat = {0};
    for (int i = 0; i < 5000; i++) {
        buf_printf(&pat, "host%05d.example.com,", i * 2);
    }
    CHECK(inv_match(c.inv, buf_view(&pat), NO_MARK, &c.a, &hosts, &n, NULL, &c.e));
    CHECK(n == 5000);
    buf_release(&pat);
    CHECK(val_len(inv_groups_val(c.inv, &c.a)) == 112);
    CHECK(clock_ms() - start < 3000);
    case_close(&c);
}
