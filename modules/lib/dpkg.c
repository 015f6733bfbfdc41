// The status file: paragraphs of "Field: value".
#include "dpkg.h"

#include "fd.h"

#include <ctype.h>

#define STATUS_MAX ((size_t)256 << 20)

struct fields {
    struct str package, status, version, arch, provides, section;
};

static void read_field(struct fields *f, struct str line) {
    static const struct {
        const char *name;
        size_t offset;
    } known[] = {{"Package:", offsetof(struct fields, package)},   {"Status:", offsetof(struct fields, status)},
                 {"Version:", offsetof(struct fields, version)},   {"Architecture:", offsetof(struct fields, arch)},
                 {"Provides:", offsetof(struct fields, provides)}, {"Section:", offsetof(struct fields, section)}};
    for (size_t i = 0; i < COUNTOF(known); i++) {
        if (str_starts(line, known[i].name)) {
            struct str *at = (struct str *)(void *)((char *)f + known[i].offset);
            *at = str_trim(str_sub(line, strlen(known[i].name), line.n));
        }
    }
}

static void add_provides(struct dpkg *d, struct arena *a, struct str list, struct dpkg_package *p) {
    struct str one;
    while (list.n > 0 && str_next(&list, ',', &one)) {
        one = str_trim(one);
        size_t end = str_find_char(one, 0, ' ');
        one = str_sub(one, 0, end);
        if (one.n > 0) {
            map_put(&d->provides, a, one, p);
        }
    }
}

static void add_package(struct dpkg *d, struct arena *a, const struct fields *f) {
    if (f->package.n == 0) {
        return;
    }
    struct dpkg_package *p = ARENA_NEW(a, struct dpkg_package);
    p->name = f->package;
    p->arch = f->arch;
    p->version = f->version;
    p->section = f->section;
    p->installed = str_ends(f->status, " ok installed");
    p->held = str_starts(f->status, "hold ");
    const struct dpkg_package *old = map_get(&d->by_name, p->name);
    if (!old || !old->installed) {
        map_put(&d->by_name, a, p->name, p);
    }
    map_put(&d->by_name, a, str_printf(a, "%.*s:%.*s", STR(p->name), STR(p->arch)), p);
    if (str_eqz(p->name, "dpkg")) {
        d->native = p->arch;
    }
    if (p->installed) {
        add_provides(d, a, f->provides, p);
    }
}

bool dpkg_load(struct arena *a, struct dpkg *d, struct err *e) {
    *d = (struct dpkg){0};
    struct str text;
    if (!fd_read_file("/var/lib/dpkg/status", STATUS_MAX, a, &text, e)) {
        return err_wrap(e, NO_MARK, "cannot read what is installed: this does not look like a Debian system");
    }
    struct fields f = {0};
    struct str rest = text;
    struct str line;
    while (str_next(&rest, '\n', &line)) {
        if (line.n == 0) {
            add_package(d, a, &f);
            f = (struct fields){0};
        } else if (line.s[0] != ' ') {
            read_field(&f, line);
        }
    }
    add_package(d, a, &f);
    return true;
}

const struct dpkg_package *dpkg_installed(const struct dpkg *d, struct str name) {
    const struct dpkg_package *p = map_get(&d->by_name, name);
    size_t colon = str_find_char(name, 0, ':');
    if (!p && colon != SIZE_MAX && str_eq(str_sub(name, colon + 1, name.n), d->native)) {
        // A package of all architectures is there for the own one.
        p = map_get(&d->by_name, str_sub(name, 0, colon));
        p = p && str_eqz(p->arch, "all") ? p : NULL;
    }
    return p && p->installed ? p : NULL;
}

// Order of a character in the non-digit part: '~' first, then the end, letters, everything else.
static int weight(struct str s, size_t i) {
    if (i >= s.n || isdigit((unsigned char)s.s[i])) {
        return 0;
    }
    if (s.s[i] == '~') {
        return -1;
    }
    return isalpha((unsigned char)s.s[i]) ? s.s[i] : (unsigned char)s.s[i] + 256;
}

static int compare_part(struct str a, struct str b) {
    size_t i = 0;
    size_t j = 0;
    while (i < a.n || j < b.n) {
        while ((i < a.n && !isdigit((unsigned char)a.s[i])) || (j < b.n && !isdigit((unsigned char)b.s[j]))) {
            int x = weight(a, i);
            int y = weight(b, j);
            if (x != y) {
                return x - y;
            }
            i++;
            j++;
        }
        while (i < a.n && a.s[i] == '0') {
            i++;
        }
        while (j < b.n && b.s[j] == '0') {
            j++;
        }
        int first = 0;
        while (i < a.n && isdigit((unsigned char)a.s[i]) && j < b.n && isdigit((unsigned char)b.s[j])) {
            first = first ? first : a.s[i] - b.s[j];
            i++;
            j++;
        }
        if (i < a.n && isdigit((unsigned char)a.s[i])) {
            return 1;
        }
        if (j < b.n && isdigit((unsigned char)b.s[j])) {
            return -1;
        }
        if (first) {
            return first;
        }
    }
    return 0;
}

static struct str cut_epoch(struct str *v) {
    size_t colon = str_find_char(*v, 0, ':');
    if (colon == SIZE_MAX) {
        return STR_LIT("0");
    }
    struct str epoch = str_sub(*v, 0, colon);
    *v = str_sub(*v, colon + 1, v->n);
    return epoch;
}

static struct str cut_revision(struct str *v) {
    size_t dash = SIZE_MAX;
    for (size_t i = 0; i < v->n; i++) {
        dash = v->s[i] == '-' ? i : dash;
    }
    if (dash == SIZE_MAX) {
        return STR_LIT("0");
    }
    struct str rev = str_sub(*v, dash + 1, v->n);
    *v = str_sub(*v, 0, dash);
    return rev;
}

int dpkg_compare(struct str a, struct str b) {
    int c = compare_part(cut_epoch(&a), cut_epoch(&b));
    if (c) {
        return c;
    }
    struct str ra = cut_revision(&a);
    struct str rb = cut_revision(&b);
    c = compare_part(a, b);
    return c ? c : compare_part(ra, rb);
}
