// YAML to values: builds straight from libyaml's events, with a place for everything and caps on depth and size.
#include "load.h"

#include "json.h"
#include "loader.h"

struct anchor {
    struct val v;
    enum ytag tag;
    size_t count;  // nodes inside, aliases expanded
    bool open;     // still being built: an alias to it would be a cycle
};
struct node {
    struct val v;
    enum ytag tag;
    yaml_mark_t start;
};
struct merges {
    struct val *p;
    size_t n, cap;
};

static bool build(struct loader *l, const yaml_event_t *ev, struct node *out);

static void event_release(yaml_event_t *ev) {
    yaml_event_delete(ev);
}
#define EVENT CLEANUP(event_release) yaml_event_t

static bool next(struct loader *l, yaml_event_t *ev) {
    memset(ev, 0, sizeof *ev);
    return yaml_parser_parse(&l->parser, ev) || loader_explain(l);
}

static struct str bytes(const yaml_char_t *p, size_t n) {
    return (struct str){(const char *)p, n};
}

// The tag a node names, or NULL. A lone "!" names none.
static const yaml_char_t *tag_name(const yaml_char_t *tag) {
    return tag && strcmp((const char *)tag, "!") != 0 ? tag : NULL;
}

static struct str name_of(const yaml_char_t *z) {
    return str_from((const char *)z);
}

// A name from the text for a message, unless the text is a secret.
static struct str shown(const struct loader *l, struct str s) {
    return l->o->secret ? STR_LIT("(hidden)") : str_sub(s, 0, 80);
}

size_t loader_byte(struct loader *l, yaml_mark_t m) {
    if (l->ascii) {
        return m.index < l->text.n ? m.index : l->text.n;
    }
    while (l->cur_index < m.index && l->cur_byte < l->text.n) {
        do {
            l->cur_byte++;
        } while (l->cur_byte < l->text.n && ((unsigned char)l->text.s[l->cur_byte] & 0xC0) == 0x80);
        l->cur_index++;
    }
    while (l->cur_index > m.index && l->cur_byte > 0) {
        do {
            l->cur_byte--;
        } while (l->cur_byte > 0 && ((unsigned char)l->text.s[l->cur_byte] & 0xC0) == 0x80);
        l->cur_index--;
    }
    return l->cur_byte;
}

static struct mark mark_of_byte(const struct loader *l, size_t byte) {
    return l->base.at ? (struct mark){l->base.at + (uint32_t)byte} : NO_MARK;
}

struct mark loader_mark(struct loader *l, yaml_mark_t m) {
    l->last = m;
    return mark_of_byte(l, loader_byte(l, m));
}

// The first byte of a scalar itself: libyaml's mark may stand at its anchor or tag.
static size_t skip_properties(struct str t, size_t i, size_t end) {
    while (i < end && strchr("!& \t\r\n#", t.s[i])) {
        const char *stop = t.s[i] == '#' ? "\n" : t.s[i] == '!' || t.s[i] == '&' ? " \t\r\n" : NULL;
        i++;
        while (stop && i < end && !strchr(stop, t.s[i])) {
            i++;
        }
    }
    return i;
}

static struct mark scalar_mark(struct loader *l, const yaml_event_t *ev) {
    size_t i = loader_byte(l, ev->start_mark);
    if (ev->data.scalar.anchor || ev->data.scalar.tag) {
        size_t end = loader_byte(l, ev->end_mark);
        size_t j = skip_properties(l->text, i, end);
        i = j < end ? j : i;
    }
    l->last = ev->start_mark;
    return mark_of_byte(l, i);
}

static unsigned string_flags(const struct loader *l) {
    return (l->o->trusted ? VAL_TRUSTED : 0U) | (l->unsafe ? VAL_UNSAFE : 0U);
}

static unsigned any_flags(const struct loader *l) {
    return (l->o->secret ? VAL_SECRET : 0U) | (l->unsafe ? VAL_UNSAFE : 0U);
}

