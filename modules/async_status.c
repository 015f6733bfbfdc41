// async_status: asks how a task in the background is doing, or forgets its result.
#include "module.h"

#include "fd.h"
#include "json.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASYNC_DIR  "~/.ansible_async"
#define RESULT_MAX ((size_t)64 << 20)

static const struct arg args[] = {
    {"jid", ARG_STR, .required = true, .doc = "Id of the job, from the result of the task that started it."},
    {"mode", ARG_STR, .def = "status", .choices = "cleanup|status", .doc = "Ask, or remove the file of the job."},
    {"_async_dir", ARG_PATH, .doc = "Set by the runner: where the files of jobs are."},
    {0},
};

/// The directory is a variable of the host.
static bool prepare(struct mod_call *c, struct err *e) {
    struct val dir = {0};
    if (!c->ctl->var(c->ctl->self, "ansible_async_dir", c->arena, &dir, e)) {
        return false;
    }
    if (!mod_has(c, "_async_dir")) {
        val_set(c->arena, c->args, "_async_dir", dir.kind == VAL_STR ? dir : val_z(c->arena, ASYNC_DIR));
    }
    return true;
}

static void set_missing(struct mod_call *c, const char *key, struct val v) {
    if (!val_has(c->result, key)) {
        mod_set(c, key, v);
    }
}

static void complete(struct mod_call *c, const char *path) {
    bool cleanup = str_eqz(mod_str(c, "mode"), "cleanup");
    set_missing(c, "started", val_int(!cleanup));
    set_missing(c, "finished", val_int(0));
    set_missing(c, "stdout", val_z(c->arena, ""));
    set_missing(c, "stderr", val_z(c->arena, ""));
    set_missing(c, "stdout_lines", val_list(c->arena, 0));
    set_missing(c, "stderr_lines", val_list(c->arena, 0));
    set_missing(c, "ansible_job_id", mod_arg(c, "jid"));
    set_missing(c, cleanup ? "erased" : "results_file", val_z(c->arena, path));
}

static bool status(struct mod_call *c, const char *path, struct err *e) {
    struct str text = STR_NONE;
    struct val data = {0};
    struct err own = {.arena = c->arena};
    bool there = fd_read_file(path, RESULT_MAX, c->arena, &text, &own);
    if (!there || !text.n || !json_parse(c->arena, text, &data, &own)) {
        if (there && text.n) {
            mod_set(c, "started", val_int(1));
            mod_set(c, "finished", val_int(1));
            return mod_fail(c, e, "Could not parse job output: %.*s", STR(text));
        }
        mod_set(c, "started", val_int(1));
        mod_set(c, "finished", val_int(0));
        return true;
    }
    size_t i = 0;
    for (struct vpair *p; data.kind == VAL_DICT && (p = val_each(data, &i));) {
        mod_set(c, str_z(c->arena, val_str_of(c->arena, p->key)), p->value);
    }
    if (!val_has(data, "started")) {
        mod_set(c, "finished", val_int(1));
        mod_set(c, "ansible_job_id", mod_arg(c, "jid"));
    }
    c->changed = val_truth(val_get(data, "changed"));
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    struct str jid = mod_str(c, "jid");
    if (!jid.n || str_find_char(jid, 0, '/') != SIZE_MAX) {
        return mod_fail(c, e, "'%.*s' is not the id of a job", STR(jid));
    }
    const char *path = arena_printf(c->arena, "%.*s/%.*s", STR(mod_str(c, "_async_dir")), STR(jid));
    struct stat st;
    bool ok = true;
    if (stat(path, &st) != 0) {
        mod_set(c, "started", val_int(1));
        mod_set(c, "finished", val_int(1));
        ok = mod_fail(c, e, "could not find job");
    } else if (str_eqz(mod_str(c, "mode"), "cleanup")) {
        ok = unlink(path) == 0 || mod_fail_sys(c, e, errno, "cannot remove '%s'", path);
    } else {
        ok = status(c, path, e);
    }
    complete(c, path);
    return ok;
}

MODULE(async_status) = {
    .doc = "Ask how a task in the background is doing.",
    .spec = "ansible.builtin.async_status",
    .example = "- ansible.builtin.async_status:\n    jid: \"{{ job.ansible_job_id }}\"\n  register: state\n"
               "  until: state is finished\n  retries: 100\n  delay: 10",
    .returns = "ansible_job_id: The id.\nstarted: 1 when the job has started.\nfinished: 1 when it has ended; its own "
               "result is here then.\nresults_file: The file of the job.\nerased: The file that was removed.",
    .args = args,
    .check = SUPPORT_NONE,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .prepare = prepare,
    .run = run,
};
