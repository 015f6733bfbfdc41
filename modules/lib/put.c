// Putting attached content in place, file by file.
#include "put.h"

#include "digest.h"
#include "fd.h"
#include "paths.h"
#include "replace.h"
#include "trust.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

struct job {
    const char *dest;
    const char *link;  // a symbolic link with this text
    struct str data;
    struct fsattr attr;
    mode_t new_mode;
    bool dir, write;
};
struct put {
    struct {
        struct job *p;
        size_t n, cap;
    } jobs;
    struct {
        const char **p;
        size_t n, cap;
    } dirs;                    // to be made, parents first
    struct val before, after;  // attributes
    bool kept;                 // force: false left a file alone
    bool tree;                 // the result is that of many files
};

// -- controller ------------------------------------------------------------------------------------------------------

void put_seal(struct mod_call *c) {
    if (!val_is(val_get(c->args, "_files"), VAL_LIST)) {
        val_set(c->arena, c->args, "_files", val_list(c->arena, 1));
    }
}

static struct val add(struct mod_call *c, struct str rel) {
    put_seal(c);
    struct val f = val_dict(c->arena, 4);
    val_set(c->arena, f, "rel", val_str(c->arena, rel));
    val_push(c->arena, val_get(c->args, "_files"), f);
    return f;
}

static void add_file(struct mod_call *c, struct str rel, struct val sha256, size_t size, struct str mode,
                     struct str source) {
    struct val f = add(c, rel);
    c->on_request = true;
    val_set(c->arena, f, "sha256", sha256);
    val_set(c->arena, f, "size", val_int((int64_t)size));
    val_set(c->arena, f, "mode", val_str(c->arena, mode));
    val_set(c->arena, f, "source", val_str(c->arena, source));
}

void put_attach(struct mod_call *c, struct str rel, struct str data, struct str mode, struct str source) {
    add_file(c, rel, mod_attach(c, data), data.n, mode, source);
}

bool put_attach_file(struct mod_call *c, struct str rel, const char *path, size_t size, struct str mode,
                     struct err *e) {
    struct val sha256 = mod_attach_file(c, path, size, e);
    if (!val_is(sha256, VAL_STR)) {
        return false;
    }
    add_file(c, rel, sha256, size, mode, str_from(path));
    return true;
}

void put_attach_dir(struct mod_call *c, struct str rel) {
    val_set(c->arena, add(c, rel), "dir", val_bool(true));
}

void put_attach_link(struct mod_call *c, struct str rel, struct str text) {
    val_set(c->arena, add(c, rel), "link", val_str(c->arena, text));
}

// -- target: planning ------------------------------------------------------------------------------------------------

static struct put *state_of(struct mod_call *c) {
    if (!c->state) {
        struct put *p = ARENA_NEW(c->arena, struct put);
        p->before = val_dict(c->arena, 4);
        p->after = val_dict(c->arena, 4);
        c->state = p;
    }
    return c->state;
}

// What a file operation notes about content: one entry of the diff.
static void content_diff(struct mod_call *c, const struct put_item *i, const char *shown, struct str old, bool found) {
    mod_changed(c);
    if (!c->diff) {
        return;
    }
    struct val d = val_dict(c->arena, 4);
    bool show_old = mod_diff_shows(c, d, "dst", old, replace_binary(old));
    // of a new file the size is looked at first
    bool show_new = mod_diff_shows(c, d, "src", i->data, i->data.n <= mod_diff_max(c) && replace_binary(i->data));
    if (show_old) {
        val_set(c->arena, d, "before", val_str(c->arena, old));
        if (found) {
            val_set(c->arena, d, "before_header", val_z(c->arena, shown));
        }
    }
    if (show_new) {
        val_set(c->arena, d, "after", val_str(c->arena, i->data));
        val_set(c->arena, d, "after_header", val_str(c->arena, i->source.n ? i->source : str_from(i->dest)));
    }
    c->diffs = val_is(c->diffs, VAL_LIST) ? c->diffs : val_list(c->arena, 2);
    val_push(c->arena, c->diffs, d);
}

