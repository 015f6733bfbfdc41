// What the files of exec/ share: the run, a play's batch, a host in it, a task on a host. Private to this layer.
#pragma once
#include "conn.h"
#include "iterator.h"
#include "run.h"

#include <pthread.h>

enum tag_kind { TAG_SLOT, TAG_JOB };  // first member of everything that is a completion's tag

/// Exit codes, as ansible-playbook's.
enum { RC_OK = 0, RC_ERROR = 1, RC_FAILED = 2, RC_UNREACHABLE = 4, RC_PARSER = 4, RC_INTERRUPTED = 99 };

struct job;
struct jobs {
    struct job **p;
    size_t n, cap;
};
/// A host as the run knows it, from its first mention to the end.
struct hrun {
    struct jobs early;  // sent before their turn, in order (early.c)
    struct host *host;
    struct host_state state;
    struct host_stats stats;
    struct iter it;  // position in the batch that runs now
    uint32_t index;  // in that batch
    bool in_batch;
    bool in_stats;             // had a result: shown in the recap
    bool failed, unreachable;  // kept from play to play
    bool lost;                 // was unreachable when a batch ended: is so again when the next play starts
    bool removed;              // left the running play: not in ansible_play_hosts
    bool gathered;             // facts were gathered (smart gathering)
    bool include_failed;       // an include of this round could not be loaded
    bool hit;                  // failed in this round of the linear strategy
    bool rescued;              // `failed`, but it was rescued: it counts from the next play on
};
struct hosts {
    struct hrun **p;
    size_t n, cap;
};
/// One connection, shared by all tasks that log in the same way.
struct slot {
    enum tag_kind tag;
    struct conn *conn;
    struct str key;
    size_t in_flight;  // requests without a completion
    bool dead;         // lost or reset: closed when nothing is in flight, replaced when asked for again
};

/// One run of all playbooks.
struct run {
    const struct run_opts *o;
    struct arena a;       // until the end of the run
    struct hub *hub;      // made with the first connection
    struct share *share;  // values that hosts have in common
    struct map hosts;     // inventory name -> struct hrun *
    struct hosts order;   // all of them, in order of their first mention
    struct map slots;     // connection key -> struct slot *
    bool few_files;       // that not all connections can be open at once was said
    struct map files;     // path -> struct val *: vars files read
    struct val prompt;    // answers to vars_prompt of the play that runs
    struct playbook *book;
    struct str basedir;   // of the playbook that runs
    struct str start_at;  // empty once it was found
    struct val groups;    // magic variable `groups`, VAL_UNDEF after a change
    struct val custom_stats;
    struct val dynamic;               // list of {host, result}: what add_host and group_by did, for refresh_inventory
    int sigfd;                        // readable after Ctrl-C
    int sig_in, sig_stop;             // of the thread that waits for signals
    _Atomic int sig_count, sig_last;  // signals that nobody has taken for an answer, and the last one's number
    pthread_t sig_thread;
    bool stop;      // Ctrl-C
    bool broken;    // max_fail_percentage or any_errors_fatal ended a batch
    bool step;      // --step is still asking
    int code;       // exit code so far
    uint32_t lane;  // number of the next task's lane
    struct {
        struct completion *p;
        size_t n, cap;
    } kept;                 // completions that came while only some were waited for
    struct jobs abandoned;  // in flight when Ctrl-C came
    struct map tags;        // tags of the tasks that are known before the run
    struct val facts_read;  // names of facts that the project reads; VAL_NULL: that cannot be known (factsread.c)
    bool more_tags;         // others may turn up: a tag is a template, tasks are included
};

