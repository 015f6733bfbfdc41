// Filters on hardware addresses: hwaddr, macaddr, random_mac.
#include "filters/mac.h"

#include "filters/mt19937.h"
#include "filters/support.h"
#include "filters/text.h"

#include <inttypes.h>

static int hex_digit(char ch) {
    return ch >= '0' && ch <= '9' ? ch - '0' : (ch | 32) >= 'a' && (ch | 32) <= 'f' ? (ch | 32) - 'a' + 10 : -1;
}

/// `words` groups of `min` to `max` hexadecimal digits with `sep` between them.
static bool grouped(struct str s, char sep, size_t words, size_t min, size_t max, uint64_t *out) {
    size_t n = 0, digits = 0, size = max > 4 ? 6 : max;
    uint64_t word = 0;
    *out = 0;
    for (size_t i = 0; i <= s.n; i++) {
        if (i == s.n || s.s[i] == sep) {
            if (digits < min || digits > max || ++n > words) {
                return false;
            }
            *out = *out << (4 * size) | word;
            word = 0;
            digits = 0;
            continue;
        }
        if (hex_digit(s.s[i]) < 0 || ++digits > max) {
            return false;
        }
        word = word << 4 | (uint64_t)hex_digit(s.s[i]);
    }
    return n == words;
}

static bool bare(struct str s, size_t min, size_t max, uint64_t *out) {
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (hex_digit(s.s[i]) < 0) {
            return false;
        }
        *out = *out << 4 | (uint64_t)hex_digit(s.s[i]);
    }
    return s.n >= min && s.n <= max;
}

bool mac_parse(struct str s, uint64_t *out, bool *wide) {
    int64_t n;
    *wide = false;
    if (grouped(s, ':', 6, 1, 2, out) || grouped(s, '-', 6, 1, 2, out) || grouped(s, ':', 3, 1, 4, out) ||
        grouped(s, '-', 3, 1, 4, out) || grouped(s, '.', 3, 1, 4, out) || grouped(s, '-', 2, 5, 6, out) ||
        grouped(s, ':', 2, 5, 6, out) || bare(s, 11, 12, out)) {
        return true;
    }
    bool number = str_int(str_trim(s), &n) && n >= 0;
    *wide = !number || n >= (int64_t)1 << 48;
    if (number && !*wide) {
        *out = (uint64_t)n;
        return true;
    }
    if (grouped(s, ':', 8, 1, 2, out) || grouped(s, '-', 8, 1, 2, out) || grouped(s, ':', 4, 1, 4, out) ||
        grouped(s, '-', 4, 1, 4, out) || grouped(s, '.', 4, 1, 4, out) || bare(s, 16, 16, out)) {
        return true;
    }
    *out = (uint64_t)(number ? n : 0);
    return number;
}

/// Six bytes in groups.
static struct val shaped(struct arena *a, uint64_t mac, unsigned words, const char *sep, bool upper, int min) {
    unsigned bits = 48 / words;
    struct buf b = BUF_IN(a);
    for (unsigned i = 0; i < words; i++) {
        uint64_t w = mac >> (48 - bits * (i + 1)) & (((uint64_t)1 << bits) - 1);
        buf_z(&b, i ? sep : "");
        buf_printf(&b, upper ? "%0*llX" : "%0*llx", min, (unsigned long long)w);
    }
    return val_str(a, buf_view(&b));
}

static const struct {
    const char *name, *sep;
    unsigned words;
    int min;
    bool upper;
} shapes[] = {
    {"bare", "", 1, 12, true},   {"cisco", ".", 3, 4, false}, {"eui48", "-", 6, 2, true},
    {"linux", ":", 6, 2, false}, {"pgsql", ":", 2, 6, false}, {"postgresql", ":", 2, 6, false},
    {"psql", ":", 2, 6, false},  {"unix", ":", 6, 1, false},  {"win", "-", 6, 2, true},
};

static bool known_query(struct str q) {
    for (size_t i = 0; i < COUNTOF(shapes); i++) {
        if (str_eqz(q, shapes[i].name)) {
            return true;
        }
    }
    return str_eqz(q, "") || str_eqz(q, "bool") || str_eqz(q, "int");
}

