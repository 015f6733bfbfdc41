// patch: applies a patch, or takes it back, with GNU patch.
#include "fd.h"
#include "module.h"
#include "run.h"
#include "spawn.h"
#include "trust.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

static const struct arg args[] = {
    {"src", ARG_PATH, .required = true, .aliases = "patchfile",
     .doc = "The patch: on the controller, or with remote_src on the target."},
    {"dest", ARG_PATH, .empty_is_none = true, .aliases = "originalfile",
     .doc = "The file to patch; without it those that the patch names."},
    {"basedir", ARG_PATH, .empty_is_none = true,
     .doc = "Directory in which the patch is applied; without it that of dest."},
    {"strip", ARG_INT, .def = "0", .doc = "How many leading parts of names in the patch are dropped."},
    {"remote_src", ARG_BOOL, .def = "false", .doc = "src is on the target."},
    {"backup", ARG_BOOL, .def = "false", .doc = "Keep numbered copies of the files."},
    {"binary", ARG_BOOL, .def = "false", .doc = "Carriage returns in the patch are kept."},
    {"ignore_whitespace", ARG_BOOL, .def = "false", .doc = "White space may differ."},
    {"state", ARG_STR, .def = "present", .choices = "absent|present", .doc = "Whether it is applied or taken back."},
    {"_patch", ARG_STR, .doc = "Internal: the attached patch."},
    {0},
};

static bool prepare(struct mod_call *c, struct err *e) {
    struct str path;
    struct str data;
    bool secret;
    if (mod_bool(c, "remote_src")) {
        return true;
    }
    if (!c->ctl->find(c->ctl->self, "files", mod_str(c, "src"), c->arena, &path, e) ||
        !c->ctl->read(c->ctl->self, path, true, c->arena, &data, &secret, e)) {
        return false;
    }
    val_set(c->arena, c->args, "_patch", mod_attach(c, data));
    return true;
}

struct words {
    const char *p[24];
    size_t n;
};

static void add(struct words *w, const char *word) {
    assert(w->n + 1 < COUNTOF(w->p));
    w->p[w->n++] = word;
}

// Runs patch with what all of its runs here have in common, and `more`.
static bool run_patch(struct mod_call *c, const struct words *more, struct run_result *r, struct err *e) {
    const char *dest = mod_z(c, "dest");
    const char *base = mod_z(c, "basedir");
    const char *slash = dest ? strrchr(dest, '/') : NULL;
    CLEANUP(fd_closep) int dir = -1;
    struct words w = {0};
    struct run job = {0};
    if (slash && (!base || *dest == '/')) {
        base = slash == dest ? "/" : str_z(c->arena, (struct str){dest, (size_t)(slash - dest)});
        // Absolute names patch opens as they are, others from its directory on, part by part.
        dest = *dest == '/' ? slash + 1 : dest;
    }
    job.cwd = trust_cwd(c, base ? base : ".", &dir, e);
    if (!job.cwd) {
        return e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot work in '%s'", base);
    }
    add(&w, spawn_which(c->arena, "patch"));
    add(&w, "--quiet");
    add(&w, "--forward");
    add(&w, arena_printf(c->arena, "--strip=%lld", (long long)mod_int(c, "strip", 0)));
    if (mod_has(c, "_patch")) {
        if (!c->blob(c, mod_str(c, "_patch"), &job.input, e)) {
            return false;
        }
    } else {
        char here[4096];
        const char *src = mod_z(c, "src");
        bool relative = *src != '/' && getcwd(here, sizeof here);
        add(&w, arena_printf(c->arena, "--input=%s%s%s", relative ? here : "", relative ? "/" : "", src));
    }
    if (mod_bool(c, "binary")) {
        add(&w, "--binary");
    }
    if (mod_bool(c, "ignore_whitespace")) {
        add(&w, "--ignore-whitespace");
    }
    for (size_t i = 0; i < more->n; i++) {
        add(&w, more->p[i]);
    }
    if (dest) {
        add(&w, "--");
        add(&w, dest);
    }
    job.argv = w.p;
    return run_command(&job, c->arena, r, e);
}

static bool apply(struct mod_call *c, bool dry, struct err *e) {
    struct words w = {0};
    struct run_result r;
    add(&w, "--batch");
    add(&w, "--reject-file=-");
    if (dry) {
        add(&w, "--dry-run");
    }
    if (mod_bool(c, "backup")) {
        add(&w, "--backup");
        add(&w, "--version-control=numbered");
    }
    if (str_eqz(mod_str(c, "state"), "absent")) {
        add(&w, "--reverse");
    }
    if (!run_patch(c, &w, &r, e)) {
        return false;
    }
    return r.rc == 0 || mod_fail(c, e, "%.*s", STR(r.err.n ? r.err : r.out));
}

static bool check(struct mod_call *c, struct err *e) {
    const char *src = mod_z(c, "src");
    const char *dest = mod_z(c, "dest");
    const char *base = mod_z(c, "basedir");
    if (!mod_has(c, "_patch") && access(src, R_OK) != 0) {
        return mod_fail(c, e, "src %s doesn't exist or not readable", src);
    }
    // patch itself refuses a link in place of the file
    if ((dest && !trust_path(c, dest, false, e)) || (base && !trust_path(c, base, true, e))) {
        return false;
    }
    if (dest && access(dest, W_OK) != 0) {
        return mod_fail(c, e, "dest %s doesn't exist or not writable", dest);
    }
    if (base && access(base, F_OK) != 0) {
        return mod_fail(c, e, "basedir %s doesn't exist", base);
    }
    return spawn_which(c->arena, "patch") || mod_fail(c, e, "patch command not found: install GNU patch on the target");
}

static bool plan(struct mod_call *c, struct err *e) {
    struct words w = {0};
    struct run_result r;
    if (!check(c, e)) {
        return false;
    }
    // It is there when it could be taken back, and the other way round.
    add(&w, "--dry-run");
    if (str_eqz(mod_str(c, "state"), "present")) {
        add(&w, "--reverse");
    }
    if (!run_patch(c, &w, &r, e)) {
        return false;
    }
    if (r.rc == 0) {
        return true;
    }
    mod_changed(c);
    return !c->check || apply(c, true, e);
}

static bool run(struct mod_call *c, struct err *e) {
    return apply(c, false, e);
}

MODULE(patch) = {
    .doc = "Apply a patch with GNU patch, or take it back.",
    .spec = "ansible.posix.patch",
    .example = "- ansible.posix.patch:\n    src: customize.patch\n    basedir: /var/www\n    strip: 1",
    .args = args,
    .returns = "changed: Whether the patch had to be applied or taken back.",
    .required_one_of = "dest,basedir",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .prepare = prepare,
    .plan = plan,
    .run = run,
};
