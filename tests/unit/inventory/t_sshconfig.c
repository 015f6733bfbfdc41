// Inventories from `vagrant ssh-config`, whole and partial.
#include "test.h"

#include "inv_case.h"

static const char vagrant[] = "Host default\n"
                              "  HostName 127.0.0.1\n"
                              "  User vagrant\n"
                              "  Port 2222\n"
                              "  UserKnownHostsFile /dev/null\n"
                              "  StrictHostKeyChecking no\n"
                              "  PasswordAuthentication no\n"
                              "  IdentityFile \"/home/me/my vm/private_key\"\n"
                              "  IdentitiesOnly yes\n"
                              "  LogLevel FATAL\n"
                              "\n"
                              "Host web db\n"
                              "  HostName 192.168.56.10\n"
                              "  ProxyCommand ssh -W %h:%p jump 'x'\n";

static void load(struct inv_case *c, const char *text) {
    case_init(c);
    case_write(c, STR_LIT("vagrant"), str_from(text), 0644);
    const char *path = arena_printf(&c->a, "%s/vagrant", c->root);
    case_load_sources(c, &path, 1);
}

static struct str var(struct inv_case *c, const char *host, const char *name) {
    struct host *h = inv_host(c->inv, str_from(host));
    return h ? val_str_of(&c->a, val_get(h->vars, name)) : STR_LIT("no host");
}

TEST(vagrant_ssh_config) {
    struct inv_case c;
    load(&c, vagrant);
    CHECK(c.inv != NULL);
    CHECK(c.inv->nhosts == 3);
    CHECK(c.warnings == 0);
    CHECK_STR(var(&c, "default", "ansible_host"), "127.0.0.1");
    CHECK_STR(var(&c, "default", "ansible_user"), "vagrant");
    CHECK(val_get(inv_host(c.inv, STR_LIT("default"))->vars, "ansible_port").u.i == 2222);
    CHECK_STR(var(&c, "default", "ansible_ssh_private_key_file"), "/home/me/my vm/private_key");
    CHECK_STR(var(&c, "default", "ansible_ssh_common_args"),
              "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no");
    CHECK_STR(var(&c, "db", "ansible_host"), "192.168.56.10");
    CHECK_STR(var(&c, "web", "ansible_ssh_common_args"), "-o 'ProxyCommand=ssh -W %h:%p jump '\"'\"'x'\"'\"''");
    CHECK(inv_host(c.inv, STR_LIT("default"))->nall == 2);
    case_close(&c);
}

TEST(partial_ssh_config) {
    struct inv_case c;
    load(&c, "==> default: some notice of Vagrant\nHost one\n  HostName 10.0.0.1\n  Port 22\n  IdentityFi");
    CHECK(c.inv != NULL);
    CHECK(c.inv->nhosts == 1);
    CHECK(c.warnings == 1);
    CHECK_STR(var(&c, "one", "ansible_host"), "10.0.0.1");
    case_close(&c);
}

TEST(ssh_config_defaults) {
    struct inv_case c;
    load(&c, "Host a*\n  User alice\nHost a1\n  User bob\n  HostName 1.1.1.1\nHost b1\n  HostName 2.2.2.2\nHost *\n"
             "  User root\n  Port=2200\n");
    CHECK(c.inv != NULL);
    CHECK(c.inv->nhosts == 2);
    CHECK_STR(var(&c, "a1", "ansible_user"), "alice");
    CHECK_STR(var(&c, "b1", "ansible_user"), "root");
    CHECK_STR(var(&c, "b1", "ansible_port"), "2200");
    case_close(&c);
}

TEST(ssh_config_bad_port) {
    struct inv_case c;
    load(&c, "Host a\n  HostName 1.1.1.1\n  Port many\n");
    CHECK(!c.inv);
    const struct err *e = &c.e;
    while (e->cause) {
        e = e->cause;
    }
    CHECK(mark_place(e->at).line == 3);
    CHECK(mark_place(e->at).col == 8);
    case_close(&c);
}

TEST(not_ssh_config) {
    CHECK(!inv_looks_like_ssh_config(STR_LIT("[g]\nhost ansible_user=x\n")));
    CHECK(!inv_looks_like_ssh_config(STR_LIT("all:\n  hosts:\n    Host a:\n")));
    CHECK(!inv_looks_like_ssh_config(STR_LIT("")));
}
