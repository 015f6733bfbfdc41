// Conditionals: when, changed_when, failed_when, until and assert.
#include "ast.h"
#include "regex.h"

/// Ansible's rescue: a condition that failed on an undefined name, and says elsewhere whether that name is defined,
/// counts as what that test would have said. True when it applies.
static bool rescue(struct jinja_ctx *c, struct str cond, bool *out, const struct err *e) {
    struct err own = {.arena = c->a};
    struct str msg = str_from(e->msg);
    struct regex *who = regex_compile(c->a, STR_LIT("'(hostvars\\[.+\\]|[\\w_]+)' is undefined"), 0, NO_MARK, &own);
    struct regex *tests =
        regex_compile(c->a, STR_LIT("(hostvars\\[.+\\]|[\\w_]+)\\s+(not\\s+is|is|is\\s+not)\\s+(defined|undefined)"), 0,
                      NO_MARK, &own);
    struct regex_match m, t;
    if (!who || !tests || regex_exec(who, msg, 0, REGEX_SEARCH, c->a, &m, &own) != 1) {
        return false;
    }
    struct str name = str_sub(msg, m.from[1], m.to[1]);
    for (size_t at = 0; regex_exec(tests, cond, at, REGEX_SEARCH, c->a, &t, &own) == 1; at = t.to[0]) {
        if (str_eq(str_sub(cond, t.from[1], t.to[1]), name)) {
            bool negated = str_find(str_sub(cond, t.from[2], t.to[2]), 0, STR_LIT("not")) != SIZE_MAX;
            bool defined = t.to[3] - t.from[3] == strlen("defined");
            *out = negated == defined;
            return true;
        }
    }
    return false;
}

static bool has_delimiters(struct str s) {
    return str_find(s, 0, STR_LIT("{{")) != SIZE_MAX || str_find(s, 0, STR_LIT("{%")) != SIZE_MAX ||
           str_find(s, 0, STR_LIT("{#")) != SIZE_MAX;
}

static void warn_delimiters(struct jinja_ctx *c, struct val cond) {
    if (c->host && c->host->warn) {
        const char *what =
            "conditional statements should not include jinja2 templating delimiters such as {{ }} or {% %}.";
        bool secret = cond.flags & VAL_SECRET;
        c->host->warn(c->host->self, cond.mark,
                      secret ? what : arena_printf(c->a, "%s Found: %.*s", what, STR(val_text(cond))));
    }
}

/// `{{ }}` inside a condition: templated first. *out is what stands there then.
static bool first_pass(struct jinja_ctx *c, struct val cond, struct val *out, struct err *e) {
    c->state.untrusted = false;
    if (!jinja_string(c, val_flag(cond, VAL_TMPL), out, e)) {
        return false;
    }
    if (out->kind == VAL_STR && val_text(*out).n && !(out->flags & VAL_TRUSTED)) {
        return err_set(e, ERR_TYPE, cond.mark,
                       "the condition evaluates to text from an untrusted source, which is never evaluated");
    }
    return true;
}

/// A result that is not true or false: an error, or taken as Python takes it.
static bool result_truth(const struct jinja_ctx *c, struct val got, struct mark at, bool *out, struct err *e) {
    *out = val_truth(got);
    return !c->strict_conditions || got.kind == VAL_BOOL ||
           err_set(
               e, ERR_TYPE, at,
               "Conditional result (%s) was derived from value of type '%s'. Conditionals must have a boolean result.",
               *out ? "True" : "False", val_type_name(got)) ||
           err_hint(e, "say what is meant: 'is truthy', '| length > 0', '| bool', 'is defined'");
}

static bool truth_of(struct jinja_ctx *c, struct val cond, bool *out, struct err *e) {
    struct val v = cond;
    bool twice = has_delimiters(val_text(cond));
    if (twice) {
        warn_delimiters(c, cond);
    }
    if (twice && !first_pass(c, cond, &v, e)) {
        return false;
    }
    if (v.kind != VAL_STR || !val_text(v).n) {
        *out = v.kind == VAL_STR ? !twice : val_truth(v);
        return true;
    }
    struct val got = {0};
    if (!jinja_expr(c, val_text(v), twice ? NO_MARK : cond.mark, false, &got, e)) {
        return false;
    }
    return result_truth(c, got, cond.mark, out, e);
}

/// Text that is one template from its first to its last character, or several.
static bool all_template(struct str s) {
    return (str_starts(s, "{{") && str_ends(s, "}}")) || (str_starts(s, "{%") && str_ends(s, "%}")) ||
           (str_starts(s, "{#") && str_ends(s, "#}"));
}

/// As ansible-core 2.19 has it: text is an expression, whose strings may be templates, or it is a template as a whole.
static bool truth_219(struct jinja_ctx *c, struct val cond, bool *out, struct err *e) {
    struct str text = str_trim(val_text(cond));
    struct val got = cond;
    struct mark at = cond.mark;
    *out = true;
    if (cond.kind == VAL_NULL || (cond.kind == VAL_STR && !text.n)) {
        return !c->strict_conditions ||
               err_set(e, ERR_TYPE, cond.mark, "Empty conditional expressions are not allowed.");
    }
    if (cond.kind != VAL_STR) {
        return c->strict_conditions
                   ? err_set(e, ERR_TYPE, cond.mark, "Conditional expressions must be strings, not %s.",
                             val_kind_name(cond.kind)) ||
                         err_hint(e, "the whole condition must stand in quotes when it has ': ' in it")
                   : jinja_value(c, cond, &got, e) && result_truth(c, got, cond.mark, out, e);
    }
    if (all_template(text)) {
        if (c->host && c->host->warn) {
            c->host->warn(c->host->self, cond.mark,
                          "Conditionals should not be surrounded by templating delimiters such as {{ }} or {% %}.");
        }
        if (!first_pass(c, cond, &got, e)) {
            return false;
        }
        if (got.kind != VAL_STR) {
            return result_truth(c, got, cond.mark, out, e);
        }
        text = str_trim(val_text(got));  // a condition that a variable holds
        at = NO_MARK;
    }
    bool before = c->state.const_templates;
    c->state.const_templates = true;
    bool ok = jinja_expr(c, text, at, false, &got, e);
    c->state.const_templates = before;
    if (!ok && e->code == ERR_SYNTAX && has_delimiters(text)) {
        return err_hint(e, "template delimiters are not supported in expressions: write the name without them");
    }
    return ok && result_truth(c, got, cond.mark, out, e);
}

bool jinja_truth(struct jinja_ctx *c, struct val cond, bool *out, struct err *e) {
    if (cond.kind != VAL_STR) {
        if (cond.kind == VAL_UNDEF) {
            return undef_fail(c, cond, cond.mark, e);
        }
        *out = cond.kind == VAL_NULL || val_truth(cond);
        return cond.kind == VAL_BOOL || !c->v219 || truth_219(c, cond, out, e);
    }
    if (!val_text(cond).n && !c->v219) {
        *out = true;
        return true;
    }
    if (!(cond.flags & VAL_TRUSTED)) {
        return err_set(e, ERR_TYPE, cond.mark, "a condition that came from an untrusted source is never evaluated");
    }
    bool untrusted = c->state.untrusted;
    bool ok = c->v219 ? truth_219(c, cond, out, e) : truth_of(c, cond, out, e);
    c->state.untrusted = untrusted;
    if (ok) {
        return true;
    }
    if (!c->v219 && e->code == ERR_UNDEFINED && e->msg && rescue(c, val_text(cond), out, e)) {
        err_clear(e);
        return true;
    }
    if (!e->at.at) {
        e->at = cond.mark;
    }
    return false;
}
