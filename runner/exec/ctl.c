// What the controller lends to modules, lookups and templates: files along Ansible's search path, vault-aware reading,
// rendering, expressions, the terminal.
#include "exec.h"

#include "fd.h"
#include "filters/text.h"
#include "plugin.h"
#include "vault.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FILE_CAP ((size_t)256 << 20)

static bool exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

/// Tries `dir/kind/name` and `dir/name`; notes what was tried.
static bool try_dir(struct arena *a, struct str dir, const char *kind, struct str name, struct str *path,
                    struct buf *tried) {
    for (int plain = 0; plain < 2; plain++) {
        *path = plain ? str_printf(a, "%.*s/%.*s", STR(dir), STR(name))
                      : str_printf(a, "%.*s/%s/%.*s", STR(dir), kind, STR(name));
        if (exists(path->s)) {
            return true;
        }
        buf_printf(tried, "\n\t%.*s", STR(*path));
    }
    return false;
}

static bool find_relative(struct view *v, const char *kind, struct str name, struct arena *a, struct str *path,
                          struct buf *tried) {
    const struct role *role = v->task ? v->task->n.role : NULL;
    for (const struct role *r = role; r; r = r->parent) {
        struct str tasks = str_printf(a, "%.*s/tasks", STR(r->path));
        if (try_dir(a, r->path, kind, name, path, tried) || try_dir(a, tasks, kind, name, path, tried)) {
            return true;
        }
    }
    if (v->task && v->task->n.file.n) {
        struct str dir = run_dir_of(v->task->n.file);
        if (try_dir(a, dir, kind, name, path, tried)) {
            return true;
        }
    }
    struct str base = v->pr->play ? run_dir_of(v->pr->play->n.file) : STR_NONE;
    if (base.n > 1 && !str_eq(base, v->r->basedir) && try_dir(a, base, kind, name, path, tried)) {
        return true;
    }
    return try_dir(a, v->r->basedir, kind, name, path, tried) ||
           (v->beside.n && try_dir(a, v->beside, kind, name, path, tried));
}

static struct str expand_home(struct arena *a, struct str name) {
    const char *home = getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nothing sets variables once threads run
    if (home && name.n && name.s[0] == '~' && (name.n == 1 || name.s[1] == '/')) {
        return str_printf(a, "%s%.*s", home, STR(str_sub(name, 1, name.n)));
    }
    return name;
}

#define NOT_FOUND                                                                                                      \
    "Could not find or access '%.*s'%s%.*s on the Ansible Controller.\n"                                               \
    "If you are using a module and expect the file to exist on the remote, see the remote_src option"

bool ctl_find(struct view *v, const char *kind, struct str name, struct arena *a, struct str *path, struct err *e) {
    struct buf tried = BUF_IN(a);
    name = expand_home(a, name);
    if (name.n && name.s[0] == '/') {
        *path = str_dup(a, name);
        if (exists(path->s)) {
            return true;
        }
        return err_set(e, ERR_NOT_FOUND, NO_MARK, NOT_FOUND, STR(name), "", STR(STR_LIT("")));
    }
    if (find_relative(v, kind, name, a, path, &tried)) {
        return true;
    }
    return err_set(e, ERR_NOT_FOUND, NO_MARK, NOT_FOUND, STR(name), "\nSearched in:", STR(buf_view(&tried)));
}

bool ctl_read_file(struct run *r, struct str path, enum file_form form, struct arena *a, struct file_text *out,
                   struct err *e) {
    out->secret = false;
    if (!fd_read_file(str_z(a, path), FILE_CAP, a, &out->text, e)) {
        return false;
    }
    const struct yaml_vault *v = r->o->yaml_vault;
    bool vault = vault_is(out->text);
    if (form == FILE_RAW || !(vault || (form == FILE_VARS && v && v->is_file && v->is_file(out->text)))) {
        return true;
    }
    out->secret = true;
    if (v && v->open(v->self, out->text, NO_MARK, a, &out->text, e)) {
        return true;
    }
    if (!v || (vault && v->locked && v->locked(v->self))) {
        err_clear(e);
        err_set(e, ERR_VAULT, NO_MARK, "A vault password or secret must be specified to decrypt %.*s", STR(path));
        return err_hint(e, "use --vault-id, --vault-password-file or --ask-vault-pass");
    }
    return err_wrap(e, NO_MARK, "while decrypting '%.*s'", STR(path));
}

