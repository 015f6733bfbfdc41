// include_vars: loads variables from a file, or from the files of a directory, while the play runs.
#include "module.h"
#include "paths.h"
#include "regex.h"

#include <dirent.h>
#include <sys/stat.h>

#define DIR_DEPTH_MAX 64

static const struct arg args[] = {
    {"file", ARG_STR, .doc = "File to load, searched in the role's `vars`, beside the playbook and so on."},
    {"dir", ARG_STR, .doc = "Directory whose files are loaded, in order of their names, with its sub-directories."},
    {"name", ARG_STR, .doc = "Variable that takes all of it as a dictionary."},
    {"depth", ARG_INT, .doc = "Number of directories to read, counted in order of their paths; 0 is all."},
    {"files_matching", ARG_STR, .doc = "Regular expression; only files whose names it finds are loaded."},
    {"ignore_files", ARG_RAW, .doc = "Regular expressions for the ends of names that are left out: a list, or words."},
    {"extensions", ARG_LIST, .doc = "Extensions a file may have: yaml, yml and json when not given."},
    {"ignore_unknown_extensions", ARG_BOOL, .doc = "Leave files with other extensions out instead of failing."},
    {"hash_behaviour", ARG_STR, .choices = "replace|merge",
     .doc = "`merge` combines dictionaries with what the variable held before."},
    {0},
};

struct load {
    struct mod_call *c;
    struct val all;    // variables so far
    struct val files;  // names of the files that were read
    struct regex *matching;
    struct val extensions;
    struct {
        struct ending {
            struct regex *r;
        } * p;
        size_t n, cap;
    } ignored;
};

/// Fails as Ansible's module does: with `message` instead of `msg`.
static bool refuse(struct mod_call *c, struct err *e, const char *text) {
    mod_set(c, "failed", val_bool(true));
    mod_set_z(c, "message", text);
    return err_set(e, ERR_MODULE, c->at, "%s", text);
}

static bool given(struct mod_call *c, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (mod_arg(c, names[i]).kind != VAL_UNDEF) {
            return true;
        }
    }
    return false;
}

static struct val allowed_extensions(struct mod_call *c) {
    struct val v = mod_arg(c, "extensions");
    if (v.kind == VAL_LIST) {
        return v;
    }
    v = val_list(c->arena, 3);
    val_push(c->arena, v, val_z(c->arena, "yaml"));
    val_push(c->arena, v, val_z(c->arena, "yml"));
    val_push(c->arena, v, val_z(c->arena, "json"));
    return v;
}

static struct str base_name(struct str path) {
    size_t from = path.n;
    while (from > 0 && path.s[from - 1] != '/') {
        from--;
    }
    return str_sub(path, from, path.n);
}

static bool extension_ok(const struct load *l, struct str file) {
    struct str name = base_name(file);
    size_t dot = name.n;
    while (dot > 0 && name.s[dot - 1] != '.') {
        dot--;
    }
    struct str ext = dot > 1 ? str_sub(name, dot, name.n) : STR_LIT("");
    for (size_t i = 0; i < val_len(l->extensions); i++) {
        if (str_eq(val_text(val_at_index(l->extensions, i)), ext)) {
            return true;
        }
    }
    return false;
}

static bool bad_extension(struct load *l, struct str file, struct err *e) {
    struct buf b = BUF_IN(l->c->arena);
    buf_printf(&b, "%.*s does not have a valid extension: ", STR(file));
    for (size_t i = 0; i < val_len(l->extensions); i++) {
        buf_printf(&b, "%s%.*s", i ? ", " : "", STR(val_text(val_at_index(l->extensions, i))));
    }
    return refuse(l->c, e, str_z(l->c->arena, buf_view(&b)));
}

static bool load_file(struct load *l, struct str path, struct err *e) {
    struct arena *a = l->c->arena;
    struct err inner = {.arena = a};
    struct val v;
    if (!l->c->ctl->load_vars(l->c->ctl->self, path, a, &v, &inner)) {
        return refuse(l->c, e, str_z(a, err_text(&inner)));
    }
    if (v.kind != VAL_DICT && val_truth(v)) {
        return refuse(l->c, e, arena_printf(a, "%.*s must be stored as a dictionary/hash", STR(path)));
    }
    val_push(a, l->files, val_str(a, path));
    size_t i = 0;
    for (struct vpair *p; (p = val_each(v, &i));) {
        val_set_key(a, l->all, p->key, p->value);
    }
    return true;
}

// -- directories -----------------------------------------------------------------------------------------------------
struct names {
    struct str *p;
    size_t n, cap;
};

static int by_bytes(const void *l, const void *r) {
    return str_cmp(*(const struct str *)l, *(const struct str *)r);
}

static void sort(struct names *n) {
    if (n->n) {
        qsort(n->p, n->n, sizeof *n->p, by_bytes);
    }
}

static bool is_dir(struct arena *a, struct str path, bool follow) {
    struct stat st;
    const char *z = str_z(a, path);
    return (follow ? stat(z, &st) : lstat(z, &st)) == 0 && S_ISDIR(st.st_mode);
}

