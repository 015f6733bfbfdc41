// yum_repository: one section of a file of package repositories of dnf and yum.
#include "fsattr.h"
#include "map.h"
#include "replace.h"
#include "trust.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT(name, text)                                                                                               \
    { name, ARG_STR, .doc = (text) }
#define FLAG(name, text)                                                                                               \
    { name, ARG_BOOL, .doc = (text) }
#define WORDS(name, text)                                                                                              \
    { name, ARG_LIST, .doc = (text) }

static const struct arg args[] = {
    {"name", ARG_STR, .required = true, .doc = "Id of the repository: the name of its section."},
    {"state", ARG_STR, .def = "present", .choices = "present|absent", .doc = "Whether it is to be there."},
    {"file", ARG_STR, .doc = "Name of the file without .repo; the id when absent."},
    {"reposdir", ARG_PATH, .def = "/etc/yum.repos.d", .doc = "Directory of the files."},
    TEXT("description", "Its name for people; needed unless state is absent."),
    WORDS("baseurl", "Addresses; this, metalink or mirrorlist is needed."),
    TEXT("metalink", "Address of a metalink file."),
    TEXT("mirrorlist", "Address of a list of mirrors."),
    FLAG("async", "Fetch in parallel."),
    TEXT("bandwidth", "Bytes in a second, all there are, that throttle is a part of."),
    TEXT("cost", "Relative cost of access."),
    TEXT("deltarpm_metadata_percentage", "Size of delta metadata, in percent, above which it is not used."),
    TEXT("deltarpm_percentage", "Size of a delta, in percent, above which it is not used."),
    FLAG("enabled", "Whether it is used."),
    FLAG("enablegroups", "Whether groups are used."),
    WORDS("exclude", "Packages to leave out."),
    {"failovermethod", ARG_STR, .choices = "roundrobin|priority", .doc = "Order in which addresses are tried."},
    TEXT("gpgcakey", "Address of the key that signs the key."),
    FLAG("gpgcheck", "Whether signatures of packages are checked."),
    WORDS("gpgkey", "Addresses of keys."),
    FLAG("module_hotfixes", "Whether modules hide nothing of it."),
    {"http_caching", ARG_STR, .choices = "all|packages|none", .doc = "What caches on the way may keep."},
    TEXT("include", "A file to include."),
    WORDS("includepkgs", "The only packages to use."),
    {"ip_resolve", ARG_STR, .choices = "4|6|IPv4|IPv6|whatever", .doc = "Kind of addresses to use."},
    FLAG("keepalive", "Whether connections are kept."),
    {"keepcache", ARG_STR, .choices = "0|1", .doc = "Whether packages are kept."},
    TEXT("metadata_expire", "Time after which metadata is fetched anew."),
    {"metadata_expire_filter", ARG_STR, .choices = "never|read-only:past|read-only:present|read-only:future",
     .doc = "When the age of metadata counts."},
    TEXT("mirrorlist_expire", "Time after which the list is fetched anew."),
    {"params", ARG_DICT, .doc = "Not supported, as in Ansible."},
    {"password", ARG_STR, .no_log = true, .doc = "Password."},
    TEXT("priority", "Priority; lower goes first."),
    FLAG("protect", "Whether its packages may be replaced from elsewhere."),
    TEXT("proxy", "Address of a proxy."),
    {"proxy_password", ARG_STR, .no_log = true, .doc = "Password for the proxy."},
    TEXT("proxy_username", "Name for the proxy."),
    FLAG("repo_gpgcheck", "Whether the signature of the metadata is checked."),
    TEXT("retries", "Attempts to fetch a file."),
    FLAG("s3_enabled", "Whether it is in S3."),
    FLAG("skip_if_unavailable", "Whether it may be missing."),
    {"sslcacert", ARG_STR, .aliases = "ca_cert", .doc = "Certificates of authorities."},
    FLAG("ssl_check_cert_permissions", "Whether permissions of certificates are checked."),
    {"sslclientcert", ARG_STR, .aliases = "client_cert", .doc = "Certificate of the client."},
    {"sslclientkey", ARG_STR, .aliases = "client_key", .doc = "Its key."},
    {"sslverify", ARG_BOOL, .aliases = "validate_certs", .doc = "Whether the server's certificate is checked."},
    TEXT("throttle", "Bytes in a second."),
    TEXT("timeout", "Seconds to wait for a connection."),
    TEXT("ui_repoid_vars", "Variables shown in its id."),
    TEXT("username", "Name for authentication."),
    {0},
};

