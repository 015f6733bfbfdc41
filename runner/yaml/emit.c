// Values to YAML text through libyaml's emitter, which is what Ansible's dumper uses too; this file makes the events.
#include "emit.h"
#include "big.h"

#include "date.h"
#include "resolve.h"

#include <yaml.h>

enum { MAX_DEPTH = 1000 };

// One list or dict met while looking for repeated ones.
struct seen {
    const void *p;
    unsigned id;  // number of its anchor; 0: occurs once
    bool written;
};
struct dump {
    yaml_emitter_t em;
    struct buf *out;
    const struct yaml_style *style;
    struct arena scratch;
    struct seen *seen;  // open addressing; only with style->aliases
    size_t seen_n, seen_cap;
    unsigned ids;
    size_t depth;
    struct err *e;
};

static bool dump_value(struct dump *d, struct val v);

static int write_out(void *self, unsigned char *p, size_t n) {
    struct buf *b = self;
    buf_add(b, p, n);
    return !b->full;
}

// Hands over one event, made or not (libyaml makes none only when memory is out or text is not UTF-8).
static bool send(struct dump *d, yaml_event_t *ev, int made) {
    if (!made) {
        BUG("libyaml refused an event");
    }
    if (yaml_emitter_emit(&d->em, ev)) {
        return true;
    }
    if (d->out->full) {
        return err_set(d->e, ERR_LIMIT, NO_MARK, "the YAML text is larger than the limit of %zu bytes", d->out->max);
    }
    return err_set(d->e, ERR_TYPE, NO_MARK, "cannot write YAML: %s", d->em.problem ? d->em.problem : "unknown reason");
}

// libyaml takes names as unsigned, never written to.
static yaml_char_t *yc(const char *s) {
    union {
        const char *in;
        yaml_char_t *out;
    } u = {.in = s};
    return u.out;
}

// -- repeated containers ---------------------------------------------------------------------------------------------

static const void *identity(struct val v) {
    switch ((enum val_kind)v.kind) {
    case VAL_LIST:
        return v.u.l;
    case VAL_TUPLE:
        return v.u.l->n > 0 ? v.u.l : NULL;
    case VAL_DICT:
        return v.u.d;
    case VAL_OBJ:
        return v.u.o;
    case VAL_UNDEF:
    case VAL_NULL:
    case VAL_BOOL:
    case VAL_INT:
    case VAL_FLOAT:
    case VAL_STR:
    case VAL_OMIT:
        break;
    }
    return NULL;
}

static struct seen *seen_slot(const struct dump *d, const void *p) {
    size_t i = ((uintptr_t)p >> 4) * 0x9E3779B97F4A7C15U;
    for (i &= d->seen_cap - 1; d->seen[i].p && d->seen[i].p != p;) {
        i = (i + 1) & (d->seen_cap - 1);
    }
    return &d->seen[i];
}

static struct seen *seen_find(const struct dump *d, const void *p) {
    return p && d->seen_cap ? seen_slot(d, p) : NULL;
}

static void seen_grow(struct dump *d) {
    struct seen *old = d->seen;
    size_t n = d->seen_cap;
    d->seen_cap = n ? n * 2 : 64;
    d->seen = ARENA_ARRAY(&d->scratch, struct seen, d->seen_cap);
    for (size_t i = 0; i < n; i++) {
        if (old[i].p) {
            *seen_slot(d, old[i].p) = old[i];
        }
    }
}

// True the first time. Later it gives the container its anchor number.
static bool seen_first(struct dump *d, const void *p) {
    if (d->seen_n * 2 >= d->seen_cap) {
        seen_grow(d);
    }
    struct seen *s = seen_slot(d, p);
    if (s->p) {
        s->id = s->id ? s->id : ++d->ids;
        return false;
    }
    s->p = p;
    d->seen_n++;
    return true;
}

// -- what the value is written as ------------------------------------------------------------------------------------

// Objects other than dates are written as their plain value.
static struct val plain(struct dump *d, struct val v) {
    struct val out;
    if (v.kind == VAL_OBJ && !date_of(v) && v.u.o->type->json && v.u.o->type->json(v, &d->scratch, &out)) {
        return out;
    }
    return v;
}

static bool is_scalar(struct dump *d, struct val v) {
    v = plain(d, v);
    return !val_is_seq(v) && v.kind != VAL_DICT;
}

struct order {
    struct err e;
    bool mixed;
};

static int by_key(const void *pa, const void *pb, void *ctx) {
    const struct vpair *a = pa;
    const struct vpair *b = pb;
    struct order *o = ctx;
    int c = 0;
    if (!o->mixed && !val_compare(a->key, b->key, &c, &o->e)) {
        o->mixed = true;
    }
    return o->mixed ? 0 : c;
}

