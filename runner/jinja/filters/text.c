// Python's str methods on UTF-8. Case tables come from the C library's C.UTF-8 locale.
#include "text.h"
#include "bigint.h"

#include "filters/support.h"

#include <iconv.h>
#include <locale.h>
#include <wctype.h>

static void locale_closep(locale_t *l) {
    if (*l) {
        freelocale(*l);
    }
}

static bool all_ascii(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.s[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static locale_t locale_for(struct str s) {
    return all_ascii(s) ? (locale_t)0 : newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static uint32_t cp_lower(uint32_t cp, locale_t l) {
    if (cp < 0x80) {
        return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
    }
    return l ? (uint32_t)towlower_l((wint_t)cp, l) : cp;
}

static uint32_t cp_upper(uint32_t cp, locale_t l) {
    if (cp < 0x80) {
        return cp >= 'a' && cp <= 'z' ? cp - 32 : cp;
    }
    return l ? (uint32_t)towupper_l((wint_t)cp, l) : cp;
}

static void put_cp(struct buf *b, uint32_t cp) {
    char c[4];
    buf_add(b, c, utf8_put(cp, c));
}

/// Full upper case: the few letters that become two.
static void put_upper(struct buf *b, uint32_t cp, locale_t l, bool title) {
    static const struct {
        uint32_t cp;
        const char *upper, *title;
    } special[] = {
        {0x1C4, "Ǆ", "ǅ"},    {0x1C5, "Ǆ", "ǅ"},    {0x1C6, "Ǆ", "ǅ"},      {0xDF, "SS", "Ss"},
        {0x149, "ʼN", "ʼN"},  {0x1F0, "J̌", "J̌"},    {0x587, "ԵՒ", "Եւ"},    {0xFB00, "FF", "Ff"},
        {0xFB01, "FI", "Fi"}, {0xFB02, "FL", "Fl"}, {0xFB03, "FFI", "Ffi"}, {0xFB04, "FFL", "Ffl"},
        {0xFB05, "ST", "St"}, {0xFB06, "ST", "St"}, {0x1E96, "H̱", "H̱"},     {0x1E97, "T̈", "T̈"},
        {0x1E98, "W̊", "W̊"},   {0x1E99, "Y̊", "Y̊"},
    };
    for (size_t i = 0; cp >= 0x80 && i < COUNTOF(special); i++) {
        if (special[i].cp == cp) {
            buf_z(b, title ? special[i].title : special[i].upper);
            return;
        }
    }
    put_cp(b, cp_upper(cp, l));
}

static void put_lower(struct buf *b, uint32_t cp, locale_t l) {
    if (cp == 0x130) {
        buf_z(b, "i̇");
        return;
    }
    put_cp(b, cp_lower(cp, l));
}

struct str text_upper(struct arena *a, struct str s) {
    locale_t l CLEANUP(locale_closep) = locale_for(s);
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n;) {
        put_upper(&b, utf8_next(s, &i), l, false);
    }
    return buf_view(&b);
}

struct str text_lower(struct arena *a, struct str s) {
    locale_t l CLEANUP(locale_closep) = locale_for(s);
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n;) {
        put_lower(&b, utf8_next(s, &i), l);
    }
    return buf_view(&b);
}

struct str text_capitalize(struct arena *a, struct str s) {
    locale_t l CLEANUP(locale_closep) = locale_for(s);
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n;) {
        bool first = i == 0;
        uint32_t cp = utf8_next(s, &i);
        if (first) {
            put_upper(&b, cp, l, true);
        } else {
            put_lower(&b, cp, l);
        }
    }
    return buf_view(&b);
}

struct str text_title(struct arena *a, struct str s) {
    locale_t l CLEANUP(locale_closep) = locale_for(s);
    struct buf b = BUF_IN(a);
    bool first = true;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp = utf8_next(s, &i);
        bool sep = cp_space(cp) || (cp < 0x80 && strchr("-({[<", (int)cp) && cp);
        if (sep) {
            put_cp(&b, cp);
        } else if (first) {
            put_upper(&b, cp, l, false);
        } else {
            put_lower(&b, cp, l);
        }
        first = sep;
    }
    return buf_view(&b);
}