// Arguments that are about the file or the call, not settings of the section.
static bool is_setting(const char *name) {
    static const char *const others[] = {"name", "state", "file", "reposdir", "description", "params"};
    for (size_t i = 0; i < COUNTOF(others); i++) {
        if (strcmp(name, others[i]) == 0) {
            return false;
        }
    }
    return true;
}

struct section {
    struct str name;
    struct val items;  // dict
};
struct repo {
    const char *path;
    struct {
        struct section *p;
        size_t n, cap;
    } sections;
    struct str text;
    bool found, write;
    struct fsattr attr;
};

// -- reading, as Python's configparser -------------------------------------------------------------------------------

static void read_text(struct mod_call *c, struct repo *r, struct str text) {
    struct arena *a = c->arena;
    struct str line;
    struct section *now = NULL;
    struct val last = {0};
    while (str_next(&text, '\n', &line)) {
        struct str t = str_trim(line);
        size_t close = t.n && t.s[0] == '[' ? str_find_char(t, 0, ']') : SIZE_MAX;
        bool indented = line.n && (line.s[0] == ' ' || line.s[0] == '\t');
        if (!t.n || t.s[0] == '#' || t.s[0] == ';') {
            continue;
        }
        if (indented && now && val_is(last, VAL_STR)) {
            struct str old = val_text(val_get_key(now->items, last));
            val_set_key(a, now->items, last, val_printf(a, "%.*s\n%.*s", STR(old), STR(t)));
        } else if (close != SIZE_MAX) {
            struct section s = {.name = str_sub(t, 1, close), .items = val_dict(a, 16)};
            VEC_PUSH(a, r->sections, s);
            now = &r->sections.p[r->sections.n - 1];
            last = (struct val){0};
        } else if (now) {
            size_t eq = 0;
            while (eq < t.n && t.s[eq] != '=' && t.s[eq] != ':') {
                eq++;
            }
            last = val_str(a, str_trim(str_sub(t, 0, eq)));
            val_set_key(a, now->items, last, val_str(a, str_trim(str_sub(t, eq + 1, t.n))));
        }
    }
}

// -- writing ---------------------------------------------------------------------------------------------------------

static void write_section(struct buf *b, struct arena *a, const struct section *s) {
    struct vpair *p;
    buf_printf(b, "[%.*s]\n", STR(s->name));
    for (size_t i = 0; (p = val_each(s->items, &i));) {
        struct str value = str_replace(a, val_text(p->value), STR_LIT("\n"), STR_LIT("\n\t"));
        buf_printf(b, "%.*s = %.*s\n", STR(val_text(p->key)), STR(value));
    }
    buf_char(b, '\n');
}

static struct str whole_text(struct mod_call *c, const struct repo *r) {
    struct buf b = BUF_IN(c->arena);
    for (size_t i = 0; i < r->sections.n; i++) {
        write_section(&b, c->arena, &r->sections.p[i]);
    }
    return buf_view(&b);
}

static int by_name(const void *x, const void *y) {
    const struct section *a = x;
    const struct section *b = y;
    return str_cmp(a->name, b->name);
}

static int by_key(const void *x, const void *y) {
    const struct vpair *a = x;
    const struct vpair *b = y;
    return str_cmp(val_text(a->key), val_text(b->key));
}

