// setup: facts about the target.
#include "facts.h"
#include "fd.h"

#include <fnmatch.h>

static const struct arg args[] = {
    {"gather_subset", ARG_LIST, .def = "all",
     .doc = "all, min, hardware, network, virtual or single facts; !x leaves out."},
    {"gather_timeout", ARG_INT, .def = "10", .doc = "Seconds a single source of facts may take."},
    {"filter", ARG_LIST, .def = "[]", .doc = "Only facts whose names match one of these patterns."},
    {"fact_path", ARG_PATH, .def = "/etc/ansible/facts.d", .doc = "Directory of custom facts (*.fact)."},
    {FACTS_DISCOVER, ARG_BOOL, .doc = "Whether the path of Python is told; the program fills it in."},
    {FACTS_READ, ARG_LIST, .doc = "What the play reads; the program fills it in."},
    {0},
};

#define COLLECTORS 32

static bool named(const char *list, struct str name) {
    struct str rest = str_from(list);
    struct str one;
    while (str_next(&rest, '|', &one)) {
        if (str_eq(one, name)) {
            return true;
        }
    }
    return false;
}

// Ids chosen by gather_subset, as sets: keys of dicts.
struct choice {
    struct val added, excluded, explicitly;
};

static void put_ids(struct mod_call *c, struct val set, const char *ids, bool own_only) {
    struct str rest = str_from(ids);
    struct str one;
    while (str_next(&rest, '|', &one)) {
        val_set_str(c->arena, set, one, val_bool(true));
        if (own_only) {
            return;
        }
    }
}

static void put_group(struct mod_call *c, struct val set, bool min, bool rest) {
    for (size_t i = 0; i < fact_collector_count; i++) {
        const struct collector *k = &fact_collectors[i];
        if (k->min ? min : rest) {
            // Of the minimal ones only the collectors' own names count, of the others all ids.
            put_ids(c, set, k->ids, !rest);
        } else if (rest) {
            // The other ids of a minimal collector are no members of `min` and so belong to "all".
            const char *more = strchr(k->ids, '|');
            put_ids(c, set, more ? more + 1 : "", false);
        }
    }
}

