// file: existence, kind and attributes of a path.
#include "fd.h"
#include "filestate.h"
#include "filetree.h"
#include "ids.h"
#include "replace.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

static const struct arg args[] = {
    {"path", ARG_PATH, .required = true, .aliases = "dest|name", .doc = "The path to manage."},
    {"state", ARG_STR, .choices = "absent|directory|file|hard|link|touch", .doc = "What is to be there."},
    {"src", ARG_PATH, .doc = "What a link points to."},
    {"recurse", ARG_BOOL, .def = "false", .doc = "Set the attributes on everything below a directory, too."},
    {"force", ARG_BOOL, .def = "false", .doc = "Make the link although its target is missing, or in place of a file."},
    {"follow", ARG_BOOL, .def = "true", .doc = "Work on what a link points to."},
    {"modification_time", ARG_STR, .doc = "preserve, now or a time."},
    {"modification_time_format", ARG_STR, .def = "%Y%m%d%H%M.%S", .doc = "Format of modification_time."},
    {"access_time", ARG_STR, .doc = "preserve, now or a time."},
    {"access_time_format", ARG_STR, .def = "%Y%m%d%H%M.%S", .doc = "Format of access_time."},
    {"_original_basename", ARG_STR, .doc = "Internal: name of the source, for a path that is a directory."},
    {"_diff_peek", ARG_BOOL, .doc = "Internal."},
    {0},
};

