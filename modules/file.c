// file: existence, kind and attributes of a path.
#include "fd.h"
#include "fsattr.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define LIST_MAX  ((size_t)100000)
#define MAX_DEPTH 200

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

struct file {
    const char *path, *state, *now;  // now: what is there
    const char *src;                 // as written into a link
    struct fsattr attr;
    struct val before, after;
    struct timespec times[2];  // of touch: access, modification; UTIME_OMIT, UTIME_NOW or a time
    bool create, remove_first, relink, touch;
};

// -- looking ---------------------------------------------------------------------------------------------------------

static void differs(struct mod_call *c, struct file *f, const char *key, struct val was, struct val want) {
    val_set(c->arena, f->before, key, was);
    val_set(c->arena, f->after, key, want);
    mod_changed(c);
}

static void state_differs(struct mod_call *c, struct file *f, const char *want) {
    differs(c, f, "state", val_z(c->arena, f->now), val_z(c->arena, want));
}

static bool attributes_differ(struct mod_call *c, struct file *f, const char *path, const struct stat *st,
                              struct err *e) {
    bool changed = false;
    if (!fsattr_differs(c, &f->attr, path, st, f->before, f->after, &changed, e)) {
        return false;
    }
    if (changed) {
        mod_changed(c);
    }
    return true;
}

// What a new file or directory gets before the wanted attributes.
static struct stat fresh(bool dir) {
    mode_t mask = umask(0);
    umask(mask);
    struct stat st = {.st_uid = geteuid(), .st_gid = getegid()};
    st.st_mode = dir ? S_IFDIR | (0777 & ~mask) : S_IFREG | (0666 & ~mask);
    return st;
}

static bool fail_kind(struct mod_call *c, struct file *f, struct err *e) {
    mod_set_z(c, "path", f->path);
    fsattr_info(c, f->path);
    return mod_fail(c, e, "%s already exists as a %s", f->path, f->now);
}

// Every path below `path`, sorted into directories and files (for the diff of absent, and recurse).
static bool walk(struct mod_call *c, const char *path, struct val dirs, struct val files, unsigned depth,
                 struct err *e) {
    DIR *d = depth > MAX_DEPTH ? NULL : opendir(path);
    if (!d) {
        return mod_fail_sys(c, e, depth > MAX_DEPTH ? ELOOP : errno, "cannot read directory '%s'", path);
    }
    bool ok = true;
    for (struct dirent *de; ok && (de = readdir(d));) {
        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0) {
            continue;
        }
        const char *full = arena_printf(c->arena, "%s/%s", path, de->d_name);
        struct stat st;
        if (lstat(full, &st) != 0) {
            continue;
        }
        if (val_len(dirs) + val_len(files) > LIST_MAX) {
            ok = err_set(e, ERR_LIMIT, NO_MARK, "more than %zu paths below '%s'", LIST_MAX, path);
            break;
        }
        if (S_ISDIR(st.st_mode)) {
            val_push(c->arena, dirs, val_z(c->arena, full));
            ok = walk(c, full, dirs, files, depth + 1, e);
        } else {
            val_push(c->arena, files, val_z(c->arena, full));
        }
    }
    closedir(d);
    return ok;
}

static bool plan_absent(struct mod_call *c, struct file *f, struct err *e) {
    if (strcmp(f->now, "absent") == 0) {
        return true;
    }
    state_differs(c, f, "absent");
    if (strcmp(f->now, "directory") != 0 || !c->diff) {
        return true;
    }
    struct val dirs = val_list(c->arena, 8);
    struct val files = val_list(c->arena, 8);
    if (!walk(c, f->path, dirs, files, 0, e)) {
        return false;
    }
    struct val content = val_dict(c->arena, 2);
    val_set(c->arena, content, "directories", dirs);
    val_set(c->arena, content, "files", files);
    val_set(c->arena, f->before, "path_content", content);
    return true;
}

static bool recurse_differs(struct mod_call *c, struct file *f, struct err *e) {
    struct val dirs = val_list(c->arena, 8);
    struct val files = val_list(c->arena, 8);
    if (!walk(c, f->path, dirs, files, 0, e)) {
        return false;
    }
    struct val lists[] = {dirs, files};
    for (size_t k = 0; k < COUNTOF(lists); k++) {
        for (size_t i = 0; i < val_len(lists[k]); i++) {
            const char *path = val_text(val_at_index(lists[k], i)).s;
            struct stat st;
            if (lstat(path, &st) == 0 && !attributes_differ(c, f, path, &st, e)) {
                return false;
            }
        }
    }
    return true;
}

