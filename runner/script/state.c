// The sandbox: which libraries a Lua module gets, how much memory and how many instructions.
#include "lua_host.h"

#include <lauxlib.h>
#include <lualib.h>

#define HOOK_EVERY 100000

/// Where the state keeps its host: in the extra space Lua reserves in front of it.
static struct lua_host **slot(lua_State *lua) {
    return lua_getextraspace(lua);
}

struct lua_host *host_of(lua_State *lua) {
    return *slot(lua);
}

static void *limited_alloc(void *data, void *p, size_t old, size_t size) {
    struct lua_host *h = data;
    size_t had = p ? old : 0;
    if (size > had && h->memory + (size - had) > SCRIPT_MEMORY) {
        return NULL;
    }
    void *q = h->alloc(h->alloc_data, p, old, size);
    if (q || size == 0) {
        h->memory = h->memory - had + size;
    }
    return q;
}

static void count_instructions(lua_State *lua, lua_Debug *ar) {
    (void)ar;
    struct lua_host *h = host_of(lua);
    h->instructions += HOOK_EVERY;
    if (h->instructions > SCRIPT_INSTRUCTIONS) {
        lua_sethook(lua, count_instructions, LUA_MASKCOUNT, 1);  // a pcall of the module must not go on after this
        luaL_error(lua, "it ran too long: more than %I instructions", (LUAI_UACINT)SCRIPT_INSTRUCTIONS);
    }
}

/// Files of modules that are built in have names that begin so.
#define BUNDLED "modules/"

static void forget(lua_State *lua, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        lua_pushnil(lua);
        lua_setfield(lua, -2, names[i]);
    }
}

static int open_libraries(lua_State *lua) {
    static const luaL_Reg libs[] = {{LUA_GNAME, luaopen_base},
                                    {LUA_STRLIBNAME, luaopen_string},
                                    {LUA_TABLIBNAME, luaopen_table},
                                    {LUA_MATHLIBNAME, luaopen_math},
                                    {LUA_UTF8LIBNAME, luaopen_utf8}};
    static const char *const base[] = {"load", "loadfile", "dofile", "print", "warn", "collectgarbage", "require"};
    static const char *const string[] = {"dump"};
    for (size_t i = 0; i < COUNTOF(libs); i++) {
        luaL_requiref(lua, libs[i].name, libs[i].func, 1);
        if (i == 0) {
            forget(lua, base, COUNTOF(base));
        } else if (i == 1) {
            forget(lua, string, COUNTOF(string));
        }
        lua_pop(lua, 1);
    }
    host_define_values(lua);
    host_define_use(lua);
    return 0;
}

bool host_open(struct lua_host *h) {
    h->lua = luaL_newstate();
    if (!h->lua) {
        return false;
    }
    h->alloc = lua_getallocf(h->lua, &h->alloc_data);
    lua_setallocf(h->lua, limited_alloc, h);
    lua_setwarnf(h->lua, NULL, NULL);
    *slot(h->lua) = h;
    lua_sethook(h->lua, count_instructions, LUA_MASKCOUNT, HOOK_EVERY);
    lua_pushcfunction(h->lua, open_libraries);
    if (lua_pcall(h->lua, 0, 0, 0) == LUA_OK) {
        return true;
    }
    host_close(h);
    return false;
}

void host_close(struct lua_host *h) {
    if (h->lua) {
        lua_close(h->lua);
        h->lua = NULL;
    }
}

struct str host_error(struct lua_host *h) {
    size_t n = 0;
    const char *s = lua_type(h->lua, -1) == LUA_TSTRING ? lua_tolstring(h->lua, -1, &n) : NULL;
    struct str text = s ? str_dup(h->arena, (struct str){s, n}) : STR_LIT("an error that is not text");
    lua_pop(h->lua, 1);
    return text;
}

/// The mark of the line a Lua message names: "file:LINE: ...".
static struct mark line_mark(struct mark base, struct str source, const char *file, struct str msg) {
    size_t at = strlen(file) + 1;
    if (!str_starts(msg, file) || at >= msg.n) {
        return base;
    }
    int64_t line = 0;
    if (!str_int(str_sub(msg, at, str_find_char(msg, at, ':')), &line)) {
        return base;
    }
    size_t offset = 0;
    while (--line > 0) {
        size_t nl = str_find_char(source, offset, '\n');
        if (nl == SIZE_MAX) {
            return base;
        }
        offset = nl + 1;
    }
    return (struct mark){base.at + (uint32_t)offset};
}

