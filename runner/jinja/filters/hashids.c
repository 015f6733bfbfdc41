// Filters hashids_encode and hashids_decode of community.general: numbers as short ids that do not look like numbers.
// The scheme is the public one of hashids.org; it hides nothing from somebody who wants to know.
#include "filters/support.h"
#include "filters/text.h"

#include <math.h>

#define ID_MAX       10000  // characters of an id, numbers in it
#define DIVIDE_BY    3.5    // letters for each separator
#define LETTER_LEAST 16

struct letters {
    uint32_t *p;
    size_t n;
};
struct scheme {
    struct arena *a;
    struct letters salt, alphabet, separators, guards;
    size_t min_length;
};

static struct letters letters_of(struct arena *a, struct str s) {
    struct letters l = {.p = ARENA_ARRAY(a, uint32_t, s.n + 1)};
    for (size_t i = 0; i < s.n;) {
        l.p[l.n++] = utf8_next(s, &i);
    }
    return l;
}

static size_t place(struct letters l, uint32_t ch) {
    for (size_t i = 0; i < l.n; i++) {
        if (l.p[i] == ch) {
            return i;
        }
    }
    return SIZE_MAX;
}

static struct letters part(struct letters l, size_t from, size_t to) {
    return (struct letters){l.p + from, to - from};
}

static struct letters joined(struct arena *a, struct letters x, struct letters y) {
    struct letters l = {.p = ARENA_ARRAY(a, uint32_t, x.n + y.n + 1), .n = x.n + y.n};
    for (size_t i = 0; i < l.n; i++) {
        l.p[i] = i < x.n ? x.p[i] : y.p[i - x.n];
    }
    return l;
}

/// The letters in the order that `salt` gives them.
static struct letters reordered(struct arena *a, struct letters l, struct letters salt) {
    struct letters out = joined(a, l, (struct letters){0});
    uint64_t sum = 0;
    for (size_t i = l.n, at = 0; salt.n && i-- > 1; at = (at + 1) % salt.n) {
        sum += salt.p[at];
        size_t j = (size_t)((salt.p[at] + at + sum) % i);
        uint32_t swap = out.p[i];
        out.p[i] = out.p[j];
        out.p[j] = swap;
    }
    return out;
}

static size_t ratio(size_t n, double by) {
    return (size_t)ceil((double)n / by);
}

static bool scheme_init(struct jcall *c, struct scheme *s, struct err *e) {
    struct str salt, alphabet;
    int64_t length = 0;
    if (!opt_str(c, 1, "salt", STR_LIT(""), &salt, e) || !opt_str(c, 2, "alphabet", STR_LIT(""), &alphabet, e) ||
        (!opt_none(c, 3) && !arg_int(c, 3, 0, &length, e))) {
        return false;
    }
    if (length > ID_MAX) {
        return plug_err(c, e, ERR_LIMIT, "'min_length' must be at most %d, not %lld", ID_MAX, (long long)length);
    }
    struct letters all = letters_of(
        c->a, alphabet.n ? alphabet : STR_LIT("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890"));
    struct letters kept = {.p = ARENA_ARRAY(c->a, uint32_t, all.n)};
    struct letters seps = letters_of(c->a, STR_LIT("cfhistuCFHISTU"));
    *s = (struct scheme){.a = c->a, .salt = letters_of(c->a, salt), .min_length = length > 0 ? (size_t)length : 0};
    struct letters found = {.p = ARENA_ARRAY(c->a, uint32_t, seps.n), .n = 0};
    for (size_t i = 0; i < seps.n; i++) {
        if (place(all, seps.p[i]) != SIZE_MAX) {
            found.p[found.n++] = seps.p[i];
        }
    }
    for (size_t i = 0; i < all.n; i++) {
        if (place(all, all.p[i]) == i && place(found, all.p[i]) == SIZE_MAX) {
            kept.p[kept.n++] = all.p[i];
        }
    }
    if (kept.n + found.n < LETTER_LEAST) {
        return plug_err(c, e, ERR_ARGS, "'alphabet' must have at least %d different characters", LETTER_LEAST);
    }
    s->separators = reordered(c->a, found, s->salt);
    size_t least = ratio(kept.n, DIVIDE_BY);
    least = least == 1 ? 2 : least;
    if (s->separators.n < least) {
        size_t more = least - s->separators.n;
        s->separators = joined(c->a, s->separators, part(kept, 0, more));
        kept = part(kept, more, kept.n);
    }
    kept = reordered(c->a, kept, s->salt);
    size_t guards = ratio(kept.n, 12);
    struct letters *from = kept.n < 3 ? &s->separators : &kept;
    s->guards = part(*from, 0, guards);
    *from = part(*from, guards, from->n);
    s->alphabet = kept;
    return true;
}

