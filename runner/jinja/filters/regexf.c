// The filters regex_replace, regex_search, regex_findall and regex_escape.
#include "filters/support.h"
#include "filters/text.h"
#include "regex.h"

static struct regex *compile(struct jcall *c, struct val pattern, bool ignorecase, bool multiline, struct err *e) {
    if (pattern.kind != VAL_STR) {
        bad_arg(c, e, "pattern", "a string", pattern);
        return NULL;
    }
    unsigned flags = (ignorecase ? REGEX_IGNORECASE : 0U) | (multiline ? REGEX_MULTILINE : 0U);
    return jinja_regex(c, val_text(pattern), flags, e);
}

static bool f_regex_replace(struct jcall *c, struct val *out, struct err *e) {
    bool ignorecase = false, multiline = false;
    int64_t count = 0, want = 0;
    struct str repl, text = text_of(c, c->args[0]);
    struct val pattern = arg_given(c, 1) ? c->args[1] : val_z(c->a, "");
    if (!opt_str(c, 2, "replacement", STR_LIT(""), &repl, e) || !arg_bool(c, 3, false, &ignorecase, e) ||
        !arg_bool(c, 4, false, &multiline, e) || !arg_int(c, 5, 0, &count, e) || !arg_int(c, 6, 0, &want, e)) {
        return false;
    }
    struct regex *r = compile(c, pattern, ignorecase, multiline, e);
    if (!r) {
        return false;
    }
    size_t n = 0;
    struct str s;
    if (!regex_sub(r, repl, text, count > 0 ? (size_t)count : 0, c->a, &s, &n, e)) {
        return err_wrap(e, c->at, "in '%s'", c->name);
    }
    if (want && (int64_t)n != want) {
        return plug_err(c, e, ERR_ARGS, "the pattern matched %zu times, 'mandatory_count' is %lld", n, (long long)want);
    }
    *out = val_str(c->a, s);
    return true;
}
FILTER(regex_replace) = {
    .doc = "Replace what matches.",
    .params = "value, pattern='', replacement='', ignorecase=False, multiline=False, count=0, mandatory_count=0",
    .fn = f_regex_replace,
    .example = "'ansible' | regex_replace('^a.*i(.*)$', 'a\\\\1') == 'able'"};

static struct val group(struct jcall *c, const struct regex_match *m, struct str s, size_t i, struct val none) {
    return m->from[i] == SIZE_MAX ? none : val_str(c->a, str_sub(s, m->from[i], m->to[i]));
}

static bool f_regex_findall(struct jcall *c, struct val *out, struct err *e) {
    bool ignorecase = false, multiline = false;
    struct str s = text_of(c, c->args[0]);
    if (!arg_bool(c, 2, false, &multiline, e) || !arg_bool(c, 3, false, &ignorecase, e)) {
        return false;
    }
    struct regex *r = compile(c, c->args[1], ignorecase, multiline, e);
    if (!r) {
        return false;
    }
    size_t groups = regex_groups(r);
    *out = val_list(c->a, 8);
    struct regex_walk w = {0};
    struct regex_match m = {0};
    for (;;) {
        int hit = regex_next(r, s, &w, c->a, &m, e);
        if (hit < 0) {
            return err_wrap(e, c->at, "in '%s'", c->name);
        }
        if (!hit) {
            break;
        }
        struct val none = val_z(c->a, "");
        if (groups < 2) {
            val_push(c->a, *out, group(c, &m, s, groups, none));
        } else {
            struct val row = val_tuple(c->a, groups);
            for (size_t i = 1; i <= groups; i++) {
                val_push(c->a, row, group(c, &m, s, i, none));
            }
            val_push(c->a, *out, row);
        }
    }
    return true;
}
FILTER(regex_findall) = {.doc = "All that matches.",
                         .params = "value, regex, multiline=False, ignorecase=False",
                         .fn = f_regex_findall,
                         .example = "'a1b22' | regex_findall('[0-9]+') == ['1', '22']"};

