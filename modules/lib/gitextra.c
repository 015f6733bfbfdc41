// What the module `git` does beside clone, fetch and checkout: the file mode mask, signatures, submodules, archives.
#include "gitcmd.h"
#include "replace.h"

#include <sys/stat.h>

static bool exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

// -- umask -----------------------------------------------------------------------------------------------------------

bool git_umask(struct mod_call *c, struct err *e) {
    struct val v = mod_arg(c, "umask");
    if (!mod_has(c, "umask")) {
        return true;
    }
    if (!val_is(v, VAL_STR)) {
        return mod_fail(c, e, "umask must be defined as a quoted octal integer");
    }
    char *end;
    const char *text = mod_z(c, "umask");
    unsigned long mask = strtoul(text, &end, 8);
    if (!*text || *end || mask > 0777) {
        return mod_fail(c, e, "umask must be an octal integer");
    }
    umask((mode_t)mask);
    return true;
}

// -- signatures ------------------------------------------------------------------------------------------------------

/// The fingerprint of the primary key in the status lines of GnuPG.
static struct str fingerprint(struct str status) {
    struct str line;
    while (status.n > 0 && str_next(&status, '\n', &line)) {
        struct str word;
        struct str last = STR_NONE;
        struct str third = STR_NONE;
        size_t n = 0;
        if (!str_starts(line, "[GNUPG:] VALIDSIG ")) {
            continue;
        }
        for (line = str_trim(line); str_next(&line, ' ', &word); n++) {
            third = n == 2 ? word : third;
            last = word;
        }
        return n == 12 ? last : third;
    }
    return STR_NONE;
}