static bool is(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

// -- looking ---------------------------------------------------------------------------------------------------------

void file_differs(struct mod_call *c, struct file *f, const char *key, struct val was, struct val want) {
    val_set(c->arena, f->before, key, was);
    val_set(c->arena, f->after, key, want);
    mod_changed(c);
}

bool file_fail(struct mod_call *c, struct file *f, const char *key, struct err *e, const char *msg) {
    mod_set_z(c, key, f->shown);
    return mod_fail(c, e, "%s", msg);
}

static double seconds(struct timespec t) {
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool time_stays(struct timespec was, struct timespec want) {
    return want.tv_nsec == UTIME_OMIT || (want.tv_nsec != UTIME_NOW && seconds(was) == seconds(want));
}

static void time_differs(struct mod_call *c, struct file *f, const char *key, struct timespec was,
                         struct timespec want) {
    if (time_stays(was, want)) {
        return;
    }
    if (want.tv_nsec == UTIME_NOW) {
        clock_gettime(CLOCK_REALTIME, &want);
    }
    file_differs(c, f, key, val_float(seconds(was)), val_float(seconds(want)));
}

bool file_attributes(struct mod_call *c, struct file *f, const char *path, const struct stat *st, struct err *e) {
    bool changed = false;
    if (!fsattr_differs(c, &f->attr, path, st, f->before, f->after, &changed, e)) {
        return false;
    }
    if (changed) {
        mod_changed(c);
    }
    time_differs(c, f, "mtime", st->st_mtim, f->times[1]);
    time_differs(c, f, "atime", st->st_atim, f->times[0]);
    return true;
}

// A new file is as old as this moment.
static struct stat fresh(const char *path, bool dir) {
    struct stat st = fsattr_fresh(path, dir);
    clock_gettime(CLOCK_REALTIME, &st.st_mtim);
    st.st_atim = st.st_mtim;
    return st;
}

// "preserve", "now", "" or a time in the given format.
static bool read_time(struct mod_call *c, const char *arg, const char *format_arg, const char *absent,
                      struct timespec *t, struct err *e) {
    const char *text = mod_z(c, arg);
    text = text ? text : absent;
    *t = (struct timespec){.tv_nsec = UTIME_NOW};
    if (is(text, "preserve")) {
        t->tv_nsec = UTIME_OMIT;
    } else if (!is(text, "now")) {
        struct tm tm = {.tm_isdst = -1, .tm_year = 0, .tm_mday = 1};
        const char *end = strptime(text, mod_z(c, format_arg), &tm);
        if (!end || *end) {
            return mod_fail(c, e, "Error while obtaining timestamp for time %s using format %s", text,
                            mod_z(c, format_arg));
        }
        *t = (struct timespec){.tv_sec = mktime(&tm)};
    }
    return true;
}

static bool plan_absent(struct mod_call *c, struct file *f, struct err *e) {
    (void)e;
    mod_set_z(c, "path", f->shown);
    mod_set_z(c, "state", "absent");
    if (is(f->now, "absent")) {
        return true;
    }
    mod_changed(c);
    if (!is(f->now, "directory") || !c->diff) {
        return true;
    }
    struct val content = val_dict(c->arena, 2);
    struct val dirs = val_list(c->arena, 8);
    struct val files = val_list(c->arena, 8);
    val_set(c->arena, content, "directories", dirs);
    val_set(c->arena, content, "files", files);
    val_set(c->arena, f->before, "path_content", content);
    struct err partly = {.arena = c->arena};
    if (!tree_list(c, f->path, dirs, files, &partly)) {  // too much to show is no reason to keep it
        err_clear(&partly);
        val_del_key(c->result, val_z(c->arena, "failed"));
        val_del_key(c->result, val_z(c->arena, "msg"));
    }
    return true;
}

// -- recurse ---------------------------------------------------------------------------------------------------------

struct recursion {
    struct mod_call *c;
    struct file *f;
    unsigned depth;  // links followed
};

static bool entry(void *ctx, const struct tree_entry *t, struct err *e);

// Sets or compares what a link leads to. Only links that somebody we trust made are followed: one planted by the
// owner of a tree must not give him the rest of the file system.
static bool entry_target(struct recursion *r, const struct tree_entry *t, struct err *e) {
    struct stat st;
    bool ours = t->st.st_uid == geteuid() || t->st.st_uid == 0;
    if (!ours || r->depth >= 40 || fstatat(t->dir, t->name, &st, 0) != 0) {
        return true;
    }
    const char *real = fsattr_realpath(r->c->arena, t->path);
    struct tree_entry to = {AT_FDCWD, real, real, st};
    struct recursion deeper = {r->c, r->f, r->depth + 1};
    return (!S_ISDIR(st.st_mode) || tree_walk(r->c, real, entry, &deeper, e)) && entry(&deeper, &to, e);
}

static bool entry_apply(struct recursion *r, const struct tree_entry *t, struct err *e) {
    const struct file *f = r->f;
    if (!(time_stays(t->st.st_atim, f->times[0]) && time_stays(t->st.st_mtim, f->times[1])) &&
        utimensat(t->dir, t->name, f->times, AT_SYMLINK_NOFOLLOW) != 0) {
        return mod_fail_sys(r->c, e, errno, "Error while setting times of '%s'", t->path);
    }
    return fsattr_apply_at(r->c, &f->attr, t->dir, t->name, t->path, e);
}

static bool entry(void *ctx, const struct tree_entry *t, struct err *e) {
    struct recursion *r = ctx;
    if (r->f->create) {  // the second pass: doing
        if (!entry_apply(r, t, e)) {
            return false;
        }
    } else {
        struct mod_call *c = r->c;
        struct val none = val_dict(c->arena, 4);
        bool differs = !time_stays(t->st.st_atim, r->f->times[0]) || !time_stays(t->st.st_mtim, r->f->times[1]);
        if (!fsattr_differs(c, &r->f->attr, t->path, &t->st, none, none, &differs, e)) {
            return false;
        }
        if (differs) {
            mod_changed(c);
        }
    }
    return !S_ISLNK(t->st.st_mode) || !mod_bool(r->c, "follow") || entry_target(r, t, e);
}

static bool recurse(struct mod_call *c, struct file *f, bool doing, struct err *e) {
    f->create = doing;
    struct recursion r = {c, f, 0};
    return tree_walk(c, f->path, entry, &r, e);
}

// -- directory, file, touch
// --------------------------------------------------------------------------------------------

static bool plan_directory(struct mod_call *c, struct file *f, struct err *e) {
    struct stat st;
    mod_set_z(c, "path", f->shown);
    if (is(f->now, "absent")) {
        mod_changed(c);
        f->create = true;
        st = fresh(f->path, true);
        return c->check || file_attributes(c, f, f->path, &st, e);
    }
    if (!is(f->now, "directory")) {
        return mod_fail(c, e, "%s already exists as a %s", f->shown, f->now);
    }
    if (lstat(f->path, &st) != 0) {
        return mod_fail_sys(c, e, errno, "cannot look at '%s'", f->path);
    }
    return file_attributes(c, f, f->path, &st, e) && (!mod_bool(c, "recurse") || recurse(c, f, false, e));
}

static bool plan_file(struct mod_call *c, struct file *f, struct err *e) {
    struct stat st;
    mod_set_z(c, "path", f->shown);
    if (!is(f->now, "file") && !is(f->now, "hard")) {
        mod_set_z(c, "state", f->now);
        return mod_fail(c, e, "file (%s) is %s, cannot continue", f->shown, f->now);
    }
    if (lstat(f->path, &st) != 0) {
        return mod_fail_sys(c, e, errno, "cannot look at '%s'", f->path);
    }
    return file_attributes(c, f, f->path, &st, e);
}

static bool plan_touch(struct mod_call *c, struct file *f, struct err *e) {
    struct stat st;
    mod_set_z(c, "dest", f->shown);
    if (is(f->now, "absent")) {
        f->create = true;
        mod_changed(c);
        st = fresh(f->path, false);
        return c->check || file_attributes(c, f, f->path, &st, e);
    }
    bool link = is(f->now, "link") && mod_bool(c, "follow");
    f->path = link ? trust_real(c, f->path, e) : f->path;
    if (!f->path) {
        return false;
    }
    if ((mod_bool(c, "follow") ? stat(f->path, &st) : lstat(f->path, &st)) != 0) {
        mod_set_z(c, "path", f->path);
        return mod_fail_sys(c, e, errno, "Error while updating modification or access time of '%s'", f->path);
    }
    return file_attributes(c, f, f->path, &st, e);
}

// -- the whole -------------------------------------------------------------------------------------------------------

static const char *pick_state(struct mod_call *c, const char *now) {
    const char *state = mod_z(c, "state");
    if (state) {
        return state;
    }
    return is(now, "absent") ? (mod_bool(c, "recurse") ? "directory" : "file") : now;
}

static bool plan_state(struct mod_call *c, struct file *f, struct err *e) {
    static const struct {
        const char *state;
        bool (*plan)(struct mod_call *, struct file *, struct err *);
    } states[] = {{"absent", plan_absent},  {"directory", plan_directory}, {"link", file_plan_link},
                  {"hard", file_plan_hard}, {"touch", plan_touch},         {"file", plan_file}};
    if (!is(f->now, f->state)) {
        val_set(c->arena, f->before, "state", val_z(c->arena, f->now));
        val_set(c->arena, f->after, "state", val_z(c->arena, f->state));
    }
    for (size_t i = 0; i < COUNTOF(states); i++) {
        if (is(states[i].state, f->state)) {
            return states[i].plan(c, f, e);
        }
    }
    BUG("a state the table does not have");
}

// A path that is a directory: a given name goes into it.
static void into_directory(struct mod_call *c, struct file *f) {
    struct stat st;
    struct str base = mod_str(c, "_original_basename");
    if (base.n == 0 && f->src) {
        const char *slash = strrchr(f->src, '/');
        base = str_from(slash ? slash + 1 : f->src);
    }
    if (base.n == 0 || is(f->state, "link") || is(f->state, "absent") || stat(f->path, &st) != 0 ||
        !S_ISDIR(st.st_mode)) {
        return;
    }
    f->path = f->shown = arena_printf(c->arena, "%s/%.*s", f->path, STR(base));
    f->now = fsattr_state(f->path, false);
}

static bool check_args(struct mod_call *c, struct file *f, struct err *e) {
    const char *state = mod_z(c, "state");
    if (mod_bool(c, "recurse") && !is(f->state, "directory")) {
        return file_fail(c, f, "path", e, "recurse option requires state to be 'directory'");
    }
    if (f->src && *f->src && (!state || (!is(state, "link") && !is(state, "hard")))) {
        return file_fail(c, f, "path", e, "src option requires state to be 'link' or 'hard'");
    }
    return true;
}

static bool read_args(struct mod_call *c, struct file *f, struct err *e) {
    const char *absent = is(f->state, "touch") ? "now" : "preserve";
    if (is(f->state, "absent")) {
        return true;
    }
    if (!fsattr_read(c, "mode", &f->attr, e)) {
        mod_set_z(c, "path", f->shown);
        return false;
    }
    return read_time(c, "access_time", "access_time_format", absent, &f->times[0], e) &&
           read_time(c, "modification_time", "modification_time_format", absent, &f->times[1], e);
}

static void open_file(struct mod_call *c, struct file *f) {
    f->shown = mod_z(c, "path");
    size_t n = strlen(f->shown);
    while (n > 1 && f->shown[n - 1] == '/') {
        n--;
    }
    f->path = arena_strndup(c->arena, f->shown, n);
    f->before = val_dict(c->arena, 4);
    f->after = val_dict(c->arena, 4);
    f->src = mod_z(c, "src");
    f->now = fsattr_state(f->path, false);
    f->state = pick_state(c, f->now);
}

static bool follow_link(struct mod_call *c, struct file *f, struct err *e) {
    bool file = is(f->state, "file") || is(f->state, "directory");
    if (file && mod_bool(c, "follow") && is(f->now, "link")) {
        const char *to = trust_real(c, f->path, e);
        if (!to) {
            return false;
        }
        f->path = f->shown = to;
        f->now = fsattr_state(f->path, false);
    }
    return true;
}

// Ansible's results describe whatever `path` or `dest` names.
static void describe(struct mod_call *c) {
    struct val path = val_get(c->result, "path");
    path = val_is(path, VAL_STR) ? path : val_get(c->result, "dest");
    if (val_is(path, VAL_STR)) {
        fsattr_info(c, str_z(c->arena, val_text(path)));
    }
}

static bool looks_binary(const char *path) {
    char head[8192];
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, head, sizeof head);
    return n > 0 && memchr(head, 0, (size_t)n);
}

// In check mode a number nobody has yet may be a mistake, or somebody an earlier task would have made.
static void warn_numbers(struct mod_call *c, const struct file *f) {
    int64_t known;
    if (!c->check || is(f->state, "absent")) {
        return;
    }
    if (f->attr.has_uid && str_int(ids_user_name(c->arena, f->attr.uid), &known)) {
        mod_warn(c, "failed to look up user with uid %u: create it before this point in a real run", f->attr.uid);
    }
    if (f->attr.has_gid && str_int(ids_group_name(c->arena, f->attr.gid), &known)) {
        mod_warn(c, "failed to look up group with gid %u: create it before this point in a real run", f->attr.gid);
    }
}

static bool plan(struct mod_call *c, struct err *e) {
    struct file *f = ARENA_NEW(c->arena, struct file);
    c->state = f;
    open_file(c, f);
    if (mod_has(c, "_diff_peek")) {
        mod_set_z(c, "path", f->shown);
        mod_set(c, "appears_binary", val_bool(looks_binary(f->path)));
        return true;
    }
    bool ok = check_args(c, f, e);
    if (ok) {
        into_directory(c, f);
        bool through = is(f->state, "file") || is(f->state, "directory") || is(f->state, "touch");
        ok = trust_path(c, f->path, through && mod_bool(c, "follow"), e) && follow_link(c, f, e);
        val_set(c->arena, f->before, "path", val_z(c->arena, f->shown));
        val_set(c->arena, f->after, "path", val_z(c->arena, f->shown));
        ok = ok && read_args(c, f, e);
        warn_numbers(c, f);
        ok = ok && plan_state(c, f, e);
    }
    describe(c);
    bool bare =
        (is(f->state, "absent") && is(f->now, "absent")) || (is(f->state, "touch") && is(f->now, "absent") && c->check);
    if (ok && !bare) {
        struct val diff = val_dict(c->arena, 2);
        val_set(c->arena, diff, "before", f->before);
        val_set(c->arena, diff, "after", f->after);
        mod_set(c, "diff", diff);
    }
    return ok;
}

// -- doing -----------------------------------------------------------------------------------------------------------

/// By the name `at`; `path` is what messages show.
static bool apply_at(struct mod_call *c, struct file *f, const char *at, const char *path, struct err *e) {
    struct stat st;
    if (!fsattr_apply_at(c, &f->attr, AT_FDCWD, at, path, e)) {
        return false;
    }
    if (lstat(at, &st) == 0 && time_stays(st.st_atim, f->times[0]) && time_stays(st.st_mtim, f->times[1])) {
        return true;
    }
    // UTIME_NOW for both needs only the right to write; naming that as NULL says so to the kernel.
    bool now = f->times[0].tv_nsec == UTIME_NOW && f->times[1].tv_nsec == UTIME_NOW;
    return utimensat(AT_FDCWD, at, now ? NULL : f->times, AT_SYMLINK_NOFOLLOW) == 0 ||
           mod_fail_sys(c, e, errno, "Error while setting times of '%s'", path);
}

bool file_apply(struct mod_call *c, struct file *f, const char *path, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    const char *at = trust_anchor(c, path, &dir, e);
    if (!at) {
        return e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot open '%s'", path);
    }
    return apply_at(c, f, at, path, e);
}

/// Makes an empty directory beside `at`, which is locked as long as *fd is open: by the name of one that a killed run
/// left, unless another run is about to make the same. NULL with errno.
static const char *temp_directory(struct arena *a, const char *at, int *fd) {
    const char *tmp = replace_first_temp(a, at);
    *fd = open(tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) == 0) {
        (void)rmdir(tmp);
    }
    fd_closep(fd);
    for (int i = 0; i < 3; i++) {
        bool made = mkdir(tmp, 0777) == 0;
        if (!made && errno != EEXIST) {
            return NULL;
        }
        *fd = made ? open(tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (*fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) == 0) {
            return tmp;
        }
        fd_closep(fd);
        tmp = replace_temp_name(a, at);  // another run has it
    }
    errno = EEXIST;
    return NULL;
}

