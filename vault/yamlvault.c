// Finds, opens and shows inline vault values of a YAML text. Knows the text's layout, not its meaning.
#include "yamlvault.h"

#include "load.h"

// -- finding ---------------------------------------------------------------------------------------------------------

static size_t line_end(struct str t, size_t at) {
    size_t end = str_find_char(t, at, '\n');
    return end == SIZE_MAX ? t.n : end;
}

static int indent_of(struct str line) {
    size_t i = 0;
    while (i < line.n && line.s[i] == ' ') {
        i++;
    }
    return (int)i;
}

// The offset of "!vault |" in a line whose tag ends it; SIZE_MAX when there is none.
static size_t tag_in(struct str line) {
    static const char *const tags[] = {"!vault-encrypted", "!vault"};
    struct str head = str_rtrim(line);
    for (size_t i = 0; i < COUNTOF(tags); i++) {
        size_t at = str_find(head, 0, str_from(tags[i]));
        if (at == SIZE_MAX || (at > 0 && head.s[at - 1] != ' ')) {
            continue;
        }
        struct str before = str_rtrim(str_sub(head, 0, at));
        struct str after = str_sub(head, at + strlen(tags[i]), head.n);
        struct str block = str_trim(after);
        bool opens = before.n == 0 || str_ends(before, ":") || str_ends(before, "-");
        bool comment = str_starts(before, "#") || str_starts(str_trim(before), "#");
        if (opens && !comment && str_starts(after, " ") && (str_starts(block, "|") || str_starts(block, ">"))) {
            return at;
        }
    }
    return SIZE_MAX;
}

// Reads the block below the tag; false when it is not an envelope.
static bool read_block(struct str text, struct arena *a, struct yv_value *v) {
    struct buf b = BUF_IN(a);
    size_t at = v->header + 1;
    v->inner = -1;
    while (at < text.n) {
        size_t end = line_end(text, at);
        struct str line = str_sub(text, at, end);
        struct str body = str_trim(line);
        if (body.n > 0 && v->inner < 0) {
            v->inner = indent_of(line);
            if (!vault_is(body)) {
                return false;
            }
        }
        if (body.n > 0 && (indent_of(line) < v->inner || str_starts(line, "---"))) {
            break;
        }
        if (body.n > 0) {
            buf_str(&b, body);
            buf_char(&b, '\n');
            v->end = line.n > 0 && line.s[line.n - 1] == '\r' ? end - 1 : end;
        }
        at = end + 1;
    }
    v->envelope = buf_view(&b);
    return v->inner >= 0 && b.n > 0;
}

void yv_scan(struct str text, struct arena *a, struct yv_doc *d) {
    *d = (struct yv_doc){.text = text};
    uint32_t line_no = 1;
    size_t known = 0;  // up to here text belongs to a value
    for (size_t at = 0; at < text.n; line_no++) {
        size_t end = line_end(text, at);
        struct str line = str_sub(text, at, end);
        size_t tag = at >= known && memchr(line.s, '!', line.n) ? tag_in(line) : SIZE_MAX;
        struct yv_value v = {.start = at + tag, .header = end, .outer = indent_of(line), .line = line_no};
        if (tag != SIZE_MAX && read_block(text, a, &v)) {
            VEC_PUSH(a, *d, v);
            known = v.end;
        }
        if (at >= known && d->other == 0 && !str_starts(str_trim(line), "#") &&
            str_find(line, 0, STR_LIT("$ANSIBLE_VAULT;")) != SIZE_MAX) {
            d->other = line_no;
        }
        at = end + 1;
    }
}

// -- opening ---------------------------------------------------------------------------------------------------------

bool yv_open(struct vault_ring *r, struct yv_doc *d, struct arena *a, struct err *e) {
    struct str *all = ARENA_ARRAY(a, struct str, d->n + 1);
    for (size_t i = 0; i < d->n; i++) {
        all[i] = d->p[i].envelope;
    }
    if (d->n > 1) {
        vault_warm(r, all, d->n);
    }
    for (size_t i = 0; i < d->n; i++) {
        struct yv_value *v = &d->p[i];
        struct err why = {.arena = a};
        if (!vault_open_id(r, v->envelope, NO_MARK, a, &v->plain, &v->id, &why)) {
            struct str text = err_text(&why);
            return err_set(e, ERR_VAULT, NO_MARK, "line %u: %.*s", v->line, STR(text));
        }
    }
    return true;
}

