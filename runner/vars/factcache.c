// The fact cache: where facts are between runs, and when they are too old. One thread at a time.
#include "factcache.h"

#include "fd.h"
#include "json.h"
#include "typo.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FACTS_MAX ((size_t)64 << 20)
#define BUSY_MS   10000

struct fact_cache {
    struct arena *a;
    struct fact_cache_opts o;
    sqlite3 *db;  // NULL: files
};

// -- files -----------------------------------------------------------------------------------------------------------

/// The file of a host; NULL for a name that would lead elsewhere.
static const char *file_of(const struct fact_cache *c, struct str host, struct arena *a) {
    if (!host.n || memchr(host.s, '/', host.n) || memchr(host.s, 0, host.n)) {
        return NULL;
    }
    return arena_printf(a, "%.*s/%.*s%.*s", STR(c->o.connection), STR(c->o.prefix), STR(host));
}

static bool too_old(const struct fact_cache *c, int64_t saved) {
    return c->o.timeout_s > 0 && (int64_t)time(NULL) - saved > c->o.timeout_s;
}

static bool file_get(struct fact_cache *c, struct str host, struct arena *a, struct val *out, struct err *e) {
    const char *path = file_of(c, host, a);
    struct stat st;
    struct str text;
    if (!path || stat(path, &st) != 0 || too_old(c, (int64_t)st.st_mtime)) {
        return true;
    }
    return fd_read_file(path, FACTS_MAX, a, &text, e) &&
           (json_parse(a, text, out, e) ||
            err_wrap(e, NO_MARK, "the cached facts in '%s' are damaged; remove the file", path));
}

static bool make_dirs(struct arena *a, struct str path, struct err *e) {
    for (size_t i = 1; i <= path.n; i++) {
        if (i < path.n && path.s[i] != '/') {
            continue;
        }
        const char *part = str_z(a, str_sub(path, 0, i));
        if (mkdir(part, 0755) != 0 && errno != EEXIST) {
            return err_sys(e, errno, NO_MARK, "cannot make the directory '%s' for cached facts", part);
        }
    }
    return true;
}

// -- the database ----------------------------------------------------------------------------------------------------

static bool db_error(const struct fact_cache *c, const char *what, struct err *e) {
    return err_set(e, ERR_SYS, NO_MARK, "cannot %s the fact cache '%.*s': %s", what, STR(c->o.connection),
                   c->db ? sqlite3_errmsg(c->db) : "out of memory");
}

static bool db_open(struct fact_cache *c, struct err *e) {
    struct stat st;
    if (stat(str_z(c->a, c->o.connection), &st) == 0 && S_ISDIR(st.st_mode)) {
        c->o.connection = str_printf(c->a, "%.*s/facts.sqlite", STR(c->o.connection));
    }
    static const char schema[] = "CREATE TABLE IF NOT EXISTS facts (host TEXT PRIMARY KEY, saved INTEGER NOT NULL, "
                                 "facts TEXT NOT NULL) WITHOUT ROWID";
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    mode_t old = umask(077);
    int rc = sqlite3_open_v2(str_z(c->a, c->o.connection), &c->db, flags, NULL);
    umask(old);
    if (rc != SQLITE_OK) {
        return db_error(c, "open", e);
    }
    sqlite3_busy_timeout(c->db, BUSY_MS);
    return sqlite3_exec(c->db, schema, NULL, NULL, NULL) == SQLITE_OK || db_error(c, "use", e);
}

static void finish(sqlite3_stmt **s) {
    sqlite3_finalize(*s);
}

/// A prepared statement with the host bound as ?1; NULL with an error.
static sqlite3_stmt *statement(struct fact_cache *c, const char *sql, struct str host, struct err *e) {
    sqlite3_stmt *s = NULL;
    struct str key = str_printf(e->arena, "%.*s%.*s", STR(c->o.prefix), STR(host));
    if (sqlite3_prepare_v2(c->db, sql, -1, &s, NULL) != SQLITE_OK ||
        sqlite3_bind_text(s, 1, key.s, (int)key.n, SQLITE_TRANSIENT) != SQLITE_OK) {
        sqlite3_finalize(s);
        (void)db_error(c, "read", e);
        return NULL;
    }
    return s;
}

