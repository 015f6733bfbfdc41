// Operators with Python's meaning: arithmetic on integers and floats, sequences, comparison, slices.
#include "ast.h"
#include "bigint.h"
#include "datetime.h"
#include "markup.h"

#include <math.h>

static const char *op_name(enum tok_type op) {
    return op == T_POW ? "** or pow()" : tok_name(op);
}

static bool bad_types(enum tok_type op, struct val l, struct val r, struct err *e) {
    if (op == T_ADD && (l.kind == VAL_STR || l.kind == VAL_LIST || l.kind == VAL_TUPLE)) {
        return err_set(e, ERR_TYPE, NO_MARK, "can only concatenate %s (not \"%s\") to %s", val_type_name(l),
                       val_type_name(r), val_type_name(l));
    }
    return err_set(e, ERR_TYPE, NO_MARK, "unsupported operand type(s) for %s: '%s' and '%s'", op_name(op),
                   val_type_name(l), val_type_name(r));
}

static bool is_number(struct val v) {
    return v.kind == VAL_FLOAT || is_whole(v);
}

static int64_t as_int(struct val v) {
    return v.kind == VAL_BOOL ? v.u.b : v.u.i;
}

static double as_float(struct val v) {
    return v.kind == VAL_FLOAT ? v.u.f : is_big(v) ? big_float(v) : (double)as_int(v);
}

#define EXACT ((int64_t)1 << 53)  // up to here every integer is a float

/// False when the result does not fit 64 bits or must be rounded with care.
static bool small_op(enum tok_type op, int64_t a, int64_t b, struct val *out) {
    int64_t v = 0;
    switch (op) {  // NOLINT(clang-diagnostic-switch-enum)
    case T_ADD:
        *out = val_int((int64_t)((uint64_t)a + (uint64_t)b));
        return !__builtin_add_overflow(a, b, &v);
    case T_SUB:
        *out = val_int((int64_t)((uint64_t)a - (uint64_t)b));
        return !__builtin_sub_overflow(a, b, &v);
    case T_MUL: {
        bool over = __builtin_mul_overflow(a, b, &v);
        *out = val_int(v);
        return !over;
    }
    case T_DIV:
        *out = val_float((double)a / (double)(b ? b : 1));
        return b && a < EXACT && a > -EXACT && b < EXACT && b > -EXACT;
    case T_FLOORDIV:
    case T_MOD:
        break;
    default:
        return false;
    }
    if (b == 0 || b == -1) {
        return false;
    }
    int64_t q = a / b, m = a % b;
    if (m != 0 && (m < 0) != (b < 0)) {
        q--;
        m += b;
    }
    *out = val_int(op == T_FLOORDIV ? q : m);
    return true;
}

/// a // b or a % b of numbers that are not whole, with the signs that Python gives to zeros.
static double float_divmod(double a, double b, bool floor_div) {
    double mod = fmod(a, b), div = (a - mod) / b;
    if (mod == 0) {
        mod = copysign(0, b);
    } else if ((mod < 0) != (b < 0)) {
        mod += b;
        div -= 1;
    }
    if (!floor_div) {
        return mod;
    }
    double whole = floor(div);
    return div == 0 ? copysign(0, a / b) : div - whole > 0.5 ? whole + 1 : whole;
}

static bool float_op(enum tok_type op, double a, double b, struct val *out, struct err *e) {
    double v = 0;
    if (b == 0 && (op == T_DIV || op == T_FLOORDIV || op == T_MOD)) {
        return err_set(e, ERR_TYPE, NO_MARK,
                       op == T_DIV        ? "float division by zero"
                       : op == T_FLOORDIV ? "float floor division by zero"
                                          : "float modulo");
    }
    switch (op) {  // NOLINT(clang-diagnostic-switch-enum)
    case T_ADD:
        v = a + b;
        break;
    case T_SUB:
        v = a - b;
        break;
    case T_MUL:
        v = a * b;
        break;
    case T_DIV:
        v = a / b;
        break;
    case T_POW:
        v = pow(a, b);
        break;
    default:
        v = float_divmod(a, b, op == T_FLOORDIV);
        break;
    }
    if (isinf(v) && !isinf(a) && !isinf(b) && op == T_POW) {
        return err_set(e, ERR_LIMIT, NO_MARK, "number too large");
    }
    *out = val_float(v);
    return true;
}

