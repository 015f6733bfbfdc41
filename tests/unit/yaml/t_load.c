// What the loader adds to PyYAML: marks, flags, caps, warnings and errors people can act on.
#include "test.h"

#include "date.h"
#include "emit.h"
#include "load.h"

static struct val load(struct arena *a, const char *text, const struct yaml_opts *o) {
    struct err e = {.arena = a};
    struct val v = VNULL;
    if (!yaml_load("t.yml", str_from(text), o, a, &v, &e)) {
        struct str why = err_text(&e);
        fail_msg("%.*s", STR(why));
    }
    return v;
}

static struct err refusal(struct arena *a, const char *text, const struct yaml_opts *o) {
    struct err e = {.arena = a};
    struct val v;
    CHECK(!yaml_load("t.yml", str_from(text), o, a, &v, &e));
    return e;
}

static const struct yaml_opts user = {.trusted = true};
static const struct yaml_opts data = {0};

// "line:col" of a mark.
static struct str at(struct arena *a, struct mark m) {
    struct place p = mark_place(m);
    return str_printf(a, "%s:%u:%u", p.file ? p.file : "-", p.line, p.col);
}

TEST(yaml_marks_skip_properties) {
    struct arena a = {0};
    struct val v = load(&a, "a: &x !!str 'text'\nb: !unsafe  |\n  block\nc: &y\n  !!str z\nd: &z\n", &user);
    CHECK_STR(at(&a, val_get(v, "a").mark), "t.yml:1:13");
    CHECK_STR(at(&a, val_get(v, "b").mark), "t.yml:2:13");
    CHECK_STR(at(&a, val_get(v, "c").mark), "t.yml:5:9");
    CHECK_STR(at(&a, val_get(v, "d").mark), "t.yml:6:4");
    arena_release(&a);
    mark_reset();
}

TEST(yaml_marks_lead_inside) {
    struct arena a = {0};
    struct val v = load(&a, "a: \"{{ xé }} {{ y }}\"\nb: |\n  one\n  {{ two }}\nc: plain {{ z }}\n", &user);
    static const struct {
        const char *key, *find, *want;
    } cases[] = {{"a", "y }}", "t.yml:1:17"}, {"b", "two", "t.yml:4:6"}, {"c", "z", "t.yml:5:13"}};
    for (size_t i = 0; i < COUNTOF(cases); i++) {
        struct val s = val_get(v, cases[i].key);
        size_t offset = str_find(val_text(s), 0, str_from(cases[i].find));
        CHECK_STR(at(&a, mark_inside(s.mark, val_text(s), offset)), cases[i].want);
    }
    arena_release(&a);
    mark_reset();
}

TEST(yaml_without_name_has_no_marks) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct val v;
    CHECK(yaml_load(NULL, STR_LIT("a: [b]\n"), &data, &a, &v, &e));
    CHECK(v.mark.at == 0 && val_get(v, "a").mark.at == 0);
    CHECK(!yaml_load(NULL, STR_LIT("a: 1\nb: \"x\n"), &data, &a, &v, &e));
    CHECK_STR(err_text(&e), "cannot read the YAML text (line 2, column 4): the quote \" opened here is not closed");
    arena_release(&a);
}

TEST(yaml_flags) {
    struct arena a = {0};
    struct val v = load(&a, "a: '{{ x }}'\nb: text\nc: 1\nd: [1, '{% if %}']\ne: [1]\n", &user);
    CHECK(val_get(v, "a").flags == (VAL_TRUSTED | VAL_TMPL));
    CHECK(val_get(v, "b").flags == VAL_TRUSTED);
    CHECK(val_get(v, "d").flags & VAL_TMPL);
    CHECK(!(val_get(v, "e").flags & VAL_TMPL));
    CHECK(v.flags & VAL_TMPL);
    v = load(&a, "a: '{{ x }}'\n", &data);
    CHECK(!val_any_flag(v, VAL_TRUSTED | VAL_TMPL));
    struct yaml_opts secret = {.trusted = true, .secret = true};
    v = load(&a, "a: x\nb: 1\n", &secret);
    CHECK(val_get(v, "a").flags & VAL_SECRET && val_get(v, "b").flags & VAL_SECRET);
    CHECK(mark_place(val_get(v, "a").mark).text.n == 0 && mark_place(val_get(v, "a").mark).line == 1);
    arena_release(&a);
    mark_reset();
}

