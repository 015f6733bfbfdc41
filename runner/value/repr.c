// Python's str() and repr().
#include "val.h"

#include <math.h>

void float_repr(struct buf *b, double f) {
    if (isnan(f) || isinf(f)) {
        buf_z(b, isnan(f) ? "nan" : (f > 0 ? "inf" : "-inf"));
        return;
    }
    char digits[40];
    int precision = 1;
    for (; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*e", precision - 1, f);
        if (strtod(digits, NULL) == f) {
            break;
        }
    }
    const char *exp_at = strchr(digits, 'e');
    long exponent = exp_at ? strtol(exp_at + 1, NULL, 10) : 0;
    if (exponent < -4 || exponent >= 16) {
        // Python writes 1e+16, 1.5e-05: mantissa without trailing zeros, exponent of at least two digits.
        buf_add(b, digits, (size_t)(exp_at - digits));
        buf_printf(b, "e%c%02ld", exponent < 0 ? '-' : '+', labs(exponent));
        return;
    }
    int decimals = precision - 1 - (int)exponent;
    char plain[64];
    snprintf(plain, sizeof plain, "%.*f", decimals > 0 ? decimals : 0, f);
    buf_z(b, plain);
    if (decimals <= 0) {
        buf_z(b, ".0");
    }
}

static bool printable(uint32_t cp) {
    if (cp < 0xA0) {
        return cp >= 0x20 && cp < 0x7F;
    }
    bool format = cp == 0xAD || (cp >= 0x200B && cp <= 0x200F) || (cp >= 0x2028 && cp <= 0x202E) ||
                  (cp >= 0x2060 && cp <= 0x206F) || cp == 0xFEFF || (cp >= 0xFFF9 && cp <= 0xFFFB);
    bool space =
        cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x202F || cp == 0x205F || cp == 0x3000;
    bool none = (cp >= 0xD800 && cp <= 0xF8FF) || (cp & 0xFFFE) == 0xFFFE || cp >= 0xE0000;
    return !format && !space && !none;
}

static void repr_cp(struct buf *b, uint32_t cp, char quote) {
    if (cp == (uint32_t)quote || cp == '\\') {
        buf_char(b, '\\');
        buf_char(b, (char)cp);
    } else if (cp == '\n' || cp == '\r' || cp == '\t') {
        buf_z(b, cp == '\n' ? "\\n" : (cp == '\r' ? "\\r" : "\\t"));
    } else if (printable(cp)) {
        char utf[4];
        buf_add(b, utf, utf8_put(cp, utf));
    } else if (cp < 0x100) {
        buf_printf(b, "\\x%02x", cp);
    } else {
        buf_printf(b, cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
    }
}

static void repr_str(struct buf *b, struct str s) {
    bool single = str_find_char(s, 0, '\'') != SIZE_MAX;
    bool twice = str_find_char(s, 0, '"') != SIZE_MAX;
    char quote = single && !twice ? '"' : '\'';
    buf_char(b, quote);
    for (size_t i = 0; i < s.n;) {
        repr_cp(b, utf8_next(s, &i), quote);
    }
    buf_char(b, quote);
}

static void int_repr(struct buf *b, int64_t i) {
    char digits[24];
    size_t at = sizeof digits;
    uint64_t left = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (i < 0) {
        digits[--at] = '-';
    }
    buf_add(b, digits + at, sizeof digits - at);
}

static bool repr_range(struct buf *b, const struct vlist *l) {
    const struct val *part = l->items + l->n;
    if (l->cap < l->n + 3 || part[0].kind != VAL_INT || part[1].kind != VAL_INT || part[2].kind != VAL_INT) {
        return false;
    }
    buf_printf(b, "range(%lld, %lld", (long long)part[0].u.i, (long long)part[1].u.i);
    if (part[2].u.i != 1) {
        buf_printf(b, ", %lld", (long long)part[2].u.i);
    }
    buf_char(b, ')');
    return true;
}

static void repr_seq(struct buf *b, struct val v) {
    static const char *const views[] = {
        [VAL_SPARE_KEYS] = "dict_keys(", [VAL_SPARE_VALUES] = "dict_values(", [VAL_SPARE_ITEMS] = "dict_items("};
    bool tuple = v.kind == VAL_TUPLE;
    bool view = !tuple && v.spare >= VAL_SPARE_KEYS && v.spare <= VAL_SPARE_ITEMS;
    if (!tuple && v.spare == VAL_SPARE_RANGE && repr_range(b, v.u.l)) {
        return;
    }
    buf_z(b, view ? views[v.spare] : "");
    buf_char(b, tuple ? '(' : '[');
    for (size_t i = 0; i < v.u.l->n; i++) {
        if (i > 0) {
            buf_z(b, ", ");
        }
        val_to_repr(b, v.u.l->items[i]);
    }
    if (tuple && v.u.l->n == 1) {
        buf_char(b, ',');
    }
    buf_z(b, tuple ? ")" : view ? "])" : "]");
}

static void repr_dict(struct buf *b, struct val v) {
    buf_char(b, '{');
    size_t i = 0;
    bool first = true;
    for (struct vpair *p; (p = val_each(v, &i)); first = false) {
        if (!first) {
            buf_z(b, ", ");
        }
        val_to_repr(b, p->key);
        buf_z(b, ": ");
        val_to_repr(b, p->value);
    }
    buf_char(b, '}');
}

void val_to_repr(struct buf *b, struct val v) {
    switch ((enum val_kind)v.kind) {
    case VAL_STR:
        buf_z(b, v.flags & VAL_MARKUP ? "Markup(" : "");
        repr_str(b, val_text(v));
        buf_z(b, v.flags & VAL_MARKUP ? ")" : "");
        return;
    case VAL_LIST:
    case VAL_TUPLE:
        repr_seq(b, v);
        return;
    case VAL_DICT:
        repr_dict(b, v);
        return;
    case VAL_NULL:
        buf_z(b, "None");
        return;
    case VAL_BOOL:
        buf_z(b, v.u.b ? "True" : "False");
        return;
    case VAL_INT:
        int_repr(b, v.u.i);
        return;
    case VAL_FLOAT:
        float_repr(b, v.u.f);
        return;
    case VAL_UNDEF:
        buf_z(b, v.spare & VAL_SPARE_PLAIN ? "Undefined" : "AnsibleUndefined");
        return;
    case VAL_OMIT:
        buf_z(b, OMIT_TOKEN);
        return;
    case VAL_OBJ:
        break;
    }
    if (v.u.o->type->str) {
        v.u.o->type->str(v, b);
    } else {
        buf_printf(b, "<%s>", v.u.o->type->name);
    }
}

void val_to_str(struct buf *b, struct val v) {
    if (v.kind == VAL_STR) {
        buf_str(b, val_text(v));
    } else if (v.kind != VAL_UNDEF) {
        val_to_repr(b, v);
    }
}

struct str val_str_of(struct arena *a, struct val v) {
    if (v.kind == VAL_STR) {
        return val_text(v);
    }
    struct buf b = BUF_IN(a);
    val_to_str(&b, v);
    return buf_view(&b);
}
