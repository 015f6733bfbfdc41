// Roles: where they are, which of their files count, what they depend on.
#include "parse.h"

// -- finding ---------------------------------------------------------------------------------------------------------
static size_t dots_in(struct str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        n += s.s[i] == '.';
    }
    return n;
}

static bool is_fqcn(struct str s) {
    return dots_in(s) >= 2 && str_find_char(s, 0, '/') == SIZE_MAX;
}

/// "namespace.collection" and a role's short name to its directory; empty when there is none.
static struct str collection_role(const struct ctx *c, struct str coll, struct str name) {
    struct arena *a = c->l->a;
    size_t dot = str_find_char(coll, 0, '.');
    if (dot == SIZE_MAX) {
        return STR_NONE;
    }
    struct str inside = str_printf(a, "%.*s/%.*s/roles/%.*s", STR(str_sub(coll, 0, dot)),
                                   STR(str_sub(coll, dot + 1, coll.n)), STR(name));
    struct str base = path_join(a, pb_dirname(c->play->book->file), STR_LIT("collections"));
    for (size_t i = 0; i <= c->l->o.ncollections_path; i++) {
        struct str root = i ? c->l->o.collections_path[i - 1] : base;
        if (!str_ends(root, "/ansible_collections")) {
            root = path_join(a, root, STR_LIT("ansible_collections"));
        }
        struct str dir = path_join(a, root, inside);
        if (path_is_dir(a, dir)) {
            return dir;
        }
    }
    return STR_NONE;
}

struct str implied_collection(const struct ctx *c) {
    static const char root[] = "/ansible_collections/";
    struct str coll = c->role ? c->role->fqcn : STR_NONE;
    if (dots_in(coll) >= 2) {
        return str_sub(coll, 0, str_find_char(coll, str_find_char(coll, 0, '.') + 1, '.'));
    }
    struct str file = c->play && c->play->book ? c->play->book->file : STR_NONE;
    size_t at = str_find(file, 0, str_from(root));
    size_t slash = at == SIZE_MAX ? at : str_find_char(file, at + sizeof root - 1, '/');
    size_t end = slash == SIZE_MAX ? slash : str_find_char(file, slash + 1, '/');
    if (end == SIZE_MAX || !str_starts(str_sub(file, end, file.n), "/playbooks/")) {
        return STR_NONE;
    }
    return str_printf(c->l->a, "%.*s.%.*s", STR(str_sub(file, at + sizeof root - 1, slash)),
                      STR(str_sub(file, slash + 1, end)));
}

static bool in_one(const struct ctx *c, struct str coll, struct str name, struct role *r) {
    r->path = collection_role(c, coll, name);
    if (!r->path.n) {
        return false;
    }
    r->name = name;
    r->fqcn = str_printf(c->l->a, "%.*s.%.*s", STR(coll), STR(name));
    return true;
}

static bool in_collections(const struct ctx *c, struct str name, struct role *r) {
    if (is_fqcn(name)) {
        size_t dot = str_find_char(name, str_find_char(name, 0, '.') + 1, '.');
        struct str last = str_sub(name, dot + 1, name.n);
        r->path = collection_role(c, str_sub(name, 0, dot), last);
        r->name = last;
        r->fqcn = name;
        return r->path.n > 0;
    }
    struct str implied = implied_collection(c);
    if (implied.n && in_one(c, implied, name, r)) {
        return true;
    }
    struct val list = node_kw(c->parent, KW_COLLECTIONS);
    for (size_t i = 0; val_is_seq(list) && i < val_len(list); i++) {
        if (in_one(c, val_text(val_at_index(list, i)), name, r)) {
            return true;
        }
    }
    return false;
}

static bool not_found(const struct ctx *c, const struct candidates *dirs, struct val def, struct str name,
                      struct err *e) {
    struct arena *a = c->l->a;
    struct typo t = {.got = pb_basename(name)};
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < dirs->n; i++) {
        buf_printf(&b, "%s%.*s", i ? ", " : "", STR(dirs->p[i]));
        struct candidates there = path_list(a, dirs->p[i]);
        for (size_t k = 0; i + 1 < dirs->n && k < there.n; k++) {
            typo_offer(&t, there.p[k]);
        }
    }
    err_set(e, ERR_NOT_FOUND, def.mark, "role '%.*s' was not found", STR(name));
    if (t.best.n) {
        return err_hint(e, "did you mean '%.*s'? searched: %.*s", STR(t.best), STR(buf_view(&b)));
    }
    return err_hint(e, "searched: %.*s", STR(buf_view(&b)));
}

