// known_hosts: host keys in a known_hosts file. What a host's entries are is asked of ssh-keygen, about a private copy:
// the file itself is only read and replaced, so that nothing in its directory can send a program elsewhere.
#include "fd.h"
#include "paths.h"
#include "replace.h"
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <sys/stat.h>

#define LINE_NONE SIZE_MAX

static const struct arg args[] = {
    {"name", ARG_STR, .required = true, .aliases = "host", .doc = "The host, as ssh looks it up: name or [name]:port."},
    {"key", ARG_STR,
     .doc = "The whole line for the file: host, type, key; of several, as ssh-keyscan prints them, the first is looked "
            "for, and all are added. Needed unless state is absent."},
    {"path", ARG_PATH, .def = "~/.ssh/known_hosts", .doc = "The file."},
    {"hash_host", ARG_BOOL, .def = "false", .doc = "Write the host's name hashed."},
    {"state", ARG_STR, .def = "present", .choices = "absent|present", .doc = "Whether the key is to be there."},
    {0},
};

struct known {
    const char *host, *path;
    struct str key;  // with its line end; STR_NONE: none given
    struct str old, now;
    bool exists;      // the file
    bool found;       // the host has entries
    bool replace;     // but not this key
    size_t line;      // the entry of the same type, from 1; LINE_NONE
    struct str text;  // what ssh-keygen says of the host
};
struct host_key {
    struct str options, host, type, key;
};

// -- ssh-keygen ------------------------------------------------------------------------------------------------------

static bool keygen(struct mod_call *c, const char *const *more, struct run_result *r, struct err *e) {
    struct words w = {0};
    words_add(c, &w, "ssh-keygen");
    for (; *more; more++) {
        words_add(c, &w, *more);
    }
    if (words_run(c, &w, STR_NONE, r, e)) {
        return true;
    }
    err_clear(e);
    return mod_fail_program(c, e, "ssh-keygen");
}

/// A private file with this text.
static bool private_file(struct mod_call *c, const char *name, struct str text, const char **path, struct err *e) {
    struct str dir;
    if (!mod_tmpdir(c, &dir, e)) {
        return false;
    }
    *path = arena_printf(c->arena, "%.*s/%s", STR(dir), name);
    return fd_replace_file(*path, text, 0600, e);
}

/// What ssh-keygen finds of the host in a text.
static bool look_up(struct mod_call *c, const char *name, const char *host, struct str text, struct run_result *r,
                    struct err *e) {
    const char *path;
    return private_file(c, name, text, &path, e) &&
           keygen(c, (const char *const[]){"-F", host, "-f", path, NULL}, r, e);
}

// -- keys ------------------------------------------------------------------------------------------------------------

static struct str next_word(struct str *rest) {
    size_t from = 0;
    while (from < rest->n && isspace((unsigned char)rest->s[from])) {
        from++;
    }
    size_t to = from;
    while (to < rest->n && !isspace((unsigned char)rest->s[to])) {
        to++;
    }
    struct str word = str_sub(*rest, from, to);
    *rest = str_sub(*rest, to, rest->n);
    return word;
}

static bool parse_key(struct str line, struct host_key *k) {
    *k = (struct host_key){.options = STR_LIT("")};
    k->host = next_word(&line);
    if (str_starts(k->host, "@")) {
        k->options = k->host;
        k->host = next_word(&line);
    }
    k->type = next_word(&line);
    k->key = next_word(&line);
    return k->key.n > 0;
}

