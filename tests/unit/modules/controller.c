// The controller's own modules behind a fake of what exec lends them. Expected results were recorded from
// ansible-core 2.14 (-vv, arguments as here).
#include "load.h"
#include "module.h"
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

struct fake {
    struct arena a;
    struct err e;
    struct val vars;
    const char *dir;     // where files are found
    const char *answer;  // NULL: nobody at the terminal
    const char *shown;   // lines on the screen
    struct mod_ctl ctl;
    struct mod_call call;
};

static bool fake_find(void *self, const char *kind, struct str name, struct arena *a, struct str *path, struct err *e) {
    const struct fake *f = self;
    struct stat st;
    const char *p = arena_printf(a, "%s/%s/%.*s", f->dir, kind, STR(name));
    if (stat(p, &st) != 0) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "Could not find or access '%.*s'", STR(name));
    }
    *path = str_from(p);
    return true;
}

static bool fake_load(void *self, struct str path, struct arena *a, struct val *out, struct err *e) {
    (void)self;
    char *text = arena_alloc(a, 4096);
    FILE *in = fopen(str_z(a, path), "r");
    if (!in) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "no such file");
    }
    size_t n = fread(text, 1, 4095, in);
    fclose(in);
    struct yaml_opts o = {.trusted = true};
    return yaml_load("vars", (struct str){text, n}, &o, a, out, e);
}

/// Expressions are dotted names, a trailing "+" is a mistake in the expression.
// NOLINTNEXTLINE(readability-function-size): the parameters are the interface's
static bool fake_eval(void *self, struct str expr, struct mark at, bool allow_undef, struct arena *a, struct val *out,
                      struct err *e) {
    const struct fake *f = self;
    struct val v = f->vars;
    (void)a;
    CHECK(allow_undef);
    if (str_ends(expr, "+")) {
        return err_set(e, ERR_SYNTAX, at, "unexpected end");
    }
    for (struct str part; str_next(&expr, '.', &part);) {
        v = val_get_str(v, part);
    }
    *out = v;
    return true;
}

static struct val fake_typed(void *self, struct val v) {
    (void)self;
    return v;
}

static bool fake_truth(void *self, struct val cond, bool *out, struct err *e) {
    (void)self;
    if (str_eqz(val_text(cond), "broken")) {
        return err_set(e, ERR_SYNTAX, cond.mark, "The conditional check 'broken' failed.");
    }
    *out = cond.kind == VAL_BOOL ? cond.u.b : str_eqz(val_text(cond), "1 == 1");
    return true;
}

static bool fake_var(void *self, const char *name, struct arena *a, struct val *out, struct err *e) {
    const struct fake *f = self;
    (void)a;
    (void)e;
    *out = val_get(f->vars, name);
    return true;
}

static struct str fake_title(void *self) {
    (void)self;
    return STR_LIT("a pause");
}

static void fake_show(void *self, const char *line) {
    struct fake *f = self;
    f->shown = arena_printf(&f->a, "%s%s\n", f->shown ? f->shown : "", line);
}

static bool fake_ask(void *self, bool echo, struct arena *a, struct str *out, struct err *e) {
    const struct fake *f = self;
    (void)a;
    if (!f->answer) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "no terminal");
    }
    CHECK(strstr(f->shown, "[a pause]\nReally?") != NULL && (strstr(f->shown, "hidden") != NULL) == !echo);
    *out = str_from(f->answer);
    return true;
}

static struct val yaml(struct fake *f, const char *text) {
    struct yaml_opts o = {.trusted = true};
    struct val v = {0};
    if (!yaml_load("args", str_from(text), &o, &f->a, &v, &f->e)) {
        fail_msg("%.*s", STR(err_text(&f->e)));
    }
    return v;
}

static void fake_open(struct fake *f) {
    *f = (struct fake){.e = {.arena = &f->a}};
    f->ctl = (struct mod_ctl){.self = f,
                              .find = fake_find,
                              .load_vars = fake_load,
                              .eval = fake_eval,
                              .typed = fake_typed,
                              .truth = fake_truth,
                              .var = fake_var,
                              .title = fake_title,
                              .show = fake_show,
                              .ask = fake_ask};
    f->vars = yaml(f, "{foo: {bar: [1]}, h: {y: 2, z: 3}}");
}