/// The steps of a play in the order in which lock step takes them.
struct order {
    struct pstep **p;
    size_t n, cap;
    size_t cursor;
};
struct role_list {
    struct role **p;
    size_t n, cap;
};
/// A role that was completed by a host: it is not run again unless it allows duplicates.
struct role_done {
    const struct role *role;  // the first of its equal uses
    uint8_t *ran, *done;      // for each host of the batch
};
struct roles_done {
    struct role_done **p;
    size_t n, cap;
};
enum strategy { STRATEGY_LINEAR, STRATEGY_FREE, STRATEGY_PINNED };
/// Keywords of a play that count for all of it, templated once.
struct play_set {
    enum strategy strategy;
    bool debugger;  // strategy: debug
    bool force_handlers;
    bool check;
    struct val gather_facts, max_fail;  // VAL_UNDEF: not given
};
/// One batch of one play.
struct play_run {
    struct run *r;
    struct play *play;
    struct play_set set;
    struct arena a;  // until the end of the batch
    struct str name;
    struct hosts all;  // hosts of the play
    struct hosts batch;
    struct pblock *root;
    struct order tasks, handler_order;
    struct psteps handlers;  // those that can be notified
    struct role_list roles;  // roles whose defaults and vars all tasks see
    struct roles_done done;
    struct pstep *setup;    // the task that gathers facts
    struct map fact_tasks;  // gather.c: task and module -> struct task *
    struct val all_names;   // names of `all`
    bool in_handlers, end_play;
    bool fatal;            // an error that ends the run was reported
    bool broken;           // max_fail_percentage or any_errors_fatal ended it: no play follows
    struct jobs finished;  // jobs that reached JOB_DONE and were not looked at yet
    struct jobs timers;    // jobs in JOB_TIMER
    struct jobs live;      // jobs of this round by number; NULL once freed
};

/// What one task sees on one host: its variables, where files are looked for, and the template engine over them.
struct view {
    struct play_run *pr;
    struct run *r;
    struct hrun *h;      // NULL: no host (names of plays, tags)
    struct pstep *step;  // NULL: no task
    const struct task *task;
    struct arena *a;
    struct scope sc;
    struct jinja_ctx jc;
    struct jinja_host jh;
    struct mod_ctl ctl;
    struct val loop;        // dict: loop_var, index_var, ansible_loop ...
    struct val live;        // dict: registered and set by this task so far (not stored yet)
    struct str delegated;   // name of the delegated host, empty: none
    struct str shown_name;  // inventory_hostname when that is not the host's own; empty: it is
    struct str beside;      // directory of the template file being rendered, empty: none
    bool plain;             // for hostvars: no play, no task
    struct view *other;     // of the delegated host; NULL: none
    bool connected;         // connected.c answers
    bool far;               // it is the `other` of a view
    bool loop_on, live_on;  // the two dicts are on the stack (an empty one is not)
    bool varied;            // a variable or keyword was asked for that the next item may see otherwise
};

/// How a task reaches its target.
struct login {
    struct conn_spec spec;
    struct conn_become become;
    bool use_become;
};