#define REPEAT_CAP ((size_t)16 << 20)

static bool repeat(struct jinja_ctx *c, struct val seq, int64_t n, struct val *out, struct err *e) {
    struct arena *a = c->a;
    int64_t cap = (int64_t)cap_of(c, seq.kind == VAL_STR ? REPEAT_CAP : REPEAT_CAP / sizeof(struct val));
    int64_t len = seq.kind == VAL_STR ? (int64_t)val_text(seq).n : (int64_t)seq.u.l->n;
    n = n < 0 || !len ? 0 : n;
    if (len && n > cap / len) {
        return err_set(e, ERR_LIMIT, NO_MARK, "repeated %lld times, the value grows beyond %lld", (long long)n,
                       (long long)cap);
    }
    if (seq.kind == VAL_STR) {
        struct buf b = BUF_IN(a);
        for (int64_t i = 0; i < n; i++) {
            buf_str(&b, val_text(seq));
        }
        *out = val_str(a, buf_view(&b));
        return true;
    }
    *out = seq.kind == VAL_LIST ? val_list(a, (size_t)(len * n)) : val_tuple(a, (size_t)(len * n));
    for (int64_t i = 0; i < n; i++) {
        for (size_t k = 0; k < seq.u.l->n; k++) {
            val_push(a, *out, seq.u.l->items[k]);
        }
    }
    return true;
}

static bool join_seqs(struct jinja_ctx *c, struct val l, struct val r, struct val *out, struct err *e) {
    struct arena *a = c->a;
    size_t cap = cap_of(c, l.kind == VAL_STR ? OUTPUT_CAP : OUTPUT_CAP / sizeof(struct val));
    if (val_len(l) + val_len(r) > cap || (l.kind == VAL_STR && val_text(l).n + val_text(r).n > cap)) {
        return err_set(e, ERR_LIMIT, NO_MARK, "the value grows beyond %zu", cap);
    }
    if (l.kind == VAL_STR) {
        struct buf b = BUF_IN(a);
        buf_str(&b, val_text(l));
        buf_str(&b, val_text(r));
        *out = val_str(a, buf_view(&b));
        return true;
    }
    size_t n = l.u.l->n + r.u.l->n;
    *out = l.kind == VAL_LIST ? val_list(a, n) : val_tuple(a, n);
    for (size_t i = 0; i < n; i++) {
        val_push(a, *out, i < l.u.l->n ? l.u.l->items[i] : r.u.l->items[i - l.u.l->n]);
    }
    return true;
}

static bool is_seq(struct val v) {
    return v.kind == VAL_STR || v.kind == VAL_TUPLE || (v.kind == VAL_LIST && v.spare < VAL_SPARE_KEYS);
}

static bool number_op(struct jinja_ctx *c, enum tok_type op, struct val l, struct val r, struct val *out,
                      struct err *e) {
    if ((is_big(l) && isinf(as_float(l)) && r.kind == VAL_FLOAT) ||
        (is_big(r) && isinf(as_float(r)) && l.kind == VAL_FLOAT)) {
        return err_set(e, ERR_LIMIT, NO_MARK, "int too large to convert to float");
    }
    if (l.kind == VAL_FLOAT || r.kind == VAL_FLOAT) {
        return float_op(op, as_float(l), as_float(r), out, e);
    }
    bool small = !is_big(l) && !is_big(r) && small_op(op, as_int(l), as_int(r), out);
    return small || big_op(c->a, op, l, r, out, e);
}

/// Joining and repeating. *known is false when `op` is neither for these operands.
static bool seq_op(struct jinja_ctx *c, enum tok_type op, struct val l, struct val r, bool *known, struct val *out,
                   struct err *e) {
    bool html = is_markup(l) || is_markup(r);
    bool ok = false;
    if (op == T_ADD && is_seq(l) && is_seq(r) && l.kind == r.kind) {
        ok = join_seqs(c, html ? markup_of(c->a, l) : l, html ? markup_of(c->a, r) : r, out, e);
    } else if (op == T_MUL && is_seq(l) && (r.kind == VAL_INT || r.kind == VAL_BOOL)) {
        ok = repeat(c, l, as_int(r), out, e);
    } else if (op == T_MUL && is_seq(r) && (l.kind == VAL_INT || l.kind == VAL_BOOL)) {
        ok = repeat(c, r, as_int(l), out, e);
    } else {
        *known = false;
        return false;
    }
    *out = html ? markup_set(*out, true) : *out;
    return ok;
}

