/* SPDX-License-Identifier: Apache-2.0 */
/* rbtree_test - random insertions and removals against a plain array of flags. */
#include "base/hash.h"
#include "base/rbtree.h"

#include <check.h>

#define KEYS 700

typedef struct Item {
    RbNode node;
    int key;
} Item;

static Item items[KEYS];

static int key_of(const RbNode *n)
{
    return container_of(n, const Item, node)->key;
}

static int compare(const RbNode *a, const RbNode *b, void *ctx)
{
    return (key_of(a) > key_of(b)) - (key_of(a) < key_of(b));
}

static int compare_key(const void *key, const RbNode *n, void *ctx)
{
    int k = *(const int *)key;
    return (k > key_of(n)) - (k < key_of(n));
}

static int key_or(const RbNode *n, int none)
{
    return n ? key_of(n) : none;
}

/* All searches agree with a scan of the flags. */
static void check_searches(const RbTree *t, const bool *in, int key)
{
    int ge = key, gt = key + 1, lt = key - 1;
    while (ge < KEYS && !in[ge])
        ge++;
    while (gt < KEYS && !in[gt])
        gt++;
    while (lt >= 0 && !in[lt])
        lt--;
    ck_assert_int_eq(rb_find(t, &key, compare_key, NULL) != NULL, in[key]);
    ck_assert_int_eq(key_or(rb_lower_bound(t, &key, compare_key, NULL), KEYS), ge);
    ck_assert_int_eq(key_or(rb_upper_bound(t, &key, compare_key, NULL), KEYS), gt);
    ck_assert_int_eq(key_or(rb_last_before(t, &key, compare_key, NULL), -1), lt);
}

START_TEST(random_operations)
{
    RbTree t;
    bool in[KEYS] = {false};
    size_t count = 0;
    uint64_t rng = 42;
    rb_init(&t);
    for (int i = 0; i < KEYS; i++)
        items[i].key = i;
    for (int round = 0; round < 30000; round++) {
        int k = (int)(random_next(&rng) % KEYS);
        if (!in[k]) {
            ck_assert_ptr_null(rb_insert(&t, &items[k].node, compare, NULL));
            count++;
        } else {
            rb_remove(&t, &items[k].node);
            count--;
        }
        in[k] = !in[k];
        if (round % 50 == 0) {
            ck_assert_uint_eq(rb_check(&t, compare, NULL), count);
            check_searches(&t, in, (int)(random_next(&rng) % KEYS));
        }
    }
    while (!rb_is_empty(&t))
        rb_remove(&t, rb_first(&t));
}
END_TEST

START_TEST(equal_keys)
{
    RbTree t;
    rb_init(&t);
    for (int i = 0; i < 100; i++)
        items[i].key = i % 5;
    for (int i = 0; i < 100; i++)
        ck_assert_ptr_eq(rb_insert(&t, &items[i].node, compare, NULL), i < 5 ? NULL : &items[i % 5].node);
    ck_assert_uint_eq(rb_check(&t, compare, NULL), 5);
    int forwards = 0, backwards = 5;
    for (RbNode *n = rb_first(&t); n; n = rb_next(n))
        ck_assert_int_eq(key_of(n), forwards++);
    for (RbNode *n = rb_last(&t); n; n = rb_prev(n))
        ck_assert_int_eq(key_of(n), --backwards);
    ck_assert_int_eq(forwards, 5);
    ck_assert_int_eq(backwards, 0);
}
END_TEST

START_TEST(replacement)
{
    RbTree t;
    rb_init(&t);
    for (int i = 0; i < 100; i++) {
        items[i].key = i;
        rb_insert(&t, &items[i].node, compare, NULL);
    }
    for (int i = 0; i < 100; i++) {
        items[i + 100].key = i;
        rb_replace(&t, &items[i].node, &items[i + 100].node);
    }
    ck_assert_uint_eq(rb_check(&t, compare, NULL), 100);
    int key = 0;
    for (RbNode *n = rb_first(&t); n; n = rb_next(n), key++)
        ck_assert_ptr_eq(n, &items[key + 100].node);
}
END_TEST

/* Each node once, behind those below it. */
START_TEST(from_below)
{
    RbTree t;
    bool seen[50] = {false};
    int count = 0;
    rb_init(&t);
    ck_assert_ptr_null(rb_first_below(&t));
    for (int i = 0; i < 50; i++) {
        items[i].key = i * 7 % 50;
        rb_insert(&t, &items[i].node, compare, NULL);
    }
    for (RbNode *n = rb_first_below(&t); n; n = rb_next_below(n), count++) {
        if (n->left) ck_assert(seen[key_or(n->left, 0)]);
        if (n->right) ck_assert(seen[key_or(n->right, 0)]);
        ck_assert(!seen[key_or(n, 0)]);
        seen[key_or(n, 0)] = true;
    }
    ck_assert_int_eq(count, 50);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("rbtree");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, random_operations);
    tcase_add_test(t, equal_keys);
    tcase_add_test(t, replacement);
    tcase_add_test(t, from_below);
    Suite *s = suite_create("rbtree");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
