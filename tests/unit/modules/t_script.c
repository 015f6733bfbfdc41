// The Lua sandbox and its border: what a module can reach, how it fails, what comes back.
#include "test.h"

#include "big.h"
#include "coerce.h"
#include "module.h"
#include "script.h"

struct fixture {
    struct arena a;
    struct err e;
    struct mod_call c;
};

static const struct module *load(struct fixture *f, const char *source) {
    *f = (struct fixture){0};
    f->e.arena = &f->a;
    return script_module(&f->a, "mine", "mine.lua", str_from(source), &f->e);
}

/// Runs `body` as the module's run function; `args` may be VNULL.
static struct val run(struct fixture *f, const char *body, struct val args) {
    struct arena text = {0};
    const char *source =
        arena_printf(&text, "return {args = {}, any_args = true, check = 'full', run = function(c) %s end}", body);
    const struct module *m = load(f, source);
    arena_release(&text);
    if (!m) {
        print_error("%s\n", f->e.msg);
    }
    CHECK(m != NULL);
    f->c = (struct mod_call){.arena = &f->a, .mod = m, .name = "mine"};
    f->c.args = val_is(args, VAL_DICT) ? args : val_dict(&f->a, 0);
    mod_execute(&f->c);
    return f->c.result;
}

static struct str fails_with(const char *body, struct fixture *f) {
    struct val r = run(f, body, VNULL);
    CHECK(val_truth(val_get(r, "failed")));
    return val_text(val_get(r, "msg"));
}

TEST(errors_carry_their_place) {
    struct fixture f;
    CHECK_STR(fails_with("\n\nerror('no')", &f), "mine.lua:3: no");
    arena_release(&f.a);
    CHECK_STR(fails_with("local x = nil + 1", &f), "mine.lua:1: attempt to perform arithmetic on a nil value");
    arena_release(&f.a);
    CHECK(!load(&f, "return {\n  doc = = 1 }"));
    CHECK(f.e.code == ERR_SYNTAX);
    CHECK_STR(str_from(f.e.msg), "mine.lua:2: unexpected symbol near '='");
    CHECK(mark_place(f.e.at).line == 2);
    arena_release(&f.a);
}

TEST(nothing_dangerous_is_in_reach) {
    static const char *const names[] = {"io",      "os",    "load",  "loadfile",       "dofile",     "require",
                                        "package", "debug", "print", "collectgarbage", "string.dump"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        struct fixture f;
        struct arena text = {0};
        struct val r = run(&f, arena_printf(&text, "c:set('there', %s ~= nil)", names[i]), VNULL);
        CHECK(val_equal(val_get(r, "there"), val_bool(false)));
        arena_release(&text);
        arena_release(&f.a);
    }
    struct fixture f;
    CHECK(!load(&f, "\x1bLua"));  // bytecode
    CHECK(f.e.code == ERR_SYNTAX);
    arena_release(&f.a);
}

TEST(memory_is_limited) {
    struct fixture f;
    CHECK_STR(fails_with("local s = string.rep('x', 1 << 30)", &f), "not enough memory");
    arena_release(&f.a);
    CHECK_STR(fails_with("local t = {} for i = 1, 1e9 do t[i] = {} end", &f), "not enough memory");
    arena_release(&f.a);
}

TEST(time_is_limited) {
    struct fixture f;
    struct str msg = fails_with("while true do end", &f);
    CHECK(str_find(msg, 0, STR_LIT("it ran too long")) != SIZE_MAX);
    arena_release(&f.a);
    msg = fails_with("while true do pcall(function() while true do end end) end", &f);
    CHECK(str_find(msg, 0, STR_LIT("it ran too long")) != SIZE_MAX);
    arena_release(&f.a);
}

