// A whole run: playbooks, plays, batches, the exit code; and what the run knows of each host.
#include "exec.h"

#include "factcache.h"
#include "fd.h"
#include "share.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

// -- telling ----------------------------------------------------------------------------------------------------------

void run_event(struct run *r, const struct event *ev) {
    if (r->o->output) {
        output_event(r->o->output, ev);
    }
}

void run_warn(struct run *r, struct mark at, const char *msg) {
    struct place p = mark_place(at);
    struct arena a = {0};
    struct str text = str_from(msg);
    if (p.file && r->o->warn_places) {
        text = str_printf(&a, "%s (%s:%u:%u)", msg, p.file, p.line, p.col);
    }
    struct event ev = {.kind = EV_WARNING, .name = text};
    run_event(r, &ev);
    arena_release(&a);
}

void run_error(struct run *r, const struct err *e) {
    struct event ev = {.kind = EV_ERROR, .err = e};
    run_event(r, &ev);
}

// -- hosts ------------------------------------------------------------------------------------------------------------

/// What an earlier run learnt of the host.
static void remember_facts(struct run *r, struct hrun *x) {
    struct err e = {.arena = &r->a};
    struct arena scratch = {0};
    struct val facts = {0};
    if (!r->o->facts) {
        return;
    }
    x->state.keep_raw = true;
    if (!fact_cache_get(r->o->facts, x->host->name, &scratch, &facts, &e)) {
        run_warn(r, NO_MARK, err_text(&e).s);
    } else if (val_is(facts, VAL_DICT)) {
        x->gathered = val_truth(val_get(facts, "_ansible_facts_gathered"));
        host_add_facts(&x->state, facts);
    }
    arena_release(&scratch);
}

void run_keep_facts(struct run *r, struct hrun *x) {
    struct err e = {.arena = &r->a};
    if (!r->o->facts) {
        return;
    }
    struct val facts = x->state.raw_facts;
    bool ok = val_len(facts) ? fact_cache_put(r->o->facts, x->host->name, facts, &e)
                             : fact_cache_forget(r->o->facts, x->host->name, &e);
    if (!ok) {
        run_warn(r, NO_MARK, err_text(&e).s);
    }
}

/// --flush-cache.
static void flush_facts(struct run *r) {
    const struct inventory *inv = r->o->inventory;
    struct err e = {.arena = &r->a};
    for (size_t i = 0; r->o->facts && r->o->flush_cache && i < inv->nhosts; i++) {
        if (!fact_cache_forget(r->o->facts, inv->order[i]->name, &e)) {
            run_warn(r, NO_MARK, err_text(&e).s);
            err_clear(&e);
        }
    }
}

struct hrun *run_host(struct run *r, struct host *h) {
    struct hrun *x = map_get(&r->hosts, h->name);
    if (x) {
        return x;
    }
    x = ARENA_NEW(&r->a, struct hrun);
    x->host = h;
    x->stats.host = h->name;
    host_state_init(&x->state, h);
    r->share = r->share ? r->share : share_new(&r->a);
    x->state.share = r->share;
    remember_facts(r, x);
    map_put(&r->hosts, &r->a, h->name, x);
    hosts_push(&r->a, &r->order, x);
    return x;
}

static bool is_local_name(struct str name) {
    return str_eqz(name, "localhost") || str_eqz(name, "127.0.0.1") || str_eqz(name, "::1");
}

static struct host *by_address(const struct inventory *inv, struct str name) {
    for (size_t i = 0; i < inv->nhosts; i++) {
        struct val address = val_get(inv->order[i]->vars, "ansible_host");
        if (val_is(address, VAL_STR) && str_eq(val_text(address), name)) {
            return inv->order[i];
        }
    }
    return NULL;
}

