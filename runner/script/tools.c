// What Lua modules get beside files and programs: HTTP, encodings, digests, accounts, the common file arguments.
#include "digest.h"
#include "fd.h"
#include "fsattr.h"
#include "http.h"
#include "ids.h"
#include "lua_host.h"
#include "replace.h"
#include "trust.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <lauxlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RANDOM_MAX ((lua_Integer)4096)

static struct mod_call *call_of(lua_State *lua) {
    return host_of(lua)->call;
}

// -- c.http ----------------------------------------------------------------------------------------------------------

static const char *field_z(lua_State *lua, const char *name, struct arena *a) {
    const char *copy = NULL;
    if (lua_getfield(lua, 1, name) == LUA_TSTRING) {
        copy = str_z(a, host_check_str(lua, -1));
    }
    lua_pop(lua, 1);
    return copy;
}

static bool field_bool(lua_State *lua, const char *name, bool absent) {
    int type = lua_getfield(lua, 1, name);
    bool value = type == LUA_TNIL ? absent : lua_toboolean(lua, -1);
    lua_pop(lua, 1);
    return value;
}

static double field_number(lua_State *lua, const char *name, double absent) {
    lua_getfield(lua, 1, name);
    double value = luaL_optnumber(lua, -1, absent);
    lua_pop(lua, 1);
    return value;
}

static struct str field_str(lua_State *lua, const char *name, struct arena *a) {
    struct str text = STR_NONE;
    if (lua_getfield(lua, 1, name) == LUA_TSTRING) {
        text = str_dup(a, host_check_str(lua, -1));
    }
    lua_pop(lua, 1);
    return text;
}

/// A request that got no answer leaves nothing in the result: the module decides what that means.
static int no_answer(lua_State *lua, struct mod_call *c) {
    static const char *const keys[] = {"status", "url", "redirected", "elapsed", "failed", "msg"};
    struct str why = str_dup(c->arena, val_text(val_get(c->result, "msg")));
    for (size_t i = 0; i < COUNTOF(keys); i++) {
        (void)val_del_key(c->result, val_z(c->arena, keys[i]));
    }
    lua_pushnil(lua);
    lua_pushlstring(lua, why.s ? why.s : "", why.n);
    return 2;
}

/// The file's content as a body, mapped: it may be larger than what a module may keep in memory.
static struct str map_file(lua_State *lua, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *p = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (p == MAP_FAILED) {
        luaL_error(lua, "cannot read %s: %s", path, fd >= 0 && !why ? "it is empty" : strerrordesc_np(why));
    }
    return (struct str){p, (size_t)st.st_size};
}

/// c.http{url, method, headers, body, body_file, unix_socket, connect_to ("host:port" in place of that of the url),
/// timeout (s of silence), user, password, validate_certs, ca_path, client_cert, client_key, follow, use_proxy,
/// to_file (a new file)} -> {status, headers, body, url}; nil and the reason when there was no answer.
static int http_request(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    struct arena *a = c->arena;
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_getfield(lua, 1, "headers");
    struct val headers = host_value(lua, -1, a);
    lua_pop(lua, 1);
    const char *method = field_z(lua, "method", a);
    struct http_request q = {.url = field_z(lua, "url", a),
                             .method = method ? method : "GET",
                             .body = field_str(lua, "body", a),
                             .headers = val_is(headers, VAL_DICT) ? headers : val_dict(a, 0),
                             .user = field_z(lua, "user", a),
                             .password = field_z(lua, "password", a),
                             .force_basic = true,
                             .validate_certs = field_bool(lua, "validate_certs", true),
                             .use_proxy = field_bool(lua, "use_proxy", true),
                             .ca_path = field_z(lua, "ca_path", a),
                             .client_cert = field_z(lua, "client_cert", a),
                             .client_key = field_z(lua, "client_key", a),
                             .unix_socket = field_z(lua, "unix_socket", a),
                             .connect_to = field_z(lua, "connect_to", a),
                             .follow = field_bool(lua, "follow", true) ? HTTP_FOLLOW_SAFE : HTTP_FOLLOW_NONE,
                             .timeout_ms = (int64_t)(field_number(lua, "timeout", 60) * 1000),
                             .body_max = (size_t)16 << 20,
                             .out_fd = -1};
    luaL_argcheck(lua, q.url != NULL, 1, "'url' is missing");
    const char *body_file = field_z(lua, "body_file", a);
    if (body_file) {
        q.body = map_file(lua, body_file);
    }
    const char *to_file = field_z(lua, "to_file", a);
    if (to_file && (q.out_fd = host_new_file(lua, to_file)) < 0) {
        return luaL_error(lua, "cannot make %s: %s", to_file, strerrordesc_np(errno));
    }
    struct http_response r;
    struct err e = {.arena = a};
    bool ok = http_perform(c, &q, &r, &e);
    fd_closep(&q.out_fd);
    if (body_file) {
        union {
            const char *in;
            void *out;
        } u = {.in = q.body.s};
        munmap(u.out, q.body.n);
    }
    if (!ok) {
        return no_answer(lua, c);
    }
    lua_createtable(lua, 0, 4);
    lua_pushinteger(lua, (lua_Integer)r.status);
    lua_setfield(lua, -2, "status");
    host_push(lua, r.headers);
    lua_setfield(lua, -2, "headers");
    lua_pushlstring(lua, r.body.s ? r.body.s : "", r.body.n);
    lua_setfield(lua, -2, "body");
    lua_pushlstring(lua, r.url.s ? r.url.s : "", r.url.n);
    lua_setfield(lua, -2, "url");
    return 1;
}

