// The precedence table: every pair of levels, ties, facts, magic names and what is reported about them.
#include "test.h"

#include "scope.h"

struct fixture {
    struct arena a;
    struct err e;
    struct host host;
    struct host_state state;
    struct scope scope;
    struct layer base[16];
    const char *magic;  // the one magic name, or NULL
};

static bool magic(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    const struct fixture *f = self;
    (void)e;
    if (f->magic && str_eqz(name, f->magic)) {
        *out = val_z(a, "magic");
    }
    return true;
}

static void open_fixture(struct fixture *f) {
    memset(f, 0, sizeof *f);
    f->e.arena = &f->a;
    host_state_init(&f->state, &f->host);
    f->scope = (struct scope){
        .a = &f->a, .base = f->base, .state = &f->state, .magic = magic, .magic_self = f, .inject_facts = true};
}

static void close_fixture(struct fixture *f) {
    host_state_release(&f->state);
    arena_release(&f->a);
}

static struct val one_var(struct fixture *f, const char *name, const char *value) {
    struct val d = val_dict(&f->a, 1);
    val_set(&f->a, d, name, val_z(&f->a, value));
    return d;
}

/// Defines `name` where level `l` lives: inventory layers, the host's state, the magic callback, or pushed.
static void define(struct fixture *f, enum var_level l, const char *name, const char *value) {
    struct val d = one_var(f, name, value);
    if (l >= LEVEL_INV_FILE_GROUP && l <= LEVEL_PB_HOST) {
        size_t i = f->scope.nbase++;
        for (; i > 0 && f->base[i - 1].level > l; i--) {
            f->base[i] = f->base[i - 1];
        }
        f->base[i] = (struct layer){.level = (uint8_t)l, .vars = d};
    } else if (l == LEVEL_FACTS) {
        host_add_facts(&f->state, d);
    } else if (l == LEVEL_INCLUDE_VARS) {
        host_add_vars(&f->state, d);
    } else if (l == LEVEL_SET_FACT) {
        host_set_fact(&f->state, str_from(name), val_z(&f->a, value));
    } else if (l == LEVEL_MAGIC) {
        f->magic = name;
    } else {
        scope_push(&f->scope, l, d);
    }
}

static struct str get(struct fixture *f, const char *name, enum var_level *level) {
    struct val v;
    CHECK(scope_get(&f->scope, str_from(name), &f->a, &v, level, &f->e));
    return v.kind == VAL_UNDEF ? STR_LIT("undefined") : val_str_of(&f->a, v);
}

/// The order of definition must not matter.
static void check_pair(enum var_level low, enum var_level high, bool high_first) {
    struct fixture f;
    enum var_level level;
    open_fixture(&f);
    define(&f, high_first ? high : low, "x", high_first ? "high" : "low");
    define(&f, high_first ? low : high, "x", high_first ? "low" : "high");
    struct str got = get(&f, "x", &level);
    if (level != high) {
        print_error("%s over %s: level %d\n", var_levels[high].name, var_levels[low].name, (int)level);
    }
    CHECK_STR(got, high == LEVEL_MAGIC ? "magic" : "high");
    CHECK(level == high);
    close_fixture(&f);
}

TEST(every_pair_of_levels) {
    for (int low = LEVEL_ROLE_DEFAULTS; low < LEVEL_COUNT; low++) {
        for (int high = low + 1; high < LEVEL_COUNT; high++) {
            check_pair((enum var_level)low, (enum var_level)high, false);
            check_pair((enum var_level)low, (enum var_level)high, true);
        }
    }
}

TEST(all_levels_at_once) {
    struct fixture f;
    open_fixture(&f);
    for (int l = LEVEL_COUNT - 1; l >= LEVEL_ROLE_DEFAULTS; l--) {
        define(&f, (enum var_level)l, "x", var_levels[l].name);
    }
    struct val list = scope_explain(&f.scope, STR_LIT("x"), &f.a);
    CHECK(val_len(list) == LEVEL_COUNT - LEVEL_ROLE_DEFAULTS);
    for (size_t i = 0; i < val_len(list); i++) {
        CHECK(val_get(val_at_index(list, i), "level").u.i == (int64_t)(LEVEL_COUNT - 1 - i));
    }
    CHECK_STR(val_text(val_get(val_at_index(list, 1), "value")), "extra vars");
    close_fixture(&f);
}

TEST(every_level_is_documented) {
    for (int l = 0; l < LEVEL_COUNT; l++) {
        CHECK(var_levels[l].name && var_levels[l].doc);
    }
}

TEST(later_push_wins) {
    struct fixture f;
    open_fixture(&f);
    scope_push(&f.scope, LEVEL_TASK_VARS, one_var(&f, "x", "first"));
    scope_push(&f.scope, LEVEL_EXTRA, one_var(&f, "y", "extra"));
    scope_push(&f.scope, LEVEL_TASK_VARS, one_var(&f, "x", "second"));
    CHECK_STR(get(&f, "x", NULL), "second");
    CHECK_STR(get(&f, "y", NULL), "extra");
    CHECK_STR(get(&f, "z", NULL), "undefined");
    close_fixture(&f);
}

static void add_fact(struct fixture *f, const char *name, const char *value) {
    host_add_facts(&f->state, one_var(f, name, value));
}

