// The object `c` of Lua modules: arguments, result, programs, JSON and regular expressions.
#include "fd.h"
#include "json.h"
#include "local.h"
#include "lua_host.h"
#include "regex.h"
#include "run.h"
#include "sendout.h"
#include "spawn.h"
#include "trust.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>

extern char **environ;

static struct mod_call *call_of(lua_State *lua) {
    return host_of(lua)->call;
}

// -- result: c:name(...), the object itself is argument 1
// ---------------------------------------------------------------

static int call_differs(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    const char *what = luaL_checkstring(lua, 2);
    struct val now = host_value(lua, 3, c->arena);
    struct val want = host_value(lua, 4, c->arena);
    lua_pushboolean(lua, mod_differs(c, arena_strndup(c->arena, what, strlen(what)), now, want));
    return 1;
}

/// c:changed(), or c:changed(false) when what was planned did not happen after all.
static int call_changed(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    if (lua_isnoneornil(lua, 2) || lua_toboolean(lua, 2)) {
        mod_changed(c);
    } else {
        c->changed = false;
    }
    return 0;
}

static int call_set(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    const char *key = luaL_checkstring(lua, 2);
    mod_set(c, key, host_value(lua, 3, c->arena));
    return 0;
}

static int call_fail(lua_State *lua) {
    struct lua_host *h = host_of(lua);
    struct str msg = host_check_str(lua, 2);
    if (lua_istable(lua, 3)) {
        struct val more = host_value(lua, 3, h->arena);
        struct vpair *p;
        for (size_t i = 0; (p = val_each(more, &i));) {
            struct val v = p->value;
            if (val_is(v, VAL_STR) && val_text(v).n > MOD_OUTPUT_MAX) {
                v = val_str(h->arena, mod_shortened(h->arena, val_text(v), MOD_OUTPUT_MAX));
            }
            mod_set(h->call, str_z(h->arena, val_text(p->key)), v);
        }
    }
    char *text = str_z(h->arena, msg);
    for (size_t i = 0; i < msg.n; i++) {  // what a program printed may hold NULs, which would end the text
        text[i] = text[i] ? text[i] : '?';
    }
    h->failed = true;
    (void)mod_fail(h->call, h->err, "%s", text);
    lua_pushliteral(lua, "failed");
    return lua_error(lua);
}

static int call_warn(lua_State *lua) {
    mod_warn(call_of(lua), "%s", luaL_checkstring(lua, 2));
    return 0;
}

static int call_skip(lua_State *lua) {
    (void)mod_skip(call_of(lua), luaL_checkstring(lua, 2));
    return 0;
}

/// c:diff(name, before, after): a diff of two texts; nil for what does not exist.
static int call_diff(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    struct str header = str_dup(c->arena, host_check_str(lua, 2));
    struct str before = lua_isnoneornil(lua, 3) ? STR_NONE : str_dup(c->arena, host_check_str(lua, 3));
    struct str after = lua_isnoneornil(lua, 4) ? STR_NONE : str_dup(c->arena, host_check_str(lua, 4));
    mod_diff_text(c, header, before, header, after);
    return 0;
}

static int call_tmpdir(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    struct str dir;
    struct err e = {.arena = c->arena};
    if (!mod_tmpdir(c, &dir, &e)) {
        return host_raise(lua, &e);
    }
    lua_pushlstring(lua, dir.s, dir.n);
    return 1;
}

// -- programs
// ----------------------------------------------------------------------------------------------------------

/// A list of words; NULL when there is none and `optional`.
static const char *const *read_argv(lua_State *lua, const char *field, bool optional, struct arena *a) {
    lua_getfield(lua, 2, field);
    struct val v = host_value(lua, -1, a);
    lua_pop(lua, 1);
    size_t n = val_len(v);
    if (optional && val_is(v, VAL_NULL)) {
        return NULL;
    }
    if (!val_is(v, VAL_LIST) || n == 0) {
        luaL_error(lua, "exec: '%s' must be a list of words", field);
    }
    const char **argv = ARENA_ARRAY(a, const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        argv[i] = str_z(a, val_str_of(a, val_at_index(v, i)));
    }
    return argv;
}

struct words {
    const char **p;
    size_t n, cap;
};