// -- encodings and digests -------------------------------------------------------------------------------------------

static int base64_to(lua_State *lua) {
    struct str text = base64_encode(host_of(lua)->arena, host_check_str(lua, 1));
    lua_pushlstring(lua, text.s ? text.s : "", text.n);
    return 1;
}

/// c.base64.decode(text) -> bytes; nil when it is no base64.
static int base64_from(lua_State *lua) {
    struct arena *a = host_of(lua)->arena;
    struct err e = {.arena = a};
    struct str out;
    if (base64_decode(a, host_check_str(lua, 1), &out, &e)) {
        lua_pushlstring(lua, out.s ? out.s : "", out.n);
    } else {
        lua_pushnil(lua);
    }
    return 1;
}

/// c.digest(name, bytes, raw) -> hexadecimal text, or the bytes themselves when `raw`.
static int digest_text(lua_State *lua) {
    struct str data = host_check_str(lua, 2);
    const char *name = luaL_checkstring(lua, 1);
    struct digest *d = digest_open(name);
    if (!d) {
        return luaL_error(lua, "no digest is named '%s'", name);
    }
    unsigned char raw[DIGEST_MAX];
    char hex[2 * DIGEST_MAX + 1];
    digest_add(d, data.s, data.n);
    size_t n = digest_close(d, raw);
    if (lua_toboolean(lua, 3)) {
        lua_pushlstring(lua, (const char *)raw, n);
        return 1;
    }
    hex_encode(raw, n, hex);
    lua_pushlstring(lua, hex, 2 * n);
    return 1;
}

/// c.crypt(password, salt) -> what crypt(3) makes of it; nil when it does not know the salt's scheme.
static int crypt_text(lua_State *lua) {
    struct crypt_data *data = ARENA_NEW(host_of(lua)->arena, struct crypt_data);
    // not crypt_r: the sanitizers replace that one and fail
    const char *out = crypt_rn(luaL_checkstring(lua, 1), luaL_checkstring(lua, 2), data, sizeof *data);
    lua_pushstring(lua, out && out[0] != '*' ? out : NULL);
    explicit_bzero(data, sizeof *data);
    return 1;
}

static int random_text(lua_State *lua) {
    lua_Integer n = luaL_checkinteger(lua, 1);
    luaL_argcheck(lua, n >= 0 && n <= RANDOM_MAX, 1, "0 to 4096 bytes");
    char *p = arena_alloc(host_of(lua)->arena, (size_t)n + 1);
    random_bytes(p, (size_t)n);
    lua_pushlstring(lua, p, (size_t)n);
    return 1;
}

static int now(lua_State *lua) {
    lua_pushinteger(lua, (lua_Integer)time(NULL));
    return 1;
}

