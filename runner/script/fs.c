// c.fs of Lua modules: small files, read whole and replaced whole.
#include "digest.h"
#include "fd.h"
#include "filetree.h"
#include "fsattr.h"
#include "inuse.h"
#include "lua_host.h"
#include "replace.h"
#include "trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)16 << 20)

int host_no_file(lua_State *lua, const char *what, const char *path) {
    struct err e = {.arena = host_of(lua)->arena};
    (void)err_sys(&e, errno, NO_MARK, "%s '%s'", what, path);
    return host_raise(lua, &e);
}

bool host_may_replace(lua_State *lua, const char *path, struct err *e) {
    struct val planted = host_of(lua)->planted;
    for (size_t i = 0; i < val_len(planted); i++) {
        if (str_eqz(val_text(val_at_index(planted, i)), path)) {
            return err_set(e, ERR_MODULE, NO_MARK,
                           "'%s' was read through a link that another user may have planted: it is not replaced", path);
        }
    }
    return true;
}

/// Opens a file for reading when nobody else can have chosen which. -1: not so, or it is not there (*gone).
static int open_own(struct mod_call *c, const char *path, bool *gone) {
    struct err why = {.arena = c->arena};
    const char *real = trust_real(c, path, &why);
    int fd = real ? trust_open(c, real, &why) : -1;
    *gone = fd < 0 && why.code == ERR_NONE && errno == ENOENT;
    return fd;
}

/// Reads a file. As root it is noted when another user's link led to it: reading that is fine, replacing it is not.
static bool read_file(struct lua_host *h, const char *path, struct str *text, struct err *e) {
    struct stat st;
    bool gone = false;
    bool system = strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0;
    CLEANUP(fd_closep) int fd = geteuid() == 0 && !system ? open_own(h->call, path, &gone) : -1;
    if (gone) {
        return err_sys(e, ENOENT, NO_MARK, "cannot open '%s'", path);
    }
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= (off_t)FILE_MAX) {
        return fd_read_all(fd, FILE_MAX, h->arena, text, e) || err_wrap(e, NO_MARK, "while reading '%s'", path);
    }
    if (fd < 0 && geteuid() == 0 && !system) {
        h->planted = val_is(h->planted, VAL_LIST) ? h->planted : val_list(h->arena, 1);
        val_push(h->arena, h->planted, val_z(h->arena, path));
    }
    return fd_read_regular(path, FILE_MAX, h->arena, text, e);
}

/// fs.read(path): the text; nil when there is no such file.
static int fs_read(lua_State *lua) {
    struct arena *a = host_of(lua)->arena;
    struct err e = {.arena = a};
    struct str text;
    if (read_file(host_of(lua), luaL_checkstring(lua, 1), &text, &e)) {
        lua_pushlstring(lua, text.s ? text.s : "", text.n);
        return 1;
    }
    if (e.sys_errno != ENOENT) {
        return host_raise(lua, &e);
    }
    lua_pushnil(lua);
    return 1;
}

/// fs.write(path, text, {mode = 420}): replaces the file atomically. Without mode an existing file keeps its own; its
/// owner is kept, and a symbolic link stays one: what it names is replaced, unless another user may have planted it.
static int fs_write(lua_State *lua) {
    struct arena *a = host_of(lua)->arena;
    struct err e = {.arena = a};
    const char *path = luaL_checkstring(lua, 1);
    struct str text = host_check_str(lua, 2);
    struct fsattr attr = {.has_mode = false};
    const char *real = host_may_replace(lua, path, &e) ? trust_real(host_of(lua)->call, path, &e) : NULL;
    if (!real) {
        return host_raise(lua, &e);
    }
    if (lua_istable(lua, 3) && lua_getfield(lua, 3, "mode") == LUA_TNUMBER) {
        attr = (struct fsattr){.has_mode = true, .mode = (mode_t)lua_tointeger(lua, -1) & 07777};
    }
    struct replace r = {.path = real, .data = text, .attr = attr.has_mode ? &attr : NULL, .new_mode = 0644};
    if (!replace_file(host_of(lua)->call, &r, &e)) {
        return host_raise(lua, &e);
    }
    return 0;
}

/// A name of argument `n` by an anchor (trust.h), closed by the caller; raises when it is refused. NULL: errno says
/// why.
static const char *anchored(lua_State *lua, int n, int *fd) {
    struct err e = {.arena = host_of(lua)->arena};
    const char *at = trust_anchor(host_of(lua)->call, luaL_checkstring(lua, n), fd, &e);
    if (!at && e.code != ERR_NONE) {
        return (void)host_raise(lua, &e), NULL;
    }
    return at;
}