struct hrun *run_host_named(struct run *r, struct str name) {
    struct hrun *known = map_get(&r->hosts, name);
    struct host *h = known ? known->host : inv_host(r->o->inventory, name);
    if (!h && is_local_name(name)) {
        h = inv_localhost(r->o->inventory);
    }
    if (!h) {
        h = by_address(r->o->inventory, name);
    }
    if (!h) {  // nobody knows it: reached by its name, with the variables of the task alone
        h = ARENA_NEW(&r->a, struct host);
        h->name = str_dup(&r->a, name);
        h->vars = val_dict(&r->a, 0);
    }
    return run_host(r, h);
}

bool run_refresh_inventory(struct run *r, struct err *e) {
    if (!r->o->reload || !r->o->reload(r->o->reload_self, e)) {
        return false;
    }
    for (size_t i = 0; i < val_len(r->dynamic); i++) {
        struct val one = val_at_index(r->dynamic, i);
        bool changed = false;
        if (!result_apply_inventory(r, val_text(val_get(one, "host")), val_get(one, "result"), &changed, e)) {
            return false;
        }
    }
    for (size_t i = 0; i < r->order.n; i++) {
        struct hrun *x = r->order.p[i];
        struct host *h = inv_host(r->o->inventory, x->host->name);
        h = !h && x->host->implicit ? inv_local_named(r->o->inventory, x->host->name) : h;
        x->host = h ? h : x->host;
        x->state.host = x->host;
    }
    r->groups = (struct val){0};
    return true;
}

static int by_name(const void *x, const void *y) {
    return str_cmp((*(struct hrun *const *)x)->host->name, (*(struct hrun *const *)y)->host->name);
}

static void reverse(struct hosts *l) {
    for (size_t i = 0; i < l->n / 2; i++) {
        struct hrun *t = l->p[i];
        l->p[i] = l->p[l->n - 1 - i];
        l->p[l->n - 1 - i] = t;
    }
}

static void shuffle(struct hosts *l) {
    for (size_t i = l->n; i > 1; i--) {
        uint64_t n = 0;
        random_bytes(&n, sizeof(n));
        size_t k = (size_t)(n % i);
        struct hrun *t = l->p[i - 1];
        l->p[i - 1] = l->p[k];
        l->p[k] = t;
    }
}

static bool order_hosts(struct hosts *l, struct val order, struct err *e) {
    struct str how = val_text(order);
    if (val_is(order, VAL_UNDEF) || val_is(order, VAL_NULL) || str_eqz(how, "inventory")) {
        return true;
    }
    if (l->n && (str_eqz(how, "sorted") || str_eqz(how, "reverse_sorted"))) {
        qsort(l->p, l->n, sizeof(struct hrun *), by_name);
    }
    if (str_eqz(how, "reverse_inventory") || str_eqz(how, "reverse_sorted")) {
        reverse(l);
    } else if (str_eqz(how, "shuffle")) {
        shuffle(l);
    } else if (!str_eqz(how, "sorted")) {
        return err_set(e, ERR_ARGS, order.mark,
                       "'order' must be inventory, reverse_inventory, sorted, reverse_sorted or shuffle, not '%.*s'",
                       STR(how));
    }
    return true;
}

static void add_pattern(struct buf *b, struct str text) {
    text = str_trim(text);
    if (text.n) {
        buf_printf(b, "%s%.*s", b->n ? "," : "", STR(text));
    }
}

static bool limit_file(const char *path, struct arena *a, struct str *text, struct err *e) {
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        return err_set(e, ERR_ARGS, NO_MARK, "'%s' must be a file", path);
    }
    return fd_read_file(path, (size_t)16 << 20, a, text, e);
}

/// A part of a pattern that matches nothing: a warning unless the settings say otherwise.
static bool mismatch(struct run *r, struct str part, struct mark at, struct err *e) {
    if (!part.n || r->o->pattern_mismatch == MISMATCH_IGNORE) {
        return true;
    }
    if (r->o->pattern_mismatch == MISMATCH_ERROR) {
        return err_set(e, ERR_NOT_FOUND, at, "Could not match supplied host pattern, ignoring: %.*s", STR(part));
    }
    run_warn(r, at, arena_printf(&r->a, "Could not match supplied host pattern, ignoring: %.*s", STR(part)));
    return true;
}