TEST(values_cross_the_border_unchanged) {
    struct fixture f = {0};
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct val v = VNULL;
    (void)e;
    v = val_dict(&a, 8);
    struct val list = val_list(&a, 4);
    val_push(&a, list, VNULL);
    val_push(&a, list, val_int(INT64_MAX));
    val_push(&a, list, val_float(2.0));
    val_push(&a, list, val_bool(false));
    val_push(&a, list, val_list(&a, 0));
    val_push(&a, list, val_dict(&a, 0));
    val_push(&a, list, val_str(&a, STR_LIT("a\0b")));
    val_set(&a, v, "v", list);
    struct val r = run(&f, "c:set('v', c.args.v) c:set('empty', {}) c:set('made', list{}) c:set('one', {1, 2})", v);
    struct val got = val_get(r, "v");
    CHECK(val_equal(got, list));
    CHECK(val_at_index(got, 2).kind == VAL_FLOAT);
    CHECK(val_at_index(got, 4).kind == VAL_LIST && val_at_index(got, 5).kind == VAL_DICT);
    CHECK(val_get(r, "empty").kind == VAL_DICT && val_get(r, "made").kind == VAL_LIST);
    CHECK(val_get(r, "one").kind == VAL_LIST && val_len(val_get(r, "one")) == 2);
    arena_release(&f.a);
    arena_release(&a);
}

TEST(dicts_leave_in_the_order_that_they_name) {
    struct fixture f = {0};
    struct val r = run(&f, "c:set('v', dict({a = 1, b = null, c = 3, d = 4}, {'d', 'x', 'b'}))", VNULL);
    struct val v = val_get(r, "v");
    struct vpair *p;
    char keys[8] = {0};
    size_t n = 0;
    for (size_t i = 0; n < 7 && (p = val_each(v, &i));) {
        keys[n++] = val_text(p->key).s[0];
    }
    CHECK(strcmp(keys, "dbac") == 0);
    CHECK(val_get(v, "b").kind == VAL_NULL && val_get(v, "d").u.i == 4);
    arena_release(&f.a);
}

TEST(integers_of_any_size_cross_the_border) {
    struct fixture f = {0};
    struct arena a = {0};
    struct val v = val_dict(&a, 1);
    val_set(&a, v, "v", big_val(&a, STR_LIT("-9223372036854775809")));
    struct val r = run(
        &f,
        "c:set('v', c.args.v) c:set('text', tostring(c.args.v)) c:set('same', integer('-09223372036854775809') == "
        "c.args.v)\n"
        "c:set('other', integer('9223372036854775809') == c.args.v) c:set('big', {integer('0018446744073709551616')})\n"
        "c:set('small', math.type(integer('-0012')) == 'integer' and integer('-0012') + 2)\n"
        "c:set('last', integer('9223372036854775807')) c:set('most', integer(('9'):rep(4300)))",
        v);
    CHECK(is_big(val_get(r, "v")));
    CHECK_STR(big_digits(val_get(r, "v")), "-9223372036854775809");
    CHECK_STR(val_text(val_get(r, "text")), "-9223372036854775809");
    CHECK(val_equal(val_get(r, "same"), val_bool(true)) && val_equal(val_get(r, "other"), val_bool(false)));
    CHECK_STR(big_digits(val_at_index(val_get(r, "big"), 0)), "18446744073709551616");
    CHECK(val_equal(val_get(r, "small"), val_int(-10)));
    CHECK(val_equal(val_get(r, "last"), val_int(INT64_MAX)));
    CHECK(big_digits(val_get(r, "most")).n == BIG_DIGITS);
    arena_release(&f.a);
    arena_release(&a);
    static const char *const wrong[] = {"", "-", "+1", " 1", "1 ", "1.0", "0x10", "1e3", "--1"};
    for (size_t i = 0; i < COUNTOF(wrong); i++) {
        struct arena text = {0};
        struct str msg = fails_with(arena_printf(&text, "integer('%s')", wrong[i]), &f);
        CHECK(str_find(msg, 0, STR_LIT("integer() expects decimal digits")) != SIZE_MAX);
        arena_release(&text);
        arena_release(&f.a);
    }
    struct str msg = fails_with("integer('-' .. ('1'):rep(4301))", &f);
    CHECK_STR(msg, "mine.lua:1: integer() takes at most 4300 digits and found 4301");
    arena_release(&f.a);
}

