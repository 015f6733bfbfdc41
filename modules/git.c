// git: a working copy (or bare repository) of a remote one at a wanted version.
#include "fd.h"
#include "gitcmd.h"
#include "home.h"
#include "map.h"
#include "replace.h"
#include "trust.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct arg args[] = {
    {"repo", ARG_STR, .required = true, .aliases = "name", .doc = "URL or path of the repository."},
    {"dest", ARG_PATH, .doc = "Where it goes; not needed with clone=false."},
    {"version", ARG_STR, .def = "HEAD", .doc = "Branch, tag, full object name, or HEAD."},
    {"remote", ARG_STR, .def = "origin", .doc = "Name of the remote."},
    {"refspec", ARG_STR, .empty_is_none = true, .doc = "A further refspec to fetch, such as refs/changes/1/2/3."},
    {"reference", ARG_STR, .empty_is_none = true, .doc = "Repository on the target to borrow objects from."},
    {"force", ARG_BOOL, .def = "false", .doc = "Throw local changes away."},
    {"depth", ARG_INT, .doc = "Make a shallow clone of this many commits; 0: of all."},
    {"clone", ARG_BOOL, .def = "true", .doc = "Clone when dest does not exist; else only look at the remote."},
    {"update", ARG_BOOL, .def = "true", .doc = "Fetch new revisions into a repository that exists."},
    {"executable", ARG_PATH, .empty_is_none = true, .doc = "The git program."},
    {"bare", ARG_BOOL, .def = "false", .doc = "Make a bare repository."},
    {"umask", ARG_RAW, .doc = "File mode mask for what is written: a quoted octal number."},
    {"recursive", ARG_BOOL, .def = "true", .doc = "Fetch submodules, too."},
    {"single_branch", ARG_BOOL, .def = "false", .doc = "Clone the history of one branch only."},
    {"track_submodules", ARG_BOOL, .def = "false", .doc = "Take the newest commit of the submodules' master."},
    {"verify_commit", ARG_BOOL, .def = "false", .doc = "Check the GPG signature of the commit or tag."},
    {"gpg_allowlist", ARG_LIST, .aliases = "gpg_whitelist", .doc = "Fingerprints of the keys that may have signed it."},
    {"accept_hostkey", ARG_BOOL, .def = "false", .doc = "Do not check the ssh host key."},
    {"accept_newhostkey", ARG_BOOL, .def = "false", .doc = "Accept the key of a host that is not known yet."},
    {"key_file", ARG_PATH, .empty_is_none = true, .doc = "Private key for ssh, on the target."},
    {"ssh_opts", ARG_STR, .empty_is_none = true, .doc = "Options for ssh."},
    {"archive", ARG_PATH, .empty_is_none = true,
     .doc = "Also write the version to this file: .zip, .tar, .tar.gz or .tgz."},
    {"archive_prefix", ARG_STR, .empty_is_none = true, .doc = "Directory put before each name in the archive."},
    {"separate_git_dir", ARG_PATH, .empty_is_none = true,
     .doc = "Where the repository itself goes, apart from the working copy."},
    {0},
};

struct work {
    struct git g;
    const char *version, *remote, *depth;  // depth: as text, or NULL
    const char *separate;                  // real path of separate_git_dir
    bool bare, force, cloned, local_mods, url_changed, submodules_changed, relocate, current, found_branch;
    struct str before, after;
};

// -- arguments -------------------------------------------------------------------------------------------------------

static bool check_words(struct mod_call *c, struct err *e) {
    static const char *const words[] = {"repo", "version", "remote", "refspec", "reference"};
    static const char *const helpers[] = {"ext::", "fd::"};
    for (size_t i = 0; i < COUNTOF(words); i++) {
        struct str s = mod_str(c, words[i]);
        if (str_starts(s, "-") || (s.n > 0 && memchr(s.s, '\n', s.n)) || (mod_has(c, words[i]) && s.n == 0)) {
            return mod_fail(c, e, "'%.*s' is not a valid %s: git would not read it as one", STR(s), words[i]);
        }
    }
    for (size_t i = 0; i < COUNTOF(helpers); i++) {
        if (str_starts(str_trim(mod_str(c, "repo")), helpers[i])) {
            return mod_fail(c, e, "a repository of the kind '%s' is refused: it runs a command", helpers[i]);
        }
    }
    if (mod_int(c, "depth", 0) < 0) {
        return mod_fail(c, e, "depth must be a positive number, not %lld", (long long)mod_int(c, "depth", 0));
    }
    if (!mod_has(c, "dest") && mod_bool(c, "clone")) {
        return mod_fail(c, e, "the destination directory must be specified unless clone=no");
    }
    return true;
}