/// `want` 0: lower, 1: upper. True when there is a cased letter and none of the other case.
static bool text_is_case(struct str s, bool want) {
    locale_t l CLEANUP(locale_closep) = locale_for(s);
    bool cased = false;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp = utf8_next(s, &i);
        bool up = cp < 0x80 ? cp >= 'A' && cp <= 'Z' : l && iswupper_l((wint_t)cp, l);
        bool low = cp < 0x80 ? cp >= 'a' && cp <= 'z' : l && iswlower_l((wint_t)cp, l);
        if (want ? low : up) {
            return false;
        }
        cased = cased || up || low;
    }
    return cased;
}

bool text_is_lower(struct str s) {
    return text_is_case(s, false);
}

bool text_is_upper(struct str s) {
    return text_is_case(s, true);
}

bool cp_space(uint32_t cp) {
    return (cp >= 9 && cp <= 13) || (cp >= 0x1C && cp <= 0x20) || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F ||
           cp == 0x3000;
}

static bool strips(uint32_t cp, struct str chars) {
    if (!chars.s) {
        return cp_space(cp);
    }
    for (size_t i = 0; i < chars.n;) {
        if (utf8_next(chars, &i) == cp) {
            return true;
        }
    }
    return false;
}

struct str text_strip(struct str s, struct str chars, enum strip_side side) {
    size_t from = 0;
    while ((side & STRIP_LEFT) && from < s.n) {
        size_t next = from;
        if (!strips(utf8_next(s, &next), chars)) {
            break;
        }
        from = next;
    }
    size_t to = s.n;
    while ((side & STRIP_RIGHT) && to > from) {
        size_t start = to - 1;
        while (start > from && ((unsigned char)s.s[start] & 0xC0) == 0x80) {
            start--;
        }
        size_t next = start;
        uint32_t cp = utf8_next(s, &next);
        if (next != to) {  // stray continuation byte: no white space
            start = to - 1;
            cp = 0xFFFD;
        }
        if (!strips(cp, chars)) {
            break;
        }
        to = start;
    }
    return str_sub(s, from, to);
}

static bool cp_newline(uint32_t cp) {
    return (cp >= 10 && cp <= 13) || (cp >= 0x1C && cp <= 0x1E) || cp == 0x85 || cp == 0x2028 || cp == 0x2029;
}

bool text_line(struct str *rest, struct str *line) {
    if (!rest->n) {
        return false;
    }
    for (size_t i = 0; i < rest->n;) {
        size_t start = i;
        uint32_t cp = utf8_next(*rest, &i);
        if (cp_newline(cp)) {
            if (cp == '\r' && i < rest->n && rest->s[i] == '\n') {
                i++;
            }
            *line = str_sub(*rest, 0, start);
            *rest = str_sub(*rest, i, rest->n);
            return true;
        }
    }
    *line = *rest;
    *rest = str_sub(*rest, rest->n, rest->n);
    return true;
}

bool text_word(struct str *rest, struct str *word) {
    struct str s = text_strip(*rest, STR_NONE, STRIP_LEFT);
    if (!s.n) {
        return false;
    }
    size_t i = 0, end = s.n;
    while (i < s.n) {
        size_t start = i;
        if (cp_space(utf8_next(s, &i))) {
            end = start;
            break;
        }
    }
    *word = str_sub(s, 0, end);
    *rest = str_sub(s, end, s.n);
    return true;
}

size_t text_offset(struct str s, size_t n) {
    size_t i = 0;
    while (n-- && i < s.n) {
        utf8_next(s, &i);
    }
    return i;
}

/// Replacement of the empty string: between all code points and at both ends.
static struct str replace_empty(struct arena *a, struct str s, struct str to, int64_t count) {
    struct buf b = {.a = a, .max = TEXT_CAP};
    for (size_t i = 0;;) {
        if (count != 0) {
            buf_str(&b, to);
            count -= count > 0;
        }
        if (i >= s.n) {
            return buf_view(&b);
        }
        size_t start = i;
        utf8_next(s, &i);
        buf_add(&b, s.s + start, i - start);
    }
}

struct str text_replace(struct arena *a, struct str s, struct str from, struct str to, int64_t count) {
    if (!from.n) {
        return replace_empty(a, s, to, count);
    }
    struct buf b = {.a = a, .max = TEXT_CAP};
    size_t pos = 0;
    while (count != 0) {
        size_t hit = str_find(s, pos, from);
        if (hit == SIZE_MAX) {
            break;
        }
        buf_add(&b, s.s + pos, hit - pos);
        buf_str(&b, to);
        pos = hit + from.n;
        count -= count > 0;
    }
    buf_add(&b, s.s + pos, s.n - pos);
    return buf_view(&b);
}