static bool find_role(const struct ctx *c, const struct role_how *how, struct str name, struct role *r, struct err *e) {
    struct arena *a = c->l->a;
    struct str base = pb_dirname(c->play->book->file);
    struct candidates dirs = {0};
    if (in_collections(c, name, r)) {
        return true;
    }
    r->name = r->fqcn = name;
    path_offer(a, &dirs, path_join(a, base, STR_LIT("roles")));
    for (size_t i = 0; i < c->l->o.nroles_path; i++) {
        path_offer(a, &dirs, path_absolute(a, c->l->o.roles_path[i]));
    }
    if (how->parent && !how->included) {
        path_offer(a, &dirs, pb_dirname(how->parent->path));
    }
    path_offer(a, &dirs, base);
    for (size_t i = 0; i < dirs.n; i++) {
        r->path = path_join(a, dirs.p[i], name);
        if (path_is_dir(a, r->path)) {
            r->path = path_without_links(a, r->path);
            return true;
        }
    }
    r->path = path_absolute(a, name);
    if (path_is_dir(a, r->path)) {
        r->name = r->fqcn = pb_basename(r->path);
        r->path = path_without_links(a, r->path);
        return true;
    }
    return not_found(c, &dirs, how->def, name, e);
}

// -- its files -------------------------------------------------------------------------------------------------------
static bool has_extension(struct str name, struct str *ext) {
    size_t dot = name.n;
    while (dot > 0 && name.s[dot - 1] != '.') {
        dot--;
    }
    *ext = dot > 1 ? str_sub(name, dot - 1, name.n) : STR_NONE;
    return ext->n > 0;
}

/// Files of a vars directory, sorted, with its sub-directories.
static void vars_dir(struct arena *a, struct str dir, struct candidates *out, unsigned depth) {
    struct candidates names = path_list(a, dir);
    for (size_t i = 0; i < names.n; i++) {
        struct str name = names.p[i];
        struct str ext = STR_NONE;
        if (name.s[0] == '.' || str_ends(name, "~")) {
            continue;
        }
        bool any = has_extension(name, &ext);
        struct str path = path_join(a, dir, name);
        if (path_is_dir(a, path)) {
            if (!any && depth < 32) {
                vars_dir(a, path, out, depth + 1);
            }
        } else if (!any || str_eqz(ext, ".yml") || str_eqz(ext, ".yaml") || str_eqz(ext, ".json")) {
            path_add(a, out, path);
        }
    }
}

/// The files of `sub` that count: main.* or what a *_from names; several only for a directory of vars.
static struct candidates role_files(struct arena *a, const struct role *r, const char *sub, struct str from,
                                    bool dirs) {
    static const char *const bare_last[] = {".yml", ".yaml", ".json", ""};
    static const char *const bare_first[] = {"", ".yml", ".yaml", ".json"};
    struct candidates found = {0};
    struct str base = path_join(a, r->path, str_from(sub));
    for (size_t i = 0; i < COUNTOF(bare_last); i++) {
        struct str name = from.s ? from : STR_LIT("main");
        const char *ext = from.s ? bare_first[i] : bare_last[i];
        struct str path = path_join(a, base, str_printf(a, "%.*s%s", STR(name), ext));
        if (path_is_file(a, path)) {
            path_add(a, &found, path);
            return found;
        }
        if (dirs && path_is_dir(a, path)) {
            vars_dir(a, path, &found, 0);
            return found;
        }
    }
    return found;
}

struct role_file {
    const char *sub;
    struct val from;  // *_from as given, VAL_UNDEF: main
    struct str path;  // out: the last file read
};

