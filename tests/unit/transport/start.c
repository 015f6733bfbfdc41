// The start of play-remote: quoting, the dialogue, and the shell text in the shells that are there.
#include "start.h"

#include "bed.h"
#include "digest.h"
#include "spawn.h"

#include <sys/stat.h>
#include <unistd.h>

#define FAKE_PROGRAM "#!/bin/sh\necho RUNS\n"

struct rig {
    struct arena a;
    struct payloads pay;
    struct start s;
    const char *path;  // NULL: the usual directories
};

static void rig_init(struct rig *r) {
    *r = (struct rig){0};
    struct err e = {.arena = &r->a};
    const char *hex = NULL;
    struct payload *p = &r->pay.p[0];
    p->machine = "x86_64";
    p->data = STR_LIT(FAKE_PROGRAM);
    CHECK(digest_hex(&r->a, "sha256", p->data, &hex, &e));
    memcpy(p->sha256, hex, 65);
    r->pay.p[1] = *p;
    r->pay.p[1].machine = "aarch64";
    r->pay.dir = "/build";
    r->s = (struct start){.host = "web1", .nonce = start_nonce(&r->a), .payloads = &r->pay};
}

static void rig_release(struct rig *r) {
    buf_release(&r->s.bad);
    buf_release(&r->s.noise);
    arena_release(&r->a);
}

/// What is sent of an executable to a target with gunzip.
static struct str packed(struct rig *r, struct str program) {
    struct err e = {.arena = &r->a};
    struct payload p = {.path = "test", .data = program};
    CHECK(payload_pack(&p, &r->a, &e));
    struct buf b = BUF_IN(&r->a);
    buf_printf(&b, "%zu\n", p.packed.n);
    buf_str(&b, p.packed);
    return buf_view(&b);
}

/// Runs the text in `shell` with `input`; the output, with home as HOME.
static struct str run(struct rig *r, const char *shell, const char *home, const char *tmp, struct str input) {
    struct err e = {.arena = &r->a};
    const char *script = NULL;
    r->s.remote_tmp = tmp;
    CHECK(start_script(&r->a, &r->s, &script, &e));
    CHECK(!strpbrk(script, "'!\\\n"));
    const char *const inner[] = {shell, "-c", script, NULL};
    const char *const argv[] = {shell, "-c", shell_join(&r->a, inner), NULL};
    const char *const env[] = {r->path ? r->path : "PATH=/usr/bin:/bin", arena_printf(&r->a, "HOME=%s", home), NULL};
    struct spawn sp = {.argv = argv, .envp = env, .input = input, .timeout_ms = 10000};
    struct spawn_result res;
    CHECK(spawn_run(&sp, &r->a, &res, &e));
    return res.out;
}

static bool has(struct str s, const char *word) {
    return str_find(s, 0, str_from(word)) != SIZE_MAX;
}

TEST(start_script_in_every_shell) {
    static const char *const shells[] = {"/bin/dash", "/bin/bash", "/bin/busybox", "/bin/ksh", "/bin/zsh"};
    (void)bed_get();
    for (size_t i = 0; i < COUNTOF(shells); i++) {
        if (access(shells[i], X_OK) != 0 || strstr(shells[i], "busybox")) {
            continue;
        }
        struct rig r;
        rig_init(&r);
        char *home = bed_path(arena_printf(&r.a, "shell%zu", i));
        CHECK(mkdir(home, 0700) == 0);
        struct str out = run(&r, shells[i], home, NULL, packed(&r, STR_LIT(FAKE_PROGRAM)));
        if (!has(out, "need ") || !has(out, " ok ") || !has(out, "\nRUNS\n")) {
            fail_msg("%s: %.*s", shells[i], STR(out));
        }
        out = run(&r, shells[i], home, NULL, STR_LIT(""));
        CHECK(!has(out, "need ") && has(out, "RUNS\n"));
        rig_release(&r);
    }
}