static bool checksum(struct mod_call *c, struct str data, struct err *e) {
    const char *hex;
    struct str want = mod_str(c, "checksum");
    if (!digest_hex(c->arena, "sha1", data, &hex, e)) {
        return false;
    }
    mod_set_z(c, "checksum", hex);
    if (want.n > 0 && !str_eqz(want, hex)) {
        mod_set_str(c, "expected_checksum", want);
        return mod_fail(c, e, "the file does not have the expected checksum: it is %s", hex);
    }
    return true;
}

static bool item_attr(struct mod_call *c, const struct put_item *i, const char *mode_arg, struct fsattr *f,
                      struct err *e) {
    if (!fsattr_read(c, mode_arg, f, e)) {
        return false;
    }
    if (i->own_mode) {
        f->has_mode = false;
    }
    int64_t octal = 0;
    for (size_t k = 0; k < i->mode.n; k++) {
        octal = octal * 8 + (i->mode.s[k] - '0');
    }
    if (i->mode.n > 0) {
        f->has_mode = true;
        f->symbolic = STR_NONE;
        f->mode = (mode_t)octal & 07777;
    }
    return true;
}

static bool attributes(struct mod_call *c, struct put *p, const struct job *j, const struct stat *st, struct err *e) {
    bool differs = false;
    if (!fsattr_differs(c, &j->attr, j->dest, st, p->before, p->after, &differs, e)) {
        return false;
    }
    if (differs) {
        mod_changed(c);
    }
    return true;
}

static bool plan_data(struct mod_call *c, struct put_item i, struct err *e) {
    struct put *p = state_of(c);
    struct stat st;
    const char *shown = i.dest;
    if (!trust_path(c, i.dest, mod_bool(c, "follow"), e)) {
        return false;
    }
    bool link = lstat(i.dest, &st) == 0 && S_ISLNK(st.st_mode);
    if (link && mod_bool(c, "follow") && stat(i.dest, &st) == 0) {
        i.dest = trust_real(c, i.dest, e);
        link = false;
        if (!i.dest) {
            return false;
        }
    }
    struct job j = {.dest = i.dest, .data = i.data, .new_mode = i.new_mode};
    bool there = link || lstat(i.dest, &st) == 0;
    if (there && !mod_bool(c, "force")) {
        p->kept = true;
        return true;
    }
    if (there && !S_ISREG(st.st_mode) && !link) {
        return mod_fail(c, e, "cannot write '%s': it is a %s, not a file", i.dest,
                        S_ISDIR(st.st_mode) ? "directory" : "special file");
    }
    struct str old = STR_NONE;
    bool found = false;
    struct stat target;
    bool nowhere = link && stat(i.dest, &target) != 0;  // a link to itself, too
    if (!item_attr(c, &i, "mode", &j.attr, e) || (!nowhere && !replace_view(c, i.dest, &old, &found, e))) {
        return false;
    }
    j.write = !there || link || !str_eq(old, i.data);
    if (j.write) {
        content_diff(c, &i, shown, old, found);
    }
    VEC_PUSH(c->arena, p->jobs, j);
    if (j.write && c->check) {
        return true;  // what it will be like is not known yet
    }
    struct stat fresh = fsattr_fresh(i.dest, false);
    fresh.st_gid = getegid();
    return attributes(c, p, &j, found && !link ? &st : &fresh, e);
}

// Records the directories of `path` (the part before its last slash) that do not exist.
static bool need_parents(struct mod_call *c, const char *path, struct err *e) {
    struct put *p = state_of(c);
    for (const char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
        const char *dir = arena_strndup(c->arena, path, (size_t)(s - path));
        struct stat st;
        bool known = p->dirs.n > 0 && strcmp(p->dirs.p[p->dirs.n - 1], dir) == 0;
        if (known || (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))) {
            continue;
        }
        if (stat(dir, &st) == 0) {
            return mod_fail(c, e, "cannot create directory '%s': there is a file of this name", dir);
        }
        for (size_t k = 0; !known && k < p->dirs.n; k++) {
            known = strcmp(p->dirs.p[k], dir) == 0;
        }
        if (!known) {
            VEC_PUSH(c->arena, p->dirs, dir);
            mod_changed(c);
        }
    }
    return true;
}

