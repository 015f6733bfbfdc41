// Filters of community.crypto on text: parse_serial, to_serial, split_pem.
#include "bigint.h"
#include "filters/support.h"
#include "filters/text.h"

/// One part of a serial number as Python's int(part, 16) reads it: blanks around it, a sign, 0x, underscores.
static bool read_byte(struct str part, unsigned *out) {
    struct str s = text_strip(part, STR_NONE, STRIP_BOTH);
    bool digit = false, minus = str_starts(s, "-");
    if (minus || str_starts(s, "+")) {
        s = str_sub(s, 1, s.n);
    }
    if (str_starts(s, "0x") || str_starts(s, "0X")) {
        s = str_sub(s, 2, s.n);
        s = str_starts(s, "_") ? str_sub(s, 1, s.n) : s;
    }
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.s[i];
        if (ch == '_' && digit) {
            digit = false;
            continue;
        }
        int v = ch >= '0' && ch <= '9'   ? ch - '0'
                : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
                : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
                                         : -1;
        if (v < 0 || *out > 255) {
            return false;
        }
        *out = *out * 16 + (unsigned)v;
        digit = true;
    }
    return digit && *out <= 255 && (!minus || *out == 0);
}

static bool f_parse_serial(struct jcall *c, struct val *out, struct err *e) {
    struct buf hex = BUF_IN(c->a);
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "value", "a string", c->args[0]);
    }
    struct str s = val_text(c->args[0]);
    for (size_t from = 0, n = 1; from <= s.n; n++) {
        size_t end = str_find_char(s, from, ':');
        end = end == SIZE_MAX ? s.n : end;
        struct str part = str_sub(s, from, end);
        unsigned byte = 0;
        if (!read_byte(part, &byte)) {
            return plug_err(c, e, ERR_ARGS, "part %zu, '%.*s', must be a hexadecimal number from 0 to ff", n,
                            STR(part));
        }
        buf_printf(&hex, "%02x", byte);
        from = end + 1;
    }
    return big_parse(c->a, buf_view(&hex), 16, false, out, e) || err_wrap(e, c->at, "in '%s'", c->name);
}
FILTER(parse_serial) = {.doc = "The integer of hexadecimal bytes with colons between them.",
                        .params = "value",
                        .fn = f_parse_serial,
                        .fqcn = "community.crypto.parse_serial",
                        .example = "'11:22:33' | community.crypto.parse_serial == 1122867"};

static bool f_to_serial(struct jcall *c, struct val *out, struct err *e) {
    if (!is_whole(c->args[0])) {
        return bad_arg(c, e, "value", "an integer", c->args[0]);
    }
    if (str_starts(text_of(c, c->args[0]), "-")) {
        return plug_err(c, e, ERR_ARGS, "'value' must not be negative");
    }
    struct str hex = big_in_base(c->a, c->args[0], 16);
    struct buf b = BUF_IN(c->a);
    buf_z(&b, hex.n % 2 ? "0" : "");
    for (size_t i = 0; i < hex.n; i++) {
        bool first = (i + hex.n) % 2 == 0;
        buf_z(&b, i && first ? ":" : "");
        buf_char(&b, (char)(hex.s[i] >= 'a' ? hex.s[i] - 32 : hex.s[i]));
    }
    *out = val_str(c->a, buf_view(&b));
    return true;
}
FILTER(to_serial) = {.doc = "An integer as hexadecimal bytes with colons between them.",
                     .params = "value",
                     .fn = f_to_serial,
                     .fqcn = "community.crypto.to_serial",
                     .example = "1234567 | community.crypto.to_serial == '12:D6:87'"};

static bool f_split_pem(struct jcall *c, struct val *out, struct err *e) {
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "value", "a string", c->args[0]);
    }
    struct str s = val_text(c->args[0]);
    struct buf b = BUF_IN(c->a);
    bool inside = false;
    *out = val_list(c->a, 4);
    for (size_t i = 0, end; i < s.n; i = end) {
        end = i;
        while (end < s.n && s.s[end] != '\n' && s.s[end] != '\r') {
            end++;
        }
        end += end + 1 < s.n && s.s[end] == '\r' && s.s[end + 1] == '\n' ? 2 : end < s.n;
        struct str line = str_sub(s, i, end);
        if (str_starts(line, "-----BEGIN ")) {
            b = BUF_IN(c->a);
            inside = true;
        }
        if (!inside || !text_strip(line, STR_NONE, STRIP_BOTH).n) {
            continue;
        }
        buf_str(&b, line);
        if (str_starts(line, "-----END ")) {
            val_push(c->a, *out, val_str(c->a, buf_view(&b)));
            inside = false;
        }
    }
    return true;
}
FILTER(split_pem) = {
    .doc = "The PEM objects of a text, each by itself.",
    .params = "value",
    .fn = f_split_pem,
    .fqcn = "community.crypto.split_pem",
    .example = "('-----BEGIN A-----\\nx\\n-----END A-----\\n' * 2) | community.crypto.split_pem | length == 2"};
