// Methods of strings that change letter case or ask what kind of characters there are, as Python's str.
#include "ast.h"

static struct str self(const struct jcall *c) {
    return val_text(c->args[0]);
}

static bool give_bool(struct val *out, bool b) {
    *out = val_bool(b);
    return true;
}

bool cp_is_space(uint32_t cp) {
    return cp == ' ' || (cp >= 9 && cp <= 13) || (cp >= 0x1c && cp <= 0x1f) || cp == 0x85 || cp == 0xa0 ||
           cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f ||
           cp == 0x205f || cp == 0x3000;
}

// -- case ------------------------------------------------------------------------------------------------------------

// Upper and lower case of the scripts Latin-1, Latin Extended-A, Greek and Cyrillic; other characters have none here.
static uint32_t upper_cp(uint32_t c) {
    if ((c >= 'a' && c <= 'z') || (c >= 0xe0 && c <= 0xfe && c != 0xf7)) {
        return c - 32;
    }
    if (c == 0xff) {
        return 0x178;
    }
    if (c == 0xb5) {
        return 0x39c;
    }
    if ((c >= 0x101 && c <= 0x137) || (c >= 0x14b && c <= 0x177)) {
        return c == 0x131 ? 'I' : (c & 1) ? c - 1 : c;
    }
    if ((c >= 0x13a && c <= 0x148) || (c >= 0x17a && c <= 0x17e)) {
        return (c & 1) ? c : c - 1;
    }
    if (c >= 0x3b1 && c <= 0x3c9) {
        return c == 0x3c2 ? 0x3a3 : c - 32;
    }
    if (c >= 0x430 && c <= 0x44f) {
        return c - 32;
    }
    return c >= 0x450 && c <= 0x45f ? c - 80 : c;
}

static uint32_t lower_cp(uint32_t c) {
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7)) {
        return c + 32;
    }
    if (c == 0x178) {
        return 0xff;
    }
    if ((c >= 0x100 && c <= 0x136) || (c >= 0x14a && c <= 0x176)) {
        return c == 0x130 ? 'i' : (c & 1) ? c : c + 1;
    }
    if ((c >= 0x139 && c <= 0x147) || (c >= 0x179 && c <= 0x17d)) {
        return (c & 1) ? c + 1 : c;
    }
    if ((c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f)) {
        return c + 32;
    }
    return c >= 0x400 && c <= 0x40f ? c + 80 : c;
}

static bool is_upper(uint32_t c) {
    return lower_cp(c) != c;
}

static bool is_lower(uint32_t c) {
    return upper_cp(c) != c || c == 0xdf || c == 0x149;
}

static bool alpha_cp(uint32_t c) {
    return is_upper(c) || is_lower(c) || c == 0xaa || c == 0xba || (c >= 0x180 && c < 0x2b0) ||
           (c >= 0x370 && c < 0x2000 && c != 0x37e && c != 0x387) || (c >= 0x2c00 && c < 0x2e00) ||
           (c >= 0x3040 && c < 0xd7a4) || (c >= 0xf900 && c < 0xfb00) || (c >= 0x20000 && c < 0x32000);
}

static bool digit_cp(uint32_t c) {
    return c >= '0' && c <= '9';
}

/// Letters of two, of which the first is a capital: upper case is before them, lower case behind.
static bool is_titled(uint32_t c) {
    return c == 0x1c5 || c == 0x1c8 || c == 0x1cb || c == 0x1f2;
}

enum how { UPPER, LOWER, SWAP, TITLE, CAPITAL, FOLD };

static void put(struct buf *b, uint32_t cp) {
    char u[4];
    buf_add(b, u, utf8_put(cp, u));
}

/// The letters whose other case is not one letter, or that have none; false: it is none of them.
static bool put_special(struct buf *b, uint32_t cp, enum how how, bool up) {
    if (cp == 0xdf && (how == SWAP || how == FOLD || up)) {
        buf_z(b, how == FOLD ? "ss" : how == TITLE || how == CAPITAL ? "Ss" : "SS");
    } else if (cp == 0x149 && (up || how == FOLD)) {  // an apostrophe and n
        put(b, 0x2bc);
        put(b, up ? 'N' : 'n');
    } else if (is_titled(cp)) {
        put(b, how == UPPER ? cp - 1 : up || how == SWAP ? cp : cp + 1);
    } else if (how == SWAP && !is_lower(cp) && !is_upper(cp)) {
        put(b, cp);
    } else {
        return false;
    }
    return true;
}

static bool change_case(struct jcall *c, enum how how, struct val *out) {
    struct str s = self(c);
    struct buf b = BUF_IN(c->a);
    bool inside = false;
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        uint32_t cp = utf8_next(s, &i);
        bool up =
            how == UPPER || (how == SWAP && is_lower(cp)) || (how == TITLE && !inside) || (how == CAPITAL && from == 0);
        if (!put_special(&b, cp, how, up)) {
            put(&b, up ? upper_cp(cp) : lower_cp(cp));
        }
        inside = is_upper(cp) || is_lower(cp) || is_titled(cp);
    }
    *out = val_str(c->a, buf_view(&b));
    return true;
}

