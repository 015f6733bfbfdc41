// Reading and changing the account files. The files are read first, then the target's own `getent`.
#include "accounts.h"

#include "fd.h"
#include "ids.h"
#include "replace.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILE_MAX  ((size_t)64 << 20)
#define LOCK_FILE "/etc/.pwd.lock"
#define LOCK_MS   15000

// -- reading ---------------------------------------------------------------------------------------------------------

static struct str entry_of(struct mod_call *c, const char *path, size_t field, struct str key) {
    struct err e = {.arena = c->arena};
    struct str text;
    struct str line;
    if (!fd_read_file(path, FILE_MAX, c->arena, &text, &e)) {
        return STR_NONE;
    }
    while (str_next(&text, '\n', &line)) {
        if (line.n > 0 && str_eq(ids_field(line, field), key)) {
            return line;
        }
    }
    return STR_NONE;
}

static int64_t number(struct str field) {
    int64_t n;
    return str_int(field, &n) ? n : -1;
}

static void read_shadow(struct mod_call *c, struct account *out) {
    struct str line = entry_of(c, "/etc/shadow", 0, out->name);
    if (!line.s && geteuid() == 0) {
        line = ids_line(c->arena, "shadow", out->name);
    }
    if (!line.s) {
        return;
    }
    out->has_shadow = true;
    out->password = ids_field(line, 1);
    out->min_days = number(ids_field(line, 3));
    out->max_days = number(ids_field(line, 4));
    out->warn_days = number(ids_field(line, 5));
    out->inactive_days = number(ids_field(line, 6));
    out->expires_day = number(ids_field(line, 7));
}

void account_user(struct mod_call *c, struct str name, bool local, struct account *out) {
    *out = (struct account){.name = name};
    out->min_days = out->max_days = out->warn_days = out->inactive_days = out->expires_day = -1;
    struct str line = local ? entry_of(c, "/etc/passwd", 0, name) : ids_line(c->arena, "passwd", name);
    if (!line.s) {
        return;
    }
    out->found = true;
    out->uid = (uid_t)number(ids_field(line, 2));
    out->gid = (gid_t)number(ids_field(line, 3));
    out->comment = ids_field(line, 4);
    out->home = ids_field(line, 5);
    out->shell = ids_field(line, 6);
    out->password = ids_field(line, 1);
    read_shadow(c, out);
}

struct str account_group(struct mod_call *c, struct str name, bool local) {
    int64_t gid;
    struct str line = local ? entry_of(c, "/etc/group", 0, name) : ids_line(c->arena, "group", name);
    if (!line.s && str_int(name, &gid) && gid >= 0) {
        line = entry_of(c, "/etc/group", 2, name);
        if (!line.s && !local) {
            struct str found = ids_group_name(c->arena, (gid_t)gid);
            line = str_eq(found, name) ? STR_NONE : ids_line(c->arena, "group", found);
        }
    }
    return line;
}

static bool is_member(struct str members, struct str user) {
    struct str one;
    while (str_next(&members, ',', &one)) {
        if (str_eq(one, user)) {
            return true;
        }
    }
    return false;
}

struct val account_memberships(struct mod_call *c, struct str user) {
    struct val out = val_list(c->arena, 4);
    struct err e = {.arena = c->arena};
    struct str text;
    struct str line;
    if (!fd_read_file("/etc/group", FILE_MAX, c->arena, &text, &e)) {
        return out;
    }
    while (str_next(&text, '\n', &line)) {
        if (is_member(ids_field(line, 3), user)) {
            val_push(c->arena, out, val_str(c->arena, ids_field(line, 0)));
        }
    }
    return out;
}

// -- tools -----------------------------------------------------------------------------------------------------------

bool account_has_tool(struct mod_call *c, const char *tool) {
    return spawn_which(c->arena, tool) != NULL;
}

static bool possible_name(struct str name) {
    bool ok = name.n > 0 && name.s[0] != '-';
    for (size_t i = 0; i < name.n; i++) {
        unsigned char ch = (unsigned char)name.s[i];
        ok = ok && ch >= ' ' && ch != ':' && ch != ',' && ch != '/' && ch != 0x7f;
    }
    return ok;
}

bool account_none_to_remove(struct mod_call *c) {
    return str_eqz(mod_str(c, "state"), "absent") && !possible_name(mod_str(c, "name"));
}

bool account_name_ok(struct mod_call *c, const char *what, struct err *e) {
    struct str name = mod_str(c, "name");
    return account_none_to_remove(c) || possible_name(name) ||
           mod_fail(c, e, "'%.*s' is not a valid %s", STR(name), what);
}

// -- changing --------------------------------------------------------------------------------------------------------

static bool lock(struct mod_call *c, int *fd, struct err *e) {
    *fd = open(LOCK_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0) {
        return mod_fail_sys(c, e, errno, "cannot open %s", LOCK_FILE);
    }
    int64_t deadline = clock_ms() + LOCK_MS;
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    while (fcntl(*fd, F_SETLK, &l) != 0) {
        if ((errno != EAGAIN && errno != EACCES && errno != EINTR) || clock_ms() >= deadline) {
            return mod_fail_sys(c, e, errno, "cannot lock %s", LOCK_FILE);
        }
        struct timespec nap = {.tv_nsec = 50000000};
        nanosleep(&nap, NULL);
    }
    return true;
}

static struct str changed_line(struct arena *a, const struct account_edit *edit, struct str line) {
    struct buf b = BUF_IN(a);
    struct str part;
    for (size_t i = 0; str_next(&line, ':', &part); i++) {
        if (i > 0) {
            buf_char(&b, ':');
        }
        buf_str(&b, i < edit->n && edit->field[i].s ? edit->field[i] : part);
    }
    return buf_view(&b);
}

bool account_change(struct mod_call *c, const struct account_edit *edit, struct err *e) {
    CLEANUP(fd_closep) int fd = -1;
    struct str text;
    for (size_t i = 0; i < edit->n; i++) {
        if (edit->field[i].n &&
            (memchr(edit->field[i].s, ':', edit->field[i].n) || memchr(edit->field[i].s, '\n', edit->field[i].n))) {
            return mod_fail(c, e, "invalid field '%.*s' for %s", STR(edit->field[i]), edit->file);
        }
    }
    if (!lock(c, &fd, e) || !fd_read_file(edit->file, FILE_MAX, c->arena, &text, e)) {
        return false;
    }
    struct buf b = BUF_IN(c->arena);
    struct str line;
    bool found = false;
    while (text.n > 0 && str_next(&text, '\n', &line)) {
        bool hit = !found && line.n > 0 && str_eq(ids_field(line, 0), edit->name);
        found = found || hit;
        buf_str(&b, hit ? changed_line(c->arena, edit, line) : line);
        buf_char(&b, '\n');
    }
    if (!found) {
        return mod_fail(c, e, "no entry for '%.*s' in %s", STR(edit->name), edit->file);
    }
    return replace_file(c, &(struct replace){.path = edit->file, .data = buf_view(&b)}, e);
}

bool account_set_password(struct mod_call *c, struct str name, struct str crypted, struct run_result *r,
                          struct err *e) {
    struct words w = {0};
    words_add(c, &w, "chpasswd");
    words_add(c, &w, "-e");
    struct str input = str_printf(c->arena, "%.*s:%.*s\n", STR(name), STR(crypted));
    return words_run(c, &w, input, r, e);
}
