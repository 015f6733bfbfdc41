// Replays tests/cases/yaml/*.json, which tests/oracle/yaml_diff.py wrote with PyYAML and Ansible's loader and dumper.
#include "test.h"

#include "big.h"
#include "date.h"
#include "emit.h"
#include "fd.h"
#include "json.h"
#include "load.h"

static struct val read_cases(struct arena *a, const char *name) {
    struct err e = {.arena = a};
    struct str text;
    struct val v = VNULL;
    const char *path = arena_printf(a, "%s/cases/yaml/%s", TEST_DATA, name);
    if (!fd_read_file(path, 16 << 20, a, &text, &e) || !json_parse(a, text, &v, &e)) {
        struct str why = err_text(&e);
        fail_msg("%s: %.*s", path, STR(why));
    }
    return v;
}

static void describe(struct buf *b, struct val v);

static void describe_seq(struct buf *b, struct val v, const char *brackets) {
    buf_char(b, brackets[0]);
    for (size_t i = 0; i < val_len(v); i++) {
        buf_z(b, i ? ", " : "");
        describe(b, val_at_index(v, i));
    }
    buf_char(b, brackets[1]);
}

static void describe_dict(struct buf *b, struct val v) {
    size_t i = 0;
    const char *sep = "{";
    for (const struct vpair *p; (p = val_each(v, &i)); sep = ", ") {
        buf_z(b, sep);
        describe(b, p->key);
        buf_z(b, ": ");
        describe(b, p->value);
    }
    buf_z(b, val_len(v) ? "}" : "{}");
}

static void describe_text(struct buf *b, struct val v) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct json_style ascii = {.ascii = true};
    buf_char(b, 's');
    CHECK(json_write(b, v, &ascii, &e));
    arena_release(&a);
}

// The same one-line description as describe() of yaml_diff.py.
static void describe(struct buf *b, struct val v) {
    switch ((enum val_kind)v.kind) {
    case VAL_NULL:
        buf_z(b, "null");
        return;
    case VAL_BOOL:
        buf_z(b, v.u.b ? "true" : "false");
        return;
    case VAL_INT:
        buf_printf(b, "i%lld", (long long)v.u.i);
        return;
    case VAL_FLOAT:
        buf_char(b, 'f');
        float_repr(b, v.u.f);
        return;
    case VAL_STR:
        describe_text(b, v);
        return;
    case VAL_OBJ:
        if (is_big(v)) {
            buf_char(b, 'i');
            val_to_str(b, v);
            return;
        }
        buf_char(b, 't');
        CHECK(date_of(v) != NULL);
        val_to_str(b, v);
        return;
    case VAL_LIST:
        describe_seq(b, v, "[]");
        return;
    case VAL_TUPLE:
        describe_seq(b, v, "()");
        return;
    case VAL_DICT:
        describe_dict(b, v);
        return;
    case VAL_UNDEF:
    case VAL_OMIT:
        break;
    }
    buf_z(b, "?");
}

static void place_of(struct buf *b, struct val v) {
    struct place p = mark_place(v.mark);
    buf_printf(b, "%s%u:%u", b->n ? " " : "", p.line, p.col);
}

// Places of strings, lists and dicts, outside in.
static void places(struct buf *b, struct val v) {
    if (v.kind == VAL_STR) {
        place_of(b, v);
    } else if (v.kind == VAL_LIST) {
        place_of(b, v);
        for (size_t i = 0; i < val_len(v); i++) {
            places(b, val_at_index(v, i));
        }
    } else if (v.kind == VAL_DICT) {
        place_of(b, v);
        size_t i = 0;
        for (const struct vpair *p; (p = val_each(v, &i));) {
            places(b, p->key);
            places(b, p->value);
        }
    }
}

// Shows a difference and counts it, so that one run reports them all.
static size_t differ(struct val name, const char *what, struct str got, struct str want) {
    if (str_eq(got, want)) {
        return 0;
    }
    struct str n = val_text(name);
    print_error("%.*s: %s\n  want: %.*s\n  got:  %.*s\n", STR(n), what, STR(want), STR(got));
    return 1;
}

