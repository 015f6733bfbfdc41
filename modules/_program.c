// _program: the target's half of modules that a project ships as programs (see lib/foreign.h). Not for playbooks.
#include "cmd.h"
#include "fd.h"
#include "json.h"
#include "run.h"
#include "spawn.h"
#include "zip.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSIBLE_VERSION "2.18.0"

static const struct arg args[] = {
    {"style", ARG_STR, .required = true, .doc = "Internal: how it takes its arguments."},
    {"name", ARG_STR, .required = true, .doc = "Internal: name of the file."},
    {"fqcn", ARG_STR, .doc = "Internal: full name in its collection."},
    {"args", ARG_DICT, .doc = "Internal: the arguments."},
    {"program", ARG_STR, .required = true, .doc = "Internal: the attached file."},
    {"interpreter", ARG_STR, .doc = "Internal: what runs it."},
    {"fallback", ARG_LIST, .doc = "Internal: interpreters to try."},
    {"core", ARG_STR, .doc = "Internal: attached module_utils of ansible-core."},
    {"own", ARG_STR, .doc = "Internal: attached module_utils of the project."},
    {0},
};

/// Loads the arguments, then the module as Python's main program out of the archive.
static const char bootstrap[] =
    "import sys\n"
    "archive, name, args, fqn = sys.argv[1:5]\n"
    "sys.argv = [name]\n"
    "sys.path[0] = archive\n"
    "with open(args, 'rb') as f:\n"
    "    data = f.read()\n"
    "from ansible.module_utils import basic\n"
    "basic._ANSIBLE_ARGS = data\n"
    "if hasattr(basic, '_ANSIBLE_PROFILE'):\n"
    "    basic._ANSIBLE_PROFILE = 'legacy'\n"
    "import runpy\n"
    "runpy.run_module(name, init_globals={'_module_fqn': name, '_modlib_path': archive}, run_name='__main__',\n"
    "                 alter_sys=True)\n"
    "print('{\"msg\": \"New-style module did not handle its own exit\", \"failed\": true}')\n"
    "sys.exit(1)\n";

// -- arguments -------------------------------------------------------------------------------------------------------

static struct val filesystems(struct arena *a) {
    static const char *const names[] = {"fuse", "nfs", "vboxsf", "ramfs", "9p", "vfat"};
    struct val list = val_list(a, COUNTOF(names));
    for (size_t i = 0; i < COUNTOF(names); i++) {
        val_push(a, list, val_z(a, names[i]));
    }
    return list;
}

/// The module's arguments with what every module is told: check mode, diff, verbosity and so on.
static struct val full_args(struct mod_call *c, struct str dir) {
    struct arena *a = c->arena;
    struct val given = mod_arg(c, "args");
    struct val d = val_is(given, VAL_DICT) ? val_copy(a, given) : val_dict(a, 16);
    struct str name = mod_str(c, "name");
    val_set(a, d, "_ansible_check_mode", val_bool(c->check));
    val_set(a, d, "_ansible_no_log", val_bool(c->no_log));
    val_set(a, d, "_ansible_debug", val_bool(false));
    val_set(a, d, "_ansible_diff", val_bool(c->diff));
    val_set(a, d, "_ansible_verbosity", val_int(c->verbosity));
    val_set(a, d, "_ansible_version", val_z(a, ANSIBLE_VERSION));
    val_set(a, d, "_ansible_module_name", mod_str(c, "fqcn").n ? mod_arg(c, "fqcn") : val_str(a, name));
    val_set(a, d, "_ansible_syslog_facility", val_z(a, "LOG_USER"));
    val_set(a, d, "_ansible_selinux_special_fs", filesystems(a));
    val_set(a, d, "_ansible_string_conversion_action", val_z(a, "warn"));
    val_set(a, d, "_ansible_socket", VNULL);
    val_set(a, d, "_ansible_shell_executable", val_z(a, "/bin/sh"));
    val_set(a, d, "_ansible_keep_remote_files", val_bool(false));
    val_set(a, d, "_ansible_tmpdir", val_str(a, dir));
    val_set(a, d, "_ansible_remote_tmp", val_str(a, dir));
    return d;
}

static struct str as_words(struct arena *a, struct val d) {
    struct buf b = BUF_IN(a);
    size_t i = 0;
    for (struct vpair *p; (p = val_each(d, &i));) {
        struct buf text = BUF_IN(a);
        val_to_str(&text, p->value);
        buf_printf(&b, "%.*s=%.*s ", STR(val_text(p->key)), STR(cmd_quote(a, buf_view(&text))));
    }
    return buf_view(&b);
}

static bool as_json(struct mod_call *c, struct val d, struct str *out, struct err *e) {
    struct buf b = BUF_IN(c->arena);
    struct json_style style = {.ascii = true};
    if (!json_write(&b, d, &style, e)) {
        return err_wrap(e, NO_MARK, "the arguments cannot be given to the module");
    }
    *out = buf_view(&b);
    return true;
}