static bool load_failed(struct lua_host *h, const char *file, struct str source, struct err *e) {
    struct str msg = host_error(h);
    struct mark at = NO_MARK;
    if (!h->call) {
        at = line_mark(mark_source(file, source, 0), source, file, msg);
    }
    return err_set(e, ERR_SYNTAX, at, "%.*s", STR(msg));
}

bool host_load(struct lua_host *h, const char *file, struct str source, struct err *e) {
    const char *chunk = arena_printf(h->arena, "@%s", file);
    if (luaL_loadbufferx(h->lua, source.s, source.n, chunk, "t") != LUA_OK || lua_pcall(h->lua, 0, 1, 0) != LUA_OK) {
        return load_failed(h, file, source, e);
    }
    if (!lua_istable(h->lua, -1)) {
        return err_set(e, ERR_ARGS, NO_MARK, "%s: a module must return a table, not %s", file,
                       luaL_typename(h->lua, -1));
    }
    return true;
}

bool host_call(struct lua_host *h, int nargs, struct err *e) {
    h->err = e;
    if (lua_pcall(h->lua, nargs, 0, 0) == LUA_OK) {
        return true;
    }
    struct str msg = host_error(h);
    if (h->failed) {
        return false;
    }
    bool much = str_eq(msg, STR_LIT("not enough memory"));
    if (much && h->program) {
        return mod_fail(h->call, e, "'%s' gave an answer that is too long for this module (it has %d MiB)", h->program,
                        (int)(SCRIPT_MEMORY >> 20));
    }
    if (str_starts(msg, BUNDLED) && h->program) {
        return mod_fail(h->call, e, "'%s' gave an answer that this module cannot use (%.*s)", h->program, STR(msg));
    }
    return mod_fail(h->call, e, "%.*s", STR(msg));
}

struct str host_check_str(lua_State *lua, int index) {
    size_t n = 0;
    const char *s = luaL_checklstring(lua, index, &n);
    return (struct str){s, n};
}

int host_fail(lua_State *lua, const struct err *e) {
    struct lua_host *h = host_of(lua);
    struct str text = val_text(val_get(h->call->result, "msg"));
    h->failed = true;
    if (!val_truth(val_get(h->call->result, "failed"))) {
        text = err_text(e);
    }
    (void)mod_fail(h->call, h->err, "%.*s", STR(text));
    lua_pushliteral(lua, "failed");
    return lua_error(lua);
}

// -- use -------------------------------------------------------------------------------------------------------------

/// use(name): the table a library of modules/lib/NAME.lua returns; each is run once a state.
static int use(lua_State *lua) {
    const char *name = luaL_checkstring(lua, 1);
    lua_getfield(lua, LUA_REGISTRYINDEX, "used");
    if (lua_getfield(lua, -1, name) != LUA_TNIL) {
        return 1;
    }
    lua_pop(lua, 1);
    const struct module_lua *l = script_library_table;
    while (l->name && strcmp(l->name, name) != 0) {
        l++;
    }
    if (!l->name) {
        return luaL_error(lua, "there is no library '%s'", name);
    }
    const char *chunk = lua_pushfstring(lua, "@%s", l->file);
    if (luaL_loadbufferx(lua, l->source, l->len, chunk, "t") != LUA_OK) {
        return lua_error(lua);
    }
    lua_call(lua, 0, 1);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, 2, name);
    return 1;
}

void host_define_use(lua_State *lua) {
    lua_newtable(lua);
    lua_setfield(lua, LUA_REGISTRYINDEX, "used");
    lua_pushcfunction(lua, use);
    lua_setglobal(lua, "use");
}

int host_raise(lua_State *lua, const struct err *e) {
    struct str text = err_text(e);
    lua_Debug at;
    bool ours = lua_getstack(lua, 1, &at) && lua_getinfo(lua, "S", &at) && str_starts(str_from(at.short_src), BUNDLED);
    if (ours && e->code != ERR_SYNTAX) {
        lua_pushliteral(lua, "");  // what the system refuses is no matter of our modules' lines
    } else {
        luaL_where(lua, 1);
    }
    lua_pushlstring(lua, text.s, text.n);
    lua_concat(lua, 2);
    return lua_error(lua);
}