/// Reads one kind of a role's files; `*out` is null when there is none. ERR_NOT_FOUND for a *_from that is missing.
static bool role_yaml(const struct ctx *c, const struct role *r, struct role_file *f, struct val *out, struct err *e) {
    struct arena *a = c->l->a;
    bool dirs = strcmp(f->sub, "vars") == 0 || strcmp(f->sub, "defaults") == 0;
    struct str from = f->from.kind == VAL_STR ? val_text(f->from) : STR_NONE;
    struct candidates files = role_files(a, r, f->sub, from, dirs);
    struct str home = path_join(a, r->path, str_from(f->sub));
    *out = VNULL;
    for (size_t i = 0; i < files.n; i++) {
        if (!str_starts(files.p[i], str_printf(a, "%.*s/", STR(home)).s)) {
            return err_set(e, ERR_ARGS, f->from.mark,
                           "Failed loading '%.*s' for role (%.*s) as it is not inside the expected role path: '%.*s'",
                           STR(files.p[i]), STR(r->name), STR(home));
        }
    }
    if (!files.n && from.s) {
        struct candidates there = path_list(a, home);
        struct typo t = {.got = from};
        for (size_t i = 0; i < there.n; i++) {
            typo_offer(&t, there.p[i]);
        }
        err_set(e, ERR_NOT_FOUND, f->from.mark, "role '%.*s' has no file '%s/%.*s'", STR(r->name), f->sub, STR(from));
        return t.best.n ? err_hint(e, "did you mean '%.*s'?", STR(t.best)) : false;
    }
    for (size_t i = 0; i < files.n; i++) {
        struct val v = {0};
        if (!str_starts(files.p[i], arena_printf(a, "%.*s/", STR(home)))) {
            return err_set(e, ERR_ARGS, f->from.mark, "'%.*s' is outside of role '%.*s'", STR(from), STR(r->name));
        }
        if (!pb_file(c->l, files.p[i], r->n.at, &v, e)) {
            return false;
        }
        f->path = files.p[i];
        if (v.kind == VAL_NULL) {
            continue;
        }
        bool both = dirs && v.kind == VAL_DICT && out->kind == VAL_DICT;
        *out = both ? val_mark_templates(val_at(val_merge(a, *out, v, false, MERGE_REPLACE), out->mark)) : v;
    }
    return true;
}

static bool role_vars(const struct ctx *c, const struct role *r, const char *sub, struct val from, struct val *out,
                      struct err *e) {
    struct role_file f = {.sub = sub, .from = from};
    if (!role_yaml(c, r, &f, out, e)) {
        return false;
    }
    if (out->kind == VAL_NULL) {
        *out = val_dict(c->l->a, 0);
    }
    if (out->kind != VAL_DICT) {
        return err_set(e, ERR_SYNTAX, out->mark, "'%s' of role '%.*s' must be a dictionary of variables, not %s", sub,
                       STR(r->name), val_kind_name(out->kind));
    }
    return true;
}

// -- meta ------------------------------------------------------------------------------------------------------------
/// A dependency in galaxy's form {src: ..., version: ...} is named by its source.
static struct val galaxy_name(struct arena *a, struct val d) {
    struct val src = val_get(d, "src");
    if (d.kind != VAL_DICT || val_has(d, "role") || val_has(d, "name") || src.kind != VAL_STR) {
        return d;
    }
    struct str rest = val_text(src);
    struct str first = STR_NONE;
    struct str name = STR_NONE;
    str_next(&rest, ',', &first);
    for (struct str part; str_next(&rest, ',', &part);) {
        name = kv_strip(part);
    }
    if (!name.n) {
        name = pb_basename(first);
        static const char *const tails[] = {".git", ".tar.gz"};
        for (size_t i = 0; i < COUNTOF(tails); i++) {
            if (str_ends(name, tails[i])) {
                name = str_sub(name, 0, name.n - strlen(tails[i]));
            }
        }
    }
    struct val copy = val_at(val_copy(a, d), d.mark);
    val_set(a, copy, "name", val_at(val_str(a, name), src.mark));
    return copy;
}

static bool cycle(const struct role *r, struct val def, struct err *e) {
    for (const struct role *p = r->parent; p; p = p->parent) {
        if (str_eq(p->path, r->path)) {
            return err_set(e, ERR_ARGS, def.mark, "role '%.*s' depends on itself through '%.*s'", STR(r->name),
                           STR(r->parent->name));
        }
        if (p->included) {
            break;  // includes may come again
        }
    }
    return true;
}

static bool load_dependencies(const struct ctx *c, struct role *r, struct err *e) {
    struct val list = {0};
    if (!list_of(c->l->a, val_get(r->meta, "dependencies"), "dependencies", &list, e)) {
        return false;
    }
    if (c->depth >= IMPORT_DEPTH_MAX) {
        return err_set(e, ERR_LIMIT, r->n.at, "roles depend on each other more than %d deep", IMPORT_DEPTH_MAX);
    }
    struct ctx in = *c;
    in.parent = &r->n;
    in.depth++;
    r->deps = ARENA_ARRAY(c->l->a, struct role *, val_len(list) + 1);
    for (size_t i = 0; i < val_len(list); i++) {
        struct role_how how = {.parent = r, .validate = true, .is_public = r->is_public};
        how.def = galaxy_name(c->l->a, val_at_index(list, i));
        if (!role_load(&in, &how, &r->deps[r->ndeps], e)) {
            return e->code == ERR_LIMIT ? false
                                        : err_wrap(e, how.def.mark, "in a dependency of role '%.*s'", STR(r->name));
        }
        r->ndeps++;
    }
    return true;
}

