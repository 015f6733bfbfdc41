// The verbs diff, textconv and merge-driver: vaulted files for people and for git.
#include "scratch.h"
#include "spawn.h"
#include "yamlvault.h"

#include <sys/stat.h>
#include <unistd.h>

enum { DIFF_TROUBLE = 2 };

// -- reading versions ------------------------------------------------------------------------------------------------

static bool git_show(struct tool *t, const char *what, struct str *out) {
    const char *argv[] = {"git", "show", what, NULL};
    struct spawn s = {.argv = argv, .out_cap = FILE_CAP};
    struct spawn_result r;
    if (!spawn_run(&s, t->a, &r, t->e)) {
        return false;
    }
    *out = r.out;
    return (r.status == 0 && !r.truncated) ||
           err_set(t->e, ERR_NOT_FOUND, NO_MARK, "neither a file nor a version that git knows: %.*s",
                   STR(str_trim(r.err)));
}

static bool version(struct tool *t, const char *name, struct str *out) {
    struct str in;
    bool git = !tool_is_std(name) && access(name, F_OK) != 0 && strchr(name, ':');
    return ((git ? git_show(t, name, &in) : tool_read(t, name, &in)) && tool_readable(t, in, out)) ||
           err_wrap(t->e, NO_MARK, "cannot read '%s'", name);
}

// Runs a program on scratch files; what it prints is in *out.
static bool run_on(struct tool *t, const char *const *argv, struct str *out, int *status) {
    struct spawn sp = {.argv = argv, .out_cap = FILE_CAP};
    struct spawn_result r;
    if (!spawn_run(&sp, t->a, &r, t->e)) {
        return false;
    }
    *out = r.out;
    *status = r.status;
    return true;
}

static bool show_diff(struct tool *t, const char *names[2], struct str text[2], int *status) {
    struct scratch s;
    struct str out;
    const char *path[2];
    scratch_open_nameless(&s);
    const char *label_a = arena_printf(t->a, "--label=%s", names[0]);
    const char *label_b = arena_printf(t->a, "--label=%s", names[1]);
    bool ok = scratch_put(t, &s, "a", text[0], &path[0]) && scratch_put(t, &s, "b", text[1], &path[1]);
    if (ok) {
        const char *argv[] = {"diff", "-u", label_a, label_b, path[0], path[1], NULL};
        ok = run_on(t, argv, &out, status);
    }
    scratch_close(&s);
    return ok && fd_write_all(STDOUT_FILENO, out, t->e);
}

// Exit status as diff's: 0 the same, 1 different, 2 trouble.
int verb_diff(struct tool *t) {
    const char *names[2];
    struct str text[2];
    int status = DIFF_TROUBLE;
    if (t->files.n == 0 || t->files.n > 2) {
        return tool_refuse(EXIT_USAGE, "diff takes two files or versions, or one file to compare with git's HEAD",
                           NULL);
    }
    const char *first = t->files.p[0];
    names[0] = t->files.n == 2 ? first : arena_printf(t->a, "HEAD:%s%s", first[0] == '/' ? "" : "./", first);
    names[1] = t->files.n == 2 ? t->files.p[1] : first;
    if (!version(t, names[0], &text[0]) || !version(t, names[1], &text[1]) || !show_diff(t, names, text, &status)) {
        tool_complain(t->e, NULL);
        return DIFF_TROUBLE;
    }
    return status;
}

// For git: prints the plaintext; what cannot be opened is shown as it is, so that `git log -p` goes on.
int verb_textconv(struct tool *t) {
    struct str in;
    struct str out;
    if (t->files.n != 1) {
        return tool_refuse(EXIT_USAGE, "textconv takes one file", NULL);
    }
    if (!tool_read(t, t->files.p[0], &in)) {
        return tool_complain(t->e, t->files.p[0]);
    }
    if (!tool_readable(t, in, &out)) {
        tool_complain(t->e, "shown encrypted");
        out = in;
    }
    return fd_write_all(STDOUT_FILENO, out, t->e) ? EXIT_OK : tool_complain(t->e, NULL);
}

// -- merging ---------------------------------------------------------------------------------------------------------