TEST(yaml_unsafe) {
    struct arena a = {0};
    struct val v =
        load(&a, "x: &x '{{ a }}'\nu: !unsafe {k: ['{{ b }}', 1, *x]}\nw: !unsafe 12\ny: '{{ c }}'\n", &user);
    struct val k = val_get(val_get(v, "u"), "k");
    CHECK(val_get(v, "u").flags & VAL_UNSAFE && k.flags & VAL_UNSAFE);
    CHECK(!(val_get(v, "u").flags & VAL_TMPL));
    CHECK(val_at_index(k, 0).flags & VAL_UNSAFE && val_at_index(k, 2).flags & VAL_UNSAFE);
    CHECK_STR(val_text(val_get(v, "w")), "12");
    CHECK(val_get(v, "y").flags == (VAL_TRUSTED | VAL_TMPL) && !(val_get(v, "x").flags & VAL_UNSAFE));
    arena_release(&a);
    mark_reset();
}

static bool open_upper(void *self, struct str envelope, struct mark m, struct arena *a, struct str *plain,
                       struct err *e) {
    (void)self;
    if (str_starts(envelope, "bad")) {
        return err_set(e, ERR_VAULT, m, "no vault password given opens this data");
    }
    *plain = str_printf(a, "<%.*s>", STR(str_trim(envelope)));
    return true;
}

TEST(yaml_vault) {
    struct arena a = {0};
    struct yaml_vault vault = {.open = open_upper};
    struct yaml_opts o = {.trusted = true, .vault = &vault};
    struct val v = load(&a, "a: !vault |\n  {{ x }}\n  y\nb: !vault-encrypted z\n", &o);
    struct val s = val_get(v, "a");
    CHECK_STR(val_text(s), "<{{ x }}\ny>");
    CHECK((s.flags & (VAL_SECRET | VAL_VAULTED | VAL_UNSAFE)) == (VAL_SECRET | VAL_VAULTED | VAL_UNSAFE));
    CHECK(!(s.flags & VAL_TMPL));
    CHECK_STR(val_text(val_get(v, "b")), "<z>");
    struct err e = refusal(&a, "a:\n  b: !vault bad\n", &o);
    CHECK(e.code == ERR_VAULT);
    CHECK_STR(at(&a, e.at), "t.yml:2:13");
    e = refusal(&a, "a: !vault x\n", &user);
    CHECK(e.code == ERR_VAULT);
    arena_release(&a);
    mark_reset();
}

struct warned {
    size_t n;
    struct mark at;
    char msg[200];
};

static void note(void *self, struct mark m, const char *msg) {
    struct warned *w = self;
    w->n++;
    w->at = m;
    snprintf(w->msg, sizeof w->msg, "%s", msg);
}

TEST(yaml_duplicate_keys) {
    struct arena a = {0};
    struct warned w = {0};
    struct yaml_opts o = {.trusted = true, .warn = note, .warn_self = &w};
    struct val v = load(&a, "a: 1\nb: 2\nc: {<<: {x: 1}, x: 2}\na: 3\n", &o);
    CHECK(val_get(v, "a").u.i == 3 && w.n == 1);
    CHECK_STR(at(&a, w.at), "t.yml:4:1");
    CHECK_STR(str_from(w.msg), "found a duplicate dict key (a). Using last defined value only.");
    o.secret = true;
    load(&a, "password: 1\npassword: 2\n", &o);
    CHECK(w.n == 2 && strstr(w.msg, "password") == NULL);
    arena_release(&a);
    mark_reset();
}