enum job_phase {
    JOB_ITEM,       // start the next item (or the only one)
    JOB_ATTEMPT,    // start an attempt
    JOB_SENT,       // waiting for the target
    JOB_STEP,       // a module that talks step by step says what is next
    JOB_RESULT,     // j->raw holds what came back
    JOB_TIMER,      // waiting until j->due; then j->after
    JOB_POLL,       // ask how the task in the background is doing
    JOB_ITEM_DONE,  // j->item.result is final
    JOB_DONE,       // j->result is final
};
enum async_state { ASYNC_NONE, ASYNC_START, ASYNC_POLL, ASYNC_CLEANUP, ASYNC_DONE };
/// async: and poll: of an item.
struct async_poll {
    int64_t limit_s, poll_s, left_s;
    struct str dir;          // where the target keeps results; empty: the default
    enum async_state state;  // what the request in flight is for
    int64_t since;           // when the wait before the question that is being asked began
    struct val jid, result;
};
/// One item of a loop, or the whole task when there is none.
struct item {
    struct val value;
    struct val args;  // templated; each attempt validates them anew into call.args
    const struct module *mod;
    struct hrun *target;   // who runs it: the host or the delegated one
    struct str delegated;  // empty: none
    struct str label;      // of the delegated host as shown; empty when it is the host itself
    struct login login;
    struct val environment;
    struct str reg;  // register:
    bool check, diff, no_log, ignore_errors, ignore_unreachable;
    int64_t attempt, tries, delay_ms, timeout_ms;
    struct async_poll async;
    struct mod_call call;
    struct slot *slot;
    struct mod_step next;      // of a module that talks step by step
    struct gathering *gather;  // facts of other modules than setup; NULL: no
    struct val result;
    const struct err *why;  // the error the failed result was made of, for its place; NULL: the target said so
    struct val notify;      // templated names
    bool dropped;           // sent early and not run, because something before it failed
    bool landed;            // answered by the target; the controller's half of the module has not looked at it
};
/// Items of a loop that were sent before their turn (ahead.c).
struct ahead;
struct ahead_queue {
    struct ahead *p;  // a ring
    size_t first, n, cap, bytes;
};
struct loop_control {
    struct str var, index_var;
    struct val label;
    int64_t pause_ms;
    bool extended, allitems;
};
#define LIVE_LINE_MAX ((size_t)64 << 10)
/// One task on one host, from its conditions to its result. docs/how-a-task-travels.md tells the story.
struct job {
    enum tag_kind tag;
    struct play_run *pr;
    struct hrun *h;
    struct pstep *step;
    struct task *task;
    struct arena a;
    struct view v;
    enum job_phase phase, after;
    int64_t due;
    bool looping, started, run_once;
    struct val items, results;
    size_t i;
    struct loop_control lc;
    struct item item;
    struct ahead_queue ahead;
    bool viewed;                                     // the view is set up
    bool early;                                      // sent before its turn; nothing of it is shown yet
    bool given_up;                                   // its turn did not come
    bool ahead_off;                                  // its items have to wait for each other
    bool login_known;                                // `login` is that of all its items
    struct login login;                              // of the item before
    uint32_t lane;                                   // of its items; 0: none was sent
    bool no_log, ignore_errors, ignore_unreachable;  // of the whole task
    bool has_results;
    struct val result;
    bool aborted;  // an error ended all items
    struct err err;
    struct str bad_condition;    // the condition of `when` that could not be evaluated
    const struct err *loop_err;  // the loop's list could not be made; reported unless `when` skips
    uint64_t request;
    size_t number;          // in play_run.live
    bool shown;             // output/ was told of the result already
    struct val debug_vars;  // variables set in the debugger; VAL_UNDEF: none
    int64_t began_ms;       // clock_ms
    struct buf live_line;   // live output: the line that is not whole yet
};

// -- lists.c ----------------------------------------------------------------------------------------------------------
void hosts_push(struct arena *a, struct hosts *l, struct hrun *h);
void jobs_push(struct arena *a, struct jobs *l, struct job *j);
void steps_push(struct arena *a, struct psteps *l, struct pstep *s);
void order_push(struct arena *a, struct order *o, struct pstep *s);

// -- run.c ------------------------------------------------------------------------------------------------------------
struct hrun *run_host(struct run *r, struct host *h);
/// Writes what is known of a host to the fact cache, if there is one.
void run_keep_facts(struct run *r, struct hrun *x);
/// By inventory name, address or alias of localhost; makes a bare host when nobody knows it (delegate_to).
struct hrun *run_host_named(struct run *r, struct str name);
void run_event(struct run *r, const struct event *ev);
void run_warn(struct run *r, struct mark at, const char *msg);
/// Reports an error outside of tasks.
void run_error(struct run *r, const struct err *e);
/// meta: refresh_inventory: reads the sources again; hosts and groups made by tasks stay.
bool run_refresh_inventory(struct run *r, struct err *e);
/// Hosts of a pattern under --limit as the inventory knows them: for listings, which need no more.
struct run_pattern {
    struct str text;
    struct mark at;
    bool quiet;  // a part that matches nothing is not told
};
bool run_match_only(struct run *r, const struct run_pattern *p, struct arena *a, struct host ***out, size_t *count,
                    struct err *e);
