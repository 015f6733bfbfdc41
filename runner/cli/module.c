// play module: a new Lua module with a test, and running the tests of modules.
#include "cli.h"

#include "fd.h"
#include "modtest.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

// %1$s is the module's name.
static const char *const skeleton =
    "-- %1$s: what this module is for.\n"
    "--\n"
    "-- plan only looks: it says what differs. run makes it so, and is called only when something differs and this is\n"
    "-- not check mode. See docs/modules-in-lua.md.\n"
    "\n"
    "local function plan(c)\n"
    "  local now = c.fs.read(c.args.path)\n"
    "  if now ~= c.args.text then\n"
    "    c:diff(c.args.path, now, c.args.text)\n"
    "  end\n"
    "end\n"
    "\n"
    "local function run(c)\n"
    "  c.fs.write(c.args.path, c.args.text, { mode = 420 })\n"
    "  c:set(\"path\", c.args.path)\n"
    "end\n"
    "\n"
    "return {\n"
    "  doc = \"Write a text to a file.\",\n"
    "  spec = \"%1$s\",\n"
    "  example = \"- %1$s:\\n    path: /etc/motd\\n    text: hello\",\n"
    "  returns = \"path: The file.\",\n"
    "  side = \"target\",\n"
    "  check = \"full\",\n"
    "  diff = \"full\",\n"
    "  args = {\n"
    "    path = { type = \"path\", required = true, doc = \"The file.\" },\n"
    "    text = { required = true, doc = \"What it is to hold.\" },\n"
    "  },\n"
    "  plan = plan,\n"
    "  run = run,\n"
    "}\n";

static const char *const cases =
    "# Cases of the module %1$s: `play module test %1$s`. @DIR@ is a directory of each case's own.\n"
    "- name: writes the file\n"
    "  args: {path: \"@DIR@/f\", text: hello}\n"
    "  result: {changed: true, path: \"@DIR@/f\"}\n"
    "  after: {f: {content: hello, mode: \"0644\"}}\n"
    "  idempotent: true\n"
    "- name: a file that is right stays as it is\n"
    "  args: {path: \"@DIR@/f\", text: hello}\n"
    "  files: {f: hello}\n"
    "  result: {changed: false}\n"
    "- name: the text is needed\n"
    "  args: {path: \"@DIR@/f\"}\n"
    "  result: {failed: true, msg: \"missing required arguments: text\"}\n";

static bool good_name(struct str name) {
    for (size_t i = 0; i < name.n; i++) {
        char ch = name.s[i];
        bool letter = (ch >= 'a' && ch <= 'z') || ch == '_';
        if (!letter && (i == 0 || ch < '0' || ch > '9')) {
            return false;
        }
    }
    return name.n > 0;
}

static bool make_dirs(const char *path, struct err *e) {
    char part[4096];
    size_t n = strlen(path);
    for (size_t i = 1; i <= n && n < sizeof part; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            memcpy(part, path, i);
            part[i] = '\0';
            if (mkdir(part, 0777) != 0 && errno != EEXIST) {
                return err_sys(e, errno, NO_MARK, "cannot make the directory '%s'", part);
            }
        }
    }
    return true;
}

static bool write_new(struct arena *a, const char *dir, const char *file, struct str text, struct err *e) {
    const char *path = arena_printf(a, "%s/%s", dir, file);
    if (access(path, F_OK) == 0) {
        return err_set(e, ERR_ARGS, NO_MARK, "'%s' is there already: nothing is overwritten", path);
    }
    if (!make_dirs(dir, e) || !fd_replace_file(path, text, 0644, e)) {
        return false;
    }
    printf("made %s\n", path);
    return true;
}

/// The text with each %1$s replaced by the name.
static struct str named(struct arena *a, const char *text, struct str name) {
    struct buf b = BUF_IN(a);
    for (const char *at = text; *at;) {
        if (strncmp(at, "%1$s", 4) == 0) {
            buf_str(&b, name);
            at += 4;
        } else {
            buf_char(&b, *at++);
        }
    }
    return buf_view(&b);
}

static int module_new(struct settings *s, struct err *e) {
    struct str name = s->positional.n == 2 ? s->positional.p[1] : STR_NONE;
    if (!good_name(name)) {
        err_set(e, ERR_ARGS, NO_MARK, "play module new needs one name of small letters, digits and '_', found '%.*s'",
                STR(name));
        return cli_report(e, 2);
    }
    const char *tests = arena_printf(s->a, "tests/modules/%.*s", STR(name));
    if (!write_new(s->a, "library", arena_printf(s->a, "%.*s.lua", STR(name)), named(s->a, skeleton, name), e) ||
        !write_new(s->a, tests, arena_printf(s->a, "%.*s.yml", STR(name)), named(s->a, cases, name), e)) {
        return cli_report(e, 1);
    }
    printf("test it: play module test %.*s\n", STR(name));
    return 0;
}

struct paths {
    const char **p;
    size_t n, cap;
};

static void add_path(struct arena *a, struct paths *list, const char *path) {
    VEC_PUSH(a, *list, path);
}

static int by_text(const void *x, const void *y) {
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/// Every directory of cases below tests/modules.
static void all_cases(struct arena *a, struct paths *list) {
    DIR *d = opendir("tests/modules");
    const struct dirent *entry;
    while (d && (entry = readdir(d))) {  // NOLINT(concurrency-mt-unsafe): one thread
        struct stat st;
        const char *path = arena_printf(a, "tests/modules/%s", entry->d_name);
        if (entry->d_name[0] != '.' && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            add_path(a, list, path);
        }
    }
    if (d) {
        closedir(d);
    }
    if (list->n) {
        qsort(list->p, list->n, sizeof *list->p, by_text);
    }
}

static int module_test(struct settings *s, struct err *e) {
    struct paths list = {0};
    struct arena *a = s->a;
    for (size_t i = 1; i < s->positional.n; i++) {
        struct str word = s->positional.p[i];
        bool path = str_find_char(word, 0, '/') != SIZE_MAX || str_ends(word, ".yml");
        const char *where = path ? str_z(a, word) : arena_printf(a, "tests/modules/%.*s", STR(word));
        if (access(where, R_OK) != 0) {
            err_set(e, ERR_NOT_FOUND, NO_MARK, "there are no cases at '%s'", where);
            err_hint(e, "'play module new %.*s' makes a module and its cases", STR(word));
            return cli_report(e, 1);
        }
        add_path(a, &list, where);
    }
    if (list.n == 0) {
        all_cases(a, &list);
    }
    if (list.n == 0) {
        err_set(e, ERR_NOT_FOUND, NO_MARK, "there is no directory tests/modules/NAME here");
        err_hint(e, "run it in the project's directory, or name the files of cases");
        return cli_report(e, 1);
    }
    struct utsname u;
    uname(&u);
    struct modtest t = {.program = arena_printf(a, "%.*s/play-remote-%s", STR(remote_dir(a)), u.machine),
                        .library = "library",
                        .verbose = s->verbosity > 0,
                        .paths = list.p,
                        .npaths = list.n};
    fflush(stdout);
    return modtest_run(&t);
}

int tool_module(struct settings *s) {
    struct err e = {.arena = s->a};
    struct str verb = s->positional.n ? s->positional.p[0] : STR_NONE;
    if (str_eqz(verb, "new")) {
        return module_new(s, &e);
    }
    if (str_eqz(verb, "test")) {
        return module_test(s, &e);
    }
    err_set(&e, ERR_ARGS, NO_MARK, "play module knows 'new NAME' and 'test [NAME or FILE ...]', found '%.*s'",
            STR(verb));
    return cli_report(&e, 2);
}
