// setup: facts about the target.
#include "facts.h"

#include "typo.h"

#include <fnmatch.h>

static const struct arg args[] = {
    {"gather_subset", ARG_LIST, .def = "all",
     .doc = "all, min, hardware, network, virtual or single facts; !x leaves out."},
    {"gather_timeout", ARG_INT, .def = "10", .doc = "Seconds a single source of facts may take."},
    {"filter", ARG_LIST, .def = "[]", .doc = "Only facts whose names match one of these patterns."},
    {"fact_path", ARG_PATH, .def = "/etc/ansible/facts.d", .doc = "Directory of custom facts (*.fact)."},
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

static bool matches(const struct collector *k, struct str subset) {
    return str_eqz(subset, "all") || named(k->groups, subset) || named(k->name, subset);
}

// Subsets that exist in Ansible and have nothing to give on a target without their programs.
static bool empty_subset(struct str s) {
    return str_eqz(s, "facter") || str_eqz(s, "ohai") || str_eqz(s, "any");
}

static bool check_subset(struct mod_call *c, struct str s, struct err *e) {
    struct typo t = {.got = s};
    if (str_eqz(s, "all") || empty_subset(s)) {
        return true;
    }
    for (size_t i = 0; i < fact_collector_count; i++) {
        if (matches(&fact_collectors[i], s)) {
            return true;
        }
        typo_offer(&t, str_sub(str_from(fact_collectors[i].name), 0,
                               str_find_char(str_from(fact_collectors[i].name), 0, '|')));
    }
    return mod_fail(
        c, e,
        "Bad subset '%.*s' given to Ansible. gather_subset options allowed: all, min, hardware, network, virtual%s%.*s",
        STR(s), t.best.s ? "; did you mean: " : "", STR(t.best));
}

// As Ansible: what is named is added to `min` unless "!all" or "!min" takes it away; exclusions win.
static bool choose(struct mod_call *c, bool want[COLLECTORS], struct err *e) {
    struct val list = mod_arg(c, "gather_subset");
    bool positive = false;
    bool not_all = false;
    bool not_min = false;
    for (size_t i = 0; i < val_len(list); i++) {
        struct str s = str_trim(val_str_of(c->arena, val_at_index(list, i)));
        bool out = str_starts(s, "!");
        struct str name = out ? str_sub(s, 1, s.n) : s;
        if (!check_subset(c, name, e)) {
            return false;
        }
        positive = positive || !out;
        not_all = not_all || (out && str_eqz(name, "all"));
        not_min = not_min || (out && (str_eqz(name, "min")));
    }
    for (size_t k = 0; k < fact_collector_count; k++) {
        bool min = named(fact_collectors[k].groups, STR_LIT("min"));
        want[k] = min ? !not_min : (!positive && !not_all);
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < val_len(list); i++) {
            struct str s = str_trim(val_str_of(c->arena, val_at_index(list, i)));
            bool out = str_starts(s, "!");
            struct str name = out ? str_sub(s, 1, s.n) : s;
            bool skip = out != (pass == 1) || (out && (str_eqz(name, "all") || str_eqz(name, "min")));
            for (size_t k = 0; !skip && k < fact_collector_count; k++) {
                want[k] = matches(&fact_collectors[k], name) ? !out : want[k];
            }
        }
    }
    return true;
}

static struct val filtered(struct mod_call *c, struct val all) {
    struct val patterns = mod_arg(c, "filter");
    if (val_len(patterns) == 0) {
        return all;
    }
    struct val out = val_dict(c->arena, 16);
    size_t i = 0;
    for (struct vpair *p; (p = val_each(all, &i));) {
        const char *name = str_z(c->arena, val_text(p->key));
        bool keep = false;
        for (size_t k = 0; k < val_len(patterns); k++) {
            const char *pat = str_z(c->arena, val_str_of(c->arena, val_at_index(patterns, k)));
            keep =
                keep || fnmatch(pat, name, 0) == 0 || fnmatch(arena_printf(c->arena, "ansible_%s", pat), name, 0) == 0;
        }
        if (keep) {
            val_set_key(c->arena, out, p->key, p->value);
        }
    }
    return out;
}

static bool run(struct mod_call *c, struct err *e) {
    bool want[COLLECTORS] = {false};
    if (!choose(c, want, e)) {
        return false;
    }
    struct facts f = {.c = c, .a = c->arena, .out = val_dict(c->arena, 128), .fact_path = mod_z(c, "fact_path")};
    f.deadline_ms = mod_int(c, "gather_timeout", 10) * 1000;
    for (size_t k = 0; k < fact_collector_count; k++) {
        if (want[k]) {
            fact_collectors[k].fn(&f);
        }
    }
    struct val out = filtered(c, f.out);
    if (val_len(mod_arg(c, "filter")) == 0) {
        val_set(c->arena, out, "gather_subset", mod_arg(c, "gather_subset"));
        val_set(c->arena, out, "module_setup", val_bool(true));
    }
    mod_set(c, "ansible_facts", out);
    mod_set(c, "_ansible_verbose_override", val_bool(true));
    return true;
}

MODULE(setup) = {
    .doc = "Gather facts about the target: system, user, hardware, network.",
    .spec = "ansible.builtin.setup",
    .example = "- ansible.builtin.setup:\n    gather_subset: [min, network]",
    .returns = "ansible_facts: The facts, each name with ansible_ in front.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = run,
};
