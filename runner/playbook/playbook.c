// Playbook files: plays, and other playbooks imported between them.
#include "parse.h"

struct plays {
    struct play **p;
    size_t n;
};
struct book_ctx {
    struct pb_loader *l;
    struct str basedir;  // of the playbook given on the command line
    struct plays *plays;
};

struct pb_loader *pb_loader_new(const struct pb_opts *o) {
    struct pb_loader *l = ARENA_NEW(o->a, struct pb_loader);
    l->o = *o;
    l->a = o->a;
    return l;
}

static bool load_book(const struct book_ctx *c, struct str file, struct mark at, const struct import *by,
                      struct playbook **out, struct err *e);

// -- import_playbook -------------------------------------------------------------------------------------------------
static struct vpair *import_of(struct val d) {
    static const char *const names[] = {"import_playbook", "ansible.builtin.import_playbook",
                                        "ansible.legacy.import_playbook"};
    size_t i = 0;
    for (struct vpair *p; (p = val_each(d, &i));) {
        for (size_t k = 0; k < COUNTOF(names); k++) {
            if (str_eqz(val_text(p->key), names[k])) {
                return p;
            }
        }
    }
    return NULL;
}

static struct val joined(struct arena *a, struct val one, struct val two) {
    struct val list = val_list(a, 4);
    for (size_t i = 0; i < val_len(one); i++) {
        val_push(a, list, val_at_index(one, i));
    }
    if (val_is_seq(two)) {
        for (size_t i = 0; i < val_len(two); i++) {
            val_push(a, list, val_at_index(two, i));
        }
    } else if (two.kind != VAL_UNDEF && two.kind != VAL_NULL) {
        val_push(a, list, two);
    }
    return list;
}

/// The keywords beside import_playbook. `when` is legal here although not on a play.
static bool import_keywords(struct pb_loader *l, struct node *n, struct val d, const struct vpair *self,
                            struct err *e) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(d, &i));) {
        struct str name = STR_NONE;
        if (p == self) {
            continue;
        }
        if (!key_text(p, &name, e)) {
            return false;
        }
        enum keyword k = keyword_find(name);
        bool common = k != KW_NONE && (keyword_docs[k].where & ON_PLAY) && (keyword_docs[k].where & ON_TASK);
        if (!common && k != KW_WHEN) {
            return field_unknown(p, ON_PLAY, "import_playbook", e);
        }
        if (k != KW_NAME && k != KW_VARS && k != KW_TAGS && k != KW_WHEN) {
            pb_warn(l, p->key.mark, "'%.*s' has no effect on import_playbook", STR(name));
        }
        if (!field_set(l, n, k, p->value, e)) {
            return false;
        }
    }
    return true;
}

/// "namespace.collection.playbook" in a collections path; empty when it is none.
static struct str collection_playbook(const struct pb_loader *l, struct str name) {
    static const char *const tails[] = {".yml", ".yaml"};
    struct str parts[3];
    size_t n = 0;
    struct str rest = name;
    if (str_find_char(name, 0, '/') != SIZE_MAX) {
        return STR_NONE;
    }
    for (struct str part; n < 3 && str_next(&rest, '.', &part);) {
        parts[n++] = part;
    }
    for (size_t i = 0; n == 3 && i < l->o.ncollections_path; i++) {
        for (size_t k = 0; k < COUNTOF(tails); k++) {
            struct str tail = str_ends(name, tails[k]) ? STR_LIT("") : str_from(tails[k]);
            struct str path =
                str_printf(l->a, "%.*s/ansible_collections/%.*s/%.*s/playbooks/%.*s%.*s", STR(l->o.collections_path[i]),
                           STR(parts[0]), STR(parts[1]), STR(parts[2]), STR(tail));
            if (path_is_file(l->a, path)) {
                return path;
            }
        }
    }
    return STR_NONE;
}

static bool import_name(const struct book_ctx *c, struct playbook *pb, struct node *n, struct val raw, struct str *out,
                        struct err *e) {
    struct pb_loader *l = c->l;
    if (raw.kind != VAL_STR) {
        return err_set(e, ERR_ARGS, raw.mark.at ? raw.mark : n->at, "'import_playbook' must be a file name, not %s",
                       val_kind_name(raw.kind));
    }
    struct kv_words words = {0};
    if (!kv_split(l->a, val_text(raw), raw.mark, &words, e)) {
        return false;
    }
    if (!words.n) {
        return err_set(e, ERR_ARGS, raw.mark, "'import_playbook' names no file");
    }
    struct val first = val_at(val_flag(val_str(l->a, kv_strip(words.p[0].s)), raw.flags), raw.mark);
    struct play *scope = ARENA_NEW(l->a, struct play);
    scope->book = pb;
    scope->n.kw[KW_VARS] = n->kw[KW_VARS];
    struct ctx in = {.l = l, .play = scope, .parent = &scope->n, .file = pb->file};
    struct str name = STR_NONE;
    if (!static_name(&in, first, "import_playbook", &name, e)) {
        return false;
    }
    *out = collection_playbook(l, name);
    if (!out->n) {
        struct candidates cand = {0};
        path_offer(l->a, &cand, path_join(l->a, pb_dirname(pb->file), name));
        return path_choose(l->a, &cand, name, raw.mark, out, e);
    }
    return true;
}

