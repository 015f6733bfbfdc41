// PLUGIN_FILTERS_CFG: a file that names modules nobody may use.
#include "cli.h"

#include "fd.h"

#include <unistd.h>

#define FILTER_FILE "/etc/ansible/plugin_filters.yml"
#define FILTER_MAX  ((size_t)1 << 20)

static bool ignored(struct session *x, const char *path, const char *why) {
    session_warn(x, NO_MARK, arena_printf(x->a, "the plugin filter file '%s' has no effect: %s", path, why));
    return true;
}

bool rejected_read(struct session *x, struct map *out, struct err *e) {
    struct val set = config_value(x->s, config_row(NULL, STR_LIT("PLUGIN_FILTERS_CFG"))).v;
    const char *path = set.kind == VAL_STR ? str_z(x->a, val_text(set)) : FILTER_FILE;
    struct err inner = {.arena = x->a};
    struct yaml_opts y = {0};
    struct str text;
    struct val v = VNULL;
    if (access(path, F_OK) != 0) {
        return set.kind != VAL_STR || ignored(x, path, "it does not exist");
    }
    if (!fd_read_file(path, FILTER_MAX, x->a, &text, &inner) || !yaml_load(path, text, &y, x->a, &v, &inner)) {
        return ignored(x, path, str_z(x->a, err_text(&inner)));
    }
    struct val version = val_get(v, "filter_version");
    struct val names = val_get(v, "module_rejectlist");
    names = names.kind == VAL_UNDEF ? val_get(v, "module_blacklist") : names;
    if (version.kind == VAL_UNDEF || !str_eqz(str_trim(val_str_of(x->a, version)), "1.0")) {
        return ignored(x, path, "'filter_version' must be 1.0");
    }
    if (!val_is_seq(names)) {
        return ignored(x, path, "'module_rejectlist' must be a list of modules");
    }
    for (size_t i = 0; i < val_len(names); i++) {
        struct val name = val_at_index(names, i);
        if (str_eqz(val_text(name), "stat")) {
            return err_set(e, ERR_ARGS, name.mark,
                           "The stat module was specified in the module blacklist file, %s, but Ansible will not "
                           "function without the stat module.  Please remove stat from the blacklist.",
                           path);
        }
        map_put(out, x->a, val_text(name), x);
    }
    return true;
}