static bool plan_directory(struct mod_call *c, struct file *f, struct err *e) {
    struct stat st;
    if (strcmp(f->now, "absent") == 0) {
        state_differs(c, f, "directory");
        f->create = true;
        st = fresh(true);
        return attributes_differ(c, f, f->path, &st, e);
    }
    bool link_to_dir = strcmp(f->now, "link") == 0 && strcmp(fsattr_state(f->path, true), "directory") == 0;
    if (strcmp(f->now, "directory") != 0 && !link_to_dir) {
        return fail_kind(c, f, e);
    }
    if (lstat(f->path, &st) != 0) {
        return mod_fail_sys(c, e, errno, "cannot look at '%s'", f->path);
    }
    if (!attributes_differ(c, f, f->path, &st, e)) {
        return false;
    }
    return !mod_bool(c, "recurse") || recurse_differs(c, f, e);
}

static bool plan_file(struct mod_call *c, struct file *f, struct err *e) {
    struct stat st;
    if (strcmp(f->now, "file") != 0 && strcmp(f->now, "hard") != 0) {
        mod_set_z(c, "path", f->path);
        mod_set_z(c, "state", f->now);
        return mod_fail(c, e, "file (%s) is %s, cannot continue", f->path, f->now);
    }
    if (lstat(f->path, &st) != 0) {
        return mod_fail_sys(c, e, errno, "cannot look at '%s'", f->path);
    }
    return attributes_differ(c, f, f->path, &st, e);
}

static bool directory_is_empty(const char *path) {
    DIR *d = opendir(path);
    size_t n = 0;
    for (struct dirent *de; d && (de = readdir(d));) {
        n++;
    }
    if (d) {
        closedir(d);
    }
    return n <= 2;
}

static bool fail_link(struct mod_call *c, struct file *f, struct err *e, const char *msg) {
    mod_set_z(c, "path", f->path);
    mod_set_z(c, "src", f->src);
    return mod_fail(c, e, "%s", msg);
}

// The text of the link that is there, or NULL.
static const char *link_text(struct mod_call *c, const char *path) {
    char text[4096];
    ssize_t n = readlink(path, text, sizeof text - 1);
    return n < 0 ? NULL : arena_strndup(c->arena, text, (size_t)n);
}

static bool may_replace(struct mod_call *c, struct file *f, struct err *e) {
    bool dir = strcmp(f->now, "directory") == 0;
    if (!mod_bool(c, "force")) {
        mod_set_z(c, "path", f->path);
        fsattr_info(c, f->path);
        return mod_fail(c, e, "refusing to convert from %s to symlink for %s", f->now, f->path);
    }
    if (dir && !directory_is_empty(f->path)) {
        mod_set_z(c, "path", f->path);
        return mod_fail(c, e, "the directory %s is not empty, refusing to convert it", f->path);
    }
    return true;
}

// Where a relative link target is looked up: from the link's directory.
static const char *target_of(struct mod_call *c, struct file *f) {
    if (f->src[0] == '/') {
        return f->src;
    }
    const char *slash = strrchr(f->path, '/');
    return slash ? arena_printf(c->arena, "%.*s/%s", (int)(slash - f->path), f->path, f->src) : f->src;
}

static bool plan_link(struct mod_call *c, struct file *f, struct err *e) {
    const char *old = strcmp(f->now, "link") == 0 ? link_text(c, f->path) : NULL;
    if (!f->src && (!old || !mod_bool(c, "follow"))) {
        return mod_fail(c, e, "src is required for creating new symlinks");
    }
    if (!f->src) {
        f->src = old;
    }
    mod_set_z(c, "src", f->src);
    struct stat st;
    if (stat(target_of(c, f), &st) != 0 && !mod_bool(c, "force")) {
        return fail_link(
            c, f, e,
            arena_printf(c->arena,
                         "src file does not exist, use \"force=yes\" if you really want to create the link: %s",
                         target_of(c, f)));
    }
    if (strcmp(f->now, "absent") == 0) {
        f->create = true;
        state_differs(c, f, "link");
        return true;
    }
    if (old) {
        if (strcmp(old, f->src) != 0) {
            f->create = f->relink = true;
            differs(c, f, "src", val_z(c->arena, old), val_z(c->arena, f->src));
        }
    } else {
        if (!may_replace(c, f, e)) {
            return false;
        }
        f->create = f->remove_first = true;
        state_differs(c, f, "link");
        return true;
    }
    bool follow = mod_bool(c, "follow");
    const char *subject = follow ? target_of(c, f) : f->path;
    if ((follow ? stat(subject, &st) : lstat(subject, &st)) != 0) {
        return true;
    }
    return attributes_differ(c, f, subject, &st, e);
}