/// One directory, which is there with all its attributes or not at all: the next run gives none to one that is there
/// on the way.
static bool make_directory(struct mod_call *c, struct file *f, const char *path, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    CLEANUP(fd_closep) int lock = -1;
    const char *at = trust_anchor(c, path, &dir, e);
    const char *tmp = at ? temp_directory(c->arena, at, &lock) : NULL;
    struct stat st;
    if (!tmp) {
        return e->code == ERR_NONE && mod_fail_sys(c, e, errno, "There was an issue creating %s as requested", path);
    }
    if (!apply_at(c, f, tmp, path, e)) {
        (void)rmdir(tmp);
        return false;
    }
    bool put = renameat2(AT_FDCWD, tmp, AT_FDCWD, at, RENAME_NOREPLACE) == 0 ||
               ((errno == EINVAL || errno == ENOSYS) && rename(tmp, at) == 0);
    if (put) {
        return true;
    }
    int why = errno;
    (void)rmdir(tmp);
    bool faster = stat(at, &st) == 0 && S_ISDIR(st.st_mode);  // another run
    return faster ? apply_at(c, f, at, path, e)
                  : mod_fail_sys(c, e, why, "There was an issue creating %s as requested", path);
}

// mkdir -p; every directory that is made gets the attributes.
static bool make_directories(struct mod_call *c, struct file *f, struct err *e) {
    struct str full = str_from(f->path);
    for (size_t i = 1; i <= full.n; i++) {
        if (i < full.n && full.s[i] != '/') {
            continue;
        }
        const char *part = arena_strndup(c->arena, full.s, i);
        struct stat st;
        if (stat(part, &st) == 0) {
            continue;
        }
        if (!make_directory(c, f, part, e)) {
            return false;
        }
    }
    return true;
}