static bool import_book(const struct book_ctx *c, struct playbook *pb, struct val d, const struct import *by,
                        struct err *e) {
    struct vpair *self = import_of(d);
    struct arena *a = c->l->a;
    struct node *n = ARENA_NEW(a, struct node);
    struct str file = STR_NONE;
    struct playbook *book = NULL;
    n->at = d.mark;
    if (by->depth >= IMPORT_DEPTH_MAX) {
        return err_set(e, ERR_LIMIT, d.mark, "playbooks import each other more than %d deep", IMPORT_DEPTH_MAX);
    }
    if (!import_keywords(c->l, n, d, self, e) || !import_name(c, pb, n, self->value, &file, e)) {
        return false;
    }
    struct import in = {.depth = by->depth + 1};
    in.vars = n->kw[KW_VARS].kind == VAL_DICT ? n->kw[KW_VARS] : val_dict(a, 0);
    if (by->vars.kind == VAL_DICT) {
        in.vars = val_mark_templates(val_merge(a, in.vars, by->vars, false, MERGE_REPLACE));
    }
    in.when = joined(a, by->when, n->kw[KW_WHEN]);
    in.tags = joined(a, by->tags, n->kw[KW_TAGS]);
    if (!load_book(c, file, self->value.mark, &in, &book, e)) {
        return e->code == ERR_LIMIT ? false : err_wrap(e, self->key.mark, "in the playbook imported here");
    }
    return true;
}

// -- the list --------------------------------------------------------------------------------------------------------
static void add_play(struct arena *a, struct plays *plays, struct play *p) {
    size_t old = plays->n * sizeof(struct play *);
    plays->p = arena_grow(a, plays->p, old, old + sizeof(struct play *));
    plays->p[plays->n++] = p;
}

static bool not_a_list(struct val v, struct err *e) {
    if (v.kind == VAL_NULL || v.kind == VAL_LIST) {
        return err_set(e, ERR_SYNTAX, v.mark, "A playbook must contain at least one play, this one is empty");
    }
    err_set(e, ERR_SYNTAX, v.mark, "a playbook must be a list of plays, not %s", val_kind_name(v.kind));
    return v.kind == VAL_DICT ? err_hint(e, "begin each play with \"- \"") : false;
}

static bool load_book(const struct book_ctx *c, struct str file, struct mark at, const struct import *by,
                      struct playbook **out, struct err *e) {
    struct playbook *pb = ARENA_NEW(c->l->a, struct playbook);
    struct val v = {0};
    pb->a = c->l->a;
    pb->file = file;
    pb->basedir = c->basedir;
    if (c->l->o.plugin_dir) {
        c->l->o.plugin_dir(c->l->o.plugin_self, pb_dirname(file));
    }
    if (!pb_file(c->l, file, at, &v, e)) {
        return false;
    }
    if (v.kind != VAL_LIST || !val_len(v)) {
        if (!v.mark.at) {
            v.mark = at;
        }
        not_a_list(v, e);
        return v.mark.at ? false : err_wrap(e, at, "in '%.*s'", STR(file));
    }
    for (size_t i = 0; i < val_len(v); i++) {
        struct val d = val_at_index(v, i);
        struct play *p = NULL;
        if (d.kind != VAL_DICT) {
            return err_set(e, ERR_SYNTAX, d.mark, "a play must be a dictionary, not %s", val_kind_name(d.kind));
        }
        if (import_of(d)) {
            if (!import_book(c, pb, d, by, e)) {
                return false;
            }
            continue;
        }
        if (!play_parse(c->l, pb, d, by, &p, e)) {
            return false;
        }
        add_play(c->l->a, c->plays, p);
    }
    *out = pb;
    return true;
}

struct str pb_collection_playbook(const struct pb_loader *l, struct str name) {
    return collection_playbook(l, name);
}

struct playbook *pb_load(struct pb_loader *l, const char *file, struct err *e) {
    struct plays plays = {0};
    struct import none = {0};
    struct str path = path_absolute(l->a, str_dup(l->a, str_from(file)));
    struct book_ctx c = {.l = l, .basedir = pb_dirname(path), .plays = &plays};
    struct playbook *pb = NULL;
    if (!load_book(&c, path, NO_MARK, &none, &pb, e) || !pb) {
        return NULL;
    }
    pb->plays = plays.p;
    pb->nplays = plays.n;
    return pb;
}

struct playbook *pb_value(struct pb_loader *l, struct val play, struct str dir, struct err *e) {
    struct playbook *pb = ARENA_NEW(l->a, struct playbook);
    struct plays plays = {0};
    struct import none = {0};
    struct play *p = NULL;
    pb->a = l->a;
    pb->basedir = dir;
    pb->file = str_printf(l->a, "%.*s/__adhoc_playbook__", STR(dir));
    if (!play_parse(l, pb, play, &none, &p, e)) {
        return NULL;
    }
    add_play(l->a, &plays, p);
    pb->plays = plays.p;
    pb->nplays = plays.n;
    return pb;
}
