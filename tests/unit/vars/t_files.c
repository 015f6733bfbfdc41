// group_vars and host_vars: vaulted files, mistakes, caching, odd names, many hosts.
#include "test.h"

#include "inv_case.h"
#include "scope.h"

static bool fake_open(void *self, struct str envelope, struct mark at, struct arena *a, struct str *plain,
                      struct err *e) {
    (void)self;
    (void)at;
    (void)e;
    size_t nl = str_find_char(envelope, 0, '\n');
    *plain = str_dup(a, str_sub(envelope, nl + 1, envelope.n));
    return true;
}

static const struct yaml_vault vault = {.open = fake_open};

static void load(struct inv_case *c, const char *hosts) {
    case_write(c, STR_LIT("hosts"), str_from(hosts), 0644);
    const char *path = arena_printf(&c->a, "%s/hosts", c->root);
    case_load_sources(c, &path, 1);
    CHECK(c->inv != NULL);
}

static struct val var(struct inv_case *c, struct vars_files *vf, const char *host, const char *name) {
    struct scope s = {.a = &c->a};
    struct val v = VNULL;
    struct host *h = inv_host(c->inv, str_from(host));
    CHECK(h != NULL);
    if (!vars_files_layers(vf, h, &s.base, &s.nbase, &c->e)) {
        return val_str(&c->a, err_text(&c->e));
    }
    CHECK(scope_get(&s, str_from(name), &c->a, &v, NULL, &c->e));
    return v;
}

TEST(vaulted_file) {
    struct inv_case c;
    case_init(&c);
    case_write(&c, STR_LIT("group_vars/all/vault.yml"), STR_LIT("$ANSIBLE_VAULT;1.1;AES256\npw: tiger\n"), 0600);
    case_write(&c, STR_LIT("group_vars/all/plain.yml"), STR_LIT("open: \"{{ pw }}\"\n"), 0600);
    load(&c, "h\n");
    struct vars_files *vf = vars_files_new(&c.a, c.inv, &vault, NULL, NULL);
    struct val v = var(&c, vf, "h", "pw");
    CHECK_STR(val_text(v), "tiger");
    CHECK(v.flags & VAL_SECRET);
    v = var(&c, vf, "h", "open");
    CHECK((v.flags & VAL_TMPL) && (v.flags & VAL_TRUSTED) && !(v.flags & VAL_SECRET));
    case_close(&c);
}

TEST(vault_without_password) {
    struct inv_case c;
    case_init(&c);
    case_write(&c, STR_LIT("host_vars/h.yml"), STR_LIT("$ANSIBLE_VAULT;1.1;AES256\npw: tiger\n"), 0600);
    load(&c, "h\ng\n");
    struct vars_files *vf = vars_files_new(&c.a, c.inv, NULL, NULL, NULL);
    CHECK(var(&c, vf, "g", "pw").kind == VAL_UNDEF);
    (void)var(&c, vf, "h", "pw");
    CHECK(c.e.code == ERR_VAULT);
    case_close(&c);
}

TEST(not_a_dictionary) {
    struct inv_case c;
    case_init(&c);
    case_write(&c, STR_LIT("group_vars/all.yml"), STR_LIT("# list\n- a\n"), 0644);
    load(&c, "h\n");
    struct vars_files *vf = vars_files_new(&c.a, c.inv, NULL, NULL, NULL);
    (void)var(&c, vf, "h", "x");
    const struct err *e = &c.e;
    while (e->cause) {
        e = e->cause;
    }
    CHECK(e->code == ERR_SYNTAX);
    CHECK(mark_place(e->at).line == 2);
    case_close(&c);
}

TEST(not_a_directory) {
    struct inv_case c;
    case_init(&c);
    case_write(&c, STR_LIT("group_vars"), STR_LIT("x: 1\n"), 0644);
    load(&c, "h\n");
    struct vars_files *vf = vars_files_new(&c.a, c.inv, NULL, case_warn, &c);
    CHECK(var(&c, vf, "h", "x").kind == VAL_UNDEF);
    CHECK(var(&c, vf, "h", "y").kind == VAL_UNDEF);
    CHECK(c.warnings == 1);
    case_close(&c);
}