static bool count_nodes(struct loader *l, size_t n, yaml_mark_t at) {
    if (n > l->max_nodes - l->nodes) {
        return err_set(l->e, ERR_LIMIT, loader_mark(l, at), "more than %zu values, counting what aliases repeat",
                       l->max_nodes);
    }
    l->nodes += n;
    return true;
}

// -- anchors ---------------------------------------------------------------------------------------------------------

static bool anchor_open(struct loader *l, const yaml_char_t *name, yaml_mark_t at, struct anchor **out) {
    *out = NULL;
    if (!name) {
        return true;
    }
    struct str key = str_dup(l->a, name_of(name));
    if (map_get(&l->anchors, key)) {
        struct str s = shown(l, key);
        return err_set(l->e, ERR_SYNTAX, loader_mark(l, at), "the anchor '%.*s' was defined before", STR(s));
    }
    struct anchor *an = ARENA_NEW(l->a, struct anchor);
    *an = (struct anchor){.open = true, .count = l->nodes};
    map_put(&l->anchors, l->a, key, an);
    *out = an;
    return true;
}

static void anchor_close(const struct loader *l, struct anchor *an, const struct node *n) {
    if (an) {
        an->v = n->v;
        an->tag = n->tag;
        an->count = l->nodes - an->count;
        an->open = false;
    }
}

// A copy that shares no list or mapping with `v`; strings and dates never change and are shared.
static struct val repeated(const struct loader *l, struct val v) {
    struct val out = v;
    if (val_is_seq(v)) {
        out = v.kind == VAL_LIST ? val_list(l->a, val_len(v)) : val_tuple(l->a, val_len(v));
        for (size_t i = 0; i < val_len(v); i++) {
            val_push(l->a, out, repeated(l, val_at_index(v, i)));
        }
    } else if (v.kind == VAL_DICT) {
        out = val_dict(l->a, val_len(v));
        size_t i = 0;
        for (const struct vpair *p; (p = val_each(v, &i));) {
            val_set_key(l->a, out, repeated(l, p->key), repeated(l, p->value));
        }
    }
    return val_flag(val_at(out, v.mark), v.flags | (l->unsafe ? VAL_UNSAFE : 0U));
}

static bool build_alias(struct loader *l, const yaml_event_t *ev, struct node *out) {
    struct str name = name_of(ev->data.alias.anchor);
    const struct anchor *an = map_get(&l->anchors, name);
    struct str s = shown(l, name);
    if (!an) {
        return err_set(l->e, ERR_SYNTAX, loader_mark(l, ev->start_mark), "no anchor '&%.*s' before this alias", STR(s));
    }
    if (an->open) {
        return err_set(l->e, ERR_SYNTAX, loader_mark(l, ev->start_mark),
                       "the alias '*%.*s' stands inside the value it repeats", STR(s));
    }
    if (!count_nodes(l, an->count, ev->start_mark)) {
        return false;
    }
    out->tag = an->tag;
    out->v = an->v;
    // Variables of a user's file never share a list: what changes one must not change the other.
    if (l->o->trusted || l->unsafe) {
        out->v = repeated(l, an->v);
    }
    return true;
}

// -- scalars ---------------------------------------------------------------------------------------------------------

static bool build_vault(struct loader *l, struct str envelope, struct mark at, struct val *out) {
    const struct yaml_vault *v = l->o->vault;
    struct str plain;
    if (!v) {
        return err_set(l->e, ERR_VAULT, at, "found '!vault' where vaulted values cannot be opened");
    }
    // Ansible never templates what `!vault` held.
    unsigned flags = VAL_SECRET | VAL_VAULTED | VAL_UNSAFE | string_flags(l);
    if (v->sealed && l->o->trusted) {
        v->sealed(v->self, envelope);
        *out = val_flag(val_str(l->a, envelope), flags | VAL_SEALED | VAL_TMPL);
        return true;
    }
    if (!v->open(v->self, envelope, at, l->a, &plain, l->e)) {
        return false;
    }
    *out = val_flag(val_str(l->a, plain), flags);
    return true;
}