// -- files -----------------------------------------------------------------------------------------------------------

static bool put_file(struct mod_call *c, const char *path, struct str data, unsigned mode, struct err *e) {
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return mod_fail_sys(c, e, errno, "cannot write '%s'", path);
    }
    return fd_write_all(fd, data, e) && (fchmod(fd, mode) == 0 || err_sys(e, errno, NO_MARK, "chmod '%s'", path));
}

/// Adds the files of an attached pack to the archive.
static bool unpack(struct mod_call *c, const char *arg, struct zip *z, struct err *e) {
    struct str data;
    if (!c->blob(c, mod_str(c, arg), &data, e)) {
        return false;
    }
    for (size_t i = 0; i < data.n;) {
        size_t nul = str_find_char(data, i, '\0');
        size_t nl = nul == SIZE_MAX ? nul : str_find_char(data, nul, '\n');
        int64_t size = 0;
        if (nl == SIZE_MAX || !str_int(str_sub(data, nul + 1, nl), &size) || size < 0 ||
            nl + 1 + (size_t)size > data.n) {
            return err_set(e, ERR_SYNTAX, NO_MARK, "the attached files of the module are damaged");
        }
        zip_add(z, str_sub(data, i, nul), str_sub(data, nl + 1, nl + 1 + (size_t)size));
        i = nl + 1 + (size_t)size;
    }
    return true;
}

// -- Python ----------------------------------------------------------------------------------------------------------

/// The interpreter that was asked for, or the first of the usual ones this machine has.
static bool find_python(struct mod_call *c, struct val *words, struct err *e) {
    struct str given = str_trim(mod_str(c, "interpreter"));
    struct val list = mod_arg(c, "fallback");
    if (given.n && !str_starts(given, "auto")) {
        return cmd_split(c->arena, given, words, e);
    }
    *words = val_list(c->arena, 1);
    static const char *const first[] = {"/usr/bin/python3", "/usr/libexec/platform-python"};
    for (size_t i = 0; i < COUNTOF(first); i++) {
        if (access(first[i], X_OK) == 0) {
            val_push(c->arena, *words, val_z(c->arena, first[i]));
            return true;
        }
    }
    for (size_t i = 0; val_is_seq(list) && i < val_len(list); i++) {
        const char *path = spawn_which(c->arena, str_z(c->arena, val_text(val_at_index(list, i))));
        if (path) {
            val_push(c->arena, *words, val_z(c->arena, path));
            return true;
        }
    }
    return mod_fail(c, e,
                    "the module '%.*s' is written in Python and this host has none: looked for /usr/bin/python3 and "
                    "those of interpreter_python_fallback; set ansible_python_interpreter when it is elsewhere",
                    STR(mod_str(c, "name")));
}

static bool python_command(struct mod_call *c, const char *dir, struct val *words, struct err *e) {
    struct zip z;
    struct str json;
    struct val wrapped = val_dict(c->arena, 1);
    const char *archive = arena_printf(c->arena, "%s/payload.zip", dir);
    const char *file = arena_printf(c->arena, "%s/args", dir);
    struct str fqcn = mod_str(c, "fqcn");
    struct str name = mod_str(c, "name");
    size_t dot = str_find_char(name, 0, '.');
    zip_start(&z, c->arena);
    if (!find_python(c, words, e) || !unpack(c, "core", &z, e) || !unpack(c, "own", &z, e)) {
        return false;
    }
    name = str_sub(name, 0, dot);
    struct str module = str_printf(c->arena, "ansible.modules.%.*s", STR(name));
    if (fqcn.n) {
        struct str coll = str_sub(fqcn, 0, str_find_char(fqcn, str_find_char(fqcn, 0, '.') + 1, '.'));
        module = str_printf(c->arena, "ansible_collections.%.*s.plugins.modules.%.*s", STR(coll), STR(name));
    }
    val_set(c->arena, wrapped, "ANSIBLE_MODULE_ARGS", full_args(c, str_from(dir)));
    if (!as_json(c, wrapped, &json, e) || !put_file(c, archive, zip_finish(&z), 0600, e) ||
        !put_file(c, file, json, 0600, e)) {
        return false;
    }
    const char *more[] = {"-c", bootstrap, archive, module.s, file, fqcn.n ? fqcn.s : module.s};
    for (size_t i = 0; i < COUNTOF(more); i++) {
        val_push(c->arena, *words, val_z(c->arena, more[i]));
    }
    return true;
}

// -- other programs --------------------------------------------------------------------------------------------------

