// deb822_repository: one file of apt sources in the newer format, with its key beside it.
#include "digest.h"
#include "fsattr.h"
#include "http.h"
#include "replace.h"

#include <errno.h>
#include <unistd.h>

#define KEYRINGS "/etc/apt/keyrings"
#define SOURCES  "/etc/apt/sources.list.d"
#define KEY_MAX  ((size_t)4 << 20)

static const struct arg args[] = {
    {"name", ARG_STR, .required = true, .doc = "Name of the repository; the file is called after it."},
    {"state", ARG_STR, .def = "present", .choices = "absent|present", .doc = "Whether it is to be there."},
    {"types", ARG_LIST, .def = "[deb]", .choices = "deb|deb-src", .doc = "Packages, sources or both."},
    {"uris", ARG_LIST, .doc = "Addresses of the repository."},
    {"suites", ARG_LIST, .doc = "Suites, or paths that end with a slash."},
    {"components", ARG_LIST, .doc = "Components, such as main."},
    {"architectures", ARG_LIST, .doc = "Architectures to fetch."},
    {"signed_by", ARG_STR,
     .doc = "The key: its URL, which is fetched; a file of the target; a fingerprint; or its text."},
    {"enabled", ARG_BOOL, .doc = "Whether apt uses it."},
    {"trusted", ARG_BOOL, .doc = "Whether it is trusted without a key, or never."},
    {"languages", ARG_LIST, .doc = "Languages of translations."},
    {"targets", ARG_LIST, .doc = "Files to fetch."},
    {"pdiffs", ARG_BOOL, .doc = "Whether apt fetches differences of indexes."},
    {"by_hash", ARG_BOOL, .doc = "Whether indexes are fetched by their hash."},
    {"check_date", ARG_BOOL, .doc = "Whether apt minds the date of the release."},
    {"check_valid_until", ARG_BOOL, .doc = "Whether apt minds that a release has expired."},
    {"date_max_future", ARG_INT, .doc = "Seconds a release may be from the future."},
    {"allow_downgrade_to_insecure", ARG_BOOL, .doc = "Whether it may become one without signatures."},
    {"allow_insecure", ARG_BOOL, .doc = "Whether it may be without signatures."},
    {"allow_weak", ARG_BOOL, .doc = "Whether signatures may be weak."},
    {"inrelease_path", ARG_STR, .doc = "Path of the signed release file."},
    {"mode", ARG_RAW, .def = "0644", .doc = "Permissions of the file."},
    {0},
};

struct source {
    const char *path;      // the file of sources
    const char *key_path;  // the key as a file; NULL: none
    struct str text, key;
    bool write, write_key;
    struct fsattr attr;
};

// -- text ------------------------------------------------------------------------------------------------------------

/// The name as part of a file's: lower case, dashes, letters and digits.
static struct str slug_of(struct arena *a, struct str name) {
    struct buf b = BUF_IN(a);
    bool gap = false;
    for (size_t i = 0; i < name.n; i++) {
        char ch = ascii_lower(name.s[i]);
        bool blank = ch == '_' || ch == ' ' || (ch >= '\t' && ch <= '\r');
        if (blank && !gap) {
            buf_char(&b, '-');
        } else if (!blank && ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-')) {
            buf_char(&b, ch);
        }
        gap = blank;
    }
    return buf_view(&b);
}

static struct str field_name(struct arena *a, const char *key) {
    if (strcmp(key, "name") == 0) {
        return STR_LIT("X-Repolib-Name");
    }
    if (strcmp(key, "uris") == 0) {
        return STR_LIT("URIs");
    }
    struct buf b = BUF_IN(a);
    bool first = true;
    for (; *key; key++) {
        buf_char(&b, *key == '_' ? '-' : first ? ascii_upper(*key) : *key);
        first = *key == '_';
    }
    return buf_view(&b);
}

/// A text of several lines as the format wants it: indented, empty ones as a dot.
static struct str many_lines(struct arena *a, struct str text) {
    struct buf b = BUF_IN(a);
    struct str line;
    text = str_trim(text);
    while (str_next(&text, '\n', &line)) {
        line = str_trim(line);
        buf_printf(&b, "\n    %.*s", STR(line.n ? line : STR_LIT(".")));
    }
    return buf_view(&b);
}