static bool exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

static const char *real_path(struct mod_call *c, const char *path) {
    char real[4096];
    return realpath(path, real) ? arena_strndup(c->arena, real, strlen(real)) : path;
}

/// A directory that has a configuration of git counts as a repository.
static bool has_repository(struct mod_call *c, const struct work *w) {
    return w->g.git_dir && exists(arena_printf(c->arena, "%s/config", w->g.git_dir));
}

static bool open_work(struct mod_call *c, struct work *w, struct err *e) {
    w->version = mod_z(c, "version");
    w->remote = mod_z(c, "remote");
    w->bare = mod_bool(c, "bare");
    w->force = mod_bool(c, "force");
    if (mod_int(c, "depth", 0)) {
        w->depth = arena_printf(c->arena, "%lld", (long long)mod_int(c, "depth", 1));
    }
    if (mod_has(c, "separate_git_dir")) {
        w->separate = real_path(c, mod_z(c, "separate_git_dir"));
        if (!trust_path(c, mod_z(c, "separate_git_dir"), true, e)) {
            return false;
        }
    }
    if (!check_words(c, e) || !git_umask(c, e) || !git_open(c, &w->g, e)) {
        return false;
    }
    mod_set(c, "before", VNULL);
    w->relocate =
        w->separate && w->g.git_dir && exists(w->g.git_dir) && strcmp(w->separate, real_path(c, w->g.git_dir)) != 0;
    return true;
}

// -- looking ---------------------------------------------------------------------------------------------------------

