// A directory beside a file that a program makes: what is in it appears whole, by a rename, or not at all.
#include "fd.h"
#include "filetree.h"
#include "lua_host.h"
#include "replace.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 100

/// Takes the directory for this process until it ends; false: another one has it, or it is gone. A program that
/// outlives a killed run does not keep it.
static bool lock(const char *path) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0 || st.st_nlink == 0 ||
        st.st_uid != geteuid()) {
        fd_closep(&fd);
        return false;
    }
    return true;
}

/// Makes it; `first`: what a killed run left under this name is removed. false: errno, EEXIST when somebody has it.
static bool make(struct mod_call *c, const char *path, bool first) {
    struct err e = {.arena = c->arena};
    if (first && lock(path)) {
        (void)tree_remove(c, path, &e);
    }
    if (mkdir(path, 0700) != 0) {
        return false;
    }
    errno = EEXIST;
    return lock(path);
}

/// fs.beside(path): a new directory of mode 0700 beside `path`, as a name for programs; removed when the call ends.
static int fs_beside(lua_State *lua) {
    struct lua_host *h = host_of(lua);
    struct err e = {.arena = h->arena};
    const char *path = luaL_checkstring(lua, 1);
    const char *slash = strrchr(path, '/');
    // The first name depends on the file's only, so that the next run finds what a killed one left.
    uint64_t r = replace_first_name(slash ? slash + 1 : path);
    const char *to = trust_hold(h->call, path, false, &e);
    if (!to) {
        return e.code != ERR_NONE ? host_raise(lua, &e) : host_no_file(lua, "cannot open the directory of", path);
    }
    int stem = (int)(strrchr(to, '/') ? strrchr(to, '/') - to + 1 : 0);
    for (int tries = 0; tries < TRIES; tries++) {
        const char *dir = arena_printf(h->arena, "%.*s.ansible_dir%016llx", stem, to, (unsigned long long)r);
        if (make(h->call, dir, tries == 0)) {
            h->beside = val_is(h->beside, VAL_LIST) ? h->beside : val_list(h->arena, 1);
            val_push(h->arena, h->beside, val_z(h->arena, dir));
            lua_pushstring(lua, dir);
            return 1;
        }
        if (errno != EEXIST) {
            break;
        }
        random_bytes(&r, sizeof r);
    }
    return host_no_file(lua, "cannot make a directory beside", path);
}

void host_define_beside(lua_State *lua) {
    lua_pushcfunction(lua, fs_beside);
    lua_setfield(lua, -2, "beside");
}

void host_remove_beside(struct lua_host *h) {
    for (size_t i = 0; i < val_len(h->beside); i++) {
        struct err e = {.arena = h->arena};
        (void)tree_remove(h->call, str_z(h->arena, val_text(val_at_index(h->beside, i))), &e);
    }
}
