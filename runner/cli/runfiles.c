// `play run FILE...`: playbooks loaded into a session, and run or listed.
#include "cli.h"

#include <errno.h>
#include <unistd.h>

static bool add_playbook_dir(struct session *x, const char *file, struct err *e) {
    char full[4096];
    if (!realpath(file, full)) {
        err_sys(e, errno, NO_MARK, "cannot find the playbook '%s'", file);
        return err_hint(e, "give the path of a playbook; 'play list' shows the verbs of this project");
    }
    char *slash = strrchr(full, '/');
    vars_files_add_playbook(x->vars_files, (struct str){full, slash == full ? 1 : (size_t)(slash - full)});
    return true;
}

static bool load_books(struct session *x, const struct words *files, struct err *e) {
    struct playbook **books = ARENA_ARRAY(x->a, struct playbook *, files->n + 1);
    for (size_t i = 0; i < files->n; i++) {
        const char *file = str_z(x->a, files->p[i]);
        if (access(file, F_OK) != 0) {
            struct str path = pb_collection_playbook(x->loader, files->p[i]);
            file = path.n ? str_z(x->a, path) : file;
        }
        if (!add_playbook_dir(x, file, e)) {
            return false;
        }
        books[i] = pb_load(x->loader, file, e);
        if (!books[i]) {
            return false;
        }
        books[i]->given = files->p[i];
    }
    x->run.books = books;
    x->run.nbooks = files->n;
    return true;
}

int cli_run_files(struct settings *s, const struct words *files, const struct words *secrets) {
    struct err e = {.arena = s->a};
    struct session x = {0};
    int code;
    if (!session_open(&x, s, secrets, &e) || !load_books(&x, files, &e)) {
        code = cli_report_in(&x, &e, cli_error_code(&e));
    } else if (s->list_hosts || s->list_tasks || s->list_tags) {
        code = run_list(&x.run, s->list_hosts, s->list_tasks, s->list_tags);
    } else {
        code = run_playbooks(&x.run);
    }
    session_close(&x);
    return code;
}

int cli_run(struct settings *s, size_t from) {
    struct words files = {0};
    struct words none = {0};
    for (size_t i = from; i < s->positional.n; i++) {
        VEC_PUSH(s->a, files, s->positional.p[i]);
    }
    if (files.n == 0) {
        struct err e = {.arena = s->a};
        err_set(&e, ERR_ARGS, NO_MARK, "no playbook given");
        err_hint(&e, "say: play run PLAYBOOK.yml -i INVENTORY");
        return cli_report(&e, 2);
    }
    return cli_run_files(s, &files, &none);
}