static void add_word(struct arena *a, struct words *list, const char *word) {
    VEC_PUSH(a, *list, word);
}

/// The module's environment with the names of `env` set instead.
static const char *const *read_env(lua_State *lua, struct arena *a) {
    lua_getfield(lua, 2, "env");
    struct val env = host_value(lua, -1, a);
    lua_pop(lua, 1);
    if (!val_is(env, VAL_DICT)) {
        return NULL;
    }
    struct words out = {0};
    for (char **e = environ; *e; e++) {
        struct str name = str_sub(str_from(*e), 0, str_find_char(str_from(*e), 0, '='));
        if (val_is(val_get_str(env, name), VAL_UNDEF)) {
            add_word(a, &out, *e);
        }
    }
    struct vpair *p;
    for (size_t i = 0; (p = val_each(env, &i));) {
        add_word(a, &out, arena_printf(a, "%.*s=%.*s", STR(val_text(p->key)), STR(val_str_of(a, p->value))));
    }
    add_word(a, &out, NULL);
    return out.p;
}

static const char *field_z(lua_State *lua, const char *name, struct arena *a, size_t *n) {
    *n = 0;
    const char *copy = NULL;
    if (lua_getfield(lua, 2, name) == LUA_TSTRING) {
        const char *s = lua_tolstring(lua, -1, n);
        copy = arena_strndup(a, s, *n);
    }
    lua_pop(lua, 1);
    return copy;
}

/// Runs it in its directory, to which no link leads that another user may have planted.
static bool run_there(struct mod_call *c, struct run *r, struct run_result *out, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    const char *held = r->cwd ? trust_cwd(c, r->cwd, &dir, e) : NULL;
    if (r->cwd && !held) {
        return e->code == ERR_NONE && err_sys(e, errno, NO_MARK, "cannot run '%s' in '%s'", r->argv[0], r->cwd);
    }
    r->cwd = held;
    return run_command(r, c->arena, out, e);
}

static int call_exec(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    luaL_checktype(lua, 2, LUA_TTABLE);
    struct run r = {.argv = read_argv(lua, "argv", false, c->arena), .envp = read_env(lua, c->arena)};
    size_t n = 0;
    r.cwd = field_z(lua, "cwd", c->arena, &n);
    r.input.s = field_z(lua, "stdin", c->arena, &n);
    r.input.n = n;
    lua_getfield(lua, 2, "timeout");
    r.timeout_ms = (int64_t)(luaL_optnumber(lua, -1, 0) * 1000);
    struct run_result out;
    struct err e = {.arena = c->arena};
    host_of(lua)->program = r.argv[0];
    if (!run_there(c, &r, &out, &e)) {
        if (e.sys_errno != ENOENT) {
            return host_raise(lua, &e);
        }
        out = (struct run_result){.rc = 127, .err = err_text(&e)};
    }
    lua_createtable(lua, 0, 4);
    lua_pushinteger(lua, out.rc);
    lua_setfield(lua, -2, "rc");
    lua_pushlstring(lua, out.out.s ? out.out.s : "", out.out.n);
    lua_setfield(lua, -2, "stdout");
    lua_pushlstring(lua, out.err.s ? out.err.s : "", out.err.n);
    lua_setfield(lua, -2, "stderr");
    lua_pushboolean(lua, out.timed_out);
    lua_setfield(lua, -2, "timed_out");
    return 1;
}

static void set_text(lua_State *lua, const char *key, struct str text) {
    lua_pushlstring(lua, text.s ? text.s : "", text.n);
    lua_setfield(lua, -2, key);
}

static void set_integer(lua_State *lua, const char *key, int64_t n) {
    lua_pushinteger(lua, n);
    lua_setfield(lua, -2, key);
}