bool git_verify(struct mod_call *c, const struct git *g, struct err *e) {
    struct run_result r;
    struct val allowed = mod_arg(c, "gpg_allowlist");
    const char *ref = arena_printf(c->arena, "refs/tags/%s", mod_z(c, "version"));
    if (!git_try(c, g, g->dest, GIT_WORDS("cat-file", "-t", ref), &r, e)) {
        return false;
    }
    const char *verb = r.rc == 0 && str_eqz(str_trim(r.out), "tag") ? "verify-tag" : "verify-commit";
    bool raw = val_len(allowed) > 0;
    if (!git_try(c, g, g->dest, GIT_WORDS(verb, raw ? "--raw" : "-v", mod_z(c, "version")), &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return git_fail(
            c, &r, e,
            arena_printf(c->arena, "Failed to verify GPG signature of commit/tag \"%s\"", mod_z(c, "version")));
    }
    struct str print = raw ? fingerprint(r.err) : STR_NONE;
    for (size_t i = 0; i < val_len(allowed); i++) {
        if (print.n > 0 && str_eq(print, val_text(val_at_index(allowed, i)))) {
            return true;
        }
    }
    return !raw ||
           git_fail(c, &r, e,
                    arena_printf(c->arena, "The gpg_allowlist does not include the public key \"%.*s\" for this commit",
                                 STR(print)));
}

// -- submodules ------------------------------------------------------------------------------------------------------

/// Names and object names of the submodules at `version`, as text that can be compared.
static bool submodule_versions(struct mod_call *c, const struct git *g, const char *version, struct str *out,
                               struct err *e) {
    struct run_result r;
    if (!git_try(c, g, g->dest, GIT_WORDS("submodule", "foreach", g->exe, "rev-parse", version), &r, e)) {
        return false;
    }
    *out = r.out;
    return r.rc == 0 || git_fail(c, &r, e, "Unable to determine hashes of submodules");
}

/// True when a path in .gitmodules has no repository yet.
static bool has_new_submodule(struct mod_call *c, const struct git *g, bool *any, struct err *e) {
    const char *file = arena_printf(c->arena, "%s/.gitmodules", g->dest);
    struct run_result r;
    if (!git_try(c, g, g->dest, GIT_WORDS("config", "-f", file, "--get-regexp", "^submodule\\..*\\.path$"), &r, e)) {
        return false;
    }
    struct str line;
    *any = false;
    while (r.out.n > 0 && str_next(&r.out, '\n', &line)) {
        size_t space = str_find_char(line, 0, ' ');
        if (space != SIZE_MAX) {
            const char *git = arena_printf(c->arena, "%s/%.*s/.git", g->dest, STR(str_sub(line, space + 1, line.n)));
            *any = *any || !exists(git);
        }
    }
    return true;
}

static bool submodules_differ(struct mod_call *c, const struct git *g, bool *changed, struct err *e) {
    struct run_result r;
    struct str begin;
    if (!has_new_submodule(c, g, changed, e)) {
        return false;
    }
    if (*changed) {
        return true;
    }
    if (mod_bool(c, "track_submodules")) {
        struct str end;
        bool ok = submodule_versions(c, g, "HEAD", &begin, e) &&
                  git_must(c, g, GIT_WORDS("submodule", "foreach", g->exe, "fetch"), &r, e) &&
                  submodule_versions(c, g, arena_printf(c->arena, "%s/master", mod_z(c, "remote")), &end, e);
        *changed = ok && !str_eq(begin, end);
        return ok;
    }
    if (!git_must(c, g, GIT_WORDS("submodule", "status"), &r, e)) {
        return false;
    }
    struct str line;
    while (r.out.n > 0 && str_next(&r.out, '\n', &line)) {
        *changed = *changed || (line.n > 0 && line.s[0] != ' ');
    }
    return true;
}

bool git_submodules(struct mod_call *c, const struct git *g, bool *changed, struct err *e) {
    struct run_result r;
    *changed = false;
    if (!exists(arena_printf(c->arena, "%s/.gitmodules", g->dest))) {
        return true;
    }
    if (!submodules_differ(c, g, changed, e) || !*changed) {
        return e->code == ERR_NONE;
    }
    mod_set(c, "submodules_changed", val_bool(true));
    struct words v = {0};
    words_opt(c, &v, "submodule", "update");
    words_opt(c, &v, "--init", "--recursive");
    if (mod_bool(c, "track_submodules")) {
        words_add(c, &v, "--remote");
    }
    if (mod_bool(c, "force")) {
        words_add(c, &v, "--force");
    }
    words_add(c, &v, NULL);
    if (!git_must(c, g, GIT_WORDS("submodule", "sync"), &r, e) || !git_try(c, g, g->dest, v.p, &r, e)) {
        return false;
    }
    return r.rc == 0 ||
           git_fail(c, &r, e,
                    arena_printf(c->arena, "Failed to init/update submodules: %.*s%.*s", STR(r.out), STR(r.err)));
}

// -- archive ---------------------------------------------------------------------------------------------------------

static const char *archive_format(struct str name) {
    static const char *const rows[][2] = {{".zip", "zip"}, {".gz", "tar.gz"}, {".tar", "tar"}, {".tgz", "tar.gz"}};
    for (size_t i = 0; i < COUNTOF(rows); i++) {
        if (str_ends(name, rows[i][0])) {
            return rows[i][1];
        }
    }
    return NULL;
}

bool git_archive(struct mod_call *c, const struct git *g, bool *changed, struct err *e) {
    const char *path = mod_z(c, "archive");
    const char *format = archive_format(str_from(path));
    struct str dir;
    struct str fresh;
    struct str old;
    bool found;
    if (!format) {
        mod_set_z(c, "details", "expected a name of an archive that ends in .tar, .tar.gz, .tgz or .zip");
        return mod_fail(c, e, "Unable to get file extension from archive file name : %s", path);
    }
    if (!mod_tmpdir(c, &dir, e)) {
        return false;
    }
    const char *tmp = arena_printf(c->arena, "%.*s/archive", STR(dir));
    struct words v = {0};
    struct run_result r;
    words_add(c, &v, "archive");
    words_add(c, &v, arena_printf(c->arena, "--format=%s", format));
    words_add(c, &v, arena_printf(c->arena, "--output=%s", tmp));
    if (mod_has(c, "archive_prefix")) {
        words_add(c, &v, arena_printf(c->arena, "--prefix=%s", mod_z(c, "archive_prefix")));
    }
    words_opt(c, &v, mod_z(c, "version"), NULL);
    if (!git_try(c, g, g->dest, v.p, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        mod_set(c, "details",
                val_printf(c->arena,
                           "Git archive command failed to create archive %s using %s "
                           "directory.Error: %.*s",
                           path, g->dest, STR(r.err)));
        return mod_fail(c, e, "Failed to perform archive operation");
    }
    if (!replace_read(c, tmp, &fresh, &found, e) || !replace_read(c, path, &old, &found, e)) {
        return false;
    }
    *changed = !found || !str_eq(fresh, old);
    return !*changed || replace_file(c, &(struct replace){.path = path, .data = fresh}, e);
}
