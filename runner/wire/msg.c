// The tagged encoding of values. The decoder believes nothing: counts are checked against the bytes that are left and
// charged to a budget before memory is taken.
#include "msg.h"

#include "big.h"

#include <math.h>

enum tag {
    TAG_NULL,
    TAG_FALSE,
    TAG_TRUE,
    TAG_INT,
    TAG_FLOAT,
    TAG_STR,
    TAG_LIST,
    TAG_TUPLE,
    TAG_DICT,
    TAG_UNDEF,
    TAG_OMIT,
    TAG_BIG,  // an integer beyond 64 bits: its digits
    TAG_SECRET = 0x80,
};

// -- encoding --------------------------------------------------------------------------------------------------------
static void put_varint(struct buf *out, uint64_t v) {
    char b[10];
    size_t n = 0;
    while (v >= 0x80) {
        b[n++] = (char)(unsigned char)(v | 0x80);
        v >>= 7;
    }
    b[n++] = (char)(unsigned char)v;
    buf_add(out, b, n);
}

static void put_tag(struct buf *out, unsigned tag, unsigned secret) {
    buf_char(out, (char)(unsigned char)(tag | secret));
}

static void put_text(struct buf *out, struct str s) {
    put_varint(out, s.n);
    buf_str(out, s);
}

static void put_float(struct buf *out, double f) {
    uint64_t bits = 0;
    memcpy(&bits, &f, sizeof bits);
    char b[8];
    for (size_t i = 0; i < sizeof b; i++) {
        b[i] = (char)(unsigned char)(bits >> (8 * i));
    }
    buf_add(out, b, sizeof b);
}

static bool is_scalar(struct val v) {
    return v.kind == VAL_NULL || v.kind == VAL_BOOL || v.kind == VAL_INT || v.kind == VAL_FLOAT || v.kind == VAL_STR;
}

/// What has no encoding of its own goes as its text.
static void encode_text(struct buf *out, struct val v, unsigned secret) {
    struct buf text = {0};
    val_to_str(&text, v);
    put_tag(out, TAG_STR, secret);
    put_text(out, buf_view(&text));
    buf_release(&text);
}

static void encode(struct buf *out, struct val v, int depth);

static void encode_dict(struct buf *out, struct val v, unsigned secret, int depth) {
    put_tag(out, TAG_DICT, secret);
    put_varint(out, v.u.d->live);
    size_t i = 0;
    struct vpair *p = NULL;
    while ((p = val_each(v, &i)) != NULL) {
        if (is_scalar(p->key)) {
            encode(out, p->key, depth + 1);
        } else {
            encode_text(out, p->key, 0);
        }
        encode(out, p->value, depth + 1);
    }
}

static void encode_obj(struct buf *out, struct val v, unsigned secret, int depth) {
    if (is_big(v)) {
        put_tag(out, TAG_BIG, secret);
        put_text(out, big_digits(v));
        return;
    }
    struct arena a = {0};
    struct val plain = {0};
    if (v.u.o->type->json && v.u.o->type->json(v, &a, &plain) && plain.kind != VAL_OBJ) {
        plain.flags |= v.flags & VAL_SECRET;
        encode(out, plain, depth + 1);
    } else {
        encode_text(out, v, secret);
    }
    arena_release(&a);
}