/// Hosts of a pattern under --limit, in the play's order.
bool run_match(struct run *r, struct str pattern, struct mark at, struct arena *a, struct hosts *out, struct err *e);
void run_init(struct run *r, const struct run_opts *o);
struct str run_dir_of(struct str path);
/// A playbook's file as the user named it, or would name it from here.
struct str book_name(struct run *r, const struct playbook *b);
void run_release(struct run *r);
/// Sends the recap.
void run_stats(struct run *r);
/// The hosts: of a play as a list of patterns, or null.
bool play_hosts(struct run *r, struct play *p, struct arena *a, struct val *out, struct err *e);
/// The same as one pattern.
bool play_pattern(struct run *r, struct play *p, struct arena *a, struct str *out, struct err *e);
/// Templates the keywords of a play that are read before hosts are chosen, `hosts` too, only to find mistakes.
bool play_fields(struct run *r, struct play *p, struct err *e);
/// The batches that serial: makes of `all`.
struct batches {
    struct hosts *p;
    size_t n, cap;
};

// -- play_run.c -------------------------------------------------------------------------------------------------------
/// Runs one batch. False: an error that ends the run (already reported).
bool play_batch(struct run *r, struct play *p, const struct hosts *all, const struct hosts *batch, bool *end_play);
/// A play_run without hosts, for names and listings.
void play_run_init(struct play_run *pr, struct run *r, struct play *p);
bool play_compile(struct play_run *pr, bool flushes, struct err *e);
/// Templates the keywords of `set`. ERR_ARGS for an unknown strategy.
bool play_settle(struct play_run *pr, struct err *e);

// -- prompts.c --------------------------------------------------------------------------------------------------------
/// The vars_prompt of a play as r->prompt: asked, or (`ask` false, or given as extra variables) their defaults.
bool play_prompts(struct run *r, struct play *p, bool ask, struct err *e);

// -- gather.c --------------------------------------------------------------------------------------------------------
/// True for the action gather_facts, which a play's start is, too.
bool gather_is(const struct task *t);
/// Sets item.gather when facts come from other modules than setup alone. ERR_NOT_FOUND: there is no such module.
bool gather_begin(struct job *j, struct err *e);
/// Makes the next module of item.gather what the attempt runs.
bool gather_turn(struct job *j, struct err *e);
/// Takes its result. True: another module is next; false: item.result is that of all.
bool gather_more(struct job *j);

// -- factsread.c -----------------------------------------------------------------------------------------------------
/// Tells the module `setup`, in its arguments, which facts the project reads, if that can be known, and that no
/// variable names the target's Python. Other tasks: nothing.
bool facts_tell(struct job *j, struct val args, struct err *e);

// -- factsleft.c -----------------------------------------------------------------------------------------------------
/// scope.complete of a struct view: fetches what `setup` left out, for this host and those of the batch.
void facts_complete(void *view, struct host_state *state);

// -- plan.c -----------------------------------------------------------------------------------------------------------
struct planned {
    const struct block *block;
    const struct role *outer;  // the role around it, or NULL
    bool handler;
};
/// Compiles a block with the tasks its tags select (NULL: none) and puts them into the order of tasks (or handlers) at
/// `*at`, which moves behind them; `at` NULL: at the end.
bool plan_block(struct play_run *pr, const struct planned *what, size_t *at, struct pblock **out, struct err *e);
struct pstep *plan_meta(struct play_run *pr, const char *what);
struct pstep *plan_task(struct play_run *pr, struct task *t, bool handler);
/// Appends a block and everything inside to the order of tasks.
void plan_order(struct play_run *pr, struct order *o, struct pstep *s);
/// True when tags select a node. Tag names in `names` (list, may be NULL) when wanted.
bool plan_tags(struct play_run *pr, const struct node *n, struct arena *a, bool *selected, struct val *names,
               struct err *e);
/// False only when the tags of a run leave a task out for certain, which templates in its tags make uncertain.
bool plan_may_select(const struct run *r, const struct node *n);
/// Adds a role and the roles it depends on to those every task of the play sees, unless it keeps its variables to
/// itself.
void plan_role_vars(struct play_run *pr, struct role *r);
/// The same for all static roles of the play.
void plan_roles(struct play_run *pr);
/// True when the host has completed this role already and must not run it again.
bool role_skip(struct play_run *pr, const struct role *role, const struct hrun *h);
void role_ran(struct play_run *pr, const struct role *role, const struct hrun *h);
void role_finish(struct play_run *pr, const struct role *role, const struct hrun *h);

