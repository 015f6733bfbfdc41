// rpm_key: public keys in the database of rpm.
#include "fd.h"
#include "http.h"
#include "run.h"
#include "spawn.h"
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct arg args[] = {
    {"key", ARG_STR, .required = true, .doc = "The key: a URL, a file of the target, or (to remove it) its id."},
    {"state", ARG_STR, .def = "present", .choices = "absent|present", .doc = "Whether it is to be there."},
    {"fingerprint", ARG_STR, .doc = "What the fingerprint of a new key must be."},
    {"validate_certs", ARG_BOOL, .def = "true", .doc = "Check the server's certificate."},
    {0},
};

#define KEY_MAX ((size_t)4 << 20)

struct key {
    const char *rpm, *gpg;
    const char *file;  // NULL: only the id is known
    struct str id;
};

static bool call(struct mod_call *c, const char *const *argv, struct str input, struct run_result *r, struct err *e) {
    struct words w = {0};
    for (; *argv; argv++) {
        words_add(c, &w, *argv);
    }
    return words_run(c, &w, input, r, e);
}

static struct str field(struct str line, size_t i) {
    struct str part = STR_LIT("");
    for (size_t n = 0; n <= i; n++) {
        if (!str_next(&line, ':', &part)) {
            return STR_LIT("");
        }
    }
    return part;
}

/// Shows the keys of a file, or of the input when that is "-". gpg has no need of its user's keyring and trust for it,
/// which it would make, and could not on a full disk.
static bool show_keys(struct mod_call *c, const struct key *k, const char *file, struct str input, struct run_result *r,
                      struct err *e) {
    static const char *const options[] = {
        "--no-tty",     "--batch",       "--no-keyring",      "--trust-model",      "always",
        "--lock-never", "--with-colons", "--fixed-list-mode", "--with-fingerprint", "--show-keys"};
    const char *argv[COUNTOF(options) + 3] = {k->gpg};
    for (size_t i = 0; i < COUNTOF(options); i++) {
        argv[i + 1] = options[i];
    }
    argv[COUNTOF(options) + 1] = file;
    return call(c, argv, input, r, e);
}

/// A field of the first record of this kind that gpg shows.
static bool gpg_field(struct mod_call *c, const struct key *k, const char *record, size_t i, struct str *out,
                      struct err *e) {
    struct run_result r;
    struct str line;
    if (!show_keys(c, k, k->file, STR_NONE, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return mod_fail(c, e, "%.*s", STR(str_trim(r.err)));
    }
    while (str_next(&r.out, '\n', &line)) {
        if (str_starts(line, record)) {
            *out = field(line, i);
            return true;
        }
    }
    return mod_fail(c, e, "Unexpected gpg output");
}

static struct str upper(struct arena *a, struct str s) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] != ' ') {
            buf_char(&b, ascii_upper(s.s[i]));
        }
    }
    return buf_view(&b);
}

static bool is_id(struct str s) {
    if (str_starts(s, "0x") || str_starts(s, "0X")) {
        s = str_sub(s, 2, s.n);
    }
    for (size_t i = 0; i < s.n; i++) {
        if (!isxdigit((unsigned char)s.s[i])) {
            return false;
        }
    }
    return s.n >= 8 && s.n <= 40;
}

static bool fetch(struct mod_call *c, struct key *k, struct err *e) {
    struct http_request q = {.url = mod_z(c, "key"),
                             .method = "GET",
                             .agent = "ansible-httpget",
                             .validate_certs = mod_bool(c, "validate_certs"),
                             .use_proxy = true,
                             .follow = HTTP_FOLLOW_SAFE,
                             .timeout_ms = 10000,
                             .body_max = KEY_MAX,
                             .out_fd = -1};
    struct http_response r;
    struct str dir;
    if (!http_perform(c, &q, &r, e)) {
        return false;
    }
    if (r.status != 200) {
        return mod_fail(c, e, "failed to fetch key at %s , error was: HTTP Error %lld: %.*s", q.url,
                        (long long)r.status, STR(r.reason));
    }
    if (str_find(r.body, 0, STR_LIT("-----BEGIN PGP PUBLIC KEY BLOCK-----")) == SIZE_MAX) {
        return mod_fail(c, e, "Not a public key: %s", q.url);
    }
    if (!mod_tmpdir(c, &dir, e)) {
        return false;
    }
    k->file = arena_printf(c->arena, "%.*s/key", STR(dir));
    CLEANUP(fd_closep) int fd = open(k->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return mod_fail_sys(c, e, errno, "cannot write '%s'", k->file);
    }
    return fd_write_all(fd, r.body, e);
}