bool put_plan_file(struct mod_call *c, const struct put_item *i, bool parents, struct err *e) {
    return (!parents || need_parents(c, i->dest, e)) && plan_data(c, *i, e);
}

bool put_plan_dir(struct mod_call *c, const struct put_item *i, struct err *e) {
    struct put *p = state_of(c);
    struct stat st;
    struct job j = {.dest = i->dest, .dir = true, .new_mode = i->new_mode};
    bool directory_mode = !i->top && mod_has(c, "directory_mode");
    if (!need_parents(c, arena_printf(c->arena, "%s/", i->dest), e) ||
        !item_attr(c, i, directory_mode ? "directory_mode" : "mode", &j.attr, e)) {
        return false;
    }
    j.attr.has_mode = j.attr.has_mode && (i->top || directory_mode || i->mode.n > 0);
    VEC_PUSH(c->arena, p->jobs, j);
    return stat(i->dest, &st) != 0 || attributes(c, p, &j, &st, e);
}

bool put_plan_link(struct mod_call *c, const char *dest, struct str text, struct err *e) {
    struct put *p = state_of(c);
    struct put_item i = {.dest = dest, .own_mode = true};
    struct job j = {.dest = dest, .link = str_z(c->arena, text)};
    struct stat st;
    char now[4096];
    if (!need_parents(c, dest, e) || !item_attr(c, &i, "mode", &j.attr, e)) {
        return false;
    }
    bool there = lstat(dest, &st) == 0;
    if (there && S_ISDIR(st.st_mode)) {
        return mod_fail(c, e, "refusing to convert from directory to symlink for %s", dest);
    }
    ssize_t n = there ? readlink(dest, now, sizeof now) : -1;
    j.write = n < 0 || (size_t)n != text.n || memcmp(now, text.s, text.n) != 0;
    if (j.write) {
        mod_changed(c);
    }
    VEC_PUSH(c->arena, p->jobs, j);
    return j.write || attributes(c, p, &j, &st, e);
}

static bool is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

// Where a single file goes: into dest when that is a directory or ends with a slash.
static bool single_dest(struct mod_call *c, struct str source, const char **dest, struct err *e) {
    const char *d = mod_z(c, "dest");
    struct str base = paths_base(source);
    bool slash = str_ends(str_from(d), "/");
    *dest = d;
    if (slash || is_dir(d)) {
        if (base.n == 0) {
            return mod_fail(c, e, "can not use content with a dir as dest");
        }
        *dest = arena_printf(c->arena, "%s%s%.*s", d, slash ? "" : "/", STR(base));
        return need_parents(c, *dest, e);
    }
    const char *last = strrchr(d, '/');
    const char *parent = last && last != d ? arena_strndup(c->arena, d, (size_t)(last - d)) : (last ? "/" : ".");
    struct stat st;
    if (stat(d, &st) != 0 && errno == ENOTDIR) {
        return mod_fail_sys(c, e, ENOTDIR, "Failed to get information on remote file (%s)", d);
    }
    // In check mode an earlier task would have made it.
    return c->check || is_dir(parent) || mod_fail(c, e, "Destination directory %s does not exist", parent);
}

// A relative path from the controller must stay below dest.
static bool safe_rel(struct str rel) {
    struct str part;
    while (str_next(&rel, '/', &part)) {
        if (str_eqz(part, "..")) {
            return false;
        }
    }
    return true;
}

static const char *below(struct mod_call *c, struct str rel) {
    const char *d = mod_z(c, "dest");
    return arena_printf(c->arena, "%s%s%.*s", d, str_ends(str_from(d), "/") ? "" : "/", STR(rel));
}

