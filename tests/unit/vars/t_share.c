// Sharing: what is equal stands once, what is different stays apart, and nobody's own dictionary is shared.
#include "json.h"
#include "scope.h"
#include "share.h"
#include "test.h"

#define HOSTS 6  // with each host one level more is known: texts, then lists of them, then what holds those

static struct val parse(struct arena *a, const char *json) {
    struct err e = {.arena = a};
    struct val v = {0};
    CHECK(json_parse(a, str_from(json), &v, &e));
    return v;
}

struct fleet {
    struct arena run;
    struct share *share;
    struct host host[HOSTS];
    struct host_state state[HOSTS];
};

static void fleet_open(struct fleet *f) {
    *f = (struct fleet){0};
    f->share = share_new(&f->run);
    for (size_t i = 0; i < HOSTS; i++) {
        host_state_init(&f->state[i], &f->host[i]);
        f->state[i].share = f->share;
        struct arena a = {0};
        const char *text = arena_printf(&a,
                                        "{\"ansible_os\": {\"name\": \"Debian\", \"parts\": [1, true, null, \"x\"]},"
                                        "\"ansible_id\": \"host-%zu\", \"ansible_fqdn\": [\"host-%zu\"]}",
                                        i, i);
        host_add_facts(&f->state[i], parse(&a, text));
        arena_release(&a);
    }
}

static void fleet_close(struct fleet *f) {
    for (size_t i = 0; i < HOSTS; i++) {
        host_state_release(&f->state[i]);
    }
    share_free(f->share);
    arena_release(&f->run);
}

TEST(share_equal_facts_stand_once) {
    struct fleet f;
    fleet_open(&f);
    const struct vdict *known = NULL;
    for (size_t i = 0; i < HOSTS; i++) {
        struct val facts = f.state[i].facts;
        struct val os = val_get(facts, "os");
        CHECK(val_len(facts) == 3 && val_len(f.state[i].facts_prefixed) == 3);
        CHECK_STR(val_text(val_get(os, "name")), "Debian");
        CHECK(val_len(val_get(os, "parts")) == 4);
        CHECK(val_equal(os, val_get(f.state[i].facts_prefixed, "ansible_os")));
        CHECK(val_text(val_get(facts, "id")).s[5] == (char)('0' + i));
        CHECK(val_text(val_at_index(val_get(facts, "fqdn"), 0)).s[5] == (char)('0' + i));
        known = i == 3 ? os.u.d : known;
        CHECK(i < 4 || os.u.d == known);
    }
    fleet_close(&f);
}

TEST(share_what_a_host_learns_is_its_own) {
    struct fleet f;
    struct arena a = {0};
    fleet_open(&f);
    for (size_t i = 0; i < HOSTS; i++) {  // the same twice: whole dictionaries would be shared if they could
        host_set_fact(&f.state[i], STR_LIT("same"), parse(&a, "{\"k\": [\"v\"]}"));
        f.state[i].settle_at = 0;
        host_state_settle(&f.state[i]);
    }
    host_set_fact(&f.state[2], STR_LIT("only"), val_int(2));
    host_add_facts(&f.state[3], parse(&a, "{\"ansible_id\": \"new\"}"));
    CHECK(!val_has(f.state[3].set_facts, "only") && val_has(f.state[2].set_facts, "only"));
    CHECK_STR(val_text(val_get(f.state[3].facts, "id")), "new");
    CHECK_STR(val_text(val_get(f.state[2].facts, "id")), "host-2");
    fleet_close(&f);
    arena_release(&a);
}

TEST(share_secrets_stay_in_their_arena) {
    struct arena run = {0};
    struct arena one = {0};
    struct arena tmp = {0};
    struct share *s = share_new(&run);
    struct val secret = val_flag(val_z(&tmp, "s3cret"), VAL_SECRET);
    struct val list = val_list(&tmp, 1);
    val_push(&tmp, list, secret);
    const struct vstr *before = NULL;
    for (int i = 0; i < 4; i++) {
        struct val out = val_at_index(share_promote(s, &one, list), 0);
        CHECK_STR(val_text(out), "s3cret");
        CHECK(out.flags & VAL_SECRET && out.u.s != before);
        before = out.u.s;
    }
    share_free(s);
    arena_release(&tmp);
    arena_release(&one);
    arena_release(&run);
}