static bool find_key(struct mod_call *c, struct key *k, struct err *e) {
    struct str key = mod_str(c, "key");
    struct stat st;
    if (str_find(key, 0, STR_LIT("://")) != SIZE_MAX) {
        if (!fetch(c, k, e)) {
            return false;
        }
    } else if (is_id(key)) {
        k->id = upper(c->arena, str_trim(key));
        if (str_starts(k->id, "0X")) {
            k->id = str_sub(k->id, 2, k->id.n);
        }
        return true;
    } else if (stat(mod_z(c, "key"), &st) == 0 && S_ISREG(st.st_mode)) {
        k->file = mod_z(c, "key");
    } else {
        return mod_fail(c, e, "Not a valid key %.*s", STR(key));
    }
    if (!gpg_field(c, k, "pub:", 4, &k->id, e)) {
        return false;
    }
    k->id = upper(c->arena, k->id);
    return true;
}

/// rpm holds the armored text of each key in its description; newer ones know the id themselves.
static bool is_imported(struct mod_call *c, const struct key *k, bool *here, struct err *e) {
    const char *query[] = {k->rpm, "-q", "gpg-pubkey", "--qf", "%{description}\\n", NULL};
    struct run_result r;
    struct str line;
    *here = false;
    if (!call(c, query, STR_NONE, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return true;  // no key at all
    }
    if (!show_keys(c, k, "-", r.out, &r, e)) {
        return false;
    }
    while (str_next(&r.out, '\n', &line)) {
        *here = *here || (k->id.n && str_find(field(line, 4), 0, k->id) != SIZE_MAX) ||
                (str_starts(line, "fpr:") && str_ends(field(line, 9), str_z(c->arena, k->id)));
    }
    return true;
}

static bool check_fingerprint(struct mod_call *c, const struct key *k, struct err *e) {
    struct str has;
    struct str want = upper(c->arena, mod_str(c, "fingerprint"));
    if (!want.n) {
        return true;
    }
    if (!gpg_field(c, k, "fpr:", 9, &has, e)) {
        return false;
    }
    return str_eq(has, want) ||
           mod_fail(c, e, "The specified fingerprint, '%.*s', does not match the key fingerprint '%.*s'", STR(want),
                    STR(has));
}

static bool plan(struct mod_call *c, struct err *e) {
    struct key *k = c->state = ARENA_NEW(c->arena, struct key);
    bool here;
    k->rpm = spawn_which(c->arena, "rpm");
    k->gpg = spawn_which(c->arena, "gpg");
    k->gpg = k->gpg ? k->gpg : spawn_which(c->arena, "gpg2");
    if (!k->rpm || !k->gpg) {
        return mod_fail_program(c, e, k->rpm ? "gpg2" : "rpm");
    }
    if (!find_key(c, k, e) || !is_imported(c, k, &here, e)) {
        return false;
    }
    bool wanted = str_eqz(mod_str(c, "state"), "present");
    if (here == wanted) {
        return true;
    }
    if (wanted && !k->file) {
        return mod_fail(c, e, "When importing a key, a valid file must be given");
    }
    mod_changed(c);
    return !wanted || check_fingerprint(c, k, e);
}

static bool run(struct mod_call *c, struct err *e) {
    const struct key *k = c->state;
    struct run_result r;
    struct buf name = BUF_IN(c->arena);
    buf_z(&name, "gpg-pubkey-");
    for (size_t i = k->id.n < 8 ? 0 : k->id.n - 8; i < k->id.n; i++) {
        buf_char(&name, ascii_lower(k->id.s[i]));
    }
    const char *import[] = {k->rpm, "--import", k->file, NULL};
    const char *erase[] = {k->rpm, "--erase", "--allmatches", str_z(c->arena, buf_view(&name)), NULL};
    if (!call(c, str_eqz(mod_str(c, "state"), "present") ? import : erase, STR_NONE, &r, e)) {
        return false;
    }
    return r.rc == 0 || mod_fail(c, e, "%.*s", STR(str_trim(r.err)));
}

MODULE(rpm_key) = {
    .doc = "Add and remove public keys in the database of rpm.",
    .spec = "ansible.builtin.rpm_key",
    .example = "- ansible.builtin.rpm_key:\n    key: https://download.example.com/RPM-GPG-KEY\n    state: present",
    .returns = "changed: Whether the key was added or removed.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
