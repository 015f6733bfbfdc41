// Cases with races: another user exchanges what a case writes for a link to a file of root's and back, as fast as he
// can, while the module is called again and again. What the link leads to stays as it is, and nobody gets to read it.
#include "case.h"

#include "fd.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRANGER 65534
#define TRIES    300
#define LONG_MS  3000  // fewer tries of a module that takes its time

/// One name, and what it is in turn: a link, and what was there (NULL: nothing).
struct swap {
    const char *path, *secret, *link, *plain, *old;
    bool whole;  // a directory, with everything in it
    atomic_bool stop;
    atomic_long turns;
};

static void turn(const struct swap *s) {
    if (s->whole) {
        (void)renameat2(AT_FDCWD, s->path, AT_FDCWD, s->link, RENAME_EXCHANGE);
        return;
    }
    if (symlink(s->secret, s->link) == 0 && lchown(s->link, STRANGER, STRANGER) == 0) {
        (void)rename(s->link, s->path);
    }
    if (!s->old) {
        unlink(s->path);
    } else if (link(s->old, s->plain) == 0) {
        (void)rename(s->plain, s->path);
        unlink(s->plain);
    }
}

static void *swapper(void *arg) {
    struct swap *s = arg;
    while (!atomic_load(&s->stop)) {
        turn(s);
        atomic_fetch_add(&s->turns, 1);
    }
    return NULL;
}

/// Calls the module while the other thread does its work.
static bool calls(struct one *c, struct swap *s) {
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, swapper, s);
    if (rc != 0) {
        return err_sys(c->e, rc, NO_MARK, "cannot start a thread");
    }
    bool ok = true;
    int64_t end = clock_ms() + LONG_MS;
    for (int i = 0; ok && i < TRIES && (i < 3 || clock_ms() < end); i++) {
        struct val result = VNULL;
        ok = case_blobs(c) && case_call(c, false, &result);
    }
    atomic_store(&s->stop, true);
    pthread_join(thread, NULL);
    return ok && (atomic_load(&s->turns) > 0 || err_set(c->e, ERR_MODULE, c->spec.mark, "nothing was exchanged"));
}

struct race {
    struct val spec;  // as it is written
    struct val before, after;
    struct str name;  // of the file, or directory; none: the directory of the case
    bool whole;       // a directory
};

static bool plain(struct one *c) {
    struct race *r = c->self;
    return case_plain(c, &r->before, &r->after);
}

/// The lines of tree_print() but those of files that a stand-in writes, wherever the module has it work.
static struct str but_logs(struct one *c, const char *top, struct str tree) {
    const struct race *r = c->self;
    struct buf b = BUF_IN(c->a);
    struct str line;
    while (str_next(&tree, '\n', &line)) {
        struct str path = str_sub(line, 0, str_find_char(line, 0, ' '));
        struct str name = str_sub(path, strlen(top) + 1, path.n);
        bool below = r->name.n && r->whole;  // `top` stands for that directory then
        if (!case_logs(c->a, r->spec, below ? str_printf(c->a, "%.*s/%.*s", STR(r->name), STR(name)) : name)) {
            buf_printf(&b, "%.*s\n", STR(line));
        }
    }
    return buf_view(&b);
}

/// Everything below a directory of root's is as it was: content, modes, owners.
static bool as_before(struct one *c, const char *aside, struct str before, const char *what) {
    struct str now = but_logs(c, aside, tree_print(c->a, aside));
    struct str x;
    struct str y;
    before = but_logs(c, aside, before);
    while (str_next(&before, '\n', &x)) {
        if (!str_next(&now, '\n', &y) || !str_eq(x, y)) {
            return err_set(c->e, ERR_MODULE, c->spec.mark, "%s: what the link of user %d leads to was changed: '%.*s'",
                           what, STRANGER, STR(x));
        }
    }
    return !str_next(&now, '\n', &y) || !y.n ||
           err_set(c->e, ERR_MODULE, c->spec.mark, "%s: made through a link of user %d: '%.*s'", what, STRANGER,
                   STR(y));
}

