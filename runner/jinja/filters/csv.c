// CSV text: reading it as Python's csv module does, and the filter from_csv.
#include "filters/csv.h"

/// Reads one field; *end: it was the last of its row. False when strict and the text does not fit.
static bool csv_field(struct csv *r, struct buf *b, bool *end) {
    while (r->skip_space && r->i < r->s.n && r->s.s[r->i] == ' ') {
        r->i++;
    }
    bool quoted = r->i < r->s.n && r->s.s[r->i] == '"', closed = false;
    r->i += quoted;
    *end = true;
    while (r->i < r->s.n) {
        char ch = r->s.s[r->i++];
        if (quoted) {
            if (ch == '"' && r->i < r->s.n && r->s.s[r->i] == '"') {
                buf_char(b, '"');
                r->i++;
            } else if (ch == '"') {
                quoted = false;
                closed = true;
            } else {
                buf_char(b, ch);
            }
        } else if (ch == r->delimiter) {
            *end = false;
            break;
        } else if (ch == '\n' || ch == '\r') {
            r->i += ch == '\r' && r->i < r->s.n && r->s.s[r->i] == '\n';
            break;
        } else if (closed && r->strict) {
            return false;
        } else {
            buf_char(b, ch);
        }
    }
    return !quoted || !r->strict;
}

bool csv_row(struct csv *r, struct jcall *c, struct val *row, struct err *e) {
    bool end = false;
    size_t start = r->i;
    *row = val_list(c->a, 8);
    if (r->i >= r->s.n) {
        return false;
    }
    if (r->s.s[r->i] == '\n' || r->s.s[r->i] == '\r') {
        r->i++;
        return true;
    }
    while (!end) {
        struct buf b = BUF_IN(c->a);
        if (!csv_field(r, &b, &end)) {
            struct str line = str_sub(r->s, start, start + 40);
            return plug_err(c, e, ERR_SYNTAX, "a quoted field is followed by other text, or not closed, in '%.*s'",
                            STR(line));
        }
        val_push(c->a, *row, val_str(c->a, buf_view(&b)));
    }
    return true;
}

// -- from_csv --------------------------------------------------------------------------------------------------------

static bool dialect(struct jcall *c, struct csv *r, struct err *e) {
    struct str name = STR_LIT("excel"), delimiter = STR_NONE;
    if (!opt_str(c, 1, "dialect", name, &name, e) || !opt_str(c, 3, "delimiter", STR_NONE, &delimiter, e) ||
        (!opt_none(c, 4) && !arg_bool(c, 4, false, &r->skip_space, e)) ||
        (!opt_none(c, 5) && !arg_bool(c, 5, false, &r->strict, e))) {
        return false;
    }
    bool tabs = str_eqz(name, "excel-tab");
    if (!tabs && !str_eqz(name, "excel") && !str_eqz(name, "unix")) {
        return plug_err(c, e, ERR_ARGS, "'dialect' must be excel, excel-tab or unix, not '%.*s'", STR(name));
    }
    if (delimiter.s && delimiter.n != 1) {
        return plug_err(c, e, ERR_ARGS, "'delimiter' must be one character, not '%.*s'", STR(delimiter));
    }
    r->delimiter = delimiter.s ? delimiter.s[0] : tabs ? '\t' : ',';
    return true;
}

/// A row by the names of its columns: what is missing is none, what is left over a list under none.
static struct val named(struct jcall *c, struct val names, struct val row) {
    size_t n = val_len(names), have = val_len(row);
    struct val d = val_dict(c->a, n + 1);
    for (size_t i = 0; i < n && i < have; i++) {
        val_set_key(c->a, d, val_at_index(names, i), val_at_index(row, i));
    }
    if (have > n) {
        struct val rest = val_list(c->a, have - n);
        for (size_t i = n; i < have; i++) {
            val_push(c->a, rest, val_at_index(row, i));
        }
        val_set_key(c->a, d, VNULL, rest);
    }
    for (size_t i = have; i < n; i++) {
        val_set_key(c->a, d, val_at_index(names, i), VNULL);
    }
    return d;
}

static bool f_from_csv(struct jcall *c, struct val *out, struct err *e) {
    struct csv r = {.s = text_of(c, c->args[0])};
    struct val row, names = opt_val(c, 2);
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "data", "a string", c->args[0]);
    }
    if (str_starts(r.s, "\xef\xbb\xbf")) {
        r.i = 3;
    }
    if (!dialect(c, &r, e) || (!opt_none(c, 2) && !jinja_iter(c, names, &names, e))) {
        return false;
    }
    *out = val_list(c->a, 8);
    bool have = !opt_none(c, 2);
    while (csv_row(&r, c, &row, e)) {
        if (!have) {
            names = row;
            have = true;
        } else if (val_len(row)) {
            val_push(c->a, *out, named(c, names, row));
        }
    }
    return e->code == ERR_NONE;
}
FILTER(from_csv) = {.doc = "CSV text as a list of dictionaries, named by its first row or 'fieldnames'.",
                    .params = "data, dialect='excel', fieldnames=None, delimiter=None, skipinitialspace=None, "
                              "strict=None",
                    .fn = f_from_csv,
                    .fqcn = "community.general.from_csv",
                    .example = "'a,b\\n1,2\\n' | community.general.from_csv == [{'a': '1', 'b': '2'}]"};