static bool f_hwaddr(struct jcall *c, struct val *out, struct err *e) {
    struct str s, query = STR_LIT("");
    uint64_t mac = 0;
    bool wide = false;
    if (!arg_str(c, 0, &s, e) || (!opt_none(c, 1) && !arg_str(c, 1, &query, e))) {
        return false;
    }
    bool good = mac_parse(s, &mac, &wide);
    if (!good && query.n && !str_eqz(query, "bool")) {
        return plug_err(c, e, ERR_ARGS, "not a hardware address: %.*s", STR(s));
    }
    if (!known_query(query)) {
        return plug_err(c, e, ERR_ARGS, "unknown filter type: %.*s", STR(query));
    }
    if (!good) {
        *out = VNULL;
    } else if (!query.n) {
        *out = val_str(c->a, s);
    } else if (str_eqz(query, "bool")) {
        *out = val_bool(true);
    } else if (str_eqz(query, "int")) {
        *out = val_int((int64_t)mac);
    } else if (wide) {
        return plug_err(c, e, ERR_ARGS, "'%.*s' has 64 bits, which '%.*s' cannot show", STR(s), STR(query));
    }
    for (size_t i = 0; i < COUNTOF(shapes) && good; i++) {
        if (str_eqz(query, shapes[i].name)) {
            *out = shaped(c->a, mac, shapes[i].words, shapes[i].sep, shapes[i].upper, shapes[i].min);
        }
    }
    return true;
}
FILTER(hwaddr) = {.doc = "A hardware address, checked or in the form that the query names.",
                  .params = "value, query='', alias='hwaddr'",
                  .fn = f_hwaddr,
                  .fqcn = "ansible.utils.hwaddr",
                  .example = "'00:1A:2b:3c:4d:5e' | hwaddr('cisco') == '001a.2b3c.4d5e'"};
FILTER(macaddr) = {.doc = "As hwaddr.",
                   .params = "value, query=''",
                   .fn = f_hwaddr,
                   .fqcn = "ansible.utils.macaddr",
                   .example = "'001a2b3c4d5e' | macaddr('linux') == '00:1a:2b:3c:4d:5e'"};

// -- random_mac ------------------------------------------------------------------------------------------------------

/// "52:54:00": one to five bytes.
static bool mac_prefix(struct jcall *c, struct str s, size_t *n, struct err *e) {
    struct str rest = s, part;
    for (*n = 0; str_next(&rest, ':', &part); ++*n) {
        if (part.n < 2 || hex_digit(part.s[0]) < 0 || hex_digit(part.s[1]) < 0) {
            return plug_err(c, e, ERR_ARGS, "the prefix '%.*s' is not made of bytes with ':' between them", STR(s));
        }
    }
    return *n <= 5 || plug_err(c, e, ERR_ARGS, "the prefix '%.*s' has more than 5 bytes", STR(s));
}

static bool f_random_mac(struct jcall *c, struct val *out, struct err *e) {
    struct mt *m = ARENA_NEW(c->a, struct mt);
    struct buf b = BUF_IN(c->a);
    const uint64_t low = 0x1000000000, high = 0xffffffffff;
    size_t n;
    char hex[16];
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "value", "a string", c->args[0]);
    }
    struct str prefix = text_lower(c->a, val_text(c->args[0]));
    if (!mac_prefix(c, prefix, &n, e)) {
        return false;
    }
    if (opt_none(c, 1)) {
        mt_init_system(m);
    } else if (!mt_init_seed(m, c->args[1])) {
        return bad_arg(c, e, "seed", "a string or a number", c->args[1]);
    }
    snprintf(hex, sizeof hex, "%010" PRIx64, low + mt_below(m, high - low + 1));
    buf_str(&b, prefix);
    for (size_t i = 0; i < 6 - n; i++) {
        buf_printf(&b, ":%.2s", hex + 2 * i);
    }
    *out = val_str(c->a, buf_view(&b));
    return true;
}
FILTER(random_mac) = {.doc = "A random hardware address that begins with the prefix; the same one for the same seed.",
                      .params = "value, seed=None",
                      .fn = f_random_mac,
                      .fqcn = "community.general.random_mac",
                      .example = "('52:54:00' | random_mac) is match('52:54:00(:[0-9a-f]{2}){3}$')"};
