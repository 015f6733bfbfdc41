// Reads tests/cases/inventory/*.json (written by tests/oracle/inventory_oracle.py) and puts their files into a
// directory.
#pragma once
#include "fd.h"
#include "inv_source.h"
#include "json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct inv_case {
    struct arena a;
    struct err e;
    struct val doc;
    char root[32];
    struct inventory *inv;  // NULL: it could not be loaded
    unsigned warnings;
};

static inline void case_warn(void *self, struct mark at, const char *msg) {
    struct inv_case *c = self;
    (void)at;
    (void)msg;
    c->warnings++;
}

static inline void case_mkdirs(char *path) {
    for (char *p = path + 1; *p; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(path, 0700);
            *p = '/';
        }
    }
}

static inline void case_write(struct inv_case *c, struct str name, struct str text, unsigned mode) {
    char *path = arena_printf(&c->a, "%s/%.*s", c->root, STR(name));
    case_mkdirs(path);
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0 || !fd_write_all(fd, text, &c->e)) {
        BUG("cannot write %s", path);
    }
    (void)fchmod(fd, (mode_t)mode);
    (void)close(fd);
}

static inline void case_remove(struct arena *a, const char *path) {
    DIR *d = opendir(path);
    if (!d) {
        (void)unlink(path);
        return;
    }
    const struct dirent *ent;
    while ((ent = readdir(d))) {  // NOLINT(concurrency-mt-unsafe): one thread
        if (strcmp(ent->d_name, ".") != 0 && strcmp(ent->d_name, "..") != 0) {
            case_remove(a, arena_printf(a, "%s/%s", path, ent->d_name));
        }
    }
    (void)closedir(d);
    (void)rmdir(path);
}

/// A fresh directory for a test without a case file.
static inline void case_init(struct inv_case *c) {
    *c = (struct inv_case){.root = "/tmp/inv-test-XXXXXX"};
    c->e.arena = &c->a;
    if (!mkdtemp(c->root)) {
        BUG("mkdtemp: %s", strerror(errno));  // NOLINT(concurrency-mt-unsafe)
    }
}

static inline void case_load_sources(struct inv_case *c, const char *const *sources, size_t n) {
    struct inv_opts o = {.a = &c->a, .warn = case_warn, .warn_self = c, .script_timeout_ms = 20000};
    c->inv = inv_load(sources, n, &o, &c->e);
}

static inline void case_open(struct inv_case *c, const char *path) {
    case_init(c);
    struct str text;
    if (!fd_read_file(path, 1 << 24, &c->a, &text, &c->e) || !json_parse(&c->a, text, &c->doc, &c->e)) {
        BUG("%s: %.*s", path, STR(err_text(&c->e)));
    }
    struct val files = val_get(c->doc, "files");
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(files, &i))) {
        struct val mode = val_get_key(val_get(c->doc, "modes"), p->key);
        case_write(c, val_text(p->key), val_text(p->value), mode.kind == VAL_INT ? (unsigned)mode.u.i : 0644);
    }
    struct val list = val_get(c->doc, "sources");
    const char *sources[8];
    size_t n = val_len(list);
    for (size_t k = 0; k < n && k < COUNTOF(sources); k++) {
        struct str name = val_text(val_at_index(list, k));
        struct stat st;
        char *full = arena_printf(&c->a, "%s/%.*s", c->root, STR(name));
        sources[k] = stat(full, &st) == 0 ? full : str_z(&c->a, name);
    }
    case_load_sources(c, sources, n);
}

static inline void case_close(struct inv_case *c) {
    case_remove(&c->a, c->root);
    arena_release(&c->a);
}

/// Calls `fn` for every case file; returns how many there were.
static inline size_t case_each(void (*fn)(struct inv_case *c, const char *name)) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str *names;
    size_t n;
    size_t done = 0;
    if (!inv_list_dir(TEST_DATA "/cases/inventory", &a, &names, &n, &e)) {
        BUG("%.*s", STR(err_text(&e)));
    }
    for (size_t i = 0; i < n; i++) {
        if (str_ends(names[i], ".json")) {
            struct inv_case c;
            case_open(&c, arena_printf(&a, TEST_DATA "/cases/inventory/%s", names[i].s));
            fn(&c, names[i].s);
            case_close(&c);
            done++;
        }
    }
    arena_release(&a);
    return done;
}