bool run_limit_pattern(struct str limit, struct arena *a, struct str *out, struct err *e) {
    struct str rest = limit;
    struct str part;
    struct buf b = BUF_IN(a);
    while (str_next(&rest, ',', &part)) {
        struct str text = str_trim(part);
        struct str line;
        if (!str_starts(text, "@")) {
            add_pattern(&b, text);
            continue;
        }
        if (!limit_file(str_z(a, str_sub(text, 1, text.n)), a, &text, e)) {
            return err_wrap(e, NO_MARK, "in --limit");
        }
        while (str_next(&text, '\n', &line)) {
            add_pattern(&b, line);
        }
    }
    *out = buf_view(&b);
    return true;
}

bool run_match_only(struct run *r, const struct run_pattern *p, struct arena *a, struct host ***out, size_t *count,
                    struct err *e) {
    struct host **found = NULL;
    struct host **limited = NULL;
    size_t n = 0;
    size_t nl = 0;
    struct str limit = STR_NONE;
    struct str unmatched = STR_NONE;
    if (!inv_match(r->o->inventory, p->text, p->at, a, &found, &n, &unmatched, e) ||
        (!p->quiet && !mismatch(r, unmatched, p->at, e))) {
        return false;
    }
    if (r->o->limit.n && !run_limit_pattern(r->o->limit, a, &limit, e)) {
        return false;
    }
    if (limit.n) {
        unmatched = STR_NONE;
        if (!inv_match(r->o->inventory, limit, NO_MARK, a, &limited, &nl, &unmatched, e) ||
            (!p->quiet && !mismatch(r, unmatched, NO_MARK, e))) {
            return false;
        }
    }
    struct map keep = {0};
    for (size_t i = 0; i < nl; i++) {
        map_put(&keep, a, limited[i]->name, limited[i]);
    }
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!limit.n || map_get(&keep, found[i]->name)) {
            found[(*count)++] = found[i];
        }
    }
    *out = found;
    return true;
}

bool run_match(struct run *r, struct str pattern, struct mark at, struct arena *a, struct hosts *out, struct err *e) {
    struct run_pattern p = {.text = pattern, .at = at};
    struct host **found = NULL;
    size_t n = 0;
    *out = (struct hosts){0};
    if (!run_match_only(r, &p, a, &found, &n, e)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        hosts_push(a, out, run_host(r, found[i]));
    }
    return true;
}

// -- plays ------------------------------------------------------------------------------------------------------------

static bool play_value(struct run *r, struct play *p, struct val raw, struct arena *a, struct val *out, struct err *e) {
    *out = raw;
    if (!val_any_flag(raw, VAL_TMPL)) {
        return true;
    }
    struct play_run *pr = ARENA_NEW(a, struct play_run);
    *pr = (struct play_run){.r = r, .play = p};
    plan_roles(pr);
    struct view v;
    bool ok = view_init(&v, pr, NULL, NULL, a, e) && view_value(&v, raw, out, e);
    arena_release(&pr->a);
    return ok;
}

static void join(struct buf *b, struct val v) {
    if (val_is_seq(v)) {
        for (size_t i = 0; i < val_len(v); i++) {
            join(b, val_at_index(v, i));
        }
        return;
    }
    if (b->n) {
        buf_char(b, ',');
    }
    val_to_str(b, v);
}

bool play_hosts(struct run *r, struct play *p, struct arena *a, struct val *out, struct err *e) {
    if (!play_value(r, p, p->hosts, a, out, e)) {
        return err_wrap(e, p->hosts.mark, "in 'hosts'");
    }
    *out = val_is(*out, VAL_OMIT) ? VNULL : *out;
    if (!val_is_seq(*out) && !val_is(*out, VAL_NULL)) {
        struct val one = *out;
        *out = val_list(a, 1);
        val_push(a, *out, one);
    }
    return true;
}