/// Closes the anchor, and keeps errno.
static void let_go(int *fd) {
    int why = errno;
    fd_closep(fd);
    errno = why;
}

int host_new_file(lua_State *lua, const char *path) {
    struct err e = {.arena = host_of(lua)->arena};
    int dir = -1;
    const char *at = trust_anchor(host_of(lua)->call, path, &dir, &e);
    if (!at && e.code != ERR_NONE) {
        return host_raise(lua, &e);
    }
    int fd = at ? open(at, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
    let_go(&dir);
    return fd;
}

/// fs.copy(from, to): the content of a file, of any size, in place of another one as fs.write does.
static int fs_copy(lua_State *lua) {
    struct err e = {.arena = host_of(lua)->arena};
    const char *real = trust_real(host_of(lua)->call, luaL_checkstring(lua, 2), &e);
    struct replace r = {.path = real, .source = luaL_checkstring(lua, 1)};
    return real && replace_file(host_of(lua)->call, &r, &e) ? 0 : host_raise(lua, &e);
}

/// fs.anchor(path): a name for programs of what `path` is in its directory, wherever that is moved.
static int fs_anchor(lua_State *lua) {
    struct err e = {.arena = host_of(lua)->arena};
    const char *path = luaL_checkstring(lua, 1);
    const char *at = trust_hold(host_of(lua)->call, path, false, &e);
    if (!at) {
        return e.code != ERR_NONE ? host_raise(lua, &e) : host_no_file(lua, "cannot open the directory of", path);
    }
    lua_pushstring(lua, at);
    return 1;
}

/// fs.hold(path): a name for programs of the file that is at `path` now, whatever its name leads to later; and whether
/// it is a block device.
static int fs_hold(lua_State *lua) {
    struct err e = {.arena = host_of(lua)->arena};
    const char *path = luaL_checkstring(lua, 1);
    const char *at = trust_hold(host_of(lua)->call, path, true, &e);
    if (!at) {
        return e.code != ERR_NONE ? host_raise(lua, &e) : host_no_file(lua, "cannot open", path);
    }
    struct stat st;
    lua_pushstring(lua, at);
    lua_pushboolean(lua, stat(at, &st) == 0 && S_ISBLK(st.st_mode));
    return 2;
}

static int fs_exists(lua_State *lua) {
    struct stat st;
    lua_pushboolean(lua, stat(luaL_checkstring(lua, 1), &st) == 0);
    return 1;
}

static const char *type_name(mode_t mode) {
    if (S_ISREG(mode)) {
        return "file";
    }
    if (S_ISDIR(mode)) {
        return "directory";
    }
    return S_ISLNK(mode) ? "link" : "other";
}

/// fs.stat(path): type, mode, uid, gid, size, mtime, ctime, ctime_ns; nil when there is nothing. Does not follow a
/// link.
static int fs_stat(lua_State *lua) {
    struct stat st;
    const char *path = luaL_checkstring(lua, 1);
    if (lstat(path, &st) != 0) {
        if (errno != ENOENT && errno != ENOTDIR) {
            return host_no_file(lua, "cannot look at", path);
        }
        lua_pushnil(lua);
        return 1;
    }
    const struct {
        const char *name;
        int64_t value;
    } fields[] = {{"mode", st.st_mode & 07777},
                  {"uid", st.st_uid},
                  {"gid", st.st_gid},
                  {"size", st.st_size},
                  {"mtime", st.st_mtime},
                  {"ctime", st.st_ctime},
                  {"ctime_ns", st.st_ctim.tv_nsec}};
    lua_createtable(lua, 0, 8);
    for (size_t i = 0; i < COUNTOF(fields); i++) {
        lua_pushinteger(lua, fields[i].value);
        lua_setfield(lua, -2, fields[i].name);
    }
    lua_pushstring(lua, type_name(st.st_mode));
    lua_setfield(lua, -2, "type");
    return 1;
}

static int by_text(const void *x, const void *y) {
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

struct names {
    const char **p;
    size_t n, cap;
};

static void add_name(struct arena *a, struct names *list, const char *name) {
    VEC_PUSH(a, *list, arena_strndup(a, name, strlen(name)));
}

/// fs.list(path): the names in a directory, sorted; nil when there is no such directory.
static int fs_list(lua_State *lua) {
    struct arena *a = host_of(lua)->arena;
    const char *path = luaL_checkstring(lua, 1);
    struct names names = {0};
    DIR *d = opendir(path);
    if (!d && errno != ENOENT) {
        return host_no_file(lua, "cannot read the directory", path);
    }
    if (!d) {
        lua_pushnil(lua);
        return 1;
    }
    const struct dirent *entry;
    while ((entry = readdir(d))) {  // NOLINT(concurrency-mt-unsafe): each call has its own DIR
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            add_name(a, &names, entry->d_name);
        }
    }
    closedir(d);
    if (names.n) {
        qsort(names.p, names.n, sizeof *names.p, by_text);
    }
    lua_createtable(lua, (int)names.n, 0);
    for (size_t i = 0; i < names.n; i++) {
        lua_pushstring(lua, names.p[i]);
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/// fs.remove(path): a file, a link or an empty directory; true when it was there.
static int fs_remove(lua_State *lua) {
    const char *path = luaL_checkstring(lua, 1);
    int dir = -1;
    const char *at = anchored(lua, 1, &dir);
    bool gone = at && (unlink(at) == 0 || ((errno == EISDIR || errno == EPERM) && rmdir(at) == 0));
    let_go(&dir);
    if (!gone && errno != ENOENT) {
        return host_no_file(lua, "cannot remove", path);
    }
    lua_pushboolean(lua, gone);
    return 1;
}

/// fs.mkdir(path, {mode = 493}): true when it was made, false when it was there.
static int fs_mkdir(lua_State *lua) {
    const char *path = luaL_checkstring(lua, 1);
    mode_t mode = 0755;
    if (lua_istable(lua, 2) && lua_getfield(lua, 2, "mode") == LUA_TNUMBER) {
        mode = (mode_t)lua_tointeger(lua, -1) & 07777;
    }
    int dir = -1;
    const char *at = anchored(lua, 1, &dir);
    bool made = at && mkdir(at, mode) == 0;
    if (!made && errno != EEXIST) {
        let_go(&dir);
        return host_no_file(lua, "cannot make the directory", path);
    }
    struct err e = {.arena = host_of(lua)->arena};
    struct fsattr attr = {.has_mode = true, .mode = mode};
    bool ok = !made || fsattr_apply_at(host_of(lua)->call, &attr, AT_FDCWD, at, path, &e);
    let_go(&dir);
    if (!ok) {
        return host_raise(lua, &e);
    }
    lua_pushboolean(lua, made);
    return 1;
}

/// fs.readlink(path): what a link holds; nil when there is no link.
static int fs_readlink(lua_State *lua) {
    char text[PATH_MAX];
    ssize_t n = readlink(luaL_checkstring(lua, 1), text, sizeof text);
    if (n < 0) {
        lua_pushnil(lua);
    } else {
        lua_pushlstring(lua, text, (size_t)n);
    }
    return 1;
}

/// fs.symlink(text, path): a link, put in place of a link or file that is there.
static int fs_symlink(lua_State *lua) {
    const char *path = luaL_checkstring(lua, 2);
    const char *text = luaL_checkstring(lua, 1);
    int dir = -1;
    const char *at = anchored(lua, 2, &dir);
    // The same name each time, so that the next run finds what a killed one left.
    const char *temp = arena_printf(host_of(lua)->arena, "%s.ansible_tmp~", at ? at : path);
    bool ok = at && (symlink(text, temp) == 0 || (errno == EEXIST && unlink(temp) == 0 && symlink(text, temp) == 0));
    if (ok && rename(temp, at) != 0) {
        int why = errno;
        unlink(temp);
        errno = why;
        ok = false;
    }
    let_go(&dir);
    return ok ? 0 : host_no_file(lua, "cannot make the link", path);
}

/// Has the file on the disk before it gets its name.
static bool settled(const char *path) {
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    return fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || fsync(fd) == 0;
}

/// fs.rename(from, to): put in place of what is there; of a directory, too.
static int fs_rename(lua_State *lua) {
    int from_dir = -1;
    int to_dir = -1;
    const char *from = anchored(lua, 1, &from_dir);
    const char *to = from ? anchored(lua, 2, &to_dir) : NULL;
    // A directory that is not empty is not replaced: they change places, and what was there goes by the other name.
    bool ok = to && settled(from) &&
              (rename(from, to) == 0 || ((errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) &&
                                         renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0));
    let_go(&from_dir);
    let_go(&to_dir);
    return ok ? 0 : host_no_file(lua, "cannot rename to", luaL_checkstring(lua, 2));
}

/// fs.realpath(path): with all links resolved; nil when it does not exist.
static int fs_realpath(lua_State *lua) {
    char real[PATH_MAX];
    lua_pushstring(lua, realpath(luaL_checkstring(lua, 1), real));
    return 1;
}

/// fs.follow(path): the same for what is going to be written, also by a program: refuses links that another user may
/// have planted, and a FIFO or socket, at which a program would wait for ever.
static int fs_follow(lua_State *lua) {
    struct err e = {.arena = host_of(lua)->arena};
    struct stat st;
    const char *path = luaL_checkstring(lua, 1);
    const char *real = trust_real(host_of(lua)->call, path, &e);
    if (!real) {
        return host_raise(lua, &e);
    }
    if (stat(path, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))) {
        (void)err_set(&e, ERR_MODULE, NO_MARK, "'%s' is a %s, no file", path, S_ISFIFO(st.st_mode) ? "FIFO" : "socket");
        return host_raise(lua, &e);
    }
    lua_pushstring(lua, access(real, F_OK) == 0 ? real : NULL);
    return 1;
}

/// fs.chown(path, uid, gid): never through a link.
static int fs_chown(lua_State *lua) {
    const char *path = luaL_checkstring(lua, 1);
    uid_t uid = (uid_t)luaL_checkinteger(lua, 2);
    gid_t gid = (gid_t)luaL_checkinteger(lua, 3);
    int dir = -1;
    const char *at = anchored(lua, 1, &dir);
    bool ok = at && lchown(at, uid, gid) == 0;
    let_go(&dir);
    return ok ? 0 : host_no_file(lua, "cannot change the owner of", path);
}

/// fs.chmod(path, mode): through a link only to what its owner may change.
static int fs_chmod(lua_State *lua) {
    struct err e = {.arena = host_of(lua)->arena};
    const char *path = luaL_checkstring(lua, 1);
    mode_t mode = (mode_t)luaL_checkinteger(lua, 2) & 07777;
    const char *real = trust_real(host_of(lua)->call, path, &e);
    struct fsattr attr = {.has_mode = true, .mode = mode};
    if (!real || !fsattr_apply(host_of(lua)->call, &attr, real, &e)) {
        return host_raise(lua, &e);
    }
    return 0;
}

/// fs.digest(path, name): a digest of a file's content; nil when there is no such file.
static int fs_digest(lua_State *lua) {
    struct arena *a = host_of(lua)->arena;
    struct err e = {.arena = a};
    const char *hex = NULL;
    if (digest_file(a, luaL_checkstring(lua, 2), luaL_checkstring(lua, 1), &hex, &e)) {
        lua_pushstring(lua, hex);
        return 1;
    }
    if (e.sys_errno != ENOENT) {
        return host_raise(lua, &e);
    }
    lua_pushnil(lua);
    return 1;
}

/// fs.in_use(path): whether a process has the file open; of other users only root sees it.
static int fs_in_use(lua_State *lua) {
    lua_pushboolean(lua, file_in_use(host_of(lua)->arena, luaL_checkstring(lua, 1)));
    return 1;
}

/// fs.remove_tree(path): a directory and everything below; links are removed, not followed.
static int fs_remove_tree(lua_State *lua) {
    struct lua_host *h = host_of(lua);
    struct err e = {.arena = h->arena};
    if (!tree_remove(h->call, luaL_checkstring(lua, 1), &e)) {
        return host_fail(lua, &e);
    }
    return 0;
}

void host_push_fs(lua_State *lua) {
    static const luaL_Reg fs[] = {{"read", fs_read},
                                  {"write", fs_write},
                                  {"exists", fs_exists},
                                  {"stat", fs_stat},
                                  {"list", fs_list},
                                  {"remove", fs_remove},
                                  {"remove_tree", fs_remove_tree},
                                  {"mkdir", fs_mkdir},
                                  {"readlink", fs_readlink},
                                  {"symlink", fs_symlink},
                                  {"rename", fs_rename},
                                  {"realpath", fs_realpath},
                                  {"follow", fs_follow},
                                  {"chown", fs_chown},
                                  {"chmod", fs_chmod},
                                  {"digest", fs_digest},
                                  {"copy", fs_copy},
                                  {"anchor", fs_anchor},
                                  {"hold", fs_hold},
                                  {"in_use", fs_in_use},
                                  {NULL, NULL}};
    luaL_newlib(lua, fs);
    host_define_beside(lua);
}
