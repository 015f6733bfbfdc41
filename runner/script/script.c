// Lua modules: reads the table a module returns into a struct module whose plan and run call its Lua functions.
#include "script.h"

#include "lua_host.h"
#include "table.h"

/// What a Lua module's struct module carries: each call runs this source in a state of its own.
struct script {
    const char *name, *file;
    struct str source;
    bool has_plan, has_run, has_prepare, has_finish;
};

// -- calling
// -----------------------------------------------------------------------------------------------------------

/// c.state, plain data that plan leaves for run.
static int push_object(lua_State *lua) {
    const struct val *state = host_of(lua)->call->state;
    host_push_call(lua);
    if (state) {
        host_push(lua, *state);
    } else {
        lua_newtable(lua);
    }
    lua_setfield(lua, -2, "state");
    host_push(lua, host_of(lua)->call->result);
    lua_setfield(lua, -2, "result");
    lua_pushvalue(lua, -1);
    lua_setfield(lua, LUA_REGISTRYINDEX, "c");
    return 1;
}

static int keep_state(lua_State *lua) {
    struct mod_call *c = host_of(lua)->call;
    lua_getfield(lua, LUA_REGISTRYINDEX, "c");
    lua_getfield(lua, -1, "state");
    struct val *state = ARENA_NEW(c->arena, struct val);
    *state = host_value(lua, -1, c->arena);
    c->state = state;
    return 0;
}

static bool call_function(struct mod_call *c, const char *function, struct err *e) {
    const struct script *s = c->mod->script;
    struct lua_host h = {.arena = c->arena, .call = c, .err = e};
    if (!host_open(&h)) {
        return err_set(e, ERR_LIMIT, c->at, "no memory for Lua");
    }
    bool ok = host_load(&h, s->file, s->source, e);
    if (ok) {
        lua_getfield(h.lua, -1, function);
        lua_pushcfunction(h.lua, push_object);
        ok = lua_pcall(h.lua, 0, 1, 0) == LUA_OK;
        if (!ok) {
            struct str why = host_error(&h);
            (void)mod_fail(c, e, "%.*s", STR(why));
        }
        ok = ok && host_call(&h, 1, e);
    }
    if (ok) {
        lua_pushcfunction(h.lua, keep_state);
        ok = host_call(&h, 0, e);
    }
    host_remove_beside(&h);
    host_close(&h);
    return ok;
}

static bool script_plan(struct mod_call *c, struct err *e) {
    return call_function(c, "plan", e);
}

static bool script_run(struct mod_call *c, struct err *e) {
    return call_function(c, "run", e);
}

/// Controller: the template named by one argument becomes the text of another.
static bool script_render(struct mod_call *c, struct err *e) {
    struct str rest = str_from(c->mod->render);
    struct str from;
    struct str to;
    struct str path;
    struct str text;
    bool secret = false;
    if (!str_next(&rest, ':', &from) || !str_next(&rest, ':', &to) || !mod_has(c, str_z(c->arena, from))) {
        return true;
    }
    struct str src = mod_str(c, str_z(c->arena, from));
    if (!c->ctl->find(c->ctl->self, "templates", src, c->arena, &path, e) ||
        !c->ctl->render(c->ctl->self, path, val_dict(c->arena, 0), val_dict(c->arena, 0), c->arena, &text, &secret,
                        e)) {
        return false;
    }
    (void)val_del_key(c->args, val_str(c->arena, from));
    struct val v = val_str(c->arena, text);
    val_set_str(c->arena, c->args, to, secret ? val_flag(v, VAL_SECRET) : v);
    return true;
}

static bool script_prepare(struct mod_call *c, struct err *e) {
    const struct script *s = c->mod->script;
    return (!c->mod->render || script_render(c, e)) && (!s->has_prepare || call_function(c, "prepare", e));
}

static bool script_finish(struct mod_call *c, struct err *e) {
    return call_function(c, "finish", e);
}

// -- reading the table ---------------------------------------------------------------------------------------------

/// A list of lists of names as "a,b;c,d".
static const char *groups(struct reader *r, struct val v) {
    if (!val_is(v, VAL_LIST)) {
        return table_names(r, v, ";");
    }
    struct buf b = BUF_IN(r->a);
    for (size_t i = 0; i < val_len(v); i++) {
        const char *group = table_names(r, val_at_index(v, i), ",");
        buf_printf(&b, "%s%s", i ? ";" : "", group ? group : "");
    }
    return str_z(r->a, buf_view(&b));
}

/// {{"state", "present", {"a", "b"}, any}} as "state=present:a,b".
static const char *required_if(struct reader *r, struct val v) {
    if (!val_is(v, VAL_LIST)) {
        return table_names(r, v, ";");
    }
    struct buf b = BUF_IN(r->a);
    for (size_t i = 0; i < val_len(v); i++) {
        struct val rule = val_at_index(v, i);
        if (val_len(rule) < 3) {
            continue;
        }
        bool any = val_len(rule) > 3 && val_truth(val_at_index(rule, 3));
        const char *names = table_names(r, val_at_index(rule, 2), any ? "|" : ",");
        buf_printf(&b, "%s%.*s=%.*s:%s", b.n ? ";" : "", STR(val_str_of(r->a, val_at_index(rule, 0))),
                   STR(val_str_of(r->a, val_at_index(rule, 1))), names ? names : "");
    }
    return str_z(r->a, buf_view(&b));
}