bool play_pattern(struct run *r, struct play *p, struct arena *a, struct str *out, struct err *e) {
    struct val hosts = {0};
    struct buf b = BUF_IN(a);
    if (!play_hosts(r, p, a, &hosts, e)) {
        return false;
    }
    if (!val_is(hosts, VAL_NULL)) {
        join(&b, hosts);
    }
    *out = buf_view(&b);
    return true;
}

bool play_fields(struct run *r, struct play *p, struct err *e) {
    static const enum keyword read[] = {KW_GATHER_FACTS,        KW_GATHER_SUBSET, KW_GATHER_TIMEOUT, KW_FORCE_HANDLERS,
                                        KW_MAX_FAIL_PERCENTAGE, KW_SERIAL,        KW_STRATEGY,       KW_ORDER};
    struct str pattern = STR_NONE;
    struct val v = {0};
    if (!play_pattern(r, p, &r->a, &pattern, e)) {
        return false;
    }
    for (size_t i = 0; i < COUNTOF(read); i++) {
        if (!play_value(r, p, p->n.kw[read[i]], &r->a, &v, e)) {
            return err_wrap(e, p->n.kw[read[i]].mark, "in '%s'", keyword_docs[read[i]].name);
        }
    }
    return true;
}

/// One size of serial: a number, or a share of all hosts ("30%"), at least 1. 0: all of them.
static bool serial_size(struct val v, size_t all, size_t *out, struct err *e) {
    struct str text = val_is(v, VAL_STR) ? str_trim(val_text(v)) : STR_NONE;
    int64_t n = 0;
    if (str_ends(text, "%") && str_int(str_trim(str_sub(text, 0, text.n - 1)), &n) && n >= 0) {
        *out = (size_t)((double)n / 100.0 * (double)all);
        *out = *out ? *out : 1;
        return true;
    }
    if (!val_as_int(v, &n)) {
        return err_set(e, ERR_TYPE, v.mark, "'serial' must be a number or a percentage, not %s", val_kind_name(v.kind));
    }
    *out = n > 0 ? (size_t)n : 0;
    return true;
}

static bool play_batches(struct run *r, struct play *p, const struct hosts *all, struct batches *out, struct err *e) {
    struct val serial = {0};
    struct arena *a = &r->a;
    *out = (struct batches){0};
    if (!play_value(r, p, p->n.kw[KW_SERIAL], a, &serial, e)) {
        return err_wrap(e, p->n.at, "in 'serial'");
    }
    serial = val_is(serial, VAL_OMIT) ? (struct val){0} : serial;
    bool seq = val_is_seq(serial);
    size_t sizes = seq ? val_len(serial) : !val_is(serial, VAL_UNDEF) && !val_is(serial, VAL_NULL);
    for (size_t i = 0, k = 0; i < all->n; k++) {
        size_t size = 0;
        struct val v = seq && sizes ? val_at_index(serial, k < sizes ? k : sizes - 1) : serial;
        if (sizes && !serial_size(v, all->n, &size, e)) {
            return false;
        }
        size = !size || size > all->n - i ? all->n - i : size;
        struct hosts b = {.p = all->p + i, .n = size, .cap = size};
        VEC_PUSH(a, *out, b);
        i += size;
    }
    return true;
}

static size_t lost(const struct run *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->order.n; i++) {
        n += r->order.p[i]->failed || r->order.p[i]->unreachable;
    }
    return n;
}

static int code_of(const struct run *r) {
    int code = RC_OK;
    for (size_t i = 0; i < r->order.n; i++) {
        const struct hrun *h = r->order.p[i];
        if (h->unreachable) {
            return RC_UNREACHABLE;
        }
        if (h->failed && !h->rescued) {
            code = RC_FAILED;
        }
    }
    return code;
}

