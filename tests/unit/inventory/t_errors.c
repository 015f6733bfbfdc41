// Mistakes in inventories: the message and its place.
#include "test.h"

#include "inv_case.h"

/// Loads one file and returns "line:col message", or "loaded".
static struct str load_one(struct inv_case *c, const char *name, const char *text) {
    case_init(c);
    case_write(c, str_from(name), str_from(text), 0644);
    const char *path = arena_printf(&c->a, "%s/%s", c->root, name);
    case_load_sources(c, &path, 1);
    if (c->inv) {
        return STR_LIT("loaded");
    }
    const struct err *e = &c->e;
    while (e->cause) {
        e = e->cause;
    }
    struct place at = mark_place(e->at);
    return str_printf(&c->a, "%u:%u %s", at.line, at.col, e->msg);
}

struct mistake {
    const char *name, *text, *want;
};

static void check_mistakes(const struct mistake *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct inv_case c;
        struct str got = load_one(&c, list[i].name, list[i].text);
        CHECK_STR(got, list[i].want);
        case_close(&c);
    }
}

static const struct mistake in_ini[] = {
    {"h", "[g]\nhost x=1 word\n", "2:10 expected key=value for the host, found 'word'"},
    {"h", "[g]\nhost x='1\n", "2:8 expected a closing ' for the quote opened here"},
    {"h", "[g]\nhost x=1\\\n", "2:9 expected a character after the backslash"},
    {"h", "[g]\n[g:vars]\n  word\n", "3:3 expected key=value, found 'word'"},
    {"h", "[g:var]\n", "1:4 expected hosts, children or vars behind ':', found 'var'"},
    {"h", "[a b]\n", "1:1 expected [group], [group:children] or [group:vars] without spaces, found '[a b]'"},
    {"h", "[a]\n[b:children]\nc\n", "3:1 section [b:children] names group 'c', which is not defined"},
    {"h", "[b:vars]\nx=1\n", "1:2 section [b:vars] is for a group that is not defined"},
    {"h", "[a]\nw[2:x]\n", "2:1 host range must be two numbers or two letters, found 'w[2:x]'"},
    {"h", "[a]\nw[1:9999999]\n", "2:1 host range gives more than 1000000 names"},
    {"h", "[a]\nw:\n", "2:1 expected a port behind ':' in the host name, found 'w:'"},
    {"h", "[a:children]\nb\n[b:children]\na\n", "4:1 group 'a' as child of 'b' makes a loop: 'b' is already below it"},
    {"h", "[a]\nx\n[a:vars]\nansible_group_priority=high\n",
     "4:24 ansible_group_priority of group 'a' must be an integer, not string"},
    {"h", "[a]\n\xff\xfe\n", "2:1 expected UTF-8 text, found other bytes"},
};

static const struct mistake in_yaml[] = {
    {"h.yml", "g:\n  hosts: [a]\n", "2:10 'hosts' of group 'g' must be a dictionary, not list"},
    {"h.yml", "g:\n  hosts:\n    1: {}\n", "3:5 Host pattern 1 must be a string, not integer; put it in quotes"},
    {"h.yml", "1:\n  hosts:\n", "1:1 a group name must be a string, not integer; quote it"},
    {"h.yml", "g:\n  hosts:\n    a: [1]\n", "3:8 variables of a host must be a dictionary, not list"},
    {"h.yml", "plugin: amazon.aws.aws_ec2\n",
     "1:9 inventory plugin 'amazon.aws.aws_ec2' is not one of those that are built in"},
    {"h.yml", "- a\n", "1:1 a YAML inventory must be a dictionary of groups, not list"},
};

TEST(ini_errors) {
    check_mistakes(in_ini, COUNTOF(in_ini));
}

TEST(yaml_errors) {
    check_mistakes(in_yaml, COUNTOF(in_yaml));
}