/// {a = {"b", "c"}} as "a:b,c".
static const char *required_by(struct reader *r, struct val v) {
    if (!val_is(v, VAL_DICT)) {
        return table_names(r, v, ";");
    }
    struct buf b = BUF_IN(r->a);
    struct vpair *p;
    for (size_t i = 0; (p = val_each(v, &i));) {
        const char *names = table_names(r, p->value, ",");
        buf_printf(&b, "%s%.*s:%s", b.n ? ";" : "", STR(val_text(p->key)), names ? names : "");
    }
    return str_z(r->a, buf_view(&b));
}

static bool read_support(struct reader *r, struct val d, const char *key, enum support without, enum support *out) {
    static const char *const names[] = {"none", "partial", "full"};
    const char *name = table_text(r, d, key);
    for (size_t i = 0; name && i < COUNTOF(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum support)i;
            return true;
        }
    }
    *out = without;
    return !name || table_wrong(r, key, "must be full, partial or none");
}

static bool read_module(struct reader *r, struct val d, struct module *m) {
    static const char *const keys[] = {"doc",
                                       "example",
                                       "spec",
                                       "args",
                                       "returns",
                                       "side",
                                       "check",
                                       "diff",
                                       "plan",
                                       "run",
                                       "prepare",
                                       "finish",
                                       "exclusive",
                                       "required_one_of",
                                       "required_together",
                                       "required_if",
                                       "required_by",
                                       "free_form",
                                       "file_args",
                                       "any_args",
                                       "always_diff",
                                       "order",
                                       "render"};
    if (!table_keys(r, d, "the module", keys, COUNTOF(keys))) {
        return false;
    }
    m->doc = table_text(r, d, "doc");
    m->example = table_text(r, d, "example");
    m->spec = table_text(r, d, "spec");
    m->returns = table_text(r, d, "returns");
    m->order = table_text(r, d, "order");
    m->free_form = table_text(r, d, "free_form");
    m->render = table_text(r, d, "render");
    m->exclusive = groups(r, val_get(d, "exclusive"));
    m->required_one_of = groups(r, val_get(d, "required_one_of"));
    m->required_together = groups(r, val_get(d, "required_together"));
    m->required_if = required_if(r, val_get(d, "required_if"));
    m->required_by = required_by(r, val_get(d, "required_by"));
    m->any_args = val_truth(val_get(d, "any_args"));
    m->file_args = val_truth(val_get(d, "file_args"));
    m->always_diff = val_truth(val_get(d, "always_diff"));
    const char *side = table_text(r, d, "side");
    m->side = side && strcmp(side, "controller") == 0 ? ON_CONTROLLER : ON_TARGET;
    if (side && strcmp(side, "controller") != 0 && strcmp(side, "target") != 0) {
        return table_wrong(r, "side", "must be target or controller");
    }
    struct val args = val_get(d, "args");
    return read_support(r, d, "check", SUPPORT_NONE, &m->check) && read_support(r, d, "diff", SUPPORT_FULL, &m->diff) &&
           table_args(r, val_is(args, VAL_UNDEF) ? val_dict(r->a, 0) : args, "the module", &m->args);
}

/// Runs protected: turns the module's table, without its functions, into a value.
static int table_value(lua_State *lua) {
    static const char *const functions[] = {"plan", "run", "prepare", "finish"};
    for (size_t i = 0; i < COUNTOF(functions); i++) {
        if (lua_getfield(lua, 1, functions[i]) == LUA_TFUNCTION) {
            lua_pushboolean(lua, true);
            lua_setfield(lua, 1, functions[i]);
        }
        lua_pop(lua, 1);
    }
    struct val *out = lua_touserdata(lua, 2);
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

const struct module *script_module(struct arena *a, const char *name, const char *file, struct str source,
                                   struct err *e) {
    struct lua_host h = {.arena = a};
    if (!host_open(&h)) {
        (void)err_set(e, ERR_LIMIT, NO_MARK, "no memory for Lua");
        return NULL;
    }
    struct val table = VNULL;
    bool ok = host_load(&h, file, source, e) && read_table(&h, &table, e);
    host_close(&h);
    struct reader r = {a, file, e};
    struct module *m = ARENA_NEW(a, struct module);
    if (!ok || !read_module(&r, table, m)) {
        return NULL;
    }
    struct script *s = ARENA_NEW(a, struct script);
    *s = (struct script){.name = arena_strndup(a, name, strlen(name)),
                         .file = arena_strndup(a, file, strlen(file)),
                         .source = str_dup(a, source),
                         .has_plan = val_is(val_get(table, "plan"), VAL_BOOL),
                         .has_run = val_is(val_get(table, "run"), VAL_BOOL),
                         .has_prepare = val_is(val_get(table, "prepare"), VAL_BOOL),
                         .has_finish = val_is(val_get(table, "finish"), VAL_BOOL)};
    if (!s->has_run) {
        (void)table_wrong(&r, "run", "a module must have this function");
        return NULL;
    }
    m->plan = s->has_plan ? script_plan : NULL;
    m->run = script_run;
    m->prepare = m->render || s->has_prepare ? script_prepare : NULL;
    m->finish = s->has_finish ? script_finish : NULL;
    m->script = s;
    return m;
}

struct str script_source(const struct module *m) {
    const struct script *s = m->script;
    return s ? s->source : STR_NONE;
}
