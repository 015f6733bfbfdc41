// Variables of every host against `ansible-inventory --list`: levels 3 to 10.
#include "test.h"

#include "inv_case.h"
#include "scope.h"

static unsigned failures;

/// As JSON and back: tuples become lists, as in ansible-inventory's output.
static struct val plain(struct arena *a, struct val v) {
    struct buf b = BUF_IN(a);
    struct err e = {.arena = a};
    struct json_style style = {.sort_keys = true};
    struct val out = VNULL;
    if (!json_write(&b, v, &style, &e) || !json_parse(a, buf_view(&b), &out, &e)) {
        print_error("json: %.*s\n", STR(err_text(&e)));
    }
    return out;
}

static struct str as_json(struct arena *a, struct val v) {
    struct buf b = BUF_IN(a);
    struct err e = {.arena = a};
    struct json_style style = {.sort_keys = true};
    (void)json_write(&b, v, &style, &e);
    return buf_view(&b);
}

static void check_host(struct inv_case *c, const char *name, struct vars_files *vf, struct str host, struct val want) {
    struct host *h = inv_host(c->inv, host);
    struct scope s = {.a = &c->a};
    struct err e = {.arena = &c->a};
    struct val all = VNULL;
    if (!h || !vars_files_layers(vf, h, &s.base, &s.nbase, &e) || !scope_all(&s, &c->a, &all, &e)) {
        failures++;
        print_error("%s: host %.*s: %.*s\n", name, STR(host), STR(err_text(&e)));
        return;
    }
    (void)val_del_key(all, val_z(&c->a, "inventory_file"));
    (void)val_del_key(all, val_z(&c->a, "inventory_dir"));
    if (!val_equal(plain(&c->a, all), want)) {
        failures++;
        print_error("%s: host %.*s\n  got:  %.*s\n  want: %.*s\n", name, STR(host), STR(as_json(&c->a, all)),
                    STR(as_json(&c->a, want)));
    }
}

static void check_case(struct inv_case *c, const char *name) {
    if (!c->inv || val_truth(val_get(c->doc, "fails"))) {
        return;
    }
    struct vars_files *vf = vars_files_new(&c->a, c->inv, NULL, NULL, NULL);
    struct val pb = val_get(c->doc, "playbook_dir");
    if (pb.kind == VAL_STR) {
        vars_files_add_playbook(vf, str_printf(&c->a, "%s/%.*s", c->root, STR(val_text(pb))));
    }
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(val_get(c->doc, "hostvars"), &i))) {
        check_host(c, name, vf, val_text(p->key), p->value);
    }
}

TEST(hostvars_of_ansible) {
    failures = 0;
    CHECK(case_each(check_case) >= 60);
    CHECK(failures == 0);
}
