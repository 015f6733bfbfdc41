// Key pairs of users: made by ssh-keygen in a private directory, then put in place through directory descriptors.
#include "cmd.h"
#include "fd.h"
#include "home.h"
#include "replace.h"
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX ((size_t)1 << 20)

const char *sshkey_path(struct mod_call *c, const struct sshkey *k) {
    return k->file[0] == '/' ? k->file : arena_printf(c->arena, "%s/%s", k->home, k->file);
}

/// One step of the way to a key.
struct step {
    bool make;    // create it when missing
    bool strict;  // follow no link
};

/// Opens directory `part` of `*fd` in its place. `*fd` becomes -1 when it is missing and not to be made.
static bool enter(struct mod_call *c, const struct sshkey *k, int *fd, struct str part, struct step step,
                  struct err *e) {
    const char *name = str_z(c->arena, part);
    bool up = str_eqz(part, "..");
    bool made = step.make && !up && mkdirat(*fd, name, 0700) == 0;
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (step.strict || made ? O_NOFOLLOW : 0);
    int next = up ? -1 : openat(*fd, name, flags);
    int why = up ? EINVAL : errno;
    fd_closep(fd);
    *fd = next;
    if (next < 0) {
        return (why == ENOENT && !step.make) ||
               mod_fail_sys(c, e, why, "cannot open the directory '%s' for the key %s", name, sshkey_path(c, k));
    }
    if (made && fchown(next, k->uid, k->gid) != 0) {
        return mod_fail_sys(c, e, errno, "Failed to create %s", name);
    }
    return true;
}

/// Opens the directory of the key; below the home no link is followed. A missing last directory is made when `make`.
/// Otherwise `*fd` is -1 when a directory is missing.
static bool open_dir(struct mod_call *c, const struct sshkey *k, bool make, int *fd, struct err *e) {
    const char *path = sshkey_path(c, k);
    size_t home = strlen(k->home);
    while (home > 1 && k->home[home - 1] == '/') {
        home--;
    }
    bool below = strncmp(path, k->home, home) == 0 && path[home] == '/';
    struct str rest = str_from(below ? path + home + 1 : path + 1);
    size_t slash = rest.n;
    while (slash > 0 && rest.s[slash - 1] != '/') {
        slash--;
    }
    rest = str_sub(rest, 0, slash ? slash - 1 : 0);
    *fd = open(below ? arena_strndup(c->arena, k->home, home) : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0 && below) {
        return !make || mod_fail(c, e, "the home directory %s does not exist", k->home);
    }
    struct str part;
    while (*fd >= 0 && rest.n > 0 && str_next(&rest, '/', &part)) {
        bool nothing = part.n == 0 || str_eqz(part, ".");
        struct step step = {.make = make && rest.n == 0, .strict = below};
        if (!nothing && !enter(c, k, fd, part, step, e)) {
            return false;
        }
    }
    if (*fd < 0 && make) {
        return mod_fail(c, e, "a directory above the key %s does not exist", path);
    }
    return true;
}

static const char *base_of(const char *path) {
    return strrchr(path, '/') + 1;
}

void sshkey_exists(struct mod_call *c, const struct sshkey *k, bool *key, bool *pub) {
    CLEANUP(fd_closep) int dir = -1;
    struct err e = {.arena = c->arena};
    struct stat st;
    struct val kept = c->result;
    *key = *pub = false;
    c->result = val_dict(c->arena, 2);
    if (open_dir(c, k, false, &dir, &e) && dir >= 0) {
        const char *base = base_of(sshkey_path(c, k));
        *key = fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0;
        *pub = fstatat(dir, arena_printf(c->arena, "%s.pub", base), &st, AT_SYMLINK_NOFOLLOW) == 0;
    }
    c->result = kept;
}

// -- making ----------------------------------------------------------------------------------------------------------

static bool write_file(const char *path, struct str data, mode_t mode, struct err *e) {
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    return (fd >= 0 || err_sys(e, errno, NO_MARK, "cannot create '%s'", path)) && fd_write_all(fd, data, e);
}

/// Environment in which ssh-keygen asks a program of ours for the passphrase, which prints a file only we can read.
static const char *const *askpass(struct mod_call *c, struct str dir, struct str passphrase, struct err *e) {
    const char *secret = arena_printf(c->arena, "%.*s/passphrase", STR(dir));
    const char *program = arena_printf(c->arena, "%.*s/askpass", STR(dir));
    struct str quoted = cmd_quote(c->arena, str_from(secret));
    struct str script = str_printf(c->arena, "#!/bin/sh\nexec cat %.*s\n", STR(quoted));
    if (!write_file(secret, passphrase, 0600, e) || !write_file(program, script, 0700, e)) {
        return NULL;
    }
    const char *settings[] = {"LC_ALL=C", "DISPLAY=none", "SSH_ASKPASS_REQUIRE=force",
                              arena_printf(c->arena, "SSH_ASKPASS=%s", program)};
    return words_env(c, settings, COUNTOF(settings));
}

