// One module on the hosts of a pattern: the only task of the only play of a playbook made by the caller.
#include "exec.h"

static int result_code(const struct run *r, const struct hosts *all) {
    int code = r->code;
    for (size_t i = 0; i < all->n && code != RC_UNREACHABLE; i++) {
        code = all->p[i]->unreachable ? RC_UNREACHABLE : all->p[i]->failed ? RC_FAILED : code;
    }
    return r->stop ? RC_INTERRUPTED : code;
}

/// The hosts; an empty list only warns, unless --limit is the reason.
static bool find_hosts(struct run *r, struct str pattern, struct host ***hosts, size_t *n, struct err *e) {
    struct run_pattern p = {.text = pattern};
    if (!run_match_only(r, &p, &r->a, hosts, n, e)) {
        return false;
    }
    if (!*n && r->o->limit.n && r->o->inventory->nhosts) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "Specified hosts and/or --limit does not match any hosts");
    }
    if (!*n && r->o->inventory->nhosts) {
        run_warn(r, NO_MARK, "No hosts matched, nothing to do");
    }
    return true;
}

static void list_hosts(struct run *r, struct host *const *hosts, size_t n) {
    struct buf b = BUF_IN(&r->a);
    buf_printf(&b, "  hosts (%zu):\n", n);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&b, "    %.*s\n", STR(hosts[i]->name));
    }
    output_text(r->o->output, buf_view(&b));
}

static void run_task(struct run *r, struct play *p, const struct hosts *all) {
    bool end = false;
    struct event start = {.kind = EV_RUN_START, .name = r->book->file, .check = r->o->check};
    run_event(r, &start);
    if (signals_open(r)) {
        (void)play_batch(r, p, all, all, &end);
        signals_close(r);
    }
    run_stats(r);
}

int run_adhoc(const struct run_opts *o, struct str pattern, bool list) {
    struct run r;
    run_init(&r, o);
    struct err e = {.arena = &r.a};
    struct hosts all = {0};
    struct host **found = NULL;
    size_t n = 0;
    struct play *p = o->books[0]->plays[0];
    int code = RC_OK;
    r.book = o->books[0];
    r.basedir = o->books[0]->basedir;
    if (!find_hosts(&r, pattern, &found, &n, &e)) {
        run_error(&r, &e);
        code = RC_ERROR;
    } else if (list) {
        list_hosts(&r, found, n);
    } else if (!check_play(&r, p, &e) || !check_reach(&r, p, true, &e)) {
        run_error(&r, &e);
        code = RC_PARSER;
    } else if (n) {
        for (size_t i = 0; i < n; i++) {
            hosts_push(&r.a, &all, run_host(&r, found[i]));
        }
        run_task(&r, p, &all);
        code = result_code(&r, &all);
    }
    run_release(&r);
    return code;
}