// Asks for what is neither here nor in the place it goes to, all in one question.
static void ask_contents(struct mod_call *c, struct val files, bool single) {
    struct val missing = val_list(c->arena, 1);
    const char *dest = mod_z(c, "dest");
    for (size_t i = 0; c->have && dest && i < val_len(files); i++) {
        struct val f = val_at_index(files, i);
        struct str sha = val_text(val_get(f, "sha256"));
        int64_t size = 0;
        const char *path = dest;
        if (!single) {
            path = below(c, val_text(val_get(f, "rel")));
        } else if (is_dir(dest)) {
            path = below(c, paths_base(val_text(val_get(f, "source"))));
        }
        if (sha.n && val_as_int(val_get(f, "size"), &size) && !c->have(c, sha, path, size)) {
            val_push(c->arena, missing, val_str(c->arena, sha));
        }
    }
    if (c->have) {
        c->need(c, missing);
    }
}

static bool plan_below(struct mod_call *c, struct val f, struct err *e) {
    struct str rel = val_text(val_get(f, "rel"));
    if (!safe_rel(rel)) {
        return mod_fail(c, e, "'%.*s' leads out of the destination", STR(rel));
    }
    struct put_item i = {
        .dest = below(c, rel), .source = val_text(val_get(f, "source")), .mode = val_text(val_get(f, "mode"))};
    struct val link = val_get(f, "link");
    if (val_is(link, VAL_STR)) {
        return put_plan_link(c, i.dest, val_text(link), e);
    }
    if (val_is(val_get(f, "dir"), VAL_BOOL)) {
        return put_plan_dir(c, &i, e);
    }
    return c->blob(c, val_text(val_get(f, "sha256")), &i.data, e) &&
           (!mod_str(c, "checksum").n || checksum(c, i.data, e)) && put_plan_file(c, &i, true, e);
}

// What the result says of a single file.
static void describe(struct mod_call *c, const struct put *p) {
    const struct job *j = p->jobs.n ? &p->jobs.p[0] : NULL;
    if (!j) {
        return;
    }
    if (j->write && c->check) {
        // Ansible tells no more of what would be written
        (void)val_del_key(c->result, val_z(c->arena, "checksum"));
        (void)val_del_key(c->result, val_z(c->arena, "dest"));
        mod_set(c, "diff", val_is(c->diffs, VAL_LIST) ? c->diffs : val_list(c->arena, 0));
        return;
    }
    mod_set_z(c, "dest", j->dest);
    if (j->write && val_text(mod_arg(c, "src")).n) {
        mod_set_str(c, "src", mod_str(c, "src"));
    } else if (j->write) {
        // `content` has no name; Ansible tells that of its temporary file, which is gone by then as well
        const char *home = getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nobody changes the environment here
        mod_set_z(c, "src", arena_printf(c->arena, "%s/.ansible/tmp/source", home ? home : ""));
    }
    if (j->write) {
        mod_set(c, "diff", val_is(c->diffs, VAL_LIST) ? c->diffs : val_list(c->arena, 0));
        return;
    }
    c->order = "diff path changed uid gid owner group mode state size invocation checksum dest";  // `file` did it
    struct val d = val_dict(c->arena, 2);
    val_set(c->arena, p->before, "path", val_z(c->arena, j->dest));
    val_set(c->arena, p->after, "path", val_z(c->arena, j->dest));
    val_set(c->arena, d, "before", p->before);
    val_set(c->arena, d, "after", p->after);
    mod_set(c, "diff", d);
    mod_set_z(c, "path", j->dest);
    fsattr_info(c, j->dest);
}