static void no_hosts(struct run *r, struct play *p) {
    struct play_run pr;
    play_run_init(&pr, r, p);
    struct event start = {.kind = EV_PLAY_START, .name = pr.name, .play = p, .check = r->o->check};
    struct event none = {.kind = EV_NO_HOSTS_MATCHED, .play = p};
    run_event(r, &start);
    run_event(r, &none);
    arena_release(&pr.a);
}

static void warn_names(struct run *r, struct val vars) {
    static const char *const globals[] = {"range",  "dict",  "lipsum", "cycler", "joiner", "namespace",
                                          "lookup", "query", "q",      "now",    "undef",  "with_"};
    size_t i = 0;
    struct vpair *x;
    while (val_is(vars, VAL_DICT) && (x = val_each(vars, &i))) {
        struct str name = val_text(x->key);
        enum keyword k = keyword_find(name);
        bool reserved = k != KW_NONE && k != KW_VARS && (keyword_docs[k].where & ~(unsigned)ON_LOOP_CONTROL);
        for (size_t g = 0; !reserved && g < COUNTOF(globals); g++) {
            reserved = str_eqz(name, globals[g]);
        }
        if (reserved) {
            run_warn(r, NO_MARK, arena_printf(&r->a, "Found variable using reserved name: %.*s", STR(name)));
        }
    }
}

/// Variables that hide, or are hidden by, what the language itself calls by their names.
static void warn_reserved(struct run *r, const struct play *p) {
    warn_names(r, p->n.kw[KW_VARS]);
    warn_names(r, r->o->extra_vars);
    for (size_t i = 0; i < p->nroles; i++) {
        warn_names(r, p->roles[i]->defaults);
        warn_names(r, p->roles[i]->vars);
    }
}

/// Runs the batches of a play. *go_on: whether another play follows.
static bool run_play(struct run *r, struct play *p, bool *go_on, struct err *e) {
    struct arena *a = &r->a;
    struct hosts all;
    struct batches batches;
    struct val order = {0};
    struct str pattern = STR_NONE;
    *go_on = true;
    warn_reserved(r, p);
    if (!play_prompts(r, p, true, e) || !play_pattern(r, p, a, &pattern, e) ||
        !run_match(r, pattern, p->hosts.mark, a, &all, e) || !play_value(r, p, p->n.kw[KW_ORDER], a, &order, e) ||
        !order_hosts(&all, order, e) || !play_batches(r, p, &all, &batches, e)) {
        return false;
    }
    if (!batches.n) {
        no_hosts(r, p);
    }
    for (size_t i = 0; i < r->order.n; i++) {  // clear_host_errors serves its own play only
        r->order.p[i]->unreachable = r->order.p[i]->unreachable || r->order.p[i]->lost;
    }
    for (size_t i = 0; i < batches.n && *go_on; i++) {
        size_t before = lost(r);
        bool end_play = false;
        r->broken = false;
        if (!play_batch(r, p, &all, &batches.p[i], &end_play)) {
            e->code = ERR_NONE;
            return false;
        }
        r->code = r->broken ? RC_FAILED : code_of(r);
        *go_on = !r->broken && lost(r) - before != batches.p[i].n && !r->stop;
        if (end_play) {
            *go_on = !r->stop;
            break;
        }
        for (size_t j = 0; j < batches.p[i].n; j++) {
            batches.p[i].p[j]->lost = batches.p[i].p[j]->lost || batches.p[i].p[j]->unreachable;
        }
    }
    return true;
}

// -- books ------------------------------------------------------------------------------------------------------------

void run_init(struct run *r, const struct run_opts *o) {
    *r = (struct run){.o = o, .sigfd = -1, .start_at = o->start_at_task, .step = o->step};
    r->custom_stats = val_dict(&r->a, 2);
    r->dynamic = val_list(&r->a, 2);
}

