// slurp: the content of a file of the target, as base64.
#include "digest.h"
#include "fd.h"
#include "module.h"

#include <errno.h>
#include <sys/stat.h>

#define CONTENT_MAX ((size_t)40 << 20)  // as base64 and with the rest of the result it must fit one message

static const struct arg args[] = {
    {"src", ARG_PATH, .required = true, .aliases = "path", .doc = "The file to read; a link is followed."},
    {0},
};

static bool run(struct mod_call *c, struct err *e) {
    const char *src = mod_z(c, "src");
    struct str data;
    struct stat st;
    struct err why = {.arena = c->arena};
    if (stat(src, &st) == 0 && S_ISDIR(st.st_mode)) {
        return mod_fail(c, e, "source is a directory and must be a file: %s", src);
    }
    if (!fd_read_regular(src, CONTENT_MAX, c->arena, &data, &why)) {
        if (why.code == ERR_LIMIT) {
            return mod_fail(c, e, "unable to slurp file: %s is larger than %zu bytes", src, CONTENT_MAX);
        }
        if (why.sys_errno == ENOENT) {
            return mod_fail(c, e, "file not found: %s", src);
        }
        if (why.sys_errno == EACCES) {
            return mod_fail(c, e, "file is not readable: %s", src);
        }
        return mod_fail(c, e, "unable to slurp file: %.*s", STR(err_text(&why)));
    }
    mod_set_str(c, "content", base64_encode(c->arena, data));
    mod_set_z(c, "source", src);
    mod_set_z(c, "encoding", "base64");
    return true;
}

MODULE(slurp) = {
    .doc = "Read a file of the target; its content is returned as base64.",
    .spec = "ansible.builtin.slurp",
    .example = "- ansible.builtin.slurp:\n    src: /etc/hostname\n  register: hostname",
    .order = "",
    .returns = "content: The content, as base64.\nencoding: Always base64.\nsource: The file.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .tidy = true,
    .run = run,
};