static bool run_directory(struct mod_call *c, struct file *f, struct err *e) {
    if (f->create) {
        return make_directories(c, f, e);
    }
    return file_apply(c, f, f->path, e) && (!mod_bool(c, "recurse") || recurse(c, f, true, e));
}

static bool run_touch(struct mod_call *c, struct file *f, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    const char *at = trust_anchor(c, f->path, &dir, e);
    if (!at && e->code != ERR_NONE) {
        return false;
    }
    if (f->create) {
        int fd = open(at ? at : f->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0) {
            mod_set_z(c, "path", f->shown);
            return mod_fail_sys(c, e, errno, "Error, could not touch target '%s'", f->path);
        }
        close(fd);
    }
    bool ok = file_apply(c, f, f->path, e);
    if (!ok && f->create && at) {
        unlink(at);
    }
    return ok;
}

static bool run(struct mod_call *c, struct err *e) {
    struct file *f = c->state;
    bool ok;
    if (is(f->state, "absent")) {
        static const char *const gone[] = {"uid", "gid", "owner", "group", "mode", "size"};
        ok = tree_remove(c, f->path, e);
        for (size_t i = 0; ok && i < COUNTOF(gone); i++) {
            val_del_key(c->result, val_z(c->arena, gone[i]));
        }
        mod_set_z(c, "state", ok ? "absent" : f->now);
        return ok;
    }
    if (is(f->state, "directory")) {
        ok = run_directory(c, f, e);
    } else if (is(f->state, "link") || is(f->state, "hard")) {
        ok = file_run_link(c, f, e);
    } else if (is(f->state, "touch")) {
        ok = run_touch(c, f, e);
    } else {
        ok = file_apply(c, f, f->path, e);
    }
    describe(c);
    return ok;
}

MODULE(file) = {
    .doc = "Manage files, directories, links and their attributes.",
    .spec = "ansible.builtin.file",
    .example = "- ansible.builtin.file:\n    path: /srv/app\n    state: directory\n    mode: '0755'",
    .order = "path dest src changed diff",
    .returns = "path: The path, for file, directory and absent.\ndest: The path, for link, hard and touch.\n"
               "state: What is there now.\nmode: Permissions.\nowner: Owner.\ngroup: Group.\nuid: Owner's id.\n"
               "gid: Group's id.\nsize: Size in bytes.\nsrc: Target of a link.",
    .args = args,
    .file_args = true,
    .tidy = true,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