// -- for the template engine ------------------------------------------------------------------------------------------

static bool jh_unseal(void *self, struct val sealed, struct arena *a, struct str *plain, struct err *e) {
    const struct yaml_vault *v = ((struct view *)self)->r->o->yaml_vault;
    return v ? v->open(v->self, val_text(sealed), sealed.mark, a, plain, e)
             : err_set(e, ERR_VAULT, sealed.mark, "Attempting to decrypt vault data, but no vault password was given");
}

static void jh_secret(void *self, struct str text, bool made) {
    struct output *o = ((struct view *)self)->r->o->output;
    if (made) {
        output_made(o, text);
    } else {
        output_secret(o, text);
    }
}

static bool jh_find(void *self, const char *kind, struct str name, struct arena *a, struct str *path, struct err *e) {
    return ctl_find(self, kind, name, a, path, e);
}

static bool jh_read(void *self, struct str path, struct arena *a, struct str *text, bool *secret, struct err *e) {
    struct file_text f = {0};
    bool ok = ctl_read_file(((struct view *)self)->r, path, FILE_PLAIN, a, &f, e);
    *text = f.text;
    *secret = f.secret;
    return ok;
}

static bool jh_setting(void *self, const struct setting_query *q, struct arena *a, struct val *out) {
    const struct run_opts *o = ((struct view *)self)->r->o;
    return o->setting && o->setting(o->setting_self, q, a, out);
}

static void jh_warn(void *self, struct mark at, const char *msg) {
    run_warn(((struct view *)self)->r, at, msg);
}

static struct val jh_hosts(void *self, struct arena *a, struct str pattern, struct err *e) {
    struct view *v = self;
    struct host **found = NULL;
    size_t n = 0;
    if (!inv_match(v->r->o->inventory, pattern, NO_MARK, a, &found, &n, NULL, e)) {
        return (struct val){0};
    }
    struct val out = val_list(a, n);
    for (size_t i = 0; i < n; i++) {
        val_push(a, out, val_str(a, found[i]->name));
    }
    return out;
}

// NOLINTBEGIN(readability-function-size): the parameters are the contract of struct mod_ctl
// -- for modules ------------------------------------------------------------------------------------------------------

static bool c_find(void *self, const char *kind, struct str name, struct arena *a, struct str *path, struct err *e) {
    return ctl_find(self, kind, name, a, path, e);
}

static bool c_read(void *self, struct str path, bool raw, struct arena *a, struct str *text, bool *secret,
                   struct err *e) {
    struct file_text f = {0};
    bool ok = ctl_read_file(((struct view *)self)->r, path, raw ? FILE_RAW : FILE_PLAIN, a, &f, e);
    *text = f.text;
    *secret = f.secret;
    return ok;
}

