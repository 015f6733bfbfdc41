// Expected values against real ones, and the placeholders of a case.
#include "digest.h"
#include "modtest.h"
#include "regex.h"

static bool mismatch(struct arena *a, const char *where, struct val want, struct val got, struct err *e) {
    struct buf b = BUF_IN(a);
    buf_printf(&b, "%s: expected ", where);
    val_to_repr(&b, want);
    buf_z(&b, ", found ");
    if (val_is(got, VAL_UNDEF)) {
        buf_z(&b, "nothing");
    } else {
        val_to_repr(&b, got);
    }
    return err_set(e, ERR_MODULE, want.mark, "%.*s", STR(buf_view(&b)));
}

static bool matches(struct arena *a, struct str pattern, struct val got, struct mark at, struct err *e) {
    struct regex *r = regex_compile(a, pattern, REGEX_DOTALL, at, e);
    return r && regex_exec(r, val_str_of(a, got), 0, REGEX_SEARCH, a, NULL, e) == 1;
}

static bool expect_dict(struct arena *a, const char *where, struct val want, struct val got, struct err *e) {
    struct vpair *p;
    for (size_t i = 0; (p = val_each(want, &i));) {
        struct str key = val_str_of(a, p->key);
        if (!expect(a, arena_printf(a, "%s.%.*s", where, STR(key)), p->value, val_get_key(got, p->key), e)) {
            return false;
        }
    }
    return true;
}

bool expect(struct arena *a, const char *where, struct val want, struct val got, struct err *e) {
    struct str text = val_text(want);
    if (str_eqz(text, "any:") && !val_is(got, VAL_UNDEF)) {
        return true;
    }
    if (str_starts(text, "re:") && !val_is(got, VAL_UNDEF)) {
        return matches(a, str_sub(text, 3, text.n), got, want.mark, e) || e->code != ERR_NONE ||
               mismatch(a, where, want, got, e);
    }
    if (val_is(want, VAL_DICT) && val_is(got, VAL_DICT)) {
        return expect_dict(a, where, want, got, e);
    }
    if (val_is(want, VAL_LIST) && val_is(got, VAL_LIST) && val_len(want) == val_len(got)) {
        for (size_t i = 0; i < val_len(want); i++) {
            const char *item = arena_printf(a, "%s[%zu]", where, i);
            if (!expect(a, item, val_at_index(want, i), val_at_index(got, i), e)) {
                return false;
            }
        }
        return true;
    }
    bool same = want.kind == got.kind && val_equal(want, got);
    return same || mismatch(a, where, want, got, e);
}

static struct str replace(struct arena *a, struct str s, struct str from, struct str to) {
    struct buf b = BUF_IN(a);
    size_t start = 0;
    for (size_t at = str_find(s, 0, from); at != SIZE_MAX; at = str_find(s, start, from)) {
        buf_str(&b, str_sub(s, start, at));
        buf_str(&b, to);
        start = at + from.n;
    }
    buf_str(&b, str_sub(s, start, s.n));
    return buf_view(&b);
}

static struct val fill_text(struct arena *a, struct val v, struct str dir, struct val blobs) {
    struct str s = replace(a, val_text(v), STR_LIT("@DIR@"), dir);
    struct vpair *p;
    for (size_t i = 0; (p = val_each(blobs, &i));) {
        const char *hex = NULL;
        struct err e = {.arena = a};
        if (digest_hex(a, "sha256", val_text(p->value), &hex, &e)) {
            s = replace(a, s, str_printf(a, "@BLOB:%.*s@", STR(val_text(p->key))), str_from(hex));
        }
    }
    return val_at(val_str(a, s), v.mark);
}

struct val fill_in(struct arena *a, struct val v, struct str dir, struct val blobs) {
    if (val_is(v, VAL_STR)) {
        return fill_text(a, v, dir, blobs);
    }
    if (val_is(v, VAL_LIST)) {
        struct val out = val_list(a, val_len(v));
        for (size_t i = 0; i < val_len(v); i++) {
            val_push(a, out, fill_in(a, val_at_index(v, i), dir, blobs));
        }
        return val_at(out, v.mark);
    }
    if (val_is(v, VAL_DICT)) {
        struct val out = val_dict(a, val_len(v));
        struct vpair *p;
        for (size_t i = 0; (p = val_each(v, &i));) {
            val_set_key(a, out, fill_in(a, p->key, dir, blobs), fill_in(a, p->value, dir, blobs));
        }
        return val_at(out, v.mark);
    }
    return v;
}
