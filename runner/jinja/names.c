// Names of plugins: short and full names, the redirects of ansible-core and of collections, the project's own plugins.
#include "ast.h"
#include "typo.h"

#define BUILTIN "ansible.builtin."
#define LEGACY  "ansible.legacy."

/// What ansible-core's ansible_builtin_runtime.yml and the collections' meta/runtime.yml send elsewhere, per kind of
/// plugin; sorted by `from`. `to` NULL: a plugin that exists, and is not one of ours.
struct redirect {
    const char *from, *to;
};
static const struct redirect filters_moved[] = {
    {"ansible.netcommon.cidr_merge", "ansible.utils.cidr_merge"},
    {"ansible.netcommon.hwaddr", "ansible.utils.hwaddr"},
    {"ansible.netcommon.ip4_hex", "ansible.utils.ip4_hex"},
    {"ansible.netcommon.ipaddr", "ansible.utils.ipaddr"},
    {"ansible.netcommon.ipmath", "ansible.utils.ipmath"},
    {"ansible.netcommon.ipsubnet", "ansible.utils.ipsubnet"},
    {"ansible.netcommon.ipv4", "ansible.utils.ipv4"},
    {"ansible.netcommon.ipv6", "ansible.utils.ipv6"},
    {"ansible.netcommon.ipwrap", "ansible.utils.ipwrap"},
    {"ansible.netcommon.macaddr", "ansible.utils.macaddr"},
    {"ansible.netcommon.network_in_network", "ansible.utils.network_in_network"},
    {"ansible.netcommon.network_in_usable", "ansible.utils.network_in_usable"},
    {"ansible.netcommon.next_nth_usable", "ansible.utils.next_nth_usable"},
    {"ansible.netcommon.nthhost", "ansible.utils.nthhost"},
    {"ansible.netcommon.previous_nth_usable", "ansible.utils.previous_nth_usable"},
    {"ansible.netcommon.reduce_on_network", "ansible.utils.reduce_on_network"},
    {"ansible.netcommon.slaac", "ansible.utils.slaac"},
    {"cidr_merge", "ansible.utils.cidr_merge"},
    {"community.general.path_join", "path_join"},
    {"comp_type5", "ansible.netcommon.comp_type5"},
    {"gcp_kms_decrypt", NULL},
    {"gcp_kms_encrypt", NULL},
    {"hash_salt", "ansible.netcommon.hash_salt"},
    {"hwaddr", "ansible.utils.hwaddr"},
    {"ip4_hex", "ansible.utils.ip4_hex"},
    {"ipaddr", "ansible.utils.ipaddr"},
    {"ipmath", "ansible.utils.ipmath"},
    {"ipsubnet", "ansible.utils.ipsubnet"},
    {"ipv4", "ansible.utils.ipv4"},
    {"ipv6", "ansible.utils.ipv6"},
    {"ipwrap", "ansible.utils.ipwrap"},
    {"json_query", "community.general.json_query"},
    {"k8s_config_resource_name", NULL},
    {"macaddr", "ansible.utils.macaddr"},
    {"network_in_network", "ansible.utils.network_in_network"},
    {"network_in_usable", "ansible.utils.network_in_usable"},
    {"next_nth_usable", "ansible.utils.next_nth_usable"},
    {"nthhost", "ansible.utils.nthhost"},
    {"parse_cli", NULL},
    {"parse_cli_textfsm", NULL},
    {"parse_xml", NULL},
    {"previous_nth_usable", "ansible.utils.previous_nth_usable"},
    {"random_mac", "community.general.random_mac"},
    {"reduce_on_network", "ansible.utils.reduce_on_network"},
    {"slaac", "ansible.utils.slaac"},
    {"type5_pw", "ansible.netcommon.type5_pw"},
    {"vlan_parser", "ansible.netcommon.vlan_parser"},
};
static const struct redirect lookups_moved[] = {
    {"avi", NULL},
    {"aws_account_attribute", NULL},
    {"aws_secret", NULL},
    {"aws_service_ip_ranges", NULL},
    {"aws_ssm", "amazon.aws.aws_ssm"},
    {"cartesian", "community.general.cartesian"},
    {"chef_databag", NULL},
    {"conjur_variable", NULL},
    {"consul_kv", NULL},
    {"cpm_metering", NULL},
    {"cpm_status", NULL},
    {"credstash", NULL},
    {"cyberarkpassword", NULL},
    {"dig", "community.general.dig"},
    {"dnstxt", "community.general.dnstxt"},
    {"etcd", NULL},
    {"filetree", "community.general.filetree"},
    {"flattened", "community.general.flattened"},
    {"gcp_storage_file", NULL},
    {"grafana_dashboard", NULL},
    {"hashi_vault", NULL},
    {"hiera", NULL},
    {"k8s", NULL},
    {"keyring", NULL},
    {"laps_password", NULL},
    {"lastpass", NULL},
    {"lmdb_kv", NULL},
    {"manifold", NULL},
    {"mongodb", NULL},
    {"nios", NULL},
    {"nios_next_ip", NULL},
    {"nios_next_network", NULL},
    {"onepassword", NULL},
    {"onepassword_raw", NULL},
    {"openshift", NULL},
    {"passwordstore", "community.general.passwordstore"},
    {"rabbitmq", NULL},
    {"redis", NULL},
    {"shelvefile", NULL},
    {"skydive", NULL},
};