static bool c_plain(void *self, struct str path, bool raw) {
    (void)self;
    struct arena tmp = {0};
    CLEANUP(fd_closep) int fd = open(str_z(&tmp, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    arena_release(&tmp);
    struct stat st;
    char head[32];
    ssize_t n = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? pread(fd, head, sizeof head, 0) : -1;
    return n >= 0 && (raw || !vault_is((struct str){head, (size_t)n}));
}

static bool c_load_vars(void *self, struct str path, struct arena *a, struct val *out, struct err *e) {
    (void)a;
    return load_vars_file(((struct view *)self)->r, path, out, e);
}

static bool opt_bool(struct val opts, const char *key, bool absent) {
    bool b = absent;
    struct val v = val_get(opts, key);
    return val_is(v, VAL_UNDEF) || !val_as_bool(v, &b) ? absent : b;
}

static const char *opt_text(struct arena *a, struct val opts, const char *key, const char *absent) {
    struct val v = val_get(opts, key);
    return val_is(v, VAL_STR) ? str_z(a, val_text(v)) : absent;
}

static struct jinja_opts template_opts(struct arena *a, struct val opts) {
    struct jinja_opts o = jinja_opts_file;
    o.trim_blocks = opt_bool(opts, "trim_blocks", true);
    o.lstrip_blocks = opt_bool(opts, "lstrip_blocks", false);
    o.block_start = opt_text(a, opts, "block_start_string", o.block_start);
    o.block_end = opt_text(a, opts, "block_end_string", o.block_end);
    o.var_start = opt_text(a, opts, "variable_start_string", o.var_start);
    o.var_end = opt_text(a, opts, "variable_end_string", o.var_end);
    o.comment_start = opt_text(a, opts, "comment_start_string", o.comment_start);
    o.comment_end = opt_text(a, opts, "comment_end_string", o.comment_end);
    const char *nl = opt_text(a, opts, "newline_sequence", NULL);
    if (nl) {
        o.newline = strcmp(nl, "\\r\\n") == 0 || strcmp(nl, "\r\n") == 0 ? "\r\n"
                    : strcmp(nl, "\\r") == 0 || strcmp(nl, "\r") == 0    ? "\r"
                                                                         : "\n";
    }
    return o;
}

/// ansible_managed: its format from the configuration, with {file} {host} {uid} and strftime's directives of the file.
static struct val managed(struct view *v, struct arena *a, struct str path, const struct stat *st, const char *owner) {
    struct val fmt = val_get(v->r->o->cfg, "ansible_managed");
    struct str text = val_is(fmt, VAL_STR) ? val_text(fmt) : STR_LIT("Ansible managed");
    struct utsname uts;
    uname(&uts);
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < text.n; i++) {
        struct str rest = str_sub(text, i, text.n);
        if (str_starts(rest, "{file}")) {
            buf_str(&b, path);
            i += 5;
        } else if (str_starts(rest, "{host}")) {
            buf_z(&b, uts.nodename);
            i += 5;
        } else if (str_starts(rest, "{uid}")) {
            buf_z(&b, owner);
            i += 4;
        } else {
            buf_char(&b, text.s[i]);
        }
    }
    text = buf_view(&b);
    if (str_find_char(text, 0, '%') == SIZE_MAX) {
        return val_str(a, text);
    }
    struct val args[2] = {val_str(a, text), val_int((int64_t)st->st_mtime)};
    struct val out = {0};
    struct err e = {.arena = a};
    bool ok = jinja_call_filter(&v->jc, STR_LIT("strftime"), args, 2, (struct val){0}, NO_MARK, &out, &e);
    return ok ? out : val_str(a, text);
}

static struct str base_name(struct str path) {
    size_t i = path.n;
    while (i && path.s[i - 1] != '/') {
        i--;
    }
    return str_sub(path, i, path.n);
}

static struct val template_vars(struct view *v, struct arena *a, struct str path, struct val opts, struct val extra) {
    struct val d = val_dict(a, 12);
    struct stat st = {0};
    const char *z = str_z(a, path);
    char real[PATH_MAX];
    struct utsname uts;
    struct passwd pw;
    struct passwd *found = NULL;
    char room[4096];
    struct tm tm;
    char when[64];
    stat(z, &st);
    uname(&uts);
    getpwuid_r(st.st_uid, &pw, room, sizeof(room), &found);
    const char *owner = found ? found->pw_name : arena_printf(a, "%u", (unsigned)st.st_uid);
    val_set(a, d, "ansible_managed", managed(v, a, path, &st, owner));
    val_set(a, d, "template_host", val_z(a, uts.nodename));
    val_set(a, d, "template_path", val_str(a, path));
    val_set(a, d, "template_fullpath", val_z(a, realpath(z, real) ? real : z));
    val_set(a, d, "template_uid", val_z(a, owner));
    localtime_r(&st.st_mtime, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
    val_set(a, d, "template_mtime", val_z(a, when));
    time_t now = time(NULL);
    localtime_r(&now, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
    val_set(a, d, "template_run_date", val_z(a, when));
    struct val dest = val_get(opts, "dest");
    val_set(a, d, "template_destpath", val_is(dest, VAL_UNDEF) ? VNULL : dest);
    size_t i = 0;
    struct vpair *p;
    while (val_is(extra, VAL_DICT) && (p = val_each(extra, &i))) {
        val_set_key(a, d, p->key, p->value);
    }
    return d;
}

static bool c_render(void *self, struct str path, struct val opts, struct val extra, struct arena *a, struct str *out,
                     bool *secret, struct err *e) {
    struct view *v = self;
    struct file_text f;
    if (!ctl_read_file(v->r, path, FILE_PLAIN, a, &f, e)) {
        return false;
    }
    *secret = f.secret;
    struct jinja_opts o = template_opts(a, opts);
    struct val vars = template_vars(v, a, path, opts, extra);
    struct mark at = mark_source(str_z(a, path), f.text, f.secret ? MARK_SECRET : 0);
    size_t top = v->sc.extra.n;
    struct str outer = v->beside;
    v->beside = run_dir_of(path);  // what it includes may lie beside it
    scope_push(&v->sc, LEVEL_MAGIC, vars);
    view_changed(v);
    bool ok = jinja_render(&v->jc, f.text, at, &o, out, e);
    v->beside = outer;
    v->sc.extra.n = top;
    view_changed(v);
    return ok || err_wrap(e, NO_MARK, "in template '%.*s'", STR(base_name(path)));
}

static bool c_eval(void *self, struct str expr, struct mark at, bool allow_undef, struct arena *a, struct val *out,
                   struct err *e) {
    (void)a;
    return jinja_expr(&((struct view *)self)->jc, expr, at, allow_undef, out, e);
}

static struct val c_typed(void *self, struct val v) {
    return jinja_typed(&((struct view *)self)->jc, v);
}

static bool c_encode(void *self, struct str text, struct str encoding, struct mark at, struct arena *a, struct str *out,
                     struct err *e) {
    (void)self;
    return text_encode(a, text, encoding.n ? encoding : STR_LIT("utf-8"), at, out, e);
}

static bool c_truth(void *self, struct val cond, bool *out, struct err *e) {
    return jinja_truth(&((struct view *)self)->jc, cond, out, e);
}

static bool c_var(void *self, const char *name, struct arena *a, struct val *out, struct err *e) {
    (void)a;
    return view_var(self, name, out, e);
}

static struct str c_title(void *self) {
    return task_title(self);
}

static void c_show(void *self, const char *line) {
    struct view *v = self;
    output_text(v->r->o->output, str_printf(v->a, "%s\n", line));
}

static bool c_ask(void *self, bool echo, struct arena *a, struct str *out, struct err *e) {
    return ask_pause(((struct view *)self)->r, echo, a, out, e);
}

// NOLINTEND(readability-function-size)

void ctl_init(struct view *v) {
    v->jh = (struct jinja_host){.self = v,
                                .find = jh_find,
                                .read = jh_read,
                                .unseal = jh_unseal,
                                .secret = jh_secret,
                                .basedir = v->r->basedir,
                                .lookup_timeout_ms = 60000,
                                .warn = jh_warn,
                                .hosts = jh_hosts,
                                .setting = jh_setting};
    v->ctl = (struct mod_ctl){.self = v,
                              .find = c_find,
                              .read = c_read,
                              .plain = c_plain,
                              .load_vars = c_load_vars,
                              .render = c_render,
                              .eval = c_eval,
                              .typed = c_typed,
                              .truth = c_truth,
                              .encode = c_encode,
                              .var = c_var,
                              .title = c_title,
                              .show = c_show,
                              .ask = c_ask,
                              .verbosity = v->r->o->verbosity,
                              .native = v->r->o->native};
}
