// Facts that `setup` left out because the project does not seem to read them (factsread.c), and that are read after
// all: they are fetched when a template asks, for all hosts of the batch at once. What comes in meanwhile for others
// waits.
#include "exec.h"
#include "facts.h"

/// Starts to fetch; NULL: it cannot be, and a warning said why.
static struct job *fetch_start(struct play_run *pr, struct hrun *h, struct val left) {
    struct job *j = job_new(pr, h, pr->setup);
    struct err e = {.arena = &j->a};
    bool ok = job_view(j, &e) && job_begin(j, &e) && item_begin(j, &e) == JOB_ATTEMPT && attempt_prepare(j) == JOB_SENT;
    j->item.gather = NULL;
    if (ok) {
        struct val names = val_list(&j->a, val_len(left));
        size_t i = 0;
        struct vpair *p;
        while ((p = val_each(left, &i))) {
            val_push(&j->a, names, p->key);
        }
        (void)val_del_key(j->item.call.args, val_z(&j->a, FACTS_READ));
        val_set(&j->a, j->item.call.args, "filter", names);
        j->phase = attempt_submit(j);
    }
    return j;
}

static void fetch_end(struct job *j) {
    struct val facts = val_get(j->item.result, "ansible_facts");
    if (val_is(facts, VAL_DICT)) {
        host_add_facts(&j->h->state, facts);
    } else {
        struct val msg = val_get(j->item.result, "msg");
        run_warn(j->pr->r, j->pr->play->n.at,
                 arena_printf(&j->a, "%.*s: facts that were not gathered at first could not be fetched: %.*s",
                              STR(j->h->host->name), STR(val_is(msg, VAL_STR) ? val_text(msg) : STR_LIT("no answer"))));
    }
}

void facts_complete(void *view, struct host_state *state) {
    struct view *v = view;
    struct play_run *pr = v->pr;
    struct arena a = {0};
    struct jobs jobs = {0};
    if (!pr->setup) {
        return;
    }
    for (size_t i = 0; i <= pr->batch.n; i++) {
        struct hrun *h = i < pr->batch.n ? pr->batch.p[i] : v->h;
        struct val left = val_promote(&a, h->state.left);
        if (!val_len(left) || ((h->unreachable || h->failed) && &h->state != state)) {
            continue;
        }
        host_facts_left(&h->state, (struct val){0});
        jobs_push(&a, &jobs, fetch_start(pr, h, left));
    }
    wait_only(pr, &jobs);
    for (size_t i = 0; i < jobs.n; i++) {
        if (jobs.p[i]->phase == JOB_SENT) {
            jobs.p[i]->given_up = true;  // Ctrl-C
            conn_cancel(jobs.p[i]->item.slot->conn, jobs.p[i]->request);
            jobs_push(&pr->r->a, &pr->r->abandoned, jobs.p[i]);
        } else {
            fetch_end(jobs.p[i]);
            job_free(jobs.p[i]);
        }
    }
    arena_release(&a);
}
