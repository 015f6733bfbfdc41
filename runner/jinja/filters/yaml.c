// YAML filters: to_yaml, to_nice_yaml, from_yaml, from_yaml_all.
#include "emit.h"
#include "filters/support.h"
#include "filters/text.h"
#include "load.h"

static bool kw_int(struct jcall *c, const char *name, int *out, struct err *e) {
    struct val v = opt_kw(c, name);
    int64_t n = 0;
    if (is_undef(v) || v.kind == VAL_NULL) {
        return true;
    }
    if (!as_int(v, &n)) {
        return bad_arg(c, e, name, "an integer", v);
    }
    if (n > INT32_MAX) {
        n = INT32_MAX;
    }
    *out = n > 0 ? (int)n : 0;
    return true;
}

static bool kw_flag(struct jcall *c, const char *name, bool def) {
    struct val v = opt_kw(c, name);
    return is_undef(v) ? def : val_truth(v);
}

static bool dump(struct jcall *c, struct yaml_style *s, struct val *out, struct err *e) {
    static const char *const names[] = {"indent",       "width", "default_flow_style", "sort_keys", "explicit_start",
                                        "explicit_end", NULL};
    if (!only_kw(c, names, e) || !kw_int(c, "indent", &s->indent, e) || !kw_int(c, "width", &s->width, e)) {
        return false;
    }
    struct val flow = opt_kw(c, "default_flow_style");
    if (!is_undef(flow)) {
        s->flow = flow.kind == VAL_NULL ? -1 : val_truth(flow);
    }
    s->sort_keys = kw_flag(c, "sort_keys", true);
    s->explicit_start = kw_flag(c, "explicit_start", false);
    s->explicit_end = kw_flag(c, "explicit_end", false);
    struct buf b = {.a = c->a, .max = TEXT_CAP};
    if (!yaml_emit(&b, c->args[0], s, e)) {
        return err_wrap(e, c->at, "in '%s'", c->name);
    }
    if (b.full) {
        return plug_err(c, e, ERR_LIMIT, "the result is longer than %zu bytes", TEXT_CAP);
    }
    *out = val_flag(val_str(c->a, buf_view(&b)), VAL_SAFE_JSON);
    return true;
}

static bool f_to_yaml(struct jcall *c, struct val *out, struct err *e) {
    struct yaml_style s = {.flow = -1};
    return dump(c, &s, out, e);
}
FILTER(to_yaml) = {
    .doc = "YAML text.", .params = "a, **", .fn = f_to_yaml, .example = "{'a': [1, 2]} | to_yaml == 'a: [1, 2]\\n'"};

static bool f_to_nice_yaml(struct jcall *c, struct val *out, struct err *e) {
    struct yaml_style s = {.indent = 4};
    int64_t indent = 4;
    if (!is_undef(opt_kw(c, "default_flow_style"))) {
        return plug_err(c, e, ERR_ARGS, "'default_flow_style' cannot be changed here, use to_yaml");
    }
    if (!opt_none(c, 1) && !arg_int(c, 1, 4, &indent, e)) {
        return false;
    }
    s.indent = indent > 0 && indent < 1000 ? (int)indent : 0;
    return dump(c, &s, out, e);
}
FILTER(to_nice_yaml) = {.doc = "YAML text over several lines.",
                        .params = "a, indent=4, **",
                        .fn = f_to_nice_yaml,
                        .example = "{'a': [1]} | to_nice_yaml(indent=2) == 'a:\\n- 1\\n'"};

static bool f_from_yaml(struct jcall *c, struct val *out, struct err *e) {
    struct yaml_opts o = {0};
    *out = c->args[0];
    if (c->args[0].kind != VAL_STR) {
        return true;
    }
    return yaml_load("from_yaml", val_text(c->args[0]), &o, c->a, out, e) || err_wrap(e, c->at, "in '%s'", c->name);
}
FILTER(from_yaml) = {.doc = "The value of YAML text.",
                     .params = "data",
                     .takes_undef = true,
                     .fn = f_from_yaml,
                     .example = "'a: 1' | from_yaml == {'a': 1}"};

static bool f_from_yaml_all(struct jcall *c, struct val *out, struct err *e) {
    struct yaml_opts o = {0};
    *out = c->args[0];
    if (c->args[0].kind != VAL_STR) {
        return true;
    }
    return yaml_load_all("from_yaml_all", val_text(c->args[0]), &o, c->a, out, e) ||
           err_wrap(e, c->at, "in '%s'", c->name);
}
FILTER(from_yaml_all) = {.doc = "The values of the documents of YAML text.",
                         .params = "data",
                         .takes_undef = true,
                         .fn = f_from_yaml_all,
                         .example = "'---\\n1\\n---\\n2' | from_yaml_all | list == [1, 2]"};