static bool unknown_tag(struct loader *l, const yaml_char_t *tag, struct mark at) {
    struct str s = str_sub(name_of(tag), 0, 80);
    err_set(l->e, ERR_SYNTAX, at, "unknown tag '%.*s'", STR(s));
    if (str_starts(s, "!") && !str_starts(s, "!!")) {
        return err_hint(l->e, "a value that starts with '!' must be in quotes");
    }
    return false;
}

// The text of a key. Most keys of a file are few words that come again and again: those are kept once.
static struct val key_text(struct loader *l, struct str text) {
    struct val *kept = &l->keys[str_hash(text) % COUNTOF(l->keys)];
    if (kept->kind != VAL_STR || !str_eq(val_text(*kept), text)) {
        *kept = val_str(l->a, text);
    }
    return *kept;
}

static bool build_scalar(struct loader *l, const yaml_event_t *ev, bool key, struct node *out) {
    const yaml_char_t *name = tag_name(ev->data.scalar.tag);
    struct str text = bytes(ev->data.scalar.value, ev->data.scalar.length);
    struct mark at = scalar_mark(l, ev);
    enum ytag tag =
        name ? resolve_tag((const char *)name) : (ev->data.scalar.plain_implicit ? resolve_plain(text) : TAG_STR);
    out->tag = tag;
    unsigned flags = any_flags(l);
    switch (tag) {
    case TAG_UNKNOWN:
        return unknown_tag(l, name, at);
    case TAG_SEQ:
    case TAG_MAP:
    case TAG_SET:
    case TAG_OMAP:
    case TAG_PAIRS:
        return err_set(l->e, ERR_SYNTAX, at, "expected a list or a mapping after the tag '%s', found a scalar",
                       (const char *)name);
    case TAG_UNSAFE:
        out->v = val_str(l->a, text);
        flags |= VAL_UNSAFE;
        break;
    case TAG_VAULT:
        if (!build_vault(l, text, at, &out->v)) {
            return false;
        }
        break;
    case TAG_MERGE:  // kept as text until it is known whether it stands as a key
        out->v = val_str(l->a, text);
        break;
    case TAG_STR:
        out->v = key ? key_text(l, text) : val_str(l->a, text);
        break;
    case TAG_BOOL:
    case TAG_INT:
    case TAG_FLOAT:
    case TAG_NULL:
    case TAG_DATE:
    case TAG_VALUE:
    case TAG_BINARY:
        if (!resolve_make(tag, text, l->a, at, &out->v, l->e)) {
            return false;
        }
        break;
    }
    flags |= out->v.kind == VAL_STR ? string_flags(l) : 0U;
    out->v = val_flag(val_at(out->v, at), flags);
    return true;
}

// `<<` and `=` mean something only as keys; PyYAML has no value for them elsewhere.
static bool not_special(struct loader *l, const struct node *n) {
    if (n->tag != TAG_MERGE && n->tag != TAG_VALUE) {
        return true;
    }
    return err_set(l->e, ERR_SYNTAX, loader_mark(l, n->start), "a plain '%s' can only be a key",
                   n->tag == TAG_MERGE ? "<<" : "=") ||
           err_hint(l->e, "put it in quotes");
}

static bool build_value(struct loader *l, const yaml_event_t *ev, struct node *out) {
    return build(l, ev, out) && not_special(l, out);
}

static bool next_value(struct loader *l, struct node *out) {
    EVENT ev;
    return next(l, &ev) && build_value(l, &ev, out);
}

// -- sequences -------------------------------------------------------------------------------------------------------

static bool items(struct loader *l, struct val list) {
    for (;;) {
        EVENT ev;
        if (!next(l, &ev)) {
            return false;
        }
        if (ev.type == YAML_SEQUENCE_END_EVENT) {
            return true;
        }
        struct node item;
        if (!build_value(l, &ev, &item)) {
            return false;
        }
        val_push(l->a, list, item.v);
    }
}