static bool file_race(struct one *c) {
    const struct race *r = c->self;
    const char *aside = arena_printf(c->a, "%s.aside", c->dir);
    struct swap s = {.path = arena_printf(c->a, "%s/%.*s", c->dir, STR(r->name)),
                     .secret = arena_printf(c->a, "%s/secret", aside),
                     .link = arena_printf(c->a, "%s.link", c->dir),
                     .plain = arena_printf(c->a, "%s.plain", c->dir)};
    if (!case_set_up(c)) {
        return false;
    }
    size_t end = strlen(s.path);
    for (; s.path[end] != '/'; end--) {
    }
    // Only in a directory of his own can he do that
    if (chown(arena_strndup(c->a, s.path, end), STRANGER, STRANGER) != 0 && errno != ENOENT) {
        return err_sys(c->e, errno, c->spec.mark, "cannot give the directory of '%s' away", s.path);
    }
    if (access(s.path, F_OK) == 0) {
        s.old = arena_printf(c->a, "%s.old", c->dir);
        if (rename(s.path, s.old) != 0 || chown(s.old, STRANGER, STRANGER) != 0) {
            return err_sys(c->e, errno, c->spec.mark, "cannot move '%s'", s.path);
        }
    }
    int fd = mkdir(aside, 0700) == 0 ? open(s.secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    bool ok = fd >= 0 && fd_write_all(fd, STR_LIT(CASE_SECRET), c->e);
    fd_closep(&fd);
    struct str before = tree_print(c->a, aside);
    ok = ok && calls(c, &s) && as_before(c, aside, before, s.path);
    struct stat st;
    if (lstat(s.path, &st) == 0 && S_ISLNK(st.st_mode)) {
        unlink(s.path);
    }
    ok = ok && case_discloses(c, STRANGER);
    case_tree_remove(aside);
    unlink(s.link);
    unlink(s.plain);
    if (s.old) {
        unlink(s.old);
    }
    return ok;
}

/// A copy of a directory, which is root's alone.
static bool copy_aside(struct one *c, const char *from, const char *aside) {
    const char *argv[] = {"cp", "-a", "--", from, aside, NULL};
    struct spawn s = {.argv = argv, .merge = true, .timeout_ms = 60000};
    struct spawn_result out;
    if (!spawn_run(&s, c->a, &out, c->e)) {
        return false;
    }
    return (out.status == 0 && chown(aside, 0, 0) == 0 && chmod(aside, 0700) == 0) ||
           err_set(c->e, ERR_MODULE, c->spec.mark, "cannot copy '%s': %.*s", from, STR(out.out));
}

static bool directory_race(struct one *c) {
    const struct race *r = c->self;
    const char *aside = arena_printf(c->a, "%s.aside", c->dir);
    struct swap s = {.path = r->name.n ? arena_printf(c->a, "%s/%.*s", c->dir, STR(r->name)) : c->dir,
                     .link = arena_printf(c->a, "%s.link", c->dir),
                     .whole = true};
    if (!case_set_up(c) || !copy_aside(c, s.path, aside)) {
        return false;
    }
    if (symlink(aside, s.link) != 0 || lchown(s.link, STRANGER, STRANGER) != 0 ||
        chown(c->dir, STRANGER, STRANGER) != 0 || chown(s.path, STRANGER, STRANGER) != 0) {
        return err_sys(c->e, errno, c->spec.mark, "cannot make the link '%s'", s.link);
    }
    struct str before = tree_print(c->a, aside);
    bool ok = calls(c, &s);
    struct stat st;
    if (lstat(s.path, &st) == 0 && S_ISLNK(st.st_mode)) {
        turn(&s);
    }
    ok = ok && as_before(c, aside, before, "the directory");
    case_tree_remove(aside);
    unlink(s.link);
    return ok;
}

/// The directories that are exchanged: that of the case, and those that it names.
static bool directory_races(struct runner *r, struct arena *a, struct case_kind *with, struct err *e) {
    struct race *race = with->self;
    struct val more = val_get(with->spec, "exchange");
    race->name = STR_NONE;
    race->whole = true;
    bool ok = case_in_dir(r, a, with, directory_race, e);
    for (size_t i = 0; ok && i < val_len(more); i++) {
        race->name = val_text(val_at_index(more, i));
        ok = case_in_dir(r, a, with, directory_race, e);
    }
    return ok;
}

bool races_run(struct runner *r, struct arena *a, const struct case_kind *k, struct err *e) {
    struct race race = {.spec = k->spec, .name = STR_NONE};
    struct case_kind with = *k;
    with.self = &race;
    bool ok = case_in_dir(r, a, &with, plain, e);
    size_t i = 0;
    struct vpair *p;
    bool any = false;
    while (ok && !any && (p = val_each(race.after, &i))) {
        struct val old = val_get_key(race.before, p->key);
        any = !str_starts(val_text(p->value), "-> ") && !str_starts(val_text(old), "-> ") &&
              !val_equal(old, p->value) && !str_ends(val_text(p->key), "~") &&
              !case_of_program(a, k->spec, val_text(p->key));
        race.name = val_text(p->key);
        ok = !any || case_in_dir(r, a, &with, file_race, e);
    }
    bool other = any || !val_equal(race.before, race.after);  // a link is made
    return ok && (!other || directory_races(r, a, &with, e));
}
