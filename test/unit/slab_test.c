/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs: blocks alone on their lines, in order, given back by anyone, chunks that go back to malloc. */
#include "base/slab.h"
#include "base/thread.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MANY 20000u

static SlabBlock *one(enum SlabUse use, unsigned lines)
{
    unsigned n = 1;
    SlabBlock *b = slab_take(use, lines, &n);
    ck_assert_uint_eq(n, 1);
    ck_assert_ptr_null(b->next);
    return b;
}

static void give_one(SlabBlock *b)
{
    b->next = NULL;
    slab_give(b);
}

static bool is_filled(const unsigned char *b, size_t bytes, unsigned char with)
{
    for (size_t i = 0; i < bytes; i++)
        if (b[i] != with) return false;
    return true;
}

START_TEST(blocks_of_each_size_are_apart)
{
    static SlabBlock *taken[MANY];
    for (unsigned lines = 1; lines <= SLAB_MAX_LINES; lines++) {
        unsigned n = MANY / lines;
        for (unsigned i = 0; i < n; i++) {
            taken[i] = one(SLAB_FRAGMENTS, lines);
            ck_assert_uint_eq((size_t)taken[i] % SLAB_LINE, 0);
            memset(taken[i], (int)(i % 251), lines * SLAB_LINE);
        }
        for (unsigned i = 0; i < n; i++) {
            unsigned at = (i * 7919u) % n;
            if (!taken[at]) at = i; /* n has the factor 7919 */
            ck_assert(is_filled((unsigned char *)taken[at], lines * SLAB_LINE, (unsigned char)(at % 251)));
            give_one(taken[at]);
            taken[at] = NULL;
        }
    }
}
END_TEST

START_TEST(a_list_comes_in_the_order_of_addresses)
{
    unsigned n = 100, length = 0;
    SlabBlock *list = slab_take(SLAB_SIGNALS, 2, &n), *last = NULL;
    for (SlabBlock *b = list; b; last = b, b = b->next, length++)
        if (last) ck_assert_uint_eq((size_t)b - (size_t)last, 2 * SLAB_LINE);
    ck_assert_uint_eq(n, 100);
    ck_assert_uint_eq(length, n);
    SlabBlock *second = list->next;
    list->next = second->next;
    give_one(second);
    ck_assert_ptr_eq(one(SLAB_SIGNALS, 2), second);
    second->next = list;
    slab_give(second);
}
END_TEST

/* How many of the blocks have memory under them. */
static unsigned resident(SlabBlock *const *blocks, unsigned n)
{
    unsigned with = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned char there;
        ck_assert_int_eq(mincore((void *)((size_t)blocks[i] & ~(size_t)4095), 4096, &there), 0);
        with += there & 1;
    }
    return with;
}

START_TEST(chunks_without_used_blocks_go)
{
    static SlabBlock *taken[MANY];
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            taken[i] = one(SLAB_SIGNALS, 3);
            if (i > 0) taken[i - 1]->next = taken[i];
        }
        ck_assert_uint_eq(resident(taken, MANY), MANY);
        slab_give(taken[0]);
        ck_assert_uint_le(resident(taken, MANY), MANY / 4);
    }
}
END_TEST

/* Each takes, fills, and gives back what another has taken. */
static SlabBlock *_Atomic passed[64];

static void *pass_on(void *arg)
{
    uint64_t seed = (uint64_t)(size_t)arg;
    for (unsigned i = 0; i < 10 * MANY; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        SlabBlock *b = one(SLAB_SIGNALS, 1);
        memset(b, 0x5A, SLAB_LINE);
        b = atomic_exchange(&passed[seed >> 58], b);
        if (!b) continue;
        ck_assert(is_filled((unsigned char *)b, SLAB_LINE, 0x5A));
        give_one(b);
    }
    return NULL;
}

START_TEST(threads_pass_blocks_on)
{
    Thread threads[3];
    ThreadOptions options = {.name = "passer"};
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(thread_create(&threads[i], &options, pass_on, (void *)(i + 1)), 0);
    for (size_t i = 0; i < 3; i++) thread_join(&threads[i]);
    for (size_t i = 0; i < 64; i++)
        if (passed[i]) give_one(passed[i]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("slab");
    TCase *t = tcase_create("slab");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, blocks_of_each_size_are_apart);
    tcase_add_test(t, a_list_comes_in_the_order_of_addresses);
    tcase_add_test(t, chunks_without_used_blocks_go);
    tcase_add_test(t, threads_pass_blocks_on);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
