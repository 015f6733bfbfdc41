// Lookups of community.general: flattened, cartesian, random_string.
#include "digest.h"
#include "filters/mt19937.h"
#include "filters/text.h"
#include "lookups/common.h"

#define FLATTEN_DEPTH 64

// -- lists -----------------------------------------------------------------------------------------------------------

/// A list of one list of one ... item is that item.
static struct val unwrapped(struct val v) {
    while (v.kind == VAL_LIST && val_len(v) == 1) {
        v = val_at_index(v, 0);
    }
    return v;
}

static bool flatten_into(struct jcall *c, struct val terms, struct val out, unsigned depth, struct err *e) {
    if (depth > FLATTEN_DEPTH) {
        return plug_err(c, e, ERR_LIMIT, "lists are nested deeper than %d levels", FLATTEN_DEPTH);
    }
    for (size_t i = 0; i < val_len(terms); i++) {
        struct val v = unwrapped(val_at_index(terms, i));
        if (v.kind == VAL_STR) {
            struct str s = val_text(v);
            if (str_eqz(s, "None") || str_eqz(s, "null")) {
                break;
            }
            val_push(c->a, out, val_flag(val_str(c->a, text_strip(s, STR_NONE, STRIP_BOTH)), v.flags));
        } else if (v.kind != VAL_LIST) {
            val_push(c->a, out, v);
        } else if (!flatten_into(c, v, out, depth + 1, e)) {
            return false;
        }
    }
    return true;
}

static bool l_flattened(struct jcall *c, struct val *out, struct err *e) {
    *out = val_list(c->a, 16);
    return flatten_into(c, c->args[0], *out, 0, e);
}
LOOKUP(flattened) = {.doc = "The items of all lists, however deep, as one list.",
                     .fn = l_flattened,
                     .raw_terms = true,
                     .fqcn = "community.general.flattened",
                     .example = "query('flattened', [1, [2, [3]]], 4) == [1, 2, 3, 4]"};

static bool l_cartesian(struct jcall *c, struct val *out, struct err *e) {
    size_t n = lk_terms(c), total = 1;
    struct val *lists = ARENA_ARRAY(c->a, struct val, n + 1);
    if (!n) {
        return err_set(e, ERR_ARGS, c->at, "with_cartesian requires at least one element in each list");
    }
    for (size_t i = 0; i < n; i++) {
        lists[i] = lk_term(c, i);
        if (!val_is_seq(lists[i])) {
            lists[i] = val_list(c->a, 1);
            val_push(c->a, lists[i], lk_term(c, i));
        }
        if (!size_mul(c, total, val_len(lists[i]), ITEMS_CAP, &total, e)) {
            return false;
        }
    }
    *out = val_list(c->a, total);
    for (size_t k = 0; k < total; k++) {
        struct val row = val_list(c->a, n);
        size_t unit = total, rest = k;
        for (size_t i = 0; i < n; i++) {
            unit /= val_len(lists[i]);
            val_push(c->a, row, val_at_index(lists[i], rest / unit));
            rest %= unit;
        }
        val_push(c->a, *out, lk_flatten(c, row));
    }
    return true;
}
LOOKUP(cartesian) = {.doc = "Every choice of one item of each list.",
                     .fn = l_cartesian,
                     .raw_terms = true,
                     .fqcn = "community.general.cartesian",
                     .example = "query('cartesian', [1, 2], ['a']) == [[1, 'a'], [2, 'a']]"};

// -- random text -----------------------------------------------------------------------------------------------------

struct random_string {
    struct jcall *c;
    struct mt *m;
    struct buf out;
    struct str sets[4];  // digits, lower, upper, special
};

static const char *const random_options[] = {"length",
                                             "upper",
                                             "lower",
                                             "numbers",
                                             "special",
                                             "min_numeric",
                                             "min_upper",
                                             "min_lower",
                                             "min_special",
                                             "override_special",
                                             "base64",
                                             "override_all",
                                             "ignore_similar_chars",
                                             "similar_chars",
                                             "seed",
                                             NULL};

static bool add_random(struct random_string *r, struct str from, int64_t n, struct err *e) {
    if (!from.n) {
        return plug_err(r->c, e, ERR_ARGS, "Available characters cannot be None, please change constraints");
    }
    size_t len = utf8_len(from);
    for (int64_t i = 0; i < n; i++) {
        size_t at = text_offset(from, mt_below(r->m, len)), end = at;
        (void)utf8_next(from, &end);
        buf_str(&r->out, str_sub(from, at, end));
    }
    return true;
}

static struct str without(struct arena *a, struct str s, struct str similar) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n; i++) {
        if (str_find_char(similar, 0, s.s[i]) == SIZE_MAX) {
            buf_char(&b, s.s[i]);
        }
    }
    return buf_view(&b);
}

