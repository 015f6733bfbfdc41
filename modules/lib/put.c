// Putting attached content in place, file by file.
#include "put.h"

#include "digest.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIFF_MAX 104448  // bytes; larger files are not shown, as Ansible's max_diff_size

struct job {
    const char *dest;
    struct str data;
    struct fsattr attr;
    bool write;
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
};

// -- controller ------------------------------------------------------------------------------------------------------

void put_attach(struct mod_call *c, struct str rel, struct str data, struct str mode, struct str source) {
    struct val files = val_get(c->args, "_files");
    if (files.kind != VAL_LIST) {
        files = val_list(c->arena, 1);
        val_set(c->arena, c->args, "_files", files);
    }
    struct val f = val_dict(c->arena, 4);
    val_set(c->arena, f, "rel", val_str(c->arena, rel));
    val_set(c->arena, f, "sha256", mod_attach(c, data));
    val_set(c->arena, f, "mode", val_str(c->arena, mode));
    val_set(c->arena, f, "source", val_str(c->arena, source));
    val_push(c->arena, files, f);
}

void put_seal(struct mod_call *c) {
    if (val_get(c->args, "_files").kind != VAL_LIST) {
        val_set(c->arena, c->args, "_files", val_list(c->arena, 0));
    }
}

// -- target ----------------------------------------------------------------------------------------------------------

static struct put *state_of(struct mod_call *c) {
    if (!c->state) {
        struct put *p = ARENA_NEW(c->arena, struct put);
        p->before = val_dict(c->arena, 4);
        p->after = val_dict(c->arena, 4);
        c->state = p;
    }
    return c->state;
}

static void content_diff(struct mod_call *c, const char *dest, struct str old, bool found, struct str data,
                         struct str source) {
    mod_changed(c);
    if (!c->diff) {
        return;
    }
    struct val d = val_dict(c->arena, 4);
    bool large = old.n > DIFF_MAX || data.n > DIFF_MAX;
    if (large) {
        val_set(c->arena, d, old.n > DIFF_MAX ? "dst_larger" : "src_larger", val_int(DIFF_MAX));
    } else if (replace_binary(old) || replace_binary(data)) {
        val_set(c->arena, d, replace_binary(old) ? "dst_binary" : "src_binary", val_int(1));
    } else {
        val_set(c->arena, d, "before", val_str(c->arena, old));
        val_set(c->arena, d, "after", val_str(c->arena, data));
        if (found) {
            val_set(c->arena, d, "before_header", val_z(c->arena, dest));
        }
        val_set(c->arena, d, "after_header", val_str(c->arena, source.n ? source : str_from(dest)));
    }
    if (c->diffs.kind != VAL_LIST) {
        c->diffs = val_list(c->arena, 2);
    }
    val_push(c->arena, c->diffs, d);
}

static bool checksums(struct mod_call *c, struct str data, bool changed, struct err *e) {
    const char *hex;
    if (!digest_hex(c->arena, "sha1", data, &hex, e)) {
        return false;
    }
    mod_set_z(c, "checksum", hex);
    if (changed && !c->check) {
        if (!digest_hex(c->arena, "md5", data, &hex, e)) {
            return false;
        }
        mod_set_z(c, "md5sum", hex);
    }
    return true;
}

static struct stat new_file(struct mod_call *c) {
    (void)c;
    mode_t mask = umask(0);
    umask(mask);
    return (struct stat){.st_uid = geteuid(), .st_gid = getegid(), .st_mode = S_IFREG | (0666 & ~mask)};
}

static bool file_attr(struct mod_call *c, struct str mode, struct fsattr *f, struct err *e) {
    if (!fsattr_read(c, "mode", f, e)) {
        return false;
    }
    int64_t octal = 0;
    for (size_t i = 0; i < mode.n; i++) {
        octal = octal * 8 + (mode.s[i] - '0');
    }
    if (mode.n > 0) {
        f->has_mode = true;
        f->symbolic = STR_NONE;
        f->mode = (mode_t)octal & 07777;
    }
    return true;
}

