// The iterator: order of steps, and where a failure leads. Trees are written as text: letters are tasks,
// [body|rescue|always].
#include "test.h"

#include "iterator.h"

static struct arena arena;

/// Reads steps up to one of the closing characters. Task ids are the letters.
static const char *parse(const char *s, struct psteps *out);

static const char *parse_block(const char *s, struct pblock *b) {
    for (int sec = SEC_BODY; sec < SEC_COUNT && *s != ']'; sec++) {
        s = parse(s + 1, &b->sec[sec]);
    }
    return s + 1;
}

static const char *parse(const char *s, struct psteps *out) {
    while (*s && *s != '|' && *s != ']') {
        struct pstep *p = ARENA_NEW(&arena, struct pstep);
        if (*s == '[') {
            p->block = ARENA_NEW(&arena, struct pblock);
            s = parse_block(s, p->block);
        } else {
            p->task = ARENA_NEW(&arena, struct task);
            p->task->id = (uint32_t)*s++;
        }
        VEC_PUSH(&arena, *out, p);  // NOLINT(bugprone-sizeof-expression): a list of pointers
    }
    return s;
}

static struct pblock *tree(const char *text) {
    struct pblock *b = ARENA_NEW(&arena, struct pblock);
    (void)parse(text, &b->sec[SEC_BODY]);
    return b;
}

/// Walks a tree; tasks whose letter is in `fails` fail. The result is the letters in order, then '!' when the host
/// failed.
static struct str walk(struct iter *it, const char *fails) {
    struct buf b = BUF_IN(&arena);
    struct pstep *s;
    while ((s = iter_peek(it))) {
        iter_take(it);
        buf_char(&b, (char)s->task->id);
        if (strchr(fails, (int)s->task->id)) {
            iter_fail(it);
        }
    }
    if (iter_failed(it)) {
        buf_char(&b, '!');
    }
    return buf_view(&b);
}

static struct str run(const char *text, const char *fails) {
    struct iter it;
    iter_init(&it, &arena, tree(text), 0);
    return walk(&it, fails);
}

TEST(iter_plain) {
    CHECK_STR(run("abc", ""), "abc");
    CHECK_STR(run("", ""), "");
    CHECK_STR(run("a[bc]d", ""), "abcd");
    CHECK_STR(run("abc", "b"), "ab!");
    arena_release(&arena);
}

TEST(iter_rescue_runs_only_after_a_failure) {
    CHECK_STR(run("a[b|r|z]c", ""), "abzc");
    CHECK_STR(run("a[bx|r|z]c", "b"), "abrzc");
    CHECK_STR(run("a[b|r]c", "b"), "abrc");
    arena_release(&arena);
}

TEST(iter_always_then_out) {
    CHECK_STR(run("[b||z]c", "b"), "bz!");
    CHECK_STR(run("[b|rs|z]c", "br"), "brz!");
    CHECK_STR(run("[b||yz]c", "by"), "by!");
    arena_release(&arena);
}

TEST(iter_failure_climbs_to_the_nearest_rescue) {
    CHECK_STR(run("[[[a]b||z]c|r]d", "a"), "azrd");
    CHECK_STR(run("[a|[b|s]]c", "ab"), "absc");
    CHECK_STR(run("[a|[b|s]|z]c", "abs"), "absz!");
    CHECK_STR(run("[[a|r]b|s]c", "ab"), "arbsc");
    arena_release(&arena);
}

TEST(iter_rescue_of_nothing_is_no_rescue) {
    struct iter it;
    iter_init(&it, &arena, tree("[a|r]b"), 0);
    CHECK(!iter_would_rescue(&it));
    (void)iter_peek(&it);
    iter_take(&it);
    CHECK(iter_would_rescue(&it));
    iter_fail(&it);
    CHECK(!iter_would_rescue(&it));
    CHECK_STR(walk(&it, ""), "rb");
    arena_release(&arena);
}

TEST(iter_peek_changes_nothing) {
    struct iter it;
    iter_init(&it, &arena, tree("[a]b"), 0);
    struct pstep *a = iter_peek(&it);
    CHECK(a == iter_peek(&it));
    iter_take(&it);
    struct pstep *b = iter_peek(&it);
    CHECK(b->task->id == 'b');
    iter_fail(&it);  // a failed, although b was peeked
    CHECK(iter_failed(&it) && !iter_peek(&it));
    arena_release(&arena);
}

TEST(iter_include_goes_first) {
    struct iter it;
    iter_init(&it, &arena, tree("[ab|r]c"), 0);
    (void)iter_peek(&it);
    iter_take(&it);
    iter_include(&it, tree("xy"));
    CHECK_STR(walk(&it, ""), "xybc");
    iter_init(&it, &arena, tree("[ab|r]c"), 0);
    (void)iter_peek(&it);
    iter_take(&it);
    iter_include(&it, tree("xy"));
    CHECK_STR(walk(&it, "x"), "xrc");
    arena_release(&arena);
}

TEST(iter_handlers) {
    struct iter it;
    struct psteps list = {0};
    (void)parse("pqr", &list);
    for (size_t i = 0; i < list.n; i++) {
        list.p[i]->notified = ARENA_ARRAY(&arena, uint8_t, 2);
        list.p[i]->notified[1] = i != 1;
    }
    iter_init(&it, &arena, tree("ab"), 1);
    (void)iter_peek(&it);
    iter_take(&it);
    iter_flush(&it, &list);
    CHECK(iter_in_handlers(&it, NULL));
    CHECK_STR(walk(&it, ""), "prb");
    iter_init(&it, &arena, tree("[a|s]b"), 1);
    (void)iter_peek(&it);
    iter_take(&it);
    iter_flush(&it, &list);
    CHECK_STR(walk(&it, "p"), "psb");
    arena_release(&arena);
}

TEST(iter_end_and_clear) {
    struct iter it;
    iter_init(&it, &arena, tree("abc"), 0);
    (void)iter_peek(&it);
    iter_take(&it);
    iter_end(&it);
    CHECK(!iter_peek(&it) && !iter_failed(&it));
    iter_init(&it, &arena, tree("[a||z]b"), 0);
    (void)iter_peek(&it);
    iter_take(&it);
    iter_fail(&it);
    iter_clear(&it);
    CHECK_STR(walk(&it, ""), "zb");
    arena_release(&arena);
}
