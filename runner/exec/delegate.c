// delegate_to of an item: the host that runs it, and how it is shown.
#include "exec.h"

bool item_delegate(struct job *j, struct view **cv, struct err *e) {
    struct item *it = &j->item;
    struct val to = {0};
    it->target = j->h;
    *cv = &j->v;
    if (!connected_kw(&j->v, KW_DELEGATE_TO, &to, e)) {
        return false;
    }
    if (val_is(to, VAL_UNDEF)) {
        return true;
    }
    if (!val_is(to, VAL_STR) || !val_text(to).n) {
        return err_set(e, ERR_TYPE, to.mark, "'delegate_to' must be the name of a host, not %s",
                       val_kind_name(to.kind));
    }
    it->delegated = str_dup(&j->a, val_text(to));
    it->target = run_host_named(j->pr->r, it->delegated);
    if (!view_delegate(&j->v, it->delegated, it->target, e)) {
        return false;
    }
    *cv = j->v.other;
    return true;
}

bool delegate_label(struct job *j, struct view *cv, struct err *e) {
    struct item *it = &j->item;
    struct val address = {0};
    if (!it->delegated.n || str_eq(it->delegated, j->h->host->name)) {
        return true;
    }
    it->label = it->delegated;
    bool connected = cv->connected;
    cv->connected = false;  // only a variable's value is shown
    bool ok = view_var(cv, "ansible_host", &address, e);
    cv->connected = connected;
    if (!ok) {
        return false;
    }
    if (val_is(address, VAL_STR) && !str_eq(val_text(address), it->delegated)) {
        it->label = str_printf(&j->a, "%.*s(%.*s)", STR(it->delegated), STR(val_text(address)));
    }
    return true;
}