static bool plan_data(struct mod_call *c, const char *dest, struct str data, struct str source, struct str mode,
                      struct err *e) {
    struct put *p = state_of(c);
    struct job j = {.dest = dest, .data = data};
    char real[4096];
    struct stat st;
    bool link = lstat(dest, &st) == 0 && S_ISLNK(st.st_mode);
    if (link && mod_bool(c, "follow") && realpath(dest, real)) {
        j.dest = dest = arena_strndup(c->arena, real, strlen(real));
        link = false;
    }
    if (lstat(dest, &st) == 0 && !S_ISREG(st.st_mode) && !link) {
        return mod_fail(c, e, "cannot write '%s': it is a %s, not a file", dest,
                        S_ISDIR(st.st_mode) ? "directory" : "special file");
    }
    struct str old;
    bool found;
    if (!file_attr(c, mode, &j.attr, e) || !replace_read(c, dest, &old, &found, e)) {
        return false;
    }
    bool there = found || link;
    j.write = !there || ((link || !str_eq(old, data)) && mod_bool(c, "force"));
    if (j.write) {
        content_diff(c, dest, old, there, data, source);
    }
    struct stat now = found && !link ? st : new_file(c);
    bool differs = false;
    if (!fsattr_differs(c, &j.attr, dest, &now, p->before, p->after, &differs, e)) {
        return false;
    }
    if (differs) {
        mod_changed(c);
    }
    VEC_PUSH(c->arena, p->jobs, j);
    return checksums(c, data, j.write, e);
}

// Records the directories of `path` (the part before its last slash) that do not exist.
static void need_parents(struct mod_call *c, struct put *p, const char *path, size_t from) {
    for (const char *s = strchr(path + from, '/'); s; s = strchr(s + 1, '/')) {
        const char *dir = arena_strndup(c->arena, path, (size_t)(s - path));
        struct stat st;
        if (*dir == '\0' || (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))) {
            continue;
        }
        bool known = false;
        for (size_t i = 0; i < p->dirs.n; i++) {
            known = known || strcmp(p->dirs.p[i], dir) == 0;
        }
        if (!known) {
            VEC_PUSH(c->arena, p->dirs, dir);
            mod_changed(c);
        }
    }
}

bool put_plan_tree(struct mod_call *c, const char *src, const char *dest, struct str data, mode_t mode, struct err *e) {
    bool keep = str_eqz(val_text(mod_arg(c, "mode")), "preserve");
    struct str text = keep ? str_printf(c->arena, "%04o", (unsigned)(mode & 07777)) : STR_NONE;
    need_parents(c, state_of(c), dest, 1);
    if (!plan_data(c, dest, data, str_from(src), text, e)) {
        return false;
    }
    fsattr_info(c, dest);
    return true;
}

static bool is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

