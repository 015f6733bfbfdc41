// Passwords: of the login, of sudo and su. They need an account: PLAY_TEST_USER and PLAY_TEST_PASSWORD, which may use
// sudo with its password. PLAY_TEST_PAM=1 runs the server with PAM, so that keyboard-interactive is used.
#include "bed.h"
#include "sshconf.h"

#include <unistd.h>

static struct conn_spec password_spec(const char *password) {
    const char *user = login_env("PLAY_TEST_USER");
    if (!user || !login_env("PLAY_TEST_PASSWORD")) {
        skip();
    }
    struct conn_spec s = bed_spec();
    s.user = user;
    s.password = str_from(password ? password : login_env("PLAY_TEST_PASSWORD"));
    s.key_file = NULL;
    return s;
}

static void lets_in(const struct conn_spec *s) {
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, s);
    submit(c, "ping", 0, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_RESULT);
    completion_release(&d);
    hub_free(h);
}

TEST(password_login) {
    struct conn_spec s = password_spec(NULL);
    lets_in(&s);
}

TEST(password_login_wrong) {
    struct conn_spec s = password_spec("wr0ng-one");
    struct hub *h = bed_hub();
    (void)conn_open(h, &s, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_UNREACHABLE);
    if (!strstr(err_of(&d), "permission denied") || strstr(err_of(&d), "wr0ng")) {
        fail_msg("%s", err_of(&d));
    }
    completion_release(&d);
    hub_free(h);
}

static void become_with(const char *method, const char *user, const char *password, const char *want) {
    struct conn_spec s = password_spec(NULL);
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &s);
    struct arena a = {0};
    struct conn_become b = {.method = method, .user = user, .password = str_from(password)};
    conn_submit(c, &(struct conn_request){.module = "ping", .args = val_dict(&a, 0), .become = &b}, NULL);
    struct completion d = next_done(h);
    if (want ? d.kind != DONE_FAILED || !strstr(err_of(&d), want) : d.kind != DONE_RESULT) {
        fail_msg("%s to %s: %s", method, user, d.kind == DONE_FAILED ? err_of(&d) : "it worked");
    }
    CHECK(d.kind != DONE_FAILED || d.err.code == ERR_MODULE);
    completion_release(&d);
    arena_release(&a);
    hub_free(h);
}

TEST(password_sudo) {
    become_with("sudo", "root", login_env("PLAY_TEST_PASSWORD"), NULL);
    become_with("sudo", "daemon", login_env("PLAY_TEST_PASSWORD"), NULL);
}

TEST(password_sudo_wrong_or_missing) {
    become_with("sudo", "root", "wr0ng", "incorrect sudo password");
    become_with("sudo", "root", NULL, "missing sudo password");
    become_with("sudo", "no-such-user-here", login_env("PLAY_TEST_PASSWORD"), "no-such-user-here");
}

TEST(password_su) {
    become_with("su", login_env("PLAY_TEST_USER"), login_env("PLAY_TEST_PASSWORD"), NULL);
    become_with("su", login_env("PLAY_TEST_USER"), "wr0ng", "incorrect su password");
    become_with("su", login_env("PLAY_TEST_USER"), NULL, "missing su password");
}

/// ansible_sshpass_prompt: only a question that holds it is answered, and one that never comes is not waited for for
/// ever.
TEST(password_prompt) {
    struct conn_spec s = password_spec(NULL);
    s.prompt = STR_LIT("assword: ");
    lets_in(&s);
    s.prompt = STR_LIT("notThis:");
    s.connect_timeout_ms = 1000;
    struct hub *h = bed_hub();
    (void)conn_open(h, &s, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_UNREACHABLE);
    if (!strstr(err_of(&d), "expected a question with 'notThis:'")) {
        fail_msg("%s", err_of(&d));
    }
    completion_release(&d);
    hub_free(h);
}
