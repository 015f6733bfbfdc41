// reboot: reboots the target, waits until it went down and came up, and checks that commands run again.
#include "fd.h"
#include "module.h"

#include <stdlib.h>

#define BACKOFF_MAX_MS 12000

static const struct arg args[] = {
    {"reboot_command", ARG_STR, .doc = "Command that reboots; shutdown (reboot on Alpine) when absent."},
    {"boot_time_command", ARG_STR, .def = "cat /proc/sys/kernel/random/boot_id",
     .doc = "Command whose output is another one after a reboot."},
    {"test_command", ARG_STR, .def = "whoami", .doc = "Command that must succeed after the reboot."},
    {"msg", ARG_STR, .def = "Reboot initiated by Ansible", .doc = "What users who are logged in are told."},
    {"pre_reboot_delay", ARG_INT, .def = "0", .aliases = "pre_reboot_delay_sec",
     .doc = "Seconds before the reboot, in whole minutes: less than 60 is none."},
    {"post_reboot_delay", ARG_INT, .def = "0", .aliases = "post_reboot_delay_sec",
     .doc = "Seconds to wait after the command before the first check."},
    {"reboot_timeout", ARG_INT, .def = "600", .aliases = "reboot_timeout_sec",
     .doc = "Seconds to wait for the reboot, and again for the test command."},
    {"connect_timeout", ARG_INT, .aliases = "connect_timeout_sec", .doc = "Seconds one attempt to connect may take."},
    {"search_paths", ARG_LIST, .def = "[/sbin, /bin, /usr/sbin, /usr/bin, /usr/local/sbin]",
     .doc = "Directories in which the command is looked for."},
    {0},
};

enum stage { BOOT_BEFORE, REBOOT, BOOT_AFTER, TEST };
struct reboot {
    enum stage stage;
    struct str boot;
    int64_t start, deadline;
    unsigned failures;
};

// -- what is sent ----------------------------------------------------------------------------------------------------

/// A command line of the user, read by a shell as with Ansible.
static void ask_shell(struct mod_call *c, struct mod_step *next, struct str line) {
    struct val raw = val_dict(c->arena, 1);
    val_set(c->arena, raw, "_raw_params", val_str(c->arena, line));
    int64_t connect_s = mod_int(c, "connect_timeout", 0);
    *next = (struct mod_step){
        .module = "shell", .args = raw, .connect_ms = connect_s > 0 ? connect_s * 1000 : 10000, .timeout_ms = 60000};
}

static struct str search_paths(struct mod_call *c) {
    struct buf b = BUF_IN(c->arena);
    struct val list = mod_arg(c, "search_paths");
    for (size_t i = 0; i < val_len(list); i++) {
        buf_printf(&b, "%s%.*s", i ? ":" : "", STR(val_text(val_at_index(list, i))));
    }
    return buf_view(&b);
}

static void ask_reboot(struct mod_call *c, struct mod_step *next) {
    static const char own[] = "PATH=$1:$PATH; export PATH; eval \"exec $2\"";
    static const char standard[] =
        "IFS=:; for p in $1; do [ ! -x \"$p/shutdown\" ] || exec \"$p/shutdown\" -r \"$2\" \"$3\"; done\n"
        "for p in $1; do [ ! -x \"$p/reboot\" ] || exec \"$p/reboot\"; done\n"
        "echo \"Unable to find command \\\"shutdown\\\" in search paths: $1\" >&2; exit 127";
    struct arena *a = c->arena;
    struct val argv = val_list(a, 8);
    struct val raw = val_dict(a, 1);
    bool given = mod_has(c, "reboot_command");
    int64_t delay = mod_int(c, "pre_reboot_delay", 0);
    val_push(a, argv, val_z(a, "/bin/sh"));
    val_push(a, argv, val_z(a, "-c"));
    val_push(a, argv, val_z(a, given ? own : standard));
    val_push(a, argv, val_z(a, "sh"));
    val_push(a, argv, val_str(a, search_paths(c)));
    val_push(a, argv, given ? mod_arg(c, "reboot_command") : val_printf(a, "%lld", (long long)(delay / 60)));
    val_push(a, argv, mod_arg(c, "msg"));
    val_set(a, raw, "argv", argv);
    *next = (struct mod_step){.module = "command", .args = raw, .timeout_ms = 120000};
}

/// The next check: after a pause that doubles, over a new connection.
static void again(struct mod_call *c, struct reboot *r, struct mod_step *next) {
    ask_shell(c, next, mod_str(c, r->stage == TEST ? "test_command" : "boot_time_command"));
    int64_t pause = r->failures > 4 ? BACKOFF_MAX_MS : INT64_C(1000) << r->failures;
    next->sleep_ms = pause > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : pause;
    next->reconnect = true;
    r->failures++;
}