/// c:send{argv, filter, check, env}: what the program prints goes to the file that c:collect opened on the controller,
/// while it is made.
static int call_send(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    luaL_checktype(lua, 2, LUA_TTABLE);
    struct sendout s = {.argv = read_argv(lua, "argv", false, c->arena),
                        .filter = read_argv(lua, "filter", true, c->arena),
                        .check = read_argv(lua, "check", true, c->arena),
                        .envp = read_env(lua, c->arena)};
    struct sendout_result out;
    struct err e = {.arena = c->arena};
    if (!sendout_run(c, &s, &out, &e)) {
        return host_fail(lua, &e);
    }
    lua_createtable(lua, 0, 9);
    set_integer(lua, "rc", out.rc);
    set_integer(lua, "filter_rc", out.filter_rc);
    set_integer(lua, "check_rc", out.check_rc);
    set_integer(lua, "size", out.size);
    set_text(lua, "stderr", out.err);
    set_text(lua, "filter_stderr", out.filter_err);
    set_text(lua, "check_stderr", out.check_err);
    set_text(lua, "tail", out.tail);
    set_text(lua, "sha256", str_from(out.sha256));
    return 1;
}

/// c:collect(path) -> the whole path: on the controller, opens the file that takes what the target sends.
static int call_collect(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    struct err e = {.arena = c->arena};
    if (!c->ctl) {
        return luaL_error(lua, "collect: only the function 'prepare' can call this");
    }
    if (!sink_open(c, str_dup(c->arena, host_check_str(lua, 2)), &e)) {
        return host_fail(lua, &e);
    }
    lua_pushstring(lua, c->sink->path);
    return 1;
}

/// c:keep(sha256): puts that file in place.
static int call_keep(lua_State *lua) {
    struct mod_call *c = call_of(lua);
    struct err e = {.arena = c->arena};
    if (!c->ctl) {
        return luaL_error(lua, "keep: only the function 'finish' can call this");
    }
    return sink_keep(c, host_check_str(lua, 2), &e) ? 0 : host_fail(lua, &e);
}

/// c:which(name): the program's path, or nil.
static int call_which(lua_State *lua) {
    const char *path = spawn_which(call_of(lua)->arena, luaL_checkstring(lua, 2));
    lua_pushstring(lua, path);  // NULL: nil
    return 1;
}

/// The same, or the module's end.
static int call_need(lua_State *lua) {
    struct lua_host *h = host_of(lua);
    const char *path = mod_need(h->call, luaL_checkstring(lua, 2), h->err);
    if (!path) {
        h->failed = true;
        lua_pushliteral(lua, "failed");
        return lua_error(lua);
    }
    lua_pushstring(lua, path);
    return 1;
}

/// c:order(dict argument, ...): its keys as they stand in the task, which a table does not tell. Further names lead to
/// a dict inside: c:order("list", 2).
static int call_order(lua_State *lua) {
    struct val v = call_of(lua)->args;
    for (int i = 2; i <= lua_gettop(lua); i++) {
        lua_Integer at = lua_isinteger(lua, i) ? lua_tointeger(lua, i) : 0;
        if (at > 0) {
            v = val_is_seq(v) && (size_t)at <= val_len(v) ? val_at_index(v, (size_t)at - 1) : VNULL;
        } else {
            v = val_is(v, VAL_DICT) ? val_get(v, luaL_checkstring(lua, i)) : VNULL;
        }
    }
    lua_newtable(lua);
    struct vpair *p;
    lua_Integer n = 0;
    for (size_t i = 0; val_is(v, VAL_DICT) && (p = val_each(v, &i));) {
        host_push(lua, p->key);
        lua_rawseti(lua, -2, ++n);
    }
    return 1;
}

// -- c.json, c.re
// --------------------------------------------------------------------------------------------------------

static int json_decode(lua_State *lua) {
    struct arena *a = host_of(lua)->arena;
    struct err e = {.arena = a};
    struct val v;
    if (!json_parse(a, host_check_str(lua, 1), &v, &e)) {
        return host_raise(lua, &e);
    }
    host_push(lua, v);
    return 1;
}

static int json_encode(lua_State *lua) {
    struct arena *a = host_of(lua)->arena;
    struct err e = {.arena = a};
    struct buf b = BUF_IN(a);
    struct json_style style = {.indent = (int)luaL_optinteger(lua, 2, 0)};
    if (!json_write(&b, host_value(lua, 1, a), &style, &e)) {
        return host_raise(lua, &e);
    }
    lua_pushlstring(lua, buf_view(&b).s, b.n);
    return 1;
}