static const struct redirect *moved(enum plugin_kind kind, struct str name) {
    const struct redirect *r = kind == PLUGIN_LOOKUP ? lookups_moved : filters_moved;
    size_t n = kind == PLUGIN_LOOKUP ? COUNTOF(lookups_moved) : COUNTOF(filters_moved);
    for (size_t i = 0; i < n && kind != PLUGIN_TEST; i++) {
        if (str_eqz(name, r[i].from)) {
            return &r[i];
        }
    }
    return NULL;
}

/// The name as the tables have it: without the prefix of the built in ones, redirects followed.
static struct str settled(enum plugin_kind kind, struct str name) {
    static const char *const prefix[] = {BUILTIN, LEGACY};
    for (size_t i = 0; i < COUNTOF(prefix); i++) {
        if (str_starts(name, prefix[i])) {
            name = str_sub(name, strlen(prefix[i]), name.n);
            break;
        }
    }
    const struct redirect *r = moved(kind, name);
    return r && r->to ? str_from(r->to) : name;
}

static bool has_alias(const char *aliases, struct str name) {
    struct str rest = str_from(aliases), part;
    while (rest.s && str_next(&rest, '|', &part)) {
        if (str_eq(part, name)) {
            return true;
        }
    }
    return false;
}

// The three tables differ in type only. `al` are the alternative names; lookups have none.
#define FIND(kind, table, count, name, al)                                                                             \
    do {                                                                                                               \
        struct str want_ = settled(kind, name);                                                                        \
        size_t lo_ = 0, hi_ = (count);                                                                                 \
        while (lo_ < hi_) {                                                                                            \
            size_t mid_ = (lo_ + hi_) / 2;                                                                             \
            int cmp_ = str_cmp(want_, str_from((table)[mid_].name));                                                   \
            if (cmp_ == 0 && !(table)[mid_].it->fqcn) {                                                                \
                return (table)[mid_].it;                                                                               \
            }                                                                                                          \
            if (cmp_ <= 0) {                                                                                           \
                hi_ = mid_;                                                                                            \
            } else {                                                                                                   \
                lo_ = mid_ + 1;                                                                                        \
            }                                                                                                          \
        }                                                                                                              \
        for (size_t i_ = 0; i_ < (count); i_++) {                                                                      \
            const char *full_ = (table)[i_].it->fqcn;                                                                  \
            if (has_alias(al, want_) || (full_ && str_eqz(want_, full_))) {                                            \
                return (table)[i_].it;                                                                                 \
            }                                                                                                          \
        }                                                                                                              \
        return NULL;                                                                                                   \
    } while (0)

const struct filter *filter_find(struct str name) {
    FIND(PLUGIN_FILTER, filter_table, filter_count, name, filter_table[i_].it->aliases);
}

const struct jtest *jtest_find(struct str name) {
    FIND(PLUGIN_TEST, jtest_table, jtest_count, name, jtest_table[i_].it->aliases);
}

const struct lookup *lookup_find(struct str name) {
    FIND(PLUGIN_LOOKUP, lookup_table, lookup_count, name, NULL);
}

bool plugin_elsewhere(enum plugin_kind kind, struct str name) {
    if (str_find_char(name, 0, '.') != SIZE_MAX) {
        return !str_starts(name, BUILTIN) && !str_starts(name, LEGACY);
    }
    return moved(kind, name) != NULL;
}

// -- with the project's own ------------------------------------------------------------------------------------------

static void offer(void *to, struct str name) {
    typo_offer(to, name);
}