static struct str value_text(struct arena *a, struct val v) {
    struct buf b = BUF_IN(a);
    if (val_is(v, VAL_BOOL)) {
        return v.u.b ? STR_LIT("yes") : STR_LIT("no");
    }
    if (!val_is_seq(v)) {
        return val_str_of(a, v);
    }
    for (size_t i = 0; i < val_len(v); i++) {
        buf_printf(&b, "%s%.*s", i ? " " : "", STR(val_str_of(a, val_at_index(v, i))));
    }
    return buf_view(&b);
}

static const char *const fields[] = {"allow_downgrade_to_insecure",
                                     "allow_insecure",
                                     "allow_weak",
                                     "architectures",
                                     "by_hash",
                                     "check_date",
                                     "check_valid_until",
                                     "components",
                                     "date_max_future",
                                     "enabled",
                                     "inrelease_path",
                                     "languages",
                                     "name",
                                     "pdiffs",
                                     "signed_by",
                                     "suites",
                                     "targets",
                                     "trusted",
                                     "types",
                                     "uris"};

static bool write_text(struct mod_call *c, struct source *s, struct str signed_by, struct err *e) {
    struct buf b = BUF_IN(c->arena);
    for (size_t i = 0; i < COUNTOF(fields); i++) {
        if (!mod_has(c, fields[i])) {
            continue;
        }
        bool key = strcmp(fields[i], "signed_by") == 0;
        struct str value = key ? signed_by : value_text(c->arena, mod_arg(c, fields[i]));
        bool several = str_find_char(value, 0, '\n') != SIZE_MAX;
        if (several && !key) {
            return mod_fail(c, e, "%s must be a single line", fields[i]);
        }
        value = several ? many_lines(c->arena, value) : value;
        buf_printf(&b, "%.*s:%s%.*s\n", STR(field_name(c->arena, fields[i])), several || !value.n ? "" : " ",
                   STR(value));
    }
    s->text = buf_view(&b);
    return true;
}

// -- the key ---------------------------------------------------------------------------------------------------------

static const char *key_file(struct arena *a, struct str slug, const char *ext) {
    return arena_printf(a, KEYRINGS "/%.*s.%s", STR(slug), ext);
}

static bool fetch_key(struct mod_call *c, struct source *s, struct str slug, struct err *e) {
    struct http_request q = {.url = mod_z(c, "signed_by"),
                             .method = "GET",
                             .agent = "ansible-httpget",
                             .validate_certs = true,
                             .use_proxy = true,
                             .follow = HTTP_FOLLOW_SAFE,
                             .fail_prefix = "Could not fetch signed_by key: ",
                             .timeout_ms = 10000,
                             .body_max = KEY_MAX,
                             .out_fd = -1};
    struct http_response r;
    struct str old;
    bool found;
    if (!http_perform(c, &q, &r, e)) {
        return false;
    }
    if (r.status != 200) {
        return mod_fail(c, e, "Could not fetch signed_by key: HTTP Error %lld: %.*s", (long long)r.status,
                        STR(r.reason));
    }
    bool armored = str_find(r.body, 0, STR_LIT("-----BEGIN PGP PUBLIC KEY BLOCK-----")) != SIZE_MAX;
    s->key_path = key_file(c->arena, slug, armored ? "asc" : "gpg");
    s->key = r.body;
    if (!replace_old(c, s->key_path, &old, &found, e)) {
        return false;
    }
    struct stat st;
    s->write_key = !found || !str_eq(old, s->key) || (lstat(s->key_path, &st) == 0 && (st.st_mode & 07777) != 0644);
    if (s->write_key) {
        mod_changed(c);
    }
    return true;
}

static bool find_key(struct mod_call *c, struct source *s, struct str slug, struct str *text, struct err *e) {
    struct stat st;
    *text = mod_str(c, "signed_by");
    if (!text->n || (text->s[0] == '/' && stat(mod_z(c, "signed_by"), &st) == 0)) {
        s->key_path = text->n ? mod_z(c, "signed_by") : NULL;
        return true;
    }
    if (str_starts(*text, "http://") || str_starts(*text, "https://")) {
        bool ok = fetch_key(c, s, slug, e);
        *text = ok ? str_from(s->key_path) : *text;
        return ok;
    }
    return true;
}

// -- plan and run ----------------------------------------------------------------------------------------------------

