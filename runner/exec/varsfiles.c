// vars_files of a play: names with templates, first of several, read once. Also the reader of files of variables.
#include "exec.h"

static bool parse(struct run *r, struct str path, struct str text, bool secret, struct val *out, struct err *e) {
    struct yaml_opts y = {.trusted = true, .secret = secret, .vault = r->o->yaml_vault};
    if (!yaml_load(str_z(&r->a, path), text, &y, &r->a, out, e)) {
        return false;
    }
    if (val_is(*out, VAL_NULL)) {
        *out = val_dict(&r->a, 0);
    }
    if (val_is(*out, VAL_LIST)) {  // a list of dicts counts as one dict
        struct val all = val_dict(&r->a, 8);
        for (size_t i = 0; i < val_len(*out); i++) {
            struct val part = val_at_index(*out, i);
            if (!val_is(part, VAL_DICT)) {
                return err_set(e, ERR_TYPE, part.mark, "a file of variables must hold a dictionary, not %s",
                               val_kind_name(part.kind));
            }
            all = val_merge(&r->a, all, part, false, MERGE_REPLACE);
        }
        *out = all;
    }
    if (!val_is(*out, VAL_DICT)) {
        return err_set(e, ERR_TYPE, out->mark, "a file of variables must hold a dictionary, not %s",
                       val_kind_name(out->kind));
    }
    return true;
}

bool load_vars_file(struct run *r, struct str path, struct val *out, struct err *e) {
    struct val *known = map_get(&r->files, path);
    if (known) {
        *out = *known;
        return true;
    }
    struct file_text f;
    if (!ctl_read_file(r, path, FILE_VARS, &r->a, &f, e) || !parse(r, path, f.text, f.secret, out, e)) {
        return false;
    }
    known = ARENA_NEW(&r->a, struct val);
    *known = *out;
    map_put(&r->files, &r->a, str_dup(&r->a, path), known);
    return true;
}

/// One name: 1 pushed, 2 passed over (needs facts that are not there yet), 0 no such file, -1 error.
static int push_name(struct view *v, struct val name, struct err *e) {
    struct err own = {.arena = v->a};
    if (!view_value(v, name, &name, &own)) {
        if (own.code == ERR_UNDEFINED && (!v->h || !v->h->gathered)) {
            return 2;
        }
        *e = own;
        return -1;
    }
    if (!val_is(name, VAL_STR)) {
        err_set(e, ERR_TYPE, name.mark, "an entry of 'vars_files' must be a string, not %s", val_kind_name(name.kind));
        return -1;
    }
    struct str path;
    struct val vars;
    if (!ctl_find(v, "vars", val_text(name), v->a, &path, &own)) {
        if (own.code == ERR_NOT_FOUND) {
            return 0;
        }
        *e = own;
        return -1;
    }
    if (!load_vars_file(v->r, path, &vars, e)) {
        return -1;
    }
    scope_push(&v->sc, LEVEL_VARS_FILES, vars);
    view_changed(v);
    return 1;
}

static bool push_entry(struct view *v, struct val entry, struct err *e) {
    size_t n = val_is_seq(entry) ? val_len(entry) : 1;
    for (size_t i = 0; i < n; i++) {
        int got = push_name(v, val_is_seq(entry) ? val_at_index(entry, i) : entry, e);
        if (got < 0) {
            return err_wrap(e, entry.mark, "in 'vars_files'");
        }
        if (got) {
            return true;
        }
    }
    if (!v->h) {  // its name may depend on the host
        return true;
    }
    struct buf b = BUF_IN(v->a);
    val_to_str(&b, entry);
    return err_set(e, ERR_NOT_FOUND, entry.mark, "vars file '%.*s' was not found", STR(buf_view(&b)));
}

bool vars_files_push(struct view *v, struct err *e) {
    struct val files = v->pr->play->vars_files;
    if (val_is(files, VAL_STR)) {
        return push_entry(v, files, e);
    }
    for (size_t i = 0; val_is_seq(files) && i < val_len(files); i++) {
        if (!push_entry(v, val_at_index(files, i), e)) {
            return false;
        }
    }
    return true;
}
