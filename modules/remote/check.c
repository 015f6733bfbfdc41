// --self-check: does what a build for another machine or a broken upload would get wrong still work?
#include "digest.h"
#include "fd.h"
#include "json.h"
#include "module.h"
#include "msg.h"
#include "regex.h"
#include "remote.h"
#include "script.h"

#include <unistd.h>

#define PASSWD_CAP ((size_t)16 << 20)

struct str login_field(struct arena *a, size_t field) {
    struct str text;
    struct str line;
    struct err e = {.arena = a};
    struct str uid = str_printf(a, "%u", (unsigned)getuid());
    bool have = fd_read_file("/etc/passwd", PASSWD_CAP, a, &text, &e);
    while (have && str_next(&text, '\n', &line)) {
        struct str f[7] = {{0}};
        for (size_t i = 0; i < COUNTOF(f) && str_next(&line, ':', &f[i]); i++) {
        }
        if (str_eq(f[2], uid)) {
            return f[field];
        }
    }
    const char *env = getenv(field == 0 ? "USER" : "HOME");  // NOLINT(concurrency-mt-unsafe): one thread
    return env ? str_from(env) : field == 0 ? uid : STR_LIT("/");
}

static bool check_digest(struct arena *a, struct err *e) {
    const char *hex = NULL;
    return digest_hex(a, "sha256", STR_LIT("abc"), &hex, e) && str_starts(str_from(hex), "ba7816bf8f01cfea");
}

static bool check_regex(struct arena *a, struct err *e) {
    struct regex *r = regex_compile(a, STR_LIT("^(\\w+)=(?P<v>.*)$"), 0, NO_MARK, e);
    return r && regex_exec(r, STR_LIT("key=value"), 0, REGEX_FULLMATCH, a, NULL, e) == 1;
}

static bool check_json(struct arena *a, struct err *e) {
    struct val v;
    return json_parse(a, STR_LIT("{\"a\": [1, 2.5, null, \"x\"]}"), &v, e) && val_len(val_get(v, "a")) == 4;
}

static bool check_wire(struct arena *a, struct err *e) {
    struct buf b = BUF_IN(a);
    struct val v = val_dict(a, 1);
    struct val back;
    val_set(a, v, "key", val_z(a, "value"));
    msg_encode(&b, v);
    return msg_decode(a, buf_view(&b), &back, e) && val_equal(v, back);
}

static bool check_script(struct arena *a, struct err *e) {
    struct str source = STR_LIT("return {doc = 'd', side = 'target', check = 'full', args = {},\n"
                                "  run = function(c) c:set('sum', 40 + 2) end}");
    struct mod_call c = {.arena = a, .name = "check", .args = val_dict(a, 0)};
    c.mod = script_module(a, "check", "check.lua", source, e);
    if (!c.mod) {
        return false;
    }
    mod_execute(&c);
    return val_equal(val_get(c.result, "sum"), val_int(42));
}

static bool check_modules(struct arena *a, struct err *e) {
    (void)a;
    for (size_t i = 0; i < module_count; i++) {
        if (module_find(str_from(module_table[i].name)) != module_table[i].it) {
            return err_set(e, ERR_NOT_FOUND, NO_MARK, "module '%s' is not found by its name", module_table[i].name);
        }
    }
    for (size_t i = 0; module_lua_table[i].name; i++) {
        const struct module_lua *m = &module_lua_table[i];
        if (!script_module(a, m->name, m->file, (struct str){m->source, m->len}, e)) {
            return false;
        }
    }
    return module_count > 0;
}

bool self_check(void) {
    static const struct {
        const char *name;
        bool (*check)(struct arena *, struct err *);
    } parts[] = {{"digest", check_digest}, {"regex", check_regex},   {"json", check_json},
                 {"wire", check_wire},     {"script", check_script}, {"modules", check_modules}};
    bool all = true;
    for (size_t i = 0; i < COUNTOF(parts); i++) {
        struct arena a = {0};
        struct err e = {.arena = &a};
        bool ok = parts[i].check(&a, &e);
        struct str why = e.code == ERR_NONE ? STR_LIT("wrong answer") : err_text(&e);
        printf("%-8s %.*s\n", parts[i].name, STR(ok ? STR_LIT("ok") : why));
        all = all && ok;
        arena_release(&a);
    }
    return all;
}
