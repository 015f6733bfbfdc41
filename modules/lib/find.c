// Module names: short names, collection names and the names modules once had.
#include "module.h"
#include "script.h"

#include <threads.h>

#define LUA_MAX 256

/// Lua modules that were asked for, each loaded once. The one mutable object of this layer: written under its lock,
/// what it holds never changes afterwards and lives until exit.
static struct {
    once_flag once;
    mtx_t lock;
    struct arena arena;
    const struct module *loaded[LUA_MAX];
} lua = {.once = ONCE_FLAG_INIT};

static void lua_init(void) {
    mtx_init(&lua.lock, mtx_plain);
}

static const struct module *lua_module(const struct module_lua *m, size_t i) {
    call_once(&lua.once, lua_init);
    mtx_lock(&lua.lock);
    if (i >= LUA_MAX) {
        BUG("more than %d Lua modules", LUA_MAX);
    }
    if (!lua.loaded[i]) {
        struct err e = {.arena = &lua.arena};
        lua.loaded[i] = script_module(&lua.arena, m->name, m->file, (struct str){m->source, m->len}, &e);
        if (!lua.loaded[i]) {
            BUG("built-in module '%s': %s", m->name, e.msg);
        }
    }
    const struct module *found = lua.loaded[i];
    mtx_unlock(&lua.lock);
    return found;
}

static int by_name(const void *key, const void *row) {
    const struct str *name = key;
    const struct module_entry *entry = row;
    return str_cmp(*name, str_from(entry->name));
}

/// The table row (C or Lua) of a short name.
static const char *row_name(struct str name, const struct module **it) {
    const struct module_entry *row = NULL;
    if (module_count) {
        row = bsearch(&name, module_table, module_count, sizeof *module_table, by_name);
    }
    if (row) {
        *it = row->it;
        return row->name;
    }
    for (size_t i = 0; module_lua_table[i].name; i++) {
        if (str_eqz(name, module_lua_table[i].name)) {
            *it = lua_module(&module_lua_table[i], i);
            return module_lua_table[i].name;
        }
    }
    return NULL;
}

static struct str renamed(struct str name) {
    static const char *const names[][2] = {
        {"systemd_service", "systemd"}, {"yum", "dnf"}, {"openssl_certificate", "x509_certificate"}};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(name, names[i][0])) {
            return str_from(names[i][1]);
        }
    }
    return name;
}

/// Collections a module may be asked from beside its own: ansible.builtin and ansible.legacy know every module that was
/// in Ansible before collections, and community.general passes on what moved out of it.
static bool collection_has(struct str collection, const struct module *m) {
    struct str spec = str_from(m->spec);
    if (spec.n > collection.n && spec.s[collection.n] == '.' && str_eq(str_sub(spec, 0, collection.n), collection)) {
        return true;
    }
    if (str_eqz(collection, "ansible.builtin") || str_eqz(collection, "ansible.legacy")) {
        return true;
    }
    return str_eqz(collection, "community.general") && str_starts(spec, "community.");
}

static const char *find(struct str name, const struct module **it) {
    size_t dot = name.n;
    while (dot > 0 && name.s[dot - 1] != '.') {
        dot--;
    }
    const char *row = row_name(renamed(str_sub(name, dot, name.n)), it);
    if (!row || dot == 0) {
        return row;
    }
    return collection_has(str_sub(name, 0, dot - 1), *it) ? row : NULL;
}

const struct module *module_find(struct str name) {
    const struct module *m = NULL;
    return find(name, &m) ? m : NULL;
}

const char *module_short(struct str name) {
    const struct module *m = NULL;
    return find(name, &m);
}