// !!omap and !!pairs: a list of one-entry mappings becomes a list of (key, value) tuples, as in PyYAML.
static bool to_pairs(struct loader *l, struct val list, struct mark at, struct val *out) {
    *out = val_list(l->a, val_len(list));
    for (size_t i = 0; i < val_len(list); i++) {
        struct val item = val_at_index(list, i);
        if (item.kind != VAL_DICT || val_len(item) != 1) {
            return err_set(l->e, ERR_SYNTAX, item.mark.at ? item.mark : at,
                           "expected a mapping with one entry in this ordered map");
        }
        size_t at_pair = 0;
        const struct vpair *p = val_each(item, &at_pair);
        struct val pair = val_tuple(l->a, 2);
        val_push(l->a, pair, p->key);
        val_push(l->a, pair, p->value);
        val_push(l->a, *out, val_at(pair, item.mark));
    }
    return true;
}

static bool wrong_collection(struct loader *l, const yaml_char_t *tag, struct mark at, const char *found) {
    if (resolve_tag((const char *)tag) == TAG_UNKNOWN) {
        return unknown_tag(l, tag, at);
    }
    return err_set(l->e, ERR_SYNTAX, at, "the tag '%s' does not go with a %s", (const char *)tag, found);
}

static bool build_sequence(struct loader *l, const yaml_event_t *ev, struct node *out) {
    const yaml_char_t *name = tag_name(ev->data.sequence_start.tag);
    struct mark at = loader_mark(l, ev->start_mark);
    enum ytag tag = name ? resolve_tag((const char *)name) : TAG_SEQ;
    if (tag != TAG_SEQ && tag != TAG_OMAP && tag != TAG_PAIRS && tag != TAG_UNSAFE) {
        return wrong_collection(l, name, at, "list");
    }
    bool outer = l->unsafe;
    l->unsafe = outer || tag == TAG_UNSAFE;
    unsigned flags = l->unsafe ? VAL_UNSAFE : 0;
    struct val list = val_list(l->a, 0);
    bool ok = items(l, list);
    l->unsafe = outer;
    if (ok && (tag == TAG_OMAP || tag == TAG_PAIRS)) {
        ok = to_pairs(l, list, at, &list);
    }
    out->v = val_flag(val_at(list, at), flags);
    out->tag = TAG_SEQ;
    return ok;
}

// -- mappings --------------------------------------------------------------------------------------------------------

static bool bad_merge(struct loader *l, struct mark at, struct val v) {
    return err_set(l->e, ERR_SYNTAX, v.mark.at ? v.mark : at,
                   "expected a mapping or a list of mappings after '<<', not %s", val_kind_name(v.kind));
}

// Collects the mappings behind one `<<`. Of a list the first wins, so they are put in reverse.
static bool add_merge(struct loader *l, struct merges *m) {
    struct node n;
    if (!next_value(l, &n)) {
        return false;
    }
    struct mark at = mark_of_byte(l, loader_byte(l, n.start));
    if (n.v.kind == VAL_DICT) {
        VEC_PUSH(l->a, *m, n.v);
        return true;
    }
    if (n.v.kind != VAL_LIST || n.tag != TAG_SEQ) {
        return bad_merge(l, at, n.v);
    }
    for (size_t i = val_len(n.v); i-- > 0;) {
        struct val item = val_at_index(n.v, i);
        if (item.kind != VAL_DICT) {
            return bad_merge(l, at, item);
        }
        VEC_PUSH(l->a, *m, item);
    }
    return true;
}

static void put_all(struct arena *a, struct val into, struct val from) {
    size_t i = 0;
    const struct vpair *p;
    while ((p = val_each(from, &i))) {
        val_set_key(a, into, p->key, p->value);
    }
}

