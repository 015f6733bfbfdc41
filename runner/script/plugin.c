// Filters, tests and lookups in Lua: the table a file returns, and calls of its functions.
#include "lua_host.h"
#include "script.h"
#include "table.h"

#include <lauxlib.h>

static bool wrong(struct err *e, const char *file, const char *what) {
    return err_set(e, ERR_ARGS, NO_MARK, "%s: %s", file, what);
}

// -- reading ---------------------------------------------------------------------------------------------------------

static bool read_plugin(struct arena *a, struct script_plugin *p, struct val d, struct err *e) {
    static const char *const keys[] = {"doc", "example", "params", "args", "undefined", "run"};
    struct reader r = {a, p->file, e};
    const char *where = arena_printf(a, "the plugin '%s'", p->name);
    if (!val_is(d, VAL_DICT)) {
        return wrong(e, p->file, "a plugin must be a table");
    }
    if (!table_keys(&r, d, where, keys, COUNTOF(keys))) {
        return false;
    }
    if (!val_is(val_get(d, "run"), VAL_BOOL)) {
        return wrong(e, p->file, arena_printf(a, "%s needs a function 'run'", where));
    }
    p->doc = table_text(&r, d, "doc");
    p->example = table_text(&r, d, "example");
    p->params = table_text(&r, d, "params");
    p->takes_undef = val_truth(val_get(d, "undefined"));
    struct val args = val_get(d, "args");
    return val_is(args, VAL_UNDEF) || table_args(&r, args, where, &p->args);
}

/// Runs protected: turns the file's table into a value; functions named `run` become true.
static int table_value(lua_State *lua) {
    struct val *out = lua_touserdata(lua, 2);
    if (lua_getfield(lua, 1, "plugins") == LUA_TTABLE) {
        for (lua_pushnil(lua); lua_next(lua, -2); lua_pop(lua, 1)) {
            if (lua_istable(lua, -1) && lua_getfield(lua, -1, "run") == LUA_TFUNCTION) {
                lua_pushboolean(lua, true);
                lua_setfield(lua, -3, "run");
            }
            lua_settop(lua, 5);
        }
    }
    lua_settop(lua, 2);
    if (lua_getfield(lua, 1, "run") == LUA_TFUNCTION) {
        lua_pushboolean(lua, true);
        lua_setfield(lua, 1, "run");
    }
    *out = host_value(lua, 1, host_of(lua)->arena);
    return 0;
}

static bool read_table(struct lua_host *h, struct val *table, struct err *e) {
    lua_pushcfunction(h->lua, table_value);
    lua_pushvalue(h->lua, -2);
    lua_pushlightuserdata(h->lua, table);
    if (lua_pcall(h->lua, 2, 0, 0) == LUA_OK) {
        return true;
    }
    struct str why = host_error(h);
    return err_set(e, ERR_ARGS, NO_MARK, "%.*s", STR(why));
}

static void prepare(struct lua_host *h) {
    lua_pushglobaltable(h->lua);
    host_push_text_tools(h->lua);
    lua_pop(h->lua, 1);
}

bool script_plugins(struct arena *a, const char *name, const char *file, struct str source, struct script_plugin **out,
                    size_t *n, struct err *e) {
    struct lua_host h = {.arena = a, .err = e};
    struct val table = VNULL;
    *n = 0;
    if (!host_open(&h)) {
        return err_set(e, ERR_LIMIT, NO_MARK, "no memory for Lua");
    }
    prepare(&h);
    bool ok = host_load(&h, file, source, e) && read_table(&h, &table, e);
    host_close(&h);
    if (!ok) {
        return false;
    }
    struct val several = val_get(table, "plugins");
    bool nested = val_is(several, VAL_DICT);
    struct script_plugin *list = ARENA_ARRAY(a, struct script_plugin, nested ? val_len(several) + 1 : 1);
    *out = list;
    struct script_plugin one = {.file = str_z(a, str_from(file)), .source = str_dup(a, source), .nested = nested};
    if (!nested) {
        one.name = str_z(a, str_from(name));
        list[(*n)++] = one;
        return read_plugin(a, &list[0], table, e);
    }
    size_t i = 0;
    for (const struct vpair *p; (p = val_each(several, &i));) {
        one.name = str_z(a, val_text(p->key));
        list[*n] = one;
        if (!read_plugin(a, &list[*n], p->value, e)) {
            return false;
        }
        ++*n;
    }
    return true;
}