void run_release(struct run *r) {
    hub_free(r->hub);
    for (size_t i = 0; i < r->abandoned.n; i++) {
        job_free(r->abandoned.p[i]);
    }
    for (size_t i = 0; i < r->order.n; i++) {
        host_state_release(&r->order.p[i]->state);
    }
    share_free(r->share);
    arena_release(&r->a);
}

struct str run_dir_of(struct str path) {
    while (path.n && path.s[path.n - 1] != '/') {
        path.n--;
    }
    return str_sub(path, 0, path.n > 1 ? path.n - 1 : path.n);
}

struct str book_name(struct run *r, const struct playbook *b) {
    char cwd[PATH_MAX];
    if (b->given.n) {
        return b->given;
    }
    if (!getcwd(cwd, sizeof(cwd))) {
        return b->file;
    }
    const char *lead = arena_printf(&r->a, "%s/", cwd);
    return str_starts(b->file, lead) ? str_sub(b->file, strlen(lead), b->file.n) : b->file;
}

void run_stats(struct run *r) {
    struct hosts seen = {0};
    for (size_t i = 0; i < r->order.n; i++) {
        if (r->order.p[i]->in_stats) {
            hosts_push(&r->a, &seen, r->order.p[i]);
        }
    }
    if (seen.n) {
        qsort(seen.p, seen.n, sizeof(struct hrun *), by_name);
    }
    struct host_stats *list = ARENA_ARRAY(&r->a, struct host_stats, seen.n + 1);
    for (size_t i = 0; i < seen.n; i++) {
        list[i] = seen.p[i]->stats;
    }
    struct event ev = {
        .kind = EV_STATS, .stats = list, .nstats = seen.n, .result = r->custom_stats, .check = r->o->check};
    run_event(r, &ev);
}

static bool check_books(struct run *r, struct err *e) {
    for (size_t i = 0; i < r->o->nbooks; i++) {
        for (size_t k = 0; k < r->o->books[i]->nplays; k++) {
            struct play *p = r->o->books[i]->plays[k];
            r->basedir = run_dir_of(p->n.file);
            if (!check_play(r, p, e) || !check_reach(r, p, i + k == 0, e)) {
                return false;
            }
        }
    }
    return true;
}

bool run_check_limit(struct run *r, struct err *e) {
    struct host **found = NULL;
    size_t n = 0;
    struct str limit = STR_NONE;
    if (!r->o->limit.n) {
        return true;
    }
    if (!run_limit_pattern(r->o->limit, &r->a, &limit, e) ||
        !inv_match(r->o->inventory, limit, NO_MARK, &r->a, &found, &n, NULL, e)) {
        return false;
    }
    bool some = !limit.n || !r->o->inventory->nhosts;
    for (size_t i = 0; i < n; i++) {
        some = some || !found[i]->implicit;
    }
    return some || err_set(e, ERR_NOT_FOUND, NO_MARK, "--limit '%.*s' does not match any hosts", STR(r->o->limit));
}

/// NAME.retry beside the playbook, with the hosts that failed.
static void write_retry(struct run *r, const struct playbook *b) {
    struct buf text = BUF_IN(&r->a);
    struct err e = {.arena = &r->a};
    struct hosts bad = {0};
    for (size_t i = 0; i < r->order.n; i++) {
        if (r->order.p[i]->failed || r->order.p[i]->unreachable) {
            hosts_push(&r->a, &bad, r->order.p[i]);
        }
    }
    if (!r->o->retry_files || !bad.n) {
        return;
    }
    qsort(bad.p, bad.n, sizeof(struct hrun *), by_name);
    for (size_t i = 0; i < bad.n; i++) {
        buf_printf(&text, "%.*s\n", STR(bad.p[i]->host->name));
    }
    struct str stem = b->file;
    while (stem.n && stem.s[stem.n - 1] != '.' && stem.s[stem.n - 1] != '/') {
        stem.n--;
    }
    stem = stem.n && stem.s[stem.n - 1] == '.' ? str_sub(stem, 0, stem.n - 1) : b->file;
    const char *path = arena_printf(&r->a, "%.*s.retry", STR(stem));
    if (r->o->retry_dir.n) {
        size_t slash = stem.n;
        while (slash && stem.s[slash - 1] != '/') {
            slash--;
        }
        (void)mkdir(str_z(&r->a, r->o->retry_dir), 0777);  // writing below says what is wrong
        path = arena_printf(&r->a, "%.*s/%.*s.retry", STR(r->o->retry_dir), STR(str_sub(stem, slash, stem.n)));
    }
    if (!fd_replace_file(path, buf_view(&text), 0600, &e)) {
        run_error(r, &e);
        return;
    }
    output_text(r->o->output, str_printf(&r->a, "\tto retry, use: --limit @%s\n", path));
}

