// The lookup csvfile: a field of the row whose key column matches.
#include "filters/csv.h"
#include "filters/text.h"
#include "lookups/common.h"

static const char *const names[] = {"col", "default", "delimiter", "file", "encoding", "keycol", NULL};

/// Options of the call with those inside the term ("key file=x col=2") on top.
static bool term_options(struct jcall *c, struct str term, struct str *key, struct val *opts, struct err *e) {
    struct val kv;
    *opts = val_is(c->kwargs, VAL_DICT) ? val_copy(c->a, c->kwargs) : val_dict(c->a, 4);
    if (!lk_kv(c, term, key, &kv, e)) {
        return false;
    }
    if (!key->s) {
        return plug_err(c, e, ERR_ARGS, "Search key is required but was not found");
    }
    size_t i = 0;
    const struct vpair *p;
    while ((p = val_each(kv, &i)) != NULL) {
        size_t n = 0;
        while (names[n] && !str_eqz(val_text(p->key), names[n])) {
            n++;
        }
        if (!names[n]) {
            return plug_err(c, e, ERR_ARGS, "'%.*s' is not a valid option", STR(val_text(p->key)));
        }
        val_set_key(c->a, *opts, p->key, p->value);
    }
    return true;
}

static bool search(struct jcall *c, struct csv *r, struct str key, struct val *out, struct err *e) {
    int64_t col = 1, keycol = 0;
    struct val row;
    *out = VNULL;
    if (!lk_int(c, "keycol", 0, &keycol, e)) {
        return false;
    }
    while (csv_row(r, c, &row, NULL)) {
        int64_t n = (int64_t)val_len(row);
        if (!n) {
            continue;
        }
        if (keycol < 0 || keycol >= n) {
            return plug_err(c, e, ERR_ARGS, "a row has no column %lld", (long long)keycol);
        }
        if (!str_eq(val_text(val_at_index(row, (size_t)keycol)), key)) {
            continue;
        }
        if (!lk_int(c, "col", 1, &col, e)) {  // as in Ansible not looked at before it is needed
            return false;
        }
        int64_t at = col < 0 ? n + col : col;
        if (at < 0 || at >= n) {
            return plug_err(c, e, ERR_ARGS, "the row of '%.*s' has no column %lld", STR(key), (long long)col);
        }
        *out = val_at_index(row, (size_t)at);
        return true;
    }
    *out = lk_opt(c, "default");
    return true;
}

static bool one_term(struct jcall *c, struct str term, struct val out, struct err *e) {
    struct str key, file, delimiter, encoding, path, text;
    struct val opts, v;
    struct jcall t = *c;
    bool secret;
    if (!term_options(c, term, &key, &opts, e)) {
        return false;
    }
    t.kwargs = opts;
    if (!lk_str(&t, "file", STR_LIT("ansible.csv"), &file, e) ||
        !lk_str(&t, "delimiter", STR_LIT("TAB"), &delimiter, e) ||
        !lk_str(&t, "encoding", STR_LIT("utf-8"), &encoding, e) || !lk_find(c, "files", file, &path, e) ||
        !lk_read(c, path, &text, &secret, e) || !text_decode(c->a, text, encoding, c->at, &text, e)) {
        return false;
    }
    if (str_eqz(delimiter, "TAB") || str_eqz(delimiter, "\\t")) {
        delimiter = STR_LIT("\t");
    }
    if (delimiter.n != 1) {
        return plug_err(c, e, ERR_ARGS, "'delimiter' must be one character or TAB, not '%.*s'", STR(delimiter));
    }
    struct csv r = {.s = text, .delimiter = delimiter.s[0]};
    if (!search(&t, &r, key, &v, e)) {
        return false;
    }
    if (val_is_seq(v)) {
        for (size_t i = 0; i < val_len(v); i++) {
            val_push(c->a, out, val_at_index(v, i));
        }
    } else if (!is_undef(v) && v.kind != VAL_NULL) {
        val_push(c->a, out, val_flag(v, secret ? VAL_SECRET : 0U));
    }
    return true;
}

static bool l_csvfile(struct jcall *c, struct val *out, struct err *e) {
    lk_known(c, names);
    return lk_each_term(c, one_term, out, e);
}
LOOKUP(csvfile) = {.doc = "A field of a CSV file.",
                   .fn = l_csvfile,
                   .example = "lookup('csvfile', 'a', file='/dev/null', delimiter=',', default='none') == 'none'",
                   .options = "col=1, default=None, delimiter='TAB', file='ansible.csv', encoding='utf-8', keycol=0"};