/// Runs a module; the result is what Ansible shows, with the keys sorted by nobody: compared as dicts.
static void expect(struct fake *f, const char *name, const char *args, const char *result) {
    const struct module *m = module_find(str_from(name));
    struct val valid;
    CHECK(m != NULL);
    if (!mod_validate(m, name, yaml(f, args), NO_MARK, &f->a, &valid, &f->e)) {
        fail_msg("%.*s", STR(err_text(&f->e)));
    }
    f->call = (struct mod_call){.arena = &f->a, .mod = m, .name = name, .args = valid, .ctl = &f->ctl};
    mod_execute(&f->call);
    struct val got = f->call.result;
    struct val want = yaml(f, result);
    if (!val_equal(got, want)) {
        fail_msg("%s %s\n got %.*s\nwant %.*s", name, args, STR(val_str_of(&f->a, got)), STR(val_str_of(&f->a, want)));
    }
}

TEST(ctl_debug) {
    struct fake f;
    fake_open(&f);
#define ALWAYS ", failed: false, changed: false, _ansible_verbose_always: true}"
    expect(&f, "debug", "{}", "{msg: Hello world!" ALWAYS);
    expect(&f, "debug", "{msg: [a, b]}", "{msg: [a, b]" ALWAYS);
    expect(&f, "debug", "{var: foo.bar}", "{foo.bar: [1]" ALWAYS);
    expect(&f, "debug", "{var: nope}", "{nope: 'VARIABLE IS NOT DEFINED!'" ALWAYS);
    expect(&f, "debug", "{var: [1]}", "{\"<class 'list'>\": 'VARIABLE IS NOT DEFINED!'" ALWAYS);
    expect(&f, "debug", "{var: 5}", "{'5': 'VARIABLE IS NOT DEFINED!'" ALWAYS);
    expect(&f, "debug", "{var: !unsafe 'h'}", "{h: {y: 2, z: 3}" ALWAYS);
    expect(&f, "debug", "{var: !unsafe 'h +'}", "{'h +': 'h +'" ALWAYS);
    expect(&f, "debug", "{var: h +}", "{msg: unexpected end, failed: true, changed: false}");
    expect(&f, "debug", "{msg: a, var: b}",
           "{msg: \"'msg' and 'var' are incompatible options\", failed: true, changed: false}");
    expect(&f, "debug", "{msg: a, verbosity: 2}",
           "{skipped_reason: Verbosity threshold not met., skipped: true, failed: false, changed: false}");
    f.ctl.verbosity = 2;
    expect(&f, "debug", "{msg: a, verbosity: 2}", "{msg: a" ALWAYS);
    expect(&f, "debug", "{var: [1]}", "{\"<class 'list'>\": 'VARIABLE IS NOT DEFINED!: '" ALWAYS);
    arena_release(&f.a);
}

TEST(ctl_assert) {
    struct fake f;
    fake_open(&f);
    expect(&f, "assert", "{that: ['1 == 1', true]}", "{msg: All assertions passed" ALWAYS);
    expect(&f, "assert", "{that: 1 == 1, success_msg: [x, y], quiet: yes}",
           "{msg: [x, y], failed: false, changed: false}");
    expect(&f, "assert", "{that: ['1 == 1', '1 == 2'], msg: [x, y]}",
           "{assertion: 1 == 2, evaluated_to: false, msg: [x, y], failed: true, changed: false, "
           "_ansible_verbose_always: true}");
    expect(&f, "assert", "{that: '1 == 2', quiet: true}",
           "{assertion: 1 == 2, evaluated_to: false, msg: Assertion failed, failed: true, changed: false}");
    expect(&f, "assert", "{that: a, fail_msg: 5}",
           "{msg: \"Incorrect type for fail_msg or msg, expected a string or list and got <class 'int'>\", "
           "failed: true, changed: false}");
    expect(&f, "assert", "{that: a, success_msg: [1]}",
           "{msg: Type of one of the elements in success_msg list is not string type, failed: true, changed: false}");
    expect(&f, "assert", "{that: broken, quiet: true}",
           "{msg: \"The conditional check 'broken' failed.\", failed: true, changed: false}");
    arena_release(&f.a);
}

TEST(ctl_fail) {
    struct fake f;
    fake_open(&f);
    expect(&f, "fail", "{}", "{msg: Failed as requested from task, failed: true, changed: false}");
    expect(&f, "fail", "{msg: [1]}", "{msg: [1], failed: true, changed: false}");
    arena_release(&f.a);
}