// Gives values with the same plaintext the same envelope, so that a merge of the encrypted texts sees only real
// changes.
static bool align(struct tool *t, struct str in, const struct yv_doc *base, struct str *out) {
    struct yv_doc d;
    struct buf b = BUF_IN(t->a);
    size_t at = 0;
    yv_scan(in, t->a, &d);
    if (!yv_open(t->ring, &d, t->a, t->e)) {
        return false;
    }
    for (size_t i = 0; i < d.n; i++) {
        const struct yv_value *v = &d.p[i];
        const struct yv_value *same = NULL;
        for (size_t k = 0; k < base->n && !same; k++) {
            const struct yv_value *w = &base->p[k];
            same = w->outer == v->outer && str_eq(w->plain, v->plain) &&
                           strcmp(vault_label(w->envelope, t->a), vault_label(v->envelope, t->a)) == 0
                       ? w
                       : NULL;
        }
        buf_str(&b, str_sub(in, at, v->start));
        buf_str(&b, same ? str_sub(base->text, same->start, same->end) : str_sub(in, v->start, v->end));
        at = v->end;
    }
    buf_str(&b, str_sub(in, at, in.n));
    *out = buf_view(&b);
    return true;
}

struct merge {
    struct str base, ours, theirs;
    const char *id, *label;  // whole files
    struct age_file age;
    bool vaulted, aged;
};

static bool merge_texts(struct tool *t, struct merge *m, struct str *out, int *status) {
    struct scratch s;
    const char *path[3];
    scratch_open_nameless(&s);
    bool ok = scratch_put(t, &s, "a", m->ours, &path[0]) && scratch_put(t, &s, "o", m->base, &path[1]) &&
              scratch_put(t, &s, "b", m->theirs, &path[2]);
    if (ok) {
        const char *argv[] = {"git", "merge-file", "-p",    "-L",    "ours",  "-L", "base",
                              "-L",  "theirs",     path[0], path[1], path[2], NULL};
        ok = run_on(t, argv, out, status);
    }
    scratch_close(&s);
    return ok && (*status < 128 || err_set(t->e, ERR_VAULT, NO_MARK, "git merge-file failed with status %d", *status));
}

static bool decrypt_sides(struct tool *t, struct merge *m) {
    struct str *sides[] = {&m->base, &m->ours, &m->theirs};
    m->vaulted = vault_is(m->ours);
    m->aged = age_is(m->ours);
    if (m->vaulted || m->aged) {
        struct str ours;
        m->label = vault_label(m->ours, t->a);
        if (m->aged
                ? !tool_age_open(t, m->ours, &m->age, &ours)
                : (!tool_unlock(t, false) || !vault_open_id(t->ring, m->ours, NO_MARK, t->a, &ours, &m->id, t->e))) {
            return false;
        }
        m->ours = ours;
        for (size_t i = 0; i < COUNTOF(sides); i += 2) {
            if (sides[i]->n > 0 && !tool_readable(t, *sides[i], sides[i])) {
                return false;
            }
        }
        return true;
    }
    struct yv_doc base;
    yv_scan(m->base, t->a, &base);
    return tool_unlock(t, false) && yv_open(t->ring, &base, t->a, t->e) && align(t, m->ours, &base, &m->ours) &&
           align(t, m->theirs, &base, &m->theirs);
}

static bool seal_merge(struct tool *t, const struct merge *m, struct str *text) {
    if (m->aged) {
        age_seal_again(&m->age, *text, t->a, text);
        return true;
    }
    struct vault_seal_opts o = {.id = m->id, .label = m->label};
    return !m->vaulted || vault_seal_with(t->ring, &o, *text, t->a, text, t->e);
}

// git calls it with the base's, our and their version; the result replaces ours. Also a result with conflicts is
// encrypted again: `vault edit` shows its markers.
int verb_merge(struct tool *t) {
    struct merge m = {0};
    struct str out;
    int status = 0;
    if (t->files.n < 3) {
        return tool_refuse(EXIT_USAGE, "merge-driver takes the three files that git gives it", NULL);
    }
    const char *ours = t->files.p[1];
    if (!tool_read(t, t->files.p[0], &m.base) || !tool_read(t, ours, &m.ours) ||
        !tool_read(t, t->files.p[2], &m.theirs) || !decrypt_sides(t, &m) || !merge_texts(t, &m, &out, &status) ||
        !seal_merge(t, &m, &out) || !tool_write(t, ours, out, 07777)) {
        return tool_complain(t->e, t->files.n > 3 ? t->files.p[3] : ours);
    }
    if (status != 0) {
        fprintf(stderr, "vault: conflicts in '%s'; see them with vault edit --force\n",
                t->files.n > 3 ? t->files.p[3] : ours);
    }
    return status == 0 ? EXIT_OK : EXIT_ERROR;
}