TEST(yaml_limits) {
    struct arena a = {0};
    struct buf b = BUF_IN(&a);
    for (int i = 0; i < 200; i++) {
        buf_z(&b, "[");
    }
    buf_char(&b, 0);
    CHECK(refusal(&a, b.p, &data).code == ERR_LIMIT);
    struct buf laughs = BUF_IN(&a);
    buf_z(&laughs, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++) {
        buf_printf(&laughs, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1,
                   i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    buf_char(&laughs, 0);
    CHECK(refusal(&a, laughs.p, &data).code == ERR_LIMIT);
    CHECK(refusal(&a, laughs.p, &user).code == ERR_LIMIT);
    struct yaml_opts small = {.max_nodes = 10};
    CHECK(refusal(&a, "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", &small).code == ERR_LIMIT);
    CHECK(val_len(load(&a, "[1, 2, 3, 4, 5, 6, 7, 8, 9]", &small)) == 9);
    CHECK(refusal(&a, "a: &x {b: *x}\n", &data).code == ERR_SYNTAX);
    CHECK(refusal(&a, "a: 0xffffffffffffffffff\n", &data).code == ERR_LIMIT);
    arena_release(&a);
    mark_reset();
}

TEST(yaml_aliases_copy_or_share) {
    struct arena a = {0};
    const char *text = "a: &x [1]\nb: *x\n";
    struct val v = load(&a, text, &user);
    CHECK(val_get(v, "a").u.l != val_get(v, "b").u.l);
    v = load(&a, text, &data);
    CHECK(val_get(v, "a").u.l == val_get(v, "b").u.l);
    arena_release(&a);
    mark_reset();
}

// What is wrong, where it is, and what to do about it.
static const struct {
    const char *yaml, *at, *msg, *hint;
} mistakes[] = {
    {"a: {{ x }}\n", "1:5", "a mapping cannot be a key", "a value that starts with '{{' must be in quotes"},
    {"- {{ x }}\n", "1:4", "a mapping cannot be a key", "a value that starts with '{{' must be in quotes"},
    {"a: 1\nb: {{ x }}/y\nc: 1\n", "2:5", "a mapping cannot be a key",
     "a value that starts with '{{' must be in quotes"},
    {"a:\n\tb: 1\n", "2:1", "found a tab", "indent with spaces"},
    {"a: \"b\nc: d\n", "1:4", "the quote \" opened here is not closed", "close it"},
    {"a: 'it's'\nb: 1\n", "1:8", "expected a key", "a value that starts with a quote ends at the closing one"},
    {"a: \"b\" c\n", "1:8", "expected a key", "a value that starts with a quote ends at the closing one"},
    {"a:1\nb: 2\n", "2:2", "found a ':'", "a key needs a space after its colon"},
    {"a: 1\nb:2\n", "2:1", "expected 'key: value'", "a key needs a space after its colon"},
    {"a: b: c\n", "1:5", "found a ':'", "put a value that contains ': ' in quotes"},
    {"a: @b\n", "1:4", "a value cannot start with '@'", "put the value in quotes"},
    {"a: \"\\d\"\n", "1:5", "unknown escape", "double the backslash"},
    {"a:\n  - b\n  c: 1\n", "3:3", "expected '- '", "items of one list start in the same column"},
    {"a:\n  b: 1\n c: 2\n", "3:2", "expected a key", "check the indentation"},
    {"a: !foo x\n", "1:9", "unknown tag '!foo'", "a value that starts with '!' must be in quotes"},
    {"a: *b\n", "1:4", "no anchor '&b'", NULL},
    {"a: [1, 2\nb: 3\n", "2:2", "expected ',' or ']'", "close '['"},
    {"--- a\n--- b\n", "2:1", "expected one document", "a second '---'"},
    {"a: 2023-02-30\n", "1:4", "this looks like a date", "put it in quotes"},
    {"a: b\x01\n", "1:5", "the character U+0001 is not allowed", "write it as"},
    {"é: \xff\n", "1:4", "expected UTF-8 text, found the byte 0xFF", "save the file as UTF-8"},
    {"é: x\nü: [ö, {ä: ß]\n", "2:13", "expected ',' or '}'", "close '{'"},
};

TEST(yaml_mistakes) {
    struct arena a = {0};
    size_t bad = 0;
    for (size_t i = 0; i < COUNTOF(mistakes); i++) {
        struct err e = refusal(&a, mistakes[i].yaml, &user);
        struct place p = mark_place(e.at);
        const char *where = arena_printf(&a, "%u:%u", p.line, p.col);
        bool hint = mistakes[i].hint ? e.hint && strstr(e.hint, mistakes[i].hint) : !e.hint;
        if (strcmp(where, mistakes[i].at) != 0 || !strstr(e.msg, mistakes[i].msg) || !hint) {
            print_error("%s  want %s %s (%s)\n  got  %s %s (%s)\n", mistakes[i].yaml, mistakes[i].at, mistakes[i].msg,
                        mistakes[i].hint ? mistakes[i].hint : "-", where, e.msg, e.hint ? e.hint : "-");
            bad++;
        }
    }
    CHECK(bad == 0);
    arena_release(&a);
    mark_reset();
}

TEST(yaml_secret_errors_show_nothing) {
    struct arena a = {0};
    struct yaml_opts secret = {.secret = true};
    static const char *const texts[] = {"a: *hunter2\n", "a: &hunter2 1\nb: &hunter2 2\n", "a: !!int hunter2\n"};
    for (size_t i = 0; i < COUNTOF(texts); i++) {
        struct err e = refusal(&a, texts[i], &secret);
        CHECK(str_find(err_text(&e), 0, STR_LIT("hunter2")) == SIZE_MAX);
        CHECK(mark_place(e.at).text.n == 0);
    }
    arena_release(&a);
    mark_reset();
}

TEST(yaml_all_documents) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct val v;
    CHECK(yaml_load_all("t.yml", STR_LIT("--- a\n---\n- {{: }}\n"), &data, &a, &v, &e) == false);
    err_clear(&e);
    CHECK(yaml_load_all("t.yml", STR_LIT("--- &x a\n---\n- '{{ b }}'\n...\n--- &x\n"), &user, &a, &v, &e));
    CHECK(val_len(v) == 3 && v.flags & VAL_TMPL);
    CHECK(val_at_index(v, 2).kind == VAL_NULL);
    CHECK(yaml_load_all("t.yml", STR_LIT(""), &user, &a, &v, &e) && val_len(v) == 0);
    arena_release(&a);
    mark_reset();
}

TEST(yaml_json_files) {
    struct arena a = {0};
    struct val v = load(&a, "{\"a\": 1e3, \"b\": \"\\ud83d\\ude00 {{ x }}\", \"c\": [1]}", &user);
    CHECK(val_get(v, "a").kind == VAL_FLOAT && val_get(v, "b").flags == (VAL_TRUSTED | VAL_TMPL));
    CHECK_STR(val_text(val_get(v, "b")), "\xF0\x9F\x98\x80 {{ x }}");
    v = load(&a, "{\"a\": 1e3}", &data);
    CHECK(val_get(v, "a").kind == VAL_STR);
    v = load(&a, "{\"a\": [1.5, \"x\"]}", &user);
    CHECK_STR(at(&a, val_at_index(val_get(v, "a"), 1).mark), "t.yml:1:13");
    CHECK(refusal(&a, "{\"a\": 1", &user).code == ERR_SYNTAX);
    arena_release(&a);
    mark_reset();
}

TEST(yaml_dates) {
    struct arena a = {0};
    struct val v = load(&a, "[2001-12-14, 2001-12-14 21:59:43.10 -5]", &user);
    struct val d = val_at_index(v, 1);
    struct val out;
    CHECK(strcmp(val_type_name(val_at_index(v, 0)), "date") == 0 && strcmp(val_type_name(d), "datetime") == 0);
    CHECK_STR(val_str_of(&a, d), "2001-12-14 21:59:43.100000-05:00");
    CHECK(d.u.o->type->json(d, &a, &out));
    CHECK_STR(val_text(out), "2001-12-14T21:59:43.100000-05:00");
    CHECK(d.u.o->type->get(d, STR_LIT("minute"), &a, &out) && out.u.i == 59);
    CHECK(!d.u.o->type->get(d, STR_LIT("nothing"), &a, &out));
    arena_release(&a);
    mark_reset();
}

static struct str emit(struct arena *a, struct val v, struct err *e) {
    struct yaml_style nice = {.indent = 4, .sort_keys = true};
    struct buf b = {.a = a, .max = 1000};
    return yaml_emit(&b, v, &nice, e) ? buf_view(&b) : STR_NONE;
}

TEST(yaml_emit_refuses) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct val l = val_list(&a, 1);
    val_push(&a, l, val_undef(&a, STR_LIT("missing")));
    CHECK(!emit(&a, l, &e).s && e.code == ERR_UNDEFINED);
    CHECK_STR(err_text(&e), "'missing' is undefined");
    CHECK(!emit(&a, VOMIT, &e).s && e.code == ERR_TYPE);
    CHECK(!emit(&a, val_z(&a, "a\xff"), &e).s && e.code == ERR_TYPE);
    struct val cycle = val_list(&a, 1);
    val_push(&a, cycle, cycle);
    CHECK(!emit(&a, cycle, &e).s && e.code == ERR_LIMIT);
    char *big = arena_alloc(&a, 2001);
    memset(big, 'x', 2000);
    CHECK(!emit(&a, val_z(&a, big), &e).s && e.code == ERR_LIMIT);
    arena_release(&a);
}
