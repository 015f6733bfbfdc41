// meta/runtime.yml of collections on disk: groups of actions, and which modules moved, are going away or are gone.
#include "library.h"

#include "fd.h"

#include <unistd.h>

#define RUNTIME_MAX   ((size_t)16 << 20)
#define REDIRECTS_MAX 16

struct str library_collection_dir(struct library *l, struct str coll, struct str book_dir) {
    size_t dot = str_find_char(coll, 0, '.');
    const struct words *paths = &l->x->s->collections_path;
    for (size_t i = 0; i <= paths->n; i++) {
        struct str root = i ? paths->p[i - 1] : str_printf(l->a, "%.*s/collections", STR(book_dir));
        const char *mid = str_ends(root, "/ansible_collections") ? "" : "/ansible_collections";
        struct str dir = str_printf(l->a, "%.*s%s/%.*s/%.*s", STR(root), mid, STR(str_sub(coll, 0, dot)),
                                    STR(str_sub(coll, dot + 1, coll.n)));
        if (access(dir.s, X_OK) == 0) {
            return dir;
        }
    }
    return STR_NONE;
}

struct val library_runtime(void *self, struct str coll, struct str book_dir) {
    struct library *l = self;
    struct str dir = library_collection_dir(l, coll, book_dir);
    if (!dir.n) {
        return (struct val){0};
    }
    struct str path = str_printf(l->a, "%.*s/meta/runtime.yml", STR(dir));
    struct val *known = map_get(&l->runtimes, path);
    if (!known) {
        struct str text;
        struct val v = VNULL;
        struct yaml_opts y = {0};
        struct err e = {.arena = l->a};
        known = ARENA_NEW(l->a, struct val);
        *known = VNULL;
        if (access(path.s, R_OK) == 0) {
            if (fd_read_file(path.s, RUNTIME_MAX, l->a, &text, &e) && yaml_load(path.s, text, &y, l->a, &v, &e)) {
                *known = v;
            } else {
                session_warn(l->x, NO_MARK, arena_printf(l->a, "%s is not read: %.*s", path.s, STR(err_text(&e))));
            }
        }
        map_put(&l->runtimes, l->a, path, known);
    }
    return *known;
}

/// "REASON. This feature HAPPENS from COLLECTION in version 1.2.3" or "in a release after 2030-01-31".
static const char *when_of(struct library *l, struct val how, struct str coll, const char *happens) {
    struct str why = str_trim(val_text(val_get(how, "warning_text")));
    struct val version = val_get(how, "removal_version");
    bool dated = version.kind == VAL_UNDEF || version.kind == VAL_NULL;
    struct val when = dated ? val_get(how, "removal_date") : version;
    bool stop = !why.n || why.s[why.n - 1] == '.';
    return arena_printf(l->a, "%.*s%s This feature %s from %.*s in %s %.*s.", STR(why), stop ? "" : ".", happens,
                        STR(coll), dated ? "a release after" : "version", STR(val_str_of(l->a, when)));
}

bool library_routed(struct library *l, const struct pb_module *m, const struct module **out, struct err *e) {
    size_t dot = str_find_char(m->name, str_find_char(m->name, 0, '.') + 1, '.');
    struct str coll = str_sub(m->name, 0, dot);
    struct str name = str_sub(m->name, dot + 1, m->name.n);
    struct val routing = val_get(library_runtime(l, coll, m->book_dir), "plugin_routing");
    struct val route = val_get_str(val_get(routing, "modules"), name);
    struct val gone = val_get(route, "tombstone");
    struct val going = val_get(route, "deprecation");
    struct str to = val_text(val_get(route, "redirect"));
    if (gone.kind == VAL_DICT) {
        err_set(e, ERR_ARGS, NO_MARK, "the module '%.*s' has been removed. %s", STR(m->name),
                when_of(l, gone, coll, "was removed"));
        return err_hint(e, "update the playbook");
    }
    if (going.kind == VAL_DICT) {
        session_deprecated(l->x, arena_printf(l->a, "%.*s has been deprecated. %s", STR(m->name),
                                              when_of(l, going, coll, "will be removed")));
    }
    if (!to.n) {
        return true;
    }
    if (++l->redirects > REDIRECTS_MAX) {
        return err_set(e, ERR_LIMIT, NO_MARK, "redirects of the module '%.*s' go round in circles", STR(m->name));
    }
    struct pb_module next = *m;
    next.name = to;
    *out = module_find(to);
    *out = *out ? *out : library_find(l, &next, e);
    l->redirects--;
    return e->code == ERR_NONE;
}
