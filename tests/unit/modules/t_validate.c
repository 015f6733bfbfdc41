// Argument checking against what ansible-core makes of the same calls (tests/oracle/args_oracle.py).
#include "test.h"

#include "fd.h"
#include "json.h"
#include "load.h"
#include "module.h"

static const char *joined(struct arena *a, struct val list, const char *sep) {
    if (!val_is(list, VAL_LIST)) {
        return NULL;
    }
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < val_len(list); i++) {
        buf_printf(&b, "%s%.*s", i ? sep : "", STR(val_str_of(a, val_at_index(list, i))));
    }
    return str_z(a, buf_view(&b));
}

static const char *groups(struct arena *a, struct val list) {
    if (!val_is(list, VAL_LIST)) {
        return NULL;
    }
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < val_len(list); i++) {
        buf_printf(&b, "%s%s", i ? ";" : "", joined(a, val_at_index(list, i), ","));
    }
    return str_z(a, buf_view(&b));
}

static const char *rules_if(struct arena *a, struct val list) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < val_len(list); i++) {
        struct val r = val_at_index(list, i);
        buf_printf(&b, "%s%.*s=%.*s:%s", i ? ";" : "", STR(val_text(val_at_index(r, 0))),
                   STR(val_str_of(a, val_at_index(r, 1))), joined(a, val_at_index(r, 2), val_len(r) > 3 ? "|" : ","));
    }
    return b.n ? str_z(a, buf_view(&b)) : NULL;
}

static const char *rules_by(struct arena *a, struct val dict) {
    struct buf b = BUF_IN(a);
    struct vpair *p;
    for (size_t i = 0; (p = val_each(dict, &i));) {
        const char *names = val_is(p->value, VAL_LIST) ? joined(a, p->value, ",") : str_z(a, val_text(p->value));
        buf_printf(&b, "%s%.*s:%s", b.n ? ";" : "", STR(val_text(p->key)), names);
    }
    return b.n ? str_z(a, buf_view(&b)) : NULL;
}

static enum arg_type type_of(struct val d, const char *key) {
    static const char *const names[] = {"str",  "int", "float", "bool",  "list", "dict",
                                        "path", "raw", "json",  "bytes", "bits"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(val_text(val_get(d, key)), names[i])) {
            return (enum arg_type)i;
        }
    }
    return ARG_STR;
}

static const struct arg *read_spec(struct arena *a, struct val spec) {
    struct arg *args = ARENA_ARRAY(a, struct arg, val_len(spec) + 1);
    struct vpair *p;
    size_t n = 0;
    for (size_t i = 0; (p = val_each(spec, &i)); n++) {
        struct val def = val_get(p->value, "default");
        args[n] = (struct arg){
            .name = str_z(a, val_text(p->key)),
            .type = type_of(p->value, "type"),
            .elements = type_of(p->value, "elements"),
            .required = val_truth(val_get(p->value, "required")),
            .def = val_is(def, VAL_UNDEF) ? NULL : str_z(a, val_str_of(a, def)),
            .choices = joined(a, val_get(p->value, "choices"), "|"),
            .aliases = joined(a, val_get(p->value, "aliases"), "|"),
        };
        if (val_has(p->value, "options")) {
            args[n].sub = read_spec(a, val_get(p->value, "options"));
        }
    }
    return args;
}

static struct val load(struct arena *a, const char *path, bool json) {
    struct err e = {.arena = a};
    struct str text;
    struct val v = VNULL;
    bool ok = fd_read_file(path, (size_t)4 << 20, a, &text, &e);
    ok = ok && (json ? json_parse(a, text, &v, &e) : yaml_load(path, text, &(struct yaml_opts){0}, a, &v, &e));
    if (!ok) {
        print_error("%.*s\n", STR(err_text(&e)));
    }
    CHECK(ok);
    return v;
}

/// Ansible leaves every option that was not given as None, under aliases too: compared is what we return.
static bool agrees(struct val want, struct val got) {
    struct vpair *p;
    if (val_is_seq(want) && val_is_seq(got) && val_len(want) == val_len(got)) {  // JSON has no tuples
        for (size_t i = 0; i < val_len(want); i++) {
            if (!agrees(val_at_index(want, i), val_at_index(got, i))) {
                return false;
            }
        }
        return true;
    }
    if (!val_is(want, VAL_DICT) || !val_is(got, VAL_DICT)) {
        return want.kind == got.kind && val_equal(want, got);
    }
    for (size_t i = 0; (p = val_each(got, &i));) {
        if (!agrees(val_get_key(want, p->key), p->value)) {
            return false;
        }
    }
    return true;
}