/// The group that "\1" or "\g<name>" names; 0 in *ok when it is neither.
static bool group_of(struct jcall *c, const struct regex *r, struct val arg, size_t *out, struct err *e) {
    struct str a = val_text(arg), name = STR_NONE;
    int64_t n = -1;
    if (str_starts(a, "\\g<")) {
        size_t end = a.n;
        while (end > 3 && a.s[end - 1] != '>') {
            end--;
        }
        if (end > 3) {
            name = str_sub(a, 3, end - 1);
        }
        if (name.n && str_int(name, &n)) {
            n = -1;  // Python takes the text between the brackets as a name
        }
    } else if (str_starts(a, "\\")) {
        size_t end = 1;
        while (end < a.n && a.s[end] >= '0' && a.s[end] <= '9') {
            end++;
        }
        if (!str_int(str_sub(a, 1, end), &n)) {
            n = -1;
        }
    }
    if (!name.n && n < 0) {
        return plug_err(c, e, ERR_ARGS, "expected a group such as '\\1' or '\\g<name>', found '%.*s'",
                        STR(text_of(c, arg)));
    }
    *out = name.n ? regex_group_number(r, name) : (size_t)n;
    if ((name.n && !*out) || *out > regex_groups(r)) {
        return plug_err(c, e, ERR_ARGS, "the pattern has no group '%.*s'", STR(a));
    }
    return true;
}

static bool f_regex_search(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"ignorecase", "multiline", NULL};
    struct str s = text_of(c, c->args[0]);
    if (!only_kw(c, names, e)) {
        return false;
    }
    struct val ic = opt_kw(c, "ignorecase"), ml = opt_kw(c, "multiline");
    struct regex *r = compile(c, c->args[1], !is_undef(ic) && val_truth(ic), !is_undef(ml) && val_truth(ml), e);
    if (!r) {
        return false;
    }
    struct regex_match m;
    int hit = regex_exec(r, s, 0, REGEX_SEARCH, c->a, &m, e);
    if (hit < 0) {
        return err_wrap(e, c->at, "in '%s'", c->name);
    }
    struct val list = val_list(c->a, c->nargs);
    for (size_t i = 2; i < c->nargs; i++) {
        size_t g = 0;
        struct str a = val_text(c->args[i]);
        if (!hit && str_starts(a, "\\")) {
            continue;
        }
        if (!group_of(c, r, c->args[i], &g, e)) {
            return false;
        }
        val_push(c->a, list, group(c, &m, s, g, VNULL));
    }
    if (!hit) {
        *out = VNULL;
    } else {
        *out = c->nargs > 2 ? list : group(c, &m, s, 0, VNULL);
    }
    return true;
}
FILTER(regex_search) = {.doc = "What matches, or its groups.",
                        .params = "value, regex, *, **",
                        .fn = f_regex_search,
                        .example = "'foo=bar' | regex_search('=(.*)', '\\\\1') == ['bar']"};

static bool f_regex_escape(struct jcall *c, struct val *out, struct err *e) {
    struct str type, s = text_of(c, c->args[0]);
    if (!opt_str(c, 1, "re_type", STR_LIT("python"), &type, e)) {
        return false;
    }
    if (str_eqz(type, "python")) {
        *out = val_str(c->a, regex_escape(c->a, s));
        return true;
    }
    if (!str_eqz(type, "posix_basic")) {
        return str_eqz(type, "posix_extended")
                   ? err_set(e, ERR_ARGS, c->at, "Regex type (posix_extended) not yet implemented")
                   : err_set(e, ERR_ARGS, c->at, "Invalid regex type (%.*s)", STR(type));
    }
    struct buf b = BUF_IN(c->a);
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] && strchr("].[^$*\\", s.s[i])) {
            buf_char(&b, '\\');
        }
        buf_char(&b, s.s[i]);
    }
    *out = val_str(c->a, buf_view(&b));
    return true;
}
FILTER(regex_escape) = {.doc = "Text with the special characters escaped.",
                        .params = "string, re_type='python'",
                        .fn = f_regex_escape,
                        .example = "'a.b' | regex_escape == 'a\\\\.b'"};
