/* SPDX-License-Identifier: Apache-2.0 */
/* alloc_test - counters, sizes, guards and threads of base/alloc. */
#include "base/alloc.h"
#include "base/checked.h"
#include "base/thread.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

START_TEST(counters_follow_blocks)
{
    MemStats before = mem_type_stats(MEM_TIMER);
    void *a = mem_alloc(MEM_TIMER, 100), *b = mem_alloc_zero(MEM_TIMER, 28);
    ck_assert_uint_eq(mem_type_stats(MEM_TIMER).bytes, before.bytes + 128);
    ck_assert_uint_eq(mem_type_stats(MEM_TIMER).blocks, before.blocks + 2);
    ck_assert_uint_eq((uintptr_t)a % 16, 0);
    a = mem_realloc(MEM_TIMER, a, 100, 1000);
    ck_assert_uint_eq(mem_type_stats(MEM_TIMER).bytes, before.bytes + 1028);
    mem_free(MEM_TIMER, a, 1000);
    mem_free(MEM_TIMER, b, 28);
    mem_free(MEM_TIMER, NULL, 5);
    ck_assert_uint_eq(mem_type_stats(MEM_TIMER).bytes, before.bytes);
    ck_assert_uint_eq(mem_type_stats(MEM_TIMER).blocks, before.blocks);
}
END_TEST

START_TEST(realloc_keeps_contents)
{
    unsigned char *p = mem_realloc(MEM_TEMP, NULL, 0, 10);
    for (int i = 0; i < 10; i++)
        p[i] = (unsigned char)i;
    p = mem_realloc(MEM_TEMP, p, 10, 5000);
    p = mem_realloc(MEM_TEMP, p, 5000, 10);
    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(p[i], i);
    mem_free(MEM_TEMP, p, 10);
}
END_TEST

START_TEST(classes_sum_their_types)
{
    size_t before = mem_class_stats(MEM_CLASS_PROCESSES).bytes, total = mem_total_stats().bytes;
    void *heap = mem_alloc(MEM_HEAP, 1 << 20), *table = mem_alloc(MEM_ETS, 1 << 10);
    ck_assert_uint_eq(mem_class_stats(MEM_CLASS_PROCESSES).bytes, before + (1 << 20));
    ck_assert_uint_eq(mem_total_stats().bytes, total + (1 << 20) + (1 << 10));
    mem_free(MEM_HEAP, heap, 1 << 20);
    mem_free(MEM_ETS, table, 1 << 10);
}
END_TEST

START_TEST(empty_and_aligned_blocks)
{
    void *a = mem_alloc(MEM_TEMP, 0), *b = mem_alloc(MEM_TEMP, 0);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_ne(a, b);
    mem_free(MEM_TEMP, a, 0);
    mem_free(MEM_TEMP, b, 0);
    void *c = mem_alloc_aligned(MEM_TEMP, 100, 4096);
    ck_assert_uint_eq((uintptr_t)c % 4096, 0);
    mem_free_aligned(MEM_TEMP, c, 100);
    char *text = mem_text(MEM_SYS, "text");
    ck_assert_str_eq(text, "text");
    mem_free_text(MEM_SYS, text);
}
END_TEST

#define THREADS 6
#define BLOCKS 2000
static void *exchange[THREADS][BLOCKS];

static void *allocate_many(void *arg)
{
    for (int i = 0; i < BLOCKS; i++)
        exchange[(intptr_t)arg][i] = mem_alloc(MEM_PORT, (size_t)i);
    return NULL;
}

static void *free_many(void *arg)
{
    for (int i = 0; i < BLOCKS; i++)
        mem_free(MEM_PORT, exchange[(intptr_t)arg][i], (size_t)i);
    return NULL;
}

static void run_threads(void *(*run)(void *))
{
    Thread t[THREADS];
    ThreadOptions options = {.name = "alloc"};
    for (intptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(thread_create(&t[i], &options, run, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        thread_join(&t[i]);
}

START_TEST(other_threads_may_free)
{
    MemStats before = mem_type_stats(MEM_PORT);
    run_threads(allocate_many);
    ck_assert_uint_eq(mem_type_stats(MEM_PORT).blocks, before.blocks + THREADS * BLOCKS);
    run_threads(free_many);
    ck_assert_uint_eq(mem_type_stats(MEM_PORT).bytes, before.bytes);
    ck_assert_uint_eq(mem_type_stats(MEM_PORT).blocks, before.blocks);
}
END_TEST

/* Sanitizers intercept both what is too large and what is broken. */
#if !defined(JOIST_ASAN) && !defined(JOIST_TSAN)
#define DEATH_TESTS 1
#endif

#ifdef DEATH_TESTS
static void quiet(void)
{
    if (freopen("/dev/null", "w", stderr) == NULL)
        exit(2);
}

START_TEST(out_of_memory_aborts)
{
    quiet();
    void *p = mem_alloc(MEM_TEMP, SIZE_MAX / 2);
    mem_free(MEM_TEMP, p, SIZE_MAX / 2);
}
END_TEST

START_TEST(try_returns_null)
{
    ck_assert_ptr_null(mem_alloc_try(MEM_TEMP, SIZE_MAX / 2));
#ifdef JOIST_CHECKED
    checked_fail_alloc(2);
    void *a = mem_alloc_try(MEM_TEMP, 8);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_null(mem_alloc_try(MEM_TEMP, 8));
    void *b = mem_alloc_try(MEM_TEMP, 8);
    ck_assert_ptr_nonnull(b);
    mem_free(MEM_TEMP, a, 8);
    mem_free(MEM_TEMP, b, 8);
#endif
}
END_TEST

#ifdef JOIST_DEBUG
START_TEST(wrong_size_is_caught)
{
    quiet();
    mem_free(MEM_TEMP, mem_alloc(MEM_TEMP, 10), 11);
}
END_TEST

START_TEST(wrong_type_is_caught)
{
    quiet();
    mem_free(MEM_SYS, mem_alloc(MEM_TEMP, 10), 10);
}
END_TEST

START_TEST(overrun_is_caught)
{
    quiet();
    char *p = mem_alloc(MEM_TEMP, 10);
    *(volatile char *)(p + 10) = 1;
    mem_free(MEM_TEMP, p, 10);
}
END_TEST
#endif
#endif

int main(void)
{
    TCase *t = tcase_create("alloc");
    tcase_add_test(t, counters_follow_blocks);
    tcase_add_test(t, realloc_keeps_contents);
    tcase_add_test(t, classes_sum_their_types);
    tcase_add_test(t, empty_and_aligned_blocks);
    tcase_add_test(t, other_threads_may_free);
#ifdef DEATH_TESTS
    tcase_add_test(t, try_returns_null);
    tcase_add_test_raise_signal(t, out_of_memory_aborts, SIGABRT);
#ifdef JOIST_DEBUG
    tcase_add_test_raise_signal(t, wrong_size_is_caught, SIGABRT);
    tcase_add_test_raise_signal(t, wrong_type_is_caught, SIGABRT);
    tcase_add_test_raise_signal(t, overrun_is_caught, SIGABRT);
#endif
#endif
    Suite *s = suite_create("alloc");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