// What is merged comes first and is overridden by the mapping's own entries.
static struct val merged(struct loader *l, const struct merges *m, struct val own) {
    if (m->n == 0) {
        return own;
    }
    struct val all = val_dict(l->a, val_len(own));
    for (size_t i = 0; i < m->n; i++) {
        put_all(l->a, all, m->p[i]);
    }
    put_all(l->a, all, own);
    return all;
}

static bool bad_key(struct loader *l, const struct node *key, yaml_mark_t map_start) {
    const char *what = key->v.kind == VAL_LIST ? "a list" : "a mapping";
    size_t byte = loader_byte(l, map_start);
    err_set(l->e, ERR_SYNTAX, loader_mark(l, key->start), "%s cannot be a key", what);
    return loader_hint_braces(l, byte);
}

static bool duplicate(struct loader *l, const struct node *key) {
    struct str s = l->o->secret ? STR_LIT("hidden") : val_str_of(l->a, key->v);
    int n = (int)(s.n < 80 ? s.n : 80);
    if (l->o->duplicates == YAML_DUPLICATE_ERROR) {
        return err_set(l->e, ERR_SYNTAX, loader_mark(l, key->start), "found a duplicate dict key (%.*s)", n, s.s);
    }
    if (l->o->warn && l->o->duplicates == YAML_DUPLICATE_WARN) {
        l->o->warn(l->o->warn_self, key->v.mark,
                   arena_printf(l->a, "found a duplicate dict key (%.*s). Using last defined value only.", n, s.s));
    }
    return true;
}

static bool entry(struct loader *l, struct node *key, struct val dict, struct merges *m, yaml_mark_t map_start) {
    if (key->tag == TAG_MERGE) {
        return add_merge(l, m);
    }
    if (key->v.kind == VAL_LIST || key->v.kind == VAL_DICT) {
        return bad_key(l, key, map_start);
    }
    struct node value;
    if (!next_value(l, &value)) {
        return false;
    }
    size_t before = val_len(dict);
    val_set_key(l->a, dict, key->v, value.v);
    return val_len(dict) != before || duplicate(l, key);
}

static bool entries(struct loader *l, struct val dict, struct merges *m, yaml_mark_t map_start) {
    for (;;) {
        EVENT ev;
        if (!next(l, &ev)) {
            return false;
        }
        if (ev.type == YAML_MAPPING_END_EVENT) {
            return true;
        }
        struct node key;
        l->key = true;
        if (!build(l, &ev, &key) || !entry(l, &key, dict, m, map_start)) {
            return false;
        }
    }
}

static struct val keys_of(struct arena *a, struct val dict) {
    struct val list = val_list(a, val_len(dict));
    size_t i = 0;
    const struct vpair *p;
    while ((p = val_each(dict, &i))) {
        val_push(a, list, p->key);
    }
    return list;
}

static bool build_mapping(struct loader *l, const yaml_event_t *ev, struct node *out) {
    const yaml_char_t *name = tag_name(ev->data.mapping_start.tag);
    struct mark at = loader_mark(l, ev->start_mark);
    enum ytag tag = name ? resolve_tag((const char *)name) : TAG_MAP;
    if (tag != TAG_MAP && tag != TAG_SET && tag != TAG_UNSAFE) {
        return wrong_collection(l, name, at, "mapping");
    }
    bool outer = l->unsafe;
    l->unsafe = outer || tag == TAG_UNSAFE;
    unsigned flags = l->unsafe ? VAL_UNSAFE : 0;
    struct merges m = {0};
    struct val own = val_dict(l->a, 0);
    bool ok = entries(l, own, &m, ev->start_mark);
    l->unsafe = outer;
    struct val v = merged(l, &m, own);
    if (tag == TAG_SET) {
        v = keys_of(l->a, v);
    }
    out->v = val_flag(val_at(v, at), flags);
    out->tag = tag == TAG_SET ? TAG_SET : TAG_MAP;
    return ok;
}

// -- documents -------------------------------------------------------------------------------------------------------

