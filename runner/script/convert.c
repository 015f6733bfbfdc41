// Values across the border. Lists carry a metatable, so that an empty one stays a list; null is a sentinel; an integer
// beyond 64 bits is a userdata that holds its digits.
#include "lua_host.h"

#include "big.h"

#include <lauxlib.h>

#define LIST_META    "play.list"
#define DICT_META    "play.dict"
#define INTEGER_META "play.integer"
#define ORDERS       "play.orders"  // in the registry: dict -> list of its keys

static const char null_tag = 0;

static void push_null(lua_State *lua) {
    union {
        const void *in;
        void *out;
    } u = {.in = &null_tag};
    lua_pushlightuserdata(lua, u.out);
}

static bool is_null(lua_State *lua, int index) {
    return lua_type(lua, index) == LUA_TLIGHTUSERDATA && lua_touserdata(lua, index) == (const void *)&null_tag;
}

static bool has_meta(lua_State *lua, int index, const char *name) {
    if (!lua_getmetatable(lua, index)) {
        return false;
    }
    luaL_getmetatable(lua, name);
    bool same = lua_rawequal(lua, -1, -2);
    lua_pop(lua, 2);
    return same;
}

static int make(lua_State *lua, const char *meta) {
    if (lua_isnoneornil(lua, 1)) {
        lua_settop(lua, 0);
        lua_newtable(lua);
    }
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 1);
    luaL_setmetatable(lua, meta);
    return 1;
}

static int make_list(lua_State *lua) {
    return make(lua, LIST_META);
}

/// dict(table, keys): one that leaves the module with these keys first, in this order.
static int make_dict(lua_State *lua) {
    if (!lua_isnoneornil(lua, 2)) {
        luaL_checktype(lua, 1, LUA_TTABLE);
        luaL_checktype(lua, 2, LUA_TTABLE);
        lua_getfield(lua, LUA_REGISTRYINDEX, ORDERS);
        lua_pushvalue(lua, 1);
        lua_pushvalue(lua, 2);
        lua_rawset(lua, -3);
    }
    return make(lua, DICT_META);
}

static void push_big(lua_State *lua, struct str digits) {
    memcpy(lua_newuserdatauv(lua, digits.n, 0), digits.s, digits.n);
    luaL_setmetatable(lua, INTEGER_META);
}

static struct str digits_at(lua_State *lua, int index) {
    const char *digits = luaL_testudata(lua, index, INTEGER_META);
    return digits ? (struct str){digits, lua_rawlen(lua, index)} : STR_NONE;
}

static int integer_text(lua_State *lua) {
    struct str digits = digits_at(lua, 1);
    lua_pushlstring(lua, digits.s, digits.n);
    return 1;
}

static int integer_same(lua_State *lua) {
    struct str a = digits_at(lua, 1);
    struct str b = digits_at(lua, 2);
    lua_pushboolean(lua, a.s && b.s && str_eq(a, b));
    return 1;
}

/// integer("-00123"): a Lua integer when 64 bits hold it, else a userdata.
static int make_integer(lua_State *lua) {
    struct str text = {0};
    text.s = luaL_checklstring(lua, 1, &text.n);
    bool negative = text.n && text.s[0] == '-';
    size_t from = negative;
    size_t digits = 0;
    while (from + digits < text.n && text.s[from + digits] >= '0' && text.s[from + digits] <= '9') {
        digits++;
    }
    if (!digits || from + digits < text.n) {
        return luaL_error(lua, "integer() expects decimal digits, with a \"-\" before them or not, and found \"%s\"",
                          text.s);
    }
    while (digits > 1 && text.s[from] == '0') {
        from++;
        digits--;
    }
    if (digits > BIG_DIGITS) {
        return luaL_error(lua, "integer() takes at most %d digits and found %d", BIG_DIGITS, (int)digits);
    }
    char plain[BIG_DIGITS + 1];
    plain[0] = '-';
    memcpy(plain + negative, text.s + from, digits);
    struct str value = {plain, digits + negative};
    int64_t small;
    if (str_int(value, &small)) {
        lua_pushinteger(lua, small);
    } else {
        push_big(lua, value);
    }
    return 1;
}

