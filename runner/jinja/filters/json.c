// JSON filters: to_json, to_nice_json, from_json, tojson.
#include "json.h"

#include "filters/support.h"
#include "filters/text.h"

static bool kw_text(struct jcall *c, struct val v, const char **out, struct err *e) {
    if (v.kind != VAL_STR) {
        return bad_arg(c, e, "separators", "two strings", v);
    }
    *out = str_z(c->a, val_text(v));
    return true;
}

static bool separators(struct jcall *c, struct json_style *s, struct err *e) {
    struct val v = opt_kw(c, "separators");
    if (is_undef(v) || v.kind == VAL_NULL) {
        return true;
    }
    if (!val_is_seq(v) || val_len(v) != 2) {
        return bad_arg(c, e, "separators", "two strings", v);
    }
    return kw_text(c, val_at_index(v, 0), &s->item_sep, e) && kw_text(c, val_at_index(v, 1), &s->key_sep, e);
}

/// json.dumps takes a number of spaces (0: line breaks without indentation) or the indentation itself.
static bool indent_of(struct jcall *c, struct val v, struct json_style *s, struct err *e) {
    int64_t n = 0;
    if (v.kind == VAL_NULL || (is_undef(v) && !v.u.undef)) {
        return true;
    }
    if (c->args[0].kind == VAL_STR) {
        return true;  // text has no lines to indent, so json.dumps does not look
    }
    if (v.kind == VAL_STR) {
        n = (int64_t)val_text(v).n;
        s->indent_text = str_z(c->a, val_text(v));
    } else if (!as_int(v, &n)) {
        return bad_arg(c, e, "indent", "an integer", v);
    }
    if (n > 256) {
        return plug_err(c, e, ERR_LIMIT, "'indent' must be at most 256");
    }
    s->indent = n > 0 && !s->indent_text ? (int)n : JSON_LINES;
    return true;
}

static bool dump(struct jcall *c, const struct json_style *s, struct val *out, struct err *e) {
    struct buf b = {.a = c->a, .max = TEXT_CAP};
    if (!json_write(&b, c->args[0], s, e)) {
        return err_wrap(e, c->at, "in '%s'", c->name);
    }
    if (b.full) {
        return plug_err(c, e, ERR_LIMIT, "the result is longer than %zu bytes", TEXT_CAP);
    }
    *out = val_flag(val_str(c->a, buf_view(&b)), VAL_SAFE_JSON);
    return true;
}

static bool kw_bool(struct jcall *c, const char *name, bool def) {
    struct val v = opt_kw(c, name);
    return is_undef(v) ? def : val_truth(v);
}

static const char *const dump_kw[] = {"indent",         "sort_keys",     "separators",        "ensure_ascii",
                                      "check_circular", "vault_to_text", "preprocess_unsafe", NULL};

static bool f_to_json(struct jcall *c, struct val *out, struct err *e) {
    struct json_style s = {.same_keys = true};
    if (!only_kw(c, dump_kw, e) || !separators(c, &s, e) || !indent_of(c, opt_kw(c, "indent"), &s, e)) {
        return false;
    }
    s.sort_keys = kw_bool(c, "sort_keys", false);
    s.ascii = kw_bool(c, "ensure_ascii", true);
    return dump(c, &s, out, e);
}
FILTER(to_json) = {.doc = "JSON text.",
                   .params = "a, **",
                   .fn = f_to_json,
                   .example = "{'a': [1, true, none]} | to_json == '{\"a\": [1, true, null]}'"};

static bool f_to_nice_json(struct jcall *c, struct val *out, struct err *e) {
    struct json_style s = {.item_sep = ",", .key_sep = ": ", .same_keys = true};
    struct val indent = arg_given(c, 1) ? c->args[1] : val_int(4);
    if (!is_undef(opt_kw(c, "separators"))) {
        return plug_err(c, e, ERR_ARGS, "'separators' cannot be changed here, use to_json");
    }
    if (!only_kw(c, dump_kw, e) || !indent_of(c, indent, &s, e)) {
        return false;
    }
    s.sort_keys = arg_given(c, 2) ? val_truth(c->args[2]) : true;
    s.ascii = kw_bool(c, "ensure_ascii", true);
    return dump(c, &s, out, e);
}
FILTER(to_nice_json) = {.doc = "JSON text over several lines.",
                        .params = "a, indent=4, sort_keys=True, **",
                        .fn = f_to_nice_json,
                        .example = "{'a': 1} | to_nice_json == '{\\n    \"a\": 1\\n}'"};

static bool f_tojson(struct jcall *c, struct val *out, struct err *e) {
    static const char *const from[] = {"<", ">", "&", "'"};
    static const char *const to[] = {"\\u003c", "\\u003e", "\\u0026", "\\u0027"};
    struct json_style s = {.sort_keys = true, .same_keys = true, .ascii = true};
    if (!indent_of(c, opt_val(c, 1), &s, e) || !dump(c, &s, out, e)) {
        return false;
    }
    struct str t = val_text(*out);
    for (size_t i = 0; i < COUNTOF(from); i++) {
        t = text_replace(c->a, t, str_from(from[i]), str_from(to[i]), -1);
    }
    *out = val_flag(val_str(c->a, t), VAL_MARKUP);
    return true;
}
FILTER(tojson) = {.doc = "JSON text that is safe inside HTML.",
                  .params = "value, indent=None",
                  .fn = f_tojson,
                  .example = "[1, 2] | tojson == '[1, 2]'"};

static bool f_from_json(struct jcall *c, struct val *out, struct err *e) {
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "value", "JSON text", c->args[0]);
    }
    return json_parse(c->a, val_text(c->args[0]), out, e) || err_wrap(e, c->at, "in '%s'", c->name);
}
FILTER(from_json) = {.doc = "The value of JSON text.",
                     .params = "value, **",
                     .fn = f_from_json,
                     .example = "'[1, 2]' | from_json == [1, 2]"};
