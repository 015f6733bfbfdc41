// apt_key: keys apt trusts, through apt-key and gpg of the target.
#include "fd.h"
#include "http.h"
#include "replace.h"
#include "trust.h"
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX ((size_t)16 << 20)
#define TRIES   5

static const struct arg args[] = {
    {"id", ARG_STR, .doc = "The key: 8, 16 or more hexadecimal digits; read from the key itself when absent."},
    {"data", ARG_STR, .doc = "The key itself, armored."},
    {"file", ARG_PATH, .doc = "File on the target with the key."},
    {"url", ARG_STR, .doc = "Address to load the key from."},
    {"keyserver", ARG_STR, .doc = "Key server to load the key `id` from."},
    {"keyring", ARG_PATH, .doc = "Keyring file to change; apt's own when absent."},
    {"validate_certs", ARG_BOOL, .def = "true", .doc = "Check the certificate of url."},
    {"state", ARG_STR, .def = "present", .choices = "absent|present", .doc = "Whether apt is to have the key."},
    {0},
};

struct key {
    struct str data;   // of data or url; STR_NONE: not loaded
    struct str id;     // upper case, without 0x
    struct str fp;     // its last 16 digits
    struct str brief;  // its last 8 digits

    // With `keyring`: the file itself, and a copy in the call's private directory, on which apt-key works.
    const char *keyring, *copy;
    bool found;
};

// -- programs --------------------------------------------------------------------------------------------------------

/// Runs apt-key with these words behind the keyring.
static bool apt_key(struct mod_call *c, const char *const *more, struct str input, struct run_result *r,
                    struct err *e) {
    const struct key *k = c->state;
    struct words w = {0};
    words_add(c, &w, "apt-key");
    if (k->copy) {
        words_opt(c, &w, "--keyring", k->copy);
    }
    for (; *more; more++) {
        words_add(c, &w, *more);
    }
    if (words_run(c, &w, input, r, e)) {
        return true;
    }
    err_clear(e);
    return mod_fail_program(c, e, "apt-key");
}

static bool refused(struct mod_call *c, const struct run_result *r, const char *msg, struct err *e) {
    mod_set(c, "rc", val_int(r->rc));
    mod_set_str(c, "stdout", r->out);
    mod_set_str(c, "stderr", r->err);
    return mod_fail(c, e, "%s", msg);
}

/// The id in a line such as "pub   rsa4096/648ACFD622F3D138 2017-05-22 [SC]" or "pub:-:4096:1:648ACFD622F3D138:...".
static struct str id_of(struct str line) {
    size_t slash = str_find_char(line, 0, '/');
    size_t colon = str_find_char(line, 0, ':');
    if (slash != SIZE_MAX && (colon == SIZE_MAX || slash < colon)) {
        struct str id = str_sub(line, slash + 1, line.n);
        return str_sub(id, 0, str_find_char(id, 0, ' '));
    }
    struct str field = STR_NONE;
    for (int i = 0; i < 5; i++) {
        if (!str_next(&line, ':', &field)) {
            return STR_NONE;
        }
    }
    return field;
}

/// The ids of the keys and subkeys a listing shows; the last 8 digits when `brief`.
static struct val ids_of(struct mod_call *c, struct str out, bool brief) {
    struct val ids = val_list(c->arena, 8);
    struct str line;
    while (str_next(&out, '\n', &line)) {
        bool key = str_starts(line, "pub") || str_starts(line, "sub");
        if (!key || str_find(line, 0, STR_LIT("expired")) != SIZE_MAX) {
            continue;
        }
        struct str id = id_of(line);
        if (id.n) {
            val_push(c->arena, ids, val_str(c->arena, brief && id.n > 8 ? str_sub(id, id.n - 8, id.n) : id));
        }
    }
    return ids;
}

