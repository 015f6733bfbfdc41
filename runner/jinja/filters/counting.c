// Small filters of community.general on lists: accumulate, counter, dict, dict_kv, groupby_as_dict, version_sort;
// crc32.
#include "filters/support.h"
#include "filters/text.h"
#include "tests/version.h"

static bool f_counter(struct jcall *c, struct val *out, struct err *e) {
    struct val l = c->args[0];
    if (l.kind != VAL_STR && !val_is_seq(l)) {
        return bad_arg(c, e, "value", "a list or a string", l);
    }
    if (!jinja_iter(c, l, &l, e)) {
        return false;
    }
    *out = val_dict(c->a, 8);
    for (size_t i = 0; i < val_len(l); i++) {
        struct val v = val_at_index(l, i);
        if (!val_hashable(v)) {
            return plug_err(c, e, ERR_TYPE, "%s cannot be counted", kind_article(v));
        }
        struct val had = val_get_key(*out, v);
        val_set_key(c->a, *out, v, val_int(had.kind == VAL_INT ? had.u.i + 1 : 1));
    }
    return true;
}
FILTER(counter) = {.doc = "How often each item is in a list.",
                   .params = "sequence",
                   .fn = f_counter,
                   .fqcn = "community.general.counter",
                   .example = "'aab' | community.general.counter == {'a': 2, 'b': 1}"};

