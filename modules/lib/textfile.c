// What modules that edit a text file share.
#include "textfile.h"

#include "home.h"
#include "trust.h"

#include <errno.h>
#include <unistd.h>

bool textfile_open(struct mod_call *c, struct textfile *t, struct err *e) {
    struct stat st;
    t->path = t->real = mod_z(c, "path");
    if (stat(t->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        mod_set(c, "rc", val_int(256));
        return mod_fail(c, e, "Path %s is a directory !", t->path);
    }
    if (!trust_path(c, t->path, true, e)) {
        return false;
    }
    if (lstat(t->path, &st) == 0 && S_ISLNK(st.st_mode)) {
        t->real = trust_real(c, t->path, e);
    }
    if (!t->real || !replace_old(c, t->real, &t->old, &t->found, e)) {
        return false;
    }
    t->now = t->old;
    return fsattr_read(c, "mode", &t->attr, e);
}

static void push_diff(struct mod_call *c, const struct textfile *t, struct val before, struct val after) {
    struct val d = val_dict(c->arena, 4);
    struct val header = val_printf(c->arena, "%s (file attributes)", t->path);
    val_set(c->arena, d, "before", before);
    val_set(c->arena, d, "after", after);
    val_set(c->arena, d, "before_header", header);
    val_set(c->arena, d, "after_header", header);
    c->diffs = val_is(c->diffs, VAL_LIST) ? c->diffs : val_list(c->arena, 1);
    val_push(c->arena, c->diffs, d);
}

bool textfile_attributes(struct mod_call *c, struct textfile *t, struct str msg, bool diff, struct err *e) {
    struct stat st;
    struct val before = val_dict(c->arena, 4);
    struct val after = val_dict(c->arena, 4);
    bool differs = false;
    mod_set_str(c, "msg", msg);
    if (!t->found) {
        if (c->check) {
            return true;
        }
        st = fsattr_fresh(t->real, false);
    } else if (lstat(t->real, &st) != 0) {
        return mod_fail_sys(c, e, errno, "cannot look at '%s'", t->real);
    }
    if (!fsattr_differs(c, &t->attr, t->real, &st, before, after, &differs, e)) {
        return false;
    }
    if (differs) {
        mod_set(c, "msg",
                val_printf(c->arena, "%.*s%sownership, perms or SE linux context changed", STR(msg),
                           c->changed ? " and " : ""));
        mod_changed(c);
        if (diff) {
            push_diff(c, t, before, after);
        }
    }
    return true;
}

void textfile_diff(struct mod_call *c, const struct textfile *t) {
    struct val content = val_dict(c->arena, 4);
    struct val header = val_printf(c->arena, "%s (content)", t->path);
    val_set(c->arena, content, "before", c->diff ? val_str(c->arena, t->old) : val_z(c->arena, ""));
    val_set(c->arena, content, "after", c->diff ? val_str(c->arena, t->now) : val_z(c->arena, ""));
    val_set(c->arena, content, "before_header", header);
    val_set(c->arena, content, "after_header", header);
    if (c->check && !t->found) {
        mod_set(c, "diff", content);
        return;
    }
    struct val pair = val_list(c->arena, 2);
    struct val attributes = val_len(c->diffs) ? val_at_index(c->diffs, 0) : (struct val){0};
    if (!val_is(attributes, VAL_DICT)) {
        header = val_printf(c->arena, "%s (file attributes)", t->path);
        attributes = val_dict(c->arena, 2);
        val_set(c->arena, attributes, "before_header", header);
        val_set(c->arena, attributes, "after_header", header);
    }
    val_push(c->arena, pair, content);
    val_push(c->arena, pair, attributes);
    mod_set(c, "diff", pair);
}

bool textfile_write(struct mod_call *c, struct textfile *t, struct err *e) {
    struct str backup = STR_LIT("");
    if (t->found && str_eq(t->old, t->now)) {
        return fsattr_apply(c, &t->attr, t->real, e);
    }
    if (!t->found && !home_parents(c, t->real, e)) {
        return false;
    }
    if (mod_bool(c, "backup") && t->found && !replace_backup(c, t->real, t->path, &backup, e)) {
        return false;
    }
    struct replace r = {.path = t->real,
                        .data = t->now,
                        .attr = &t->attr,
                        .validate = mod_z(c, "validate"),
                        .unsafe_writes = mod_bool(c, "unsafe_writes")};
    if (!replace_file(c, &r, e)) {
        return false;
    }
    if (backup.n) {
        mod_set_str(c, "backup_file", backup);
    }
    struct fsattr rest = t->attr;  // what cannot be set before the file is in place
    rest.has_mode = rest.has_uid = rest.has_gid = false;
    return fsattr_apply(c, &rest, t->real, e);
}