static bool find_local_mods(struct mod_call *c, struct work *w, struct err *e) {
    struct run_result r;
    if (w->bare) {
        return true;
    }
    // Without an index nothing was ever checked out: a clone was cut off, and is completed.
    if (!exists(arena_printf(c->arena, "%s/index", w->g.git_dir))) {
        w->cloned = true;
        return true;
    }
    if (!git_try(c, &w->g, w->g.dest, GIT_WORDS("status", "--porcelain"), &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return git_fail(
            c, &r, e,
            arena_printf(c->arena, "cannot look for local modifications in %s: %.*s", w->g.dest, STR(str_trim(r.err))));
    }
    struct str line;
    while (r.out.n > 0 && str_next(&r.out, '\n', &line)) {
        w->local_mods = w->local_mods || (line.n > 0 && !str_starts(line, "??"));
    }
    return true;
}

static struct str real_url(struct mod_call *c, struct str url) {
    return str_from(real_path(c, str_z(c->arena, url)));
}

static bool find_url_change(struct mod_call *c, struct work *w, struct err *e) {
    struct run_result r;
    if (!git_try(c, &w->g, w->g.dest, GIT_WORDS("ls-remote", "--get-url", w->remote), &r, e)) {
        return false;
    }
    struct str url = str_rtrim(r.out);
    struct str want = str_from(w->g.repo);
    w->url_changed = r.rc == 0 && url.n > 0 && !str_eq(url, want) && !str_eq(real_url(c, url), real_url(c, want));
    return true;
}

/// What the wanted version is at `where`; an object name stands for itself.
static bool remote_version(struct mod_call *c, struct work *w, const char *where, bool cloning, struct str *sha,
                           struct err *e) {
    struct str branch = str_from(w->version);
    *sha = str_from(w->version);
    if (strcmp(w->version, "HEAD") != 0) {
        if (!git_ask(c, &w->g, where, e)) {
            return false;
        }
        *sha = w->g.branch.s ? w->g.branch : w->g.tag.s ? w->g.tag : *sha;
        return true;
    }
    if (cloning) {
        branch = STR_LIT("HEAD");
    } else if (!git_head_branch(c, &w->g, &branch, e)) {
        return false;
    } else {
        branch = str_printf(c->arena, "refs/heads/%.*s", STR(branch));
    }
    struct run_result r;
    if (!git_must(c, &w->g, GIT_WORDS("ls-remote", where, branch.s), &r, e)) {
        return false;
    }
    *sha = str_sub(r.out, 0, str_find_char(r.out, 0, '\t'));
    if (r.out.n == 0 || sha->n == r.out.n) {
        return git_fail(c, &r, e, arena_printf(c->arena, "Could not determine remote revision for %s", w->version));
    }
    return true;
}

static void set_prepared(struct mod_call *c, struct str text) {
    struct val d = val_dict(c->arena, 1);
    val_set(c->arena, d, "prepared", val_str(c->arena, git_masked(c, text)));
    mod_set(c, "diff", d);
}

/// Copies the wanted commit to a private object directory, so that a diff can be shown without touching the repository.
static bool fetch_aside(struct mod_call *c, const struct work *w, struct git *aside, struct err *e) {
    struct str dir;
    struct run_result r;
    if (!mod_tmpdir(c, &dir, e)) {
        return false;
    }
    const char *objects = arena_printf(c->arena, "GIT_OBJECT_DIRECTORY=%.*s", STR(dir));
    const char *borrowed =
        arena_printf(c->arena, "GIT_ALTERNATE_OBJECT_DIRECTORIES=%s/objects", real_path(c, w->g.git_dir));
    struct words env = {0};
    for (size_t i = 0; w->g.envp[i]; i++) {
        words_add(c, &env, w->g.envp[i]);
    }
    words_opt(c, &env, objects, borrowed);
    words_add(c, &env, NULL);
    *aside = w->g;
    aside->envp = env.p;
    const char *ref = w->g.branch.s ? arena_printf(c->arena, "refs/heads/%s", w->version)
                      : w->g.tag.s  ? arena_printf(c->arena, "refs/tags/%s", w->version)
                                    : w->version;
    return git_try(c, aside, w->g.dest,
                   GIT_WORDS("-c", "gc.auto=0", "fetch", "--quiet", "--no-tags", "--refmap=", "--no-write-fetch-head",
                             "--no-recurse-submodules", w->g.repo, ref),
                   &r, e);
}

static bool show_diff(struct mod_call *c, const struct work *w, struct err *e) {
    struct git g = w->g;
    struct run_result r;
    if (!c->diff || (w->before.n > 0 && str_eq(w->before, w->after))) {
        return true;
    }
    if (w->before.n == 0) {
        set_prepared(c, str_printf(c->arena, ">> Newly checked out %.*s", STR(w->after)));
        return true;
    }
    if (c->check && !fetch_aside(c, w, &g, e)) {
        return false;
    }
    const char *from = str_z(c->arena, w->before);
    const char *to = str_z(c->arena, w->after);
    if (!git_try(c, &g, w->g.dest, GIT_WORDS("diff", from, to), &r, e)) {
        return false;
    }
    if (r.rc == 0 && r.out.n > 0) {
        set_prepared(c, r.out);
    } else if (r.rc == 0) {
        set_prepared(c, str_printf(c->arena, ">> No visual differences between %s and %s", from, to));
    } else {
        set_prepared(c, str_printf(c->arena, ">> Failed to get proper diff between %s and %s%s%.*s", from, to,
                                   r.err.n ? ":\n>> " : "", STR(r.err)));
    }
    return true;
}

static bool mods_allowed(struct mod_call *c, const struct work *w, struct err *e) {
    return !w->local_mods || w->force || git_checkout_was_cut(c, &w->g) ||
           mod_fail(c, e, "Local modifications exist in the destination: %s (force=no).", w->g.dest);
}

/// The remote only: nothing is there, and nothing may be cloned.
static bool look_at_remote(struct mod_call *c, struct work *w, struct err *e) {
    if (!remote_version(c, w, w->g.repo, true, &w->after, e)) {
        return false;
    }
    mod_set_str(c, "after", w->after);
    mod_changed(c);
    return show_diff(c, w, e);
}

static bool check_update(struct mod_call *c, struct work *w, struct err *e) {
    if (!find_local_mods(c, w, e) || !git_rev(c, &w->g, "HEAD", &w->before, e)) {
        return false;
    }
    mod_set_str(c, "before", w->before);
    if (!mods_allowed(c, w, e) || !find_url_change(c, w, e)) {
        return false;
    }
    mod_set(c, "remote_url_changed", val_bool(w->url_changed));
    if (!remote_version(c, w, w->url_changed ? w->g.repo : w->remote, false, &w->after, e)) {
        return false;
    }
    mod_set_str(c, "after", w->after);
    if (!str_eq(w->before, w->after) || w->cloned || w->url_changed || w->local_mods) {
        mod_changed(c);
    }
    return show_diff(c, w, e);
}

/// Check mode: what a run would say, from `git ls-remote`.
static bool check_only(struct mod_call *c, struct work *w, struct err *e) {
    if (w->relocate) {
        mod_changed(c);
    }
    if (!has_repository(c, w)) {
        return look_at_remote(c, w, e);
    }
    if (mod_bool(c, "update")) {
        return check_update(c, w, e);
    }
    if (!git_rev(c, &w->g, "HEAD", &w->before, e)) {
        return false;
    }
    mod_set_str(c, "before", w->before);
    mod_set_str(c, "after", w->before);
    if (mod_has(c, "archive")) {
        mod_changed(c);
    }
    return true;
}

static bool plan(struct mod_call *c, struct err *e) {
    struct work *w = ARENA_NEW(c->arena, struct work);
    c->state = w;
    if (!open_work(c, w, e)) {
        return false;
    }
    if (c->check) {
        return check_only(c, w, e);
    }
    if (!has_repository(c, w) && !mod_bool(c, "clone")) {
        bool ok = look_at_remote(c, w, e);
        c->state = NULL;  // nothing is left for run
        return ok;
    }
    mod_changed(c);  // decided in run
    return true;
}

// -- cloning ---------------------------------------------------------------------------------------------------------

static bool clone_depth(struct mod_call *c, struct work *w, struct words *v, bool named) {
    if (!w->depth) {
        return true;
    }
    if (strcmp(w->version, "HEAD") == 0 || mod_has(c, "refspec")) {
        words_opt(c, v, "--depth", w->depth);
    } else if (named) {
        words_opt(c, v, "--depth", w->depth);
        words_opt(c, v, "--branch", w->version);
    } else {
        mod_warn(c, "Ignoring depth argument. Shallow clones are only available for HEAD, branches, tags or in "
                    "combination with refspec.");
    }
    return true;
}

static bool clone_words(struct mod_call *c, struct work *w, struct words *v, struct err *e) {
    bool named = false;
    if ((w->depth || mod_bool(c, "single_branch")) && strcmp(w->version, "HEAD") != 0) {
        if (!git_ask(c, &w->g, w->g.repo, e)) {
            return false;
        }
        named = w->g.branch.s || w->g.tag.s;
    }
    words_add(c, v, "clone");
    words_opt(c, v, "--config", GIT_UNFINISHED "=true");
    if (w->bare) {
        words_add(c, v, "--bare");
    } else {
        words_add(c, v, "--no-checkout");  // as long as there are no files a clone can be made anew
        words_opt(c, v, "--origin", w->remote);
    }
    clone_depth(c, w, v, named);
    if (mod_has(c, "reference")) {
        words_opt(c, v, "--reference", mod_z(c, "reference"));
    }
    if (mod_bool(c, "single_branch")) {
        words_add(c, v, "--single-branch");
        if (named) {
            words_opt(c, v, "--branch", w->version);
        }
    }
    if (w->separate) {
        words_add(c, v, arena_printf(c->arena, "--separate-git-dir=%s", w->separate));
    }
    words_add(c, v, "--");
    words_opt(c, v, w->g.repo, w->g.dest);
    words_add(c, v, NULL);
    return true;
}

static bool clone_repository(struct mod_call *c, struct work *w, struct err *e) {
    struct words v = {0};
    struct run_result r;
    w->cloned = true;
    if (!home_parents(c, w->g.dest, e) || !clone_words(c, w, &v, e) || !git_must(c, &w->g, v.p, &r, e) ||
        !git_find_dir(c, &w->g, e)) {
        return false;
    }
    if (!git_must(c, &w->g, GIT_WORDS("config", "--file", git_config_of(c, &w->g), "--remove-section", "play"), &r,
                  e)) {
        return false;
    }
    if (w->bare && strcmp(w->remote, "origin") != 0 &&
        !git_must(c, &w->g, GIT_WORDS("remote", "add", w->remote, w->g.repo), &r, e)) {
        return false;
    }
    const char *refspec = mod_z(c, "refspec");
    if (refspec && w->depth &&
        !git_must(c, &w->g, GIT_WORDS("fetch", "--depth", w->depth, w->remote, refspec), &r, e)) {
        return false;
    }
    if (refspec && !w->depth && !git_must(c, &w->g, GIT_WORDS("fetch", w->remote, refspec), &r, e)) {
        return false;
    }
    return !mod_bool(c, "verify_commit") || git_verify(c, &w->g, e);
}

// -- fetching --------------------------------------------------------------------------------------------------------

static bool set_url(struct mod_call *c, struct work *w, struct err *e) {
    struct run_result r;
    if (!find_url_change(c, w, e)) {
        return false;
    }
    mod_set(c, "remote_url_changed", val_bool(w->url_changed));
    if (!w->url_changed) {
        return true;
    }
    if (!git_try(c, &w->g, w->g.dest, GIT_WORDS("remote", "set-url", w->remote, w->g.repo), &r, e)) {
        return false;
    }
    return r.rc == 0 || git_fail(c, &r, e,
                                 arena_printf(c->arena, "Failed to set a new url %s for %s: %.*s %.*s", w->g.repo,
                                              w->remote, STR(r.out), STR(r.err)));
}

/// The smallest set of refspecs for a shallow fetch; none when the version cannot be fetched alone.
static bool shallow_refspecs(struct mod_call *c, struct work *w, struct words *specs, struct err *e) {
    struct str current;
    const char *v = w->version;
    if (!w->depth) {
        return true;
    }
    if (mod_has(c, "refspec")) {
        words_add(c, specs, mod_z(c, "refspec"));
        return true;
    }
    if (!git_head_branch(c, &w->g, &current, e)) {
        return false;
    }
    if (strcmp(v, "HEAD") == 0) {
        words_add(c, specs, str_z(c->arena, current));
        return true;
    }
    if (!git_ask(c, &w->g, w->g.repo, e)) {
        return false;
    }
    if (w->g.branch.s) {
        if (!str_eqz(current, v)) {
            words_add(c, specs, arena_printf(c->arena, "+refs/heads/%s:refs/heads/%s", v, v));
        }
        words_add(c, specs, arena_printf(c->arena, "+refs/heads/%s:refs/remotes/%s/%s", v, w->remote, v));
    } else if (w->g.tag.s) {
        words_add(c, specs, arena_printf(c->arena, "+refs/tags/%s:refs/tags/%s", v, v));
    }
    return true;
}

static bool fetch(struct mod_call *c, struct work *w, struct err *e) {
    struct words specs = {0};
    struct words v = {0};
    struct run_result r;
    if (!shallow_refspecs(c, w, &specs, e)) {
        return false;
    }
    words_add(c, &v, "fetch");
    if (specs.n > 0) {
        words_opt(c, &v, "--depth", w->depth);
    } else {
        if (w->bare) {
            words_opt(c, &specs, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*");
        } else {
            words_add(c, &v, "--tags");
        }
        if (mod_has(c, "refspec")) {
            words_add(c, &specs, mod_z(c, "refspec"));
        }
    }
    if (w->force) {
        words_add(c, &v, "--force");
    }
    words_add(c, &v, w->remote);
    for (size_t i = 0; i < specs.n; i++) {
        words_add(c, &v, specs.p[i]);
    }
    words_add(c, &v, NULL);
    if (!git_try(c, &w->g, w->g.dest, v.p, &r, e)) {
        return false;
    }
    return r.rc == 0 || git_fail(c, &r, e,
                                 arena_printf(c->arena, "Failed to download remote objects and refs: %.*s %.*s",
                                              STR(r.out), STR(r.err)));
}

// -- nothing to do ---------------------------------------------------------------------------------------------------

/// Names and objects of the refs in dest.
static bool local_refs(struct mod_call *c, struct work *w, struct map *refs, struct err *e) {
    struct run_result r;
    if (!git_must(c, &w->g, GIT_WORDS("for-each-ref", "--format=%(objectname) %(refname)"), &r, e)) {
        return false;
    }
    struct str line;
    while (r.out.n > 0 && str_next(&r.out, '\n', &line)) {
        struct str *sha = ARENA_NEW(c->arena, struct str);
        size_t space = str_find_char(line, 0, ' ');
        if (space != SIZE_MAX) {
            *sha = str_sub(line, 0, space);
            map_put(refs, c->arena, str_sub(line, space + 1, line.n), sha);
        }
    }
    return true;
}

/// True when a ref of the remote is here as a fetch would leave it.
static bool is_here(struct mod_call *c, const struct work *w, const struct map *refs, struct str sha, struct str ref) {
    if (str_starts(ref, "refs/heads/") && !w->bare) {
        ref = str_printf(c->arena, "refs/remotes/%s/%.*s", w->remote, STR(str_sub(ref, 11, ref.n)));
    }
    const struct str *have = map_get(refs, ref);
    return have && str_eq(*have, sha);
}

/// Compares all branches and tags of the remote with those here, those left out of a partial clone excepted; `*want` is
/// the object the wanted branch or tag stands for.
static bool refs_agree(struct mod_call *c, struct work *w, struct str branch, struct str *want, bool *agree,
                       struct err *e) {
    struct run_result r;
    struct map refs = {0};
    bool partial = w->depth || mod_bool(c, "single_branch");
    *want = STR_NONE;
    *agree = false;
    if (!git_try(c, &w->g, w->g.dest, GIT_WORDS("ls-remote", "--heads", "--tags", w->remote), &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return true;  // the fetch that follows tells why
    }
    if (!local_refs(c, w, &refs, e)) {
        return false;
    }
    struct str head = str_printf(c->arena, "refs/heads/%.*s", STR(branch.n ? branch : str_from(w->version)));
    struct str tag = str_printf(c->arena, "refs/tags/%s", w->version);
    struct str peeled = str_printf(c->arena, "refs/tags/%s^{}", w->version);
    struct str found[3] = {STR_NONE, STR_NONE, STR_NONE};
    struct str line;
    *agree = true;
    while (r.out.n > 0 && str_next(&r.out, '\n', &line)) {
        size_t tab = str_find_char(line, 0, '\t');
        struct str ref = tab == SIZE_MAX ? STR_NONE : str_sub(line, tab + 1, line.n);
        struct str sha = str_sub(line, 0, tab);
        size_t which = str_eq(ref, head) ? 0 : str_eq(ref, peeled) ? 1 : str_eq(ref, tag) ? 2 : 3;
        if (which < 3) {
            found[which] = sha;
        }
        bool counts = which != 1 && !str_ends(ref, "^{}") && (!partial || which < 3);
        *agree = *agree && (!counts || is_here(c, w, &refs, sha, ref));
    }
    *want = found[0].s ? found[0] : found[1].s ? found[1] : found[2];
    w->found_branch = found[0].s != NULL;
    return true;
}

/// Tells whether dest is at the wanted version and knows all the remote has, so that it need not be touched.
static bool is_current(struct mod_call *c, struct work *w, bool *current, struct err *e) {
    struct run_result r;
    struct str want;
    struct str on = STR_NONE;
    bool head = strcmp(w->version, "HEAD") == 0;
    *current = false;
    if (w->local_mods || w->cloned || w->url_changed || mod_has(c, "refspec")) {
        return true;
    }
    if (!git_try(c, &w->g, w->g.dest, GIT_WORDS("symbolic-ref", "-q", "HEAD"), &r, e)) {
        return false;
    }
    if (r.rc == 0 && str_starts(r.out, "refs/heads/")) {
        on = str_rtrim(str_sub(r.out, 11, r.out.n));
    }
    bool agree;
    if (!refs_agree(c, w, head ? on : STR_NONE, &want, &agree, e)) {
        return false;
    }
    bool attached = w->bare || (w->found_branch ? on.n > 0 && (head || str_eqz(on, w->version)) : on.n == 0);
    bool same = want.s ? str_eq(want, w->before) : !head && str_eqz(w->before, w->version);
    *current = agree && attached && (same || w->bare);
    return true;
}

// -- the wanted version ----------------------------------------------------------------------------------------------

static bool run_or_fail(struct mod_call *c, struct work *w, const char *const *words, const char *what, struct err *e) {
    struct run_result r;
    if (!git_try(c, &w->g, w->g.dest, words, &r, e)) {
        return false;
    }
    return r.rc == 0 || git_fail(c, &r, e, arena_printf(c->arena, "Failed to %s", what));
}

static bool checkout_branch(struct mod_call *c, struct work *w, const char *branch, struct err *e) {
    const char *what = arena_printf(c->arena, "checkout branch %s", branch);
    const char *upstream = arena_printf(c->arena, "%s/%s", w->remote, branch);
    return run_or_fail(c, w, GIT_WORDS("checkout", "--force", branch, "--"), what, e) &&
           run_or_fail(c, w, GIT_WORDS("reset", "--hard", upstream, "--"), what, e);
}

/// Makes a branch that a shallow or single-branch clone left out known here.
static bool fetch_branch(struct mod_call *c, struct work *w, struct err *e) {
    const char *v = w->version;
    const char *here = arena_printf(c->arena, "+refs/heads/%s:refs/heads/%s", v, v);
    const char *there = arena_printf(c->arena, "+refs/heads/%s:refs/remotes/%s/%s", v, w->remote, v);
    const char *depth = arena_printf(c->arena, "--depth=%s", w->depth);
    return run_or_fail(c, w, GIT_WORDS("fetch", depth, w->remote, here, there),
                       arena_printf(c->arena, "fetch branch from remote: %s", v), e);
}

static bool is_local_branch(struct mod_call *c, struct work *w, bool *yes, struct err *e) {
    struct run_result r;
    const char *ref = arena_printf(c->arena, "refs/heads/%s", w->version);
    if (!git_try(c, &w->g, w->g.dest, GIT_WORDS("show-ref", "--verify", "--quiet", ref), &r, e)) {
        return false;
    }
    *yes = r.rc == 0;
    return true;
}

static bool switch_named(struct mod_call *c, struct work *w, struct err *e) {
    bool local;
    const char *what = arena_printf(c->arena, "checkout %s", w->version);
    if (!git_ask(c, &w->g, w->remote, e)) {
        return false;
    }
    if (!w->g.branch.s) {
        return run_or_fail(c, w, GIT_WORDS("checkout", "--force", w->version, "--"), what, e);
    }
    if (!is_local_branch(c, w, &local, e)) {
        return false;
    }
    if (w->depth && !local) {
        if (!fetch_branch(c, w, e) || !is_local_branch(c, w, &local, e)) {
            return false;
        }
    }
    if (local) {
        return checkout_branch(c, w, w->version, e);
    }
    const char *upstream = arena_printf(c->arena, "%s/%s", w->remote, w->version);
    return run_or_fail(c, w, GIT_WORDS("checkout", "--track", "-b", w->version, upstream), what, e);
}

static bool switch_files(struct mod_call *c, struct work *w, struct err *e) {
    struct str branch;
    if (strcmp(w->version, "HEAD") != 0) {
        return switch_named(c, w, e);
    }
    return git_head_branch(c, &w->g, &branch, e) && checkout_branch(c, w, str_z(c->arena, branch), e);
}

/// The files and submodules of the version.
static bool bring_files(struct mod_call *c, struct work *w, struct err *e) {
    bool verified = !mod_bool(c, "verify_commit");
    bool switches = !w->current && !w->bare;
    if (switches && (!git_checkout_begins(c, &w->g, e) || !switch_files(c, w, e))) {
        return false;
    }
    if (!verified && (switches || w->current) && !git_verify(c, &w->g, e)) {
        return false;
    }
    return w->bare || !mod_bool(c, "recursive") || git_submodules(c, &w->g, &w->submodules_changed, e);
}

static bool check_out(struct mod_call *c, struct work *w, struct err *e) {
    bool ok = bring_files(c, w, e);
    git_checkout_ends(c, &w->g, ok);
    return ok;
}

// -- run -------------------------------------------------------------------------------------------------------------

static bool relocate(struct mod_call *c, struct work *w, struct err *e) {
    if (exists(w->separate)) {
        return mod_fail(c, e, "Separate-git-dir path %s already exists.", w->separate);
    }
    if (!git_move(c, w->g.git_dir, w->separate, e)) {
        return e->code == ERR_NONE &&
               mod_fail_sys(c, e, errno, "Unable to move git dir. '%s' to '%s'", w->g.git_dir, w->separate);
    }
    struct str link = str_printf(c->arena, "gitdir: %s", w->separate);
    struct replace r = {.path = arena_printf(c->arena, "%s/.git", w->g.dest), .data = link};
    if (!replace_file(c, &r, e)) {
        struct err none = {.arena = c->arena};
        (void)git_move(c, w->separate, w->g.git_dir, &none);
        return false;
    }
    mod_set_z(c, "git_dir_before", w->g.git_dir);
    mod_set_z(c, "git_dir_now", w->separate);
    w->g.git_dir = w->separate;
    return true;
}

static bool update_repository(struct mod_call *c, struct work *w, struct err *e) {
    struct run_result r;
    if (!find_local_mods(c, w, e) || !git_rev(c, &w->g, "HEAD", &w->before, e)) {
        return false;
    }
    mod_set_str(c, "before", w->before);
    if (!mods_allowed(c, w, e)) {
        return false;
    }
    if (w->local_mods && !w->force) {
        mod_warn(c, "A checkout in %s was cut off; its files are set back.", w->g.dest);
    }
    if (w->local_mods && w->before.n > 0) {
        if (!git_must(c, &w->g, GIT_WORDS("reset", "--hard", "HEAD"), &r, e)) {
            return false;
        }
        mod_set(c, "msg", val_printf(c->arena, "Local modifications exist in the destination: %s", w->g.dest));
    }
    return set_url(c, w, e) && is_current(c, w, &w->current, e) && (w->current || fetch(c, w, e));
}

static bool archive(struct mod_call *c, struct work *w, struct err *e) {
    bool changed = false;
    if (!mod_has(c, "archive")) {
        return true;
    }
    bool ok = git_archive(c, &w->g, &changed, e);
    c->changed = c->changed || changed;
    return ok;
}

static bool run_kept(struct mod_call *c, struct work *w, struct err *e) {
    if (!git_rev(c, &w->g, "HEAD", &w->before, e)) {
        return false;
    }
    mod_set_str(c, "before", w->before);
    mod_set_str(c, "after", w->before);
    return archive(c, w, e);
}

static bool run(struct mod_call *c, struct err *e) {
    struct work *w = c->state;
    if (!w) {
        return true;
    }
    c->changed = w->relocate;
    if (w->relocate && !relocate(c, w, e)) {
        return false;
    }
    if (w->g.dest && mod_bool(c, "clone") && !git_recover(c, &w->g, w->bare, w->separate, e)) {
        return false;
    }
    bool there = has_repository(c, w);
    if (there && !mod_bool(c, "update")) {
        return run_kept(c, w, e);
    }
    if (!(there ? update_repository(c, w, e) : clone_repository(c, w, e))) {
        return false;
    }
    if (!check_out(c, w, e)) {
        return false;
    }
    if (!git_rev(c, &w->g, "HEAD", &w->after, e)) {
        return false;
    }
    mod_set_str(c, "after", w->after);
    bool moved = w->cloned || !str_eq(w->before, w->after);
    if (moved || w->local_mods || w->submodules_changed || w->url_changed) {
        c->changed = true;
        if (!show_diff(c, w, e)) {
            return false;
        }
    }
    return archive(c, w, e);
}

MODULE(git) = {
    .doc = "Deploy a git repository or its files.",
    .spec = "ansible.builtin.git",
    .example = "- ansible.builtin.git:\n    repo: https://example.org/app.git\n    dest: /srv/app\n    version: v1.2",
    .returns =
        "before: Object name of the old commit; null for a new clone.\nafter: Object name of the new one.\n"
        "remote_url_changed: Whether the remote's URL was changed.\nsubmodules_changed: Set when submodules were "
        "updated.\ngit_dir_before: Where the repository was, when it was moved.\ngit_dir_now: Where it is then.",
    .args = args,
    .exclusive = "separate_git_dir,bare;accept_hostkey,accept_newhostkey",
    .required_by = "archive_prefix:archive",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
