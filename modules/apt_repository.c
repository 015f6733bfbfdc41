// apt_repository: one-line entries of sources.list and of the files in sources.list.d.
#include "apt.h"
#include "fsattr.h"
#include "home.h"
#include "paths.h"
#include "ppa.h"
#include "replace.h"
#include "words.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 10000

static const struct arg args[] = {
    {"repo", ARG_STR, .required = true,
     .doc = "The entry, as in sources.list: deb [options] URL suite component ..., or ppa:OWNER/NAME for an archive of "
            "Launchpad, whose key is fetched."},
    {"state", ARG_STR, .def = "present", .choices = "absent|present", .doc = "Whether the entry is to be there."},
    {"mode", ARG_RAW, .doc = "Permissions of a file that is made for it."},
    {"update_cache", ARG_BOOL, .def = "true", .aliases = "update-cache", .doc = "Run `apt-get update` after a change."},
    {"update_cache_retries", ARG_INT, .def = "5", .doc = "How often the update is tried."},
    {"update_cache_retry_max_delay", ARG_INT, .def = "12", .doc = "Longest pause between tries, in seconds."},
    {"filename", ARG_STR, .doc = "Name of the file in sources.list.d, without .list; made from the URL when absent."},
    {"install_python_apt", ARG_BOOL, .def = "true", .doc = "Accepted; no Python is needed."},
    {"validate_certs", ARG_BOOL, .def = "true", .doc = "Check Launchpad's certificate."},
    {"codename", ARG_STR, .doc = "Release that an entry of Launchpad is for; that of the target when absent."},
    {0},
};

struct entry {
    bool valid, enabled;
    struct str source, comment;
};
struct list_file {
    const char *path;
    bool found, fresh;  // read from the system; an entry was added to it
    struct str old;     // its bytes
    struct str before;  // as it would be written unchanged
    struct {
        struct entry *p;
        size_t n, cap;
    } entries;
};
struct sources {
    const char *main;   // sources.list
    const char *parts;  // sources.list.d
    struct {
        struct list_file *p;
        size_t n, cap;
    } files;
    struct ppa ppa;  // the archive of Launchpad that is meant; its `line` is STR_NONE: none
    struct str key;  // fingerprint of the key that apt is to trust first; STR_NONE: none
};

// -- one line --------------------------------------------------------------------------------------------------------

static bool blank(char c) {
    return isspace((unsigned char)c) != 0;
}

static struct str next_word(struct str *rest) {
    size_t from = 0;
    while (from < rest->n && blank(rest->s[from])) {
        from++;
    }
    size_t to = from;
    while (to < rest->n && !blank(rest->s[to])) {
        to++;
    }
    struct str word = str_sub(*rest, from, to);
    *rest = str_sub(*rest, to, rest->n);
    return word;
}

static bool is_type(struct str word) {
    return str_eqz(word, "deb") || str_eqz(word, "deb-src");
}

/// With single blanks between its words.
static struct str squeeze(struct arena *a, struct str s) {
    struct buf b = BUF_IN(a);
    for (struct str word = next_word(&s); word.n; word = next_word(&s)) {
        buf_printf(&b, "%s%.*s", b.n ? " " : "", STR(word));
    }
    return b.n ? buf_view(&b) : STR_LIT("");
}

static struct entry parse(struct arena *a, struct str line) {
    struct entry en = {.enabled = true, .comment = STR_LIT("")};
    line = str_trim(line);
    if (str_starts(line, "#")) {
        en.enabled = false;
        line = str_sub(line, 1, line.n);
    }
    size_t hash = str_find_char(line, 0, '#');
    if (hash != SIZE_MAX && hash > 0) {
        en.comment = str_trim(str_sub(line, hash + 1, line.n));
        line = str_sub(line, 0, hash);
    }
    struct str rest = line;
    en.valid = is_type(next_word(&rest));
    en.source = en.valid ? squeeze(a, line) : str_trim(line);
    return en;
}

static struct str dump(struct arena *a, const struct list_file *f) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < f->entries.n; i++) {
        const struct entry *en = &f->entries.p[i];
        buf_printf(&b, "%s%.*s%s%.*s\n", en->enabled ? "" : "# ", STR(en->source), en->comment.n ? " # " : "",
                   STR(en->comment));
    }
    return b.n ? buf_view(&b) : STR_LIT("");
}

// -- what there is ---------------------------------------------------------------------------------------------------