struct str text_join(struct arena *a, struct str sep, const struct str *parts, size_t n) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < n; i++) {
        if (i) {
            buf_str(&b, sep);
        }
        buf_str(&b, parts[i]);
    }
    return buf_view(&b);
}

struct str text_shell_quote(struct arena *a, struct str s) {
    bool safe = s.n > 0;
    for (size_t i = 0; i < s.n && safe; i++) {
        char ch = s.s[i];
        bool alnum = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        safe = alnum || (ch && strchr("_@%+=:,./-", ch));
    }
    if (safe) {
        return s;
    }
    struct buf b = BUF_IN(a);
    buf_char(&b, '\'');
    buf_str(&b, text_replace(a, s, STR_LIT("'"), STR_LIT("'\"'\"'"), -1));
    buf_char(&b, '\'');
    return buf_view(&b);
}

// -- codecs ----------------------------------------------------------------------------------------------------------

/// Python's codec name as iconv's; NULL for UTF-8, which needs no conversion.
static const char *codec_name(struct arena *a, struct str codec) {
    struct str low = text_lower(a, codec);
    struct str norm = text_replace(a, low, STR_LIT("_"), STR_LIT("-"), -1);
    if (str_eqz(norm, "utf-8") || str_eqz(norm, "utf8") || str_eqz(norm, "u8")) {
        return NULL;
    }
    static const char *const alias[][2] = {
        {"latin-1", "ISO-8859-1"}, {"latin1", "ISO-8859-1"},  {"l1", "ISO-8859-1"},       {"iso8859-1", "ISO-8859-1"},
        {"8859", "ISO-8859-1"},    {"us-ascii", "ASCII"},     {"utf16", "UTF-16"},        {"utf32", "UTF-32"},
        {"u16", "UTF-16"},         {"u32", "UTF-32"},         {"utf-16-le", "UTF-16LE"},  {"utf-16-be", "UTF-16BE"},
        {"utf-32-le", "UTF-32LE"}, {"utf-32-be", "UTF-32BE"}, {"windows-1252", "CP1252"},
    };
    for (size_t i = 0; i < COUNTOF(alias); i++) {
        if (str_eqz(norm, alias[i][0])) {
            return alias[i][1];
        }
    }
    return str_z(a, norm);
}

static bool convert(struct arena *a, struct str s, const char *to, const char *from, struct str *out) {
    iconv_t cd = iconv_open(to, from);
    if (cd == (iconv_t)-1) {  // NOLINT(performance-no-int-to-ptr)
        return false;
    }
    struct buf b = BUF_IN(a);
    char *in = str_z(a, s);
    size_t left = s.n;
    bool ok = true;
    size_t room = s.n * 4 + 16;
    char *to_p = buf_reserve(&b, room);
    size_t to_left = room;
    ok = iconv(cd, &in, &left, &to_p, &to_left) == 0 && left == 0;
    iconv_close(cd);
    b.n += room - to_left;
    *out = buf_view(&b);
    return ok;
}

static bool codec_known(const char *name) {
    iconv_t cd = iconv_open(name, "UTF-8");
    if (cd == (iconv_t)-1) {  // NOLINT(performance-no-int-to-ptr)
        return false;
    }
    iconv_close(cd);
    return true;
}

bool text_encode(struct arena *a, struct str s, struct str codec, struct mark at, struct str *out, struct err *e) {
    const char *name = codec_name(a, codec);
    *out = s;
    if (!name) {
        return true;
    }
    if (!codec_known(name)) {
        return err_set(e, ERR_ARGS, at, "unknown encoding '%.*s'", STR(codec));
    }
    if (!convert(a, s, name, "UTF-8", out)) {
        return err_set(e, ERR_TYPE, at, "the text has characters that encoding '%.*s' cannot express", STR(codec));
    }
    return true;
}

