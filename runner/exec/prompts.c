// vars_prompt: the questions of a play, and which of the answers are secrets.
#include "exec.h"

#include "plugin.h"

#include <unistd.h>

static bool flag(struct val d, const char *key, bool absent) {
    bool b = absent;
    struct val v = val_get(d, key);
    return val_is(v, VAL_UNDEF) || !val_as_bool(v, &b) ? absent : b;
}

static bool given(struct val one, const char *key) {
    return !val_is(val_get(one, key), VAL_UNDEF) && !val_is(val_get(one, key), VAL_NULL);
}

// Not every answer that is typed unseen is a secret: that is what Ansible does unless it is told otherwise, also for
// versions and names of hosts. It is one when the playbook says `private` or `encrypt`, or by the words of its
// question.
static bool is_secret(struct arena *a, struct val one) {
    static const char *const words[] = {"pass", "pwd", "secret", "token", "key", "pin", "cred", "vault", "auth"};
    const char *const texts[] = {"name", "prompt"};
    if (!flag(one, "private", true)) {
        return false;
    }
    if (given(one, "private") || given(one, "encrypt")) {
        return true;
    }
    for (size_t i = 0; i < COUNTOF(texts); i++) {
        const char *text = str_z(a, val_text(val_get(one, texts[i])));
        for (size_t k = 0; k < COUNTOF(words); k++) {
            if (strcasestr(text, words[k])) {
                return true;
            }
        }
    }
    return false;
}

// The scheme and salt of a hash may be seen, as /etc/shadow's readers know them; the hash itself may not.
static bool hash_answer(struct view *v, struct val one, struct val *answer, struct err *e) {
    struct val how = val_get(one, "encrypt");
    struct val kwargs = val_dict(v->a, 2);
    struct val args[2] = {val_reflag(v->a, *answer, VAL_SECRET, 0), how};
    if (!given(one, "encrypt")) {
        return true;
    }
    if (val_has(one, "salt")) {
        val_set(v->a, kwargs, "salt", val_get(one, "salt"));
    }
    if (val_has(one, "salt_size")) {
        val_set(v->a, kwargs, "salt_size", val_get(one, "salt_size"));
    }
    if (!jinja_call_filter(&v->jc, STR_LIT("password_hash"), args, 2, kwargs, one.mark, answer, e)) {
        return false;
    }
    struct str text = val_text(*answer);
    size_t from = text.n;
    while (from > 0 && text.s[from - 1] != '$') {
        from--;
    }
    output_secret(v->r->o->output, str_sub(text, from, text.n));
    return true;
}

static bool ask(struct view *v, struct val one, struct val *answer, struct err *e) {
    struct arena *a = v->a;
    struct val text = val_get(one, "prompt");
    struct val def = val_get(one, "default");
    bool hidden = flag(one, "private", true);
    bool secret = is_secret(a, one);
    struct str label = val_is(text, VAL_STR) ? val_text(text) : val_text(val_get(one, "name"));
    bool has_default = !val_is(def, VAL_UNDEF) && !val_is(def, VAL_NULL);
    const char *prompt = has_default && !secret ? arena_printf(a, "%.*s [%.*s]: ", STR(label), STR(val_str_of(a, def)))
                                                : arena_printf(a, "%.*s: ", STR(label));
    struct str first = STR_NONE;
    struct str second = STR_NONE;
    struct question q = {.prompt = prompt, .echo = !hidden};
    struct question again = {.prompt = arena_printf(a, "confirm %s", prompt), .echo = !hidden};
    for (;;) {
        if (!ask_terminal(v->r, &q, a, &first, e)) {
            return false;
        }
        if (!flag(one, "confirm", false)) {
            break;
        }
        if (!ask_terminal(v->r, &again, a, &second, e)) {
            return false;
        }
        if (str_eq(first, second)) {
            break;
        }
        q.prompt = arena_printf(a, "***** VALUES ENTERED DO NOT MATCH ****\n%s", prompt);
    }
    *answer = first.n || !has_default ? val_flag(val_str(a, first), secret ? VAL_SECRET : 0) : def;
    if (secret && first.n) {
        output_secret(v->r->o->output, first);
    }
    return true;
}

bool play_prompts(struct run *r, struct play *p, bool interactive, struct err *e) {
    struct arena *a = &r->a;
    r->prompt = (struct val){0};
    if (!val_is_seq(p->vars_prompt) || !val_len(p->vars_prompt)) {
        return true;
    }
    struct play_run pr;
    struct view v;
    struct val list = {0};
    play_run_init(&pr, r, p);
    bool ok = view_init(&v, &pr, NULL, NULL, a, e) && view_value(&v, p->vars_prompt, &list, e);
    struct val answers = val_dict(a, val_len(list));
    bool terminal = interactive && isatty(STDIN_FILENO) == 1;
    for (size_t i = 0; ok && i < val_len(list); i++) {
        struct val one = val_at_index(list, i);
        struct str name = val_text(val_get(one, "name"));
        struct val answer = val_get(one, "default");
        if (!name.n) {
            ok = err_set(e, ERR_ARGS, one.mark, "an entry of 'vars_prompt' needs a 'name'");
            break;
        }
        if (!val_is(val_get_str(r->o->extra_vars, name), VAL_UNDEF)) {
            continue;
        }
        if (terminal) {
            ok = ask(&v, one, &answer, e) && hash_answer(&v, one, &answer, e);
        } else if (interactive) {
            run_warn(r, one.mark, "not prompting, as there is no terminal");
        }
        val_set_str(a, answers, str_dup(a, name), val_is(answer, VAL_UNDEF) ? VNULL : val_promote(a, answer));
    }
    r->prompt = answers;
    arena_release(&pr.a);
    return ok;
}