static bool plan_hard(struct mod_call *c, struct file *f, struct err *e) {
    struct stat st;
    struct stat src;
    if (!f->src) {
        return strcmp(f->now, "hard") == 0 || strcmp(f->now, "file") == 0
                   ? plan_file(c, f, e)
                   : mod_fail(c, e, "src is required for creating new hardlinks");
    }
    if (f->src[0] != '/') {
        return fail_link(c, f, e,
                         arena_printf(c->arena, "src file does not exist: %s (an absolute path is needed)", f->src));
    }
    if (lstat(f->src, &src) != 0) {
        return fail_link(c, f, e, arena_printf(c->arena, "src does not exist: %s", f->src));
    }
    mod_set_z(c, "src", f->src);
    if (lstat(f->path, &st) != 0) {
        f->create = true;
        state_differs(c, f, "hard");
        return true;
    }
    if (S_ISDIR(st.st_mode)) {
        return fail_kind(c, f, e);
    }
    if (st.st_ino == src.st_ino && st.st_dev == src.st_dev) {
        return attributes_differ(c, f, f->path, &st, e);
    }
    if (!mod_bool(c, "force")) {
        mod_set_z(c, "path", f->path);
        return mod_fail(c, e, "cannot link, different hard link or file exists at destination %s (use force)", f->path);
    }
    f->create = f->relink = true;
    state_differs(c, f, "hard");
    return true;
}

// "preserve", "now", "" or a time in the given format.
static bool read_time(struct mod_call *c, const char *arg, const char *format_arg, const char *absent,
                      struct timespec *t, struct err *e) {
    const char *text = mod_z(c, arg);
    text = text ? text : absent;
    *t = (struct timespec){.tv_nsec = UTIME_NOW};
    if (strcmp(text, "preserve") == 0) {
        t->tv_nsec = UTIME_OMIT;
    } else if (strcmp(text, "now") != 0 && *text) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(text, mod_z(c, format_arg), &tm);
        if (!end || *end) {
            return mod_fail(c, e, "Error while obtaining timestamp for time %s using format %s", text,
                            mod_z(c, format_arg));
        }
        *t = (struct timespec){.tv_sec = mktime(&tm)};
    }
    return true;
}

static double seconds(struct timespec t) {
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void time_differs(struct mod_call *c, struct file *f, const char *key, struct timespec was,
                         struct timespec want) {
    if (want.tv_nsec == UTIME_OMIT || (want.tv_nsec != UTIME_NOW && seconds(was) == seconds(want))) {
        return;
    }
    if (want.tv_nsec == UTIME_NOW) {
        clock_gettime(CLOCK_REALTIME, &want);
    }
    f->touch = true;
    differs(c, f, key, val_float(seconds(was)), val_float(seconds(want)));
}

static bool plan_touch(struct mod_call *c, struct file *f, struct err *e) {
    bool there = strcmp(f->now, "absent") != 0;
    if (!read_time(c, "access_time", "access_time_format", "now", &f->times[0], e) ||
        !read_time(c, "modification_time", "modification_time_format", "now", &f->times[1], e)) {
        return false;
    }
    struct stat st;
    if (!there) {
        f->create = f->touch = true;
        state_differs(c, f, "touch");
        st = fresh(false);
    } else {
        if (stat(f->path, &st) != 0) {
            return mod_fail_sys(c, e, errno, "cannot look at '%s'", f->path);
        }
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
            return mod_fail(c, e, "can only touch files, directories, and hardlinks (%s is %s)", f->path, f->now);
        }
        time_differs(c, f, "atime", st.st_atim, f->times[0]);
        time_differs(c, f, "mtime", st.st_mtim, f->times[1]);
    }
    return attributes_differ(c, f, f->path, &st, e);
}