// -- view.c -----------------------------------------------------------------------------------------------------------
bool view_init(struct view *v, struct play_run *pr, struct hrun *h, struct pstep *step, struct arena *a, struct err *e);
/// Sets v->other up: the task on the host it is delegated to.
bool view_delegate(struct view *v, struct str name, struct hrun *to, struct err *e);
/// The variables of another host as hostvars shows them: no play, no task.
bool view_plain(struct view *v, struct play_run *pr, struct hrun *h, struct arena *a, struct err *e);
/// Loop variables or registered results changed.
void view_changed(struct view *v);
bool view_value(struct view *v, struct val raw, struct val *out, struct err *e);
/// A keyword of the task with inheritance, templated; VAL_UNDEF when not given.
bool view_kw(struct view *v, enum keyword k, struct val *out, struct err *e);
bool view_bool(struct view *v, enum keyword k, bool absent, bool *out, struct err *e);
bool view_int(struct view *v, enum keyword k, int64_t absent, int64_t *out, struct err *e);
/// A variable, templated; VAL_UNDEF when there is none.
bool view_var(struct view *v, const char *name, struct val *out, struct err *e);
/// All conditions of a keyword (a condition or a list); *which (may be NULL) is the first that was false, or
/// that could not be evaluated.
bool view_conditions(struct view *v, struct val conds, bool *out, struct val *which, struct err *e);
/// Text with templates, where errors leave the raw text (names of plays and tasks).
struct str view_name(struct view *v, struct val raw);
struct str task_title(struct view *v);
/// include_tasks and include_role: what is below them does not inherit their keywords, except vars.
bool task_is_include(const struct task *t);

// -- connected.c ------------------------------------------------------------------------------------------------------
/// scope.last of a struct view: variables of the connection that nothing defines.
bool connected_get(void *view, struct str name, struct arena *a, struct val *out, struct err *e);
/// Their names, those that are known.
void connected_names(void *view, void (*offer)(void *, struct str), void *to);
/// A keyword templated without these variables, for it decides on them and may ask for one with a default.
bool connected_kw(struct view *v, enum keyword k, struct val *out, struct err *e);
/// Adds to `plain`, the variables of the host that v->delegated names, those that Ansible puts there when it has none.
void connected_delegated(struct view *v, struct view *plain);

// -- varsfiles.c ------------------------------------------------------------------------------------------------------
/// Pushes the layers of vars_files of the play as this host sees them.
bool vars_files_push(struct view *v, struct err *e);
/// group_vars and host_vars beside the playbook of `p` are those in force, as in Ansible not those of another playbook.
void play_vars_dir(struct run *r, const struct play *p);
/// A YAML file of variables as a dict, cached for the run.
bool load_vars_file(struct run *r, struct str path, struct val *out, struct err *e);

// -- magic.c ----------------------------------------------------------------------------------------------------------
bool magic_get(void *self, struct str name, struct arena *a, struct val *out, struct err *e);
struct val magic_search_path(struct view *v, struct arena *a);
/// The roles around the task, from the inside out, and the directory of its file.
struct val magic_task_path(struct view *v, struct arena *a);

// -- ctl.c ------------------------------------------------------------------------------------------------------------
void ctl_init(struct view *v);
bool ctl_find(struct view *v, const char *kind, struct str name, struct arena *a, struct str *path, struct err *e);
/// How a file of the controller is read: as it is; decrypted when it is a vault; also when it is encrypted to
/// recipients, which only files of variables are for us (others may be meant for the target as they are).
enum file_form { FILE_RAW, FILE_PLAIN, FILE_VARS };
struct file_text {
    struct str text;
    bool secret;  // it was encrypted
};
bool ctl_read_file(struct run *r, struct str path, enum file_form form, struct arena *a, struct file_text *out,
                   struct err *e);