/// c.getenv(name): a variable of the task's environment, or nil.
static int environment(lua_State *lua) {
    lua_pushstring(lua, getenv(luaL_checkstring(lua, 1)));  // NOLINT(concurrency-mt-unsafe): one thread
    return 1;
}

/// c.sleep(seconds): at most a minute at a time.
static int sleep_for(lua_State *lua) {
    double seconds = luaL_checknumber(lua, 1);
    luaL_argcheck(lua, seconds >= 0 && seconds <= 60, 1, "0 to 60 seconds");
    struct timespec t = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
    return 0;
}

// -- accounts --------------------------------------------------------------------------------------------------------

static void set_field(lua_State *lua, const char *key, struct str text) {
    lua_pushlstring(lua, text.s ? text.s : "", text.n);
    lua_setfield(lua, -2, key);
}

static void set_number(lua_State *lua, const char *key, struct str text) {
    int64_t n = -1;
    (void)str_int(text, &n);
    lua_pushinteger(lua, n);
    lua_setfield(lua, -2, key);
}

/// c.user(name or id) -> {name, uid, gid, home, shell}, or nil.
static int user_entry(lua_State *lua) {
    struct arena *a = host_of(lua)->arena;
    struct str line = ids_line(a, "passwd", str_dup(a, host_check_str(lua, 1)));
    if (!line.s) {
        lua_pushnil(lua);
        return 1;
    }
    lua_createtable(lua, 0, 5);
    set_field(lua, "name", ids_field(line, 0));
    set_number(lua, "uid", ids_field(line, 2));
    set_number(lua, "gid", ids_field(line, 3));
    set_field(lua, "home", ids_field(line, 5));
    set_field(lua, "shell", ids_field(line, 6));
    return 1;
}

/// c.group(name or id) -> {name, gid, members}, or nil.
static int group_entry(lua_State *lua) {
    struct arena *a = host_of(lua)->arena;
    struct str line = ids_line(a, "group", str_dup(a, host_check_str(lua, 1)));
    if (!line.s) {
        lua_pushnil(lua);
        return 1;
    }
    lua_createtable(lua, 0, 3);
    set_field(lua, "name", ids_field(line, 0));
    set_number(lua, "gid", ids_field(line, 2));
    set_field(lua, "members", ids_field(line, 3));
    return 1;
}

/// c:as(uid, gid, function): what the function does to files is done with the rights of that user, so that nothing can
/// be won by a link that the user puts in its way. Without being root: just called. A call is a process of its own.
static int run_as(lua_State *lua) {
    uid_t uid = (uid_t)luaL_checkinteger(lua, 2);
    gid_t gid = (gid_t)luaL_checkinteger(lua, 3);
    luaL_checktype(lua, 4, LUA_TFUNCTION);
    lua_settop(lua, 4);
    bool other = geteuid() == 0 && uid != 0;
    gid_t groups[64];
    int n = other ? getgroups((int)COUNTOF(groups), groups) : 0;
    if (n < 0 || (other && (setgroups(1, &gid) != 0 || setegid(gid) != 0 || seteuid(uid) != 0))) {
        return luaL_error(lua, "cannot act as user %d: %s", (int)uid, strerrordesc_np(errno));
    }
    int rc = lua_pcall(lua, 0, LUA_MULTRET, 0);
    if (other && (seteuid(0) != 0 || setegid(0) != 0 || setgroups((size_t)n, groups) != 0)) {
        return luaL_error(lua, "cannot become root again: %s", strerrordesc_np(errno));
    }
    return rc == LUA_OK ? lua_gettop(lua) - 3 : lua_error(lua);
}

// -- the common file arguments (owner, group, mode ...): for modules with `file_args` --------------------------------

