// What a host has learnt during the run: facts, set_fact, registered results, include_vars; in the host's own arena.
#include "scope.h"

#include "share.h"

#define SETTLE_MIN ((size_t)1 << 20)
#define ROOTS      6

void host_state_init(struct host_state *hs, struct host *h) {
    // Dicts are made with their first entry: of many hosts nothing is ever learnt.
    *hs = (struct host_state){.host = h, .settle_at = SETTLE_MIN};
}

void host_state_release(struct host_state *hs) {
    if (hs) {
        arena_release(&hs->arena);
        *hs = (struct host_state){0};
    }
}

static struct val *const *roots(struct host_state *hs, struct val *out[ROOTS]) {
    out[0] = &hs->facts;
    out[1] = &hs->facts_prefixed;
    out[2] = &hs->set_facts;
    out[3] = &hs->include_vars;
    out[4] = &hs->raw_facts;
    out[5] = &hs->left;
    return out;
}

/// What is in a root may be shared, the root itself changes later.
static struct val own_copy(const struct host_state *hs, struct arena *a, struct val root) {
    if (root.kind != VAL_DICT) {
        return val_promote(a, root);
    }
    struct val out = val_dict(a, val_len(root));
    size_t i = 0;
    for (struct vpair *p; (p = val_each(root, &i));) {
        val_set_key(a, out, share_promote(hs->share, a, p->key), share_promote(hs->share, a, p->value));
    }
    return val_at(val_flag(out, root.flags), root.mark);
}

void host_state_settle(struct host_state *hs) {
    if (hs->arena.used < hs->settle_at) {
        return;
    }
    // Copying tells how much is alive; the copy is kept only when it is worth it.
    struct arena fresh = {.secret = hs->arena.secret};
    struct val *slots[ROOTS];
    struct val moved[ROOTS];
    (void)roots(hs, slots);
    for (size_t i = 0; i < COUNTOF(slots); i++) {
        moved[i] = own_copy(hs, &fresh, *slots[i]);
    }
    size_t live = fresh.used;
    if (live * 2 >= hs->arena.used) {
        arena_release(&fresh);
        hs->settle_at = hs->arena.used * 2;
        return;
    }
    arena_release(&hs->arena);
    hs->arena = fresh;
    for (size_t i = 0; i < COUNTOF(slots); i++) {
        *slots[i] = moved[i];
    }
    hs->settle_at = live * 2 > SETTLE_MIN ? live * 2 : SETTLE_MIN;
}

static struct val dict_at(struct host_state *hs, struct val *slot, size_t n) {
    if (slot->kind != VAL_DICT) {
        *slot = val_dict(&hs->arena, n);
    }
    return *slot;
}

void host_set_fact(struct host_state *hs, struct str name, struct val v) {
    val_set_str(&hs->arena, dict_at(hs, &hs->set_facts, 0), name, share_promote(hs->share, &hs->arena, v));
}

void host_add_vars(struct host_state *hs, struct val vars) {
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(vars, &i))) {
        val_set_key(&hs->arena, dict_at(hs, &hs->include_vars, 0), val_promote(&hs->arena, p->key),
                    val_promote(&hs->arena, p->value));
    }
}

// -- facts -----------------------------------------------------------------------------------------------------------

static bool one_of(struct str s, const char *const *names) {
    for (; *names; names++) {
        if (str_eqz(s, *names)) {
            return true;
        }
    }
    return false;
}

/// Variables that say how a host is reached or who acts there: never taken from the host itself.
static bool is_restricted(struct str name) {
    static const char *const exact[] = {"ansible_connection",
                                        "ansible_host",
                                        "ansible_user",
                                        "ansible_shell_executable",
                                        "ansible_port",
                                        "ansible_pipelining",
                                        "ansible_password",
                                        "ansible_timeout",
                                        "ansible_shell_type",
                                        "ansible_module_compression",
                                        "ansible_private_key_file",
                                        "ansible_become",
                                        "ansible_rsync_path",
                                        "ansible_playbook_python",
                                        "ansible_facts",
                                        "add_host",
                                        "add_group",
                                        NULL};
    static const char *const plugins[] = {"ansible_ssh_",          "ansible_local_",  "ansible_paramiko_",
                                          "ansible_paramiko_ssh_", "ansible_docker_", "ansible_podman_",
                                          "ansible_kubectl_",      "ansible_chroot_", "ansible_winrm_",
                                          "ansible_psrp_",         "ansible_become_", NULL};
    if (one_of(name, exact)) {
        return true;
    }
    if (str_starts(name, "ansible_ssh_host_key_")) {
        return false;
    }
    if (str_starts(name, "ansible_") && str_ends(name, "_interpreter")) {
        return true;
    }
    // Containers make network devices with such names: ansible_docker_gwbridge.
    bool device = str_ends(name, "_bridge") || str_ends(name, "_gwbridge");
    for (const char *const *p = plugins; *p; p++) {
        if (str_starts(name, *p) && (!device || str_eqz(str_from(*p), "ansible_become_"))) {
            return true;
        }
    }
    return false;
}

static void set_shared(struct host_state *hs, struct val dict, struct str name, struct val v) {
    struct arena tmp = {0};
    val_set_key(&hs->arena, dict, share_promote(hs->share, &hs->arena, val_str(&tmp, name)), v);
    arena_release(&tmp);
}

void host_add_facts(struct host_state *hs, struct val ansible_facts) {
    static const size_t prefix = sizeof "ansible_" - 1;
    size_t i = 0;
    struct vpair *p;
    size_t n = val_len(ansible_facts);
    (void)dict_at(hs, &hs->facts, n);  // made in one piece: there is one for every host
    (void)dict_at(hs, &hs->facts_prefixed, n);
    while ((p = val_each(ansible_facts, &i))) {
        struct str name = val_text(p->key);
        bool mark = str_eqz(name, "_ansible_facts_gathered");
        if (p->key.kind != VAL_STR || (str_starts(name, "_ansible_") && !mark)) {
            continue;
        }
        struct val v = share_promote(hs->share, &hs->arena, p->value);
        if (hs->keep_raw) {
            val_set_str(&hs->arena, dict_at(hs, &hs->raw_facts, n), name, v);
        }
        bool cut = str_starts(name, "ansible_") && !str_eqz(name, "ansible_local");
        set_shared(hs, hs->facts, cut ? str_sub(name, prefix, name.n) : name, v);
        if (!mark && !is_restricted(name)) {
            set_shared(hs, hs->facts_prefixed, name, v);
        }
    }
}

void host_facts_left(struct host_state *hs, struct val left) {
    hs->left = val_is(left, VAL_DICT) ? share_promote(hs->share, &hs->arena, left) : (struct val){0};
}

void host_clear_facts(struct host_state *hs) {
    hs->left = (struct val){0};
    hs->raw_facts = (struct val){0};
    hs->facts = (struct val){0};
    hs->facts_prefixed = (struct val){0};
}