static const char *pick_state(struct mod_call *c, const char *now) {
    const char *state = mod_z(c, "state");
    if (state) {
        return state;
    }
    if (strcmp(now, "absent") != 0) {
        return strcmp(now, "hard") == 0 ? "file" : now;
    }
    return mod_bool(c, "recurse") ? "directory" : "file";
}

static bool plan_state(struct mod_call *c, struct file *f, struct err *e) {
    if (strcmp(f->state, "absent") == 0) {
        return plan_absent(c, f, e);
    }
    if (strcmp(f->state, "directory") == 0) {
        return plan_directory(c, f, e);
    }
    if (strcmp(f->state, "link") == 0) {
        return plan_link(c, f, e);
    }
    if (strcmp(f->state, "hard") == 0) {
        return plan_hard(c, f, e);
    }
    return strcmp(f->state, "touch") == 0 ? plan_touch(c, f, e) : plan_file(c, f, e);
}

// What the result says whether or not something changed.
static void report(struct mod_call *c, struct file *f) {
    bool as_dest = strcmp(f->state, "link") == 0 || strcmp(f->state, "hard") == 0 || strcmp(f->state, "touch") == 0;
    mod_set_z(c, as_dest ? "dest" : "path", f->path);
    if (strcmp(f->state, "absent") == 0) {
        mod_set_z(c, "state", "absent");
    } else {
        fsattr_info(c, f->path);
    }
    struct val diff = val_dict(c->arena, 2);
    val_set(c->arena, f->before, "path", val_z(c->arena, f->path));
    val_set(c->arena, f->after, "path", val_z(c->arena, f->path));
    val_set(c->arena, diff, "before", f->before);
    val_set(c->arena, diff, "after", f->after);
    mod_set(c, "diff", diff);
}

static bool plan(struct mod_call *c, struct err *e) {
    struct file *f = ARENA_NEW(c->arena, struct file);
    c->state = f;
    f->path = mod_z(c, "path");
    size_t n = strlen(f->path);
    while (n > 1 && f->path[n - 1] == '/') {
        n--;
    }
    f->path = arena_strndup(c->arena, f->path, n);
    f->before = val_dict(c->arena, 4);
    f->after = val_dict(c->arena, 4);
    f->src = mod_z(c, "src");
    f->now = fsattr_state(f->path, false);
    f->state = pick_state(c, f->now);
    if (mod_bool(c, "recurse") && strcmp(f->state, "directory") != 0) {
        return mod_fail(c, e, "recurse option requires state to be 'directory'");
    }
    struct str base = mod_str(c, "_original_basename");
    if (base.n > 0 && strcmp(f->now, "directory") == 0) {
        f->path = arena_printf(c->arena, "%s/%.*s", f->path, STR(base));
        f->now = fsattr_state(f->path, false);
    }
    bool follow =
        mod_bool(c, "follow") && strcmp(f->now, "link") == 0 &&
        (strcmp(f->state, "file") == 0 || strcmp(f->state, "directory") == 0 || strcmp(f->state, "touch") == 0);
    char real[4096];
    if (follow && realpath(f->path, real)) {
        f->path = arena_strndup(c->arena, real, strlen(real));
        f->now = fsattr_state(f->path, false);
    }
    if (!fsattr_read(c, "mode", &f->attr, e) || !plan_state(c, f, e)) {
        return false;
    }
    report(c, f);
    return true;
}

// -- doing -----------------------------------------------------------------------------------------------------------

static bool remove_tree(struct mod_call *c, int dir, const char *name, unsigned depth, struct err *e) {
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT) {
        return true;
    }
    if ((errno != EISDIR && errno != EPERM) || depth > MAX_DEPTH) {
        return mod_fail_sys(c, e, errno, "unlinking failed: '%s'", name);
    }
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int why = errno;
        fd_closep(&fd);
        return mod_fail_sys(c, e, why, "rmtree failed: '%s'", name);
    }
    bool ok = true;
    for (struct dirent *de; ok && (de = readdir(d));) {
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0) {
            ok = remove_tree(c, dirfd(d), de->d_name, depth + 1, e);
        }
    }
    closedir(d);
    if (ok && unlinkat(dir, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
        return mod_fail_sys(c, e, errno, "rmtree failed: '%s'", name);
    }
    return ok;
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
        if (stat(part, &st) == 0 && S_ISDIR(st.st_mode)) {
            continue;
        }
        if (mkdir(part, 0777) != 0) {
            return mod_fail_sys(c, e, errno, "There was an issue creating %s as requested", part);
        }
        if (!fsattr_apply(c, &f->attr, part, e)) {
            return false;
        }
    }
    return true;
}