static bool read_sets(struct random_string *r, struct err *e) {
    static const char *const all[] = {"0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                      "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"};
    struct str similar, special;
    bool ignore;
    if (!lk_bool(r->c, "ignore_similar_chars", false, &ignore, e) ||
        !lk_str(r->c, "similar_chars", STR_LIT("il1LoO0"), &similar, e) ||
        !lk_str(r->c, "override_special", STR_NONE, &special, e)) {
        return false;
    }
    for (size_t i = 0; i < COUNTOF(all); i++) {
        r->sets[i] = ignore ? without(r->c->a, str_from(all[i]), similar) : str_from(all[i]);
    }
    r->sets[3] = special.n ? special : r->sets[3];
    return true;
}

/// The characters all of the text may have, and those it must have at least.
static bool required(struct random_string *r, struct buf *allowed, int64_t *left, struct err *e) {
    static const char *const minimum[] = {"min_numeric", "min_lower", "min_upper", "min_special"};
    static const char *const use[] = {"numbers", "lower", "upper", "special"};
    static const size_t order[] = {2, 1, 0, 3};  // as Ansible puts them together
    for (size_t i = 0; i < COUNTOF(order); i++) {
        bool on;
        if (!lk_bool(r->c, use[order[i]], true, &on, e)) {
            return false;
        }
        buf_str(allowed, on ? r->sets[order[i]] : STR_LIT(""));
    }
    for (size_t i = 0; i < COUNTOF(minimum); i++) {
        int64_t n;
        if (!lk_int(r->c, minimum[i], 0, &n, e)) {
            return false;
        }
        if (n > (1 << 16)) {
            return plug_err(r->c, e, ERR_LIMIT, "'%s' must be at most %d", minimum[i], 1 << 16);
        }
        if (n && !add_random(r, r->sets[i], n, e)) {
            return false;
        }
        *left -= n;
    }
    return true;
}

/// The same characters in another order.
static struct str shuffled(struct random_string *r, struct str s) {
    size_t n = utf8_len(s);
    struct val *parts = ARENA_ARRAY(r->c->a, struct val, n + 1);
    struct buf b = BUF_IN(r->c->a);
    for (size_t i = 0, at = 0; i < n; i++) {
        size_t from = at;
        (void)utf8_next(s, &at);
        parts[i] = val_str(r->c->a, str_sub(s, from, at));
    }
    mt_shuffle(r->m, parts, n);
    for (size_t i = 0; i < n; i++) {
        buf_str(&b, val_text(parts[i]));
    }
    return buf_view(&b);
}

static bool l_random_string(struct jcall *c, struct val *out, struct err *e) {
    struct random_string r = {.c = c, .m = ARENA_NEW(c->a, struct mt), .out = BUF_IN(c->a)};
    struct buf allowed = BUF_IN(c->a);
    struct str seed, all;
    int64_t length;
    bool base64;
    lk_known(c, random_options);
    if (lk_terms(c)) {
        return plug_err(c, e, ERR_ARGS, "The lookup plugin does not accept positional arguments");
    }
    if (!lk_int(c, "length", 8, &length, e) || !lk_bool(c, "base64", false, &base64, e) ||
        !lk_str(c, "seed", STR_NONE, &seed, e) || !lk_str(c, "override_all", STR_NONE, &all, e) || !read_sets(&r, e)) {
        return false;
    }
    if (length > (1 << 16)) {
        return plug_err(c, e, ERR_LIMIT, "'length' must be at most %d", 1 << 16);
    }
    if (seed.s) {
        (void)mt_init_seed(r.m, val_str(c->a, seed));
    } else {
        mt_init_system(r.m);
    }
    if (all.n) {
        buf_str(&allowed, all);
    } else if (!required(&r, &allowed, &length, e)) {
        return false;
    }
    if (!add_random(&r, buf_view(&allowed), length, e)) {
        return false;
    }
    struct str text = seed.s ? buf_view(&r.out) : shuffled(&r, buf_view(&r.out));
    *out = val_list(c->a, 1);
    val_push(c->a, *out, val_str(c->a, base64 ? base64_encode(c->a, text) : text));
    return true;
}
LOOKUP(random_string) = {.doc = "Random text, with characters of the kinds that are asked for.",
                         .options = "length=8, upper=True, lower=True, numbers=True, special=True, min_numeric=0, "
                                    "min_upper=0, min_lower=0, min_special=0, override_special=None, "
                                    "override_all=None, ignore_similar_chars=False, similar_chars='il1LoO0', "
                                    "base64=False, seed=None",
                         .fn = l_random_string,
                         .fqcn = "community.general.random_string",
                         .example = "lookup('community.general.random_string', length=12) | length == 12"};