// The pairs in the order they are written.
static struct vpair *ordered(struct dump *d, struct val dict, size_t *n) {
    *n = val_len(dict);
    struct vpair *pairs = ARENA_ARRAY(&d->scratch, struct vpair, *n + 1);
    struct vpair *sorted = ARENA_ARRAY(&d->scratch, struct vpair, *n + 1);
    size_t i = 0;
    size_t k = 0;
    for (const struct vpair *p; (p = val_each(dict, &i));) {
        pairs[k++] = *p;
    }
    if (!d->style->sort_keys) {
        return pairs;
    }
    memcpy(sorted, pairs, *n * sizeof *pairs);
    struct order o = {.e = {.arena = &d->scratch}};
    qsort_r(sorted, *n, sizeof *sorted, by_key, &o);
    return o.mixed ? pairs : sorted;
}

// -- looking for repeated containers, in writing order ---------------------------------------------------------------

static bool too_deep(struct dump *d, struct val v) {
    return err_set(d->e, ERR_LIMIT, v.mark, "nested deeper than %d levels", MAX_DEPTH);
}

static bool scan(struct dump *d, struct val v) {
    v = plain(d, v);
    const void *p = identity(v);
    if (!p || !seen_first(d, p)) {
        return true;
    }
    if (d->depth >= MAX_DEPTH) {
        return too_deep(d, v);
    }
    d->depth++;
    bool ok = true;
    if (val_is_seq(v)) {
        for (size_t i = 0; ok && i < val_len(v); i++) {
            ok = scan(d, val_at_index(v, i));
        }
    } else if (v.kind == VAL_DICT) {
        size_t n;
        const struct vpair *pairs = ordered(d, v, &n);
        for (size_t i = 0; ok && i < n; i++) {
            ok = scan(d, pairs[i].key) && scan(d, pairs[i].value);
        }
    }
    d->depth--;
    return ok;
}

// -- events ----------------------------------------------------------------------------------------------------------

// What ends a line in YAML.
static bool has_breaks(struct str s) {
    static const char *const breaks[] = {"\n", "\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"};
    for (size_t i = 0; i < COUNTOF(breaks); i++) {
        if (str_find(s, 0, str_from(breaks[i])) != SIZE_MAX) {
            return true;
        }
    }
    return false;
}

static bool dump_text(struct dump *d, const char *anchor, const char *tag, struct str text, bool plain_ok) {
    yaml_event_t ev;
    bool is_str = strcmp(tag, YAML_STR_TAG) == 0;
    bool literal = d->style->literal && is_str && has_breaks(text);
    return send(d, &ev,
                yaml_scalar_event_initialize(&ev, yc(anchor), yc(tag), yc(text.s ? text.s : ""), (int)text.n, plain_ok,
                                             is_str, literal ? YAML_LITERAL_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE));
}

// The representation of a float: repr(), with ".0" put in front of a bare exponent.
static struct str float_text(struct dump *d, double f) {
    if (__builtin_isnan(f)) {
        return STR_LIT(".nan");
    }
    if (__builtin_isinf(f)) {
        return f < 0 ? STR_LIT("-.inf") : STR_LIT(".inf");
    }
    struct buf b = BUF_IN(&d->scratch);
    float_repr(&b, f);
    struct str s = buf_view(&b);
    size_t exp = str_find_char(s, 0, 'e');
    if (exp == SIZE_MAX || str_find_char(s, 0, '.') != SIZE_MAX) {
        return s;
    }
    return str_printf(&d->scratch, "%.*s.0%s", (int)exp, s.s, s.s + exp);
}

// What is sealed is written as it was read.
static bool dump_sealed(struct dump *d, struct str s) {
    yaml_event_t ev;
    return send(d, &ev,
                yaml_scalar_event_initialize(&ev, NULL, yc("!vault"), yc(s.s), (int)s.n, false, false,
                                             YAML_LITERAL_SCALAR_STYLE));
}

static bool dump_string(struct dump *d, struct val v) {
    struct str s = val_text(v);
    if (s.n > INT32_MAX) {
        return err_set(d->e, ERR_LIMIT, v.mark, "a string of %zu bytes is too long for YAML", s.n);
    }
    if (!utf8_valid(s)) {
        return err_set(d->e, ERR_TYPE, v.mark, "expected text to write as YAML, found bytes that are not UTF-8");
    }
    return v.flags & VAL_SEALED ? dump_sealed(d, s) : dump_text(d, NULL, YAML_STR_TAG, s, resolve_plain(s) == TAG_STR);
}

