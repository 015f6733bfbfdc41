// One batch of one play: its steps in order, its hosts at their start, the strategy, and what is left of them.
#include "exec.h"

#include "plugin.h"

#include <fnmatch.h>

// -- compiling --------------------------------------------------------------------------------------------------------

/// Plans a block and puts it behind what `to` holds; nothing when the tags leave nothing of it.
static bool add_block(struct play_run *pr, struct block *b, struct pblock *to, struct err *e) {
    struct pblock *pb = NULL;
    struct planned what = {.block = b};
    if (!plan_block(pr, &what, NULL, &pb, e)) {
        return false;
    }
    if (pb) {
        struct pstep *s = ARENA_NEW(&pr->a, struct pstep);
        s->block = pb;
        steps_push(&pr->a, &to->sec[SEC_BODY], s);
    }
    return true;
}

static bool add_steps(struct play_run *pr, const struct steps *from, struct pblock *to, struct err *e) {
    struct block *b = ARENA_NEW(&pr->a, struct block);
    b->n.kind = NODE_BLOCK;
    b->n.at = pr->play->n.at;
    b->n.parent = &pr->play->n;
    b->n.file = pr->play->n.file;
    b->body = *from;
    b->implicit = true;
    return add_block(pr, b, to, e);
}

static bool add_roles(struct play_run *pr, struct pblock *to, struct err *e) {
    for (size_t i = 0; i < pr->play->nroles; i++) {
        struct block *b = pb_role_block(pr->r->o->loader, pr->play, pr->play->roles[i], e);
        if (!b || !add_block(pr, b, to, e)) {
            return false;
        }
    }
    return true;
}

/// The end of a part of the play: handlers run, with force_handlers even for hosts that failed in the part.
static void end_part(struct play_run *pr, struct pblock *part, bool flushes, bool force) {
    struct pstep *wrap = ARENA_NEW(&pr->a, struct pstep);
    if (flushes) {
        struct pstep *flush = plan_meta(pr, "flush_handlers");
        plan_order(pr, &pr->tasks, flush);
        if (force) {  // in a block of its own, so that it counts as a body and not as a recovery
            struct pstep *inner = ARENA_NEW(&pr->a, struct pstep);
            inner->block = ARENA_NEW(&pr->a, struct pblock);
            steps_push(&pr->a, &inner->block->sec[SEC_BODY], flush);
            steps_push(&pr->a, &part->sec[SEC_ALWAYS], inner);
        } else {
            steps_push(&pr->a, &part->sec[SEC_BODY], flush);
        }
    }
    wrap->block = part;
    steps_push(&pr->a, &pr->root->sec[SEC_BODY], wrap);
}

static void add_setup(struct play_run *pr) {
    static const struct {
        enum keyword key;
        const char *setting;
    } keys[] = {{KW_GATHER_SUBSET, "DEFAULT_GATHER_SUBSET"},
                {KW_GATHER_TIMEOUT, "DEFAULT_GATHER_TIMEOUT"},
                {KW_FACT_PATH, "DEFAULT_FACT_PATH"}};
    const struct run_opts *o = pr->r->o;
    struct play *p = pr->play;
    struct task *t = ARENA_NEW(&pr->a, struct task);
    struct pstep *s = plan_task(pr, t, false);
    t->n.kind = NODE_TASK;
    t->n.at = p->n.at;
    t->n.parent = &p->n;
    t->n.file = p->n.file;
    t->n.name = STR_LIT("Gathering Facts");
    t->n.kw[KW_NAME] = val_z(&pr->a, "Gathering Facts");
    t->n.kw[KW_RUN_ONCE] = val_bool(false);
    t->action = "setup";
    t->action_name = STR_LIT("gather_facts");
    t->action_at = p->n.at;
    t->kind = TASK_MODULE;
    t->module = module_find(STR_LIT("setup"));
    t->args = val_dict(&pr->a, 3);
    t->notify = val_list(&pr->a, 0);
    t->listen = t->notify;
    for (size_t i = 0; i < COUNTOF(keys); i++) {
        struct val v = p->n.kw[keys[i].key];
        if (val_is(v, VAL_UNDEF) && o->setting) {
            const struct setting_query q = {.name = str_from(keys[i].setting)};
            (void)o->setting(o->setting_self, &q, &pr->a, &v);
        }
        if (!val_is(v, VAL_UNDEF) && !val_is(v, VAL_NULL)) {
            val_set(&pr->a, t->args, keyword_docs[keys[i].key].name, v);
            t->args.flags |= v.flags & VAL_TMPL;
        }
    }
    if (!val_len(p->n.kw[KW_TAGS])) {
        struct val tags = val_list(&pr->a, 1);
        val_push(&pr->a, tags, val_z(&pr->a, "always"));
        t->n.kw[KW_TAGS] = tags;
    }
    pr->setup = s;
}