// -- connvars.c -------------------------------------------------------------------------------------------------------
/// The short name of a become plugin: "community.general.doas" is doas.
struct str become_name(struct str name);
/// Connection and become of one item. `cv` is the view of the target (the delegated host's when there is one).
bool login_resolve(struct view *cv, const struct hrun *target, struct arena *a, struct login *out, struct err *e);
bool environment_resolve(struct view *v, struct val *out, struct err *e);
/// True when both lead to the same process.
bool login_same(const struct login *x, const struct login *y);
/// ERR_ARGS at `at` for a connection that is not supported.
bool connection_check(struct str kind, struct mark at, struct err *e);
/// The connection for a login, opened when there is none.
struct slot *slot_get(struct run *r, const struct login *l, struct arena *a, struct err *e);
/// What -vvv tells before a connection is opened and before a request runs as another user (trace.c). Passwords are no
/// part of it.
void trace_connection(struct run *r, const struct login *l);
void trace_become(struct run *r, const struct login *l);
/// The connection is not to be used again.
void slot_drop(struct slot *s);
/// A request on it was completed.
void slot_done(struct slot *s);

// -- beside.c ---------------------------------------------------------------------------------------------------------
/// For a module that runs beside the host: the item's login becomes the controller's own, or stays that of the
/// delegated host, and its arguments get `_login`, which tells how the host is reached.
bool beside_place(struct job *j, struct err *e);

// -- task.c -----------------------------------------------------------------------------------------------------------
struct job *job_new(struct play_run *pr, struct hrun *h, struct pstep *s);
/// Moves a job as far as it gets without waiting.
void job_run(struct job *j);
void job_completed(struct job *j, struct completion *c);
void job_free(struct job *j);
/// Sets j->item up for item j->i: JOB_ATTEMPT, JOB_ITEM_DONE when it is skipped, JOB_DONE with an error.
enum job_phase item_begin(struct job *j, struct err *e);
/// Sets the view up.
bool job_view(struct job *j, struct err *e);
/// Sets the view up unless it is, and reads what counts for all items: the loop's list and its control.
bool job_begin(struct job *j, struct err *e);
/// Back to the start, with the task and variables that the debugger has changed.
void job_restart(struct job *j);
/// Ends the job, with its remaining items, with a failed result made of an error; ignore_errors and no_log hold for it,
/// too. Returns JOB_DONE.
enum job_phase job_abort(struct job *j, const struct err *e);
/// The condition that the error of a following job_abort is about.
void job_bad_condition(struct job *j, struct val which);

// -- publish.c --------------------------------------------------------------------------------------------------------
/// True for a condition that is given: not null, not an empty list.
bool job_asks(struct val cond);
/// The item's result under its registered name, and its facts, for conditions of this task and for its next items.
void job_publish(struct job *j);
void job_publish_facts(struct job *j);

// -- delegate.c -------------------------------------------------------------------------------------------------------
/// Sets the item's target; `*cv` becomes the view its login is made of. ERR_TYPE: delegate_to is no name.
bool item_delegate(struct job *j, struct view **cv, struct err *e);
/// Sets the item's label: "db1" or "db1(10.0.0.7)"; nothing when a host is delegated to itself.
bool delegate_label(struct job *j, struct view *cv, struct err *e);

// -- attempt.c --------------------------------------------------------------------------------------------------------
/// Adds what module_defaults says for the job's task to `into`.
bool attempt_defaults(struct job *j, struct val into, struct err *e);
bool item_prepare(struct job *j, struct err *e);
/// Starts an attempt: runs a module of the controller, or sends the request.
enum job_phase attempt_start(struct job *j);
/// The same up to the sending: JOB_SENT when the item is ready for attempt_submit. Not for modules of the controller.
enum job_phase attempt_prepare(struct job *j);
enum job_phase attempt_submit(struct job *j);
/// As attempt_submit, but runs another module of the target than the task's.
enum job_phase attempt_send(struct job *j, const char *module, struct val args);
/// The result of an attempt that failed here.
enum job_phase attempt_failed(struct job *j, const struct err *e);
enum job_phase attempt_result(struct job *j);
struct val result_failed(struct arena *a, const struct err *e);

