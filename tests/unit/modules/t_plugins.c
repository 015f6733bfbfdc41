// Filters, tests and lookups in Lua: their tables, calls, limits and what they may reach.
#include "test.h"

#include "module.h"
#include "script.h"

struct fixture {
    struct arena a;
    struct err e;
    struct script_plugin *list;
    size_t n;
};

static bool load(struct fixture *f, const char *source) {
    *f = (struct fixture){0};
    f->e.arena = &f->a;
    return script_plugins(&f->a, "mine", "mine.lua", str_from(source), &f->list, &f->n, &f->e);
}

static bool call(struct fixture *f, struct val arg, struct val options, const struct script_env *env, struct val *out) {
    return script_plugin_call(&f->list[0], &f->a, &arg, 1, options, env, NO_MARK, out, &f->e);
}

TEST(plugin_tables_are_read) {
    struct fixture f;
    CHECK(load(&f, "return {doc = 'D', params = 'value, n=1', args = {n = {type = 'int', doc = 'N'}},\n"
                   "example = '1 is odd', run = function(v) return v end}"));
    CHECK(f.n == 1);
    CHECK_STR(str_from(f.list[0].name), "mine");
    CHECK_STR(str_from(f.list[0].params), "value, n=1");
    CHECK_STR(str_from(f.list[0].args[0].doc), "N");
    arena_release(&f.a);
    CHECK(load(&f, "return {plugins = {b = {run = function() end}, a = {run = function() end}}}"));
    CHECK(f.n == 2 && f.list[0].nested);
    CHECK_STR(str_from(f.list[0].name), "a");
    arena_release(&f.a);
    CHECK(!load(&f, "return {run = 5}"));
    CHECK_STR(str_from(f.e.msg), "mine.lua: the plugin 'mine' needs a function 'run'");
    arena_release(&f.a);
    CHECK(!load(&f, "return {run = function() end, param = ''}"));
    CHECK_STR(str_from(f.e.hint), "did you mean 'params'?");
    arena_release(&f.a);
    CHECK(!load(&f, "return {"));
    CHECK(f.e.code == ERR_SYNTAX);
    arena_release(&f.a);
}

TEST(plugins_are_called) {
    struct fixture f;
    struct val out = VNULL;
    CHECK(load(&f, "return {run = function(v, o) return {v:upper(), o and o.x or 'none', json.encode({1}),\n"
                   "re.gsub(v, '(.)', '<\\\\1>')} end}"));
    struct val options = val_dict(&f.a, 1);
    val_set(&f.a, options, "x", val_int(5));
    CHECK(call(&f, val_z(&f.a, "ab"), options, NULL, &out));
    CHECK_STR(val_str_of(&f.a, out), "['AB', 5, '[1]', '<a><b>', 2]");
    CHECK(!val_any_flag(out, VAL_TRUSTED | VAL_TMPL));
    arena_release(&f.a);
    CHECK(load(&f, "return {run = function(v)\n  error('no ' .. v)\nend}"));
    CHECK(!call(&f, val_z(&f.a, "x"), VNULL, NULL, &out));
    CHECK_STR(str_from(f.e.msg), "'mine': mine.lua:2: no x");
    arena_release(&f.a);
}

TEST(plugins_are_sandboxed) {
    static const char *const bodies[] = {
        "while true do end",    "local t = {} while true do t[#t + 1] = ('x'):rep(99999) .. #t end",
        "return os.time()",     "return io.open('/etc/passwd')",
        "return require('os')", "return load('return 1')()"};
    for (size_t i = 0; i < COUNTOF(bodies); i++) {
        struct fixture f;
        struct val out = VNULL;
        struct arena text = {0};
        CHECK(load(&f, arena_printf(&text, "return {run = function(v) %s end}", bodies[i])));
        CHECK(!call(&f, VNULL, VNULL, NULL, &out));
        arena_release(&text);
        arena_release(&f.a);
    }
}

static bool give(void *self, struct str name, struct arena *a, struct str *text, struct err *e) {
    (void)self;
    *text = str_printf(a, "<%.*s>", STR(name));
    return !str_eqz(name, "none") || err_set(e, ERR_NOT_FOUND, NO_MARK, "no file");
}

TEST(lookups_reach_what_they_are_lent) {
    const struct script_env env = {.read = give};
    struct fixture f;
    struct val out = VNULL, terms;
    CHECK(load(&f, "return {run = function(terms, o, c) return {c.read(terms[1]), c.var == nil} end}"));
    terms = val_list(&f.a, 1);
    val_push(&f.a, terms, val_z(&f.a, "f"));
    CHECK(call(&f, terms, val_dict(&f.a, 0), &env, &out));
    CHECK_STR(val_str_of(&f.a, out), "['<f>', True]");
    terms = val_list(&f.a, 1);
    val_push(&f.a, terms, val_z(&f.a, "none"));
    CHECK(!call(&f, terms, val_dict(&f.a, 0), &env, &out));
    arena_release(&f.a);
}