static bool load(struct mod_call *c, struct sources *s, const char *path, struct err *e) {
    struct list_file f = {.path = path};
    struct str line;
    if (!replace_old(c, path, &f.old, &f.found, e) || !f.found) {
        return e->code == ERR_NONE;
    }
    struct str rest = f.old;
    while (rest.n && str_next(&rest, '\n', &line)) {
        VEC_PUSH(c->arena, f.entries, parse(c->arena, line));
    }
    f.before = dump(c->arena, &f);
    VEC_PUSH(c->arena, s->files, f);
    return true;
}

static int by_name(const void *a, const void *b) {
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool load_parts(struct mod_call *c, struct sources *s, struct err *e) {
    struct {
        struct str *p;
        size_t n, cap;
    } names = {0};
    DIR *d = opendir(s->parts);
    const struct dirent *entry;
    if (!d) {
        return errno == ENOENT || mod_fail_sys(c, e, errno, "cannot read directory '%s'", s->parts);
    }
    while ((entry = readdir(d)) && names.n < FILES_MAX) {  // NOLINT(concurrency-mt-unsafe): the stream is ours alone
        struct str name = str_from(entry->d_name);
        if (str_ends(name, ".list") && name.s[0] != '.') {
            VEC_PUSH(c->arena, names, str_dup(c->arena, name));
        }
    }
    closedir(d);
    if (names.n) {
        qsort(names.p, names.n, sizeof *names.p, by_name);
    }
    for (size_t i = 0; i < names.n; i++) {
        if (!load(c, s, arena_printf(c->arena, "%s/%s", s->parts, names.p[i].s), e)) {
            return false;
        }
    }
    return true;
}

/// The value of a line such as LIST='/etc/apt/sources.list'.
static const char *shell_value(struct mod_call *c, struct str out, const char *name) {
    struct str line;
    while (str_next(&out, '\n', &line)) {
        struct str rest = str_sub(line, strlen(name), line.n);
        if (str_starts(line, name) && rest.n > 3 && str_starts(rest, "='") && str_ends(rest, "'")) {
            return str_z(c->arena, paths_normal(c->arena, str_sub(rest, 2, rest.n - 1)));
        }
    }
    return NULL;
}

static bool read_sources(struct mod_call *c, struct sources *s, struct err *e) {
    static const char *const words[] = {
        "apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"};
    struct words w = {0};
    struct run_result r;
    for (size_t i = 0; i < COUNTOF(words); i++) {
        words_add(c, &w, words[i]);
    }
    if (!words_run(c, &w, STR_NONE, &r, e)) {
        err_clear(e);
        return mod_fail(c, e, "Module apt_repository is not supported on target.");
    }
    s->main = shell_value(c, r.out, "LIST");
    s->parts = shell_value(c, r.out, "PARTS");
    if (r.rc != 0 || !s->main || !s->parts) {
        return mod_fail(c, e, "apt-config does not tell where sources.list is: %.*s", STR(str_trim(r.err)));
    }
    return load(c, s, s->main, e) && load_parts(c, s, e);
}

// -- what is to be ---------------------------------------------------------------------------------------------------

/// What the name of its file is made from: an archive of Launchpad is called as it was named, with the release.
static struct str name_source(struct mod_call *c, const struct sources *s, struct str source) {
    if (!s->ppa.line.s) {
        return source;
    }
    struct str rest = s->ppa.line;
    struct str word = STR_NONE;
    for (int i = 0; i < 3; i++) {
        word = next_word(&rest);
    }
    return str_printf(c->arena, "%.*s_%.*s", STR(mod_str(c, "repo")), STR(word));
}

/// The name of a file for an entry: its host and path, without options, protocol and password.
static const char *suggest(struct mod_call *c, const struct sources *s, struct str source) {
    struct str name = mod_str(c, "filename");
    struct buf b = BUF_IN(c->arena);
    if (name.s) {
        const char *file = arena_printf(c->arena, "%.*s.list", STR(name));
        return strchr(file, '/') ? file : arena_printf(c->arena, "%s/%s", s->parts, file);
    }
    struct str rest = source;
    struct str word = next_word(&rest);
    while (is_type(word) || str_starts(word, "[")) {
        while (str_starts(word, "[") && rest.n && str_find_char(word, 0, ']') == SIZE_MAX) {
            size_t end = str_find_char(rest, 0, ']');
            rest = str_sub(rest, end == SIZE_MAX ? rest.n : end + 1, rest.n);
            word = STR_NONE;
        }
        word = next_word(&rest);
    }
    size_t protocol = str_find(word, 0, STR_LIT("://"));
    word = protocol == SIZE_MAX ? word : str_sub(word, protocol + 3, word.n);
    size_t at = str_find_char(word, 0, '@');
    word = at == SIZE_MAX ? word : str_sub(word, at + 1, word.n);
    bool gap = false;
    for (size_t i = 0; i < word.n; i++) {
        if (!isalnum((unsigned char)word.s[i])) {
            gap = b.n > 0;
            continue;
        }
        if (gap) {
            buf_char(&b, '_');
        }
        gap = false;
        buf_char(&b, word.s[i]);
    }
    return arena_printf(c->arena, "%s/%.*s.list", s->parts, STR(buf_view(&b)));
}

static struct list_file *file_of(struct mod_call *c, struct sources *s, const char *path) {
    for (size_t i = 0; i < s->files.n; i++) {
        if (strcmp(s->files.p[i].path, path) == 0) {
            return &s->files.p[i];
        }
    }
    VEC_PUSH(c->arena, s->files, ((struct list_file){.path = path, .old = STR_LIT(""), .before = STR_LIT("")}));
    return &s->files.p[s->files.n - 1];
}

static bool enabled_already(const struct sources *s, struct str source) {
    for (size_t i = 0; i < s->files.n; i++) {
        for (size_t k = 0; k < s->files.p[i].entries.n; k++) {
            const struct entry *en = &s->files.p[i].entries.p[k];
            if (en->valid && en->enabled && str_eq(en->source, source)) {
                return true;
            }
        }
    }
    return false;
}

static void add_source(struct mod_call *c, struct sources *s, struct entry wanted) {
    bool found = false;
    for (size_t i = 0; i < s->files.n; i++) {
        for (size_t k = 0; k < s->files.p[i].entries.n; k++) {
            struct entry *en = &s->files.p[i].entries.p[k];
            if (en->valid && str_eq(en->source, wanted.source)) {
                en->enabled = found = true;
            }
        }
    }
    if (!found) {
        struct list_file *f = file_of(c, s, suggest(c, s, name_source(c, s, wanted.source)));
        wanted.comment = STR_LIT("");
        f->fresh = true;
        VEC_PUSH(c->arena, f->entries, wanted);
    }
}

static void remove_source(struct sources *s, struct str source) {
    for (size_t i = 0; i < s->files.n; i++) {
        struct list_file *f = &s->files.p[i];
        size_t kept = 0;
        for (size_t k = 0; k < f->entries.n; k++) {
            const struct entry *en = &f->entries.p[k];
            if (!(en->valid && en->enabled && str_eq(en->source, source))) {
                f->entries.p[kept++] = *en;
            }
        }
        f->entries.n = kept;
    }
}

static bool differs(struct mod_call *c, const struct list_file *f, struct str *now) {
    *now = dump(c->arena, f);
    return !str_eq(*now, f->before);
}

static bool read_entry(struct mod_call *c, struct sources *s, struct entry *out, struct err *e) {
    struct str repo = mod_str(c, "repo");
    if (!repo.n) {
        return mod_fail(c, e, "Please set argument 'repo' to a non-empty value");
    }
    if (str_starts(repo, "ppa:")) {
        if (!ppa_read(c, repo, &s->ppa, e)) {
            return false;
        }
        repo = s->ppa.line;
    }
    if (str_find_char(repo, 0, '\n') != SIZE_MAX) {
        return mod_fail(c, e, "Invalid repository string: more than one line");
    }
    *out = parse(c->arena, repo);
    return (out->valid && out->enabled) || mod_fail(c, e, "Invalid repository string: %.*s", STR(repo));
}

static bool plan(struct mod_call *c, struct err *e) {
    struct sources *s = ARENA_NEW(c->arena, struct sources);
    struct entry wanted;
    struct fsattr mode;
    c->state = s;
    mod_set_str(c, "repo", mod_str(c, "repo"));
    mod_set_str(c, "state", mod_str(c, "state"));
    if (!read_entry(c, s, &wanted, e) || !fsattr_read(c, "mode", &mode, e) || !read_sources(c, s, e)) {
        return false;
    }
    if (str_eqz(mod_str(c, "state"), "present")) {
        if (s->ppa.line.s && !enabled_already(s, wanted.source) && !ppa_fingerprint(c, &s->ppa, &s->key, e)) {
            return false;
        }
        add_source(c, s, wanted);
    } else {
        remove_source(s, wanted.source);
    }
    struct val added = val_list(c->arena, 1);
    struct val removed = val_list(c->arena, 1);
    for (size_t i = 0; i < s->files.n; i++) {
        const struct list_file *f = &s->files.p[i];
        struct str now;
        if (!differs(c, f, &now)) {
            continue;
        }
        if (!f->before.n || !now.n) {
            val_push(c->arena, now.n ? added : removed, val_str(c->arena, str_from(f->path)));
        }
        mod_diff_text(c, str_from(f->found ? f->path : "/dev/null"), f->before, str_from(now.n ? f->path : "/dev/null"),
                      now);
    }
    mod_set(c, "sources_added", added);
    mod_set(c, "sources_removed", removed);
    mod_set(c, "diff", c->diff && val_len(c->diffs) ? c->diffs : val_dict(c->arena, 0));
    return true;
}

// -- making it so ----------------------------------------------------------------------------------------------------

static bool save_file(struct mod_call *c, const struct list_file *f, struct str now, struct err *e) {
    struct fsattr mode;
    if (!now.n) {
        return unlink(f->path) == 0 || errno == ENOENT || mod_fail_sys(c, e, errno, "cannot remove '%s'", f->path);
    }
    struct replace r = {.path = f->path, .data = now};
    if (f->fresh) {
        if (!fsattr_read(c, "mode", &mode, e) || !home_parents(c, f->path, e)) {
            return false;
        }
        r.attr = &mode;
    }
    return replace_file(c, &r, e);
}

static bool save(struct mod_call *c, const struct sources *s, struct err *e) {
    for (size_t i = 0; i < s->files.n; i++) {
        struct str now;
        if (differs(c, &s->files.p[i], &now) && !save_file(c, &s->files.p[i], now, e)) {
            return false;
        }
    }
    return true;
}

/// Puts every file back as it was. What fails here is not worth more than the failure that led here.
static void revert(struct mod_call *c, const struct sources *s) {
    for (size_t i = 0; i < s->files.n; i++) {
        const struct list_file *f = &s->files.p[i];
        struct err ignored = {.arena = c->arena};
        struct str now;
        if (!differs(c, f, &now)) {
            continue;
        }
        if (!f->found) {
            (void)unlink(f->path);
        } else if (!replace_file(c, &(struct replace){.path = f->path, .data = f->old, .new_mode = 0644}, &ignored)) {
            mod_warn(c, "could not restore '%s': %s", f->path, ignored.msg);
        }
    }
}

static void pause_seconds(int64_t s) {
    struct timespec t = {.tv_sec = s};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

static bool update(struct mod_call *c, struct err *e) {
    int64_t tries = mod_int(c, "update_cache_retries", 5);
    int64_t longest = mod_int(c, "update_cache_retry_max_delay", 12);
    struct run_result r = {0};
    for (int64_t i = 0; i < tries; i++) {
        struct words w = {0};
        words_add(c, &w, "apt-get");
        words_add(c, &w, "update");
        words_add(c, &w, "-o");
        words_add(c, &w, "APT::Update::Error-Mode=any");
        if (!words_run(c, &w, STR_NONE, &r, e)) {
            return false;
        }
        if (r.rc == 0) {
            return true;
        }
        int64_t delay = i < 30 ? (int64_t)1 << i : longest;
        if (i + 1 < tries) {
            pause_seconds(delay < longest ? delay : longest);
        }
    }
    return mod_fail(c, e, "Failed to update apt cache: %.*s", STR(apt_messages(c->arena, r.err)));
}

static bool run(struct mod_call *c, struct err *e) {
    const struct sources *s = c->state;
    if (s->key.s && !ppa_trust(c, &s->ppa, s->key, e)) {
        return false;
    }
    if (save(c, s, e) && (!mod_bool(c, "update_cache") || update(c, e))) {
        return true;
    }
    c->changed = false;
    revert(c, s);
    return false;
}

MODULE(apt_repository) = {
    .doc = "Add or remove entries of sources.list and of the files in sources.list.d.",
    .spec = "ansible.builtin.apt_repository",
    .example = "- ansible.builtin.apt_repository:\n    repo: deb [signed-by=/etc/apt/keyrings/app.asc] "
               "https://apt.example.com stable main\n    filename: app",
    .order = "changed repo state diff",
    .returns = "repo: The entry.\nstate: Whether it is to be there.\nsources_added: Files that are new.\n"
               "sources_removed: Files that are gone.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