static void offer_all(struct typo *t, const struct jinja_plugins *own, enum plugin_kind kind) {
    for (size_t i = 0; kind == PLUGIN_FILTER && i < filter_count; i++) {
        const char *full = filter_table[i].it->fqcn;
        typo_offer(t, str_from(full ? full : filter_table[i].name));
    }
    for (size_t i = 0; kind == PLUGIN_TEST && i < jtest_count; i++) {
        const char *full = jtest_table[i].it->fqcn;
        typo_offer(t, str_from(full ? full : jtest_table[i].name));
    }
    for (size_t i = 0; kind == PLUGIN_LOOKUP && i < lookup_count; i++) {
        const char *full = lookup_table[i].it->fqcn;
        typo_offer(t, str_from(full ? full : lookup_table[i].name));
    }
    for (size_t i = 0; kind == PLUGIN_FILTER && i < COUNTOF(filters_moved); i++) {
        if (filters_moved[i].to && str_find_char(str_from(filters_moved[i].from), 0, '.') == SIZE_MAX) {
            typo_offer(t, str_from(filters_moved[i].from));
        }
    }
    if (own && own->names) {
        own->names(own->self, kind, offer, t);
    }
}

/// "filter 'counter' of community.general": the name without its collection, when one of ours has it.
static const char *in_collection(enum plugin_kind kind, struct str name) {
    size_t n = kind == PLUGIN_FILTER ? filter_count : kind == PLUGIN_TEST ? jtest_count : lookup_count;
    for (size_t i = 0; i < n; i++) {
        const char *full = kind == PLUGIN_FILTER ? filter_table[i].it->fqcn
                           : kind == PLUGIN_TEST ? jtest_table[i].it->fqcn
                                                 : lookup_table[i].it->fqcn;
        const char *dot = full ? strrchr(full, '.') : NULL;
        if (dot && str_eqz(name, dot + 1)) {
            return full;
        }
    }
    return NULL;
}

/// Letters, digits, '_' and dots between them.
static bool plugin_name(struct str name) {
    for (size_t i = 0; i < name.n; i++) {
        char ch = name.s[i];
        if (!(ch >= 'a' && ch <= 'z') && !(ch >= 'A' && ch <= 'Z') && !(ch >= '0' && ch <= '9') && ch != '_' &&
            ch != '.') {
            return false;
        }
    }
    return name.n > 0;
}

static bool unknown(const struct jinja_plugins *own, enum plugin_kind kind, struct str name, struct mark at,
                    struct err *e) {
    static const char *const what[] = {"filter", "test", "lookup"};
    if (plugin_elsewhere(kind, name)) {
        struct typo near = {.got = name};
        offer_all(&near, own, kind);
        err_set(e, ERR_NOT_FOUND, at, "the %s '%.*s' is not supported yet", what[kind], STR(name));
        return near.best.s ? err_hint(e, "did you mean '%.*s'?", STR(near.best)) : false;
    }
    if (kind == PLUGIN_LOOKUP) {
        err_set(e, ERR_NOT_FOUND, at, "lookup plugin '%.*s' not found", STR(name));
    } else if (!plugin_name(name)) {
        return err_set(e, ERR_SYNTAX, at,
                       "TemplateSyntaxError: Could not load \"%.*s\": 'invalid plugin name: ansible.builtin.%.*s'",
                       STR(name), STR(name));
    } else {
        err_set(e, ERR_NOT_FOUND, at, "Could not load \"%.*s\": no %s named '%.*s'", STR(name), what[kind], STR(name));
    }
    const char *full = in_collection(kind, name);
    if (full) {
        return err_hint(e, "outside ansible.builtin a plugin needs its full name: '%s'", full);
    }
    struct typo t = {.got = name};
    offer_all(&t, own, kind);
    return t.best.s ? err_hint(e, "did you mean '%.*s'?", STR(t.best)) : false;
}

static const void *find(const struct jinja_plugins *own, enum plugin_kind kind, struct str name, struct mark at,
                        struct err *e) {
    const void *p = own ? own->find(own->self, kind, name, at, e) : NULL;
    if (p || (own && e->code != ERR_NONE)) {
        return p;
    }
    p = kind == PLUGIN_FILTER ? (const void *)filter_find(name)
        : kind == PLUGIN_TEST ? (const void *)jtest_find(name)
                              : (const void *)lookup_find(name);
    if (!p) {
        (void)unknown(own, kind, name, at, e);
    }
    return p;
}

const struct filter *plugin_filter(const struct jinja_plugins *own, struct str name, struct mark at, struct err *e) {
    return find(own, PLUGIN_FILTER, name, at, e);
}

const struct jtest *plugin_test(const struct jinja_plugins *own, struct str name, struct mark at, struct err *e) {
    return find(own, PLUGIN_TEST, name, at, e);
}

const struct lookup *plugin_lookup(const struct jinja_plugins *own, struct str name, struct mark at, struct err *e) {
    return find(own, PLUGIN_LOOKUP, name, at, e);
}

bool plugin_known(const struct jinja_ctx *c, enum plugin_kind kind, struct str name) {
    struct err e = {.arena = c->a};
    return find(cache_plugins(c->cache), kind, name, NO_MARK, &e) != NULL;
}