static bool check_meta(struct role *r, struct err *e) {
    static const char *const names[] = {"allow_duplicates", "dependencies", "galaxy_info", "argument_specs",
                                        "collections"};
    if (r->meta.kind != VAL_DICT) {
        return err_set(e, ERR_SYNTAX, r->meta.mark, "'meta' of role '%.*s' must be a dictionary, not %s", STR(r->name),
                       val_kind_name(r->meta.kind));
    }
    size_t i = 0;
    for (struct vpair *p; (p = val_each(r->meta, &i));) {
        struct str name = STR_NONE;
        if (!key_text(p, &name, e)) {
            return false;
        }
        enum keyword k = keyword_find(name);
        bool known = k != KW_NONE && (keyword_docs[k].where & ON_PLAY) && (keyword_docs[k].where & ON_TASK);
        for (size_t j = 0; j < COUNTOF(names) && !known; j++) {
            known = str_eqz(name, names[j]);
        }
        if (!known) {
            const char *near = typo_nearest(name, names, COUNTOF(names));
            err_set(e, ERR_ARGS, p->key.mark, "unknown keyword '%.*s' in a role's meta", STR(name));
            return err_hint(e, "did you mean '%s'?", near ? near : "galaxy_info");
        }
    }
    struct val dup = val_get(r->meta, "allow_duplicates");
    if (dup.kind != VAL_UNDEF && dup.kind != VAL_NULL && !val_as_bool(dup, &r->allow_duplicates)) {
        return err_set(e, ERR_ARGS, dup.mark, "'allow_duplicates' must be a boolean");
    }
    return true;
}

/// Short names in a role are searched in its own collection and in those its meta names, not in the play's.
static void set_collections(struct arena *a, struct role *r) {
    struct val list = val_list(a, 2);
    struct val more = val_get(r->meta, "collections");
    size_t own = r->fqcn.n - r->name.n;
    if (own > 1 && !str_eq(r->fqcn, r->name)) {
        val_push(a, list, val_str(a, str_sub(r->fqcn, 0, own - 1)));
    }
    for (size_t i = 0; val_is_seq(more) && i < val_len(more); i++) {
        val_push(a, list, val_at_index(more, i));
    }
    r->n.kw[KW_COLLECTIONS] = list;
}

static bool load_meta(const struct ctx *c, struct role *r, struct err *e) {
    struct role_file f = {.sub = "meta"};
    if (!role_yaml(c, r, &f, &r->meta, e)) {
        return false;
    }
    if (r->meta.kind == VAL_NULL) {
        r->meta = val_dict(c->l->a, 0);
    }
    if (!check_meta(r, e)) {
        return false;
    }
    set_collections(c->l->a, r);
    if (c->l->o.plugin_dir) {
        c->l->o.plugin_dir(c->l->o.plugin_self, r->path);
    }
    return load_dependencies(c, r, e);
}

// -- argument specification ------------------------------------------------------------------------------------------
static bool load_spec(const struct ctx *c, struct role *r, const char *entry, struct err *e) {
    struct arena *a = c->l->a;
    struct val from = val_z(a, "argument_specs");
    struct val specs = val_get(r->meta, "argument_specs");
    struct candidates files = role_files(a, r, "meta", val_text(from), false);
    if (files.n) {
        struct val v = {0};
        if (!pb_file(c->l, files.p[0], r->n.at, &v, e)) {
            return false;
        }
        specs = val_get(v, "argument_specs");
    }
    r->argument_spec = val_get(specs, entry);
    if (r->argument_spec.kind != VAL_UNDEF && r->argument_spec.kind != VAL_DICT) {
        return err_set(e, ERR_SYNTAX, r->argument_spec.mark, "an argument specification must be a dictionary, not %s",
                       val_kind_name(r->argument_spec.kind));
    }
    return true;
}