bool play_compile(struct play_run *pr, bool flushes, struct err *e) {
    const struct play *p = pr->play;
    const struct steps *parts[3] = {&p->pre_tasks, &p->tasks, &p->post_tasks};
    bool force = pr->set.force_handlers;
    bool selected = false;
    pr->root = ARENA_NEW(&pr->a, struct pblock);
    if (flushes) {
        add_setup(pr);
        if (!plan_tags(pr, &pr->setup->task->n, &pr->a, &selected, NULL, e)) {
            return false;
        }
        if (selected) {
            steps_push(&pr->a, &pr->root->sec[SEC_BODY], pr->setup);
            plan_order(pr, &pr->tasks, pr->setup);
        }
    }
    for (size_t i = 0; i < COUNTOF(parts); i++) {
        struct pblock *part = ARENA_NEW(&pr->a, struct pblock);
        if ((i == 1 && !add_roles(pr, part, e)) || !add_steps(pr, parts[i], part, e)) {
            return false;
        }
        end_part(pr, part, flushes, force);
    }
    return true;
}

// -- keywords of the play ---------------------------------------------------------------------------------------------

static bool play_kw(struct play_run *pr, struct view *v, enum keyword k, struct val *out, struct err *e) {
    *out = pr->play->n.kw[k];
    if (val_any_flag(*out, VAL_TMPL) && !view_value(v, *out, out, e)) {
        return err_wrap(e, pr->play->n.kw[k].mark, "in '%s'", keyword_docs[k].name);
    }
    if (val_is(*out, VAL_NULL) || val_is(*out, VAL_OMIT)) {
        *out = (struct val){0};
    }
    return true;
}

static bool set_strategy(struct play_set *set, struct str name, struct mark at, struct err *e) {
    struct str base = str_starts(name, "ansible.builtin.") ? str_sub(name, 16, name.n) : name;
    set->debugger = str_eqz(base, "debug");
    if (str_eqz(base, "free")) {
        set->strategy = STRATEGY_FREE;
    } else if (str_eqz(base, "host_pinned")) {
        set->strategy = STRATEGY_PINNED;
    } else if (!set->debugger && !str_eqz(base, "linear")) {
        err_set(e, ERR_ARGS, at, "the strategy '%.*s' is not supported", STR(name));
        return err_hint(e, "known: linear, free, host_pinned, debug");
    }
    return true;
}

bool play_settle(struct play_run *pr, struct err *e) {
    struct play_set *set = &pr->set;
    struct view v;
    struct val name = {0};
    struct val force = {0};
    struct val check = {0};
    *set = (struct play_set){.force_handlers = pr->r->o->force_handlers};
    if (!view_init(&v, pr, NULL, NULL, &pr->a, e) || !play_kw(pr, &v, KW_STRATEGY, &name, e) ||
        !play_kw(pr, &v, KW_FORCE_HANDLERS, &force, e) || !play_kw(pr, &v, KW_GATHER_FACTS, &set->gather_facts, e) ||
        !play_kw(pr, &v, KW_MAX_FAIL_PERCENTAGE, &set->max_fail, e) || !play_kw(pr, &v, KW_CHECK_MODE, &check, e)) {
        return false;
    }
    set->check = pr->r->o->check;
    (void)val_as_bool(check, &set->check);
    if (!val_is(force, VAL_UNDEF) && !val_as_bool(force, &set->force_handlers)) {
        return err_set(e, ERR_TYPE, force.mark, "'force_handlers' must be a boolean, not %s",
                       val_kind_name(force.kind));
    }
    struct str given = val_is(name, VAL_UNDEF) ? pr->r->o->strategy : val_text(name);
    return !given.n || set_strategy(set, given, name.mark, e);
}

// -- starting ---------------------------------------------------------------------------------------------------------

/// The name of a play without one: the text of its hosts, which is templated as a name and not as a list.
static struct val name_of_hosts(struct arena *a, struct val hosts) {
    if (!val_is_seq(hosts)) {
        return hosts;
    }
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < val_len(hosts); i++) {
        buf_z(&b, i ? "," : "");
        val_to_str(&b, val_at_index(hosts, i));
    }
    return val_mark_templates(val_flag(val_str(a, buf_view(&b)), VAL_TRUSTED));
}

void play_run_init(struct play_run *pr, struct run *r, struct play *p) {
    *pr = (struct play_run){.r = r, .play = p};
    plan_roles(pr);
    struct view v;
    struct err e = {.arena = &pr->a};
    struct val name = p->n.kw[KW_NAME];
    pr->name = p->n.name;
    if (!p->n.name.n || val_is(name, VAL_UNDEF) || val_is(name, VAL_NULL)) {
        name = name_of_hosts(&pr->a, p->hosts);
    }
    if (val_any_flag(name, VAL_TMPL) && view_init(&v, pr, NULL, NULL, &pr->a, &e)) {
        struct val made = {0};
        bool omitted = view_value(&v, name, &made, &e) && val_is(made, VAL_OMIT);
        pr->name = omitted ? STR_NONE : view_name(&v, name);
    } else if (val_is(name, VAL_STR)) {
        pr->name = val_text(name);
    }
}