// -- calling ---------------------------------------------------------------------------------------------------------

struct plugin_call {
    const struct script_plugin *p;
    const struct val *args;
    size_t n;
    struct val options;
    const struct script_env *env;
    struct val out;
};

static const struct plugin_call *call_of(lua_State *lua) {
    lua_getfield(lua, LUA_REGISTRYINDEX, "play.plugin");
    const struct plugin_call *c = lua_touserdata(lua, -1);
    lua_pop(lua, 1);
    return c;
}

/// c.read(name)
static int env_read(lua_State *lua) {
    const struct script_env *env = call_of(lua)->env;
    struct lua_host *h = host_of(lua);
    struct err e = {.arena = h->arena};
    struct str text;
    if (!env->read(env->self, host_check_str(lua, 1), h->arena, &text, &e)) {
        return host_raise(lua, &e);
    }
    lua_pushlstring(lua, text.s ? text.s : "", text.n);
    return 1;
}

/// c.var(name)
static int env_var(lua_State *lua) {
    const struct script_env *env = call_of(lua)->env;
    struct lua_host *h = host_of(lua);
    struct err e = {.arena = h->arena};
    struct val v = {0};
    if (!env->var(env->self, host_check_str(lua, 1), h->arena, &v, &e)) {
        return host_raise(lua, &e);
    }
    host_push(lua, v);
    return 1;
}

static void push_env(lua_State *lua, const struct script_env *env) {
    lua_newtable(lua);
    if (env->read) {
        lua_pushcfunction(lua, env_read);
        lua_setfield(lua, -2, "read");
    }
    if (env->var) {
        lua_pushcfunction(lua, env_var);
        lua_setfield(lua, -2, "var");
    }
}

/// Runs protected, with the file's table at 1 and the call at 2.
static int invoke(lua_State *lua) {
    struct plugin_call *c = lua_touserdata(lua, 2);
    lua_pushvalue(lua, 2);
    lua_setfield(lua, LUA_REGISTRYINDEX, "play.plugin");
    if (c->p->nested) {
        lua_getfield(lua, 1, "plugins");
        lua_getfield(lua, -1, c->p->name);
    } else {
        lua_pushvalue(lua, 1);
    }
    lua_getfield(lua, -1, "run");
    luaL_checkstack(lua, (int)c->n + 8, "too many arguments");
    for (size_t i = 0; i < c->n; i++) {
        host_push(lua, c->args[i]);
    }
    int n = (int)c->n;
    if (val_is(c->options, VAL_DICT)) {
        host_push(lua, c->options);
        n++;
    }
    if (c->env) {
        push_env(lua, c->env);
        n++;
    }
    lua_call(lua, n, 1);
    c->out = host_value(lua, -1, host_of(lua)->arena);
    return 0;
}

// NOLINTNEXTLINE(readability-function-size): declared in script.h
bool script_plugin_call(const struct script_plugin *p, struct arena *a, const struct val *args, size_t n,
                        struct val options, const struct script_env *env, struct mark at, struct val *out,
                        struct err *e) {
    struct lua_host h = {.arena = a, .err = e};
    struct plugin_call c = {p, args, n, options, env, VNULL};
    if (n > 200) {
        return err_set(e, ERR_LIMIT, at, "'%s' takes at most 200 arguments", p->name);
    }
    if (!host_open(&h)) {
        return err_set(e, ERR_LIMIT, at, "no memory for Lua");
    }
    prepare(&h);
    bool ok = host_load(&h, p->file, p->source, e);
    if (ok) {
        lua_pushcfunction(h.lua, invoke);
        lua_insert(h.lua, -2);
        lua_pushlightuserdata(h.lua, &c);
        ok = lua_pcall(h.lua, 2, 0, 0) == LUA_OK;
        if (!ok) {
            struct str why = host_error(&h);
            (void)err_set(e, ERR_TYPE, at, "'%s': %.*s", p->name, STR(why));
        }
    }
    host_close(&h);
    *out = c.out;
    return ok;
}
