// What apt offers: versions, and who provides a name.
#include "aptoffer.h"
#include "run.h"

#include <fnmatch.h>
#include <stdlib.h>

static void add(struct mod_call *c, struct apt_names *v, const char *word) {
    VEC_PUSH(c->arena, *v, word);
}

// A line of a version table: "     2.0 500" or " *** 1.0 100".
static struct str table_version(struct str line) {
    bool row = line.n > 5 && line.s[5] != ' ' && (str_starts(line, "     ") || str_starts(line, " *** "));
    return row ? str_sub(line, 5, str_find_char(line, 5, ' ')) : STR_NONE;
}

static bool apt_cache(struct mod_call *c, const struct apt_names *v, struct str *out, struct err *e) {
    struct run_result r;
    setenv("LC_ALL", "C.UTF-8", 1);
    if (!run_command(&(struct run){.argv = v->p}, c->arena, &r, e)) {
        return false;
    }
    *out = r.out;
    if (r.rc != 0) {
        mod_set(c, "rc", val_int(r.rc));
        mod_set_str(c, "stdout", r.out);
        mod_set_str(c, "stderr", r.err);
        return mod_fail(c, e, "apt-cache %s failed: %.*s", v->p[1], STR(str_trim(r.err)));
    }
    return true;
}

bool apt_offers(struct mod_call *c, const struct apt_names *names, struct map *out, struct err *e) {
    struct apt_names v = {0};
    add(c, &v, "apt-cache");
    add(c, &v, "policy");
    if (mod_has(c, "default_release")) {
        add(c, &v, "-t");
        add(c, &v, mod_z(c, "default_release"));
    }
    add(c, &v, "--");
    for (size_t i = 0; i < names->n; i++) {
        add(c, &v, names->p[i]);
    }
    add(c, &v, NULL);
    struct str rest;
    if (!apt_cache(c, &v, &rest, e)) {
        return false;
    }
    struct str line;
    struct apt_offer *o = NULL;
    while (str_next(&rest, '\n', &line)) {
        if (line.n > 1 && line.s[0] != ' ') {
            o = ARENA_NEW(c->arena, struct apt_offer);
            map_put(out, c->arena, str_sub(line, 0, line.n - 1), o);
            continue;
        }
        struct str t = str_trim(line);
        struct str version = table_version(line);
        if (o && str_starts(t, "Candidate:")) {
            o->candidate = str_trim(str_sub(t, 10, t.n));
        } else if (o && version.n > 0) {
            VEC_PUSH(c->arena, o->versions, version);
        }
    }
    return true;
}

struct apt_want apt_split(struct str word) {
    size_t eq = str_find_char(word, 0, '=');
    struct apt_want w = {.name = str_sub(word, 0, eq)};
    if (eq != SIZE_MAX) {
        w.version = str_sub(word, eq + 1, word.n);
        w.at_least = str_ends(w.name, ">");
        w.name = w.at_least ? str_sub(w.name, 0, eq - 1) : w.name;
    }
    return w;
}

bool apt_version_matches(struct mod_call *c, struct str have, const struct apt_want *w) {
    if (w->at_least) {
        return dpkg_compare(have, w->version) >= 0;
    }
    return fnmatch(str_z(c->arena, w->version), str_z(c->arena, have), 0) == 0;
}

// The packages that provide a name and their versions: the rows of "Reverse Provides:".
static bool providers(struct mod_call *c, struct str name, struct str *rows, struct err *e) {
    struct apt_names v = {0};
    add(c, &v, "apt-cache");
    add(c, &v, "showpkg");
    add(c, &v, "--");
    add(c, &v, str_z(c->arena, name));
    add(c, &v, NULL);
    struct str text;
    if (!apt_cache(c, &v, &text, e)) {
        return false;
    }
    struct str mark = STR_LIT("Reverse Provides:");
    size_t at = str_find(text, 0, mark);
    *rows = at == SIZE_MAX ? STR_NONE : str_sub(text, at + mark.n, text.n);
    return true;
}

bool apt_providers(struct mod_call *c, struct str name, size_t *count, struct str *last, struct err *e) {
    struct str rest;
    *count = 0;
    if (!providers(c, name, &rest, e)) {
        return false;
    }
    struct str line;
    struct apt_names names = {0};
    struct map offers = {0};
    struct map seen = {0};
    for (struct str list = rest; str_next(&list, '\n', &line);) {
        struct str one = str_sub(line, 0, str_find_char(line, 0, ' '));
        if (one.n > 0 && !map_get(&seen, one)) {
            map_put(&seen, c->arena, one, c);
            add(c, &names, str_z(c->arena, one));
        }
    }
    if (names.n == 0 || !apt_offers(c, &names, &offers, e)) {
        return names.n == 0;
    }
    for (struct str list = rest; str_next(&list, '\n', &line);) {
        struct str one;
        struct str version;
        const struct apt_offer *o = str_next(&line, ' ', &one) ? map_get(&offers, one) : NULL;
        if (o && str_next(&line, ' ', &version) && str_eq(o->candidate, version)) {
            *last = one;
            ++*count;
        }
    }
    return true;
}

struct str apt_best(struct mod_call *c, const struct apt_offer *o, const struct apt_want *w) {
    if (!o || !w->version.n || w->at_least) {
        bool fits = o && !str_eqz(o->candidate, "(none)") && (!w->version.n || apt_version_matches(c, o->candidate, w));
        return fits ? o->candidate : STR_NONE;
    }
    for (size_t i = 0; i < o->versions.n; i++) {
        if (apt_version_matches(c, o->versions.p[i], w)) {
            return o->versions.p[i];
        }
    }
    return STR_NONE;
}
