// The filters random and shuffle; with a seed they choose as Python does.
#include "filters/mt19937.h"
#include "filters/support.h"

static bool start_random(struct jcall *c, struct mt *m, struct val seed, bool seeded, struct err *e) {
    if (!seeded) {
        mt_init_system(m);
        return true;
    }
    return mt_init_seed(m, seed) || bad_arg(c, e, "seed", "a string or a number", seed);
}

static bool random_range(struct jcall *c, struct mt *m, int64_t end, struct val *out, struct err *e) {
    int64_t start = 0, step = 1;
    if ((!opt_none(c, 1) && !arg_int(c, 1, 0, &start, e)) || (!opt_none(c, 2) && !arg_int(c, 2, 1, &step, e))) {
        return false;
    }
    step = step ? step : 1;
    int64_t width;
    if (__builtin_sub_overflow(end, start, &width) || width == INT64_MIN || step == INT64_MIN) {
        return plug_err(c, e, ERR_LIMIT, "the range does not fit an integer of 64 bits");
    }
    if (step > 0 ? width <= 0 : width >= 0) {
        return plug_err(c, e, ERR_ARGS, "the range from %lld to %lld is empty", (long long)start, (long long)end);
    }
    uint64_t w = (uint64_t)(width < 0 ? -width : width), s = (uint64_t)(step < 0 ? -step : step);
    uint64_t n = w / s + (w % s != 0);
    *out = val_int(start + step * (int64_t)mt_below(m, n));
    return true;
}

static bool f_random(struct jcall *c, struct val *out, struct err *e) {
    struct mt *m = ARENA_NEW(c->a, struct mt);
    struct val v = c->args[0], l;
    int64_t end;
    if (!start_random(c, m, opt_val(c, 3), !opt_none(c, 3), e)) {
        return false;
    }
    if (as_int(v, &end)) {
        return random_range(c, m, end, out, e);
    }
    if ((v.kind != VAL_STR && v.kind != VAL_LIST && v.kind != VAL_TUPLE) || no_positions(v)) {
        return need_defined(c, v, e) &&
               err_set(e, ERR_TYPE, c->at, "random can only be used on sequences and integers, not on %s",
                       kind_article(v));
    }
    bool range = (!opt_none(c, 1) && val_truth(c->args[1])) || (!opt_none(c, 2) && val_truth(c->args[2]));
    if (range) {
        return err_set(e, ERR_ARGS, c->at, "start and step can only be used when random gets an integer");
    }
    if (!jinja_iter(c, v, &l, e)) {
        return false;
    }
    if (!val_len(l)) {
        return plug_err(c, e, ERR_ARGS, "cannot choose from an empty sequence");
    }
    *out = val_at_index(l, (size_t)mt_below(m, val_len(l)));
    return true;
}
FILTER(random) = {.doc = "A random item or number.",
                  .params = "end, start=None, step=None, seed=None",
                  .fn = f_random,
                  .example = "([1, 2] | random) in [1, 2]"};

static bool f_shuffle(struct jcall *c, struct val *out, struct err *e) {
    struct val v = c->args[0], l, seed = opt_val(c, 1);
    *out = v;
    if (v.kind != VAL_STR && v.kind != VAL_DICT && !val_is_seq(v)) {
        return true;  // as Ansible: what has no items stays what it is
    }
    if (!jinja_iter(c, v, &l, e)) {
        return false;
    }
    struct mt *m = ARENA_NEW(c->a, struct mt);
    if (!start_random(c, m, seed, !opt_none(c, 1) && val_truth(seed), e)) {
        return false;
    }
    size_t n = val_len(l);
    struct val *items = ARENA_ARRAY(c->a, struct val, n ? n : 1);
    for (size_t i = 0; i < n; i++) {
        items[i] = val_at_index(l, i);
    }
    mt_shuffle(m, items, n);
    *out = val_list(c->a, n);
    for (size_t i = 0; i < n; i++) {
        val_push(c->a, *out, items[i]);
    }
    return true;
}
FILTER(shuffle) = {.doc = "The items in random order.",
                   .params = "mylist, seed=None",
                   .takes_undef = true,
                   .fn = f_shuffle,
                   .example = "([1, 2] | shuffle | sort) == [1, 2]"};