/// And what Ansible has and we do not must be None or an alias.
static bool complete(const struct arg *args, struct val want, struct val got) {
    for (; args->name; args++) {
        struct val w = val_get(want, args->name);
        if (!val_is(w, VAL_UNDEF) && !val_is(w, VAL_NULL) && !val_has(got, args->name)) {
            return false;
        }
    }
    return true;
}

static bool check_call(struct arena *a, const struct module *m, struct val call, struct val want) {
    struct err e = {.arena = a};
    struct val got = VNULL;
    bool ok = mod_validate(m, "m", call, NO_MARK, a, &got, &e);
    struct str expected = val_text(val_get(want, "error"));
    bool good = false;
    if (val_has(want, "ok")) {
        good = ok && agrees(val_get(want, "ok"), got) && complete(m->args, val_get(want, "ok"), got);
    } else if (val_has(want, "crash")) {
        good = !ok;  // where Ansible dies of a Python error, any message of ours is right
    } else {
        good = !ok && expected.n && str_starts(str_from(e.msg), str_z(a, expected));
        good = good && (str_ends(expected, "boolean.  ") || strlen(e.msg) == expected.n);
    }
    if (!good) {
        print_error("call %.*s\n  want %.*s\n  got  %.*s\n", STR(val_str_of(a, call)), STR(val_str_of(a, want)),
                    STR(ok ? val_str_of(a, got) : str_from(e.msg)));
    }
    return good;
}

TEST(validate_as_ansible) {
    struct arena a = {0};
    struct val cases = load(&a, TEST_DATA "/cases/args/validate.yml", false);
    struct val expected = load(&a, TEST_DATA "/cases/args/validate.json", true);
    size_t wrong = 0;
    for (size_t i = 0; i < val_len(cases); i++) {
        struct val c = val_at_index(cases, i);
        struct module m = {.args = read_spec(&a, val_get(c, "spec")),
                           .exclusive = groups(&a, val_get(c, "mutually_exclusive")),
                           .required_together = groups(&a, val_get(c, "required_together")),
                           .required_one_of = groups(&a, val_get(c, "required_one_of")),
                           .required_if = rules_if(&a, val_get(c, "required_if")),
                           .required_by = rules_by(&a, val_get(c, "required_by"))};
        struct val calls = val_get(c, "calls");
        for (size_t k = 0; k < val_len(calls); k++) {
            struct val want = val_at_index(val_at_index(expected, i), k);
            wrong += !check_call(&a, &m, val_at_index(calls, k), want);
        }
    }
    CHECK(wrong == 0);
    arena_release(&a);
}

static const struct arg deep[] = {
    {"deep", ARG_STR, .doc = "An option of an option."},
    {0},
};
static const struct arg small[] = {
    {"path", ARG_PATH, .required = true, .aliases = "dest"},
    {"secret", ARG_STR, .no_log = true},
    {"opts", ARG_DICT, .sub = deep},
    {0},
};
static const struct module small_module = {.args = small, .file_args = true, .free_form = "path"};

TEST(check_names_before_templates) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct val raw = val_dict(&a, 2);
    val_set(&a, raw, "dest", val_z(&a, "{{ x }}"));
    val_set(&a, raw, "mode", val_z(&a, "0644"));
    CHECK(mod_check_names(&small_module, "m", raw, NO_MARK, &a, &e));
    val_set(&a, raw, "onwer", val_z(&a, "root"));
    CHECK(!mod_check_names(&small_module, "m", raw, NO_MARK, &a, &e));
    CHECK(e.code == ERR_ARGS);
    CHECK_STR(str_from(e.hint), "did you mean 'owner'?");
    arena_release(&a);
}