// -- steps.c ----------------------------------------------------------------------------------------------------------
/// The next step of a module that talks to its target step by step.
enum job_phase steps_next(struct job *j);
/// Takes the answer to one of its requests.
void steps_answer(struct job *j, const struct completion *c);

// -- ahead.c ----------------------------------------------------------------------------------------------------------
/// While item j->i is on its way: prepares and sends items behind it, where that cannot be noticed.
void ahead_fill(struct job *j);
/// Makes the next item that was sent ahead the current one; false: there is none.
bool ahead_take(struct job *j, enum job_phase *phase);
/// Keeps the answer to one of them.
void ahead_completed(struct job *j, struct completion *c);
void ahead_cancel(struct job *j);

// -- async.c ----------------------------------------------------------------------------------------------------------
/// Reads async: and poll:; an error says why this task cannot run in the background.
bool async_read(struct job *j, struct err *e);
/// After an answer: *phase is what comes next when the task is, or was asked about, in the background.
bool async_next(struct job *j, enum job_phase *phase);
/// Sends the question that j->item.async.state is for.
enum job_phase async_ask(struct job *j);

// -- debugger.c -------------------------------------------------------------------------------------------------------
/// Stops at a finished task when it is to be debugged. True: the job runs again.
bool debugger_again(struct job *j);

// -- early.c ----------------------------------------------------------------------------------------------------------
/// While a job is on its way: prepares and sends tasks behind it, where that cannot be noticed.
void early_fill(struct job *j);
/// The job of step `s` that was sent before its turn; NULL: there is none, and others are given up.
struct job *early_take(struct hrun *h, const struct pstep *s);
/// Gives up what was sent before its turn.
void early_drop(struct hrun *h);

// -- loop.c -----------------------------------------------------------------------------------------------------------
/// The list a task loops over; *looping is false when it has no loop.
bool loop_items(struct job *j, bool *looping, struct val *items, struct err *e);
bool loop_control_read(struct job *j, struct err *e);
void loop_set_vars(struct job *j);
enum job_phase loop_item_done(struct job *j);
struct val loop_result(struct job *j);

// -- result.c ---------------------------------------------------------------------------------------------------------
/// Everything that follows from a final result: statistics, events, facts, register, notify, failing the host.
void result_process(struct job *j);
bool result_flag(struct val result, const char *key);
/// Tells output/ of the whole result.
void result_show(struct job *j);
/// Carries out what add_host and group_by ask for and says in the result whether it changed anything.
void result_inventory(struct job *j, struct val result);
/// The same without a job: `name` is the host that group_by moves.
bool result_apply_inventory(struct run *r, struct str name, struct val result, bool *changed, struct err *e);
bool result_is_failed(struct val result);
bool result_is_skipped(struct val result);
bool result_is_unreachable(struct val result);
enum task_status result_status(struct val result);
/// What is told of a result; what is made for it lies in `a`.
struct event result_event(struct job *j, enum event_kind kind, struct val result, struct arena *a);
#define ITEM_DELEGATED "_ansible_delegated_host"  // in an item's result: name of the host that it was delegated to
/// Without internal keys, as `register` stores it.
struct val result_public(struct arena *a, struct val v);
void host_seen(struct hrun *h);

// -- handler.c --------------------------------------------------------------------------------------------------------
bool handlers_load(struct play_run *pr, struct err *e);
void handlers_add_role(struct play_run *pr, struct role *role);
/// Marks the handlers of that name or topic for the job's host. ERR_NOT_FOUND when there is none.
bool handler_notify(struct job *j, struct str name, struct err *e);
/// The handler ran on the host (NULL: once for all of them): it is notified no more.
void handler_ran(struct play_run *pr, struct pstep *s, struct hrun *h);
/// Starts the notified handlers of a host: its next tasks are theirs.
void handlers_flush(struct play_run *pr, struct hrun *h);

