// The filters vault and unvault: Ansible-Vault envelopes with a password given in the template.
#include "vault.h"

#include "filters/support.h"
#include "filters/text.h"

static bool text_arg(struct jcall *c, size_t i, const char *param, struct str *out, struct err *e) {
    *out = STR_NONE;
    if (c->args[i].kind != VAL_STR) {
        return bad_arg(c, e, param, "a string", c->args[i]);
    }
    *out = val_text(c->args[i]);
    return true;
}

static bool f_vault(struct jcall *c, struct val *out, struct err *e) {
    struct str data, secret, salt, id, envelope;
    bool wrap = false;
    if (!text_arg(c, 0, "data", &data, e) || !text_arg(c, 1, "secret", &secret, e) ||
        !opt_str(c, 2, "salt", STR_NONE, &salt, e) || !opt_str(c, 3, "vaultid", STR_LIT("filter_default"), &id, e) ||
        !arg_bool(c, 4, false, &wrap, e)) {
        return false;
    }
    if (salt.s && !salt.n) {
        return plug_err(c, e, ERR_ARGS, "'salt' must not be empty");
    }
    struct vault_ring *r = vault_ring_new();
    struct vault_seal_opts o = {.id = str_z(c->a, id), .salt = salt};
    vault_ring_add(r, o.id, secret);
    bool ok = vault_seal_with(r, &o, data, c->a, &envelope, e);
    vault_ring_free(r);
    if (!ok) {
        return err_wrap(e, c->at, "in '%s'", c->name);
    }
    // wrapped: the plaintext, known to come from a vault, as an inline !vault value is
    *out = wrap ? val_flag(val_str(c->a, data), VAL_VAULTED | VAL_SECRET) : val_str(c->a, envelope);
    return true;
}
FILTER(vault) = {.doc = "Text in a vault envelope.",
                 .params = "data, secret, salt=None, vaultid='filter_default', wrap_object=False",
                 .fn = f_vault,
                 .example = "('text' | vault('password')) is match('[$]ANSIBLE_VAULT;')"};

static bool f_unvault(struct jcall *c, struct val *out, struct err *e) {
    struct str data, secret, id, plain;
    if (!text_arg(c, 0, "vault", &data, e) || !text_arg(c, 1, "secret", &secret, e) ||
        !opt_str(c, 2, "vaultid", STR_LIT("filter_default"), &id, e)) {
        return false;
    }
    plain = data;
    if (vault_is(data)) {
        struct vault_ring *r = vault_ring_new();
        vault_ring_add(r, str_z(c->a, id), secret);
        bool ok = vault_open(r, data, c->at, c->a, &plain, e);
        vault_ring_free(r);
        if (!ok) {
            return err_wrap(e, c->at, "in '%s'", c->name);
        }
    }
    const struct jinja_host *h = c->ctx->host;
    if (h && h->secret) {
        h->secret(h->self, plain, false);
    }
    *out = val_flag(val_str(c->a, plain), VAL_SECRET);
    return true;
}
FILTER(unvault) = {.doc = "The text in a vault envelope.",
                   .params = "vault, secret, vaultid='filter_default'",
                   .takes_sealed = true,
                   .fn = f_unvault,
                   .example = "('text' | vault('password') | unvault('password')) == 'text'"};