static const yaml_char_t *anchor_name(const yaml_event_t *ev) {
    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        return ev->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return ev->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return ev->data.mapping_start.anchor;
    default:
        return NULL;
    }
}

static bool build(struct loader *l, const yaml_event_t *ev, struct node *out) {
    bool key = l->key;
    l->key = false;
    *out = (struct node){.start = ev->start_mark};
    if (ev->type == YAML_ALIAS_EVENT) {
        return build_alias(l, ev, out);
    }
    struct anchor *an;
    if (!anchor_open(l, anchor_name(ev), ev->start_mark, &an) || !count_nodes(l, 1, ev->start_mark)) {
        return false;
    }
    if (l->depth >= l->max_depth) {
        return err_set(l->e, ERR_LIMIT, loader_mark(l, ev->start_mark), "nested deeper than %zu levels", l->max_depth);
    }
    l->depth++;
    bool ok = ev->type == YAML_SCALAR_EVENT           ? build_scalar(l, ev, key, out)
              : ev->type == YAML_SEQUENCE_START_EVENT ? build_sequence(l, ev, out)
                                                      : build_mapping(l, ev, out);
    l->depth--;
    anchor_close(l, an, out);
    return ok;
}

// Reads one document into *out; *more is false at the end of the stream. `start` is where it begins.
static bool document(struct loader *l, struct val *out, bool *more, yaml_mark_t *start) {
    EVENT ev;
    if (!next(l, &ev)) {
        return false;
    }
    *more = ev.type != YAML_STREAM_END_EVENT;
    *start = ev.start_mark;
    if (!*more) {
        return true;
    }
    l->anchors = (struct map){0};
    struct node root;
    EVENT end;
    memset(&end, 0, sizeof end);
    if (!next_value(l, &root) || !next(l, &end)) {
        return false;
    }
    *out = l->o->trusted ? val_mark_templates(root.v) : root.v;
    return true;
}

static bool one_document(struct loader *l, struct val *out) {
    bool more;
    yaml_mark_t start;
    *out = val_at(VNULL, l->base);
    if (!document(l, out, &more, &start)) {
        return false;
    }
    if (!more) {
        return true;
    }
    EVENT ev;
    if (!next(l, &ev)) {
        return false;
    }
    if (ev.type != YAML_STREAM_END_EVENT) {
        return err_set(l->e, ERR_SYNTAX, loader_mark(l, ev.start_mark), "expected one document, found another") ||
               err_hint(l->e, "a second '---' starts a new document");
    }
    return true;
}

static bool all_documents(struct loader *l, struct val *out) {
    *out = val_at(val_list(l->a, 1), l->base);
    for (;;) {
        bool more;
        yaml_mark_t start;
        struct val doc;
        if (!document(l, &doc, &more, &start)) {
            return false;
        }
        if (!more) {
            break;
        }
        val_push(l->a, *out, doc);
    }
    if (l->o->trusted) {
        *out = val_mark_templates(*out);
    }
    return true;
}

