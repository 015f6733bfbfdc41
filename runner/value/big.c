// Large integers as values: text, equality and order.
#include "big.h"

#include <math.h>

static void big_str(struct val self, struct buf *out) {
    buf_str(out, big_digits(self));
}

// Kept as it is where a value is copied to live longer (see deep() in val.c).
const struct obj_type big_type = {.name = "int", .str = big_str};

struct val big_val(struct arena *a, struct str digits) {
    int64_t small;
    if (str_int(digits, &small)) {
        return val_int(small);
    }
    struct vbig *b = ARENA_NEW(a, struct vbig);
    b->o.type = &big_type;
    b->digits = str_dup(a, digits);
    return val_obj(&b->o);
}

bool is_big(struct val v) {
    return v.kind == VAL_OBJ && v.u.o->type == &big_type;
}

struct str big_digits(struct val v) {
    return is_big(v) ? ((const struct vbig *)(const void *)v.u.o)->digits : STR_LIT("");
}

double big_float(struct val v) {
    return strtod(big_digits(v).s, NULL);
}

static int compare_digits(struct str a, struct str b) {
    bool an = a.s[0] == '-', bn = b.s[0] == '-';
    if (an != bn) {
        return an ? -1 : 1;
    }
    int order = a.n != b.n ? (a.n < b.n ? -1 : 1) : str_cmp(a, b);
    order = order < 0 ? -1 : order > 0;
    return an ? -order : order;
}

int big_compare(struct val a, struct val b) {
    if (!is_big(a)) {
        int r = big_compare(b, a);
        return r == 2 ? r : -r;
    }
    struct str digits = big_digits(a);
    int sign = digits.s[0] == '-' ? -1 : 1;
    if (is_big(b)) {
        return compare_digits(digits, big_digits(b));
    }
    if (b.kind != VAL_FLOAT || fabs(b.u.f) < 9.2e18) {
        return sign;  // larger than any other integer
    }
    if (isinf(b.u.f)) {
        return b.u.f > 0 ? -1 : 1;
    }
    char text[400];
    snprintf(text, sizeof text, "%.0f", b.u.f);
    int order = isnan(b.u.f) ? 2 : compare_digits(digits, str_from(text));
    double whole = floor(b.u.f);
    return order == 0 && whole != b.u.f ? -1 : order;
}