// Where a single file goes: into dest when that is a directory or ends with a slash.
static bool single_dest(struct mod_call *c, struct put *p, struct str source, const char **dest, struct err *e) {
    const char *d = mod_z(c, "dest");
    struct str ds = str_from(d);
    size_t slash = SIZE_MAX;
    for (size_t i = 0; i < source.n; i++) {
        slash = source.s[i] == '/' ? i : slash;
    }
    struct str base = slash == SIZE_MAX ? source : str_sub(source, slash + 1, source.n);
    if (str_ends(ds, "/") || is_dir(d)) {
        if (base.n == 0) {
            return mod_fail(c, e, "can not use content with a dir as dest");
        }
        need_parents(c, p, arena_printf(c->arena, "%s/", d), 1);
        *dest = arena_printf(c->arena, "%s%s%.*s", d, str_ends(ds, "/") ? "" : "/", STR(base));
        return true;
    }
    *dest = d;
    const char *last = strrchr(d, '/');
    const char *parent = last && last != d ? arena_strndup(c->arena, d, (size_t)(last - d)) : (last ? "/" : ".");
    if (!is_dir(parent)) {
        return mod_fail(c, e, "Destination directory %s does not exist", parent);
    }
    return true;
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

static bool plan_one(struct mod_call *c, struct put *p, struct val f, struct err *e) {
    struct str rel = val_text(val_get(f, "rel"));
    struct str source = val_text(val_get(f, "source"));
    const char *dest = NULL;
    if (rel.n > 0) {
        if (!safe_rel(rel)) {
            return mod_fail(c, e, "'%.*s' leads out of the destination", STR(rel));
        }
        dest = arena_printf(c->arena, "%s/%.*s", mod_z(c, "dest"), STR(rel));
        need_parents(c, p, dest, 1);
        if (str_ends(rel, "/")) {
            return true;  // an empty directory
        }
    } else if (!single_dest(c, p, source, &dest, e)) {
        return false;
    } else {
        mod_set_z(c, "dest", dest);
    }
    struct str data;
    return c->blob(c, val_text(val_get(f, "sha256")), &data, e) &&
           plan_data(c, dest, data, source, val_text(val_get(f, "mode")), e);
}

static void attribute_diff(struct mod_call *c, struct put *p) {
    if (!c->diff || val_len(p->before) == 0 || p->jobs.n != 1) {
        return;
    }
    struct val d = val_dict(c->arena, 2);
    struct val path = val_z(c->arena, p->jobs.p[0].dest);
    val_set(c->arena, p->before, "path", path);
    val_set(c->arena, p->after, "path", path);
    val_set(c->arena, d, "before", p->before);
    val_set(c->arena, d, "after", p->after);
    if (c->diffs.kind != VAL_LIST) {
        c->diffs = val_list(c->arena, 1);
    }
    if (!p->jobs.p[0].write) {
        val_push(c->arena, c->diffs, d);
    }
}

bool put_plan(struct mod_call *c, struct err *e) {
    struct put *p = state_of(c);
    struct val files = mod_arg(c, "_files");
    mod_set_z(c, "dest", mod_z(c, "dest"));
    for (size_t i = 0; i < val_len(files); i++) {
        if (!plan_one(c, p, val_at_index(files, i), e)) {
            return false;
        }
    }
    attribute_diff(c, p);
    if (p->jobs.n == 1) {
        fsattr_info(c, p->jobs.p[0].dest);
    }
    return true;
}

static bool make_dirs(struct mod_call *c, const struct put *p, struct err *e) {
    struct fsattr f = {0};
    bool own = mod_has(c, "directory_mode");
    if (p->dirs.n > 0 && (!fsattr_read(c, own ? "directory_mode" : "mode", &f, e))) {
        return false;
    }
    f.has_mode = f.has_mode && own;  // the files' mode is not for directories
    for (size_t i = 0; i < p->dirs.n; i++) {
        if (mkdir(p->dirs.p[i], 0777) != 0 && errno != EEXIST) {
            return mod_fail_sys(c, e, errno, "cannot create directory '%s'", p->dirs.p[i]);
        }
        if (!fsattr_apply(c, &f, p->dirs.p[i], e)) {
            return false;
        }
    }
    return true;
}

static bool write_job(struct mod_call *c, const struct job *j, struct err *e) {
    if (!j->write) {
        return fsattr_apply(c, &j->attr, j->dest, e);
    }
    struct str backup = STR_NONE;
    if (mod_bool(c, "backup") && !replace_backup(c, j->dest, &backup, e)) {
        return false;
    }
    struct replace r = {.path = j->dest,
                        .data = j->data,
                        .attr = &j->attr,
                        .validate = mod_z(c, "validate"),
                        .unsafe_writes = mod_bool(c, "unsafe_writes")};
    if (!replace_file(c, &r, e)) {
        return false;
    }
    if (backup.n > 0) {
        mod_set_str(c, "backup_file", backup);
    }
    struct fsattr rest = j->attr;  // what cannot be set before the file is in place
    rest.has_mode = rest.has_uid = rest.has_gid = false;
    return fsattr_apply(c, &rest, j->dest, e);
}

bool put_run(struct mod_call *c, struct err *e) {
    struct put *p = state_of(c);
    if (!make_dirs(c, p, e)) {
        return false;
    }
    for (size_t i = 0; i < p->jobs.n; i++) {
        if (!write_job(c, &p->jobs.p[i], e)) {
            return false;
        }
    }
    if (p->jobs.n == 1) {
        fsattr_info(c, p->jobs.p[0].dest);
    }
    return true;
}
