// Files of the controller: where they are, and those that come piece by piece from a target.
#include "local.h"

#include "digest.h"
#include "fd.h"
#include "paths.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool local_path(struct mod_call *c, struct str path, struct str *out, struct err *e) {
    struct val dir = VNULL;
    *out = path_expand_user(c->arena, path);
    if (out->n && out->s[0] == '/') {
        return true;
    }
    if (!c->ctl->var(c->ctl->self, "playbook_dir", c->arena, &dir, e)) {
        return false;
    }
    struct str base = val_text(dir);
    *out = str_printf(c->arena, "%.*s/%.*s", STR(base.n ? base : STR_LIT(".")), STR(*out));
    return true;
}

bool local_parents(struct mod_call *c, struct str path, struct err *e) {
    struct stat st;
    for (size_t i = 1; i < path.n; i++) {
        if (path.s[i] != '/') {
            continue;
        }
        const char *dir = arena_strndup(c->arena, path.s, i);
        if (mkdir(dir, 0777) != 0 && errno != EEXIST && !(stat(dir, &st) == 0 && S_ISDIR(st.st_mode))) {
            return mod_fail_sys(c, e, errno, "cannot create directory '%s'", dir);
        }
    }
    return true;
}

static void forget(void *p) {
    struct sink *s = p;
    fd_closep(&s->fd);
    if (s->temp) {
        unlink(s->temp);
    }
}

bool sink_open(struct mod_call *c, struct str path, struct err *e) {
    struct stat st;
    struct str full;
    if (!local_path(c, path, &full, e)) {
        return false;
    }
    full = paths_normal(c->arena, full);
    struct sink *s = ARENA_NEW(c->arena, struct sink);
    s->path = str_z(c->arena, full);
    if (stat(s->path, &st) == 0 && !S_ISREG(st.st_mode)) {
        return mod_fail(c, e, "'%s' on the controller is there and is no regular file", s->path);
    }
    char *temp = arena_printf(c->arena, "%.*s/.%.*s.XXXXXX", STR(paths_dir(full)), STR(paths_base(full)));
    if (!local_parents(c, full, e)) {
        return false;
    }
    s->fd = mkostemp(temp, O_CLOEXEC);
    if (s->fd < 0) {
        return mod_fail_sys(c, e, errno, "cannot create '%s' on the controller", s->path);
    }
    s->temp = temp;
    arena_at_end(c->arena, forget, s);
    c->sink = s;
    return true;
}

bool sink_keep(struct mod_call *c, struct str sha256, struct err *e) {
    struct sink *s = c->sink;
    const char *hex = NULL;
    if (!s || !s->temp) {
        return mod_fail(c, e, "no file of the controller was opened for what the target sends");
    }
    if (!digest_file(c->arena, "sha256", s->temp, &hex, e)) {
        return false;
    }
    if (!str_eqz(sha256, hex)) {
        return mod_fail(c, e, "what came for '%s' is not what the target sent: SHA-256 %s instead of %.*s", s->path,
                        hex, STR(sha256));
    }
    if (fsync(s->fd) != 0 || rename(s->temp, s->path) != 0) {
        return mod_fail_sys(c, e, errno, "cannot put '%s' in place on the controller", s->path);
    }
    s->temp = NULL;
    fd_closep(&s->fd);
    return true;
}