static size_t load_case(struct arena *a, struct val c) {
    struct err e = {.arena = a};
    struct yaml_opts o = {.trusted = true};
    struct buf b = BUF_IN(a);
    struct val v;
    bool ok = yaml_load("f", val_text(val_get(c, "yaml")), &o, a, &v, &e);
    if (val_has(c, "error") || !ok) {
        CHECK(ok || (e.code != ERR_NONE && e.msg && e.at.at));
        return differ(val_get(c, "name"), "failure", ok ? STR_LIT("loaded") : err_text(&e),
                      val_has(c, "error") && !ok ? err_text(&e) : STR_LIT("something else"));
    }
    describe(&b, v);
    size_t bad = differ(val_get(c, "name"), "value", buf_view(&b), val_text(val_get(c, "want")));
    if (val_has(c, "places")) {
        struct buf p = BUF_IN(a);
        places(&p, v);
        bad += differ(val_get(c, "name"), "places", buf_view(&p), val_text(val_get(c, "places")));
    }
    return bad;
}

TEST(yaml_load_cases) {
    struct arena a = {0};
    struct val cases = read_cases(&a, "load.json");
    size_t bad = 0;
    CHECK(val_len(cases) > 150);
    for (size_t i = 0; i < val_len(cases); i++) {
        bad += load_case(&a, val_at_index(cases, i));
    }
    CHECK(bad == 0);
    arena_release(&a);
    mark_reset();
}

TEST(yaml_scalar_cases) {
    struct arena a = {0};
    struct val cases = read_cases(&a, "scalars.json");
    size_t bad = 0;
    for (size_t i = 0; i < val_len(cases); i++) {
        struct val c = val_at_index(cases, i);
        struct buf b = BUF_IN(&a);
        describe(&b, yaml_scalar(&a, val_text(val_get(c, "yaml"))));
        bad += differ(val_get(c, "yaml"), "scalar", buf_view(&b), val_text(val_get(c, "want")));
    }
    CHECK(bad == 0);
    arena_release(&a);
}

static int int_of(struct val d, const char *key, int otherwise) {
    struct val v = val_get(d, key);
    return v.kind == VAL_INT ? (int)v.u.i : v.kind == VAL_BOOL ? v.u.b : otherwise;
}

static struct yaml_style style_of(struct val c) {
    struct val s = val_get(c, "style");
    bool none = val_get(s, "default_flow_style").kind == VAL_NULL;
    return (struct yaml_style){.indent = int_of(s, "indent", 0),
                               .width = int_of(s, "width", 0),
                               .flow = none ? -1 : int_of(s, "default_flow_style", 0),
                               .sort_keys = int_of(s, "sort_keys", 1),
                               .ascii = !int_of(s, "allow_unicode", 0),
                               .explicit_start = int_of(s, "explicit_start", 0),
                               .explicit_end = int_of(s, "explicit_end", 0),
                               .aliases = val_has(c, "aliases")};
}

static size_t dump_case(struct arena *a, struct val c) {
    struct err e = {.arena = a};
    struct yaml_opts o = {0};
    struct yaml_style style = style_of(c);
    struct buf b = BUF_IN(a);
    struct val v = val_get(c, "value");
    if (val_has(c, "yaml") && !yaml_load(NULL, val_text(val_get(c, "yaml")), &o, a, &v, &e)) {
        return differ(val_get(c, "name"), "load", err_text(&e), STR_LIT("a value"));
    }
    if (!yaml_emit(&b, v, &style, &e)) {
        return differ(val_get(c, "name"), "emit", err_text(&e), STR_LIT("text"));
    }
    return differ(val_get(c, "name"), "text", buf_view(&b), val_text(val_get(c, "want")));
}

TEST(yaml_dump_cases) {
    struct arena a = {0};
    struct val cases = read_cases(&a, "dump.json");
    size_t bad = 0;
    CHECK(val_len(cases) > 80);
    for (size_t i = 0; i < val_len(cases); i++) {
        bad += dump_case(&a, val_at_index(cases, i));
    }
    CHECK(bad == 0);
    arena_release(&a);
}