bool op_binary(struct jinja_ctx *c, enum tok_type op, struct val l, struct val r, struct val *out, struct err *e) {
    if (is_number(l) && is_number(r)) {
        return number_op(c, op, l, r, out, e);
    }
    if (op == T_MOD && l.kind == VAL_STR) {
        struct str s = STR_NONE;
        if (!fmt_percent(c, l, r, &s, e)) {
            return false;
        }
        *out = markup_set(val_str(c->a, s), is_markup(l));
        return true;
    }
    bool known = true;
    bool ok = seq_op(c, op, l, r, &known, out, e);
    if (known) {
        return ok;
    }
    if ((op == T_ADD || op == T_SUB) && (l.kind == VAL_OBJ || r.kind == VAL_OBJ)) {
        return date_arith(c->a, op == T_ADD ? '+' : '-', l, r, out, e);
    }
    return bad_types(op, l, r, e);
}

bool op_negate(struct jinja_ctx *c, struct val v, struct val *out, struct err *e) {
    if (v.kind == VAL_FLOAT) {
        *out = val_float(-v.u.f);
        return true;
    }
    if (is_whole(v)) {
        return op_binary(c, T_SUB, val_int(0), v, out, e);
    }
    const struct vdelta *d = delta_of(v);
    if (d) {
        return date_arith(c->a, '-', val_delta(c->a, 0, 0), v, out, e);
    }
    return err_set(e, ERR_TYPE, NO_MARK, "bad operand type for unary -: '%s'", val_type_name(v));
}

bool op_equal(struct val l, struct val r) {
    int order;
    if (l.kind == VAL_OBJ && r.kind == VAL_OBJ && date_order(l, r, &order)) {
        return order == 0;
    }
    if (l.kind == VAL_LIST && r.kind == VAL_LIST && (l.spare >= VAL_SPARE_KEYS || r.spare >= VAL_SPARE_KEYS)) {
        bool lazy = l.spare >= VAL_SPARE_VALUES && l.spare != VAL_SPARE_ITEMS && l.spare != VAL_SPARE_RANGE;
        return l.u.l == r.u.l || (!lazy && l.spare == r.spare && val_equal(l, r));
    }
    return val_equal(l, r);
}

bool op_order(struct val l, struct val r, enum tok_type op, bool *out, struct err *e) {
    int cmp = 0;
    bool lists = l.kind == VAL_LIST && r.kind == VAL_LIST && is_seq(l) && is_seq(r);
    if ((l.kind == VAL_LIST || r.kind == VAL_LIST) && !lists) {
        return err_set(e, ERR_TYPE, NO_MARK, "'%s' not supported between instances of '%s' and '%s'", tok_name(op),
                       val_type_name(l), val_type_name(r));
    }
    double nan_check = (l.kind == VAL_FLOAT ? l.u.f : 0) + (r.kind == VAL_FLOAT ? r.u.f : 0);
    if (!(l.kind == VAL_OBJ && r.kind == VAL_OBJ && date_order(l, r, &cmp)) && !val_compare(l, r, &cmp, e)) {
        if (e->code == ERR_TYPE) {
            err_clear(e);
            return err_set(e, ERR_TYPE, NO_MARK, "'%s' not supported between instances of '%s' and '%s'", tok_name(op),
                           val_type_name(l), val_type_name(r));
        }
        return false;
    }
    *out = op == T_LT ? cmp < 0 : op == T_LE ? cmp <= 0 : op == T_GT ? cmp > 0 : cmp >= 0;
    if (isnan(nan_check) && is_number(l) && is_number(r)) {
        *out = false;
    }
    return true;
}

// -- slices ----------------------------------------------------------------------------------------------------------

struct range {
    int64_t start, stop, step;
};

