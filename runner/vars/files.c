// group_vars/ and host_vars/ of the inventory and the playbook: found by listing each directory once, read when first
// needed.
#include "inv_source.h"
#include "scope.h"

#include <errno.h>
#include <sys/stat.h>

#define VARS_DEPTH 32

static const char *const extensions[] = {"", ".yml", ".yaml", ".json"};

/// The variables of one name in one directory: one dict a file, in the order they are merged.
struct entity {
    struct val *p;
    size_t n, cap;
};
/// One group_vars/ or host_vars/ directory.
struct vars_dir {
    struct str path;
    bool listed, exists;
    struct map entries;   // file name -> itself
    struct map entities;  // name -> struct entity
};
/// A directory with both, next to an inventory source or a playbook.
struct basedir {
    struct str path;
    struct vars_dir groups, hosts;
};
struct basedirs {
    struct basedir **p;
    size_t n, cap;
};
struct cached {
    const struct layer *p;
    size_t n;
    const void *vars, *groups;  // host->vars and host->all at that time
    uint32_t generation;
};
/// The playbook's directories in force, with what came of them for each host.
struct dir_set {
    struct basedirs dirs;
    struct map hosts;  // name -> struct cached
};
/// Where the variables of groups come from, in the order of VARIABLE_PRECEDENCE: the later ones win.
static const char *const entry_names[] = {"all_inventory",    "groups_inventory",         "all_plugins_inventory",
                                          "all_plugins_play", "groups_plugins_inventory", "groups_plugins_play"};
enum entry {
    ALL_INVENTORY,
    GROUPS_INVENTORY,
    ALL_FILES_INVENTORY,
    ALL_FILES_PLAY,
    GROUPS_FILES_INVENTORY,
    GROUPS_FILES_PLAY
};
struct vars_files {
    struct arena *a;
    struct inventory *inv;
    const struct yaml_vault *vault;
    void (*warn)(void *, struct mark, const char *);
    void *warn_self;
    struct basedirs inventory;
    struct dir_set *set;  // one of `sets`, or one that add_playbook fills
    struct map sets;      // directories, joined -> struct dir_set
    enum entry order[COUNTOF(entry_names)];
    size_t norder;
    bool early, late;  // files are read with the inventory, as if their text stood there; for the tasks
    struct map dirs;   // path -> struct basedir: read once, also after vars_files_clear_playbooks
    struct map files;  // path -> struct val
    uint32_t generation;
    bool merge;  // hash_behaviour
};
struct layers {
    struct layer *p;
    size_t n, cap;
};

// -- files -----------------------------------------------------------------------------------------------------------

static bool load_file(struct vars_files *vf, struct str path, struct val *out, struct err *e) {
    struct val *known = map_get(&vf->files, path);
    if (known) {
        *out = *known;
        return true;
    }
    struct str text;
    bool secret;
    if (!inv_read_file(path.s, vf->vault, vf->a, &text, &secret, e)) {
        return err_wrap(e, NO_MARK, "cannot read variables from '%s'", path.s);
    }
    struct yaml_opts y = {
        .trusted = true, .secret = secret, .vault = vf->vault, .warn = vf->warn, .warn_self = vf->warn_self};
    if (!inv_load_text(path.s, text, &y, vf->a, out, e)) {
        return err_wrap(e, NO_MARK, "cannot read variables from '%s'", path.s);
    }
    if (out->kind != VAL_DICT && val_truth(*out)) {
        struct mark at = out->mark.at ? out->mark : mark_source(path.s, text, secret ? MARK_SECRET : 0);
        return err_set(e, ERR_SYNTAX, at, "variables in '%s' must be a dictionary, not %s", path.s,
                       val_kind_name(out->kind));
    }
    known = ARENA_NEW(vf->a, struct val);
    *known = *out;
    map_put(&vf->files, vf->a, path, known);
    return true;
}

