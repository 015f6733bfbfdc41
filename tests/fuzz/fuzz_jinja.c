// Templates, expressions and conditions with small caps: no input may crash, hang or use much memory.
#include "jinja.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct vars {
    struct val dict;
};

static bool get_var(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    (void)a;
    (void)e;
    *out = val_get_str(((struct vars *)self)->dict, name);
    return true;
}

static struct val list_of(struct arena *a, struct val x, struct val y) {
    struct val l = val_list(a, 2);
    val_push(a, l, x);
    val_push(a, l, y);
    return l;
}

static struct val make_vars(struct arena *a) {
    struct val d = val_dict(a, 8), inner = val_dict(a, 2);
    val_set(a, inner, "a", val_int(1));
    val_set(a, inner, "b", val_flag(val_z(a, "{{ x }}"), VAL_TRUSTED));
    val_set(a, d, "x", val_int(5));
    val_set(a, d, "f", val_float(1.5));
    val_set(a, d, "n", VNULL);
    val_set(a, d, "t", val_bool(true));
    val_set(a, d, "s", val_flag(val_z(a, "hello w\xc3\xb6rld"), VAL_TRUSTED));
    val_set(a, d, "y", val_flag(val_z(a, "{{ x }}-{{ l }}"), VAL_TRUSTED));
    val_set(a, d, "z", val_flag(val_z(a, "{{ z }}"), VAL_TRUSTED));
    val_set(a, d, "p", val_flag(val_z(a, "secret"), VAL_TRUSTED | VAL_SECRET));
    val_set(a, d, "l", list_of(a, val_int(3), val_z(a, "untrusted {{ x }}")));
    val_set(a, d, "d", inner);
    return val_mark_templates(d);
}

static void add_template(struct map *m, struct arena *a, const char *name, const char *text) {
    struct str *s = ARENA_NEW(a, struct str);
    *s = str_from(text);
    map_put(m, a, str_from(name), s);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    if (n < 1 || n > 4096) {
        return 0;
    }
    struct vars vars = {make_vars(&a)};
    struct map templates = {0};
    struct jinja_opts o = p[0] & 1 ? jinja_opts_file : jinja_opts_plain;
    struct jinja_ctx c = {
        .a = &a, .opts = &jinja_opts_ansible, .output_cap = 20000, .step_cap = 3000, .no_lookups = true};
    struct str text = str_dup(&a, (struct str){(const char *)p + 1, n - 1});
    struct val v = val_mark_templates(val_flag(val_str(&a, text), VAL_TRUSTED)), out;
    bool yes;
    o.ext_do = o.ext_loopcontrols = true;
    o.lstrip_blocks = p[0] & 8;
    o.line_statement = p[0] & 16 ? "#" : NULL;
    o.line_comment = p[0] & 32 ? "##" : NULL;
    c.scope = (struct jinja_scope){.self = &vars, .get = get_var};
    c.templates = &templates;
    add_template(&templates, &a, "base", "[{% block a %}{{ x }}{% endblock %}]");
    add_template(&templates, &a, "lib", "{% macro m(a) %}{{ a }}{% endmacro %}{% set v = [1] %}");
    switch ((p[0] >> 1) & 3) {
    case 0:
        (void)jinja_render(&c, text, NO_MARK, &o, &text, &e);
        break;
    case 1:
        (void)jinja_string(&c, v, &out, &e);
        break;
    case 2:
        (void)jinja_expr(&c, text, NO_MARK, false, &out, &e);
        break;
    default:
        (void)jinja_truth(&c, v, &yes, &e);
        break;
    }
    arena_release(&a);
    return 0;
}
