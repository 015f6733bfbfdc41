// Methods of strings, as Python's str: searching, splitting, padding, formatting.
#include "ast.h"

#define TEXT_CAP ((size_t)16 << 20)

static struct str self(const struct jcall *c) {
    return val_text(c->args[0]);
}

static bool give(struct jcall *c, struct val *out, struct str s) {
    *out = val_str(c->a, s);
    return true;
}

static bool give_bool(struct val *out, bool b) {
    *out = val_bool(b);
    return true;
}

/// Argument i as a string, nothing else accepted.
static bool need_str(struct jcall *c, size_t i, struct str *out, struct err *e) {
    if (c->args[i].kind == VAL_STR) {
        *out = val_text(c->args[i]);
        return true;
    }
    if (c->args[i].kind == VAL_UNDEF) {
        return undef_fail(c->ctx, c->args[i], c->at, e);
    }
    return err_set(e, ERR_TYPE, c->at, "%s() argument %zu must be str, not %s", c->name, i, val_type_name(c->args[i]));
}

// -- stripping -------------------------------------------------------------------------------------------------------

static bool in_set(struct str set, uint32_t cp) {
    for (size_t i = 0; i < set.n;) {
        if (utf8_next(set, &i) == cp) {
            return true;
        }
    }
    return false;
}

/// The start of the code point before byte `end`.
static size_t before(struct str s, size_t end) {
    size_t i = end - 1;
    while (i > 0 && ((unsigned char)s.s[i] & 0xc0) == 0x80) {
        i--;
    }
    return i;
}

static bool strip(struct jcall *c, bool left, bool right, struct val *out, struct err *e) {
    struct str s = self(c), set = STR_NONE;
    bool space = !arg_given(c, 1) || c->args[1].kind == VAL_NULL;
    if (!space && !need_str(c, 1, &set, e)) {
        return false;
    }
    size_t from = 0, to = s.n;
    while (left && from < to) {
        size_t i = from;
        uint32_t cp = utf8_next(s, &i);
        if (!(space ? cp_is_space(cp) : in_set(set, cp))) {
            break;
        }
        from = i;
    }
    while (right && to > from) {
        size_t i = before(s, to), p = i;
        uint32_t cp = utf8_next(s, &p);
        if (!(space ? cp_is_space(cp) : in_set(set, cp))) {
            break;
        }
        to = i;
    }
    return give(c, out, str_sub(s, from, to));
}

static bool m_strip(struct jcall *c, struct val *out, struct err *e) {
    return strip(c, true, true, out, e);
}

static bool m_lstrip(struct jcall *c, struct val *out, struct err *e) {
    return strip(c, true, false, out, e);
}

static bool m_rstrip(struct jcall *c, struct val *out, struct err *e) {
    return strip(c, false, true, out, e);
}

static bool starts(struct str s, struct str p) {
    return p.n <= s.n && (p.n == 0 || memcmp(s.s, p.s, p.n) == 0);
}

static bool ends(struct str s, struct str p) {
    return p.n <= s.n && (p.n == 0 || memcmp(s.s + s.n - p.n, p.s, p.n) == 0);
}

static bool m_removeprefix(struct jcall *c, struct val *out, struct err *e) {
    struct str p = STR_NONE;
    if (!need_str(c, 1, &p, e)) {
        return false;
    }
    return give(c, out, starts(self(c), p) ? str_sub(self(c), p.n, self(c).n) : self(c));
}

static bool m_removesuffix(struct jcall *c, struct val *out, struct err *e) {
    struct str p = STR_NONE;
    if (!need_str(c, 1, &p, e)) {
        return false;
    }
    return give(c, out, ends(self(c), p) ? str_sub(self(c), 0, self(c).n - p.n) : self(c));
}

// -- searching -------------------------------------------------------------------------------------------------------

/// The byte offset of code point k (negative from the end, clamped).
static size_t offset_of(struct str s, int64_t k) {
    int64_t n = (int64_t)utf8_len(s);
    k = k < 0 ? k + n : k;
    k = k < 0 ? 0 : k;
    size_t i = 0;
    for (int64_t j = 0; j < k && i < s.n; j++) {
        utf8_next(s, &i);
    }
    return k > n ? s.n + 1 : i;
}