TEST(an_integer_of_any_size_becomes_what_an_argument_is_declared_as) {
    struct arena a = {0};
    const char *why = NULL;
    struct val out = VNULL;
    struct val big = big_val(&a, STR_LIT("18446744073709551616"));
    CHECK(coerce_value(&a, big, ARG_FLOAT, &out, &why) && val_equal(out, val_float(18446744073709551616.0)));
    CHECK(coerce_value(&a, big, ARG_LIST, &out, &why));
    CHECK_STR(val_text(val_at_index(out, 0)), "18446744073709551616");
    CHECK(coerce_value(&a, big, ARG_STR, &out, &why));
    CHECK_STR(val_text(out), "18446744073709551616");
    CHECK(coerce_value(&a, big, ARG_RAW, &out, &why) && is_big(out));
    arena_release(&a);
}

TEST(what_cannot_leave_is_an_error) {
    struct fixture f;
    CHECK_STR(fails_with("c:set('f', function() end)", &f), "mine.lua:1: a function cannot leave the module");
    arena_release(&f.a);
    struct str msg = fails_with("local t = {} t.t = t c:set('t', t)", &f);
    CHECK(str_find(msg, 0, STR_LIT("nested more than 100 levels deep")) != SIZE_MAX);
    arena_release(&f.a);
}

TEST(results_and_failures) {
    struct fixture f;
    struct val r = run(&f, "c:differs('a', 1, 2) c:warn('w') c:set('x', null)", VNULL);
    CHECK(val_truth(val_get(r, "changed")));
    CHECK(val_is(val_get(r, "x"), VAL_NULL));
    CHECK_STR(val_text(val_at_index(val_get(r, "warnings"), 0)), "w");
    arena_release(&f.a);
    r = run(&f, "c:fail('broken', {rc = 4})", VNULL);
    CHECK(val_truth(val_get(r, "failed")) && val_equal(val_get(r, "rc"), val_int(4)));
    CHECK_STR(val_text(val_get(r, "msg")), "broken");
    arena_release(&f.a);
    r = run(&f, "pcall(function() c:fail('broken') end)", VNULL);
    CHECK(val_truth(val_get(r, "failed")));
    arena_release(&f.a);
    r = run(&f, "c:changed() c:skip('not now')", VNULL);
    CHECK(val_truth(val_get(r, "skipped")) && !val_truth(val_get(r, "changed")));
    arena_release(&f.a);
}

TEST(programs_json_and_patterns) {
    struct fixture f;
    struct val r =
        run(&f,
            "local r = c:exec{argv = {'sh', '-c', 'cat; echo $X >&2; exit 3'}, stdin = 'in', env = {X = 'y'}}\n"
            "c:set('got', r)\n"
            "c:set('json', c.json.decode('{\"a\": [1, null]}').a[1])\n"
            "c:set('text', c.json.encode({b = 1}))\n"
            "local m = c.re.match('key=value', '^(?P<k>\\\\w+)=(.*)$')\n"
            "c:set('k', m.k) c:set('v', m[2]) c:set('all', m[0])\n"
            "c:set('sub', (c.re.gsub('aXbX', 'X', '<\\\\g<0>>')))\n"
            "c:set('none', c.re.match('a', 'b') == nil)\n"
            "c:set('no', c:exec{argv = {'/nonexistent'}}.rc)",
            VNULL);
    struct val got = val_get(r, "got");
    CHECK_STR(val_text(val_get(got, "stdout")), "in");
    CHECK_STR(val_text(val_get(got, "stderr")), "y\n");
    CHECK(val_equal(val_get(got, "rc"), val_int(3)));
    CHECK(val_equal(val_get(r, "json"), val_int(1)));
    CHECK_STR(val_text(val_get(r, "text")), "{\"b\": 1}");
    CHECK_STR(val_text(val_get(r, "k")), "key");
    CHECK_STR(val_text(val_get(r, "v")), "value");
    CHECK_STR(val_text(val_get(r, "all")), "key=value");
    CHECK_STR(val_text(val_get(r, "sub")), "a<X>b<X>");
    CHECK(val_truth(val_get(r, "none")));
    CHECK(val_equal(val_get(r, "no"), val_int(127)));
    arena_release(&f.a);
}

