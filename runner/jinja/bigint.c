// Integers of any size: OpenSSL computes, the values keep decimal digits.
#include "bigint.h"

#include <math.h>
#include <openssl/bn.h>

#define BITS_MAX 14290  // a little more than BIG_DIGITS digits: below it the exact number of digits is counted

struct work {
    BN_CTX *ctx;
    BIGNUM *l, *r, *q, *rem;
};

static void need(const void *p) {
    if (!p) {
        BUG("out of memory");
    }
}

static BIGNUM *load(struct work *w, struct val v) {
    BIGNUM *n = BN_CTX_get(w->ctx);
    char room[24];
    const char *digits = room;
    if (is_big(v)) {
        digits = big_digits(v).s;
    } else {
        snprintf(room, sizeof room, "%lld", (long long)(v.kind == VAL_BOOL ? v.u.b : v.u.i));
    }
    need(n);
    BN_dec2bn(&n, digits);
    return n;
}

static bool store(struct arena *a, const BIGNUM *n, struct val *out, struct err *e) {
    if (BN_num_bits(n) > BITS_MAX) {  // before the slow conversion
        return err_set(e, ERR_LIMIT, NO_MARK, "integer of more than %d digits", BIG_DIGITS);
    }
    char *digits = BN_bn2dec(n);
    need(digits);
    bool fits = strlen(digits) - (digits[0] == '-') <= BIG_DIGITS;
    if (fits) {
        *out = big_val(a, str_from(strcmp(digits, "-0") == 0 ? "0" : digits));
    }
    OPENSSL_free(digits);
    return fits ? true : err_set(e, ERR_LIMIT, NO_MARK, "integer of more than %d digits", BIG_DIGITS);
}

bool is_whole(struct val v) {
    return v.kind == VAL_INT || v.kind == VAL_BOOL || is_big(v);
}

/// Quotient and remainder with the sign of the divisor, as Python has them.
static void floor_divide(struct work *w) {
    BN_div(w->q, w->rem, w->l, w->r, w->ctx);
    if (!BN_is_zero(w->rem) && BN_is_negative(w->rem) != BN_is_negative(w->r)) {
        BN_sub_word(w->q, 1);
        BN_add(w->rem, w->rem, w->r);
    }
}

/// l / r as the nearest float: 64 bits of the quotient and whether anything is left, rounded once.
static bool true_divide(struct work *w, struct val *out, struct err *e) {
    bool neg = BN_is_negative(w->l) != BN_is_negative(w->r);
    BN_set_negative(w->l, 0);
    BN_set_negative(w->r, 0);
    int shift = 66 - (BN_num_bits(w->l) - BN_num_bits(w->r));
    if (BN_is_zero(w->l)) {
        *out = val_float(neg ? -0.0 : 0.0);
        return true;
    }
    if (shift > 0) {
        BN_lshift(w->l, w->l, shift);
    } else {
        BN_lshift(w->r, w->r, -shift);
    }
    BN_div(w->q, w->rem, w->l, w->r, w->ctx);
    int drop = BN_num_bits(w->q) - 55;  // 53 bits, one to round by, one for the rest
    bool sticky = !BN_is_zero(w->rem);
    for (int i = 0; i < drop; i++) {
        sticky = sticky || BN_is_bit_set(w->q, i);
    }
    BN_rshift(w->q, w->q, drop);
    uint64_t top = BN_get_word(w->q) | (sticky ? 1U : 0U);
    double f = ldexp((double)top, drop - shift);
    if (isinf(f)) {
        return err_set(e, ERR_LIMIT, NO_MARK, "integer division result too large for a float");
    }
    *out = val_float(neg ? -f : f);
    return true;
}