/// What Ansible compares and shows: sections and settings in order.
static struct str sorted_text(struct mod_call *c, const struct repo *r) {
    struct buf b = BUF_IN(c->arena);
    struct section *all = ARENA_ARRAY(c->arena, struct section, r->sections.n + 1);
    if (r->sections.n) {
        memcpy(all, r->sections.p, r->sections.n * sizeof *all);
    }
    if (r->sections.n > 1) {
        qsort(all, r->sections.n, sizeof *all, by_name);
    }
    for (size_t i = 0; i < r->sections.n; i++) {
        struct vpair *pairs = ARENA_ARRAY(c->arena, struct vpair, val_len(all[i].items) + 1);
        struct vpair *p;
        size_t n = 0;
        for (size_t k = 0; (p = val_each(all[i].items, &k));) {
            pairs[n++] = *p;
        }
        qsort(pairs, n, sizeof *pairs, by_key);
        buf_printf(&b, "[%.*s]\n", STR(all[i].name));
        for (size_t k = 0; k < n; k++) {
            buf_printf(&b, "%.*s = %.*s\n", STR(val_text(pairs[k].key)), STR(val_text(pairs[k].value)));
        }
        buf_char(&b, '\n');
    }
    return buf_view(&b);
}

// -- the section -----------------------------------------------------------------------------------------------------

static struct val setting_value(struct arena *a, const char *name, struct val v) {
    if (val_is(v, VAL_BOOL)) {
        return val_z(a, v.u.b ? "1" : "0");
    }
    if (!val_is_seq(v)) {
        return val_str(a, val_str_of(a, v));
    }
    bool lines = strcmp(name, "baseurl") == 0 || strcmp(name, "gpgkey") == 0;
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < val_len(v); i++) {
        buf_printf(&b, "%s%.*s", i ? (lines ? "\n" : " ") : "", STR(val_text(val_at_index(v, i))));
    }
    return val_str(a, buf_view(&b));
}

static bool single_line(struct mod_call *c, const char *name, struct val v, struct err *e) {
    for (size_t i = 0; i < (val_is_seq(v) ? val_len(v) : 1); i++) {
        struct str text = val_text(val_is_seq(v) ? val_at_index(v, i) : v);
        if (str_find_char(text, 0, '\n') != SIZE_MAX) {
            return mod_fail(c, e, "%s must be a single line", name);
        }
    }
    return true;
}

static bool make_section(struct mod_call *c, struct section *s, struct err *e) {
    struct vpair pairs[COUNTOF(args)];
    size_t n = 0;
    s->name = mod_str(c, "name");
    s->items = val_dict(c->arena, 32);
    pairs[n++] = (struct vpair){val_z(c->arena, "name"), mod_arg(c, "description")};
    for (size_t i = 0; args[i].name; i++) {
        struct val v = mod_arg(c, args[i].name);
        if (!is_setting(args[i].name) || !mod_has(c, args[i].name)) {
            continue;
        }
        if (!single_line(c, args[i].name, v, e)) {
            return false;
        }
        pairs[n++] = (struct vpair){val_z(c->arena, args[i].name), setting_value(c->arena, args[i].name, v)};
    }
    qsort(pairs, n, sizeof *pairs, by_key);
    for (size_t i = 0; i < n; i++) {
        val_set_key(c->arena, s->items, pairs[i].key, pairs[i].value);
    }
    return single_line(c, "description", mod_arg(c, "description"), e);
}

static void remove_section(struct repo *r, struct str name) {
    size_t n = 0;
    for (size_t i = 0; i < r->sections.n; i++) {
        if (!str_eq(r->sections.p[i].name, name)) {
            r->sections.p[n++] = r->sections.p[i];
        }
    }
    r->sections.n = n;
}

// -- the module ------------------------------------------------------------------------------------------------------