static void encode(struct buf *out, struct val v, int depth) {
    unsigned secret = v.flags & VAL_SECRET ? TAG_SECRET : 0;
    if (depth > MSG_MAX_DEPTH) {  // cannot be received; what is below is cut rather than the stack
        put_tag(out, TAG_NULL, 0);
        return;
    }
    switch ((enum val_kind)v.kind) {
    case VAL_UNDEF:
        put_tag(out, TAG_UNDEF, secret);
        put_text(out, v.u.undef ? v.u.undef->name : STR_NONE);
        return;
    case VAL_NULL:
        put_tag(out, TAG_NULL, secret);
        return;
    case VAL_BOOL:
        put_tag(out, v.u.b ? TAG_TRUE : TAG_FALSE, secret);
        return;
    case VAL_INT:
        put_tag(out, TAG_INT, secret);
        put_varint(out, ((uint64_t)v.u.i << 1) ^ (v.u.i < 0 ? UINT64_MAX : 0));
        return;
    case VAL_FLOAT:
        put_tag(out, TAG_FLOAT, secret);
        put_float(out, v.u.f);
        return;
    case VAL_STR:
        put_tag(out, TAG_STR, secret);
        put_text(out, val_text(v));
        return;
    case VAL_LIST:
    case VAL_TUPLE:
        put_tag(out, v.kind == VAL_LIST ? TAG_LIST : TAG_TUPLE, secret);
        put_varint(out, v.u.l->n);
        for (size_t i = 0; i < v.u.l->n; i++) {
            encode(out, v.u.l->items[i], depth + 1);
        }
        return;
    case VAL_DICT:
        encode_dict(out, v, secret, depth);
        return;
    case VAL_OMIT:
        put_tag(out, TAG_OMIT, secret);
        return;
    case VAL_OBJ:
        encode_obj(out, v, secret, depth);
        return;
    }
    BUG("value of kind %u", v.kind);
}

void msg_encode(struct buf *out, struct val v) {
    encode(out, v, 0);
}

// -- decoding --------------------------------------------------------------------------------------------------------
struct reader {
    struct arena *a;
    struct str in;
    size_t at;
    size_t budget;  // values that may still be made
    struct err *e;
};

static bool malformed(struct reader *r, const char *what) {
    return err_set(r->e, ERR_SYNTAX, NO_MARK, "malformed message at byte %zu: %s", r->at, what);
}

static bool get_varint(struct reader *r, uint64_t *out) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->at >= r->in.n) {
            return malformed(r, "it ends inside a number");
        }
        unsigned c = (unsigned char)r->in.s[r->at++];
        if (shift == 63 && c > 1) {
            break;
        }
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *out = v;
            return true;
        }
    }
    return malformed(r, "a number is too large");
}

static bool get_text(struct reader *r, struct str *out) {
    uint64_t n = 0;
    if (!get_varint(r, &n)) {
        return false;
    }
    if (n > r->in.n - r->at) {
        return malformed(r, "a string is longer than the message");
    }
    *out = str_sub(r->in, r->at, r->at + (size_t)n);
    r->at += (size_t)n;
    return true;
}

/// A number of items; each takes at least `least` bytes and `least` values.
static bool get_count(struct reader *r, size_t least, size_t *out) {
    uint64_t n = 0;
    if (!get_varint(r, &n)) {
        return false;
    }
    if (n > (r->in.n - r->at) / least) {
        return malformed(r, "a list or dictionary is longer than the message");
    }
    if (n * least > r->budget) {
        return err_set(r->e, ERR_LIMIT, NO_MARK, "the message holds more than %zu values", MSG_MAX_VALUES);
    }
    r->budget -= (size_t)n * least;
    *out = (size_t)n;
    return true;
}

static bool get_float(struct reader *r, struct val *out) {
    if (r->in.n - r->at < 8) {
        return malformed(r, "it ends inside a float");
    }
    uint64_t bits = 0;
    for (size_t i = 0; i < 8; i++) {
        bits |= (uint64_t)(unsigned char)r->in.s[r->at + i] << (8 * i);
    }
    r->at += 8;
    double f = 0;
    memcpy(&f, &bits, sizeof f);
    *out = val_float(f);
    return true;
}

static bool decode(struct reader *r, int depth, struct val *out);

static bool decode_seq(struct reader *r, bool tuple, int depth, struct val *out) {
    size_t n = 0;
    if (!get_count(r, 1, &n)) {
        return false;
    }
    *out = tuple ? val_tuple(r->a, n) : val_list(r->a, n);
    for (size_t i = 0; i < n; i++) {
        struct val item = {0};
        if (!decode(r, depth + 1, &item)) {
            return false;
        }
        val_push(r->a, *out, item);
    }
    return true;
}