static bool power(struct work *w, struct val *out, struct arena *a, struct err *e) {
    if (BN_is_negative(w->r)) {
        double base = 0, exp = 0;
        char *l = BN_bn2dec(w->l), *r = BN_bn2dec(w->r);
        need(l);
        need(r);
        base = strtod(l, NULL);
        exp = strtod(r, NULL);
        OPENSSL_free(l);
        OPENSSL_free(r);
        if (base == 0) {
            return err_set(e, ERR_TYPE, NO_MARK, "0.0 cannot be raised to a negative power");
        }
        *out = val_float(pow(base, exp));
        return true;
    }
    bool trivial = BN_num_bits(w->l) <= 1;  // 0, 1, -1
    BN_ULONG exp = BN_get_word(w->r);
    if (trivial) {
        exp = BN_is_zero(w->r) ? 0 : BN_is_odd(w->r) ? 1 : 2;
    } else if (BN_num_bits(w->r) > 32 || (BN_ULONG)(BN_num_bits(w->l) - 1) * exp > BITS_MAX) {
        return err_set(e, ERR_LIMIT, NO_MARK, "integer of more than %d digits", BIG_DIGITS);
    }
    BN_set_word(w->q, exp);
    return BN_exp(w->rem, w->l, w->q, w->ctx) && store(a, w->rem, out, e);
}

static bool compute(struct work *w, struct arena *a, enum tok_type op, struct val *out, struct err *e) {
    bool divides = op == T_DIV || op == T_FLOORDIV || op == T_MOD;
    if (divides && BN_is_zero(w->r)) {
        return err_set(e, ERR_TYPE, NO_MARK, op == T_DIV ? "division by zero" : "integer division or modulo by zero");
    }
    switch (op) {  // NOLINT(clang-diagnostic-switch-enum)
    case T_ADD:
        return BN_add(w->q, w->l, w->r) && store(a, w->q, out, e);
    case T_SUB:
        return BN_sub(w->q, w->l, w->r) && store(a, w->q, out, e);
    case T_MUL:
        return BN_mul(w->q, w->l, w->r, w->ctx) && store(a, w->q, out, e);
    case T_POW:
        return power(w, out, a, e);
    case T_DIV:
        return true_divide(w, out, e);
    default:
        floor_divide(w);
        return store(a, op == T_MOD ? w->rem : w->q, out, e);
    }
}

bool big_op(struct arena *a, enum tok_type op, struct val l, struct val r, struct val *out, struct err *e) {
    struct work w = {.ctx = BN_CTX_new()};
    need(w.ctx);
    BN_CTX_start(w.ctx);
    w.l = load(&w, l);
    w.r = load(&w, r);
    w.q = BN_CTX_get(w.ctx);
    w.rem = BN_CTX_get(w.ctx);
    need(w.rem);
    bool ok = compute(&w, a, op, out, e);
    BN_CTX_end(w.ctx);
    BN_CTX_free(w.ctx);
    return ok;
}

bool big_parse(struct arena *a, struct str digits, int base, bool negative, struct val *out, struct err *e) {
    BIGNUM *n = BN_new();
    bool ok = digits.n <= (size_t)BITS_MAX + 64;
    need(n);
    for (size_t i = 0; ok && i < digits.n; i++) {
        char c = digits.s[i];
        int d = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        BN_mul_word(n, (BN_ULONG)base);
        BN_add_word(n, (BN_ULONG)d);
    }
    BN_set_negative(n, negative);
    ok = ok ? store(a, n, out, e) : err_set(e, ERR_LIMIT, NO_MARK, "integer of more than %d digits", BIG_DIGITS);
    BN_free(n);
    return ok;
}

struct str big_in_base(struct arena *a, struct val v, int base) {
    struct work w = {.ctx = BN_CTX_new()};
    need(w.ctx);
    BN_CTX_start(w.ctx);
    BIGNUM *n = load(&w, v);
    BN_set_negative(n, 0);
    size_t room = (size_t)BN_num_bits(n) + 2, at = room;
    char *text = arena_alloc(a, room);
    do {
        BN_ULONG d = BN_div_word(n, (BN_ULONG)base);
        text[--at] = "0123456789abcdef"[d];
    } while (!BN_is_zero(n) && at > 0);
    BN_CTX_end(w.ctx);
    BN_CTX_free(w.ctx);
    return (struct str){text + at, room - at};
}

bool big_from_float(struct arena *a, double f, struct val *out, struct err *e) {
    char text[400];
    if (isnan(f) || isinf(f)) {
        return err_set(e, ERR_TYPE, NO_MARK, "cannot convert float %s to integer", isnan(f) ? "NaN" : "infinity");
    }
    snprintf(text, sizeof text, "%.0f", trunc(f));
    *out = big_val(a, str_from(strcmp(text, "-0") == 0 ? "0" : text));
    return true;
}