TEST(check_names_in_sub_options) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct val raw = val_dict(&a, 2);
    struct val opts = val_dict(&a, 1);
    val_set(&a, opts, "deap", VNULL);
    val_set(&a, raw, "opts", opts);
    CHECK(!mod_check_names(&small_module, "m", raw, NO_MARK, &a, &e));
    CHECK_STR(str_from(e.msg), "Unsupported parameters for (m) module: opts.deap. Supported parameters include: deep.");
    arena_release(&a);
}

TEST(free_form_goes_to_its_argument) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct val raw = val_dict(&a, 1);
    struct val out = VNULL;
    val_set(&a, raw, "_raw_params", val_z(&a, "/x"));
    CHECK(mod_validate(&small_module, "m", raw, NO_MARK, &a, &out, &e));
    CHECK_STR(val_text(val_get(out, "path")), "/x");
    CHECK(!val_has(out, "_raw_params"));
    arena_release(&a);
}

TEST(omitted_arguments_are_left_out) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct val raw = val_dict(&a, 2);
    struct val out = VNULL;
    val_set(&a, raw, "path", val_z(&a, "/x"));
    val_set(&a, raw, "mode", VOMIT);
    CHECK(mod_validate(&small_module, "m", raw, NO_MARK, &a, &out, &e));
    CHECK(!val_has(out, "mode"));
    val_set(&a, raw, "path", VOMIT);
    CHECK(!mod_validate(&small_module, "m", raw, NO_MARK, &a, &out, &e));
    CHECK_STR(str_from(e.msg), "missing required arguments: path");
    arena_release(&a);
}

static bool leak(struct mod_call *c, struct err *e) {
    (void)e;
    mod_set(c, "text", val_printf(c->arena, "the word is %.*s.", STR(mod_str(c, "secret"))));
    mod_set(c, "same", mod_arg(c, "secret"));
    mod_set(c, "rc", val_int(0));
    mod_set_z(c, "stdout", "a\nb\r\nc");
    mod_differs(c, "path", val_z(c->arena, "/a"), mod_arg(c, "path"));
    mod_warn(c, "careful: %d", 7);
    return true;
}

TEST(results_are_completed_and_masked) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct module m = small_module;
    m.run = leak;
    m.check = SUPPORT_FULL;
    m.diff = SUPPORT_FULL;
    struct val raw = val_dict(&a, 2);
    val_set(&a, raw, "path", val_z(&a, "/b"));
    val_set(&a, raw, "secret", val_z(&a, "hunter2"));
    struct mod_call c = {.arena = &a, .mod = &m, .name = "m", .diff = true, .verbosity = 3};
    CHECK(mod_validate(&m, "m", raw, NO_MARK, &a, &c.args, &e));
    mod_execute(&c);
    struct val args = val_get(val_get(c.result, "invocation"), "module_args");
    CHECK_STR(val_text(val_get(c.result, "text")), "the word is ********.");
    CHECK_STR(val_text(val_get(c.result, "same")), "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER");
    CHECK_STR(val_text(val_get(args, "secret")), "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER");
    CHECK(val_is(val_get(args, "owner"), VAL_NULL));
    CHECK(val_len(val_get(c.result, "stdout_lines")) == 3);
    CHECK(val_truth(val_get(c.result, "changed")));
    CHECK(!val_truth(val_get(c.result, "failed")));
    CHECK_STR(val_text(val_at_index(val_get(c.result, "warnings"), 0)), "careful: 7");
    CHECK_STR(val_text(val_get(val_get(val_get(c.result, "diff"), "after"), "path")), "/b");
    arena_release(&a);
}

TEST(modules_are_found_by_their_names) {
    const struct module *ping = module_find(STR_LIT("ping"));
    CHECK(ping && ping == module_find(STR_LIT("ansible.builtin.ping")));
    CHECK(ping == module_find(STR_LIT("ansible.legacy.ping")));
    CHECK(!module_find(STR_LIT("community.docker.ping")));
    CHECK(!module_find(STR_LIT("no.such.module")));
    CHECK(module_find(STR_LIT("yum")) == module_find(STR_LIT("dnf")));
    CHECK(module_find(STR_LIT("community.general.supervisorctl")));
    CHECK(module_find(STR_LIT("supervisorctl")));
    CHECK(!module_find(STR_LIT("ansible.posix.supervisorctl")));
    CHECK_STR(str_from(module_short(STR_LIT("ansible.builtin.ping"))), "ping");
}