// -- what comes back -------------------------------------------------------------------------------------------------

static bool reachable(struct val answer) {
    return !val_truth(val_get(answer, "unreachable"));
}

static bool succeeded(struct val answer) {
    struct val rc = val_get(answer, "rc");
    return reachable(answer) && val_is(rc, VAL_INT) && rc.u.i == 0;
}

static struct str out_of(struct val answer, const char *key) {
    return str_trim(val_text(val_get(answer, key)));
}

static void set_elapsed(struct mod_call *c, const struct reboot *r, bool rebooted) {
    mod_set(c, "elapsed", val_int(r->start ? (clock_ms() - r->start) / 1000 : 0));
    mod_set(c, "rebooted", val_bool(rebooted));
}

static bool boot_before(struct mod_call *c, struct reboot *r, struct mod_step *next, struct err *e) {
    if (!reachable(c->answer)) {
        mod_set(c, "unreachable", val_bool(true));
        return mod_fail(c, e, "%.*s", STR(out_of(c->answer, "msg")));
    }
    if (!succeeded(c->answer)) {
        return mod_fail(c, e, "reboot: failed to get host boot time info, rc: %.*s, stdout: %.*s, stderr: %.*s",
                        STR(val_str_of(c->arena, val_get(c->answer, "rc"))), STR(out_of(c->answer, "stdout")),
                        STR(out_of(c->answer, "stderr")));
    }
    r->boot = str_dup(c->arena, out_of(c->answer, "stdout"));
    r->stage = REBOOT;
    r->start = clock_ms();
    ask_reboot(c, next);
    return true;
}

static bool rebooting(struct mod_call *c, struct reboot *r, struct mod_step *next, struct err *e) {
    // That the connection broke is what a reboot looks like.
    if (reachable(c->answer) && !succeeded(c->answer)) {
        set_elapsed(c, r, false);
        return mod_fail(c, e, "Reboot command failed. Error was: '%.*s, %.*s'", STR(out_of(c->answer, "stdout")),
                        STR(out_of(c->answer, "stderr").n ? out_of(c->answer, "stderr") : out_of(c->answer, "msg")));
    }
    int64_t delay = mod_int(c, "post_reboot_delay", 0);
    r->stage = BOOT_AFTER;
    again(c, r, next);
    next->sleep_ms = delay > 0 ? delay * 1000 : next->sleep_ms;
    r->deadline = clock_ms() + next->sleep_ms + mod_int(c, "reboot_timeout", 600) * 1000;
    return true;
}

static bool checking(struct mod_call *c, struct reboot *r, struct mod_step *next, struct err *e) {
    struct str out = out_of(c->answer, "stdout");
    bool good = succeeded(c->answer) && (r->stage == TEST || (out.n && !str_eq(out, r->boot)));
    if (good && r->stage == TEST) {
        mod_changed(c);
        set_elapsed(c, r, true);
        next->done = true;
        return true;
    }
    if (good) {
        r->stage = TEST;
        r->failures = 0;
        r->deadline = clock_ms() + mod_int(c, "reboot_timeout", 600) * 1000;
        ask_shell(c, next, mod_str(c, "test_command"));
        return true;
    }
    if (clock_ms() >= r->deadline) {
        set_elapsed(c, r, true);
        return mod_fail(c, e, "Timed out waiting for %s (timeout=%lld)",
                        r->stage == TEST ? "post-reboot test command" : "last boot time check",
                        (long long)mod_int(c, "reboot_timeout", 600));
    }
    again(c, r, next);
    return true;
}

static bool begin(struct mod_call *c, struct reboot *r, struct mod_step *next, struct err *e) {
    if (c->local) {
        set_elapsed(c, r, false);
        return mod_fail(c, e, "Running reboot with local connection would reboot the control node.");
    }
    if (c->check) {
        mod_changed(c);
        set_elapsed(c, r, true);
        next->done = true;
        return true;
    }
    ask_shell(c, next, mod_str(c, "boot_time_command"));
    return true;
}

static bool step(struct mod_call *c, struct mod_step *next, struct err *e) {
    struct reboot *r = c->state;
    if (!r) {
        r = c->state = ARENA_NEW(c->arena, struct reboot);
        return begin(c, r, next, e);
    }
    switch (r->stage) {
    case BOOT_BEFORE:
        return boot_before(c, r, next, e);
    case REBOOT:
        return rebooting(c, r, next, e);
    case BOOT_AFTER:
    case TEST:
        return checking(c, r, next, e);
    }
    return false;
}

MODULE(reboot) = {
    .doc = "Reboot the target and wait until it is back.",
    .spec = "ansible.builtin.reboot",
    .example = "- ansible.builtin.reboot:\n    reboot_timeout: 300",
    .returns = "rebooted: True when it was rebooted.\nelapsed: Seconds it took.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .step = step,
};