static struct letters salted(const struct scheme *s, uint32_t lottery, struct letters alphabet) {
    struct letters salt = joined(s->a, (struct letters){&lottery, 1}, s->salt);
    salt = joined(s->a, salt, alphabet);
    return reordered(s->a, alphabet, part(salt, 0, alphabet.n));
}

static struct letters lengthened(const struct scheme *s, struct letters id, struct letters alphabet, uint64_t hash) {
    size_t half = alphabet.n / 2;
    uint32_t guard = s->guards.p[(hash + id.p[0]) % s->guards.n];
    id = joined(s->a, (struct letters){&guard, 1}, id);
    if (id.n < s->min_length) {
        guard = s->guards.p[(hash + id.p[2]) % s->guards.n];
        id = joined(s->a, id, (struct letters){&guard, 1});
    }
    while (id.n < s->min_length) {
        alphabet = reordered(s->a, alphabet, alphabet);
        id = joined(s->a, joined(s->a, part(alphabet, half, alphabet.n), id), part(alphabet, 0, half));
        if (id.n > s->min_length) {
            size_t from = (id.n - s->min_length) / 2;
            id = part(id, from, from + s->min_length);
        }
    }
    return id;
}

static struct letters encode(const struct scheme *s, const uint64_t *v, size_t n) {
    uint64_t hash = 0;
    size_t base = s->alphabet.n, seps = s->separators.n;
    if (!base || !seps) {
        BUG("no letters to write an id with");
    }
    struct letters alphabet = s->alphabet, id = {.p = ARENA_ARRAY(s->a, uint32_t, n * 66 + 2)};
    for (size_t i = 0; i < n; i++) {
        hash += v[i] % (i + 100);
    }
    uint32_t lottery = id.p[id.n++] = alphabet.p[hash % base];
    for (size_t i = 0; i < n; i++) {
        uint32_t digits[64];
        size_t len = 0;
        alphabet = salted(s, lottery, alphabet);
        uint64_t rest = v[i];
        do {
            digits[len++] = alphabet.p[rest % base];
            rest /= base;
        } while (rest);
        uint64_t pick = v[i] % (digits[len - 1] + i);
        while (len) {
            id.p[id.n++] = digits[--len];
        }
        id.p[id.n++] = s->separators.p[pick % seps];
    }
    id.n--;  // no separator at the end
    return id.n >= s->min_length ? id : lengthened(s, id, alphabet, hash);
}

static struct val text(struct arena *a, struct letters l) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < l.n; i++) {
        char utf8[4];
        buf_str(&b, (struct str){utf8, utf8_put(l.p[i], utf8)});
    }
    return val_str(a, buf_view(&b));
}

/// The numbers to encode; *none: one of them is no number that can be, which gives an empty id.
static bool read_numbers(struct jcall *c, uint64_t **v, size_t *n, bool *none, struct err *e) {
    struct val list = c->args[0];
    if (!val_is_seq(list)) {
        list = val_list(c->a, 1);
        val_push(c->a, list, c->args[0]);
    }
    *n = val_len(list);
    if (*n > ID_MAX) {
        return plug_err(c, e, ERR_LIMIT, "more than %d numbers", ID_MAX);
    }
    *v = ARENA_ARRAY(c->a, uint64_t, *n + 1);
    *none = !*n;
    for (size_t i = 0; i < *n && !*none; i++) {
        struct val one = val_at_index(list, i);
        int64_t whole = 0;
        *none = one.kind == VAL_STR || (one.kind == VAL_FLOAT && floor(one.u.f) < one.u.f);
        if (*none) {
            break;
        }
        if (!as_int(one, &whole)) {
            return bad_arg(c, e, "nums", "an integer of 64 bits or a list of them", one);
        }
        *none = whole < 0;
        (*v)[i] = (uint64_t)whole;
    }
    return true;
}