static void add_name(struct arena *a, struct names *to, struct str path) {
    VEC_PUSH(a, *to, path);
}

/// What a directory holds: files, and directories (also behind links) apart.
static void list_dir(struct arena *a, struct str dir, struct names *files, struct names *dirs) {
    DIR *d = opendir(str_z(a, dir));
    if (!d) {
        return;
    }
    // NOLINTNEXTLINE(concurrency-mt-unsafe): each call reads its own stream
    for (const struct dirent *it; (it = readdir(d));) {
        struct str path = str_printf(a, "%.*s/%s", STR(dir), it->d_name);
        if (strcmp(it->d_name, ".") != 0 && strcmp(it->d_name, "..") != 0) {
            add_name(a, is_dir(a, path, true) ? dirs : files, path);
        }
    }
    closedir(d);
}

/// The directory and all below it, links not followed.
static void walk(struct arena *a, struct str dir, struct names *all, unsigned depth) {
    struct names files = {0};
    struct names dirs = {0};
    add_name(a, all, dir);
    list_dir(a, dir, &files, &dirs);
    for (size_t i = 0; i < dirs.n && depth < DIR_DEPTH_MAX; i++) {
        if (is_dir(a, dirs.p[i], false)) {
            walk(a, dirs.p[i], all, depth + 1);
        }
    }
}

static bool wanted(const struct load *l, struct str name, bool *yes, struct err *e) {
    int hit = l->matching ? regex_exec(l->matching, name, 0, REGEX_SEARCH, l->c->arena, NULL, e) : 1;
    *yes = hit == 1;
    for (size_t i = 0; *yes && i < l->ignored.n; i++) {
        hit = regex_exec(l->ignored.p[i].r, name, 0, REGEX_SEARCH, l->c->arena, NULL, e);
        *yes = hit == 0;
    }
    return hit >= 0;
}

static bool load_dir_files(struct load *l, struct str dir, struct err *e) {
    struct names files = {0};
    struct names dirs = {0};
    list_dir(l->c->arena, dir, &files, &dirs);
    sort(&files);
    for (size_t i = 0; i < files.n; i++) {
        bool yes;
        if (!wanted(l, base_name(files.p[i]), &yes, e)) {
            return false;
        }
        if (!yes) {
            continue;
        }
        if (!extension_ok(l, files.p[i])) {
            if (mod_bool(l->c, "ignore_unknown_extensions")) {
                continue;
            }
            return bad_extension(l, files.p[i], e);
        }
        if (!load_file(l, files.p[i], e)) {
            return false;
        }
    }
    return true;
}

static bool add_ignored(struct load *l, struct str pattern, struct err *e) {
    struct mod_call *c = l->c;
    struct err inner = {.arena = c->arena};
    struct regex *r = regex_compile(c->arena, str_printf(c->arena, "%.*s$", STR(pattern)), 0, c->at, &inner);
    if (!r) {
        return mod_fail(c, e, "Invalid regular expression: %.*s", STR(pattern));
    }
    struct ending it = {r};
    VEC_PUSH(c->arena, l->ignored, it);
    return true;
}

static bool filters(struct load *l, struct err *e) {
    struct mod_call *c = l->c;
    struct str pattern = mod_str(c, "files_matching");
    struct val ignore = mod_arg(c, "ignore_files");
    if (pattern.n) {
        l->matching = regex_compile(c->arena, pattern, 0, c->at, e);
        if (!l->matching) {
            return false;
        }
    }
    if (ignore.kind == VAL_STR) {
        struct str rest = val_text(ignore);
        for (struct str word; str_next(&rest, ' ', &word);) {
            word = str_trim(word);
            if (word.n && !add_ignored(l, word, e)) {
                return false;
            }
        }
        return true;
    }
    if (ignore.kind != VAL_UNDEF && ignore.kind != VAL_NULL && !val_is_seq(ignore)) {
        return refuse(c, e, arena_printf(c->arena, "%.*s must be a list", STR(val_str_of(c->arena, ignore))));
    }
    for (size_t i = 0; i < val_len(ignore); i++) {
        if (!add_ignored(l, val_str_of(c->arena, val_at_index(ignore, i)), e)) {
            return false;
        }
    }
    return true;
}

/// Where a relative directory stands: in the role's vars, or beside the file of the task.
static struct str root_dir(struct mod_call *c, struct str dir) {
    struct arena *a = c->arena;
    struct err ignored = {.arena = a};
    struct val role = {0};
    if (str_starts(dir, "/")) {
        return dir;
    }
    if (c->ctl->var(c->ctl->self, "role_path", a, &role, &ignored) && role.kind == VAL_STR) {
        bool in_vars = str_eqz(dir, "vars") || str_starts(dir, "vars/");
        return str_printf(a, "%.*s/%s%.*s", STR(val_text(role)), in_vars ? "" : "vars/", STR(dir));
    }
    struct str file = str_from(mark_place(c->at).file);
    struct str name = base_name(file);
    if (!file.s || name.n == file.n) {
        return dir;
    }
    return str_printf(a, "%.*s%.*s", STR(str_sub(file, 0, file.n - name.n)), STR(dir));
}