static bool m_upper(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return change_case(c, UPPER, out);
}

static bool m_lower(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return change_case(c, LOWER, out);
}

static bool m_swapcase(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return change_case(c, SWAP, out);
}

static bool m_title(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return change_case(c, TITLE, out);
}

static bool m_capitalize(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return change_case(c, CAPITAL, out);
}

static bool m_casefold(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return change_case(c, FOLD, out);
}

// -- questions -------------------------------------------------------------------------------------------------------

static bool all_cp(struct str s, bool (*is)(uint32_t)) {
    for (size_t i = 0; i < s.n;) {
        if (!is(utf8_next(s, &i))) {
            return false;
        }
    }
    return s.n > 0;
}

bool cp_starts_name(uint32_t cp) {
    return alpha_cp(cp);
}

bool cp_in_name(uint32_t cp) {
    bool mark = (cp >= 0x300 && cp < 0x370) || cp == 0xb7 || cp == 0x387 || (cp >= 0x1ab0 && cp < 0x1b00) ||
                (cp >= 0x1dc0 && cp < 0x1e00) || (cp >= 0x20d0 && cp < 0x2100) || (cp >= 0xfe20 && cp < 0xfe30);
    return mark || alpha_cp(cp);
}

static bool alnum_cp(uint32_t c) {
    return alpha_cp(c) || digit_cp(c);
}

static bool ascii_cp(uint32_t c) {
    return c < 0x80;
}

static bool print_cp(uint32_t c) {
    return c >= 0x20 && c != 0x7f && !(c >= 0x80 && c <= 0xa0) && c != 0xad && !(cp_is_space(c) && c != ' ');
}

static bool m_isdigit(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return give_bool(out, all_cp(self(c), digit_cp));
}

static bool m_isalpha(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return give_bool(out, all_cp(self(c), alpha_cp));
}

static bool m_isalnum(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return give_bool(out, all_cp(self(c), alnum_cp));
}

static bool m_isspace(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return give_bool(out, all_cp(self(c), cp_is_space));
}

static bool m_isascii(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return give_bool(out, !self(c).n || all_cp(self(c), ascii_cp));
}

static bool m_isprintable(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return give_bool(out, !self(c).n || all_cp(self(c), print_cp));
}

static bool only_case(struct str s, bool (*want)(uint32_t), bool (*other)(uint32_t)) {
    bool any = false;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp = utf8_next(s, &i);
        if (other(cp)) {
            return false;
        }
        any |= want(cp);
    }
    return any;
}

static bool is_capital(uint32_t c) {
    return is_upper(c) || is_titled(c);
}

static bool not_upper(uint32_t c) {
    return is_lower(c) || is_titled(c);
}

static bool m_isupper(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return give_bool(out, only_case(self(c), is_upper, not_upper));
}

static bool m_islower(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return give_bool(out, only_case(self(c), is_lower, is_capital));
}

static bool m_istitle(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct str s = self(c);
    bool inside = false, any = false, ok = true;
    for (size_t i = 0; i < s.n && ok;) {
        uint32_t cp = utf8_next(s, &i);
        ok = is_capital(cp) ? !inside : is_lower(cp) ? inside : true;
        inside = is_capital(cp) || is_lower(cp);
        any |= inside;
    }
    return give_bool(out, ok && any);
}

static bool m_isidentifier(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct str s = self(c);
    bool ok = s.n && !digit_cp((unsigned char)s.s[0]);
    for (size_t i = 0; i < s.n && ok;) {
        uint32_t cp = utf8_next(s, &i);
        ok = alnum_cp(cp) || cp == '_';
    }
    return give_bool(out, ok);
}

static const struct method table[] = {
    {"capitalize", "self", m_capitalize, false},
    {"casefold", "self", m_casefold, false},
    {"isalnum", "self", m_isalnum, false},
    {"isalpha", "self", m_isalpha, false},
    {"isascii", "self", m_isascii, false},
    {"isdecimal", "self", m_isdigit, false},
    {"isdigit", "self", m_isdigit, false},
    {"isidentifier", "self", m_isidentifier, false},
    {"islower", "self", m_islower, false},
    {"isnumeric", "self", m_isdigit, false},
    {"isprintable", "self", m_isprintable, false},
    {"isspace", "self", m_isspace, false},
    {"istitle", "self", m_istitle, false},
    {"isupper", "self", m_isupper, false},
    {"lower", "self", m_lower, false},
    {"swapcase", "self", m_swapcase, false},
    {"title", "self", m_title, false},
    {"upper", "self", m_upper, false},
};

const struct method *str_case_method(struct str name) {
    return method_in(table, COUNTOF(table), name);
}