static bool run_book(struct run *r, struct playbook *b, struct err *e) {
    bool go_on = true;
    struct event start = {.kind = EV_RUN_START, .name = b->file, .check = r->o->check};
    r->book = b;
    run_event(r, &start);
    struct event count = {.kind = EV_VERBOSE,
                          .level = 2,
                          .name = str_printf(&r->a, "%zu plays in %.*s", b->nplays, STR(book_name(r, b)))};
    run_event(r, &count);
    for (size_t i = 0; i < b->nplays && go_on && !r->stop; i++) {
        r->basedir = run_dir_of(b->plays[i]->n.file);
        if (!run_play(r, b->plays[i], &go_on, e)) {
            return false;
        }
    }
    if (r->stop) {
        return true;
    }
    write_retry(r, b);
    run_stats(r);
    return true;
}

/// A syntax check reads those keywords of plays that are read before hosts are chosen.
static bool fields_of_all(struct run *r, struct err *e) {
    for (size_t i = 0; i < r->o->nbooks; i++) {
        for (size_t k = 0; k < r->o->books[i]->nplays; k++) {
            struct play *p = r->o->books[i]->plays[k];
            r->basedir = run_dir_of(p->n.file);
            if (!play_prompts(r, p, false, e) || !play_fields(r, p, e)) {
                return false;
            }
        }
    }
    return true;
}

static int run_books(struct run *r) {
    struct err e = {.arena = &r->a};
    if (!check_books(r, &e)) {
        run_error(r, &e);
        return RC_PARSER;
    }
    check_tags(r);
    if (!run_check_limit(r, &e)) {
        run_error(r, &e);
        return RC_ERROR;
    }
    if (r->o->syntax_only) {
        if (!fields_of_all(r, &e)) {
            run_error(r, &e);
            return RC_PARSER;
        }
        for (size_t i = 0; i < r->o->nbooks; i++) {
            output_text(r->o->output, str_printf(&r->a, "\nplaybook: %.*s\n", STR(book_name(r, r->o->books[i]))));
        }
        return RC_OK;
    }
    flush_facts(r);
    for (size_t i = 0; i < r->o->nbooks && !r->code && !r->stop; i++) {
        if (!run_book(r, r->o->books[i], &e)) {
            if (e.code) {
                run_error(r, &e);
            }
            return r->code ? r->code : RC_ERROR;
        }
    }
    if (r->stop) {
        return RC_INTERRUPTED;
    }
    if (r->start_at.n) {
        err_set(&e, ERR_NOT_FOUND, NO_MARK, "no task matches '%.*s'", STR(r->start_at));
        err_hint(&e, "--start-at-task finds only tasks that are there before the run, not those of include_tasks");
        run_error(r, &e);
    }
    return r->code;
}

int run_playbooks(const struct run_opts *o) {
    struct run r;
    run_init(&r, o);
    int code = RC_ERROR;
    if (signals_open(&r)) {
        code = run_books(&r);
        signals_close(&r);
    }
    if (r.stop) {
        struct event ev = {.kind = EV_WARNING, .name = STR_LIT("interrupted")};
        run_event(&r, &ev);
        code = RC_INTERRUPTED;
    }
    run_release(&r);
    return code;
}
