/* SPDX-License-Identifier: Apache-2.0 */
/* map_test - flat and large maps against a plain array of pairs; canonical shape; iteration order. */
#include "base/hash.h"
#include "data/map.h"
#include "data/term_cmp.h"
#include "data/term_hash.h"
#include "term/atom.h"

#include <check.h>
#include <stdlib.h>

#define KEYS 300

static Heap heap;
static term_t model[KEYS]; /* value of key i, TERM_NONE: absent */

static void setup(void) { atom_table_init(1 << 16); }
static void teardown(void) { heap_dispose(&heap); }

/* Keys of several kinds. */
static term_t key(int i)
{
    switch (i % 3) {
    case 0: return term_small(i);
    case 1: return heap_tuple2(&heap, term_small(i), TERM_NIL);
    default: return heap_cons(&heap, term_small(i), term_small(i));
    }
}

static size_t model_size(void)
{
    size_t n = 0;
    for (int i = 0; i < KEYS; i++) n += model[i] != TERM_NONE;
    return n;
}

static term_t model_map(void)
{
    term_t pairs[2 * KEYS];
    size_t n = 0;
    for (int i = KEYS; i-- > 0;) {
        if (model[i] == TERM_NONE) continue;
        pairs[2 * n] = key(i);
        pairs[2 * n++ + 1] = model[i];
    }
    return map_from_pairs(&heap, pairs, n, NULL);
}

static void check_against_model(term_t map)
{
    ck_assert_uint_eq(map_size(map), model_size());
    ck_assert_int_eq(map_is_flat(map), model_size() <= MAP_FLAT_MAX);
    for (int i = 0; i < KEYS; i++) ck_assert(map_get(map, key(i)) == model[i]);
    term_t other = model_map();
    ck_assert(term_eq(map, other));
    ck_assert_uint_eq(term_hash(map), term_hash(other));
    ck_assert_int_eq(term_cmp_exact(map, other), 0);
}

START_TEST(random_walk)
{
    uint64_t seed = 42;
    term_t map = map_empty(&heap);
    for (int i = 0; i < KEYS; i++) model[i] = TERM_NONE;
    for (int step = 0; step < 6000; step++) {
        uint64_t r = random_next(&seed);
        int i = (int)(r % KEYS), grow = step / 1000 % 2 == 0;
        if (r >> 32 & 1 || (grow && r >> 33 & 1)) {
            model[i] = term_small(step);
            map = map_put(&heap, map, key(i), model[i]);
        } else {
            term_t value;
            map = map_remove(&heap, map, key(i), &value);
            ck_assert(value == model[i]);
            model[i] = TERM_NONE;
        }
        ck_assert((map_update(&heap, map, key(i), TERM_NIL) != TERM_NONE) == (model[i] != TERM_NONE));
        if (step % 100 == 0) check_against_model(map);
    }
}
END_TEST

static term_t range(int from, int to, int value)
{
    term_t pairs[2 * KEYS];
    size_t n = 0;
    for (int i = from; i < to; i++, n++) pairs[2 * n] = key(i), pairs[2 * n + 1] = term_small(value);
    return map_from_pairs(&heap, pairs, n, NULL);
}

START_TEST(merge_takes_the_second)
{
    static const int sizes[] = {0, 1, 20, 32, 33, 150};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
        for (size_t u = 0; u < ARRAY_LEN(sizes); u++)
            for (int at = 0; at < 150; at += 15) {
                for (int i = 0; i < KEYS; i++)
                    model[i] = i >= at && i < at + sizes[u] ? term_small(2)
                               : i < sizes[s]               ? term_small(1)
                                                            : TERM_NONE;
                check_against_model(map_merge(&heap, range(0, sizes[s], 1), range(at, at + sizes[u], 2)));
            }
}
END_TEST

START_TEST(later_pairs_win)
{
    for (int n = 1; n < 100; n++) {
        term_t pairs[4 * 100];
        bool duplicates;
        for (int i = 0; i < 2 * n; i++) pairs[2 * i] = key(i % n), pairs[2 * i + 1] = term_small(i);
        term_t map = map_from_pairs(&heap, pairs, 2 * (size_t)n, &duplicates);
        ck_assert(duplicates);
        ck_assert_uint_eq(map_size(map), (size_t)n);
        for (int i = 0; i < n; i++) ck_assert(map_get(map, key(i)) == term_small(n + i));
    }
}
END_TEST

/* maps:keys(maps:from_list([{I, I} || I <- lists:seq(1, 40)])) on OTP 25. */
static const int otp_order[] = {33, 12, 23, 29, 30, 39, 26, 31, 11, 37, 9, 32, 34, 25, 28, 6, 38, 13, 40, 20,
                                15, 14, 2, 7, 1, 8, 3, 17, 22, 21, 4, 36, 24, 10, 35, 27, 19, 5, 18, 16};

START_TEST(order_of_large_maps)
{
    term_t pairs[2 * 40];
    for (int i = 0; i < 40; i++) pairs[2 * i] = pairs[2 * i + 1] = term_small(i + 1);
    term_t keys = map_keys_list(&heap, map_from_pairs(&heap, pairs, 40, NULL));
    for (int i = 0; i < 40; i++, keys = list_tail(keys)) ck_assert(list_head(keys) == term_small(otp_order[i]));
    ck_assert(term_is_nil(keys));
}
END_TEST

/* Every position can be left and found again. */
START_TEST(iterator_paths)
{
    term_t map = range(0, KEYS, 1), k, v, k2, v2;
    MapIter it, again;
    map_iter_init(&it, map);
    size_t n = 0;
    for (;; n++) {
        MapIter copy = it;
        ck_assert(map_iter_at_end(&it) == (n == KEYS));
        if (!map_iter_next(&copy, &k, &v)) break;
        ck_assert(map_iter_seek(&again, map, map_iter_path(&it)));
        ck_assert(map_iter_next(&again, &k2, &v2));
        ck_assert(k == k2 && v == v2);
        map_iter_next(&it, &k, &v);
    }
    ck_assert_uint_eq(n, KEYS);
}
END_TEST

/* Pairs in portions come as one at a time; none are left behind. */
START_TEST(iterator_batches)
{
    const int sizes[] = {0, 1, MAP_FLAT_MAX, MAP_FLAT_MAX + 1, KEYS};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
        for (size_t max = 1; max <= 50; max += 7) {
            term_t map = range(0, sizes[s], 1), pairs[2 * 50], k, v;
            MapIter one, many;
            size_t n;
            map_iter_init(&one, map);
            map_iter_init(&many, map);
            do {
                n = map_iter_batch(&many, pairs, max);
                for (size_t i = 0; i < n; i++) {
                    ck_assert(map_iter_next(&one, &k, &v));
                    ck_assert(k == pairs[2 * i] && v == pairs[2 * i + 1]);
                }
            } while (n == max);
            ck_assert(map_iter_at_end(&one) && map_iter_at_end(&many));
        }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("map");
    TCase *c = tcase_create("map");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, random_walk);
    tcase_add_test(c, merge_takes_the_second);
    tcase_add_test(c, later_pairs_win);
    tcase_add_test(c, order_of_large_maps);
    tcase_add_test(c, iterator_paths);
    tcase_add_test(c, iterator_batches);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
