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

/// `{{ }}` inside a condition: templated first. *out is what stands there then; false with *done unset on errors.
static bool first_pass(struct jinja_ctx *c, struct val cond, struct val *out, struct err *e) {
    if (c->host && c->host->warn) {
        c->host->warn(c->host->self, cond.mark,
                      "conditional statements should not include jinja2 templating delimiters such as {{ }} or {% %}");
    }
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

static bool truth_of(struct jinja_ctx *c, struct val cond, bool *out, struct err *e) {
    struct val v = cond;
    bool twice = has_delimiters(val_text(cond));
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
    *out = val_truth(got);
    return true;
}

bool jinja_truth(struct jinja_ctx *c, struct val cond, bool *out, struct err *e) {
    if (cond.kind != VAL_STR) {
        if (cond.kind == VAL_UNDEF) {
            return undef_fail(c, cond, cond.mark, e);
        }
        *out = cond.kind == VAL_NULL || val_truth(cond);
        return true;
    }
    if (!val_text(cond).n) {
        *out = true;
        return true;
    }
    if (!(cond.flags & VAL_TRUSTED)) {
        return err_set(e, ERR_TYPE, cond.mark, "a condition that came from an untrusted source is never evaluated");
    }
    bool untrusted = c->state.untrusted;
    bool ok = truth_of(c, cond, out, e);
    c->state.untrusted = untrusted;
    if (ok) {
        return true;
    }
    if (e->code == ERR_UNDEFINED && e->msg && rescue(c, val_text(cond), out, e)) {
        err_clear(e);
        return true;
    }
    if (!e->at.at) {
        e->at = cond.mark;
    }
    return false;
}
