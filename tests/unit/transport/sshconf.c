// ssh_config and ssh arguments.
#include "ssh.h"

#include "bed.h"

#include <unistd.h>

static bool args(struct ssh_conf *c, struct arena *a, const char *text, const char **why) {
    struct err e = {.arena = a};
    bool ok = sshconf_args(c, text, &e);
    *why = ok ? "" : e.msg;
    return ok;
}

TEST(sshconf_arguments) {
    struct arena a = {0};
    struct ssh_conf c = {.a = &a, .original = "web1"};
    const char *why = NULL;
    CHECK(args(&c, &a,
               "-C -o ControlMaster=auto -oControlPersist=60s -o 'ProxyCommand=ssh -W %h:%p \"jump host\"' -p 2200 "
               "-i ~/.ssh/k1 -i/k2 -o StrictHostKeyChecking=no -o \"UserKnownHostsFile /dev/null\" -4 -p 22",
               &why));
    CHECK(c.port == 2200 && c.identities.n == 2 && strcmp(c.identities.p[1], "/k2") == 0);
    CHECK(strcmp(c.strict, "no") == 0 && strcmp(c.user_known_hosts, "/dev/null") == 0);
    CHECK(strcmp(c.proxy_command, "ssh -W %h:%p \"jump host\"") == 0);
    CHECK(strcmp(c.address_family, "inet") == 0);
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"-o LocalForward=1", "LocalForward"},
        {"-L 1:2:3", "-L"},
        {"-p", "-p"},
        {"-o Port=abc", "abc"},
        {"host", "host"},
        {"-o 'x", "not closed"},
        {"-o IdentitiesOnly=maybe", "maybe"},
        {"-o PKCS11Provider=x", "PKCS11Provider"},
    };
    for (size_t i = 0; i < COUNTOF(bad); i++) {
        if (args(&c, &a, bad[i].text, &why) || !strstr(why, bad[i].why)) {
            fail_msg("%s: %s", bad[i].text, why);
        }
    }
    arena_release(&a);
}

TEST(sshconf_host_patterns) {
    CHECK(sshconf_match(STR_LIT("web* !web9"), ' ', "web1"));
    CHECK(!sshconf_match(STR_LIT("web* !web9"), ' ', "web9"));
    CHECK(!sshconf_match(STR_LIT("!web9"), ' ', "web1"));
    CHECK(sshconf_match(STR_LIT("10.0.?.1"), ' ', "10.0.7.1"));
    CHECK(sshconf_match(STR_LIT("[*.org]:22"), ' ', "[a.org]:22") && !sshconf_match(STR_LIT("[ab]"), ' ', "a"));
}

TEST(sshconf_files) {
    (void)bed_get();
    struct arena a = {0};
    char *more = bed_path("more.conf");
    bed_write(more, "User included\n", 0600);
    char *path = bed_path("conf");
    bed_write(
        path,
        arena_printf(&a,
                     "# comment\nHost *.example\n  User=nobody\nMatch originalhost web1 exec \"true\"\n"
                     "  HostName %%h.internal\n  IdentityFile \"~/a key\"\nMatch host *.internal !user root\n"
                     "  Port 2200\nHost web1\n  Port 1\n  Include %s\n  IdentityFile %%d/b\n  IdentitiesOnly yes\n"
                     "Match exec \"false\"\n  Compression yes\nMatch all\n ConnectTimeout 7\n RemoteForward 1 2\n",
                     more),
        0600);
    struct ssh_conf c = {.a = &a, .original = "web1", .user = NULL};
    struct err e = {.arena = &a};
    if (!sshconf_file(&c, path, true, &e)) {
        fail_msg("%s", e.msg);
    }
    CHECK(strcmp(sshconf_hostname(&c), "web1.internal") == 0);
    CHECK(c.port == (getuid() == 0 ? 1 : 2200) && strcmp(c.user, "included") == 0);
    CHECK(c.identities.n == 2 && c.identities_only == SSH_YES && c.compression == SSH_UNSET &&
          c.connect_timeout_s == 7);
    const char *full = NULL;
    CHECK(sshconf_expand(&c, c.identities.p[0], &full, &e));
    CHECK(strcmp(full, arena_printf(&a, "%s/a key", login_home(&a))) == 0);
    CHECK(sshconf_expand(&c, "%h:%p:%r:%n:%%", &full, &e));
    CHECK(strcmp(full, getuid() == 0 ? "web1.internal:1:included:web1:%" : "web1.internal:2200:included:web1:%") == 0);
    // `final` matches in a second pass, for which there must be one that asks for it; what was set stays
    bed_write(path,
              "Match final host *.internal\n  User last\n  Port 9\nHost web1\n  HostName %h.internal\n"
              "  Port 7\n  IdentityFile ~/k\n",
              0600);
    struct ssh_conf f = {.a = &a, .original = "web1"};
    CHECK(sshconf_file(&f, path, true, &e) && f.wants_final && !f.user);
    f.final = true;
    CHECK(sshconf_file(&f, path, true, &e));
    CHECK(strcmp(f.user, "last") == 0 && f.port == 7 && f.identities.n == 1);
    bed_write(path, "Host *\n\n  Port many\n", 0600);
    struct ssh_conf d = {.a = &a, .original = "web1"};
    CHECK(!sshconf_file(&d, path, true, &e));
    CHECK(strstr(e.msg, arena_printf(&a, "%s line 3", path)) != NULL);
    CHECK(!sshconf_file(&d, "/nonexistent/config", true, &e));
    CHECK(sshconf_file(&d, "/nonexistent/config", false, &e));
    arena_release(&a);
}

TEST(sshconf_lists_of_algorithms) {
    static const struct {
        const char *given, *list;
    } cases[] = {
        {"x,y", "x,y"}, {"+x,b", "a1,a2,b,x"}, {"-b", "a1,a2"}, {"-a*,b", ""}, {"^b,x", "b,x,a1,a2"}, {"", ""},
    };
    struct arena a = {0};
    CHECK(algorithms(&a, NULL, "a1") == NULL);
    for (size_t i = 0; i < COUNTOF(cases); i++) {
        const char *got = algorithms(&a, cases[i].given, "a1,a2,b");
        if (strcmp(got, cases[i].list) != 0) {
            fail_msg("'%s': '%s', expected '%s'", cases[i].given, got, cases[i].list);
        }
    }
    arena_release(&a);
}

TEST(sshconf_times_and_words) {
    struct arena a = {0};
    struct ssh_conf c = {.a = &a, .original = "web1"};
    const char *why = NULL;
    CHECK(args(&c, &a, "-o ConnectTimeout=1h1m1s -o ServerAliveInterval=none -o 'SendEnv A B' -o SendEnv=C", &why));
    CHECK(c.connect_timeout_s == 3661 && c.alive_interval_s == 0 && strcmp(c.send_env, "A B C") == 0);
    CHECK(args(&c, &a, "-o IgnoreUnknown=Own* -o OwnThing=1 -P the-tag -B eth0", &why));
    CHECK(strcmp(c.tag, "the-tag") == 0 && strcmp(c.bind_interface, "eth0") == 0);
    static const char *const bad[] = {"1x", "", "99999999999", "1m2", "m"};
    for (size_t i = 0; i < COUNTOF(bad); i++) {
        struct ssh_conf d = {.a = &a, .original = "web1"};
        bool ok = args(&d, &a, arena_printf(&a, "-o 'ConnectTimeout=%s'", bad[i]), &why);
        if (ok != (strcmp(bad[i], "1m2") == 0)) {
            fail_msg("'%s': %s", bad[i], why);
        }
    }
    arena_release(&a);
}