TEST(refused_by_name) {
    struct inv_case c;
    CHECK(str_find(load_one(&c, "h.yml", "plugin: amazon.aws.aws_ec2\n"), 0, STR_LIT("amazon.aws.aws_ec2")) !=
          SIZE_MAX);
    case_close(&c);
    case_init(&c);
    const char *missing = "/nonexistent/hosts";
    case_load_sources(&c, &missing, 1);
    CHECK(!c.inv && c.e.code == ERR_NOT_FOUND);
    case_close(&c);
}

TEST(directory_with_other_files) {
    struct inv_case c;
    case_init(&c);
    case_write(&c, STR_LIT("hosts"), STR_LIT("[g]\nh1\n"), 0644);
    case_write(&c, STR_LIT("README"), STR_LIT("Production\n\nThese are the servers.\n"), 0644);
    case_write(&c, STR_LIT("play.yml"), STR_LIT("- hosts: all\n"), 0644);
    case_write(&c, STR_LIT("secrets"), STR_LIT("db_password: x\n"), 0600);
    const char *path = c.root;
    case_load_sources(&c, &path, 1);
    CHECK(c.inv != NULL);
    CHECK(c.inv->nhosts == 1);  // nothing of README's first lines
    CHECK(c.warnings == 2);
    case_close(&c);
}

TEST(directory_with_a_broken_inventory) {
    struct inv_case c;
    case_init(&c);
    case_write(&c, STR_LIT("a"), STR_LIT("[g]\nh1\n"), 0644);
    case_write(&c, STR_LIT("b"), STR_LIT("[g]\nh2 word\n"), 0644);
    const char *path = c.root;
    case_load_sources(&c, &path, 1);
    CHECK(!c.inv && c.e.code == ERR_SYNTAX);
    case_close(&c);
}

static bool fake_open(void *self, struct str envelope, struct mark at, struct arena *a, struct str *plain,
                      struct err *e) {
    (void)self;
    (void)at;
    (void)e;
    size_t nl = str_find_char(envelope, 0, '\n');
    *plain = str_dup(a, str_sub(envelope, nl + 1, envelope.n));
    return true;
}

TEST(vaulted_inventory) {
    struct inv_case c;
    case_init(&c);
    case_write(&c, STR_LIT("h"), STR_LIT("$ANSIBLE_VAULT;1.1;AES256\n[g]\nh1 pass=tiger\n"), 0600);
    case_write(&c, STR_LIT("bad"), STR_LIT("$ANSIBLE_VAULT;1.1;AES256\n[g]\nh1 tiger\n"), 0600);
    struct yaml_vault vault = {.open = fake_open};
    struct inv_opts o = {.a = &c.a, .vault = &vault};
    const char *path = arena_printf(&c.a, "%s/h", c.root);
    struct inventory *inv = inv_load(&path, 1, &o, &c.e);
    CHECK(inv && inv->nhosts == 1);
    CHECK(val_get(inv->order[0]->vars, "pass").flags & VAL_SECRET);
    path = arena_printf(&c.a, "%s/bad", c.root);
    CHECK(!inv_load(&path, 1, &o, &c.e));
    CHECK(str_find(err_text(&c.e), 0, STR_LIT("tiger")) == SIZE_MAX);  // the text of a vaulted file is never shown
    struct err e = {.arena = &c.a};
    o.vault = NULL;
    CHECK(!inv_load(&path, 1, &o, &e) && e.code == ERR_VAULT);
    case_close(&c);
}

TEST(script_deadline) {
    struct inv_case c;
    case_init(&c);
    case_write(&c, STR_LIT("inv.sh"), STR_LIT("#!/bin/sh\nexec sleep 30\n"), 0755);
    const char *path = arena_printf(&c.a, "%s/inv.sh", c.root);
    struct inv_opts o = {.a = &c.a, .script_timeout_ms = 200};
    int64_t start = clock_ms();
    CHECK(!inv_load(&path, 1, &o, &c.e));
    CHECK(clock_ms() - start < 10000);
    case_close(&c);
}