static bool add_file(struct vars_files *vf, struct entity *ent, struct str path, struct err *e) {
    struct val v = {0};
    if (!load_file(vf, path, &v, e)) {
        return false;
    }
    if (v.kind == VAL_DICT && val_len(v) > 0) {
        VEC_PUSH(vf->a, *ent, v);
    }
    return true;
}

/// What stands behind the last '.' of a name, with the '.'; a leading dot is no extension.
static const char *extension(struct str name) {
    for (size_t i = name.n; i > 1; i--) {
        if (name.s[i - 1] == '.') {
            return name.s + i - 1;
        }
    }
    return "";
}

static bool known_extension(const char *ext) {
    for (size_t i = 0; i < COUNTOF(extensions); i++) {
        if (strcmp(ext, extensions[i]) == 0) {
            return true;
        }
    }
    return false;
}

/// All files below group_vars/NAME/, sorted, without hidden ones, backups and other extensions.
static bool add_tree(struct vars_files *vf, struct entity *ent, struct str dir, unsigned depth, struct err *e) {
    struct str *names;
    size_t n;
    if (depth > VARS_DEPTH) {
        return err_set(e, ERR_LIMIT, NO_MARK, "directory '%s' is nested more than %d deep", dir.s, VARS_DEPTH);
    }
    if (!inv_list_dir(dir.s, vf->a, &names, &n, e)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const char *ext = extension(names[i]);
        if (str_starts(names[i], ".") || str_ends(names[i], "~") || !known_extension(ext)) {
            continue;
        }
        struct str path = str_printf(vf->a, "%s/%s", dir.s, names[i].s);
        struct stat st;
        if (stat(path.s, &st) != 0) {
            continue;
        }
        bool ok = true;
        if (S_ISDIR(st.st_mode)) {
            ok = *ext || add_tree(vf, ent, path, depth + 1, e);
        } else if (S_ISREG(st.st_mode)) {
            ok = add_file(vf, ent, path, e);
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

// -- directories -----------------------------------------------------------------------------------------------------

static bool list_once(struct vars_files *vf, struct vars_dir *d, struct err *e) {
    if (d->listed) {
        return true;
    }
    d->listed = true;
    struct stat st;
    if (stat(d->path.s, &st) != 0) {
        return true;
    }
    if (!S_ISDIR(st.st_mode)) {
        if (vf->warn) {
            vf->warn(vf->warn_self, NO_MARK, str_printf(vf->a, "'%s' is not a directory and is skipped", d->path.s).s);
        }
        return true;
    }
    struct str *names;
    size_t n;
    if (!inv_list_dir(d->path.s, vf->a, &names, &n, e)) {
        d->listed = false;
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        map_put(&d->entries, vf->a, names[i], &names[i]);
    }
    d->exists = true;
    return true;
}

/// A name with slashes stands for a path below the directory, which the listing does not show.
static bool has_entry(const struct vars_dir *d, struct str name, struct str path) {
    struct stat st;
    if (memchr(name.s, '/', name.n)) {
        return stat(path.s, &st) == 0;
    }
    return map_get(&d->entries, name) != NULL;
}

/// Absolute names (chroots) have no files; ".." must not lead out of the directory.
static bool safe_name(struct str name) {
    struct str rest = name;
    struct str part;
    while (str_next(&rest, '/', &part)) {
        if (part.n == 0 || str_eqz(part, ".") || str_eqz(part, "..")) {
            return false;
        }
    }
    return memchr(name.s, 0, name.n) == NULL;
}

static bool find_entity(struct vars_files *vf, struct vars_dir *d, struct str name, struct entity *ent, struct err *e) {
    char buf[512];
    for (size_t i = 0; i < COUNTOF(extensions); i++) {
        int n = snprintf(buf, sizeof buf, "%.*s%s", STR(name), extensions[i]);
        if (n < 0 || (size_t)n >= sizeof buf) {
            return true;
        }
        struct str file = {buf, (size_t)n};
        if (!memchr(buf, '/', file.n) && !map_get(&d->entries, file)) {
            continue;
        }
        struct str path = str_printf(vf->a, "%s/%s", d->path.s, buf);
        struct stat st;
        if (!has_entry(d, file, path) || stat(path.s, &st) != 0) {
            continue;
        }
        // The first that exists is the only one, as in Ansible.
        return S_ISDIR(st.st_mode) ? add_tree(vf, ent, path, 0, e) : add_file(vf, ent, path, e);
    }
    return true;
}

static bool entity_of(struct vars_files *vf, struct vars_dir *d, struct str name, const struct entity **out,
                      struct err *e) {
    static const struct entity none = {0};
    *out = &none;
    if (!list_once(vf, d, e)) {
        return false;
    }
    if (!d->exists || name.n == 0 || !safe_name(name)) {
        return true;
    }
    struct entity *ent = map_get(&d->entities, name);
    if (!ent) {
        ent = ARENA_NEW(vf->a, struct entity);
        if (!find_entity(vf, d, name, ent, e)) {
            return false;
        }
        map_put(&d->entities, vf->a, name, ent);
    }
    *out = ent;
    return true;
}

static struct basedir *want_basedir(struct vars_files *vf, struct str path) {
    struct basedir *b = map_get(&vf->dirs, path);
    if (!b) {
        b = ARENA_NEW(vf->a, struct basedir);
        b->path = str_dup(vf->a, path);
        b->groups.path = str_printf(vf->a, "%s/group_vars", b->path.s);
        b->hosts.path = str_printf(vf->a, "%s/host_vars", b->path.s);
        map_put(&vf->dirs, vf->a, b->path, b);
    }
    return b;
}

struct vars_files *vars_files_new(struct arena *a, struct inventory *inv, const struct yaml_vault *vault,
                                  void (*warn)(void *, struct mark, const char *), void *warn_self) {
    struct vars_files *vf = ARENA_NEW(a, struct vars_files);
    *vf = (struct vars_files){.a = a, .inv = inv, .vault = vault, .warn = warn, .warn_self = warn_self, .late = true};
    vf->set = ARENA_NEW(a, struct dir_set);
    for (; vf->norder < COUNTOF(entry_names); vf->norder++) {
        vf->order[vf->norder] = (enum entry)vf->norder;
    }
    for (size_t i = 0; i < inv->nbasedirs; i++) {
        VEC_PUSH(a, vf->inventory, want_basedir(vf, inv->basedirs[i]));
    }
    return vf;
}

void vars_files_add_playbook(struct vars_files *vf, struct str dir) {
    struct basedir *b = want_basedir(vf, dir.n ? dir : STR_LIT("."));
    for (size_t i = 0; i < vf->set->dirs.n; i++) {
        if (vf->set->dirs.p[i] == b) {
            return;
        }
    }
    VEC_PUSH(vf->a, vf->set->dirs, b);
    vf->generation++;
}

void vars_files_use(struct vars_files *vf, const struct str *dirs, size_t n) {
    struct buf key = BUF_IN(vf->a);
    for (size_t i = 0; i < n; i++) {
        buf_str(&key, dirs[i]);
        buf_char(&key, '\0');
    }
    struct dir_set *s = map_get(&vf->sets, buf_view(&key));
    if (!s) {
        s = ARENA_NEW(vf->a, struct dir_set);
        for (size_t i = 0; i < n; i++) {
            VEC_PUSH(vf->a, s->dirs, want_basedir(vf, dirs[i].n ? dirs[i] : STR_LIT(".")));
        }
        map_put(&vf->sets, vf->a, buf_view(&key), s);
    }
    vf->set = s;
}

void vars_files_order(struct vars_files *vf, const struct str *names, size_t n) {
    vf->norder = 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < COUNTOF(entry_names) && !str_eqz(names[i], entry_names[k])) {
            k++;
        }
        if (k < COUNTOF(entry_names) && vf->norder < COUNTOF(entry_names)) {
            vf->order[vf->norder++] = (enum entry)k;
        } else if (vf->warn) {
            vf->warn(vf->warn_self, NO_MARK,
                     str_printf(vf->a, "Ignoring unknown variable precedence entry: %.*s", STR(names[i])).s);
        }
    }
    vf->generation++;
}

void vars_files_stages(struct vars_files *vf, bool early, bool late) {
    vf->early = early;
    vf->late = late;
    vf->generation++;
}

// -- layers of a host ------------------------------------------------------------------------------------------------

static void push(struct vars_files *vf, struct layers *out, enum var_level level, struct val vars) {
    if (vars.kind == VAL_DICT && val_len(vars) > 0) {
        struct layer l = {.level = (uint8_t)level, .vars = vars};
        VEC_PUSH(vf->a, *out, l);
    }
}

static bool push_entity(struct vars_files *vf, struct layers *out, enum var_level level, struct vars_dir *d,
                        struct str name, struct err *e) {
    const struct entity *ent;
    if (!entity_of(vf, d, name, &ent, e)) {
        return false;
    }
    for (size_t i = 0; i < ent->n; i++) {
        push(vf, out, level, ent->p[i]);
    }
    return true;
}

static bool push_all_files(struct vars_files *vf, struct layers *out, enum var_level level, const struct basedirs *dirs,
                           struct err *e) {
    for (size_t i = 0; i < dirs->n; i++) {
        if (!push_entity(vf, out, level, &dirs->p[i]->groups, vf->inv->all->name, e)) {
            return false;
        }
    }
    return true;
}

static bool push_group_files(struct vars_files *vf, struct layers *out, enum var_level level,
                             const struct basedirs *dirs, const struct host *h, struct err *e) {
    for (size_t i = 0; i < dirs->n; i++) {
        for (size_t k = 0; k < h->nall; k++) {
            if (h->all[k] != vf->inv->all && !push_entity(vf, out, level, &dirs->p[i]->groups, h->all[k]->name, e)) {
                return false;
            }
        }
    }
    return true;
}

static bool push_host_files(struct vars_files *vf, struct layers *out, enum var_level level,
                            const struct basedirs *dirs, const struct host *h, struct err *e) {
    for (size_t i = 0; i < dirs->n; i++) {
        if (!push_entity(vf, out, level, &dirs->p[i]->hosts, h->name, e)) {
            return false;
        }
    }
    return true;
}

/// What an inventory says of a group, and its files when they are read with the inventory.
static bool push_group(struct vars_files *vf, struct layers *out, const struct group *g, struct err *e) {
    push(vf, out, LEVEL_INV_FILE_GROUP, g->vars);
    for (size_t i = 0; vf->early && i < vf->inventory.n; i++) {
        if (!push_entity(vf, out, LEVEL_INV_FILE_GROUP, &vf->inventory.p[i]->groups, g->name, e)) {
            return false;
        }
    }
    return true;
}

static bool push_groups(struct vars_files *vf, struct layers *out, const struct host *h, struct err *e) {
    for (size_t i = 0; i < h->nall; i++) {
        if (h->all[i] != vf->inv->all && !push_group(vf, out, h->all[i], e)) {
            return false;
        }
    }
    return true;
}

static bool push_entry(struct vars_files *vf, struct layers *out, enum entry entry, const struct host *h,
                       struct err *e) {
    const struct basedirs *play = &vf->set->dirs;
    switch (entry) {
    case ALL_INVENTORY:
        return push_group(vf, out, vf->inv->all, e);
    case GROUPS_INVENTORY:
        return push_groups(vf, out, h, e);
    case ALL_FILES_INVENTORY:
        return !vf->late || push_all_files(vf, out, LEVEL_INV_GROUP_ALL, &vf->inventory, e);
    case ALL_FILES_PLAY:
        return !vf->late || push_all_files(vf, out, LEVEL_PB_GROUP_ALL, play, e);
    case GROUPS_FILES_INVENTORY:
        return !vf->late || push_group_files(vf, out, LEVEL_INV_GROUP, &vf->inventory, h, e);
    case GROUPS_FILES_PLAY:
        return !vf->late || push_group_files(vf, out, LEVEL_PB_GROUP, play, h, e);
    }
    return true;
}

static bool build(struct vars_files *vf, const struct host *h, struct layers *out, struct err *e) {
    for (size_t i = 0; i < vf->norder; i++) {
        if (!push_entry(vf, out, vf->order[i], h, e)) {
            return false;
        }
    }
    push(vf, out, LEVEL_INV_FILE_HOST, h->vars);
    return push_host_files(vf, out, LEVEL_INV_HOST, &vf->inventory, h, e) &&
           (!vf->late || push_host_files(vf, out, LEVEL_PB_HOST, &vf->set->dirs, h, e));
}

bool vars_files_layers(struct vars_files *vf, struct host *h, struct layer const **out, size_t *n, struct err *e) {
    struct cached *c = map_get(&vf->set->hosts, h->name);
    if (!c || c->vars != h->vars.u.d || c->groups != h->all || c->generation != vf->generation) {
        struct layers v = {0};
        if (!build(vf, h, &v, e)) {
            return err_wrap(e, NO_MARK, "while loading variables of host '%.*s'", STR(h->name));
        }
        if (!c) {
            c = ARENA_NEW(vf->a, struct cached);
            map_put(&vf->set->hosts, vf->a, h->name, c);
        }
        *c = (struct cached){v.p, v.n, h->vars.u.d, h->all, vf->generation};
    }
    *out = c->p;
    *n = c->n;
    return true;
}

// -- as one dict -----------------------------------------------------------------------------------------------------

void vars_files_merge(struct vars_files *vf, bool merge) {
    vf->merge = merge;
}

static void put_over(const struct vars_files *vf, struct arena *a, struct val into, struct val vars) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(vars, &i));) {
        struct val old = vf->merge ? val_get_key(into, p->key) : VNULL;
        bool both = old.kind == VAL_DICT && p->value.kind == VAL_DICT;
        val_set_key(a, into, p->key,
                    both ? val_mark_templates(val_merge(a, old, p->value, true, MERGE_REPLACE)) : p->value);
    }
}