static bool list_keys(struct mod_call *c, const struct key *k, struct val *ids, struct err *e) {
    static const char *const words[] = {"adv", "--list-public-keys", "--keyid-format=long", NULL};
    struct run_result r;
    if (k->copy && access(k->copy, F_OK) != 0) {
        *ids = val_list(c->arena, 0);  // apt-key would make the file
        return true;
    }
    if (!apt_key(c, words, STR_NONE, &r, e)) {
        return false;
    }
    *ids = ids_of(c, r.out, k->id.n == 8);
    return r.rc == 0 || refused(c, &r, "Unable to list public keys", e);
}

static bool has_key(struct mod_call *c, const struct key *k, struct val ids) {
    struct val want = val_str(c->arena, k->id.n == 8 ? k->brief : k->fp);
    for (size_t i = 0; i < val_len(ids); i++) {
        if (val_equal(val_at_index(ids, i), want)) {
            return true;
        }
    }
    return false;
}

// -- the key ---------------------------------------------------------------------------------------------------------

static bool download(struct mod_call *c, struct key *k, struct err *e) {
    struct http_request q = {.url = mod_z(c, "url"),
                             .method = "GET",
                             .validate_certs = mod_bool(c, "validate_certs"),
                             .use_proxy = true,
                             .agent = "ansible-httpget",
                             .follow = HTTP_FOLLOW_SAFE,
                             .timeout_ms = 10000,
                             .body_max = KEY_MAX,
                             .out_fd = -1};
    struct http_response r = {0};
    struct err why = {.arena = c->arena};
    if (!http_perform(c, &q, &r, &why)) {
        return mod_fail(c, e, "Failed to download key at %s: %.*s", q.url, STR(err_text(&why)));
    }
    if (r.status != 200) {
        return mod_fail(c, e, "Failed to download key at %s: HTTP Error %lld: %.*s", q.url, (long long)r.status,
                        STR(r.reason));
    }
    k->data = r.body;
    return true;
}

static bool load(struct mod_call *c, struct key *k, struct err *e) {
    if (mod_has(c, "file")) {
        struct err why = {.arena = c->arena};
        if (!fd_read_regular(mod_z(c, "file"), KEY_MAX, c->arena, &k->data, &why)) {
            return mod_fail(c, e, "Unable to extract key from '%s': %.*s", mod_z(c, "file"), STR(err_text(&why)));
        }
        return true;
    }
    k->data = mod_str(c, "data");
    return !mod_has(c, "url") || download(c, k, e);
}

/// The id of the first key in the data. gpg works in a private directory: the user's own keyrings are not touched.
static bool extract_id(struct mod_call *c, struct key *k, struct str *id, struct err *e) {
    struct words w = {0};
    struct str dir;
    struct run_result r;
    const char *from = mod_has(c, "file") ? mod_z(c, "file") : "inline data";
    if (!mod_tmpdir(c, &dir, e)) {
        return false;
    }
    words_add(c, &w, "gpg");
    words_opt(c, &w, "--homedir", str_z(c->arena, dir));
    words_add(c, &w, "--batch");
    words_add(c, &w, "--with-colons");
    words_add(c, &w, "-");
    if (!words_run(c, &w, k->data, &r, e)) {
        err_clear(e);
        return mod_fail_program(c, e, "gpg");
    }
    struct val ids = ids_of(c, r.out, false);
    if (r.rc != 0 || val_len(ids) == 0) {
        return refused(c, &r, arena_printf(c->arena, "Unable to extract key from '%s'", from), e);
    }
    *id = val_text(val_at_index(ids, 0));
    return true;
}

static bool is_hex(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (!isxdigit((unsigned char)s.s[i])) {
            return false;
        }
    }
    return true;
}

static bool parse_id(struct mod_call *c, struct key *k, struct str id, struct err *e) {
    mod_set_str(c, "id", id);
    char *text = str_z(c->arena, id);
    for (char *p = text; *p; p++) {
        if (*p >= 'a' && *p <= 'z') {
            *p = (char)(*p - 'a' + 'A');
        }
    }
    k->id = str_sub(str_from(text), str_starts(str_from(text), "0X") ? 2 : 0, SIZE_MAX);
    if (!is_hex(k->id) || (k->id.n != 8 && k->id.n < 16)) {
        return mod_fail(c, e, "Invalid key_id");
    }
    k->fp = k->id.n > 16 ? str_sub(k->id, k->id.n - 16, k->id.n) : k->id;
    k->brief = str_sub(k->id, k->id.n - 8, k->id.n);
    mod_set_str(c, "short_id", k->brief);
    mod_set_str(c, "fp", k->fp);
    mod_set_str(c, "key_id", k->id);
    return true;
}