TEST(files) {
    struct fixture f;
    struct val r = run(&f,
                       "local d = c:tmpdir() local p = d .. '/f'\n"
                       "c:set('missing', c.fs.read(p) == nil and c.fs.stat(p) == nil and c.fs.list(p) == nil)\n"
                       "c.fs.write(p, 'text', {mode = 384}) c.fs.write(p, 'more')\n"
                       "local st = c.fs.stat(p)\n"
                       "c:set('mode', st.mode) c:set('type', st.type) c:set('text', c.fs.read(p))\n"
                       "c:set('names', c.fs.list(d)) c:set('removed', c.fs.remove(p) and not c.fs.remove(p))\n"
                       "c:set('made', c.fs.mkdir(d .. '/s') and not c.fs.mkdir(d .. '/s'))\n"
                       "c.fs.remove(d .. '/s') c.fs.remove(d)",
                       VNULL);
    CHECK(val_truth(val_get(r, "missing")));
    CHECK(val_equal(val_get(r, "mode"), val_int(0600)));
    CHECK_STR(val_text(val_get(r, "type")), "file");
    CHECK_STR(val_text(val_get(r, "text")), "more");
    CHECK(val_len(val_get(r, "names")) == 1);
    CHECK(val_truth(val_get(r, "removed")) && val_truth(val_get(r, "made")));
    arena_release(&f.a);
}

TEST(plan_leaves_state_for_run) {
    struct fixture f;
    const struct module *m = load(&f, "return {args = {}, check = 'full',\n"
                                      "plan = function(c) c.state.n = 41 c:changed() end,\n"
                                      "run = function(c) c:set('n', c.state.n + 1) end}");
    CHECK(m != NULL);
    f.c = (struct mod_call){.arena = &f.a, .mod = m, .name = "mine", .args = val_dict(&f.a, 0)};
    mod_execute(&f.c);
    CHECK(val_equal(val_get(f.c.result, "n"), val_int(42)));
    f.c = (struct mod_call){.arena = &f.a, .mod = m, .name = "mine", .args = val_dict(&f.a, 0), .check = true};
    mod_execute(&f.c);
    CHECK(val_is(val_get(f.c.result, "n"), VAL_UNDEF) && val_truth(val_get(f.c.result, "changed")));
    arena_release(&f.a);
}

TEST(tables_are_checked) {
    struct fixture f;
    CHECK(!load(&f, "return {run = function() end, arg = {}}"));
    CHECK_STR(str_from(f.e.msg), "mine.lua: the module has no key 'arg'");
    CHECK_STR(str_from(f.e.hint), "did you mean 'args'?");
    arena_release(&f.a);
    CHECK(!load(&f, "return {run = function() end, args = {x = {type = 'string'}}}"));
    CHECK_STR(str_from(f.e.msg), "mine.lua: argument 'x': 'string' is not a type");
    arena_release(&f.a);
    CHECK(!load(&f, "return {args = {}}"));
    CHECK_STR(str_from(f.e.msg), "mine.lua: run: a module must have this function");
    arena_release(&f.a);
    CHECK(!load(&f, "return 5"));
    CHECK_STR(str_from(f.e.msg), "mine.lua: a module must return a table, not number");
    arena_release(&f.a);
    const struct module *m = load(
        &f,
        "return {run = function() end, check = 'partial', side = 'controller', exclusive = {{'a', 'b'}},\n"
        "required_if = {{'state', 'on', {'a', 'b'}, true}}, required_by = {a = {'b'}},\n"
        "args = {a = {default = 'x', choices = {'x', 'y'}}, b = {type = 'list', default = {'p'}, aliases = {'c'}}}}");
    CHECK(m && m->check == SUPPORT_PARTIAL && m->side == ON_CONTROLLER && !m->plan);
    CHECK_STR(str_from(m->exclusive), "a,b");
    CHECK_STR(str_from(m->required_if), "state=on:a|b");
    CHECK_STR(str_from(m->required_by), "a:b");
    CHECK_STR(str_from(m->args[0].choices), "x|y");
    CHECK_STR(str_from(m->args[1].def), "[\"p\"]");
    CHECK_STR(str_from(m->args[1].aliases), "c");
    arena_release(&f.a);
}
