#include "ppa.h"

#include "facts.h"
#include "fd.h"
#include "http.h"
#include "json.h"
#include "replace.h"
#include "words.h"

#include <ctype.h>
#include <unistd.h>

#define ANSWER_MAX  ((size_t)1 << 20)
#define RELEASE_MAX ((size_t)64 << 10)
#define KEY_SERVER  "hkp://keyserver.ubuntu.com:80"
#define TRUSTED     "/etc/apt/trusted.gpg.d"

// -- names -----------------------------------------------------------------------------------------------------------

static bool legal(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (!isalnum((unsigned char)s.s[i]) && (!s.s[i] || !strchr("+.-_~", s.s[i]))) {
            return false;
        }
    }
    return s.n > 0 && s.s[0] != '.';
}

static bool release(struct mod_call *c, struct str *out, struct err *e) {
    static const char *const files[] = {"/etc/os-release", "/usr/lib/os-release"};
    *out = mod_str(c, "codename");
    for (size_t i = 0; !out->n && i < COUNTOF(files); i++) {
        struct err none = {.arena = c->arena};
        struct str text;
        if (fd_read_regular(files[i], RELEASE_MAX, c->arena, &text, &none)) {
            *out = facts_key(text, "VERSION_CODENAME");
        }
    }
    return legal(*out) ||
           mod_fail(c, e, "codename: the name of a release such as 'jammy' is needed%s%.*s%s",
                    out->n ? ", not '" : "; /etc/os-release has no VERSION_CODENAME", STR(*out), out->n ? "'" : "");
}

bool ppa_read(struct mod_call *c, struct str text, struct ppa *out, struct err *e) {
    struct str rest = str_sub(text, strlen("ppa:"), text.n);
    struct str owner = STR_LIT("");
    struct str name;
    struct str codename;
    str_next(&rest, '/', &owner);
    name = STR_LIT("ppa");
    if (rest.s) {
        str_next(&rest, '/', &name);
    }
    if (!legal(owner) || !legal(name)) {
        return mod_fail(c, e, "Invalid repository string: %.*s: ppa:OWNER/NAME is expected", STR(text));
    }
    out->owner = str_z(c->arena, owner);
    out->name = str_z(c->arena, name);
    if (!release(c, &codename, e)) {
        return false;
    }
    out->line = str_printf(c->arena, "deb http://ppa.launchpad.net/%s/%s/ubuntu %.*s main", out->owner, out->name,
                           STR(codename));
    return true;
}

// -- the key ---------------------------------------------------------------------------------------------------------

static bool fingerprint(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (!isxdigit((unsigned char)s.s[i])) {
            return false;
        }
    }
    return s.n == 40;
}

bool ppa_fingerprint(struct mod_call *c, const struct ppa *p, struct str *out, struct err *e) {
    struct val headers = val_dict(c->arena, 1);
    struct http_request q = {
        .url = arena_printf(c->arena, "https://launchpad.net/api/1.0/~%s/+archive/%s", p->owner, p->name),
        .method = "GET",
        .headers = headers,
        .validate_certs = mod_bool(c, "validate_certs"),
        .use_proxy = true,
        .agent = "ansible-httpget",
        .follow = HTTP_FOLLOW_SAFE,
        .timeout_ms = 10000,
        .body_max = ANSWER_MAX,
        .out_fd = -1};
    struct http_response r = {0};
    struct err why = {.arena = c->arena};
    struct val answer;
    val_set(c->arena, headers, "Accept", val_str(c->arena, STR_LIT("application/json")));
    if (!http_perform(c, &q, &r, &why)) {
        return mod_fail(c, e, "failed to fetch PPA information, error was: %.*s", STR(err_text(&why)));
    }
    if (r.status != 200) {
        return mod_fail(c, e, "failed to fetch PPA information, error was: HTTP Error %lld: %.*s", (long long)r.status,
                        STR(r.reason));
    }
    if (!json_parse(c->arena, r.body, &answer, &why) || answer.kind != VAL_DICT) {
        return mod_fail(c, e, "failed to fetch PPA information: %s gives no JSON object", q.url);
    }
    *out = val_text(val_get(answer, "signing_key_fingerprint"));
    return fingerprint(*out) ||
           mod_fail(c, e, "failed to fetch PPA information: %s gives no fingerprint of a key", q.url);
}

/// Runs a program that has to do with keys; it must exit with 0.
static bool gpg(struct mod_call *c, struct words *w, struct run_result *r, struct err *e) {
    const char *program = w->p[0];
    if (!words_run(c, w, STR_NONE, r, e)) {
        err_clear(e);
        return mod_fail_program(c, e, program);
    }
    if (r->rc == 0) {
        return true;
    }
    mod_set(c, "rc", val_int(r->rc));
    mod_set_str(c, "stdout", r->out);
    mod_set_str(c, "stderr", r->err);
    return mod_fail(c, e, "%s could not get the key of the archive from %s: %.*s", program, KEY_SERVER,
                    STR(str_trim(mod_shortened(c->arena, r->err, MOD_MESSAGE_MAX))));
}

static bool by_apt_key(struct mod_call *c, const char *key, bool *done, struct err *e) {
    struct words has = {0};
    struct words get = {0};
    struct run_result r;
    words_add(c, &has, "apt-key");
    words_add(c, &has, "export");
    words_add(c, &has, key);
    *done = words_run(c, &has, STR_NONE, &r, e);
    if (!*done) {
        err_clear(e);  // there is no such program
        return true;
    }
    if (r.rc == 0 && str_trim(r.out).n) {
        return true;
    }
    words_add(c, &get, "apt-key");
    words_add(c, &get, "adv");
    words_add(c, &get, "--recv-keys");
    words_add(c, &get, "--no-tty");
    words_opt(c, &get, "--keyserver", KEY_SERVER);
    words_add(c, &get, key);
    return gpg(c, &get, &r, e);
}

static void gpg_in(struct mod_call *c, struct words *w, const char *home) {
    words_add(c, w, "gpg");
    words_opt(c, w, "--homedir", home);
    words_add(c, w, "--batch");
    words_add(c, w, "--no-tty");
}

bool ppa_trust(struct mod_call *c, const struct ppa *p, struct str print, struct err *e) {
    const char *key = str_z(c->arena, print);
    struct words get = {0};
    struct words show = {0};
    struct run_result r;
    struct str home;
    bool done;
    if (!by_apt_key(c, key, &done, e) || done) {
        return done;
    }
    const char *path = arena_printf(c->arena, "%s/%s-ubuntu-%s.gpg", TRUSTED, p->owner, p->name);
    if (access(path, F_OK) == 0) {
        return true;
    }
    if (!mod_tmpdir(c, &home, e)) {
        return false;
    }
    gpg_in(c, &get, str_z(c->arena, home));
    words_opt(c, &get, "--keyserver", KEY_SERVER);
    words_opt(c, &get, "--recv-keys", key);
    gpg_in(c, &show, str_z(c->arena, home));
    words_opt(c, &show, "--export", key);
    if (!gpg(c, &get, &r, e) || !gpg(c, &show, &r, e)) {
        return false;
    }
    struct replace to = {.path = path, .data = r.out, .new_mode = 0644};
    return r.out.n ? replace_file(c, &to, e) : mod_fail(c, e, "gpg exports nothing for the key %s", key);
}