static bool check_arguments(struct mod_call *c, struct err *e) {
    static const char *const words[] = {"keyring", "keyserver"};
    struct stat st;
    if (mod_has(c, "keyring") && !trust_path(c, mod_z(c, "keyring"), true, e)) {
        return false;
    }
    if (mod_has(c, "keyring") && stat(mod_z(c, "keyring"), &st) == 0 && !S_ISREG(st.st_mode)) {
        return mod_fail(c, e, "keyring: '%s' is no regular file", mod_z(c, "keyring"));
    }
    for (size_t i = 0; i < COUNTOF(words); i++) {
        if (str_starts(mod_str(c, words[i]), "-")) {
            return mod_fail(c, e, "%s must not start with '-': '%s'", words[i], mod_z(c, words[i]));
        }
    }
    if (!mod_str(c, "id").n && mod_has(c, "keyserver")) {
        return mod_fail(c, e, "Missing key_id, required with keyserver.");
    }
    if (!mod_str(c, "id").n && !mod_has(c, "file") && !mod_has(c, "data") && !mod_has(c, "url")) {
        return mod_fail(c, e, "id, data, file or url is needed to know which key is meant");
    }
    return true;
}

/// apt-key changes a file by its name, more than once, and in a directory that may belong to somebody: it gets a copy.
static bool copy_keyring(struct mod_call *c, struct key *k, struct err *e) {
    const char *path = mod_z(c, "keyring");
    const char *base = path ? strrchr(path, '/') : NULL;
    struct str dir;
    struct str text;
    if (!mod_has(c, "keyring")) {
        return true;
    }
    k->keyring = trust_real(c, path, e);
    if (!k->keyring || !replace_old(c, k->keyring, &text, &k->found, e) || !mod_tmpdir(c, &dir, e)) {
        return false;
    }
    const char *own = arena_printf(c->arena, "%.*s/keyring", STR(dir));
    if (mkdir(own, 0700) != 0) {
        return mod_fail_sys(c, e, errno, "cannot make the directory '%s'", own);
    }
    k->copy = arena_printf(c->arena, "%s/%s", own, base ? base + 1 : path);
    return !k->found || fd_replace_file(k->copy, text, 0644, e);
}

static bool put_back(struct mod_call *c, const char *from, const char *to, bool *there, struct err *e) {
    struct replace r = {.path = to, .source = from, .new_mode = 0644};
    *there = access(from, F_OK) == 0;
    return !*there || replace_file(c, &r, e);
}

/// What apt-key made of the copy: the keyring, or none, and what it keeps of the old one beside it.
static bool keep_keyring(struct mod_call *c, const struct key *k, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    bool kept;
    bool there;
    if (!k->copy) {
        return true;
    }
    if (!put_back(c, arena_printf(c->arena, "%s~", k->copy), arena_printf(c->arena, "%s~", k->keyring), &kept, e) ||
        !put_back(c, k->copy, k->keyring, &there, e)) {
        return false;
    }
    if (there || !k->found) {
        return true;
    }
    const char *at = trust_anchor(c, k->keyring, &dir, e);
    return at ? unlink(at) == 0 || errno == ENOENT || mod_fail_sys(c, e, errno, "cannot remove '%s'", k->keyring)
              : e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot remove '%s'", k->keyring);
}

