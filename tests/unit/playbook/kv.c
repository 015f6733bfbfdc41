// k=v text against what ansible-core makes of it: tests/cases/kv, written by tests/oracle/kv_oracle.py.
#include "test.h"

#include "fd.h"
#include "json.h"
#include "playbook.h"

static struct val cases_of(struct arena *a, const char *name) {
    struct err e = {.arena = a};
    struct str text = STR_NONE;
    struct val list = {0};
    bool ok = fd_read_file(arena_printf(a, TEST_DATA "/cases/kv/%s.json", name), 1 << 24, a, &text, &e) &&
              json_parse(a, text, &list, &e);
    if (!ok) {
        fail_msg("%.*s", STR(err_text(&e)));
    }
    return list;
}

static void show(struct str text, const char *what, struct val v, struct arena *a) {
    struct buf b = BUF_IN(a);
    val_to_repr(&b, val_str(a, text));
    buf_printf(&b, " %s ", what);
    val_to_repr(&b, v);
    print_error("%.*s\n", STR(buf_view(&b)));
}

static bool run_case(struct arena *a, struct val c) {
    struct err e = {.arena = a};
    struct str text = val_text(val_get(c, "text"));
    bool free_form = val_get(c, "free_form").u.b;
    bool refused = val_has(c, "error");
    struct val want = val_get(c, "result");
    struct val got;
    if (!kv_parse(a, text, NO_MARK, free_form, &got, &e)) {
        if (!refused) {
            show(text, "refused, want", want, a);
        }
        return refused;
    }
    if (refused || !val_equal(got, want)) {
        show(text, "gives", got, a);
        show(text, "want ", refused ? val_z(a, "an error") : want, a);
        return false;
    }
    return true;
}

static void run_file(const char *name) {
    struct arena a = {0};
    struct val list = cases_of(&a, name);
    size_t bad = 0;
    CHECK(val_len(list) > 20);
    for (size_t i = 0; i < val_len(list); i++) {
        bad += !run_case(&a, val_at_index(list, i));
    }
    arena_release(&a);
    assert_int_equal(bad, 0);
}

TEST(kv_plain) {
    run_file("plain");
}

TEST(kv_quoted) {
    run_file("quoted");
}

TEST(kv_jinja) {
    run_file("jinja");
}

TEST(kv_lines) {
    run_file("lines");
}

TEST(kv_escapes) {
    run_file("escapes");
}

TEST(kv_commands) {
    run_file("commands");
}

TEST(kv_generated) {
    run_file("generated");
}

TEST(kv_marks_values) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str text = STR_LIT("src=/a dest='/b c'\n  x={{ y }}");
    struct mark m = mark_source("kv.yml", text, 0);
    struct val v;
    CHECK(kv_parse(&a, text, m, false, &v, &e));
    struct place p = mark_place(val_get(v, "dest").mark);
    assert_int_equal(p.line, 1);
    assert_int_equal(p.col, 13);
    p = mark_place(val_get(v, "x").mark);
    assert_int_equal(p.line, 2);
    CHECK(val_get(v, "x").flags & VAL_TMPL);
    CHECK(val_get(v, "x").flags & VAL_TRUSTED);
    CHECK(!(val_get(v, "src").flags & VAL_TMPL));
    arena_release(&a);
}