/// The window [start, end) of arguments i and i+1; *shift is its first byte. False with *empty when start is past the
/// end.
static bool window(struct jcall *c, size_t i, struct str *s, size_t *shift, struct err *e) {
    int64_t from = 0, to = 0;
    *s = self(c);
    bool has_end = arg_given(c, i + 1) && c->args[i + 1].kind != VAL_NULL;
    bool has_start = arg_given(c, i) && c->args[i].kind != VAL_NULL;
    if ((has_start && !arg_int(c, i, 0, &from, e)) || (has_end && !arg_int(c, i + 1, 0, &to, e))) {
        return false;
    }
    *shift = has_start ? offset_of(*s, from) : 0;
    size_t end = has_end ? offset_of(*s, to) : s->n;
    *s = *shift > s->n || end < *shift ? STR_NONE : str_sub(*s, *shift, end > s->n ? s->n : end);
    return true;
}

static size_t rfind(struct str s, struct str p) {
    for (size_t i = p.n <= s.n ? s.n - p.n + 1 : 0; i-- > 0;) {
        if (p.n == 0 || memcmp(s.s + i, p.s, p.n) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool find(struct jcall *c, bool last, bool must, struct val *out, struct err *e) {
    struct str p = STR_NONE, s = STR_NONE;
    size_t shift = 0;
    if (!need_str(c, 1, &p, e) || !window(c, 2, &s, &shift, e)) {
        return false;
    }
    size_t at = !s.s ? SIZE_MAX : last ? rfind(s, p) : p.n ? str_find(s, 0, p) : 0;
    if (at == SIZE_MAX && must) {
        return err_set(e, ERR_TYPE, c->at, "substring not found");
    }
    *out = val_int(at == SIZE_MAX ? -1 : (int64_t)utf8_len(str_sub(self(c), 0, shift + at)));
    return true;
}

static bool m_find(struct jcall *c, struct val *out, struct err *e) {
    return find(c, false, false, out, e);
}

static bool m_rfind(struct jcall *c, struct val *out, struct err *e) {
    return find(c, true, false, out, e);
}

static bool m_index(struct jcall *c, struct val *out, struct err *e) {
    return find(c, false, true, out, e);
}

static bool m_rindex(struct jcall *c, struct val *out, struct err *e) {
    return find(c, true, true, out, e);
}

static bool m_count(struct jcall *c, struct val *out, struct err *e) {
    struct str p = STR_NONE, s = STR_NONE;
    size_t shift = 0, n = 0;
    if (!need_str(c, 1, &p, e) || !window(c, 2, &s, &shift, e)) {
        return false;
    }
    if (!p.n) {
        n = s.s ? utf8_len(s) + 1 : 0;
    } else {
        for (size_t at = str_find(s, 0, p); s.s && at != SIZE_MAX; at = str_find(s, at + p.n, p)) {
            n++;
        }
    }
    *out = val_int((int64_t)n);
    return true;
}

static bool affix(struct jcall *c, bool (*has)(struct str, struct str), struct val *out, struct err *e) {
    struct str s = STR_NONE;
    size_t shift = 0;
    struct val v = c->args[1];
    if (!window(c, 2, &s, &shift, e)) {
        return false;
    }
    if (v.kind != VAL_TUPLE && v.kind != VAL_STR) {
        return v.kind == VAL_UNDEF ? undef_fail(c->ctx, v, c->at, e)
                                   : err_set(e, ERR_TYPE, c->at, "%s first arg must be str or a tuple of str, not %s",
                                             c->name, val_type_name(v));
    }
    bool yes = v.kind == VAL_STR && s.s && has(s, val_text(v));
    for (size_t i = 0; v.kind == VAL_TUPLE && i < v.u.l->n && !yes; i++) {
        yes = s.s && v.u.l->items[i].kind == VAL_STR && has(s, val_text(v.u.l->items[i]));
    }
    return give_bool(out, yes);
}

static bool m_startswith(struct jcall *c, struct val *out, struct err *e) {
    return affix(c, starts, out, e);
}

static bool m_endswith(struct jcall *c, struct val *out, struct err *e) {
    return affix(c, ends, out, e);
}

// -- splitting and joining -------------------------------------------------------------------------------------------

static void push_text(struct jcall *c, struct val list, struct str s) {
    val_push(c->a, list, val_str(c->a, s));
}

/// The first byte at or after i that is (or is not) part of white space.
static size_t span(struct str s, size_t i, bool space) {
    while (i < s.n) {
        size_t p = i;
        if (cp_is_space(utf8_next(s, &p)) != space) {
            break;
        }
        i = p;
    }
    return i;
}

static void split_space(struct jcall *c, struct str s, int64_t max, struct val list) {
    for (size_t i = span(s, 0, true); i < s.n; i = span(s, i, true)) {
        size_t to = max == 0 ? s.n : span(s, i, false);
        push_text(c, list, str_sub(s, i, to));
        i = to;
        max -= max > 0;
    }
}

static void rsplit_space(struct jcall *c, struct str s, int64_t max, struct val list) {
    size_t to = s.n;
    while (true) {
        while (to > 0) {
            size_t q = before(s, to), r = q;
            if (!cp_is_space(utf8_next(s, &r))) {
                break;
            }
            to = q;
        }
        if (to == 0) {
            return;
        }
        if (max == 0) {
            push_text(c, list, str_sub(s, 0, to));
            return;
        }
        size_t from = to;
        while (from > 0) {
            size_t q = before(s, from), r = q;
            if (cp_is_space(utf8_next(s, &r))) {
                break;
            }
            from = q;
        }
        push_text(c, list, str_sub(s, from, to));
        to = from;
        max -= max > 0;
    }
}

static void reverse(struct val list) {
    struct vlist *l = list.u.l;
    for (size_t i = 0; i + 1 < l->n - i; i++) {
        struct val t = l->items[i];
        l->items[i] = l->items[l->n - 1 - i];
        l->items[l->n - 1 - i] = t;
    }
}

static bool split_args(struct jcall *c, struct str *sep, int64_t *max, struct err *e) {
    *sep = STR_NONE;
    if (!arg_int(c, 2, -1, max, e)) {
        return false;
    }
    if (!arg_given(c, 1) || c->args[1].kind == VAL_NULL) {
        return true;
    }
    if (!need_str(c, 1, sep, e)) {
        return false;
    }
    return sep->n ? true : err_set(e, ERR_TYPE, c->at, "empty separator");
}

static bool m_split(struct jcall *c, struct val *out, struct err *e) {
    struct str sep = STR_NONE, s = self(c);
    int64_t max = 0;
    if (!split_args(c, &sep, &max, e)) {
        return false;
    }
    *out = val_list(c->a, 4);
    if (!sep.s) {
        split_space(c, s, max, *out);
        return true;
    }
    size_t from = 0;
    for (size_t at = str_find(s, 0, sep); at != SIZE_MAX && max != 0; at = str_find(s, from, sep)) {
        push_text(c, *out, str_sub(s, from, at));
        from = at + sep.n;
        max -= max > 0;
    }
    push_text(c, *out, str_sub(s, from, s.n));
    return true;
}

static bool m_rsplit(struct jcall *c, struct val *out, struct err *e) {
    struct str sep = STR_NONE, s = self(c);
    int64_t max = 0;
    if (!split_args(c, &sep, &max, e)) {
        return false;
    }
    *out = val_list(c->a, 4);
    if (!sep.s) {
        rsplit_space(c, s, max, *out);
        reverse(*out);
        return true;
    }
    size_t to = s.n;
    for (size_t at = rfind(s, sep); at != SIZE_MAX && max != 0; at = rfind(str_sub(s, 0, to), sep)) {
        push_text(c, *out, str_sub(s, at + sep.n, to));
        to = at;
        max -= max > 0;
    }
    push_text(c, *out, str_sub(s, 0, to));
    reverse(*out);
    return true;
}

static bool m_splitlines(struct jcall *c, struct val *out, struct err *e) {
    bool keep = false;
    struct str s = self(c);
    if (!arg_bool(c, 1, false, &keep, e)) {
        return false;
    }
    *out = val_list(c->a, 4);
    size_t from = 0;
    for (size_t i = 0; i < s.n;) {
        size_t at = i;
        uint32_t cp = utf8_next(s, &i);
        if (!((cp >= 10 && cp <= 13) || (cp >= 0x1c && cp <= 0x1e) || cp == 0x85 || cp == 0x2028 || cp == 0x2029)) {
            continue;
        }
        if (cp == '\r' && i < s.n && s.s[i] == '\n') {
            i++;
        }
        push_text(c, *out, str_sub(s, from, keep ? i : at));
        from = i;
    }
    if (from < s.n) {
        push_text(c, *out, str_sub(s, from, s.n));
    }
    return true;
}

static bool partition(struct jcall *c, bool last, struct val *out, struct err *e) {
    struct str sep = STR_NONE, s = self(c);
    if (!need_str(c, 1, &sep, e)) {
        return false;
    }
    if (!sep.n) {
        return err_set(e, ERR_TYPE, c->at, "empty separator");
    }
    size_t at = last ? rfind(s, sep) : str_find(s, 0, sep);
    *out = val_tuple(c->a, 3);
    bool found = at != SIZE_MAX;
    push_text(c, *out, found ? str_sub(s, 0, at) : last ? STR_LIT("") : s);
    push_text(c, *out, found ? sep : STR_LIT(""));
    push_text(c, *out, found ? str_sub(s, at + sep.n, s.n) : last ? s : STR_LIT(""));
    return true;
}

static bool m_partition(struct jcall *c, struct val *out, struct err *e) {
    return partition(c, false, out, e);
}

static bool m_rpartition(struct jcall *c, struct val *out, struct err *e) {
    return partition(c, true, out, e);
}

static bool m_join(struct jcall *c, struct val *out, struct err *e) {
    struct val list = {0};
    struct buf b = BUF_IN(c->a);
    b.max = cap_of(c->ctx, TEXT_CAP);
    if (!jinja_iter(c, c->args[1], &list, e)) {
        return false;
    }
    for (size_t i = 0; i < list.u.l->n; i++) {
        struct val v = list.u.l->items[i];
        if (v.kind == VAL_UNDEF) {
            return undef_fail(c->ctx, v, c->at, e);
        }
        if (v.kind != VAL_STR) {
            return err_set(e, ERR_TYPE, c->at, "sequence item %zu: expected str instance, %s found", i,
                           val_type_name(v));
        }
        if (i) {
            buf_str(&b, self(c));
        }
        buf_str(&b, val_text(v));
    }
    return b.full ? err_set(e, ERR_LIMIT, c->at, "joined text is too long") : give(c, out, buf_view(&b));
}

static bool m_replace(struct jcall *c, struct val *out, struct err *e) {
    struct str s = self(c), old = STR_NONE, with = STR_NONE;
    int64_t max = 0;
    if (!need_str(c, 1, &old, e) || !need_str(c, 2, &with, e) || !arg_int(c, 3, -1, &max, e)) {
        return false;
    }
    struct buf b = BUF_IN(c->a);
    b.max = cap_of(c->ctx, TEXT_CAP);
    size_t i = 0;
    while (i <= s.n && max != 0) {
        size_t at = old.n ? str_find(s, i, old) : i;
        if (at == SIZE_MAX) {
            break;
        }
        buf_str(&b, str_sub(s, i, at));
        buf_str(&b, with);
        i = at + old.n;
        max -= max > 0;
        if (!old.n) {
            size_t p = i;
            if (p < s.n) {
                utf8_next(s, &p);
                buf_str(&b, str_sub(s, i, p));
            }
            i = p == i ? i + 1 : p;
        }
    }
    if (i < s.n) {
        buf_str(&b, str_sub(s, i, s.n));
    }
    return b.full ? err_set(e, ERR_LIMIT, c->at, "replaced text is too long") : give(c, out, buf_view(&b));
}

// -- padding ---------------------------------------------------------------------------------------------------------

static bool pad(struct jcall *c, int where, struct val *out, struct err *e) {
    int64_t width = 0;
    struct str fill = STR_LIT(" "), s = self(c);
    if (!arg_int(c, 1, 0, &width, e) || (arg_given(c, 2) && !need_str(c, 2, &fill, e))) {
        return false;
    }
    if (utf8_len(fill) != 1) {
        return err_set(e, ERR_TYPE, c->at, "The fill character must be exactly one character long");
    }
    if (width > (int64_t)cap_of(c->ctx, TEXT_CAP / 4)) {
        return err_set(e, ERR_LIMIT, c->at, "%s() to %lld characters is too long", c->name, (long long)width);
    }
    int64_t n = (int64_t)utf8_len(s), extra = width > n ? width - n : 0;
    int64_t left = where < 0 ? 0 : where > 0 ? extra : extra / 2 + (extra & width & 1);
    struct buf b = BUF_IN(c->a);
    for (int64_t i = 0; i < left; i++) {
        buf_str(&b, fill);
    }
    buf_str(&b, s);
    for (int64_t i = left; i < extra; i++) {
        buf_str(&b, fill);
    }
    return give(c, out, buf_view(&b));
}

static bool m_center(struct jcall *c, struct val *out, struct err *e) {
    return pad(c, 0, out, e);
}

static bool m_ljust(struct jcall *c, struct val *out, struct err *e) {
    return pad(c, -1, out, e);
}

static bool m_rjust(struct jcall *c, struct val *out, struct err *e) {
    return pad(c, 1, out, e);
}

static bool m_zfill(struct jcall *c, struct val *out, struct err *e) {
    int64_t width = 0;
    struct str s = self(c);
    if (!arg_int(c, 1, 0, &width, e)) {
        return false;
    }
    if (width > (int64_t)cap_of(c->ctx, TEXT_CAP / 4)) {
        return err_set(e, ERR_LIMIT, c->at, "zfill() to %lld characters is too long", (long long)width);
    }
    struct buf b = BUF_IN(c->a);
    size_t sign = s.n && (s.s[0] == '-' || s.s[0] == '+');
    buf_str(&b, str_sub(s, 0, sign));
    for (int64_t i = (int64_t)utf8_len(s); i < width; i++) {
        buf_char(&b, '0');
    }
    buf_str(&b, str_sub(s, sign, s.n));
    return give(c, out, buf_view(&b));
}

static bool m_expandtabs(struct jcall *c, struct val *out, struct err *e) {
    int64_t size = 0, col = 0;
    struct str s = self(c);
    if (!arg_int(c, 1, 8, &size, e)) {
        return false;
    }
    if (size > 1000) {
        return err_set(e, ERR_LIMIT, c->at, "expandtabs() of more than 1000 columns");
    }
    struct buf b = BUF_IN(c->a);
    b.max = cap_of(c->ctx, TEXT_CAP);
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        uint32_t cp = utf8_next(s, &i);
        if (cp == '\t') {
            for (int64_t k = size > 0 ? size - col % size : 0; k > 0; k--, col++) {
                buf_char(&b, ' ');
            }
        } else {
            buf_str(&b, str_sub(s, from, i));
            col = cp == '\n' || cp == '\r' ? 0 : col + 1;
        }
    }
    return b.full ? err_set(e, ERR_LIMIT, c->at, "text is too long") : give(c, out, buf_view(&b));
}

/// str.translate() with a dictionary: code points or none for code points.
static bool m_translate(struct jcall *c, struct val *out, struct err *e) {
    struct str s = self(c);
    struct val table = c->args[1];
    if (table.kind == VAL_UNDEF) {
        return undef_fail(c->ctx, table, c->at, e);
    }
    if (table.kind != VAL_DICT) {
        return err_set(e, ERR_TYPE, c->at, "translate() needs a dictionary, not %s", val_type_name(table));
    }
    struct buf b = BUF_IN(c->a);
    b.max = cap_of(c->ctx, TEXT_CAP);
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        struct val to = val_get_key(table, val_int(utf8_next(s, &i)));
        char one[4];
        bool code = to.kind == VAL_INT && to.u.i >= 0 && to.u.i <= 0x10ffff;
        if (to.kind == VAL_UNDEF) {
            buf_str(&b, str_sub(s, from, i));
        } else if (to.kind == VAL_STR) {
            buf_str(&b, val_text(to));
        } else if (code) {
            buf_add(&b, one, utf8_put((uint32_t)to.u.i, one));
        } else if (to.kind != VAL_NULL) {
            return err_set(e, ERR_TYPE, c->at, "character mapping must return integer, None or str");
        }
    }
    return b.full ? err_set(e, ERR_LIMIT, c->at, "text is too long") : give(c, out, buf_view(&b));
}

// -- other -----------------------------------------------------------------------------------------------------------

static bool m_format(struct jcall *c, struct val *out, struct err *e) {
    struct str s = STR_NONE;
    if (!fmt_format(c, self(c), &s, e)) {
        return false;
    }
    return give(c, out, s);
}

static bool m_format_map(struct jcall *c, struct val *out, struct err *e) {
    if (c->args[1].kind != VAL_DICT) {
        return err_set(e, ERR_TYPE, c->at, "format_map() needs a dict, not %s", val_type_name(c->args[1]));
    }
    c->kwargs = c->args[1];
    c->nargs = 1;
    return m_format(c, out, e);
}

/// Text and bytes are one type here: encoding to UTF-8 and decoding from it give the text back.
static bool m_encode(struct jcall *c, struct val *out, struct err *e) {
    struct str enc = STR_LIT("utf-8");
    if (arg_given(c, 1) && !need_str(c, 1, &enc, e)) {
        return false;
    }
    if (!str_eqz(enc, "utf-8") && !str_eqz(enc, "utf8") && !str_eqz(enc, "UTF-8") && !str_eqz(enc, "ascii")) {
        return err_set(e, ERR_ARGS, c->at, "%s(): encoding '%.*s' is not supported, only utf-8 is", c->name, STR(enc));
    }
    *out = c->args[0];
    return true;
}

static const struct method table[] = {
    {"center", "self, width, fillchar=' '", m_center, false},
    {"count", "self, sub, start=None, end=None", m_count, false},
    {"decode", "self, encoding='utf-8', errors='strict'", m_encode, false},
    {"encode", "self, encoding='utf-8', errors='strict'", m_encode, false},
    {"endswith", "self, suffix, start=None, end=None", m_endswith, false},
    {"expandtabs", "self, tabsize=8", m_expandtabs, false},
    {"find", "self, sub, start=None, end=None", m_find, false},
    {"format", "self, *, **", m_format, false},
    {"format_map", "self, mapping", m_format_map, false},
    {"index", "self, sub, start=None, end=None", m_index, false},
    {"join", "self, iterable", m_join, false},
    {"ljust", "self, width, fillchar=' '", m_ljust, false},
    {"lstrip", "self, chars=None", m_lstrip, false},
    {"partition", "self, sep", m_partition, false},
    {"removeprefix", "self, prefix", m_removeprefix, false},
    {"removesuffix", "self, suffix", m_removesuffix, false},
    {"replace", "self, old, new, count=-1", m_replace, false},
    {"rfind", "self, sub, start=None, end=None", m_rfind, false},
    {"rindex", "self, sub, start=None, end=None", m_rindex, false},
    {"rjust", "self, width, fillchar=' '", m_rjust, false},
    {"rpartition", "self, sep", m_rpartition, false},
    {"rsplit", "self, sep=None, maxsplit=-1", m_rsplit, false},
    {"rstrip", "self, chars=None", m_rstrip, false},
    {"split", "self, sep=None, maxsplit=-1", m_split, false},
    {"splitlines", "self, keepends=False", m_splitlines, false},
    {"startswith", "self, prefix, start=None, end=None", m_startswith, false},
    {"strip", "self, chars=None", m_strip, false},
    {"translate", "self, table", m_translate, false},
    {"zfill", "self, width", m_zfill, false},
};

const struct method *str_method(struct str name) {
    const struct method *m = method_in(table, COUNTOF(table), name);
    return m ? m : str_case_method(name);
}