TEST(start_script_bad_upload_and_places) {
    (void)bed_get();
    struct rig r;
    rig_init(&r);
    struct err e = {.arena = &r.a};
    char *home = bed_path("bad_home");
    CHECK(mkdir(home, 0700) == 0);
    struct str out = run(&r, "/bin/sh", home, NULL, packed(&r, STR_LIT("#!/bin/sh\necho EVIL\n")));
    CHECK(has(out, " none") && has(out, "what arrived is not what was sent") && !has(out, "EVIL\n"));
    struct buf in = {0};
    buf_str(&in, out);
    CHECK(start_out(&r.s, &in, &e) == START_UPLOAD);
    CHECK(start_out(&r.s, &in, &e) == START_FAILED);
    CHECK(e.code == ERR_UNREACHABLE && strstr(e.msg, "what arrived is not what was sent"));
    buf_release(&in);
    struct str whole = packed(&r, STR_LIT(FAKE_PROGRAM));
    out = run(&r, "/bin/sh", home, NULL, str_sub(whole, 0, whole.n - 4));
    CHECK(has(out, "unexpected end of file") && has(out, " none") && !has(out, "RUNS"));
    out = run(&r, "/bin/sh", home, "/dev/null", packed(&r, STR_LIT(FAKE_PROGRAM)));
    CHECK(has(out, "bad mkdir: ") && has(out, "RUNS"));
    rig_release(&r);
}

/// With a PATH that holds these programs only: the text and what is made of it.
static struct str run_with(struct rig *r, const char *const *programs, const char *home, struct str input) {
    char *dir = bed_path(arena_printf(&r->a, "%s.bin", programs[0]));
    CHECK(mkdir(dir, 0700) == 0);
    for (size_t i = 1; programs[i]; i++) {
        CHECK(symlink(arena_printf(&r->a, "/bin/%s", programs[i]), arena_printf(&r->a, "%s/%s", dir, programs[i])) ==
              0);
    }
    r->path = arena_printf(&r->a, "PATH=%s", dir);
    return run(r, "/bin/sh", home, NULL, input);
}

TEST(start_script_where_programs_are_missing) {
    static const char *const few[] = {"few", "uname", "mkdir", "chmod", "mv", NULL};
    static const char *const enough[] = {"enough", "uname", "mkdir", "chmod", "mv", "head", "sha256sum", NULL};
    static const char *const none[] = {"none", "id", NULL};
    (void)bed_get();
    struct rig r;
    rig_init(&r);
    struct err e = {.arena = &r.a};
    struct buf in = {0};
    char *home = bed_path("few_home");
    CHECK(mkdir(home, 0700) == 0);
    buf_str(&in, run_with(&r, few, home, STR_LIT(FAKE_PROGRAM)));
    CHECK(start_out(&r.s, &in, &e) == START_FAILED && strstr(e.msg, "there is no 'head' in the PATH"));
    buf_consume(&in, in.n);
    buf_str(&in, run_with(&r, none, home, STR_LIT(FAKE_PROGRAM)));
    CHECK(start_out(&r.s, &in, &e) == START_FAILED && strstr(e.msg, "'uname -sm' does not tell") &&
          strstr(e.msg, "not found"));
    buf_release(&in);
    CHECK(has(run_with(&r, enough, home, STR_LIT(FAKE_PROGRAM)), "\nRUNS\n"));
    rig_release(&r);
}

TEST(start_dialogue) {
    struct rig r;
    rig_init(&r);
    struct err e = {.arena = &r.a};
    struct buf in = {0};
    buf_z(&in, "Welcome!\nPLAY-0 ok /evil\nno newline yet");
    CHECK(start_out(&r.s, &in, &e) == START_WAIT);
    buf_printf(&in, "%s arch Linux mips\n", r.s.nonce);
    CHECK(start_out(&r.s, &in, &e) == START_FAILED);
    CHECK(strstr(e.msg, "'mips'") && strstr(e.msg, "web1"));
    buf_printf(&in, "%s arch Darwin arm64\n", r.s.nonce);
    CHECK(start_out(&r.s, &in, &e) == START_FAILED && strstr(e.msg, "Darwin arm64"));
    buf_printf(&in, "%s arch  \n", r.s.nonce);
    CHECK(start_out(&r.s, &in, &e) == START_FAILED && strstr(e.msg, "it says nothing"));
    buf_printf(&in, "%s need x86_64 gz\n", r.s.nonce);
    CHECK(start_out(&r.s, &in, &e) == START_UPLOAD && r.s.need == &r.pay.p[0] && r.s.packed);
    r.s.need = NULL;
    buf_printf(&in, "%s need aarch64 \n", r.s.nonce);
    CHECK(start_out(&r.s, &in, &e) == START_UPLOAD && r.s.need == &r.pay.p[1] && !r.s.packed);
    buf_printf(&in, "%s ok /home/u/.cache/play/x\nrest", r.s.nonce);
    CHECK(start_out(&r.s, &in, &e) == START_READY);
    CHECK_STR(r.s.path, "/home/u/.cache/play/x");
    CHECK_STR(buf_view(&in), "rest");
    buf_release(&in);
    CHECK(!start_ended(&r.s, STR_LIT("sh: 1: x: Permission denied\n"), 126, &e) && strstr(e.msg, "cannot be run"));
    rig_release(&r);
}