static bool db_get(struct fact_cache *c, struct str host, struct arena *a, struct val *out, struct err *e) {
    sqlite3_stmt *s CLEANUP(finish) = statement(c, "SELECT saved, facts FROM facts WHERE host = ?1", host, e);
    if (!s) {
        return false;
    }
    int rc = sqlite3_step(s);
    if (rc == SQLITE_DONE) {
        return true;
    }
    if (rc != SQLITE_ROW) {
        return db_error(c, "read", e);
    }
    if (too_old(c, sqlite3_column_int64(s, 0))) {
        return true;
    }
    struct str text = {(const char *)sqlite3_column_text(s, 1), (size_t)sqlite3_column_bytes(s, 1)};
    return json_parse(a, text, out, e) || err_wrap(e, NO_MARK, "the cached facts of '%.*s' are damaged", STR(host));
}

static bool db_write(struct fact_cache *c, struct str host, const struct str *text, struct err *e) {
    const char *sql = text ? "INSERT OR REPLACE INTO facts (host, saved, facts) VALUES (?1, ?2, ?3)"
                           : "DELETE FROM facts WHERE host = ?1";
    sqlite3_stmt *s CLEANUP(finish) = statement(c, sql, host, e);
    if (!s) {
        return false;
    }
    bool ok = !text || (sqlite3_bind_int64(s, 2, (sqlite3_int64)time(NULL)) == SQLITE_OK &&
                        sqlite3_bind_text(s, 3, text->s, (int)text->n, SQLITE_STATIC) == SQLITE_OK);
    return (ok && sqlite3_step(s) == SQLITE_DONE) || db_error(c, "write", e);
}

// -- both ------------------------------------------------------------------------------------------------------------

bool fact_cache_open(const struct fact_cache_opts *o, struct arena *a, struct fact_cache **out, struct err *e) {
    static const char *const names[] = {"memory", "jsonfile", "sqlite"};
    struct str name = str_starts(o->plugin, "ansible.builtin.") ? str_sub(o->plugin, 16, o->plugin.n) : o->plugin;
    *out = NULL;
    if (!name.n || str_eqz(name, "memory")) {
        return true;
    }
    bool files = str_eqz(name, "jsonfile") || str_eqz(name, "community.general.jsonfile");
    if (!files && !str_eqz(name, "sqlite")) {
        const char *near = typo_nearest(name, names, COUNTOF(names));
        (void)err_set(e, ERR_ARGS, NO_MARK, "unknown fact cache '%.*s'", STR(o->plugin));
        return near ? err_hint(e, "did you mean '%s'?", near) : err_hint(e, "memory, jsonfile and sqlite are built in");
    }
    if (!o->connection.n) {
        return err_set(e, ERR_ARGS, NO_MARK, "the fact cache '%.*s' needs fact_caching_connection: %s", STR(name),
                       files ? "the directory of its files" : "the file of its database");
    }
    struct fact_cache *c = ARENA_NEW(a, struct fact_cache);
    *c = (struct fact_cache){.a = a, .o = *o};
    *out = c;
    return files ? make_dirs(a, o->connection, e) : db_open(c, e);
}

void fact_cache_close(struct fact_cache *c) {
    if (c && c->db) {
        sqlite3_close(c->db);
        c->db = NULL;
    }
}

bool fact_cache_get(struct fact_cache *c, struct str host, struct arena *a, struct val *out, struct err *e) {
    *out = (struct val){.kind = VAL_UNDEF};
    if (!(c->db ? db_get(c, host, a, out, e) : file_get(c, host, a, out, e))) {
        return false;
    }
    return out->kind == VAL_UNDEF || out->kind == VAL_DICT ||
           err_set(e, ERR_SYNTAX, NO_MARK, "the cached facts of '%.*s' are not a dictionary", STR(host));
}

bool fact_cache_put(struct fact_cache *c, struct str host, struct val facts, struct err *e) {
    struct arena scratch = {0};
    struct buf b = BUF_IN(&scratch);
    struct json_style style = {.indent = 4, .sort_keys = true, .ascii = true};
    const char *path = c->db ? NULL : file_of(c, host, &scratch);
    bool ok = json_write(&b, facts, &style, e);
    if (ok) {
        struct str text = buf_view(&b);
        ok = c->db ? db_write(c, host, &text, e) : !path || fd_replace_file(path, text, 0644, e);
    }
    arena_release(&scratch);
    return ok || err_wrap(e, NO_MARK, "cannot keep the facts of '%.*s'", STR(host));
}

bool fact_cache_forget(struct fact_cache *c, struct str host, struct err *e) {
    if (c->db) {
        return db_write(c, host, NULL, e);
    }
    const char *path = file_of(c, host, e->arena);
    return !path || unlink(path) == 0 || errno == ENOENT || err_sys(e, errno, NO_MARK, "cannot remove '%s'", path);
}