static bool is_ascii(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.s[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static bool run(struct loader *l, bool all, struct val *out) {
    EVENT ev;
    return next(l, &ev) && (all ? all_documents(l, out) : one_document(l, out));
}

static bool load(struct loader *l, const char *name, struct str text, bool all, struct val *out) {
    struct mark at = l->o->at;
    if (str_starts(text, "\xEF\xBB\xBF")) {
        text = str_sub(text, 3, text.n);
        at.at += at.at ? 3 : 0;
    }
    l->text = text.s ? text : STR_LIT("");
    l->ascii = is_ascii(l->text);
    l->base = at.at ? at : name ? mark_source(name, l->text, l->o->secret ? MARK_SECRET : 0) : NO_MARK;
    l->max_depth = l->o->max_depth ? l->o->max_depth : 128;
    l->max_nodes = l->o->max_nodes ? l->o->max_nodes : 4000000;
    if (!yaml_parser_initialize(&l->parser)) {
        BUG("out of memory");
    }
    yaml_parser_set_encoding(&l->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l->parser, (const unsigned char *)l->text.s, l->text.n);
    bool ok = run(l, all, out);
    yaml_parser_delete(&l->parser);
    if (!ok && !l->base.at) {
        err_wrap(l->e, NO_MARK, "cannot read the YAML text (line %zu, column %zu)", l->last.line + 1,
                 l->last.column + 1);
    }
    return ok;
}

// The objects by which Ansible's JSON says what it cannot say otherwise: {"__ansible_vault": TEXT} and
// {"__ansible_unsafe": TEXT}, as `ansible-inventory --list` writes them. Nested no deeper than the JSON reader allows.
static struct val special(const struct yaml_opts *o, struct arena *a, struct val v) {
    if (val_is_seq(v)) {
        for (size_t i = 0; i < v.u.l->n; i++) {
            v.u.l->items[i] = special(o, a, v.u.l->items[i]);
        }
        return v;
    }
    if (v.kind != VAL_DICT) {
        return v;
    }
    struct val vault = val_get(v, "__ansible_vault");
    struct val unsafe = val_get(v, "__ansible_unsafe");
    if (vault.kind == VAL_STR && o->vault && o->vault->sealed) {
        o->vault->sealed(o->vault->self, val_text(vault));
        return val_at(val_flag(val_str(a, val_text(vault)),
                               VAL_SECRET | VAL_VAULTED | VAL_UNSAFE | VAL_TRUSTED | VAL_SEALED | VAL_TMPL),
                      vault.mark);
    }
    if (unsafe.kind == VAL_STR) {
        return val_at(val_flag(val_str(a, val_text(unsafe)), VAL_UNSAFE), unsafe.mark);
    }
    size_t i = 0;
    for (struct vpair *p; (p = val_each(v, &i));) {
        p->value = special(o, a, p->value);
    }
    return v;
}

// Ansible reads a user's file as JSON when it is JSON, which differs from YAML 1.1 in a few scalars (1e3, surrogate
// pairs). Where the two agree the YAML value is kept, because it knows its places.
static bool prefer_json(struct str text, const struct yaml_opts *o, struct arena *a, bool loaded, struct val *out,
                        struct err *e) {
    struct str head = str_trim(text);
    struct arena tmp = {.secret = o->secret};
    struct err ignored = {.arena = &tmp};
    struct val json;
    if (!o->trusted || (!str_starts(head, "{") && !str_starts(head, "[")) || (!loaded && e->code == ERR_LIMIT)) {
        return loaded;
    }
    if (!json_parse(&tmp, text, &json, &ignored)) {
        if (!loaded) {
            err_wrap(e, e->at, "neither JSON nor YAML. JSON: %s", o->secret ? "it is damaged" : ignored.msg);
        }
        arena_release(&tmp);
        return loaded;
    }
    bool marked = memmem(text.s, text.n, "\"__ansible_", 11) != NULL;
    if (loaded && val_equal(json, *out)) {
        arena_release(&tmp);
        *out = marked ? val_mark_templates(special(o, a, *out)) : *out;
        return true;
    }
    struct mark at = loaded ? out->mark : NO_MARK;
    *out = val_at(val_reflag(a, json, 0, VAL_TRUSTED | (o->secret ? VAL_SECRET : 0U)), at);
    *out = marked ? special(o, a, *out) : *out;
    *out = val_mark_templates(*out);
    arena_release(&tmp);
    err_clear(e);
    return true;
}

bool yaml_load(const char *name, struct str text, const struct yaml_opts *o, struct arena *a, struct val *out,
               struct err *e) {
    struct loader l = {.o = o, .a = a, .e = e};
    bool loaded = load(&l, name, text, false, out);
    return prefer_json(text, o, a, loaded, out, e);
}

bool yaml_load_all(const char *name, struct str text, const struct yaml_opts *o, struct arena *a, struct val *out,
                   struct err *e) {
    struct loader l = {.o = o, .a = a, .e = e};
    return load(&l, name, text, true, out);
}