bool text_decode(struct arena *a, struct str s, struct str codec, struct mark at, struct str *out, struct err *e) {
    const char *name = codec_name(a, codec);
    *out = s;
    if (!name) {
        return true;  // bytes that are no UTF-8 stay, as Python's surrogateescape keeps them
    }
    if (!codec_known(name)) {
        return err_set(e, ERR_ARGS, at, "unknown encoding '%.*s'", STR(codec));
    }
    if (!convert(a, s, "UTF-8", name, out)) {
        return err_set(e, ERR_TYPE, at, "the data is not valid in encoding '%.*s'", STR(codec));
    }
    return true;
}

// -- numbers ---------------------------------------------------------------------------------------------------------

static int digit_of(char ch) {
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    if (ch >= 'a' && ch <= 'z') {
        return ch - 'a' + 10;
    }
    return ch >= 'A' && ch <= 'Z' ? ch - 'A' + 10 : 99;
}

/// The base a "0x", "0o" or "0b" prefix stands for, or 0.
static int prefix_base(struct str s) {
    if (s.n < 2 || s.s[0] != '0') {
        return 0;
    }
    switch (s.s[1]) {
    case 'x':
    case 'X':
        return 16;
    case 'o':
    case 'O':
        return 8;
    case 'b':
    case 'B':
        return 2;
    default:
        return 0;
    }
}

/// Digits with single underscores between them.
static int read_digits(struct str s, int base, bool negative, int64_t *out) {
    int64_t v = 0;
    bool over = false, want_digit = true, nonzero = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] == '_' && !want_digit) {
            want_digit = true;
            continue;
        }
        int d = digit_of(s.s[i]);
        if (d >= base) {
            return 0;
        }
        want_digit = false;
        nonzero = nonzero || d;
        over = over || __builtin_mul_overflow(v, (int64_t)base, &v) ||
               (negative ? __builtin_sub_overflow(v, (int64_t)d, &v) : __builtin_add_overflow(v, (int64_t)d, &v));
    }
    if (want_digit) {
        return 0;
    }
    *out = v;
    return over ? -1 : 1 + nonzero;
}

int text_to_int(struct str s, int base, int64_t *out) {
    s = text_strip(s, STR_NONE, STRIP_BOTH);
    if (!s.n || base < 0 || base == 1 || base > 36) {
        return 0;
    }
    bool negative = s.s[0] == '-';
    if (negative || s.s[0] == '+') {
        s = str_sub(s, 1, s.n);
    }
    int pb = prefix_base(s);
    bool leading_zero = base == 0 && !pb && s.n > 1 && s.s[0] == '0';
    if (pb && (base == 0 || base == pb)) {
        s = str_sub(s, 2, s.n);
        base = pb;
        if (s.n && s.s[0] == '_') {
            s = str_sub(s, 1, s.n);
        }
    } else if (base == 0) {
        base = 10;
    }
    int r = read_digits(s, base, negative, out);
    if (leading_zero && r == 2) {
        return 0;
    }
    return r > 1 ? 1 : r;
}

int text_to_whole(struct arena *a, struct str s, int base, struct val *out, struct err *e) {
    int64_t small = 0;
    int r = text_to_int(s, base, &small);
    *out = val_int(small);
    if (r >= 0) {
        return r;
    }
    s = text_strip(s, STR_NONE, STRIP_BOTH);
    bool negative = s.s[0] == '-';
    s = str_sub(s, negative || s.s[0] == '+', s.n);
    int pb = prefix_base(s);
    if (pb && (base == 0 || base == pb)) {
        s = str_sub(s, 2, s.n);
        base = pb;
    }
    struct str digits = str_replace(a, s, STR_LIT("_"), STR_LIT(""));
    return big_parse(a, digits, base ? base : 10, negative, out, e) ? 1 : -1;
}

bool text_to_float(struct arena *a, struct str s, double *out) {
    s = text_strip(s, STR_NONE, STRIP_BOTH);
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.s[i];
        if (ch == '_') {
            bool between = i > 0 && i + 1 < s.n && digit_of(s.s[i - 1]) < 10 && digit_of(s.s[i + 1]) < 10;
            if (!between) {
                return false;
            }
            continue;
        }
        if (ch == '\0' || ch == 'x' || ch == 'X' || ch == '(') {
            return false;
        }
        buf_char(&b, ch);
    }
    struct str v = buf_view(&b);
    if (!v.n) {
        return false;
    }
    char *end = NULL;
    *out = strtod(v.s, &end);
    return end == v.s + v.n;
}