bool vars_files_host(struct vars_files *vf, struct host *h, bool own, struct arena *a, struct val *out, struct err *e) {
    const struct layer *l = NULL;
    size_t n = 0;
    *out = val_dict(a, 16);
    if (!vars_files_layers(vf, h, &l, &n, e)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        bool of_host = l[i].level == LEVEL_INV_FILE_HOST || l[i].level == LEVEL_INV_HOST || l[i].level == LEVEL_PB_HOST;
        if (!own || of_host) {
            put_over(vf, a, *out, l[i].vars);
        }
    }
    return true;
}

bool vars_files_group(struct vars_files *vf, struct group *g, bool inventory_only, struct arena *a, struct val *out,
                      struct err *e) {
    const struct basedirs *const places[] = {&vf->inventory, &vf->set->dirs};
    *out = val_dict(a, 16);
    put_over(vf, a, *out, g->vars);
    for (size_t k = 0; k < (inventory_only ? 1 : COUNTOF(places)); k++) {
        for (size_t i = 0; i < places[k]->n; i++) {
            const struct entity *ent;
            if (!entity_of(vf, &places[k]->p[i]->groups, g->name, &ent, e)) {
                return false;
            }
            for (size_t x = 0; x < ent->n; x++) {
                put_over(vf, a, *out, ent->p[x]);
            }
        }
    }
    return true;
}
