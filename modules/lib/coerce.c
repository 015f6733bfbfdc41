// Argument types: how a string, number, list or dict becomes what a module declared.
#include "coerce.h"

#include "big.h"
#include "json.h"

const char *coerce_type_name(enum arg_type type) {
    static const char *const names[] = {"str",  "int", "float", "bool",  "list", "dict",
                                        "path", "raw", "json",  "bytes", "bits"};
    return names[type];
}

const char *coerce_class(struct arena *a, struct val v) {
    return arena_printf(a, "<class '%s'>", val_type_name(v));
}

static bool cannot(struct arena *a, struct val v, const char *what, const char **why) {
    *why = arena_printf(a, "%s cannot be converted to %s", coerce_class(a, v), what);
    return false;
}

static struct val as_text(struct arena *a, struct val v) {
    return val_is(v, VAL_STR) ? v : val_str(a, val_str_of(a, v));
}

static bool to_list(struct arena *a, struct val v, struct val *out, const char **why) {
    if (val_is(v, VAL_LIST)) {
        *out = v;
        return true;
    }
    *out = val_list(a, 4);
    if (val_is(v, VAL_TUPLE)) {
        for (size_t i = 0; i < val_len(v); i++) {
            val_push(a, *out, val_at_index(v, i));
        }
        return true;
    }
    if (val_is(v, VAL_STR)) {
        struct str rest = val_text(v);
        for (size_t from = 0;;) {
            size_t comma = str_find_char(rest, from, ',');
            struct str part = str_sub(rest, from, comma);
            val_push(a, *out, val_at(val_flag(val_str(a, part), v.flags), v.mark));
            if (comma == SIZE_MAX) {
                return true;
            }
            from = comma + 1;
        }
    }
    if (val_is(v, VAL_INT) || val_is(v, VAL_FLOAT) || val_is(v, VAL_BOOL) || is_big(v)) {
        val_push(a, *out, as_text(a, v));
        return true;
    }
    return cannot(a, v, "a list", why);
}

static bool add_field(struct arena *a, struct val dict, struct str field, unsigned flags) {
    if (!field.n) {
        return true;
    }
    size_t eq = str_find_char(field, 0, '=');
    if (eq == SIZE_MAX) {
        return false;
    }
    struct val text = val_flag(val_str(a, str_sub(field, eq + 1, field.n)), flags);
    val_set_str(a, dict, str_dup(a, str_sub(field, 0, eq)), text);
    return true;
}

/// "a=1, b='x y'": fields end at a comma or a blank outside quotes; a backslash keeps the next character.
static bool fields_to_dict(struct arena *a, struct val v, struct val *out) {
    struct str s = str_trim(val_text(v));
    struct buf field = BUF_IN(a);
    char quote = 0;
    *out = val_dict(a, 4);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        if (c == '\\' && i + 1 < s.n) {
            buf_char(&field, s.s[++i]);
        } else if (!quote && (c == '\'' || c == '"')) {
            quote = c;
        } else if (quote && c == quote) {
            quote = 0;
        } else if (!quote && (c == ',' || c == ' ')) {
            if (!add_field(a, *out, buf_view(&field), v.flags)) {
                return false;
            }
            field.n = 0;
        } else {
            buf_char(&field, c);
        }
    }
    return add_field(a, *out, buf_view(&field), v.flags);
}

static bool to_dict(struct arena *a, struct val v, struct val *out, const char **why) {
    if (val_is(v, VAL_DICT)) {
        *out = v;
        return true;
    }
    if (!val_is(v, VAL_STR)) {
        return cannot(a, v, "a dict", why);
    }
    if (str_starts(val_text(v), "{")) {
        struct err ignored = {.arena = a};
        if (json_parse(a, val_text(v), out, &ignored) || literal_parse(a, val_text(v), out)) {
            *out = val_reflag(a, *out, 0, v.flags & (VAL_SECRET | VAL_UNSAFE));
            return true;
        }
        *why = "unable to evaluate string as dictionary";
        return false;
    }
    if (str_find_char(val_text(v), 0, '=') == SIZE_MAX) {
        *why = "dictionary requested, could not parse JSON or key=value";
        return false;
    }
    if (!fields_to_dict(a, v, out)) {
        *why = "dictionary update sequence element #0 has length 1; 2 is required";
        return false;
    }
    return true;
}

static bool to_bool(struct arena *a, struct val v, struct val *out, const char **why) {
    bool b = false;
    if (val_is(v, VAL_LIST) || val_is(v, VAL_DICT) || val_is(v, VAL_TUPLE)) {
        return cannot(a, v, "a bool", why);
    }
    struct val trimmed = val_is(v, VAL_STR) ? val_str(a, str_trim(val_text(v))) : v;
    if (!val_as_bool(trimmed, &b)) {
        *why = arena_printf(a,
                            "The value '%.*s' is not a valid boolean.  Valid booleans include: 0, 1, '0', '1', 'f', "
                            "'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'",
                            STR(val_str_of(a, v)));
        return false;
    }
    *out = val_bool(b);
    return true;
}