static struct regex *compile(lua_State *lua, int index, struct arena *a) {
    struct err e = {.arena = a};
    struct regex *r = regex_compile(a, host_check_str(lua, index), REGEX_BYTES, NO_MARK, &e);
    if (!r) {
        host_raise(lua, &e);
    }
    return r;
}

/// c.re.match(text, pattern): a table with the whole match at 0, the groups at 1.. and by name; nil: no match. A
/// pattern matches anywhere unless it says ^.
static int re_match(lua_State *lua) {
    struct arena *a = host_of(lua)->arena;
    struct err e = {.arena = a};
    struct str text = host_check_str(lua, 1);
    struct regex *r = compile(lua, 2, a);
    struct regex_match m;
    int found = regex_exec(r, text, 0, REGEX_SEARCH, a, &m, &e);
    if (found < 0) {
        return host_raise(lua, &e);
    }
    if (!found) {
        lua_pushnil(lua);
        return 1;
    }
    lua_newtable(lua);
    for (size_t i = 0; i < m.n; i++) {
        if (m.from[i] == SIZE_MAX) {
            continue;
        }
        struct str part = str_sub(text, m.from[i], m.to[i]);
        lua_pushlstring(lua, part.s, part.n);
        const char *name = i ? regex_group_name(r, i) : NULL;
        if (name) {
            lua_pushvalue(lua, -1);
            lua_setfield(lua, -3, name);
        }
        lua_rawseti(lua, -2, (lua_Integer)i);
    }
    return 1;
}

/// c.re.gsub(text, pattern, replacement): as Python's re.sub; the new text and how many were replaced.
static int re_gsub(lua_State *lua) {
    struct arena *a = host_of(lua)->arena;
    struct err e = {.arena = a};
    struct str text = host_check_str(lua, 1);
    struct regex *r = compile(lua, 2, a);
    struct str out;
    size_t n = 0;
    if (!regex_sub(r, host_check_str(lua, 3), text, 0, a, &out, &n, &e)) {
        return host_raise(lua, &e);
    }
    lua_pushlstring(lua, out.s ? out.s : "", out.n);
    lua_pushinteger(lua, (lua_Integer)n);
    return 2;
}

// -- the object
// --------------------------------------------------------------------------------------------------------

/// Top-level nulls are nil, so that `if c.args.name` reads well.
static void push_args(lua_State *lua, struct val args) {
    lua_newtable(lua);
    struct vpair *p;
    for (size_t i = 0; (p = val_each(args, &i));) {
        if (!val_is(p->value, VAL_NULL)) {
            host_push(lua, p->key);
            host_push(lua, p->value);
            lua_rawset(lua, -3);
        }
    }
}

static void set_flag(lua_State *lua, const char *name, bool value) {
    lua_pushboolean(lua, value);
    lua_setfield(lua, -2, name);
}

static const luaL_Reg json_functions[] = {{"decode", json_decode}, {"encode", json_encode}, {NULL, NULL}};
static const luaL_Reg re_functions[] = {{"match", re_match}, {"gsub", re_gsub}, {NULL, NULL}};

void host_push_text_tools(lua_State *lua) {
    luaL_newlib(lua, json_functions);
    lua_setfield(lua, -2, "json");
    luaL_newlib(lua, re_functions);
    lua_setfield(lua, -2, "re");
}

void host_push_call(lua_State *lua) {
    static const luaL_Reg methods[] = {
        {"differs", call_differs}, {"changed", call_changed}, {"set", call_set},   {"fail", call_fail},
        {"warn", call_warn},       {"skip", call_skip},       {"diff", call_diff}, {"tmpdir", call_tmpdir},
        {"exec", call_exec},       {"which", call_which},     {"need", call_need}, {"order", call_order},
        {"send", call_send},       {"collect", call_collect}, {"keep", call_keep}, {NULL, NULL}};
    const struct mod_call *c = call_of(lua);
    luaL_newlib(lua, methods);
    host_push_tools(lua);
    push_args(lua, c->args);
    lua_setfield(lua, -2, "args");
    set_flag(lua, "check", c->check);
    set_flag(lua, "show_diff", c->diff);
    lua_pushstring(lua, c->name);
    lua_setfield(lua, -2, "name");
    host_push_text_tools(lua);
    host_push_fs(lua);
    lua_setfield(lua, -2, "fs");
}