/// The task that Ansible puts before a role's own when it has an argument specification.
static void validation_task(const struct ctx *in, struct role *r, const char *entry) {
    struct arena *a = in->l->a;
    struct val spec = r->argument_spec;
    const struct module *m = module_find(STR_LIT("validate_argument_spec"));
    if (spec.kind != VAL_DICT || !val_len(spec)) {
        return;
    }
    if (!m) {
        pb_warn(in->l, spec.mark, "the argument specification of role '%.*s' is not checked", STR(r->name));
        return;
    }
    struct task *t = ARENA_NEW(a, struct task);
    node_init(&t->n, NODE_TASK, in, spec.mark);
    struct val title = val_get(spec, "short_description");
    t->n.name = title.kind == VAL_STR
                    ? str_printf(a, "Validating arguments against arg spec '%s' - %.*s", entry, STR(val_text(title)))
                    : str_printf(a, "Validating arguments against arg spec '%s'", entry);
    t->n.kw[KW_NAME] = val_flag(val_str(a, t->n.name), VAL_TRUSTED);
    t->n.kw[KW_TAGS] = val_list(a, 1);
    val_push(a, t->n.kw[KW_TAGS], val_z(a, "always"));
    struct val context = val_dict(a, 4);
    val_set(a, context, "type", val_z(a, "role"));
    val_set(a, context, "name", val_str(a, r->name));
    val_set(a, context, "argument_spec_name", val_z(a, entry));
    val_set(a, context, "path", val_str(a, r->path));
    struct val options = val_get(spec, "options");
    t->args = val_dict(a, 3);
    val_set(a, t->args, "argument_spec", options.kind == VAL_DICT ? options : val_dict(a, 0));
    val_set(a, t->args, "provided_arguments", r->included ? val_dict(a, 0) : r->params);
    val_set(a, t->args, "validate_args_context", context);
    t->args = val_mark_templates(t->args);
    t->action = "validate_argument_spec";
    t->action_name = STR_LIT("ansible.builtin.validate_argument_spec");
    t->action_raw = val_str(a, t->action_name);
    t->action_at = spec.mark;
    t->kind = TASK_MODULE;
    t->module = m;
    t->notify = val_list(a, 0);
    t->listen = val_list(a, 0);
    t->id = ++in->l->tasks;
    steps_task(a, &r->tasks, t);
}

// -- the use ---------------------------------------------------------------------------------------------------------
/// Splits a use into keywords and parameters.
static bool take_use(const struct ctx *c, struct role *r, struct val d, struct err *e) {
    bool named = val_has(d, "role");
    size_t i = 0;
    for (struct vpair *p; (p = val_each(d, &i));) {
        struct str key = STR_NONE;
        if (!key_text(p, &key, e)) {
            return false;
        }
        enum keyword k = keyword_find(key);
        if (k == KW_ROLE || (k == KW_NAME && !named)) {
            continue;
        }
        if (k == KW_NONE || !(keyword_docs[k].where & ON_ROLE)) {
            val_set_key(c->l->a, r->params, p->key, p->value);
        } else if (!field_set(c->l, &r->n, k, p->value, e)) {
            return false;
        }
    }
    r->params = val_mark_templates(r->params);
    return true;
}

static bool use_name(const struct ctx *c, struct val def, struct str *name, struct err *e) {
    struct val v = def;
    if (def.kind == VAL_DICT) {
        v = val_has(def, "role") ? val_get(def, "role") : val_get(def, "name");
        if (v.kind == VAL_UNDEF) {
            err_set(e, ERR_ARGS, def.mark, "a role needs 'role' with its name");
            return false;
        }
    } else if (def.kind != VAL_STR && def.kind != VAL_INT) {
        return err_set(e, ERR_SYNTAX, def.mark, "a role must be a name or a dictionary, not %s",
                       val_kind_name(def.kind));
    } else if (str_find_char(val_text(def), 0, ',') != SIZE_MAX && !has_template(def)) {
        err_set(e, ERR_ARGS, def.mark, "Invalid old style role requirement: %.*s", STR(val_text(def)));
        return err_hint(e, "the form 'source,version,name' belongs in requirements.yml");
    }
    return static_name(c, v, "role", name, e);
}

/// What makes two uses of a role the same one: they then run once on a host.
static struct val use_key(struct arena *a, const struct role *r, const struct role_how *how) {
    struct val key = val_dict(a, 8);
    val_set(a, key, "path", val_str(a, r->path));
    val_set(a, key, "params", r->params);
    val_set(a, key, "included", val_bool(how->included));
    if (how->from.kind == VAL_DICT) {
        val_set(a, key, "from", how->from);
    }
    static const enum keyword parts[] = {KW_WHEN, KW_TAGS, KW_VARS};
    for (size_t i = 0; i < COUNTOF(parts); i++) {
        if (r->n.kw[parts[i]].kind != VAL_UNDEF) {
            val_set(a, key, keyword_docs[parts[i]].name, r->n.kw[parts[i]]);
        }
    }
    return key;
}

