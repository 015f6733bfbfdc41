// Argument tables: looking options up and walking them.
#include "spec.h"

static const struct arg file_common[] = {
    {"mode", ARG_RAW, .doc = "Permissions, as an octal number in quotes or symbolic (u=rwX,go=)."},
    {"owner", ARG_STR, .doc = "Name or id of the owner."},
    {"group", ARG_STR, .doc = "Name or id of the group."},
    {"seuser", ARG_STR, .doc = "User part of the SELinux context."},
    {"serole", ARG_STR, .doc = "Role part of the SELinux context."},
    {"selevel", ARG_STR, .doc = "Level part of the SELinux context."},
    {"setype", ARG_STR, .doc = "Type part of the SELinux context."},
    {"attributes", ARG_STR, .aliases = "attr", .doc = "Attributes as chattr takes them."},
    {"unsafe_writes", ARG_BOOL,
     .doc = "Write in place where the file cannot be replaced atomically; by default what ANSIBLE_UNSAFE_WRITES of the "
            "task's environment says, else no."},
    {0},
};

_Static_assert(COUNTOF(file_common) <= 32, "a bit in struct spec for each");

static size_t table_len(const struct arg *t) {
    size_t n = 0;
    while (t && t[n].name) {
        n++;
    }
    return n;
}

static bool table_has(const struct arg *t, const char *name) {
    for (; t && t->name; t++) {
        if (strcmp(t->name, name) == 0) {
            return true;
        }
    }
    return false;
}

struct spec spec_of(const struct module *m) {
    struct spec s = {.own = m->args, .nown = table_len(m->args), .common = m->file_args ? file_common : NULL};
    for (size_t i = 0; s.common && s.common[i].name; i++) {
        s.hidden |= table_has(s.own, s.common[i].name) ? 1U << i : 0;
    }
    return s;
}

struct spec spec_sub(const struct arg *options) {
    return (struct spec){.own = options, .nown = table_len(options)};
}

const struct arg *spec_each(struct spec s, size_t *i) {
    if (*i < s.nown) {
        return &s.own[(*i)++];
    }
    while (s.common && s.common[*i - s.nown].name) {
        size_t at = (*i)++ - s.nown;
        if (!(s.hidden >> at & 1)) {
            return &s.common[at];
        }
    }
    return NULL;
}

bool spec_next(struct str *rest, char sep, struct str *name) {
    while (str_next(rest, sep, name)) {
        // blanks only: a line end may be a choice
        while (name->n && name->s[0] == ' ') {
            *name = str_sub(*name, 1, name->n);
        }
        while (name->n && name->s[name->n - 1] == ' ') {
            name->n--;
        }
        if (name->n) {
            return true;
        }
    }
    return false;
}

static bool has_alias(const struct arg *arg, struct str name) {
    struct str rest = str_from(arg->aliases);
    struct str alias;
    while (spec_next(&rest, '|', &alias)) {
        if (str_eq(alias, name)) {
            return true;
        }
    }
    return false;
}

const struct arg *spec_find(struct spec s, struct str name) {
    const struct arg *arg;
    for (size_t i = 0; (arg = spec_each(s, &i));) {
        if (str_eqz(name, arg->name)) {
            return arg;
        }
    }
    for (size_t i = 0; (arg = spec_each(s, &i));) {
        if (has_alias(arg, name)) {
            return arg;
        }
    }
    return NULL;
}

static struct val expand_one(struct arena *a, struct val v) {
    struct str s = val_text(v);
    if (!val_is(v, VAL_STR) || (!str_starts(s, "~") && str_find_char(s, 0, '$') == SIZE_MAX)) {
        return v;
    }
    return val_at(val_flag(val_str(a, path_expand(a, s)), v.flags), v.mark);
}

static struct val expand_list(struct arena *a, const struct arg *arg, struct val list) {
    struct val out = val_list(a, val_len(list));
    for (size_t i = 0; i < val_len(list); i++) {
        struct val item = val_at_index(list, i);
        if (arg->sub && val_is(item, VAL_DICT)) {
            spec_expand_paths(a, spec_sub(arg->sub), item);
        }
        val_push(a, out, arg->elements == ARG_PATH ? expand_one(a, item) : item);
    }
    return out;
}

void spec_expand_paths(struct arena *a, struct spec s, struct val args) {
    const struct arg *arg;
    for (size_t i = 0; (arg = spec_each(s, &i));) {
        struct val v = val_get(args, arg->name);
        if (arg->type == ARG_PATH && val_is(v, VAL_STR)) {
            val_set(a, args, arg->name, expand_one(a, v));
        } else if (arg->sub && val_is(v, VAL_DICT)) {
            spec_expand_paths(a, spec_sub(arg->sub), v);
        } else if (arg->type == ARG_LIST && val_is(v, VAL_LIST) && (arg->elements == ARG_PATH || arg->sub)) {
            val_set(a, args, arg->name, expand_list(a, arg, v));
        }
    }
}