TEST(ctl_set_fact) {
    struct fake f;
    fake_open(&f);
    expect(&f, "set_fact", "{q: 'yes', w: 5, s: maybe, _dynamic: [{key: k1, value: 2}]}",
           "{ansible_facts: {q: true, w: 5, s: maybe, k1: 2}, _ansible_facts_cacheable: false, failed: false, "
           "changed: false}");
    expect(&f, "set_fact", "{a: 1, cacheable: yes}",
           "{ansible_facts: {a: 1}, _ansible_facts_cacheable: true, failed: false, changed: false}");
    expect(&f, "set_fact", "{a-b: 1}",
           "{msg: \"The variable name 'a-b' is not valid. Variables must start with a letter or underscore character, "
           "and contain only letters, numbers and underscores.\", failed: true, changed: false}");
    expect(&f, "set_fact", "{cacheable: yes}",
           "{msg: 'No key/value pairs provided, at least one is required for this action to succeed', failed: true, "
           "changed: false}");
    arena_release(&f.a);
}

TEST(ctl_inventory_modules) {
    struct fake f;
    fake_open(&f);
    expect(&f, "add_host", "{name: 'h1:2222', groups: 'g1, g2', v: 1}",
           "{add_host: {host_name: h1, groups: [g1, g2], host_vars: {v: 1, ansible_ssh_port: 2222}}, failed: false, "
           "changed: false}");
    expect(&f, "add_host", "{hostname: '::1', groupname: [g1, g1]}",
           "{add_host: {host_name: '::1', groups: [g1], host_vars: {}}, failed: false, changed: false}");
    expect(&f, "add_host", "{host: '[::1]:22'}",
           "{add_host: {host_name: '::1', groups: [], host_vars: {ansible_ssh_port: 22}}, failed: false, "
           "changed: false}");
    expect(&f, "add_host", "{_raw_params: {name: a, x: 1}, x: 2}",
           "{add_host: {host_name: a, groups: [], host_vars: {x: 2}}, failed: false, changed: false}");
    expect(&f, "add_host", "{v: 1}",
           "{msg: 'name, host or hostname needs to be provided', failed: true, changed: false}");
    expect(&f, "group_by", "{key: a b, parents: p}",
           "{add_group: a-b, parent_groups: [p], failed: false, changed: false}");
    expect(&f, "group_by", "{key: a}", "{add_group: a, parent_groups: [all], failed: false, changed: false}");
    expect(&f, "set_stats", "{data: {x: 1}, per_host: true}",
           "{ansible_stats: {data: {x: 1}, per_host: true, aggregate: true}, failed: false, changed: false}");
    arena_release(&f.a);
}

TEST(ctl_pause) {
    struct fake f;
    fake_open(&f);
    const struct module *m = module_find(STR_LIT("pause"));
    static const char *const forms[][2] = {
        {"{seconds: 2}", "Paused for 2.0 seconds"},
        {"{seconds: 0.5}", "Paused for 1.0 seconds"},
        {"{minutes: 1}", "Paused for 1.0 minutes"},
    };
    for (size_t i = 0; i < COUNTOF(forms); i++) {
        struct val valid;
        CHECK(mod_validate(m, "pause", yaml(&f, forms[i][0]), NO_MARK, &f.a, &valid, &f.e));
        f.call = (struct mod_call){.arena = &f.a, .mod = m, .name = "pause", .args = valid, .ctl = &f.ctl};
        mod_execute(&f.call);
        CHECK_STR(val_text(val_get(f.call.result, "stdout")), forms[i][1]);
        CHECK(val_get(f.call.result, "delta").u.i * 1000 == f.call.sleep_ms && f.call.sleep_ms >= 1000);
        assert_int_equal(val_text(val_get(f.call.result, "start")).n, 26);
    }
    struct val valid;
    CHECK(mod_validate(m, "pause", yaml(&f, "{prompt: 'Really?', echo: no}"), NO_MARK, &f.a, &valid, &f.e));
    f.call = (struct mod_call){.arena = &f.a, .mod = m, .name = "pause", .args = valid, .ctl = &f.ctl};
    mod_execute(&f.call);
    CHECK(val_len(val_get(f.call.result, "warnings")) == 1);
    f.answer = "sure";
    f.call.result = (struct val){0};
    mod_execute(&f.call);
    struct val input = val_get(f.call.result, "user_input");
    CHECK_STR(val_text(input), "sure");
    CHECK(input.flags & VAL_SECRET);
    CHECK(!mod_validate(m, "pause", yaml(&f, "{seconds: 1, minutes: 1}"), NO_MARK, &f.a, &valid, &f.e));
    arena_release(&f.a);
}