// The result of a tree names where it came from and where it went.
static bool plan_tree(struct mod_call *c, struct val files, struct err *e) {
    const char *d = mod_z(c, "dest");
    const char *shown = str_ends(str_from(d), "/") ? d : arena_printf(c->arena, "%s/", d);
    for (size_t i = 0; i < val_len(files); i++) {
        if (!plan_below(c, val_at_index(files, i), e)) {
            return false;
        }
    }
    const struct put *p = state_of(c);
    if (val_len(files) == 1 && p->jobs.n == 1 && !p->jobs.p[0].dir && !p->jobs.p[0].link) {
        if (!checksum(c, p->jobs.p[0].data, e)) {
            return false;
        }
        describe(c, p);  // as if it had been named itself
        return true;
    }
    c->diffs = (struct val){0};
    state_of(c)->tree = true;
    mod_set_z(c, "dest", shown);
    val_del_key(c->result, val_z(c->arena, "checksum"));
    mod_set_str(c, "src", mod_str(c, "src"));
    return true;
}

static bool plan_single(struct mod_call *c, struct val f, struct err *e) {
    struct put_item i = {.source = val_text(val_get(f, "source")), .mode = val_text(val_get(f, "mode"))};
    if (!c->blob(c, val_text(val_get(f, "sha256")), &i.data, e) || !checksum(c, i.data, e) ||
        !single_dest(c, i.source, &i.dest, e) || !plan_data(c, i, e)) {
        return false;
    }
    mod_set_z(c, "dest", i.dest);
    if (state_of(c)->kept) {
        val_del_key(c->result, val_z(c->arena, "checksum"));
        mod_set_str(c, "src", i.source);
        return true;
    }
    describe(c, state_of(c));
    return true;
}

bool put_plan(struct mod_call *c, struct err *e) {
    struct val files = mod_arg(c, "_files");
    bool single = val_len(files) == 1 && val_text(val_get(val_at_index(files, 0), "rel")).n == 0;
    state_of(c);
    ask_contents(c, files, single);
    return single ? plan_single(c, val_at_index(files, 0), e) : plan_tree(c, files, e);
}

// -- target: doing ---------------------------------------------------------------------------------------------------

// What a directory that is made gets from its source: its mode, but writable for its owner until it is filled.
static bool source_mode(const struct put *p, const char *dir, mode_t *mode) {
    for (size_t i = 0; i < p->jobs.n; i++) {
        const struct job *j = &p->jobs.p[i];
        if (j->dir && j->new_mode && !j->attr.has_mode && strcmp(j->dest, dir) == 0) {
            *mode = (j->new_mode & 07777) | S_IRWXU;
            return true;
        }
    }
    return false;
}

/// Makes a directory with the mode that it keeps when the rest never comes, and with owner and group. `f`: as asked for
/// directories; it names a mode for those that no source gives one.
static bool make_dir(struct mod_call *c, const struct put *p, const char *path, struct fsattr f, struct err *e) {
    mode_t mask = umask(0);
    mode_t mode = 0777 & ~mask;
    umask(mask);
    bool given = source_mode(p, path, &mode);
    if (!given && f.has_mode && !fsattr_mode(&f, mode, true, &mode, e)) {
        return false;
    }
    umask(0);
    bool made = trust_mkdir(c, path, mode & 01777, e);
    int why = errno;
    umask(mask);
    if (!made && (e->code != ERR_NONE || why != EEXIST)) {
        return e->code == ERR_NONE && mod_fail_sys(c, e, why, "cannot create directory '%s'", path);
    }
    if (made && given) {
        f.has_mode = (mode & ~(mode_t)01777) != 0;  // mkdir gives no set-id bits
        f.mode = mode;
        f.symbolic = STR_NONE;
    }
    return fsattr_apply(c, &f, path, e);
}

static bool make_dirs(struct mod_call *c, const struct put *p, struct err *e) {
    struct fsattr f = {0};
    bool own = mod_has(c, "directory_mode");
    if (p->dirs.n > 0 && (!fsattr_read(c, own ? "directory_mode" : "mode", &f, e))) {
        return false;
    }
    f.has_mode = f.has_mode && own;  // the files' mode is not for directories
    for (size_t i = 0; i < p->dirs.n; i++) {
        if (!make_dir(c, p, p->dirs.p[i], f, e)) {
            return false;
        }
    }
    return true;
}