static bool slice_part(struct val v, int64_t def, int64_t *out, struct err *e) {
    if (v.kind == VAL_NULL) {
        *out = def;
        return true;
    }
    if (!is_whole(v)) {
        return err_set(e, ERR_TYPE, NO_MARK, "slice indices must be integers or None");
    }
    *out = is_big(v) ? (big_digits(v).s[0] == '-' ? -((int64_t)1 << 40) : (int64_t)1 << 40) : as_int(v);
    return true;
}

static int64_t clamp(int64_t i, int64_t lo, int64_t hi) {
    return i < lo ? lo : i > hi ? hi : i;
}

static bool slice_range(int64_t n, const struct val part[3], struct range *g, struct err *e) {
    if (!slice_part(part[2], 1, &g->step, e)) {
        return false;
    }
    if (g->step == 0) {
        return err_set(e, ERR_TYPE, NO_MARK, "slice step cannot be zero");
    }
    bool back = g->step < 0;
    g->step = clamp(g->step, -n - 1, n + 1);
    if (!slice_part(part[0], back ? n - 1 : 0, &g->start, e) || !slice_part(part[1], back ? -n - 1 : n, &g->stop, e)) {
        return false;
    }
    int64_t lo = back ? -1 : 0, hi = back ? n - 1 : n;
    g->start = clamp(g->start < 0 ? g->start + n : g->start, lo, hi);
    g->stop = clamp(g->stop < 0 ? g->stop + n : g->stop, lo, hi);
    return true;
}

static struct val slice_text(struct arena *a, struct str s, const struct range *g) {
    size_t n = utf8_len(s), k = 0;
    size_t *at = ARENA_ARRAY(a, size_t, n + 1);
    for (size_t i = 0; i < s.n;) {
        at[k++] = i;
        utf8_next(s, &i);
    }
    at[n] = s.n;
    if (g->step == 1) {
        return val_str(a, g->stop > g->start ? str_sub(s, at[g->start], at[g->stop]) : STR_LIT(""));
    }
    struct buf b = BUF_IN(a);
    for (int64_t i = g->start; g->step > 0 ? i < g->stop : i > g->stop; i += g->step) {
        buf_str(&b, str_sub(s, at[i], at[i + 1]));
    }
    return val_str(a, buf_view(&b));
}

struct val val_range(struct arena *a, struct val numbers, int64_t start, int64_t stop, int64_t step) {
    const int64_t v[] = {start, stop, step};
    for (size_t i = 0; i < COUNTOF(v); i++) {
        val_push(a, numbers, val_int(v[i]));
    }
    numbers.u.l->n -= COUNTOF(v);
    numbers.spare = VAL_SPARE_RANGE;
    return numbers;
}

bool op_slice(struct arena *a, struct val v, const struct val part[3], struct val *out, struct err *e) {
    struct range g = {0};
    if (!is_seq(v) && (v.kind != VAL_LIST || no_positions(v))) {
        return v.kind == VAL_DICT ? err_set(e, ERR_TYPE, NO_MARK, "unhashable type: 'slice'")
                                  : err_set(e, ERR_TYPE, NO_MARK, "'%s' object is not subscriptable", val_type_name(v));
    }
    if (!slice_range((int64_t)val_len(v), part, &g, e)) {
        return false;
    }
    if (v.kind == VAL_STR) {
        *out = markup_set(slice_text(a, val_text(v), &g), is_markup(v));
        return true;
    }
    *out = v.kind == VAL_LIST ? val_list(a, 4) : val_tuple(a, 4);
    for (int64_t i = g.start; g.step > 0 ? i < g.stop : i > g.stop; i += g.step) {
        val_push(a, *out, v.u.l->items[i]);
    }
    if (v.spare == VAL_SPARE_RANGE && v.kind == VAL_LIST) {
        const struct val *r = v.u.l->items + v.u.l->n;  // start, stop, step
        int64_t step = 1, every = 0;
        if (!slice_part(part[2], 1, &step, e) || __builtin_mul_overflow(r[2].u.i, step, &every)) {
            return e->code != ERR_NONE ? false : err_set(e, ERR_LIMIT, NO_MARK, "the range's step is too large");
        }
        *out = val_range(a, *out, r[0].u.i + g.start * r[2].u.i, r[0].u.i + g.stop * r[2].u.i, every);
    }
    return true;
}