/// The key with the host's name hashed, by ssh-keygen.
static bool hash_key(struct mod_call *c, struct known *k, struct err *e) {
    struct host_key parts;
    struct run_result r;
    const char *path;
    struct str hashed;
    bool found;
    if (!parse_key(k->key, &parts) || str_find_char(str_rtrim(k->key), 0, '\n') != SIZE_MAX) {
        return mod_fail(c, e,
                        "key is no line of a known_hosts file: host, type and key were expected; with hash_host one "
                        "line, a task for each");
    }
    struct str plain = str_printf(c->arena, "%s %.*s %.*s\n", k->host, STR(parts.type), STR(parts.key));
    if (!private_file(c, "hashed", plain, &path, e) ||
        !keygen(c, (const char *const[]){"-H", "-f", path, NULL}, &r, e)) {
        return false;
    }
    if (r.rc != 0 || !replace_read(c, path, &hashed, &found, e) || !str_starts(hashed, "|1|")) {
        return mod_fail(c, e, "ssh-keygen failed (rc=%d, stdout='%.*s',stderr='%.*s')", r.rc, STR(r.out), STR(r.err));
    }
    hashed = str_sub(hashed, 0, str_find_char(hashed, 0, ' '));
    struct str rest = k->key;
    if (parts.options.n) {
        (void)next_word(&rest);
    }
    (void)next_word(&rest);
    k->key = str_printf(c->arena, "%.*s%s%.*s %.*s", STR(parts.options), parts.options.n ? " " : "", STR(hashed),
                        STR(str_trim(rest)));
    return true;
}

static bool check_key(struct mod_call *c, struct known *k, struct err *e) {
    struct run_result r;
    struct host_key parts;
    struct str host = str_from(k->host);
    size_t comma = str_find_char(host, 0, ',');
    if (comma != SIZE_MAX && comma > 0) {
        return mod_fail(c, e,
                        "Comma separated list of names is not supported. Please pass a single name to lookup in the "
                        "known_hosts file.");
    }
    if (!parse_key(k->key, &parts)) {
        return mod_fail(c, e, "key is no line of a known_hosts file: host, type and key were expected");
    }
    if (!look_up(c, "key", k->host, k->key, &r, e)) {
        return false;
    }
    return r.out.n || mod_fail(c, e, "Host parameter does not match hashed host field in supplied key");
}

// -- the file --------------------------------------------------------------------------------------------------------

/// The number in "# Host NAME found: line 3".
static size_t line_number(struct str line) {
    int64_t n;
    size_t at = str_find(line, 0, STR_LIT("found: line "));
    struct str rest = str_sub(line, at == SIZE_MAX ? line.n : at + 12, line.n);
    return str_int(next_word(&rest), &n) && n > 0 ? (size_t)n : LINE_NONE;
}

/// Compares the key with each entry of the host.
static void compare(struct known *k) {
    struct host_key want;
    struct host_key have;
    struct str rest = k->text;
    struct str line;
    size_t number = LINE_NONE;
    k->replace = true;
    (void)parse_key(k->key, &want);
    while (str_next(&rest, '\n', &line)) {
        if (str_starts(line, "#")) {
            number = line_number(line);
            continue;
        }
        if (!parse_key(line, &have)) {
            continue;
        }
        if (str_starts(want.host, "|1|") && str_starts(have.host, "|1|")) {
            want.host = have.host;  // another hash of the same name
        }
        bool same = str_eq(want.options, have.options) && str_eq(want.host, have.host) &&
                    str_eq(want.type, have.type) && str_eq(want.key, have.key);
        if (same || str_eq(want.type, have.type)) {
            k->replace = !same;
            k->line = number;
            return;
        }
    }
}

static bool search(struct mod_call *c, struct known *k, struct err *e) {
    struct run_result r;
    if (!k->exists) {
        return true;
    }
    if (!look_up(c, "known", k->host, k->old, &r, e)) {
        return false;
    }
    if (!r.out.n && !r.err.n && (r.rc == 0 || r.rc == 1)) {
        return true;
    }
    if (r.rc != 0) {
        return mod_fail(c, e, "ssh-keygen failed (rc=%d, stdout='%.*s',stderr='%.*s')", r.rc, STR(r.out), STR(r.err));
    }
    k->found = true;
    k->text = r.out;
    if (k->key.s) {
        compare(k);
    }
    return true;
}