static bool check_args(struct mod_call *c, struct err *e) {
    struct str name = mod_str(c, "name");
    struct str file = mod_has(c, "file") ? mod_str(c, "file") : name;
    if (val_len(mod_arg(c, "params"))) {
        return mod_fail(c, e,
                        "The params option to yum_repository was removed in Ansible 2.5 since it circumvents "
                        "Ansible's option handling");
    }
    if (str_eqz(mod_str(c, "state"), "present") && !mod_has(c, "baseurl") && !mod_has(c, "metalink") &&
        !mod_has(c, "mirrorlist")) {
        return mod_fail(c, e, "Parameter 'baseurl', 'metalink' or 'mirrorlist' is required.");
    }
    if (str_eqz(mod_str(c, "state"), "present") && !mod_has(c, "description")) {
        return mod_fail(c, e, "Parameter 'description' is required.");
    }
    if (!name.n || str_find_char(name, 0, ']') != SIZE_MAX || str_find_char(name, 0, '\n') != SIZE_MAX) {
        return mod_fail(c, e, "'%.*s' is no id of a repository", STR(name));
    }
    if (!file.n || str_find_char(file, 0, '/') != SIZE_MAX) {
        return mod_fail(c, e, "file must be a name without a directory, not '%.*s'", STR(file));
    }
    return true;
}

static bool plan_attributes(struct mod_call *c, struct repo *r, struct err *e) {
    struct stat st;
    bool differs = false;
    if (!r->found || r->write || r->sections.n == 0 || lstat(r->path, &st) != 0) {
        return true;
    }
    if (!fsattr_differs(c, &r->attr, r->path, &st, val_dict(c->arena, 1), val_dict(c->arena, 1), &differs, e)) {
        return false;
    }
    if (differs) {
        mod_changed(c);
    }
    return true;
}

static bool plan(struct mod_call *c, struct err *e) {
    struct repo *r = c->state = ARENA_NEW(c->arena, struct repo);
    const char *dir = mod_z(c, "reposdir");
    struct stat st;
    struct str old;
    if (!check_args(c, e)) {
        return false;
    }
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return mod_fail(c, e, "Repo directory '%s' does not exist.", dir);
    }
    r->path = arena_printf(c->arena, "%s/%s.repo", dir, mod_has(c, "file") ? mod_z(c, "file") : mod_z(c, "name"));
    if (!replace_old(c, r->path, &old, &r->found, e) || !fsattr_read(c, "mode", &r->attr, e)) {
        return false;
    }
    read_text(c, r, old);
    struct str before = sorted_text(c, r);
    remove_section(r, mod_str(c, "name"));
    if (str_eqz(mod_str(c, "state"), "present")) {
        struct section s;
        if (!make_section(c, &s, e)) {
            return false;
        }
        VEC_PUSH(c->arena, r->sections, s);
    }
    struct str after = sorted_text(c, r);
    r->text = whole_text(c, r);
    r->write = !str_eq(before, after);
    mod_diff_text(c, str_from(r->path), before, str_from(r->path), after);
    c->changed = r->write;
    mod_set(c, "repo", mod_arg(c, "name"));
    mod_set(c, "state", mod_arg(c, "state"));
    return plan_attributes(c, r, e);
}

static bool run(struct mod_call *c, struct err *e) {
    struct repo *r = c->state;
    if (!r->write) {
        return fsattr_apply(c, &r->attr, r->path, e);
    }
    if (r->sections.n == 0) {
        return trust_unlink(c, r->path, e) || (e->code == ERR_NONE && errno == ENOENT) ||
               (e->code == ERR_NONE && mod_fail_sys(c, e, errno, "Cannot remove empty repo file %s.", r->path));
    }
    struct replace new = {.path = r->path,
                          .data = r->text,
                          .attr = &r->attr,
                          .unsafe_writes = mod_bool(c, "unsafe_writes"),
                          .new_mode = mod_has(c, "password") || mod_has(c, "proxy_password") ? 0600 : 0644};
    return replace_file(c, &new, e);
}

MODULE(yum_repository) = {
    .doc = "Add and remove a package repository of dnf and yum.",
    .spec = "ansible.builtin.yum_repository",
    .example = "- ansible.builtin.yum_repository:\n    name: tools\n    description: Tools of the house\n    baseurl: "
               "https://packages.example.org/$releasever/$basearch/\n    gpgcheck: true",
    .returns = "repo: The id.\nstate: As given.",
    .args = args,
    .file_args = true,
    .always_diff = true,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