void host_define_values(lua_State *lua) {
    luaL_newmetatable(lua, LIST_META);
    luaL_newmetatable(lua, DICT_META);
    luaL_newmetatable(lua, INTEGER_META);
    lua_pushcfunction(lua, integer_text);
    lua_setfield(lua, -2, "__tostring");
    lua_pushcfunction(lua, integer_same);
    lua_setfield(lua, -2, "__eq");
    lua_pop(lua, 3);
    lua_newtable(lua);
    lua_newtable(lua);
    lua_pushliteral(lua, "k");
    lua_setfield(lua, -2, "__mode");
    lua_setmetatable(lua, -2);
    lua_setfield(lua, LUA_REGISTRYINDEX, ORDERS);
    lua_pushcfunction(lua, make_integer);
    lua_setglobal(lua, "integer");
    lua_pushcfunction(lua, make_list);
    lua_setglobal(lua, "list");
    lua_pushcfunction(lua, make_dict);
    lua_setglobal(lua, "dict");
    push_null(lua);
    lua_setglobal(lua, "null");
}

static void push_list(lua_State *lua, struct val v) {
    size_t n = val_len(v);
    lua_createtable(lua, n < INT32_MAX ? (int)n : 0, 0);
    for (size_t i = 0; i < n; i++) {
        host_push(lua, val_at_index(v, i));
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
    luaL_setmetatable(lua, LIST_META);
}

static void push_dict(lua_State *lua, struct val v) {
    lua_newtable(lua);
    struct vpair *p;
    for (size_t i = 0; (p = val_each(v, &i));) {
        host_push(lua, p->key);
        host_push(lua, p->value);
        lua_rawset(lua, -3);
    }
    luaL_setmetatable(lua, DICT_META);
}

void host_push(lua_State *lua, struct val v) {
    luaL_checkstack(lua, 4, "a value is nested too deep");
    switch ((enum val_kind)v.kind) {
    case VAL_UNDEF:
    case VAL_OMIT:
        lua_pushnil(lua);
        return;
    case VAL_OBJ:
        if (is_big(v)) {
            push_big(lua, big_digits(v));
            return;
        }
        push_null(lua);
        return;
    case VAL_NULL:
        push_null(lua);
        return;
    case VAL_BOOL:
        lua_pushboolean(lua, v.u.b);
        return;
    case VAL_INT:
        lua_pushinteger(lua, v.u.i);
        return;
    case VAL_FLOAT:
        lua_pushnumber(lua, v.u.f);
        return;
    case VAL_STR:
        lua_pushlstring(lua, v.u.s->s, v.u.s->n);
        return;
    case VAL_LIST:
    case VAL_TUPLE:
        push_list(lua, v);
        return;
    case VAL_DICT:
        push_dict(lua, v);
        return;
    }
    BUG("value kind %d", v.kind);
}

static struct val value_at(lua_State *lua, int index, struct arena *a, int depth);

/// A table is a list when it says so, or when it is not empty and its keys are 1..n.
static bool is_list(lua_State *lua, int index) {
    if (has_meta(lua, index, LIST_META)) {
        return true;
    }
    lua_Unsigned n = lua_rawlen(lua, index);
    lua_Unsigned keys = 0;
    if (n == 0 || has_meta(lua, index, DICT_META)) {
        return false;
    }
    for (lua_pushnil(lua); lua_next(lua, index); lua_pop(lua, 1)) {
        keys++;
    }
    return keys == n;
}

static int compare_keys(const void *x, const void *y) {
    const struct vpair *a = x;
    const struct vpair *b = y;
    return str_cmp(val_text(a->key), val_text(b->key));
}

/// Puts the keys that dict(table, keys) named into d, for those that the table has.
static void read_order(lua_State *lua, int index, struct arena *a, struct val d) {
    lua_getfield(lua, LUA_REGISTRYINDEX, ORDERS);
    lua_pushvalue(lua, index);
    lua_rawget(lua, -2);
    lua_Unsigned n = lua_istable(lua, -1) ? lua_rawlen(lua, -1) : 0;
    for (lua_Unsigned i = 1; i <= n; i++) {
        lua_rawgeti(lua, -1, (lua_Integer)i);
        lua_pushvalue(lua, -1);
        if (lua_type(lua, -1) == LUA_TSTRING && lua_rawget(lua, index) != LUA_TNIL) {
            val_set_key(a, d, host_value(lua, -2, a), VNULL);
        }
        lua_pop(lua, 2);
    }
    lua_pop(lua, 2);
}

/// The pairs of a dict sorted by key, unless it says otherwise: Lua has no order, results should not change from run to
/// run.
static struct val read_dict(lua_State *lua, int index, struct arena *a, int depth) {
    struct {
        struct vpair *p;
        size_t n, cap;
    } pairs = {0};
    for (lua_pushnil(lua); lua_next(lua, index); lua_pop(lua, 1)) {
        struct vpair pair = {.key = value_at(lua, lua_gettop(lua) - 1, a, depth)};
        if (!val_is(pair.key, VAL_STR)) {
            pair.key = val_str(a, val_str_of(a, pair.key));
        }
        pair.value = value_at(lua, lua_gettop(lua), a, depth);
        VEC_PUSH(a, pairs, pair);
    }
    if (pairs.n) {
        qsort(pairs.p, pairs.n, sizeof *pairs.p, compare_keys);
    }
    struct val d = val_dict(a, pairs.n);
    read_order(lua, index, a, d);
    for (size_t i = 0; i < pairs.n; i++) {
        val_set_key(a, d, pairs.p[i].key, pairs.p[i].value);
    }
    return d;
}

static struct val read_table(lua_State *lua, int index, struct arena *a, int depth) {
    if (depth >= SCRIPT_DEPTH) {
        luaL_error(lua, "a value is nested more than %d levels deep", SCRIPT_DEPTH);
    }
    luaL_checkstack(lua, 6, "a value is nested too deep");
    if (!is_list(lua, index)) {
        return read_dict(lua, index, a, depth + 1);
    }
    lua_Unsigned n = lua_rawlen(lua, index);
    struct val list = val_list(a, n);
    for (lua_Unsigned i = 1; i <= n; i++) {
        lua_rawgeti(lua, index, (lua_Integer)i);
        val_push(a, list, value_at(lua, lua_gettop(lua), a, depth + 1));
        lua_pop(lua, 1);
    }
    return list;
}

static struct val value_at(lua_State *lua, int index, struct arena *a, int depth) {
    switch (lua_type(lua, index)) {
    case LUA_TNONE:
    case LUA_TNIL:
        return VNULL;
    case LUA_TBOOLEAN:
        return val_bool(lua_toboolean(lua, index));
    case LUA_TNUMBER:
        return lua_isinteger(lua, index) ? val_int(lua_tointeger(lua, index)) : val_float(lua_tonumber(lua, index));
    case LUA_TSTRING: {
        size_t n = 0;
        const char *s = lua_tolstring(lua, index, &n);
        return val_str(a, (struct str){s, n});
    }
    case LUA_TTABLE:
        return read_table(lua, index, a, depth);
    case LUA_TUSERDATA:
        if (luaL_testudata(lua, index, INTEGER_META)) {
            return big_val(a, digits_at(lua, index));
        }
        break;
    default:
        break;
    }
    if (!is_null(lua, index)) {
        luaL_error(lua, "a %s cannot leave the module", luaL_typename(lua, index));
    }
    return VNULL;
}

struct val host_value(lua_State *lua, int index, struct arena *a) {
    return value_at(lua, lua_absindex(lua, index), a, 0);
}