static bool f_encode(struct jcall *c, struct val *out, struct err *e) {
    struct scheme s = {0};
    uint64_t *v = NULL;
    size_t n = 0;
    bool none = true;
    if (!scheme_init(c, &s, e) || !read_numbers(c, &v, &n, &none, e)) {
        return false;
    }
    *out = none ? val_z(c->a, "") : text(c->a, encode(&s, v, n));
    return true;
}
FILTER(hashids_encode) = {.doc = "Numbers as a short id.",
                          .params = "nums, salt=None, alphabet=None, min_length=None",
                          .fn = f_encode,
                          .fqcn = "community.general.hashids_encode",
                          .example = "12345 | community.general.hashids_encode(salt='this is my salt') == 'NkK9'"};

/// The part of an id between guards: the second of two or three, else the first.
static struct letters between_guards(const struct scheme *s, struct letters id) {
    size_t ends[3] = {id.n, id.n, id.n}, n = 0;
    for (size_t i = 0; i < id.n; i++) {
        if (place(s->guards, id.p[i]) != SIZE_MAX) {
            ends[n < 3 ? n : 2] = n < 3 ? i : ends[2];
            n++;
        }
    }
    return n == 1 || n == 2 ? part(id, ends[0] + 1, ends[1]) : part(id, 0, ends[0]);
}

/// False: it is no id of this scheme.
static bool decode(const struct scheme *s, struct letters id, uint64_t *v, size_t *n) {
    struct letters in = between_guards(s, id), alphabet = s->alphabet;
    *n = 0;
    for (size_t i = 1, from = 1; i <= in.n && in.n; i++) {
        if (i < in.n && place(s->separators, in.p[i]) == SIZE_MAX) {
            continue;
        }
        alphabet = salted(s, in.p[0], alphabet);
        uint64_t sum = 0;
        for (size_t k = from; k < i; k++) {
            size_t at = place(alphabet, in.p[k]);
            if (at == SIZE_MAX || __builtin_mul_overflow(sum, alphabet.n, &sum) ||
                __builtin_add_overflow(sum, at, &sum)) {
                return false;
            }
        }
        v[(*n)++] = sum;
        from = i + 1;
    }
    if (!*n) {
        return false;
    }
    struct letters again = encode(s, v, *n);
    return again.n == id.n && memcmp(again.p, id.p, id.n * sizeof *id.p) == 0;
}

static bool f_decode(struct jcall *c, struct val *out, struct err *e) {
    struct scheme s = {0};
    size_t n = 0;
    if (!scheme_init(c, &s, e)) {
        return false;
    }
    *out = val_list(c->a, 4);
    if (c->args[0].kind != VAL_STR) {
        return true;
    }
    struct letters id = letters_of(c->a, val_text(c->args[0]));
    if (id.n > ID_MAX) {
        return plug_err(c, e, ERR_LIMIT, "an id of more than %d characters", ID_MAX);
    }
    uint64_t *v = ARENA_ARRAY(c->a, uint64_t, id.n + 1);
    if (decode(&s, id, v, &n)) {
        for (size_t i = 0; i < n; i++) {
            val_push(c->a, *out, val_int((int64_t)v[i]));
        }
    }
    return true;
}
FILTER(hashids_decode) = {.doc = "The numbers of a short id.",
                          .params = "hashid, salt=None, alphabet=None, min_length=None",
                          .fn = f_decode,
                          .fqcn = "community.general.hashids_decode",
                          .example = "'aBMswoO2UB3Sj' | community.general.hashids_decode(salt='this is my salt') == "
                                     "[683, 94108, 123, 5]"};