// -- include.c --------------------------------------------------------------------------------------------------------
/// Loads what the finished jobs of a round ask to include and puts it before the next task of their hosts.
/// False: an error that ends the run.
bool include_process(struct play_run *pr, const struct jobs *done, struct err *e);

// -- meta.c -----------------------------------------------------------------------------------------------------------
/// Runs a meta task. *once: it was done for all hosts.
bool meta_run(struct play_run *pr, struct hrun *h, struct pstep *s, bool *once, struct err *e);
struct str meta_action(const struct task *t);
bool meta_known(struct str what);

// -- strategy/ --------------------------------------------------------------------------------------------------------
bool linear_run(struct play_run *pr, struct err *e);
/// free, and host_pinned as pr->set.strategy says.
bool free_run(struct play_run *pr, struct err *e);
/// A host's next step, past those that are not for it; NULL: none.
struct pstep *strategy_next(struct play_run *pr, struct hrun *h);
/// A keyword of a step as host `h` sees it.
bool strategy_bool(struct play_run *pr, struct pstep *s, struct hrun *h, enum keyword k, bool absent, bool *out,
                   struct err *e);
/// throttle:, 0 when there is none.
bool strategy_throttle(struct play_run *pr, struct pstep *s, struct hrun *h, size_t *out, struct err *e);
size_t strategy_forks(const struct play_run *pr);
/// Tells output/ that a task starts.
void strategy_announce(struct play_run *pr, struct pstep *s, struct hrun *h);
/// --step: asks whether the task is to run (on `h`, when the strategy asks for each host).
bool strategy_wanted(struct play_run *pr, struct pstep *s, struct hrun *h);
struct job *strategy_start(struct play_run *pr, struct hrun *h, struct pstep *s, bool once);
/// Processes a finished job's result and frees it; those of includes are kept in `includes`, for include_process.
void strategy_finish(struct play_run *pr, struct job *j, struct jobs *includes, struct arena *a);
void strategy_free_jobs(struct jobs *l);
/// After Ctrl-C: what is in flight is given up; run_release frees the jobs once no completion can come any more.
void strategy_cancel(struct play_run *pr);

// -- wait.c -----------------------------------------------------------------------------------------------------------
/// Delivers completions and timers to jobs and appends those that are done to pr->finished; returns after at least one
/// event, or on Ctrl-C.
void wait_some(struct play_run *pr);
/// Waits until these jobs, which are no others' business, were answered (or Ctrl-C came); what comes for others is
/// kept.
void wait_only(struct play_run *pr, const struct jobs *jobs);
/// Moves a job on and files it as finished or waiting.
void wait_start(struct play_run *pr, struct job *j);
bool signals_open(struct run *r);
void signals_close(struct run *r);
/// Asks at the terminal; Ctrl-C ends the run.
struct question {
    const char *prompt;
    bool echo;
    bool stdin_too;      // an answer on standard input counts when that is no terminal
    int64_t timeout_ms;  // 0: none
};
bool ask_terminal(struct run *r, const struct question *q, struct arena *a, struct str *out, struct err *e);
/// Waits for a line on standard input, as `pause` does: ERR_NOT_FOUND unless that is the terminal this program runs at
/// in the foreground; Ctrl-C asks whether the play goes on: `*out` is empty then, or ERR_TIMEOUT.
bool ask_pause(struct run *r, bool echo, struct arena *a, struct str *out, struct err *e);

// -- check.c ----------------------------------------------------------------------------------------------------------
/// What is not supported, and templates that cannot be right: found before any host is touched.
bool check_play(struct run *r, struct play *p, struct err *e);
/// False for what a condition, a tag, a loop or a foreseen failure may keep a run from.
bool check_certain(const struct run *r, const struct node *n);
/// Warns of tags that were asked for and that no task has, once all plays were checked.
void check_tags(struct run *r);
/// Refuses a play whose hosts would be reached by a connection that is not supported (reach.c); `first`: of the run.
bool check_reach(struct run *r, struct play *p, bool first, struct err *e);
bool check_block(struct run *r, const struct block *b, struct err *e);
bool check_role(struct run *r, const struct role *role, struct err *e);
