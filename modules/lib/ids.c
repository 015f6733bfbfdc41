// /etc/passwd and /etc/group read as text; what they do not know (LDAP, sssd) is asked from getent.
#include "ids.h"

#include "fd.h"
#include "run.h"

#define DATABASE_MAX ((size_t)16 << 20)

struct str ids_field(struct str line, size_t i) {
    struct str part = STR_NONE;
    for (size_t k = 0; k <= i; k++) {
        if (!str_next(&line, ':', &part)) {
            return STR_NONE;
        }
    }
    return part;
}

// The line whose field `field` is `key`.
static struct str find_line(struct str text, size_t field, struct str key) {
    struct str line;
    while (str_next(&text, '\n', &line)) {
        if (line.n > 0 && str_eq(ids_field(line, field), key)) {
            return line;
        }
    }
    return STR_NONE;
}

static struct str lookup(struct arena *a, const char *database, size_t field, struct str key) {
    struct err e = {.arena = a};
    struct str text;
    if (fd_read_file(arena_printf(a, "/etc/%s", database), DATABASE_MAX, a, &text, &e)) {
        struct str line = find_line(text, field, key);
        if (line.s) {
            return line;
        }
    }
    if (key.n == 0 || key.s[0] == '-') {
        return STR_NONE;  // it would be read as an option
    }
    const char *argv[] = {"getent", database, str_z(a, key), NULL};
    struct run_result r;
    err_clear(&e);
    if (!run_command(&(struct run){.argv = argv, .timeout_ms = 30000}, a, &r, &e) || r.rc != 0) {
        return STR_NONE;
    }
    return find_line(r.out, field, key);
}

struct str ids_line(struct arena *a, const char *database, struct str key) {
    return lookup(a, database, 0, key);
}

static bool id_of(struct arena *a, const char *database, struct str name, int64_t *id) {
    struct str line = lookup(a, database, 0, name);
    if (line.s) {
        return str_int(ids_field(line, 2), id);
    }
    return str_int(name, id) && *id >= 0 && *id <= UINT32_MAX;
}

bool ids_user(struct arena *a, struct str name, uid_t *uid, struct err *e) {
    int64_t id;
    if (!id_of(a, "passwd", name, &id)) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "chown failed: failed to look up user %.*s", STR(name));
    }
    *uid = (uid_t)id;
    return true;
}

bool ids_group(struct arena *a, struct str name, gid_t *gid, struct err *e) {
    int64_t id;
    if (!id_of(a, "group", name, &id)) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "chgrp failed: failed to look up group %.*s", STR(name));
    }
    *gid = (gid_t)id;
    return true;
}

static struct str name_of(struct arena *a, const char *database, unsigned long id) {
    struct str key = str_printf(a, "%lu", id);
    struct str line = lookup(a, database, 2, key);
    return line.s ? str_dup(a, ids_field(line, 0)) : key;
}

struct str ids_user_name(struct arena *a, uid_t uid) {
    return uid == 0 ? STR_LIT("root") : name_of(a, "passwd", uid);
}

struct str ids_group_name(struct arena *a, gid_t gid) {
    return gid == 0 ? STR_LIT("root") : name_of(a, "group", gid);
}