TEST(names_do_not_lead_out) {
    struct inv_case c;
    case_init(&c);
    case_write(&c, STR_LIT("outside.yml"), STR_LIT("x: 1\n"), 0644);
    case_write(&c, STR_LIT("host_vars/sub/deep.yml"), STR_LIT("x: 2\n"), 0644);
    load(&c, "../outside\nsub/deep\n/abs\n");
    struct vars_files *vf = vars_files_new(&c.a, c.inv, NULL, NULL, NULL);
    CHECK(var(&c, vf, "../outside", "x").kind == VAL_UNDEF);
    CHECK(var(&c, vf, "/abs", "x").kind == VAL_UNDEF);
    CHECK(var(&c, vf, "sub/deep", "x").u.i == 2);
    case_close(&c);
}

TEST(cache_follows_changes) {
    struct inv_case c;
    case_init(&c);
    case_write(&c, STR_LIT("group_vars/late.yml"), STR_LIT("x: late\n"), 0644);
    case_write(&c, STR_LIT("pb1/group_vars/all.yml"), STR_LIT("p: 1\n"), 0644);
    case_write(&c, STR_LIT("pb2/group_vars/all.yml"), STR_LIT("p: 2\n"), 0644);
    load(&c, "h\n");
    struct vars_files *vf = vars_files_new(&c.a, c.inv, NULL, NULL, NULL);
    CHECK(var(&c, vf, "h", "x").kind == VAL_UNDEF);
    bool changed;
    CHECK(inv_group_by(c.inv, inv_host(c.inv, STR_LIT("h")), STR_LIT("late"), VNULL, &changed, &c.e));
    CHECK_STR(val_text(var(&c, vf, "h", "x")), "late");
    vars_files_add_playbook(vf, str_printf(&c.a, "%s/pb1", c.root));
    CHECK(var(&c, vf, "h", "p").u.i == 1);
    vars_files_use(vf, NULL, 0);
    CHECK(var(&c, vf, "h", "p").kind == VAL_UNDEF);
    struct str dirs[] = {str_printf(&c.a, "%s/pb2", c.root), str_printf(&c.a, "%s/pb1", c.root)};
    vars_files_use(vf, dirs, 1);
    CHECK(var(&c, vf, "h", "p").u.i == 2);
    vars_files_use(vf, dirs, 2);
    CHECK(var(&c, vf, "h", "p").u.i == 1);
    vars_files_use(vf, dirs, 1);
    CHECK(var(&c, vf, "h", "p").u.i == 2);
    case_close(&c);
}

TEST(implicit_localhost_vars) {
    struct inv_case c;
    case_init(&c);
    case_write(&c, STR_LIT("group_vars/all.yml"), STR_LIT("x: all\n"), 0644);
    case_write(&c, STR_LIT("host_vars/localhost.yml"), STR_LIT("y: local\n"), 0644);
    load(&c, "[all:vars]\nz=1\n[g]\nh\n");
    struct vars_files *vf = vars_files_new(&c.a, c.inv, NULL, NULL, NULL);
    struct scope s = {.a = &c.a};
    struct val v;
    CHECK(vars_files_layers(vf, inv_localhost(c.inv), &s.base, &s.nbase, &c.e));
    CHECK(scope_all(&s, &c.a, &v, &c.e));
    CHECK_STR(val_text(val_get(v, "x")), "all");
    CHECK_STR(val_text(val_get(v, "y")), "local");
    CHECK(val_get(v, "z").u.i == 1);
    CHECK_STR(val_text(val_get(v, "ansible_connection")), "local");
    case_close(&c);
}

TEST(ten_thousand_hosts_share_files) {
    struct inv_case c;
    case_init(&c);
    struct buf b = {0};
    buf_z(&b, "[g]\n");
    for (int i = 0; i < 10000; i++) {
        buf_printf(&b, "host%d\n", i);
    }
    buf_char(&b, '\0');
    case_write(&c, STR_LIT("group_vars/g.yml"), STR_LIT("x: 1\n"), 0644);
    case_write(&c, STR_LIT("group_vars/all.yml"), STR_LIT("y: 1\n"), 0644);
    case_write(&c, STR_LIT("host_vars/host77.yml"), STR_LIT("x: 77\n"), 0644);
    load(&c, b.p);
    buf_release(&b);
    struct vars_files *vf = vars_files_new(&c.a, c.inv, NULL, NULL, NULL);
    int64_t start = clock_ms();
    struct layer const *p = NULL;
    size_t n = 0;
    for (size_t i = 0; i < c.inv->nhosts; i++) {
        CHECK(vars_files_layers(vf, c.inv->order[i], &p, &n, &c.e));
    }
    CHECK(clock_ms() - start < 2000);
    CHECK(var(&c, vf, "host77", "x").u.i == 77);
    CHECK(var(&c, vf, "host78", "x").u.i == 1);
    case_close(&c);
}