TEST(start_prompts) {
    struct rig r;
    rig_init(&r);
    struct err e = {.arena = &r.a};
    r.s.method = "sudo";
    r.s.user = "root";
    CHECK(start_err(&r.s, STR_LIT("lecture: be careful\n"), &e) == START_WAIT);
    struct str text = str_printf(&r.a, "lecture\n[%s] password:", r.s.nonce);
    CHECK(start_err(&r.s, text, &e) == START_FAILED && strstr(e.msg, "missing sudo password"));
    r.s.seen = 0;
    r.s.has_password = true;
    CHECK(start_err(&r.s, text, &e) == START_PASSWORD);
    CHECK(start_err(&r.s, text, &e) == START_WAIT);
    text = str_printf(&r.a, "%.*s\nSorry, try again.\n[%s] password:", STR(text), r.s.nonce);
    CHECK(start_err(&r.s, text, &e) == START_FAILED && strstr(e.msg, "incorrect sudo password"));
    CHECK(!start_ended(&r.s, str_printf(&r.a, "[%s] password:u is not in the sudoers file.\n", r.s.nonce), 1, &e));
    CHECK(strstr(e.msg, "not in the sudoers") && !strstr(e.msg, "PLAY-") && e.code == ERR_MODULE);
    rig_release(&r);
    rig_init(&r);
    r.s.method = "su";
    r.s.user = "root";
    r.s.has_password = true;
    // what the login shell says is no prompt, whatever it looks like
    struct str said = STR_LIT("Welcome. Password: ");
    CHECK(start_err(&r.s, said, &e) == START_WAIT && !r.s.prompted);
    said = str_printf(&r.a, "%.*s\n%s\n", STR(said), become_marker(&r.a, &r.s));
    CHECK(start_err(&r.s, said, &e) == START_WAIT && !r.s.prompted);
    said = str_printf(&r.a, "%.*sPasswort: ", STR(said));
    CHECK(start_err(&r.s, said, &e) == START_PASSWORD);
    // nor is what comes after the answer, unless it asks again
    said = str_printf(&r.a, "%.*s\nLast login: today\n", STR(said));
    CHECK(start_err(&r.s, said, &e) == START_WAIT);
    CHECK(!start_ended(&r.s, said, 1, &e) && !strstr(e.msg, r.s.nonce));
    rig_release(&r);
}

TEST(start_quoting) {
    struct arena a = {0};
    const char *const argv[] = {"sudo", "-u", "it's", "a b", "", "$x`\\\"!", "plain-1.2/3:4=5", NULL};
    const char *line = shell_join(&a, argv);
    const char *const sh[] = {"/bin/sh", "-c", arena_printf(&a, "printf '%%s|' %s", line), NULL};
    struct spawn_result res;
    struct err e = {.arena = &a};
    CHECK(spawn_run(&(struct spawn){.argv = sh}, &a, &res, &e));
    CHECK_STR(res.out, "sudo|-u|it's|a b||$x`\\\"!|plain-1.2/3:4=5|");
    CHECK_STR(tidy_text(&a, STR_LIT("  a\tb\x1b[31m\n"), 80), "a b [31m");
    arena_release(&a);
}