/// c:attrs_differ(path [, "file" or "directory"]) -> bool. The second word says what will be made when nothing is there
/// yet. Records the difference.
static int attrs_differ(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    struct err e = {.arena = c->arena};
    struct fsattr f;
    const char *path = arena_strndup(c->arena, luaL_checkstring(lua, 2), strlen(luaL_checkstring(lua, 2)));
    const char *fresh = luaL_optstring(lua, 3, NULL);
    struct stat st;
    bool there = stat(path, &st) == 0;
    if (!there && !fresh) {
        lua_pushboolean(lua, false);
        return 1;
    }
    if (!there) {
        st = fsattr_fresh(path, strcmp(fresh, "directory") == 0);
    }
    struct val before = val_dict(c->arena, 4);
    struct val after = val_dict(c->arena, 4);
    bool differs = false;
    if (!fsattr_read(c, "mode", &f, &e) || !fsattr_differs(c, &f, path, &st, before, after, &differs, &e)) {
        return host_fail(lua, &e);
    }
    struct vpair *p;
    for (size_t i = 0; there && differs && (p = val_each(after, &i));) {
        (void)mod_differs(c, str_z(c->arena, val_text(p->key)), val_get_str(before, val_text(p->key)), p->value);
    }
    if (differs) {
        mod_changed(c);
    }
    lua_pushboolean(lua, differs);
    return 1;
}

/// c:attrs_apply(path): makes it so.
static int attrs_apply(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    struct err e = {.arena = c->arena};
    struct fsattr f;
    const char *path = str_z(c->arena, host_check_str(lua, 2));
    if (!fsattr_read(c, "mode", &f, &e) || !fsattr_apply(c, &f, path, &e)) {
        return host_fail(lua, &e);
    }
    return 0;
}

/// c:replace(path, text, {validate = "command %s", mode = 384}): a new file in place of the old one, with the common
/// file arguments set before it appears. `mode` is that of a file that did not exist.
static int replace(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    struct err e = {.arena = c->arena};
    struct fsattr f;
    struct replace r = {.path = str_z(c->arena, host_check_str(lua, 2)),
                        .data = str_dup(c->arena, host_check_str(lua, 3)),
                        .attr = &f,
                        .unsafe_writes = mod_bool(c, "unsafe_writes")};
    if (lua_istable(lua, 4)) {
        if (lua_getfield(lua, 4, "validate") == LUA_TSTRING) {
            r.validate = str_z(c->arena, host_check_str(lua, -1));
        }
        if (lua_getfield(lua, 4, "mode") == LUA_TNUMBER) {
            r.new_mode = (mode_t)lua_tointeger(lua, -1) & 07777;
        }
    }
    struct stat st;
    if (!host_may_replace(lua, r.path, &e) || !trust_path(c, r.path, true, &e)) {
        return host_fail(lua, &e);
    }
    bool link = lstat(r.path, &st) == 0 && S_ISLNK(st.st_mode);
    if (link) {
        r.path = trust_real(c, r.path, &e);
    }
    if (!r.path || !fsattr_read(c, "mode", &f, &e) || !replace_file(c, &r, &e)) {
        return host_fail(lua, &e);
    }
    return 0;
}

/// c:backup(path) -> the name of the copy, as Ansible names them.
static int backup(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    struct err e = {.arena = c->arena};
    struct str name;
    const char *path = str_z(c->arena, host_check_str(lua, 2));
    if (!replace_backup(c, path, path, &name, &e)) {
        return host_fail(lua, &e);
    }
    lua_pushlstring(lua, name.s, name.n);
    return 1;
}

/// c:info(path): adds owner, group, mode, size and state of a path to the result.
static int info(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    fsattr_info(c, str_z(c->arena, host_check_str(lua, 2)));
    return 0;
}

void host_push_tools(lua_State *lua) {
    static const luaL_Reg methods[] = {{"attrs_differ", attrs_differ},
                                       {"attrs_apply", attrs_apply},
                                       {"replace", replace},
                                       {"backup", backup},
                                       {"info", info},
                                       {"http", http_request},
                                       {"digest", digest_text},
                                       {"crypt", crypt_text},
                                       {"random", random_text},
                                       {"now", now},
                                       {"sleep", sleep_for},
                                       {"user", user_entry},
                                       {"group", group_entry},
                                       {"as", run_as},
                                       {"getenv", environment},
                                       {NULL, NULL}};
    static const luaL_Reg base64[] = {{"encode", base64_to}, {"decode", base64_from}, {NULL, NULL}};
    luaL_setfuncs(lua, methods, 0);
    luaL_newlib(lua, base64);
    lua_setfield(lua, -2, "base64");
}