// -- showing ---------------------------------------------------------------------------------------------------------

static bool is_text(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.s[i];
        if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return utf8_valid(s);
}

static void add_quoted(struct buf *b, struct str s) {
    buf_char(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        switch (s.s[i]) {
        case '"':
        case '\\':
            buf_char(b, '\\');
            buf_char(b, s.s[i]);
            break;
        case '\n':
            buf_z(b, "\\n");
            break;
        case '\t':
            buf_z(b, "\\t");
            break;
        default:
            buf_char(b, s.s[i]);
        }
    }
    buf_char(b, '"');
}

// Text of several lines that a literal block shows without loss: no blank line first or last, no leading space.
static bool fits_block(struct str s) {
    struct str body = str_ends(s, "\n") ? str_sub(s, 0, s.n - 1) : s;
    return memchr(body.s, '\n', body.n) != NULL && body.s[0] != ' ' && body.s[0] != '\n' && body.s[0] != '\t' &&
           !str_ends(body, "\n") && !str_ends(body, " ");
}

static void show_value(struct buf *b, const struct yv_value *v, size_t number) {
    struct str rest = v->plain;
    buf_printf(b, "!decrypted:%zu ", number);
    if (rest.n == 0 || !fits_block(rest)) {
        add_quoted(b, rest);
        return;
    }
    bool ends = str_ends(rest, "\n");
    buf_z(b, ends ? "|" : "|-");
    rest = ends ? str_sub(rest, 0, rest.n - 1) : rest;
    struct str line;
    while (str_next(&rest, '\n', &line)) {
        buf_printf(b, "\n%*s%.*s", line.n > 0 ? v->outer + 4 : 0, "", STR(line));
    }
}

struct str yv_show(const struct yv_doc *d, struct arena *a) {
    struct buf b = BUF_IN(a);
    size_t at = 0;
    for (size_t i = 0; i < d->n; i++) {
        const struct yv_value *v = &d->p[i];
        buf_str(&b, str_sub(d->text, at, v->start));
        if (is_text(v->plain)) {
            show_value(&b, v, i + 1);
        } else {
            buf_str(&b, str_sub(d->text, v->start, v->end));
        }
        at = v->end;
    }
    buf_str(&b, str_sub(d->text, at, d->text.n));
    return buf_view(&b);
}

// -- is it YAML ------------------------------------------------------------------------------------------------------

static bool keep_sealed(void *self, struct str envelope, struct mark at, struct arena *a, struct str *plain,
                        struct err *e) {
    (void)self;
    (void)at;
    (void)e;
    *plain = str_dup(a, envelope);
    return true;
}

static bool load(struct str text, struct arena *tmp, struct val *v, struct err *e) {
    struct yaml_vault sealed = {.open = keep_sealed};
    struct yaml_opts o = {.vault = &sealed};
    return yaml_load_all(NULL, text, &o, tmp, v, e);
}

bool yv_parses(struct str text, struct err *e) {
    struct arena tmp = {.secret = true};
    struct err inner = {.arena = &tmp};
    struct val v;
    bool ok = load(text, &tmp, &v, &inner);
    if (!ok) {
        // The parser's message may quote the text, which is secret: only its place is passed on.
        struct str why = err_text(&inner);
        size_t at = str_find(why, 0, STR_LIT("line "));
        size_t end = at == SIZE_MAX ? at : at + 5;
        while (end < why.n && why.s[end] >= '0' && why.s[end] <= '9') {
            end++;
        }
        struct str place = at == SIZE_MAX ? STR_LIT("in one of its lines") : str_sub(why, at, end);
        err_set(e, ERR_SYNTAX, NO_MARK, "the text is not YAML any more: %.*s", STR(place));
        err_hint(e, "--force saves it as it is");
    }
    arena_release(&tmp);
    return ok;
}

bool yv_is_yaml(struct str text) {
    struct arena tmp = {.secret = true};
    struct err e = {.arena = &tmp};
    struct val v;
    bool yes = load(text, &tmp, &v, &e) && v.kind == VAL_LIST && val_len(v) > 0;
    for (size_t i = 0; yes && i < val_len(v); i++) {
        enum val_kind k = val_at_index(v, i).kind;
        yes = k == VAL_LIST || k == VAL_DICT || k == VAL_NULL;
    }
    arena_release(&tmp);
    return yes;
}