static void remember_use(const struct ctx *c, struct role *r, const struct role_how *how) {
    struct arena *a = c->l->a;
    struct role_use *use = ARENA_NEW(a, struct role_use);
    *use = (struct role_use){.role = r, .key = use_key(a, r, how)};
    r->same = r;
    struct str hash = str_printf(a, "%p %08x", (const void *)c->play, (unsigned)val_hash(use->key));
    use->next = map_get(&c->l->uses, hash);
    for (const struct role_use *u = use->next; u; u = u->next) {
        if (val_equal(u->key, use->key)) {
            r->same = u->role;
            return;
        }
    }
    map_put(&c->l->uses, a, hash, use);
}

static bool load_tasks(const struct ctx *c, struct role *r, const struct role_how *how, struct err *e) {
    struct ctx in = *c;
    in.parent = &r->n;
    in.role = r;
    in.handlers = false;
    struct role_file tasks = {.sub = "tasks", .from = val_get(how->from, "tasks")};
    struct role_file handlers = {.sub = "handlers", .from = val_get(how->from, "handlers")};
    const char *entry = tasks.from.kind == VAL_STR ? str_z(c->l->a, val_text(tasks.from)) : "main";
    struct val list = {0};
    if (how->validate && !load_spec(c, r, entry, e)) {
        return false;
    }
    if (!role_yaml(c, r, &tasks, &list, e)) {
        return false;
    }
    in.file = tasks.path.n ? tasks.path : path_join(c->l->a, r->path, STR_LIT("tasks/main.yml"));
    validation_task(&in, r, entry);
    if (list.kind != VAL_NULL && list.kind != VAL_LIST) {
        return err_set(e, ERR_SYNTAX, list.mark, "tasks of role '%.*s' must be a list, not %s", STR(r->name),
                       val_kind_name(list.kind));
    }
    if (!steps_parse(&in, list, "tasks", &r->tasks, e) || !role_yaml(c, r, &handlers, &list, e)) {
        return false;
    }
    in.file = handlers.path.n ? handlers.path : in.file;
    return handlers_parse(&in, list, "handlers", &r->handlers, &r->nhandlers, e);
}

bool role_load(const struct ctx *c, const struct role_how *how, struct role **out, struct err *e) {
    struct arena *a = c->l->a;
    struct role *r = ARENA_NEW(a, struct role);
    struct str name = STR_NONE;
    node_init(&r->n, NODE_ROLE, c, how->def.mark);
    r->parent = how->parent;
    r->included = how->included;
    r->is_public = how->is_public;
    r->params = how->params.kind == VAL_DICT ? how->params : val_dict(a, 4);
    if (!use_name(c, how->def, &name, e) || !find_role(c, how, name, r, e)) {
        return false;
    }
    if (c->l->o.find_module) {  // its library serves everybody from now on
        (void)c->l->o.find_module(c->l->o.find_self, &(struct pb_module){.role_path = r->path}, e);
    }
    if (how->def.kind == VAL_DICT && !take_use(c, r, how->def, e)) {
        return false;
    }
    if (!how->included && !cycle(r, how->def, e)) {
        return false;
    }
    if (!role_vars(c, r, "vars", val_get(how->from, "vars"), &r->vars, e) ||
        !role_vars(c, r, "defaults", val_get(how->from, "defaults"), &r->defaults, e) || !load_meta(c, r, e) ||
        !load_tasks(c, r, how, e)) {
        return false;
    }
    remember_use(c, r, how);
    *out = r;
    return true;
}

struct block *pb_role_block(struct pb_loader *l, struct play *p, struct role *r, struct err *e) {
    struct ctx c = {.l = l, .play = p, .parent = &r->n, .role = r, .file = r->n.file};
    struct block *b = block_implicit(&c, r->n.at);
    for (size_t i = 0; i < r->ndeps; i++) {
        struct block *dep = pb_role_block(l, p, r->deps[i], e);
        if (!dep) {
            return NULL;
        }
        steps_block(l->a, &b->body, dep);
    }
    for (size_t i = 0; i < r->tasks.n; i++) {
        VEC_PUSH(l->a, b->body, r->tasks.p[i]);
    }
    return b;
}
