// tempfile: a new file or directory with a name nobody can guess.
#include "fd.h"
#include "fsattr.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 100

static const struct arg args[] = {
    {"state", ARG_STR, .def = "file", .choices = "file|directory", .doc = "What to make."},
    {"path", ARG_PATH, .doc = "Directory to make it in; the system's directory for temporary files when absent."},
    {"prefix", ARG_STR, .def = "ansible.", .doc = "How the name begins."},
    {"suffix", ARG_STR, .def = "", .doc = "How the name ends."},
    {0},
};

/// As Python's tempfile.gettempdir: the first directory one can write to.
static const char *temp_dir(void) {
    static const char *const names[] = {"TMPDIR", "TEMP", "TMP"};
    static const char *const paths[] = {"/tmp", "/var/tmp", "/usr/tmp"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        const char *dir = getenv(names[i]);  // NOLINT(concurrency-mt-unsafe): play-remote has one thread
        if (dir && dir[0] == '/' && access(dir, W_OK | X_OK) == 0) {
            return dir;
        }
    }
    for (size_t i = 0; i < COUNTOF(paths); i++) {
        if (access(paths[i], W_OK | X_OK) == 0) {
            return paths[i];
        }
    }
    return "/tmp";
}

static void random_name(char out[9]) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    unsigned char r[8];
    random_bytes(r, sizeof r);
    for (size_t i = 0; i < sizeof r; i++) {
        out[i] = letters[r[i] % (sizeof letters - 1)];
    }
    out[8] = '\0';
}

static bool make(const char *path, bool directory) {
    if (directory) {
        return mkdir(path, 0700) == 0;
    }
    CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd >= 0;
}

static const char *absolute(struct mod_call *c, const char *dir) {
    char here[4096];
    if (dir[0] == '/' || !getcwd(here, sizeof here)) {
        return dir;
    }
    return arena_printf(c->arena, "%s/%s", here, dir);
}

static bool run(struct mod_call *c, struct err *e) {
    bool directory = str_eqz(mod_str(c, "state"), "directory");
    const char *dir = mod_has(c, "path") ? absolute(c, mod_z(c, "path")) : temp_dir();
    size_t n = strlen(dir);
    const char *slash = n && dir[n - 1] == '/' ? "" : "/";
    const char *path = dir;
    for (int i = 0; i < TRIES; i++) {
        char name[9];
        random_name(name);
        path = arena_printf(c->arena, "%s%s%s%s%s", dir, slash, mod_z(c, "prefix"), name, mod_z(c, "suffix"));
        CLEANUP(fd_closep) int anchor = -1;
        const char *at = trust_anchor(c, path, &anchor, e);
        if (!at && e->code != ERR_NONE) {
            return false;
        }
        if (at && make(at, directory)) {
            mod_set_z(c, "path", path);
            fsattr_info(c, path);
            mod_changed(c);
            return true;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return mod_fail(c, e, "[Errno %d] %s: '%s'", errno, strerrordesc_np(errno), path);
}

MODULE(tempfile) = {
    .doc = "Make a new file or directory with a unique name.",
    .spec = "ansible.builtin.tempfile",
    .example = "- ansible.builtin.tempfile:\n    state: directory\n    suffix: build\n  register: work",
    .returns = "path: What was made.",
    .args = args,
    .check = SUPPORT_NONE,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .tidy = true,
    .run = run,
};