/// The file without every entry of the host.
static bool without_host(struct mod_call *c, struct known *k, struct err *e) {
    struct run_result r;
    const char *path;
    bool found;
    if (!private_file(c, "removed", k->old, &path, e) ||
        !keygen(c, (const char *const[]){"-R", k->host, "-f", path, NULL}, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return mod_fail(c, e, "ssh-keygen failed (rc=%d, stdout='%.*s',stderr='%.*s')", r.rc, STR(r.out), STR(r.err));
    }
    return replace_read(c, path, &k->now, &found, e);
}

/// The file without line k->line, and with the key behind when it is to be there.
static void edit(struct mod_call *c, struct known *k, bool present) {
    struct buf b = BUF_IN(c->arena);
    struct str rest = k->old;
    struct str line;
    for (size_t n = 1; rest.n && str_next(&rest, '\n', &line); n++) {
        if (n != k->line) {
            buf_str(&b, line);
            buf_z(&b, rest.s ? "\n" : "");
        }
    }
    if (present) {
        buf_z(&b, b.n && !str_ends(buf_view(&b), "\n") ? "\n" : "");
        buf_str(&b, k->key);
    }
    k->now = b.n ? buf_view(&b) : STR_LIT("");
}

static const char *lower(struct mod_call *c, struct str s) {
    char *text = str_z(c->arena, s);
    for (char *p = text; *p; p++) {
        if (*p >= 'A' && *p <= 'Z') {
            *p = (char)(*p - 'A' + 'a');
        }
    }
    return text;
}

static bool read_call(struct mod_call *c, struct known *k, struct err *e) {
    k->host = lower(c, mod_str(c, "name"));
    k->path = mod_z(c, "path");
    k->line = LINE_NONE;
    struct str key = mod_str(c, "key");
    k->key = key.n ? key : STR_NONE;
    if (!k->key.s && !str_eqz(mod_str(c, "state"), "absent")) {
        return mod_fail(c, e, "No key specified when adding a host");
    }
    if (k->key.s && mod_bool(c, "hash_host") && !hash_key(c, k, e)) {
        return false;
    }
    if (k->key.s && !str_ends(k->key, "\n")) {
        k->key = str_printf(c->arena, "%.*s\n", STR(k->key));
    }
    return (!k->key.s || check_key(c, k, e)) && replace_old(c, k->path, &k->old, &k->exists, e);
}

static bool plan(struct mod_call *c, struct err *e) {
    struct known *k = ARENA_NEW(c->arena, struct known);
    static const char *const echoed[] = {"name", "key", "path", "hash_host", "state"};
    c->state = k;
    for (size_t i = 0; i < COUNTOF(echoed); i++) {
        mod_set(c, echoed[i], mod_has(c, echoed[i]) ? mod_arg(c, echoed[i]) : VNULL);
    }
    if (!read_call(c, k, e) || !search(c, k, e)) {
        return false;
    }
    fsattr_info(c, k->path);
    struct str shown = str_from(k->exists ? k->path : "/dev/null");
    bool present = str_eqz(mod_str(c, "state"), "present");
    bool same = k->found && !k->replace;
    if (present ? same : !k->found || (k->key.s && k->line == LINE_NONE)) {
        mod_diff_text(c, shown, k->old, str_from(k->path), k->old);
        c->changed = false;
        return true;
    }
    if (!present && !k->key.s) {
        if (!without_host(c, k, e)) {
            return false;
        }
    } else {
        edit(c, k, present);
    }
    mod_diff_text(c, shown, k->old, str_from(k->path), k->now);
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    const struct known *k = c->state;
    struct stat st;
    const char *dir = str_z(c->arena, paths_dir(str_from(k->path)));
    if (*dir && stat(dir, &st) != 0) {
        return mod_fail_sys(c, e, errno, "Failed to write to file %s", k->path);
    }
    if (!replace_file(c, &(struct replace){.path = k->path, .data = k->now}, e)) {
        return false;
    }
    fsattr_info(c, k->path);
    return true;
}

MODULE(known_hosts) = {
    .doc = "Add a host key to a known_hosts file, replace it, or remove it.",
    .spec = "ansible.builtin.known_hosts",
    .example =
        "- ansible.builtin.known_hosts:\n    name: git.example.com\n    key: \"{{ lookup('file', 'git_host_key') "
        "}}\"\n    path: /etc/ssh/ssh_known_hosts",
    .order = "name key path hash_host state diff changed",
    .returns =
        "name: The host.\nkey: The line.\npath: The file.\nhash_host: As given.\nstate: Kind of the file, or absent.\n"
        "mode: Permissions.\nowner: Owner.\ngroup: Group.\nuid: Owner's id.\ngid: Group's id.\nsize: Size in bytes.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .always_diff = true,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