static bool f_dict(struct jcall *c, struct val *out, struct err *e) {
    struct val l;
    *out = val_dict(c->a, 8);
    if (c->args[0].kind == VAL_DICT) {
        *out = val_copy(c->a, c->args[0]);
        return true;
    }
    if (!jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    for (size_t i = 0; i < val_len(l); i++) {
        struct val pair;
        if (!jinja_iter(c, val_at_index(l, i), &pair, e)) {
            return false;
        }
        if (val_len(pair) != 2 || !val_hashable(val_at_index(pair, 0))) {
            return plug_err(c, e, ERR_TYPE, "item %zu must be a key and a value, it has %zu parts", i, val_len(pair));
        }
        val_set_key(c->a, *out, val_at_index(pair, 0), val_at_index(pair, 1));
    }
    return true;
}
FILTER(general_dict) = {.doc = "A dictionary of a list of pairs.",
                        .params = "sequence",
                        .fn = f_dict,
                        .fqcn = "community.general.dict",
                        .example = "[['a', 1], ['b', 2]] | community.general.dict == {'a': 1, 'b': 2}"};

static bool f_dict_kv(struct jcall *c, struct val *out, struct err *e) {
    if (!val_hashable(c->args[1])) {
        return bad_arg(c, e, "key", "a string or a number", c->args[1]);
    }
    *out = val_dict(c->a, 1);
    val_set_key(c->a, *out, c->args[1], c->args[0]);
    return true;
}
FILTER(dict_kv) = {.doc = "A dictionary with the value under one key.",
                   .params = "value, key",
                   .fn = f_dict_kv,
                   .fqcn = "community.general.dict_kv",
                   .example = "'b' | community.general.dict_kv('a') == {'a': 'b'}"};

static bool f_groupby_as_dict(struct jcall *c, struct val *out, struct err *e) {
    struct val l = c->args[0];
    if (!val_is_seq(l) && l.kind != VAL_STR) {
        return bad_arg(c, e, "value", "a list", l);
    }
    *out = val_dict(c->a, 8);
    for (size_t i = 0; i < val_len(l); i++) {
        struct val d = l.kind == VAL_STR ? l : val_at_index(l, i);
        if (d.kind != VAL_DICT) {
            return plug_err(c, e, ERR_TYPE, "item %zu is %s, not a dictionary", i, kind_article(d));
        }
        struct val key = val_get_key(d, c->args[1]);
        if (is_undef(key) && !key.u.undef) {
            return plug_err(c, e, ERR_ARGS, "item %zu has no '%.*s'", i, STR(text_of(c, c->args[1])));
        }
        if (!val_hashable(key) || val_has_key(*out, key)) {
            return plug_err(c, e, ERR_ARGS, "item %zu: '%.*s' %s", i, STR(text_of(c, key)),
                            val_hashable(key) ? "is there more than once" : "cannot be a key");
        }
        val_set_key(c->a, *out, key, d);
    }
    return true;
}
FILTER(groupby_as_dict) = {.doc = "Dictionaries by the value they have under a key, which none may share.",
                           .params = "sequence, attribute",
                           .fn = f_groupby_as_dict,
                           .fqcn = "community.general.groupby_as_dict",
                           .example = "[{'n': 'a'}] | community.general.groupby_as_dict('n') == {'a': {'n': 'a'}}"};

static bool f_accumulate(struct jcall *c, struct val *out, struct err *e) {
    struct val l = c->args[0], sum = VNULL;
    if (!val_is_seq(l) && l.kind != VAL_STR) {
        return bad_arg(c, e, "value", "a list", l);
    }
    if (!jinja_iter(c, l, &l, e)) {
        return false;
    }
    *out = val_list(c->a, val_len(l));
    for (size_t i = 0; i < val_len(l); i++) {
        struct val pair = val_list(c->a, 2);
        if (i && val_at_index(l, i).kind == VAL_STR && sum.kind == VAL_STR) {
            struct str a = val_text(sum), b = val_text(val_at_index(l, i));
            sum = val_printf(c->a, "%.*s%.*s", STR(a), STR(b));
        } else if (i) {
            val_push(c->a, pair, val_at_index(l, i));
            struct val args[] = {pair, VNULL, sum}, total;
            if (!jinja_call_filter(c->ctx, STR_LIT("sum"), args, 3, (struct val){0}, c->at, &total, e)) {
                return false;
            }
            sum = total;
        } else {
            sum = val_at_index(l, i);
        }
        val_push(c->a, *out, sum);
    }
    return true;
}
FILTER(accumulate) = {.doc = "The sums up to each item.",
                      .params = "sequence",
                      .fn = f_accumulate,
                      .fqcn = "community.general.accumulate",
                      .example = "[1, 2, 3] | community.general.accumulate == [1, 3, 6]"};

// -- versions --------------------------------------------------------------------------------------------------------

static bool f_version_sort(struct jcall *c, struct val *out, struct err *e) {
    bool reverse = false;
    struct val l;
    if (!arg_bool(c, 1, false, &reverse, e) || !jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    size_t n = val_len(l);
    struct val *v = ARENA_ARRAY(c->a, struct val, n + 1);
    for (size_t i = 0; i < n; i++) {  // by insertion: stable, and lists of versions are short
        struct val one = val_at_index(l, i);
        size_t k = i;
        if (one.kind != VAL_STR) {
            return bad_arg(c, e, "value", "a list of strings", one);
        }
        for (; k > 0; k--) {
            int order = 0;
            if (!version_cmp_loose(c, val_text(one), val_text(v[k - 1]), &order, e)) {
                return false;
            }
            if (reverse ? order <= 0 : order >= 0) {
                break;
            }
            v[k] = v[k - 1];
        }
        v[k] = one;
    }
    *out = val_list(c->a, n);
    for (size_t i = 0; i < n; i++) {
        val_push(c->a, *out, v[i]);
    }
    return true;
}
FILTER(version_sort) = {.doc = "Version numbers in their order.",
                        .params = "value, reverse=False",
                        .fn = f_version_sort,
                        .fqcn = "community.general.version_sort",
                        .example = "['1.10', '1.9'] | community.general.version_sort == ['1.9', '1.10']"};

// -- checksums -------------------------------------------------------------------------------------------------------

static bool f_crc32(struct jcall *c, struct val *out, struct err *e) {
    uint32_t crc = ~(uint32_t)0;
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "value", "a string", c->args[0]);
    }
    struct str s = val_text(c->args[0]);
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.s[i];
        for (int k = 0; k < 8; k++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
        }
    }
    *out = val_printf(c->a, "%x", ~crc);
    return true;
}
FILTER(crc32) = {.doc = "The CRC32 checksum of a text.",
                 .params = "value",
                 .fn = f_crc32,
                 .fqcn = "community.general.crc32",
                 .example = "'test' | community.general.crc32 == 'd87f7e0c'"};