static bool program_command(struct mod_call *c, const char *dir, struct val *words, struct err *e) {
    struct str style = mod_str(c, "style");
    struct str text;
    struct str given;
    struct val all = full_args(c, str_from(dir));
    const char *path = arena_printf(c->arena, "%s/%.*s", dir, STR(mod_str(c, "name")));
    const char *file = arena_printf(c->arena, "%s/args", dir);
    if (!c->blob(c, mod_str(c, "program"), &text, e)) {
        return false;
    }
    if (str_eqz(style, "old")) {
        given = as_words(c->arena, all);
    } else if (!as_json(c, all, &given, e)) {
        return false;
    }
    bool inlined = str_eqz(style, "inline");
    if (inlined) {
        text = str_replace(c->arena, text, STR_LIT("<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"), given);
    }
    if (!put_file(c, path, text, 0700, e) || (!inlined && !put_file(c, file, given, 0600, e))) {
        return false;
    }
    *words = val_list(c->arena, 4);
    if (mod_str(c, "interpreter").n && !str_eqz(style, "binary") &&
        !cmd_split(c->arena, mod_str(c, "interpreter"), words, e)) {
        return false;
    }
    if (!val_len(*words) && !str_eqz(style, "binary")) {
        return mod_fail(c, e, "module (%.*s) is missing interpreter line", STR(mod_str(c, "name")));
    }
    val_push(c->arena, *words, val_z(c->arena, path));
    if (!inlined) {
        val_push(c->arena, *words, val_z(c->arena, file));
    }
    return true;
}

// -- result ----------------------------------------------------------------------------------------------------------

/// From the first line that begins a JSON object to the last that ends one; what is around it is chatter, of which
/// *junk is what stands behind.
static struct str json_part(struct str out, struct str *junk) {
    size_t from = SIZE_MAX;
    size_t to = 0;
    size_t at = 0;
    struct str rest = out;
    struct str line;
    while (str_next(&rest, '\n', &line)) {
        struct str t = str_trim(line);
        if (from == SIZE_MAX && str_starts(t, "{")) {
            from = at;
        }
        if (str_ends(t, "}")) {
            to = at + line.n;
        }
        at += line.n + 1;
    }
    if (from == SIZE_MAX || to <= from) {
        return STR_NONE;
    }
    *junk = str_trim(str_sub(out, to, out.n));
    return str_sub(out, from, to);
}

static bool take_result(struct mod_call *c, const struct run_result *r, struct err *e) {
    struct val v = VNULL;
    struct err bad = {.arena = c->arena};
    struct str junk = STR_NONE;
    struct str part = json_part(r->out, &junk);
    if (part.n && json_parse(c->arena, part, &v, &bad) && v.kind == VAL_DICT) {
        size_t i = 0;
        for (struct vpair *p; (p = val_each(v, &i));) {
            mod_set(c, str_z(c->arena, val_text(p->key)), p->value);
        }
        if (junk.n) {
            mod_warn(c, "Module invocation had junk after the JSON data: %.*s", STR(junk));
        }
        if (c->detached && r->err.n) {  // as Ansible's wrapper of background jobs does
            mod_set_str(c, "stderr", r->err);
        }
        if (!val_has(v, "failed") && r->rc != 0 && !val_has(v, "rc")) {
            mod_set(c, "failed", val_bool(true));
            mod_set(c, "rc", val_int(r->rc));
        }
        return true;
    }
    mod_set_str(c, "module_stdout", r->out);
    mod_set_str(c, "module_stderr", r->err);
    mod_set(c, "rc", val_int(r->rc));
    if (str_starts(str_trim(r->err), "Traceback")) {
        mod_set_str(c, "exception", r->err);
    }
    return mod_fail(c, e, "MODULE FAILURE\nSee stdout/stderr for the exact error");
}

static bool run(struct mod_call *c, struct err *e) {
    struct str dir;
    struct val words = VNULL;
    struct run_result out;
    struct str name = mod_str(c, "name");
    if (!name.n || str_find_char(name, 0, '/') != SIZE_MAX || str_starts(name, ".")) {
        return mod_fail(c, e, "'%.*s' is no name for a module", STR(name));
    }
    if (!mod_tmpdir(c, &dir, e)) {
        return false;
    }
    const char *where = str_z(c->arena, dir);
    bool ok = str_eqz(mod_str(c, "style"), "python") ? python_command(c, where, &words, e)
                                                     : program_command(c, where, &words, e);
    if (!ok) {
        return false;
    }
    size_t n = val_len(words);
    const char **argv = ARENA_ARRAY(c->arena, const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        argv[i] = str_z(c->arena, val_text(val_at_index(words, i)));
    }
    struct run r = {.argv = argv};
    if (!run_command(&r, c->arena, &out, e)) {
        return err_wrap(e, NO_MARK, "cannot run the module '%.*s'", STR(name));
    }
    return take_result(c, &out, e);
}

MODULE(_program) = {
    .doc = "Runs a module of the project that is a program.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .run = run,
};