static bool dump_scalar(struct dump *d, struct val v, const char *anchor) {
    struct buf b = BUF_IN(&d->scratch);
    switch ((enum val_kind)v.kind) {
    case VAL_NULL:
        return dump_text(d, NULL, YAML_NULL_TAG, STR_LIT("null"), true);
    case VAL_BOOL:
        return dump_text(d, NULL, YAML_BOOL_TAG, v.u.b ? STR_LIT("true") : STR_LIT("false"), true);
    case VAL_INT:
        buf_printf(&b, "%lld", (long long)v.u.i);
        return dump_text(d, NULL, YAML_INT_TAG, buf_view(&b), true);
    case VAL_FLOAT:
        return dump_text(d, NULL, YAML_FLOAT_TAG, float_text(d, v.u.f), true);
    case VAL_STR:
        return dump_string(d, v);
    case VAL_OBJ:
        if (is_big(v)) {
            return dump_text(d, NULL, YAML_INT_TAG, big_digits(v), true);
        }
        if (!date_of(v)) {
            break;
        }
        date_iso(&b, date_of(v), ' ');
        return dump_text(d, anchor, YAML_TIMESTAMP_TAG, buf_view(&b), true);
    case VAL_UNDEF:
        if (v.u.undef && v.u.undef->hint.n > 0) {
            return err_set(d->e, ERR_UNDEFINED, v.mark, "%.*s", STR(v.u.undef->hint));
        }
        if (v.u.undef && v.u.undef->name.n > 0) {
            return err_set(d->e, ERR_UNDEFINED, v.mark, "'%.*s' is undefined", STR(v.u.undef->name));
        }
        return err_set(d->e, ERR_UNDEFINED, v.mark, "expected a value to write as YAML, found an undefined one");
    case VAL_OMIT:
    case VAL_LIST:
    case VAL_TUPLE:
    case VAL_DICT:
        break;
    }
    return err_set(d->e, ERR_TYPE, v.mark, "expected a value to write as YAML, found '%s'", val_type_name(v));
}

static bool dump_list(struct dump *d, struct val v, const char *anchor) {
    bool flow = d->style->flow > 0;
    if (d->style->flow < 0) {
        flow = true;
        for (size_t i = 0; flow && i < val_len(v); i++) {
            flow = is_scalar(d, val_at_index(v, i));
        }
    }
    yaml_event_t ev;
    if (!send(d, &ev,
              yaml_sequence_start_event_initialize(&ev, yc(anchor), yc(YAML_SEQ_TAG), 1,
                                                   flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE))) {
        return false;
    }
    for (size_t i = 0; i < val_len(v); i++) {
        if (!dump_value(d, val_at_index(v, i))) {
            return false;
        }
    }
    return send(d, &ev, yaml_sequence_end_event_initialize(&ev));
}

static bool dump_dict(struct dump *d, struct val v, const char *anchor) {
    size_t n;
    const struct vpair *pairs = ordered(d, v, &n);
    bool flow = d->style->flow > 0;
    if (d->style->flow < 0) {
        flow = true;
        for (size_t i = 0; flow && i < n; i++) {
            flow = is_scalar(d, pairs[i].key) && is_scalar(d, pairs[i].value);
        }
    }
    yaml_event_t ev;
    if (!send(d, &ev,
              yaml_mapping_start_event_initialize(&ev, yc(anchor), yc(YAML_MAP_TAG), 1,
                                                  flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE))) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!dump_value(d, pairs[i].key) || !dump_value(d, pairs[i].value)) {
            return false;
        }
    }
    return send(d, &ev, yaml_mapping_end_event_initialize(&ev));
}

static bool dump_value(struct dump *d, struct val v) {
    v = plain(d, v);
    struct seen *s = seen_find(d, identity(v));
    const char *anchor = s && s->id ? arena_printf(&d->scratch, "id%03u", s->id) : NULL;
    if (anchor && s->written) {
        yaml_event_t ev;
        return send(d, &ev, yaml_alias_event_initialize(&ev, yc(anchor)));
    }
    if (s) {
        s->written = true;
    }
    if (d->depth >= MAX_DEPTH) {
        return too_deep(d, v);
    }
    d->depth++;
    bool ok = val_is_seq(v)        ? dump_list(d, v, anchor)
              : v.kind == VAL_DICT ? dump_dict(d, v, anchor)
                                   : dump_scalar(d, v, anchor);
    d->depth--;
    return ok;
}

static bool dump_document(struct dump *d, struct val v) {
    const struct yaml_style *st = d->style;
    yaml_event_t ev;
    if (st->aliases && !scan(d, v)) {
        return false;
    }
    return send(d, &ev, yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING)) &&
           send(d, &ev, yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, !st->explicit_start)) &&
           dump_value(d, v) && send(d, &ev, yaml_document_end_event_initialize(&ev, !st->explicit_end)) &&
           send(d, &ev, yaml_stream_end_event_initialize(&ev));
}

bool yaml_emit(struct buf *out, struct val v, const struct yaml_style *style, struct err *e) {
    struct dump d = {.out = out, .style = style, .e = e};
    d.scratch.secret = true;  // whatever it holds may be; walking the value to know is not free
    if (!yaml_emitter_initialize(&d.em)) {
        BUG("out of memory");
    }
    yaml_emitter_set_output(&d.em, write_out, out);
    if (style->indent) {
        yaml_emitter_set_indent(&d.em, style->indent);
    }
    if (style->width) {
        yaml_emitter_set_width(&d.em, style->width);
    }
    yaml_emitter_set_unicode(&d.em, !style->ascii);
    bool ok = dump_document(&d, v);
    yaml_emitter_delete(&d.em);
    arena_release(&d.scratch);
    return ok;
}