static bool plan_absent(struct mod_call *c, struct source *s, struct str slug) {
    static const char *const ext[] = {"asc", "gpg"};
    struct stat st;
    if (lstat(s->path, &st) == 0) {
        mod_changed(c);
    }
    for (size_t i = 0; i < COUNTOF(ext); i++) {
        s->key_path = key_file(c->arena, slug, ext[i]);
        if (lstat(s->key_path, &st) == 0) {
            mod_changed(c);
        }
    }
    mod_set(c, "repo", VNULL);
    mod_set_z(c, "dest", s->path);
    mod_set_z(c, "key_filename", s->key_path);
    return true;
}

static bool plan_present(struct mod_call *c, struct source *s, struct str slug, struct err *e) {
    struct str signed_by;
    struct str old;
    bool found;
    if (!find_key(c, s, slug, &signed_by, e) || !write_text(c, s, signed_by, e) ||
        !replace_old(c, s->path, &old, &found, e) || !fsattr_read(c, "mode", &s->attr, e)) {
        return false;
    }
    s->write = !found || !str_eq(old, s->text);
    if (s->write) {
        mod_diff_text(c, found ? str_from(s->path) : STR_NONE, found ? old : STR_NONE, str_from(s->path), s->text);
    }
    struct stat st;
    bool differs = false;
    if (found && lstat(s->path, &st) == 0 &&
        !fsattr_differs(c, &s->attr, s->path, &st, val_dict(c->arena, 1), val_dict(c->arena, 1), &differs, e)) {
        return false;
    }
    if (differs) {
        mod_changed(c);
    }
    mod_set_str(c, "repo", s->text);
    mod_set_z(c, "dest", s->path);
    fsattr_info(c, s->path);
    mod_set(c, "key_filename", s->key_path ? val_z(c->arena, s->key_path) : VNULL);
    return true;
}

static bool plan(struct mod_call *c, struct err *e) {
    struct source *s = c->state = ARENA_NEW(c->arena, struct source);
    struct str slug = slug_of(c->arena, mod_str(c, "name"));
    if (!slug.n) {
        return mod_fail(c, e, "no file can be named after '%.*s'", STR(mod_str(c, "name")));
    }
    s->path = arena_printf(c->arena, SOURCES "/%.*s.sources", STR(slug));
    return str_eqz(mod_str(c, "state"), "absent") ? plan_absent(c, s, slug) : plan_present(c, s, slug, e);
}

static bool remove_all(struct mod_call *c, const struct source *s, struct err *e) {
    const char *stem = arena_strndup(c->arena, s->key_path, strlen(s->key_path) - 3);
    const char *paths[] = {s->path, arena_printf(c->arena, "%sasc", stem), arena_printf(c->arena, "%sgpg", stem)};
    for (size_t i = 0; i < COUNTOF(paths); i++) {
        if (unlink(paths[i]) != 0 && errno != ENOENT) {
            return mod_fail_sys(c, e, errno, "cannot remove '%s'", paths[i]);
        }
    }
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    struct source *s = c->state;
    struct fsattr key_attr = {.has_mode = true, .mode = 0644};
    if (str_eqz(mod_str(c, "state"), "absent")) {
        return remove_all(c, s, e);
    }
    if (s->write_key) {
        if (mkdir(KEYRINGS, 0755) != 0 && errno != EEXIST) {
            return mod_fail_sys(c, e, errno, "cannot make " KEYRINGS);
        }
        struct replace key = {.path = s->key_path, .data = s->key, .new_mode = 0644, .attr = &key_attr};
        if (!replace_file(c, &key, e)) {
            return false;
        }
    }
    struct replace r = {.path = s->path, .data = s->text, .attr = &s->attr, .new_mode = 0644};
    if (!(s->write ? replace_file(c, &r, e) : fsattr_apply(c, &s->attr, s->path, e))) {
        return false;
    }
    fsattr_info(c, s->path);
    return true;
}

MODULE(deb822_repository) = {
    .doc = "Add and remove an apt repository in the deb822 format.",
    .spec = "ansible.builtin.deb822_repository",
    .example = "- ansible.builtin.deb822_repository:\n    name: docker\n    types: deb\n    uris: "
               "https://download.docker.com/linux/debian\n    suites: bookworm\n    components: stable\n    signed_by: "
               "https://download.docker.com/linux/debian/gpg",
    .returns = "repo: The text of the file.\ndest: The file.\nkey_filename: The file of the key.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