static bool matches(struct play_run *pr, struct hrun *h, struct pstep *s, struct str want) {
    struct arena a = {0};
    struct view v;
    struct err e = {.arena = &a};
    const char *pattern = str_z(&a, want);
    bool yes = s->task->n.name.n && fnmatch(pattern, str_z(&a, s->task->n.name), 0) == 0;
    if (!yes && view_init(&v, pr, h, s, &a, &e)) {
        yes = fnmatch(pattern, str_z(&a, task_title(&v)), 0) == 0;
    }
    arena_release(&a);
    return yes;
}

/// --start-at-task: moves the hosts to that task; facts are gathered all the same.
static void start_at(struct play_run *pr) {
    struct run *r = pr->r;
    bool found = false;
    struct pblock *first = ARENA_NEW(&pr->a, struct pblock);
    steps_push(&pr->a, &first->sec[SEC_BODY], pr->setup);
    for (size_t i = 0; i < pr->batch.n; i++) {
        struct hrun *h = pr->batch.p[i];
        struct pstep *s;
        while ((s = iter_peek(&h->it)) && (s->role_end || !matches(pr, h, s, r->start_at))) {
            iter_take(&h->it);
        }
        if (s) {
            found = true;
            iter_include(&h->it, first);
        }
    }
    if (found) {
        r->start_at = STR_NONE;
    }
}

static void place_hosts(struct play_run *pr, const struct hosts *all, const struct hosts *batch) {
    pr->all = *all;
    pr->batch = *batch;
    for (size_t i = 0; i < all->n; i++) {
        all->p[i]->removed = all->p[i]->failed || all->p[i]->unreachable;
    }
    for (size_t i = 0; i < batch->n; i++) {
        batch->p[i]->index = (uint32_t)i;
        batch->p[i]->in_batch = true;
    }
}

static void start_hosts(struct play_run *pr) {
    for (size_t i = 0; i < pr->batch.n; i++) {
        struct hrun *h = pr->batch.p[i];
        iter_init(&h->it, &pr->a, pr->root, (uint32_t)i);
        if (h->failed) {  // clear_host_errors gives it back to the next play, not to this one
            iter_end(&h->it);
            h->it.state = ITER_FAILED;
        }
    }
    if (pr->r->start_at.n) {
        start_at(pr);
    }
}

static void leave_hosts(struct play_run *pr) {
    for (size_t i = 0; i < pr->batch.n; i++) {
        struct hrun *h = pr->batch.p[i];
        h->rescued = h->failed && !iter_failed(&h->it);
        h->failed = h->failed || iter_failed(&h->it);
        h->in_batch = false;
        h->it = (struct iter){0};
    }
}

/// A file of vars_files that is not there, or cannot be read as YAML, ends the run before its first task, as a missing
/// role does.
static bool vars_files_there(struct play_run *pr, struct err *e) {
    struct err own = {.arena = e->arena};
    struct view v;
    if (!pr->batch.n || view_init(&v, pr, pr->batch.p[0], NULL, &pr->a, &own) ||
        (own.code != ERR_NOT_FOUND && own.code != ERR_SYNTAX)) {
        return true;  // anything else is told by the first task
    }
    *e = own;
    return false;
}

bool play_batch(struct run *r, struct play *p, const struct hosts *all, const struct hosts *batch, bool *end_play) {
    struct play_run pr;
    struct err e = {.arena = &r->a};
    play_run_init(&pr, r, p);
    play_vars_dir(r, p);
    place_hosts(&pr, all, batch);
    struct event ev = {.kind = EV_PLAY_START, .name = pr.name, .play = p, .check = r->o->check};
    bool ok = play_settle(&pr, &e);
    ev.check = pr.set.check;
    ev.free = pr.set.strategy != STRATEGY_LINEAR;
    run_event(r, &ev);
    ok = ok && handlers_load(&pr, &e) && play_compile(&pr, true, &e) && vars_files_there(&pr, &e);
    if (ok) {
        start_hosts(&pr);
        ok = pr.set.strategy == STRATEGY_LINEAR ? linear_run(&pr, &e) : free_run(&pr, &e);
        for (size_t i = 0; i < pr.batch.n; i++) {
            early_drop(pr.batch.p[i]);  // of hosts that failed: their memory ends with the batch
        }
    }
    if (!ok) {
        run_error(r, &e);
        r->code = e.code == ERR_SYNTAX || e.code == ERR_ARGS ? 4 : 1;
    } else if (pr.fatal) {
        r->code = 1;
        ok = false;
    }
    leave_hosts(&pr);
    *end_play = pr.end_play;
    r->broken = r->broken || pr.broken;
    arena_release(&pr.a);
    return ok;
}