static bool write_link(struct mod_call *c, const struct job *j, struct err *e) {
    CLEANUP(fd_closep) int anchor = -1;
    const char *at = trust_anchor(c, j->dest, &anchor, e);
    if (!at) {
        return e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot create the link '%s'", j->dest);
    }
    const char *tmp = replace_temp_name(c->arena, at);
    if (symlink(j->link, tmp) != 0) {
        return mod_fail_sys(c, e, errno, "cannot create the link '%s'", j->dest);
    }
    if (rename(tmp, at) != 0) {
        int why = errno;
        unlink(tmp);
        return mod_fail_sys(c, e, why, "cannot replace '%s'", j->dest);
    }
    return true;
}

// A directory may be reached by a link; the rest is what it is.
static bool apply_dir(struct mod_call *c, const struct job *j, struct err *e) {
    struct fsattr f = j->attr;
    for (size_t i = 0; j->new_mode && !f.has_mode && i < state_of(c)->dirs.n; i++) {
        if (strcmp(state_of(c)->dirs.p[i], j->dest) == 0) {
            f.has_mode = true;
            f.symbolic = STR_NONE;
            f.mode = j->new_mode & 07777;
        }
    }
    const char *dest = trust_real(c, j->dest, e);
    return dest && fsattr_apply(c, &f, dest, e);
}

static bool write_file(struct mod_call *c, const struct job *j, struct err *e) {
    struct str backup = STR_NONE;
    if (mod_bool(c, "backup") && !replace_backup(c, j->dest, j->dest, &backup, e)) {
        return false;
    }
    struct replace r = {.path = j->dest,
                        .data = j->data,
                        .attr = &j->attr,
                        .validate = mod_z(c, "validate"),
                        .new_mode = j->new_mode,
                        .unsafe_writes = mod_bool(c, "unsafe_writes")};
    if (!replace_file(c, &r, e)) {
        if (val_has(c->result, "exit_status")) {
            mod_set_z(c, "msg", "failed to validate");
        }
        val_del_key(c->result, val_z(c->arena, "dest"));
        val_del_key(c->result, val_z(c->arena, "src"));
        return false;
    }
    if (backup.n > 0 && state_of(c)->jobs.n == 1) {
        mod_set_str(c, "backup_file", backup);
    }
    struct fsattr rest = j->attr;  // what cannot be set before the file is in place
    rest.has_mode = rest.has_uid = rest.has_gid = false;
    return fsattr_apply(c, &rest, j->dest, e);
}

static bool do_job(struct mod_call *c, const struct job *j, struct err *e) {
    if (j->dir) {
        return apply_dir(c, j, e);
    }
    if (j->link) {
        return (!j->write || write_link(c, j, e)) && fsattr_apply(c, &j->attr, j->dest, e);
    }
    return j->write ? write_file(c, j, e) : fsattr_apply(c, &j->attr, j->dest, e);
}

bool put_run(struct mod_call *c, struct err *e) {
    struct put *p = state_of(c);
    if (!make_dirs(c, p, e)) {
        return false;
    }
    // Directories last: a mode without the right to write must not come in the way of what goes into them.
    for (int dirs = 0; dirs < 2; dirs++) {
        for (size_t i = 0; i < p->jobs.n; i++) {
            if (p->jobs.p[i].dir == (dirs == 1) && !do_job(c, &p->jobs.p[i], e)) {
                return false;
            }
        }
    }
    const char *hex;
    if (p->jobs.n == 1 && p->jobs.p[0].write && val_has(c->result, "checksum")) {
        if (!digest_hex(c->arena, "md5", p->jobs.p[0].data, &hex, e)) {
            return false;
        }
        mod_set_z(c, "md5sum", hex);
    }
    if (!p->tree) {
        fsattr_info(c, str_z(c->arena, val_text(val_get(c->result, "dest"))));
    }
    return true;
}