static bool to_int(struct arena *a, struct val v, struct val *out, const char **why) {
    int64_t i = 0;
    if (val_is(v, VAL_BOOL)) {
        *out = val_int(v.u.b);
        return true;
    }
    if (val_is(v, VAL_INT)) {
        *out = v;
        return true;
    }
    if (val_is(v, VAL_STR) && str_int(str_trim(val_text(v)), &i)) {
        *out = val_int(i);
        return true;
    }
    return cannot(a, v, "an int", why);
}

static bool to_float(struct arena *a, struct val v, struct val *out, const char **why) {
    if (val_is(v, VAL_FLOAT)) {
        *out = v;
        return true;
    }
    if (val_is(v, VAL_INT) || val_is(v, VAL_BOOL)) {
        *out = val_float(val_is(v, VAL_INT) ? (double)v.u.i : (double)v.u.b);
        return true;
    }
    if (is_big(v)) {
        *out = val_float(big_float(v));
        return true;
    }
    struct str s = str_trim(val_text(v));
    if (val_is(v, VAL_STR) && s.n) {
        const char *z = str_z(a, s);
        char *end = NULL;
        double d = strtod(z, &end);
        if (end == z + s.n) {
            *out = val_float(d);
            return true;
        }
    }
    return cannot(a, v, "a float", why);
}

static bool to_json(struct arena *a, struct val v, struct val *out, const char **why) {
    if (val_is(v, VAL_STR)) {
        *out = val_str(a, str_trim(val_text(v)));
        return true;
    }
    if (!val_is_seq(v) && !val_is(v, VAL_DICT)) {
        return cannot(a, v, "a json string", why);
    }
    struct buf b = BUF_IN(a);
    struct err e = {.arena = a};
    struct json_style style = {.ascii = true};
    if (!json_write(&b, v, &style, &e)) {
        *why = str_z(a, err_text(&e));
        return false;
    }
    *out = val_str(a, buf_view(&b));
    return true;
}

/// The power of 1024 a unit stands for, or -1. "M", "MB" and "megabyte" style words are accepted, case as Ansible's.
static int unit_power(struct str unit, bool bits) {
    static const char letters[] = "BKMGTPEZY";
    static const char *const words[] = {"byte", "kilo", "mega", "giga", "tera", "peta", "exa", "zetta", "yotta"};
    if (!unit.n) {
        return 0;
    }
    const char *last = bits ? "b" : "B";
    for (int i = 0; i < 9; i++) {
        char upper = letters[i];
        bool first = unit.s[0] == upper || unit.s[0] == (char)(upper + 32);
        if (unit.n == 1 && (i ? first : unit.s[0] == *last || unit.s[0] == 'B' || unit.s[0] == 'b')) {
            return i;
        }
        if (i && unit.n == 2 && unit.s[0] == upper && unit.s[1] == *last) {
            return i;
        }
        if (unit.n > 3 && strncasecmp(unit.s, words[i], strlen(words[i])) == 0 && unit.n >= strlen(words[i])) {
            return i;
        }
    }
    return -1;
}

static bool to_size(struct arena *a, struct val v, bool bits, struct val *out, const char **why) {
    struct str s = str_trim(val_str_of(a, v));
    const char *z = str_z(a, s);
    size_t digits = strspn(z, "0123456789.");
    char *end = NULL;
    double n = strtod(z, &end);
    int power = -1;
    if (digits && end == z + digits) {
        power = unit_power(str_trim(str_sub(s, digits, s.n)), bits);
    }
    for (int i = 0; i < power; i++) {
        n *= 1024;
    }
    if (power < 0 || n > 9.2e18) {
        return cannot(a, v, bits ? "a Bit value" : "a Byte value", why);
    }
    *out = val_int((int64_t)(n + 0.5));
    return true;
}

static bool convert(struct arena *a, struct val v, enum arg_type type, struct val *out, const char **why) {
    switch (type) {
    case ARG_STR:
    case ARG_PATH:
        *out = as_text(a, v);
        return true;
    case ARG_INT:
        return to_int(a, v, out, why);
    case ARG_FLOAT:
        return to_float(a, v, out, why);
    case ARG_BOOL:
        return to_bool(a, v, out, why);
    case ARG_LIST:
        return to_list(a, v, out, why);
    case ARG_DICT:
        return to_dict(a, v, out, why);
    case ARG_RAW:
        *out = v;
        return true;
    case ARG_JSON:
        return to_json(a, v, out, why);
    case ARG_BYTES:
    case ARG_BITS:
        return to_size(a, v, type == ARG_BITS, out, why);
    }
    BUG("argument type %d", (int)type);
}

bool coerce_value(struct arena *a, struct val v, enum arg_type type, struct val *out, const char **why) {
    if (!convert(a, v, type, out, why)) {
        return false;
    }
    *out = val_at(val_flag(*out, v.flags & (VAL_TRUSTED | VAL_SECRET | VAL_UNSAFE)), v.mark);
    return true;
}
