/* SPDX-License-Identifier: Apache-2.0 */
/* hashtab_test - growth, removal, iteration. */
#include "base/hash.h"
#include "base/hashtab.h"

#include <check.h>

#define KEYS 5000

typedef struct Item {
    HashNode node;
    int key;
    int seen;
} Item;

static Item items[KEYS];
static HashTab table;

static bool has_key(const HashNode *n, const void *key)
{
    return container_of(n, const Item, node)->key == *(const int *)key;
}

static uint64_t hash_of(int key)
{
    return hash_mix((uint64_t)key / 3); /* every hash value three times */
}

static void fill(void)
{
    hash_init(&table, MEM_TEMP, 0);
    for (int i = 0; i < KEYS; i++) {
        items[i] = (Item){.key = i};
        hash_insert(&table, &items[i].node, hash_of(i));
    }
}

START_TEST(find_and_remove)
{
    fill();
    ck_assert_uint_eq(hash_count(&table), KEYS);
    for (int i = 0; i < KEYS; i++)
        ck_assert_ptr_eq(hash_find(&table, hash_of(i), has_key, &i), &items[i].node);
    for (int i = 0; i < KEYS; i += 2)
        hash_remove(&table, &items[i].node);
    for (int i = 0; i < KEYS; i++)
        ck_assert_int_eq(hash_find(&table, hash_of(i), has_key, &i) != NULL, i % 2);
    size_t grown = hash_buckets(&table);
    for (int i = 1; i < KEYS; i += 2)
        ck_assert_ptr_eq(hash_take(&table, hash_of(i), has_key, &i), &items[i].node);
    int gone = 1;
    ck_assert_ptr_null(hash_take(&table, hash_of(1), has_key, &gone));
    ck_assert_uint_eq(hash_count(&table), 0);
    ck_assert_uint_lt(hash_buckets(&table), grown);
    hash_destroy(&table);
}
END_TEST

START_TEST(iterate_and_remove)
{
    fill();
    HashIter it;
    HashNode *n;
    hash_iter_init(&it, &table);
    while ((n = hash_iter_next(&it)) != NULL) {
        Item *i = container_of(n, Item, node);
        i->seen++;
        if (i->key % 3 == 0)
            hash_iter_remove(&it);
    }
    size_t left = 0;
    hash_iter_init(&it, &table);
    while ((n = hash_iter_next(&it)) != NULL) {
        ck_assert_int_ne(container_of(n, Item, node)->key % 3, 0);
        left++;
    }
    ck_assert_uint_eq(left, hash_count(&table));
    for (int i = 0; i < KEYS; i++)
        ck_assert_int_eq(items[i].seen, 1);
    hash_destroy(&table);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("hashtab");
    tcase_add_test(t, find_and_remove);
    tcase_add_test(t, iterate_and_remove);
    Suite *s = suite_create("hashtab");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