/// A key that can be read without a passphrase although one was asked for must never appear.
static bool is_protected(struct mod_call *c, const char *file, struct err *e) {
    const char *argv[] = {"ssh-keygen", "-y", "-P", "", "-f", file, NULL};
    struct run_result r;
    if (!run_command(&(struct run){.argv = argv}, c->arena, &r, e)) {
        return false;
    }
    return r.rc != 0 || mod_fail(c, e, "ssh-keygen did not take the passphrase on this target");
}

static bool generate(struct mod_call *c, const struct sshkey *k, struct str dir, const char *file, struct err *e) {
    struct words w = {0};
    words_add(c, &w, "ssh-keygen");
    words_opt(c, &w, "-t", k->type);
    if (k->bits > 0) {
        words_opt_int(c, &w, "-b", k->bits);
    }
    words_opt(c, &w, "-C", k->comment);
    words_opt(c, &w, "-f", file);
    struct run run = {0};
    bool secret = k->passphrase.n > 0;
    if (secret) {
        run.envp = askpass(c, dir, k->passphrase, e);
        if (!run.envp) {
            return false;
        }
    } else {
        words_opt(c, &w, "-N", "");
    }
    words_add(c, &w, NULL);
    run.argv = w.p;
    struct run_result r;
    if (!run_command(&run, c->arena, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        mod_set(c, "rc", val_int(r.rc));
        return mod_fail(c, e, "%.*s", STR(r.err.n ? r.err : r.out));
    }
    return !secret || is_protected(c, file, e);
}

static bool install(struct mod_call *c, const struct sshkey *k, int dir, const char *from, const char *name,
                    struct err *e) {
    struct str data;
    // The same name each time, so that the next run finds what a killed one left.
    const char *tmp = replace_first_temp(c->arena, name);
    unlinkat(dir, tmp, 0);
    if (!fd_read_file(from, KEY_MAX, c->arena, &data, e)) {
        return false;
    }
    CLEANUP(fd_closep) int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return mod_fail_sys(c, e, errno, "cannot create the key file '%s'", name);
    }
    bool ok = fd_write_all(fd, data, e);
    if (ok) {
        ok = fchown(fd, k->uid, k->gid) == 0 && fchmod(fd, str_ends(str_from(name), ".pub") ? 0644 : 0600) == 0 &&
             fsync(fd) == 0 && renameat(dir, tmp, dir, name) == 0;
        ok = ok || mod_fail_sys(c, e, errno, "cannot create the key file '%s'", name);
    }
    if (!ok) {
        unlinkat(dir, tmp, 0);
    }
    return ok;
}

bool sshkey_generate(struct mod_call *c, const struct sshkey *k, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    struct str tmp;
    if (memchr(k->passphrase.n ? k->passphrase.s : "", '\n', k->passphrase.n)) {
        return mod_fail(c, e, "ssh_key_passphrase must be one line");
    }
    if (!mod_tmpdir(c, &tmp, e)) {
        return false;
    }
    const char *file = arena_printf(c->arena, "%.*s/key", STR(tmp));
    const char *pub = arena_printf(c->arena, "%s.pub", file);
    const char *base = base_of(sshkey_path(c, k));
    if (!generate(c, k, tmp, file, e) || !open_dir(c, k, true, &dir, e)) {
        return false;
    }
    // The private key first: a public key alone would keep the next run from making the pair.
    return install(c, k, dir, file, base, e) && install(c, k, dir, pub, arena_printf(c->arena, "%s.pub", base), e);
}

// -- telling ---------------------------------------------------------------------------------------------------------

static struct str read_public(struct mod_call *c, const struct sshkey *k) {
    CLEANUP(fd_closep) int dir = -1;
    CLEANUP(fd_closep) int fd = -1;
    struct err e = {.arena = c->arena};
    struct stat st;
    struct str text;
    if (!open_dir(c, k, false, &dir, &e) || dir < 0) {
        return STR_NONE;
    }
    const char *name = arena_printf(c->arena, "%s.pub", base_of(sshkey_path(c, k)));
    fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !fd_read_all(fd, KEY_MAX, c->arena, &text, &e)) {
        return STR_NONE;
    }
    return str_trim(text);
}

bool sshkey_report(struct mod_call *c, const struct sshkey *k, struct err *e) {
    const char *path = sshkey_path(c, k);
    struct str pub = read_public(c, k);
    struct str shown = STR_LIT("");
    bool key;
    bool has_pub;
    sshkey_exists(c, k, &key, &has_pub);
    if (key) {
        struct words w = {0};
        words_add(c, &w, "ssh-keygen");
        words_add(c, &w, "-l");
        words_opt(c, &w, "-f", pub.s ? "/dev/stdin" : path);
        struct run_result r;
        struct str input = pub.s ? str_printf(c->arena, "%.*s\n", STR(pub)) : STR_NONE;
        if (!words_run(c, &w, input, &r, e)) {
            return false;
        }
        shown = str_trim(r.rc == 0 ? r.out : r.err);
    }
    mod_set_str(c, "ssh_fingerprint", shown);
    mod_set_z(c, "ssh_key_file", path);
    mod_set(c, "ssh_public_key", pub.s ? val_str(c->arena, pub) : VNULL);
    return true;
}