static bool apply_recursive(struct mod_call *c, struct file *f, struct err *e) {
    struct val dirs = val_list(c->arena, 8);
    struct val files = val_list(c->arena, 8);
    if (!walk(c, f->path, dirs, files, 0, e)) {
        return false;
    }
    struct val lists[] = {dirs, files};
    for (size_t k = 0; k < COUNTOF(lists); k++) {
        for (size_t i = 0; i < val_len(lists[k]); i++) {
            if (!fsattr_apply(c, &f->attr, val_text(val_at_index(lists[k], i)).s, e)) {
                return false;
            }
        }
    }
    return true;
}

static bool run_directory(struct mod_call *c, struct file *f, struct err *e) {
    if (f->create && !make_directories(c, f, e)) {
        return false;
    }
    if (!fsattr_apply(c, &f->attr, f->path, e)) {
        return false;
    }
    return !mod_bool(c, "recurse") || apply_recursive(c, f, e);
}

// A link appears under a temporary name first, so that the old one is never missing.
static bool run_link(struct mod_call *c, struct file *f, struct err *e) {
    bool hard = strcmp(f->state, "hard") == 0;
    if (f->create) {
        uint64_t r;
        random_bytes(&r, sizeof r);
        const char *slash = strrchr(f->path, '/');
        int dir = slash ? (int)(slash - f->path) + 1 : 0;
        const char *tmp = arena_printf(c->arena, "%.*s.ansible_tmp%016llx", dir, f->path, (unsigned long long)r);
        if (f->remove_first && !remove_tree(c, AT_FDCWD, f->path, 0, e)) {
            return false;
        }
        if ((hard ? linkat(AT_FDCWD, f->src, AT_FDCWD, tmp, 0) : symlink(f->src, tmp)) != 0) {
            return mod_fail_sys(c, e, errno, "Error while linking %s to %s", f->path, f->src);
        }
        if (rename(tmp, f->path) != 0) {
            int why = errno;
            unlink(tmp);
            return mod_fail_sys(c, e, why, "Error while replacing %s", f->path);
        }
    }
    const char *subject = !hard && mod_bool(c, "follow") ? target_of(c, f) : f->path;
    char real[4096];
    if (!hard && mod_bool(c, "follow") && !realpath(subject, real)) {
        return true;
    }
    return fsattr_apply(c, &f->attr, !hard && mod_bool(c, "follow") ? real : subject, e);
}

static bool run_touch(struct mod_call *c, struct file *f, struct err *e) {
    if (f->create) {
        CLEANUP(fd_closep) int fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0) {
            return mod_fail_sys(c, e, errno, "Error, could not touch target '%s'", f->path);
        }
    }
    if (f->touch && utimensat(AT_FDCWD, f->path, f->times, 0) != 0) {
        return mod_fail_sys(c, e, errno, "Error while setting times of '%s'", f->path);
    }
    return fsattr_apply(c, &f->attr, f->path, e);
}

static bool run(struct mod_call *c, struct err *e) {
    struct file *f = c->state;
    bool ok;
    if (strcmp(f->state, "absent") == 0) {
        return remove_tree(c, AT_FDCWD, f->path, 0, e);
    }
    if (strcmp(f->state, "directory") == 0) {
        ok = run_directory(c, f, e);
    } else if (strcmp(f->state, "link") == 0 || strcmp(f->state, "hard") == 0) {
        ok = run_link(c, f, e);
    } else if (strcmp(f->state, "touch") == 0) {
        ok = run_touch(c, f, e);
    } else {
        ok = fsattr_apply(c, &f->attr, f->path, e);
    }
    fsattr_info(c, f->path);
    return ok;
}

MODULE(file) = {
    .doc = "Manage files, directories, links and their attributes.",
    .spec = "ansible.builtin.file",
    .example = "- ansible.builtin.file:\n    path: /srv/app\n    state: directory\n    mode: '0755'",
    .returns = "path: The path, for file, directory and absent.\ndest: The path, for link, hard and touch.\n"
               "state: What is there now.\nmode: Permissions.\nowner: Owner.\ngroup: Group.\nuid: Owner's id.\n"
               "gid: Group's id.\nsize: Size in bytes.\nsrc: Target of a link.",
    .args = args,
    .file_args = true,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