static bool plan(struct mod_call *c, struct err *e) {
    struct key *k = ARENA_NEW(c->arena, struct key);
    struct str id = mod_str(c, "id");
    struct val ids;
    c->state = k;
    if (!check_arguments(c, e) || !mod_need(c, "apt-key", e) || !mod_need(c, "gpg", e) || !copy_keyring(c, k, e)) {
        return false;
    }
    if (!id.n && (!load(c, k, e) || !extract_id(c, k, &id, e))) {
        return false;
    }
    if (!parse_id(c, k, id, e) || !list_keys(c, k, &ids, e)) {
        return false;
    }
    mod_set(c, "before", ids);
    bool present = str_eqz(mod_str(c, "state"), "present");
    if (has_key(c, k, ids) != present) {
        mod_changed(c);
    }
    return true;
}

// -- making it so ----------------------------------------------------------------------------------------------------

static const char *proxy(void) {
    static const char *const names[] = {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        const char *value = getenv(names[i]);  // NOLINT(concurrency-mt-unsafe): play-remote has one thread
        if (value && *value) {
            return value;
        }
    }
    return NULL;
}

static bool receive(struct mod_call *c, const struct key *k, struct err *e) {
    struct run_result r = {0};
    const char *via = proxy();
    const char *server = mod_z(c, "keyserver");
    const char *id = str_z(c->arena, k->id);
    const char *plain[] = {"adv", "--no-tty", "--keyserver", server, "--recv", id, NULL};
    const char *through[] = {"adv", "--no-tty", "--keyserver", server, "--keyserver-options", NULL, "--recv", id, NULL};
    through[5] = arena_printf(c->arena, "http-proxy=%s", via ? via : "");
    for (int i = 0; i < TRIES; i++) {
        if (!apt_key(c, via ? through : plain, STR_NONE, &r, e)) {
            return false;
        }
        if (r.rc == 0) {
            return true;
        }
    }
    return refused(c, &r, arena_printf(c->arena, "Error fetching key %s from keyserver: %s", id, server), e);
}

static bool add(struct mod_call *c, struct key *k, struct err *e) {
    static const char *const words[] = {"add", "-", NULL};
    struct run_result r;
    if (mod_has(c, "keyserver")) {
        return receive(c, k, e);
    }
    if (!k->data.s && !load(c, k, e)) {
        return false;
    }
    if (!k->data.s) {
        return mod_fail(c, e, "there is no key to add: data, file, keyserver or url is needed");
    }
    return apt_key(c, words, k->data, &r, e) &&
           (r.rc == 0 || refused(c, &r, "Unable to add a key from binary data", e));
}

static bool drop(struct mod_call *c, const struct key *k, struct err *e) {
    struct run_result r;
    const char *id = str_z(c->arena, k->brief);
    const char *words[] = {"del", id, NULL};
    return apt_key(c, words, STR_NONE, &r, e) &&
           (r.rc == 0 || refused(c, &r, arena_printf(c->arena, "Unable to remove a key with id %s", id), e));
}

static bool run(struct mod_call *c, struct err *e) {
    struct key *k = c->state;
    struct val ids;
    bool present = str_eqz(mod_str(c, "state"), "present");
    if (!(present ? add(c, k, e) : drop(c, k, e)) || !list_keys(c, k, &ids, e) || !keep_keyring(c, k, e)) {
        return false;
    }
    mod_set(c, "after", ids);
    return has_key(c, k, ids) == present ||
           mod_fail(c, e,
                    "apt-key did not return an error, but the key %.*s is %s there; check the id, and that it is "
                    "not one of a subkey",
                    STR(k->id), present ? "not" : "still");
}

MODULE(apt_key) = {
    .doc = "Add or remove keys apt trusts. Prefer a keyring file and signed-by: apt-key is going away.",
    .spec = "ansible.builtin.apt_key",
    .example = "- ansible.builtin.apt_key:\n    url: https://apt.example.com/key.asc\n    keyring: "
               "/etc/apt/trusted.gpg.d/example.gpg",
    .returns = "id: The key as given, or as found in the data.\nkey_id: The whole id.\nfp: Its last 16 digits.\n"
               "short_id: Its last 8 digits.\nbefore: Keys before.\nafter: Keys after.",
    .args = args,
    .exclusive = "data,file,keyserver,url",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