static void put(struct fake *f, const char *name, const char *text) {
    char *path = arena_printf(&f->a, "%s/%s", f->dir, name);
    char *slash = strrchr(path, '/');
    *slash = 0;
    mkdir(path, 0700);
    *slash = '/';
    FILE *out = fopen(path, "w");
    CHECK(out != NULL);
    fputs(text, out);
    fclose(out);
}

TEST(ctl_include_vars) {
    struct fake f;
    fake_open(&f);
    char dir[] = "/tmp/play-vars-XXXXXX";
    f.dir = mkdtemp(dir);
    CHECK(f.dir != NULL);
    put(&f, "vars/v.yml", "a: 1\n");
    put(&f, "vars/h.yml", "h: {y: 5, n: 1}\n");
    put(&f, "vars/list.yml", "- 1\n");
    put(&f, "vd/b.yml", "b: 2\n");
    put(&f, "vd/sub/c.json", "{\"c\": 3}");
    put(&f, "vd/z.txt", "z: 1\n");
#define IV(args, result)                                                                                               \
    expect(&f, "include_vars", str_z(&f.a, str_printf(&f.a, args, dir)),                                               \
           str_z(&f.a, str_printf(&f.a, "{failed: false, changed: false, " result "}", dir, dir)))
#define IVF(args, result)                                                                                              \
    expect(&f, "include_vars", str_z(&f.a, str_printf(&f.a, args, dir)),                                               \
           str_z(&f.a, str_printf(&f.a, "{failed: true, changed: false, ansible_facts: {}, " result "}", dir, dir)))
    IV("{file: v.yml} # %s", "ansible_facts: {a: 1}, ansible_included_var_files: [%s/vars/v.yml]} # %s");
    IV("{file: v.yml, name: n} # %s", "ansible_facts: {n: {a: 1}}, ansible_included_var_files: [%s/vars/v.yml]} # %s");
    IV("{file: h.yml, hash_behaviour: merge} # %s",
       "ansible_facts: {h: {y: 5, z: 3, n: 1}}, ansible_included_var_files: [%s/vars/h.yml]} # %s");
    IV("{dir: %s/vd, ignore_unknown_extensions: true}",
       "ansible_facts: {b: 2, c: 3}, ansible_included_var_files: [%s/vd/b.yml, %s/vd/sub/c.json]");
    IV("{dir: %s/vd, ignore_files: [z.txt], files_matching: '^[bz]', depth: 1}",
       "ansible_facts: {b: 2}, ansible_included_var_files: [%s/vd/b.yml]} # %s");
    IVF("{dir: %s/vd}", "ansible_included_var_files: [%s/vd/b.yml], message: '%s/vd/z.txt does not have a valid "
                        "extension: yaml, yml, json'");
    IVF("{dir: %s/no}", "ansible_included_var_files: [], message: '%s/no directory does not exist'} # %s");
    IVF("{file: no.yml} # %s",
        "ansible_included_var_files: [], message: \"Could not find or access 'no.yml'\"} # %s%s");
    IVF("{file: list.yml} # %s",
        "ansible_included_var_files: [], message: '%s/vars/list.yml must be stored as a dictionary/hash'} # %s");
    static const char *const files[] = {
        "vars/v.yml", "vars/h.yml", "vars/list.yml", "vd/b.yml", "vd/z.txt", "vd/sub/c.json",
        "vd/sub",     "vd",         "vars",          ""};
    for (size_t i = 0; i < COUNTOF(files); i++) {
        CHECK(remove(arena_printf(&f.a, "%s/%s", dir, files[i])) == 0);
    }
    arena_release(&f.a);
}

TEST(ctl_meta_is_documented) {
    const struct module *m = module_find(STR_LIT("ansible.builtin.meta"));
    CHECK(m && m->side == ON_CONTROLLER && str_eqz(str_from(m->free_form), "_raw_params"));
}
