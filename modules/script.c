// script: runs a script of the controller on the target.
#include "cmd.h"
#include "fd.h"
#include "paths.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct arg args[] = {
    {"_raw_params", ARG_STR, .aliases = "cmd", .required = true, .doc = "Path of the script and what follows it."},
    {"creates", ARG_PATH, .doc = "When this exists the script is not run."},
    {"removes", ARG_PATH, .doc = "When this does not exist the script is not run."},
    {"chdir", ARG_PATH, .doc = "Directory on the target to run in; absolute."},
    {"executable", ARG_STR, .doc = "Program to run the script with; otherwise its first line names it."},
    {"decrypt", ARG_BOOL, .def = "true", .doc = "Decrypt the script when it is a vault file."},
    {"_script", ARG_STR, .doc = "Internal: the attached script."},
    {"_name", ARG_STR, .doc = "Internal: its name."},
    {"_missing", ARG_STR, .doc = "Internal: why there is no script, told when it is to run."},
    {0},
};

/// Where the first word of a command line ends.
static size_t first_word(struct str line) {
    char quote = '\0';
    size_t i = 0;
    for (; i < line.n && (quote || !strchr(" \t\r\n", line.s[i])); i++) {
        char ch = line.s[i];
        if (ch == '\\' && quote != '\'') {
            i++;
        } else if (ch == quote) {
            quote = '\0';
        } else if (!quote && (ch == '\'' || ch == '"')) {
            quote = ch;
        }
    }
    return i < line.n ? i : line.n;
}

// -- controller ------------------------------------------------------------------------------------------------------

static bool prepare(struct mod_call *c, struct err *e) {
    struct val words;
    struct str line = str_trim(mod_str(c, "_raw_params"));
    struct mark at = val_get(c->args, "_raw_params").mark;
    struct str chdir = mod_str(c, "chdir");
    struct str path;
    struct str data;
    bool secret;
    if (!cmd_split(c->arena, line, &words, e)) {
        return err_wrap(e, at, "cannot split the command line of the script");
    }
    if (val_len(words) == 0) {
        return err_set(e, ERR_ARGS, at, "no script given");
    }
    if (chdir.n && chdir.s[0] != '/') {
        return err_set(e, ERR_ARGS, val_get(c->args, "chdir").mark,
                       "chdir %.*s must be an absolute path for a Unix-aware remote node", STR(chdir));
    }
    if (!c->ctl->find(c->ctl->self, "files", val_text(val_at_index(words, 0)), c->arena, &path, e)) {
        // What the script creates may be there: then it is not missed
        if (!mod_str(c, "creates").n && !mod_str(c, "removes").n) {
            return false;
        }
        val_set(c->arena, c->args, "_missing", val_str(c->arena, err_text(e)));
        return true;
    }
    if (!c->ctl->read(c->ctl->self, path, !mod_bool(c, "decrypt"), c->arena, &data, &secret, e)) {
        return false;
    }
    val_set(c->arena, c->args, "_script", mod_attach(c, data));
    val_set(c->arena, c->args, "_name", val_str(c->arena, paths_base(path)));
    return true;
}

// -- target ----------------------------------------------------------------------------------------------------------

/// Puts the script into the private directory of the call.
static bool put_script(struct mod_call *c, const char **path, struct err *e) {
    struct str dir;
    struct str data;
    struct str name = mod_str(c, "_name");
    if (!name.n || str_find_char(name, 0, '/') != SIZE_MAX || str_eqz(name, ".") || str_eqz(name, "..")) {
        return mod_fail(c, e, "'%.*s' is no name for a script", STR(name));
    }
    if (!c->blob(c, mod_str(c, "_script"), &data, e) || !mod_tmpdir(c, &dir, e)) {
        return false;
    }
    *path = arena_printf(c->arena, "%.*s/%.*s", STR(dir), STR(name));
    CLEANUP(fd_closep) int fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0700);
    if (fd < 0) {
        return mod_fail_sys(c, e, errno, "cannot write the script to '%s'", *path);
    }
    return fd_write_all(fd, data, e) && (fchmod(fd, 0700) == 0 || err_sys(e, errno, NO_MARK, "chmod '%s'", *path));
}

/// The user's command line with the script's place on the target for its first word. A shell reads it, as with
/// Ansible: quoting, variables and patterns behind the script's name mean what they mean there.
static const char *command_line(struct mod_call *c, const char *path) {
    struct str line = str_trim(mod_str(c, "_raw_params"));
    struct str rest = str_sub(line, first_word(line), line.n);
    struct str script = cmd_quote(c->arena, str_from(path));
    struct str executable = mod_str(c, "executable");
    return arena_printf(c->arena, "%.*s%s%.*s%.*s", STR(executable), executable.n ? " " : "", STR(script), STR(rest));
}

static bool run_script(struct mod_call *c, const char *line, struct err *e) {
    const char *argv[] = {"/bin/sh", "-c", line, NULL};
    struct run r = {.argv = argv, .log = c->log ? c : NULL};
    struct run_result out;
    if (!run_command(&r, c->arena, &out, e)) {
        return false;
    }
    mod_changed(c);
    mod_set(c, "rc", val_int(out.rc));
    mod_set_str(c, "stdout", out.out);
    mod_set_str(c, "stderr", out.err);
    if (out.truncated) {
        mod_warn(c, "the output was cut: more than %zu bytes", RUN_OUTPUT_MAX);
    }
    return out.rc == 0 || mod_fail(c, e, "non-zero return code");
}

static bool exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

static bool run(struct mod_call *c, struct err *e) {
    const char *creates = mod_z(c, "creates");
    const char *removes = mod_z(c, "removes");
    const char *dir = mod_z(c, "chdir");
    const char *path = NULL;
    struct str missing = mod_str(c, "_missing");
    c->order = "skipped msg";  // for what returns early
    if (creates && *creates && exists(creates)) {
        return mod_skip(c, arena_printf(c->arena, "%s exists, matching creates option", creates));
    }
    if (removes && *removes && !exists(removes)) {
        return mod_skip(c, arena_printf(c->arena, "%s does not exist, matching removes option", removes));
    }
    if (missing.n) {
        return mod_fail(c, e, "%.*s", STR(missing));
    }
    if (c->check) {
        if ((creates && *creates) || (removes && *removes)) {
            mod_changed(c);
            return true;
        }
        return mod_skip(c, "Check mode is not supported for this task.");
    }
    c->order = NULL;
    if (!put_script(c, &path, e)) {
        return false;
    }
    if (dir && *dir && chdir(dir) != 0) {
        return mod_fail_sys(c, e, errno, "cannot change to directory '%s'", dir);
    }
    return run_script(c, command_line(c, path), e);
}

MODULE(script) = {
    .doc = "Run a script of the controller on the target.",
    .spec = "ansible.builtin.script",
    .example = "- ansible.builtin.script: files/migrate.sh --all\n  args:\n    creates: /var/lib/app/migrated",
    .order = "changed rc stdout stdout_lines stderr stderr_lines",
    .returns = "rc: Exit status, or minus the signal.\nstdout: Standard output.\nstderr: Standard error.",
    .args = args,
    .free_form = "_raw_params",
    .check = SUPPORT_PARTIAL,
    .diff = SUPPORT_NONE,
    .no_invocation = true,
    .side = ON_TARGET,
    .prepare = prepare,
    .run = run,
};