static int by_text(const void *a, const void *b) {
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool bad_subset(struct mod_call *c, struct str name, struct err *e) {
    struct {
        struct str *p;
        size_t n, cap;
    } all = {0};
    for (size_t i = 0; i < fact_collector_count; i++) {
        struct str rest = str_from(fact_collectors[i].ids);
        struct str one;
        while (str_next(&rest, '|', &one)) {
            VEC_PUSH(c->arena, all, one);
        }
    }
    if (all.n > 1) {
        qsort(all.p, all.n, sizeof *all.p, by_text);
    }
    struct buf text = BUF_IN(c->arena);
    for (size_t i = 0; i < all.n; i++) {
        buf_printf(&text, ", %.*s", STR(all.p[i]));
    }
    return mod_fail(c, e, "Bad subset '%.*s' given to Ansible. gather_subset options allowed: all%s", STR(name),
                    buf_view(&text).s);
}

static bool known_id(struct str name) {
    for (size_t i = 0; i < fact_collector_count; i++) {
        if (named(fact_collectors[i].ids, name)) {
            return true;
        }
    }
    return false;
}

// One word of gather_subset.
static bool choose_word(struct mod_call *c, struct choice *ch, struct str word, struct err *e) {
    bool out = str_starts(word, "!");
    struct str name = out ? str_sub(word, 1, word.n) : word;
    if (str_eqz(name, "min")) {
        put_group(c, out ? ch->excluded : ch->added, true, false);
    } else if (str_eqz(name, "all")) {
        put_group(c, out ? ch->excluded : ch->added, !out, true);
    } else if (out) {
        for (size_t i = 0; i < fact_collector_count; i++) {
            const char *ids = fact_collectors[i].ids;
            if (str_eq(name, str_sub(str_from(ids), 0, str_find_char(str_from(ids), 0, '|')))) {
                put_ids(c, ch->excluded, ids, false);
            }
        }
        val_set_str(c->arena, ch->excluded, name, val_bool(true));
    } else if (!known_id(name)) {
        return bad_subset(c, name, e);
    } else {
        val_set_str(c->arena, ch->added, name, val_bool(true));
        val_set_str(c->arena, ch->explicitly, name, val_bool(true));
    }
    return true;
}

static bool chosen(const struct choice *ch, struct str id) {
    bool in = val_get_str(ch->added, id).kind == VAL_BOOL;
    bool out = val_get_str(ch->excluded, id).kind == VAL_BOOL;
    return in && (!out || val_get_str(ch->explicitly, id).kind == VAL_BOOL);
}

// What is chosen and what that needs.
static bool choose(struct mod_call *c, bool want[COLLECTORS], struct err *e) {
    struct val list = mod_arg(c, "gather_subset");
    struct choice ch = {val_dict(c->arena, 64), val_dict(c->arena, 64), val_dict(c->arena, 8)};
    put_group(c, ch.added, true, false);
    for (size_t i = 0; i < val_len(list); i++) {
        if (!choose_word(c, &ch, val_str_of(c->arena, val_at_index(list, i)), e)) {
            return false;
        }
    }
    if (val_len(list) == 0) {
        put_group(c, ch.added, true, true);
    }
    bool needed[COLLECTORS] = {false};
    for (size_t k = 0; k < fact_collector_count; k++) {
        struct str rest = str_from(fact_collectors[k].ids);
        struct str id;
        while (str_next(&rest, '|', &id)) {
            want[k] = want[k] || chosen(&ch, id);
        }
        rest = str_from(want[k] ? fact_collectors[k].needs : NULL);
        while (rest.s && str_next(&rest, '|', &id)) {
            for (size_t n = 0; n < fact_collector_count; n++) {
                needed[n] = needed[n] || named(fact_collectors[n].ids, id);
            }
        }
    }
    for (size_t k = 0; k < fact_collector_count; k++) {
        want[k] = want[k] || needed[k];
    }
    return true;
}

static bool keeps(struct mod_call *c, struct val patterns, const char *name) {
    for (size_t k = 0; k < val_len(patterns); k++) {
        struct str p = val_str_of(c->arena, val_at_index(patterns, k));
        const char *pat = str_z(c->arena, p);
        bool whole = str_starts(p, "ansible_") || str_starts(p, "facter") || str_starts(p, "ohai");
        if (p.n == 0 || fnmatch(pat, name, 0) == 0 ||
            (!whole && fnmatch(arena_printf(c->arena, "ansible_%s", pat), name, 0) == 0)) {
            return true;
        }
    }
    return val_len(patterns) == 0;
}

static struct val filtered(struct mod_call *c, struct val all) {
    struct val patterns = mod_arg(c, "filter");
    struct val out = val_dict(c->arena, 128);
    size_t i = 0;
    for (struct vpair *p; (p = val_each(all, &i));) {
        if (keeps(c, patterns, str_z(c->arena, val_text(p->key)))) {
            val_set_key(c->arena, out, p->key, p->value);
        }
    }
    return out;
}

bool facts_gather(struct mod_call *c, struct err *e) {
    bool want[COLLECTORS] = {false};
    if (!choose(c, want, e)) {
        return false;
    }
    struct facts f = {.c = c, .a = c->arena, .out = val_dict(c->arena, 128), .fact_path = mod_z(c, "fact_path")};
    f.timeout_ms = mod_int(c, "gather_timeout", 10) * 1000;
    f.read = mod_arg(c, FACTS_READ);
    f.left = val_dict(c->arena, 8);
    for (size_t k = 0; k < fact_collector_count; k++) {
        if (want[k]) {
            f.until_ms = clock_ms() + f.timeout_ms;
            fact_collectors[k].fn(&f);
        }
    }
    if (val_len(f.left)) {
        mod_set(c, FACTS_LEFT, f.left);
    }
    val_set(c->arena, f.out, "gather_subset", mod_arg(c, "gather_subset"));
    val_set(c->arena, f.out, "module_setup", val_bool(true));
    struct val facts = filtered(c, f.out);
    const char *python = mod_bool(c, FACTS_DISCOVER) ? facts_interpreter() : NULL;
    if (python) {
        val_set(c->arena, facts, "discovered_interpreter_python", val_z(c->arena, python));
    }
    mod_set(c, "ansible_facts", facts);
    mod_set(c, "_ansible_verbose_override", val_bool(true));
    return true;
}

MODULE(setup) = {
    .doc = "Gather facts about the target: system, user, hardware, network.",
    .spec = "ansible.builtin.setup",
    .example = "- ansible.builtin.setup:\n    gather_subset: [min, network]",
    .order = "",
    .returns = "ansible_facts: The facts, each name with ansible_ in front.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = facts_gather,
};