static bool decode_dict(struct reader *r, int depth, struct val *out) {
    size_t n = 0;
    if (!get_count(r, 2, &n)) {
        return false;
    }
    *out = val_dict(r->a, n);
    for (size_t i = 0; i < n; i++) {
        struct val key = {0};
        struct val value = {0};
        if (!decode(r, depth + 1, &key)) {
            return false;
        }
        if (!is_scalar(key) || (key.kind == VAL_FLOAT && isnan(key.u.f))) {
            return malformed(r, "a dictionary key is not a string, number, boolean or null");
        }
        if (!decode(r, depth + 1, &value)) {
            return false;
        }
        val_set_key(r->a, *out, key, value);
    }
    return true;
}

static bool decode_text(struct reader *r, bool undef, struct val *out) {
    struct str s = STR_NONE;
    if (!get_text(r, &s)) {
        return false;
    }
    *out = undef ? val_undef(r->a, str_dup(r->a, s)) : val_str(r->a, s);
    return true;
}

static bool decode_int(struct reader *r, struct val *out) {
    uint64_t z = 0;
    if (!get_varint(r, &z)) {
        return false;
    }
    *out = val_int((int64_t)((z >> 1) ^ (z & 1 ? UINT64_MAX : 0)));
    return true;
}

/// Digits as encode_obj() writes them: nothing that fits 64 bits, no zero in front.
static bool decode_big(struct reader *r, struct val *out) {
    struct str s = STR_NONE;
    if (!get_text(r, &s)) {
        return false;
    }
    size_t from = s.n && s.s[0] == '-';
    bool ok = s.n - from >= 19 && s.n - from <= BIG_DIGITS && s.s[from] != '0';
    for (size_t i = from; i < s.n; i++) {
        ok = ok && s.s[i] >= '0' && s.s[i] <= '9';
    }
    if (!ok) {
        return malformed(r, "a large integer is not a number");
    }
    *out = big_val(r->a, s);
    return is_big(*out) || malformed(r, "a large integer is not large");
}

static bool decode_tagged(struct reader *r, unsigned tag, int depth, struct val *out) {
    switch (tag) {
    case TAG_NULL:
        *out = VNULL;
        return true;
    case TAG_FALSE:
    case TAG_TRUE:
        *out = val_bool(tag == TAG_TRUE);
        return true;
    case TAG_INT:
        return decode_int(r, out);
    case TAG_FLOAT:
        return get_float(r, out);
    case TAG_STR:
    case TAG_UNDEF:
        return decode_text(r, tag == TAG_UNDEF, out);
    case TAG_LIST:
    case TAG_TUPLE:
        return decode_seq(r, tag == TAG_TUPLE, depth, out);
    case TAG_DICT:
        return decode_dict(r, depth, out);
    case TAG_OMIT:
        *out = VOMIT;
        return true;
    case TAG_BIG:
        return decode_big(r, out);
    default:
        return malformed(r, "unknown type");
    }
}

static bool decode(struct reader *r, int depth, struct val *out) {
    if (depth > MSG_MAX_DEPTH) {
        return err_set(r->e, ERR_LIMIT, NO_MARK, "the message is nested deeper than %d levels", MSG_MAX_DEPTH);
    }
    if (r->at >= r->in.n) {
        return malformed(r, "it ends too early");
    }
    unsigned tag = (unsigned char)r->in.s[r->at++];
    if (!decode_tagged(r, tag & ~(unsigned)TAG_SECRET, depth, out)) {
        return false;
    }
    if (tag & TAG_SECRET) {
        out->flags |= VAL_SECRET;
    }
    return true;
}

bool msg_decode(struct arena *a, struct str in, struct val *out, struct err *e) {
    struct reader r = {.a = a, .in = in, .budget = MSG_MAX_VALUES, .e = e};
    struct val v = {0};
    if (!decode(&r, 0, &v)) {
        return false;
    }
    if (r.at != in.n) {
        return malformed(&r, "something follows the value");
    }
    *out = v;
    return true;
}
