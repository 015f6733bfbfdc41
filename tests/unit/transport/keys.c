// Keys that need a passphrase, and certificates, against a real sshd.
#include "bed.h"
#include "fd.h"

#include <unistd.h>

/// A new key with the passphrase "open sesame", allowed to log in.
static const char *locked_key(const char *name) {
    const char *path = bed_path(name);
    if (access(path, F_OK) != 0) {
        const char *const make[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", path, NULL};
        CHECK(bed_run(make) == 0);
        struct arena a = {0};
        const char *const allow[] = {"/bin/sh", "-c", "cat \"$1.pub\" >> \"$2\"", "sh", path, bed_path("authorized"),
                                     NULL};
        CHECK(bed_run(allow) == 0);
        arena_release(&a);
    }
    return path;
}

TEST(keys_passphrase_from_a_variable) {
    struct conn_spec s = bed_spec();
    s.key_file = locked_key("locked1");
    s.passphrase = STR_LIT("open sesame");
    struct hub *h = bed_hub();
    conn_close(open_ok(h, &s));
    conn_close(open_ok(h, &s));  // from the cache
    hub_free(h);
}

TEST(keys_passphrase_that_is_wrong) {
    struct conn_spec s = bed_spec();
    s.key_file = locked_key("locked1");
    s.passphrase = STR_LIT("wr0ng-one");
    struct hub *h = bed_hub();
    (void)conn_open(h, &s, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED && strstr(err_of(&d), "cannot be read with the passphrase given"));
    CHECK(!strstr(err_of(&d), "wr0ng"));
    completion_release(&d);
    hub_free(h);
}

TEST(keys_passphrase_is_asked_for_once) {
    struct conn_spec s = bed_spec();
    s.key_file = locked_key("locked2");
    struct hub *h = bed_hub();
    int opened = 0;
    int asked = 0;
    for (int i = 0; i < 3; i++) {
        (void)conn_open(h, &s, NULL);
    }
    while (opened < 3) {
        struct completion d = next_done(h);
        if (d.kind == DONE_ASK) {
            CHECK(str_find(d.log, 0, STR_LIT("locked2")) != SIZE_MAX);
            asked++;
            hub_answer(h, STR_LIT("open sesame"));
        } else {
            if (d.kind != DONE_OPEN) {
                fail_msg("%s", err_of(&d));
            }
            opened++;
        }
        completion_release(&d);
    }
    CHECK(asked == 1);
    hub_free(h);
}

TEST(keys_passphrase_that_nobody_gives) {
    struct conn_spec s = bed_spec();
    s.key_file = locked_key("locked3");
    struct hub *h = bed_hub();
    (void)conn_open(h, &s, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_ASK);
    completion_release(&d);
    hub_answer(h, STR_NONE);
    d = next_done(h);
    CHECK(d.kind == DONE_FAILED && strstr(err_of(&d), "needs a passphrase"));
    completion_release(&d);
    hub_free(h);
}

TEST(keys_the_run_ends_while_asking) {
    struct conn_spec s = bed_spec();
    s.key_file = locked_key("locked3");
    struct hub *h = bed_hub();
    (void)conn_open(h, &s, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_ASK);
    completion_release(&d);
    int64_t t0 = clock_ms();
    hub_free(h);
    CHECK(clock_ms() - t0 < 2000);
}

/// Signs DIR/NAME.pub for the invoking user by the authority that the server trusts.
static void sign(const char *name, const char *principal) {
    const char *const argv[] = {"ssh-keygen", "-q", "-s",      bed_path("ca"), "-I",
                                "test",       "-n", principal, bed_path(name), NULL};
    CHECK(bed_run(argv) == 0);
}

static const char *own_name(void) {
    static char name[64];
    if (getlogin_r(name, sizeof name) != 0 || !name[0]) {
        (void)snprintf(name, sizeof name, "%s", getuid() == 0 ? "root" : "");
    }
    return name;
}

TEST(keys_certificate_beside_the_key) {
    struct conn_spec s = bed_spec();
    if (!own_name()[0]) {
        skip();
    }
    const char *path = bed_path("certified");
    const char *const make[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path, NULL};
    CHECK(bed_run(make) == 0);
    s.key_file = path;
    struct hub *h = bed_hub();
    (void)conn_open(h, &s, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED);  // the key alone is not allowed
    completion_release(&d);
    hub_free(h);
    sign("certified.pub", own_name());
    h = bed_hub();
    conn_close(open_ok(h, &s));
    hub_free(h);
}

TEST(keys_certificate_file_option) {
    struct conn_spec s = bed_spec();
    if (!own_name()[0]) {
        skip();
    }
    const char *path = bed_path("moved");
    const char *const make[] = {"ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", path, NULL};
    CHECK(bed_run(make) == 0);
    sign("moved.pub", own_name());
    const char *const move[] = {"mv", bed_path("moved-cert.pub"), bed_path("elsewhere.pub"), NULL};
    CHECK(bed_run(move) == 0);
    char args[512];
    (void)snprintf(args, sizeof args, "%s -o CertificateFile=%s", s.ssh_args, bed_path("elsewhere.pub"));
    s.ssh_args = args;
    s.key_file = path;
    struct hub *h = bed_hub();
    conn_close(open_ok(h, &s));
    hub_free(h);
}