TEST(facts_cannot_take_over) {
    static const char *const restricted[] = {"ansible_host",
                                             "ansible_python_interpreter",
                                             "ansible_ssh_common_args",
                                             "ansible_become_password",
                                             "ansible_connection",
                                             "_ansible_no_log"};
    struct fixture f;
    open_fixture(&f);
    for (size_t i = 0; i < COUNTOF(restricted); i++) {
        add_fact(&f, restricted[i], "evil");
        CHECK_STR(get(&f, restricted[i], NULL), "undefined");
    }
    add_fact(&f, "ansible_ssh_host_key_rsa_public", "key");
    CHECK_STR(get(&f, "ansible_ssh_host_key_rsa_public", NULL), "key");
    add_fact(&f, "ansible_docker_gwbridge", "device");
    CHECK_STR(get(&f, "ansible_docker_gwbridge", NULL), "device");
    CHECK_STR(val_text(val_get(f.state.facts, "host")), "evil");  // readable, but only there
    close_fixture(&f);
}

TEST(facts_injected) {
    struct fixture f;
    open_fixture(&f);
    CHECK_STR(get(&f, "ansible_facts", NULL), "{}");
    add_fact(&f, "ansible_distribution", "Debian");
    add_fact(&f, "ansible_local", "mine");
    add_fact(&f, "custom", "own");
    CHECK_STR(get(&f, "ansible_distribution", NULL), "Debian");
    CHECK_STR(get(&f, "custom", NULL), "own");
    CHECK_STR(get(&f, "ansible_facts", NULL), "{'distribution': 'Debian', 'ansible_local': 'mine', 'custom': 'own'}");
    close_fixture(&f);
}

TEST(facts_not_injected) {
    struct fixture f;
    open_fixture(&f);
    add_fact(&f, "ansible_distribution", "Debian");
    add_fact(&f, "ansible_local", "mine");
    f.scope.inject_facts = false;
    CHECK_STR(get(&f, "ansible_distribution", NULL), "undefined");
    CHECK_STR(get(&f, "ansible_local", NULL), "mine");
    host_clear_facts(&f.state);
    CHECK_STR(get(&f, "ansible_local", NULL), "{}");
    CHECK_STR(get(&f, "ansible_facts", NULL), "{}");
    close_fixture(&f);
}

static void count_name(void *to, struct str name) {
    size_t *n = to;
    *n += str_eqz(name, "x") || str_eqz(name, "hostvars");
}

TEST(as_jinja_scope) {
    struct fixture f;
    open_fixture(&f);
    define(&f, LEVEL_PLAY_VARS, "x", "1");
    struct jinja_scope js = scope_jinja(&f.scope);
    struct val v;
    CHECK(js.get(js.self, STR_LIT("x"), &f.a, &v, &f.e) && v.kind == VAL_STR);
    CHECK(js.get(js.self, STR_LIT("nope"), &f.a, &v, &f.e) && v.kind == VAL_UNDEF);
    size_t n = 0;
    js.names(js.self, count_name, &n);
    CHECK(n == 2);
    CHECK(scope_all(&f.scope, &f.a, &v, &f.e));
    CHECK_STR(val_text(val_get(v, "x")), "1");
    close_fixture(&f);
}

TEST(merged_dicts) {
    struct fixture f;
    open_fixture(&f);
    f.scope.merge_dicts = true;
    struct val low = val_dict(&f.a, 1);
    struct val high = val_dict(&f.a, 1);
    val_set(&f.a, low, "d", one_var(&f, "a", "low"));
    val_set(&f.a, high, "d", one_var(&f, "b", "high"));
    define(&f, LEVEL_ROLE_DEFAULTS, "d", "hidden text");
    scope_push(&f.scope, LEVEL_PLAY_VARS, low);
    scope_push(&f.scope, LEVEL_TASK_VARS, high);
    CHECK_STR(get(&f, "d", NULL), "{'a': 'low', 'b': 'high'}");
    struct val all;
    CHECK(scope_all(&f.scope, &f.a, &all, &f.e));
    CHECK(val_len(val_get(all, "d")) == 2);
    f.scope.merge_dicts = false;
    CHECK_STR(get(&f, "d", NULL), "{'b': 'high'}");
    close_fixture(&f);
}

TEST(state_gives_memory_back) {
    struct fixture f;
    open_fixture(&f);
    struct buf b = {0};
    for (int i = 0; i < 100000; i++) {
        buf_char(&b, 'x');
    }
    host_set_fact(&f.state, STR_LIT("keep"), val_z(&f.a, "kept"));
    size_t most = 0;
    for (int i = 0; i < 500; i++) {
        host_set_fact(&f.state, STR_LIT("big"), val_str(&f.a, buf_view(&b)));
        host_state_settle(&f.state);
        most = f.state.arena.used > most ? f.state.arena.used : most;
    }
    CHECK(most < ((size_t)3 << 20));
    CHECK_STR(get(&f, "keep", NULL), "kept");
    CHECK(get(&f, "big", NULL).n == 100000);
    buf_release(&b);
    close_fixture(&f);
}

TEST(stored_values_are_copies) {
    struct fixture f;
    open_fixture(&f);
    struct arena tmp = {0};
    struct val list = val_list(&tmp, 1);
    val_push(&tmp, list, val_z(&tmp, "item"));
    host_set_fact(&f.state, STR_LIT("l"), list);
    arena_release(&tmp);
    CHECK_STR(get(&f, "l", NULL), "['item']");
    close_fixture(&f);
}
