// Calling git for the module `git`: its environment, its repository paths, what a remote offers.
#pragma once
#include "words.h"

struct git {
    const char *exe;
    const char *dest;     // absolute; NULL: none
    const char *git_dir;  // of dest: dest itself, dest/.git or where that file points to; NULL without dest
    const char *repo;     // as given to git: paths have "file://" before them
    const char *const *envp;
    int major, minor;  // of git; 0: unknown
    bool asked;        // `head`, `branch` ... are those of asked_at
    const char *asked_at;
    struct str head, branch, tag;  // object names at the remote of HEAD, refs/heads/VERSION, refs/tags/VERSION (peeled)
    struct str head_branch;        // name of the branch HEAD is there; STR_NONE: not told
};
/// Finds git and the repository's directory and sets up ssh. ERR_MODULE.
bool git_open(struct mod_call *c, struct git *g, struct err *e);
/// Finds `git_dir` of `dest`.
bool git_find_dir(struct mod_call *c, struct git *g, struct err *e);
/// Runs `git` and the words; in `cwd` when that is a directory.
bool git_try(struct mod_call *c, const struct git *g, const char *cwd, const char *const *words, struct run_result *r,
             struct err *e);
/// The same in dest; an exit status other than 0 fails the module as Ansible's check_rc does.
bool git_must(struct mod_call *c, const struct git *g, const char *const *words, struct run_result *r, struct err *e);
/// Fails the module with rc, stdout and stderr of a command. Returns false.
bool git_fail(struct mod_call *c, const struct run_result *r, struct err *e, const char *msg);
/// Asks `where` (a URL or the name of a remote) for HEAD and the wanted version, once.
bool git_ask(struct mod_call *c, struct git *g, const char *where, struct err *e);
/// Object name of `ref` in dest; empty when there is none.
bool git_rev(struct mod_call *c, const struct git *g, const char *ref, struct str *sha, struct err *e);
/// The branch of dest, or the one the remote's HEAD stands for when dest is detached.
bool git_head_branch(struct mod_call *c, const struct git *g, struct str *branch, struct err *e);
/// `text` with the password of URLs such as "https://user:password@host" masked.
struct str git_masked(struct mod_call *c, struct str text);

/// Takes the argument `umask` for this process. (gitextra.c, as the next three.)
bool git_umask(struct mod_call *c, struct err *e);
/// Checks the signature of the wanted version, and that its key is an allowed one.
bool git_verify(struct mod_call *c, const struct git *g, struct err *e);
/// Brings the submodules of dest up to date; `*changed` tells whether any was not.
bool git_submodules(struct mod_call *c, const struct git *g, bool *changed, struct err *e);
/// Writes the argument `archive` from the wanted version; `*changed` tells whether the file was another before.
bool git_archive(struct mod_call *c, const struct git *g, bool *changed, struct err *e);

/// Removes what a git that was killed has left: locks that nobody holds, and a clone of this module that was cut off,
/// of which nothing was checked out. `separate`: where such a clone may have put the repository, or NULL. (gitcut.c)
bool git_recover(struct mod_call *c, struct git *g, bool bare, const char *separate, struct err *e);
/// The option that a clone carries until it is complete.
#define GIT_UNFINISHED "play.unfinished"
/// The configuration's name for a git that works in dest: below it, so that no link is on the way.
const char *git_config_of(struct mod_call *c, const struct git *g);
/// Renames a repository, through no link that another user may have planted. false: refused (in `e`), or errno says why
/// not.
bool git_move(struct mod_call *c, const char *from, const char *to, struct err *e);
/// Around a checkout: what it has not come to is no modification of the user's. When it failed (not `ok`) and changed
/// nothing, what the user changes later is.
bool git_checkout_begins(struct mod_call *c, const struct git *g, struct err *e);
void git_checkout_ends(struct mod_call *c, const struct git *g, bool ok);
bool git_checkout_was_cut(struct mod_call *c, const struct git *g);

#define GIT_WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