static bool load_dir(struct load *l, struct err *e) {
    struct mod_call *c = l->c;
    struct arena *a = c->arena;
    struct str dir = root_dir(c, mod_str(c, "dir"));
    struct stat st;
    struct names all = {0};
    if (!filters(l, e)) {
        return false;
    }
    if (stat(str_z(a, dir), &st) != 0) {
        return refuse(c, e, arena_printf(a, "%.*s directory does not exist", STR(dir)));
    }
    if (!S_ISDIR(st.st_mode)) {
        return refuse(c, e, arena_printf(a, "%.*s is not a directory", STR(dir)));
    }
    while (dir.n > 1 && str_ends(dir, "/")) {
        dir = str_sub(dir, 0, dir.n - 1);
    }
    walk(a, dir, &all, 0);
    sort(&all);
    int64_t depth = mod_int(c, "depth", 0);
    for (size_t i = 0; i < all.n && (depth <= 0 || (int64_t)i < depth); i++) {
        if (!load_dir_files(l, all.p[i], e)) {
            return false;
        }
    }
    return true;
}

// -- result ----------------------------------------------------------------------------------------------------------
/// Only dictionaries combine; the message names both kinds but not the values, which may be secret.
static bool not_dicts(struct mod_call *c, struct str name, struct val old, struct val now, struct err *e) {
    const char *had = old.kind == VAL_UNDEF ? "NoneType" : val_type_name(old);
    return mod_fail(c, e, "failed to combine variables, expected dicts but got a '%s' and a '%s' for '%.*s'", had,
                    val_type_name(now), STR(name));
}

/// hash_behaviour=merge: dictionaries are combined with what the host had.
static bool merge_old(struct load *l, struct err *e) {
    struct mod_call *c = l->c;
    size_t i = 0;
    for (struct vpair *p; (p = val_each(l->all, &i));) {
        struct str name = val_str_of(c->arena, p->key);
        struct val old = {0};
        if (!c->ctl->var(c->ctl->self, str_z(c->arena, name), c->arena, &old, e)) {
            return false;
        }
        if (old.kind != VAL_DICT || p->value.kind != VAL_DICT) {
            return not_dicts(c, name, old, p->value, e);
        }
        p->value = val_merge(c->arena, old, p->value, true, MERGE_REPLACE);
    }
    return true;
}

static bool load_named(struct load *l, struct err *e) {
    struct mod_call *c = l->c;
    struct err inner = {.arena = c->arena};
    struct str path;
    if (!mod_str(c, "file").n) {
        return refuse(c, e,
                      mod_arg(c, "file").kind != VAL_UNDEF
                          ? "Could not find file on the Ansible Controller: the name of the file is empty"
                          : "include_vars needs 'file' or 'dir'");
    }
    if (!c->ctl->find(c->ctl->self, "vars", str_trim(mod_str(c, "file")), c->arena, &path, &inner)) {
        return refuse(c, e, str_z(c->arena, err_text(&inner)));
    }
    // as Ansible searches: only a name that says where the file is becomes a plain path
    bool whole = path.n && str_starts(mod_str(c, "file"), "/");
    return load_file(l, whole ? paths_normal(c->arena, path) : path, e);
}

static bool run(struct mod_call *c, struct err *e) {
    static const char *const dir_args[] = {"dir",          "depth",      "files_matching",
                                           "ignore_files", "extensions", "ignore_unknown_extensions"};
    static const char *const file_args[] = {"file"};
    struct arena *a = c->arena;
    struct load l = {.c = c, .all = val_dict(a, 16), .files = val_list(a, 4), .extensions = allowed_extensions(c)};
    bool by_dir = given(c, dir_args, COUNTOF(dir_args));
    if (by_dir && given(c, file_args, COUNTOF(file_args))) {
        return mod_fail(c, e, "You are mixing file only and dir only arguments, these are incompatible");
    }
    bool ok = mod_str(c, "dir").n ? load_dir(&l, e) : load_named(&l, e);
    if (ok && mod_str(c, "name").n) {
        struct val named = val_dict(a, 1);
        val_set_str(a, named, mod_str(c, "name"), l.all);
        l.all = named;
    }
    if (ok && str_eqz(mod_str(c, "hash_behaviour"), "merge")) {
        ok = merge_old(&l, e);
    }
    mod_set(c, "ansible_included_var_files", l.files);
    mod_set(c, "ansible_facts", ok ? val_mark_templates(l.all) : val_dict(a, 0));
    return ok;
}

MODULE(include_vars) = {
    .doc = "Load variables from files while the play runs.",
    .spec = "ansible.builtin.include_vars",
    .example = "- ansible.builtin.include_vars:\n    file: settings.yml\n    name: settings\n  when: false",
    .order = "ansible_included_var_files ansible_facts",
    .returns = "ansible_facts: The variables.\nansible_included_var_files: The files they came from.\n"
               "message: What went wrong.",
    .args = args,
    .free_form = "file",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_CONTROLLER,
    .run = run,
};
