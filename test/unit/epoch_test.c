/* SPDX-License-Identifier: Apache-2.0 */
/* epoch_test - nothing runs too early, everything runs in the end. */
#include "base/alloc.h"
#include "base/epoch.h"
#include "base/hash.h"
#include "base/thread.h"

#include <check.h>

static EpochDomain domain;
static int runs;

static void count_run(void *arg)
{
    runs += (int)(intptr_t)arg;
}

START_TEST(alone_runs_after_one_slice)
{
    EpochThread me;
    EpochNode n;
    epoch_domain_init(&domain);
    epoch_register(&domain, &me);
    epoch_online(&me);
    epoch_defer(&domain, &n, count_run, (void *)1);
    ck_assert_int_eq(runs, 0);
    ck_assert(epoch_is_pending(&domain));
    epoch_quiescent(&me);
    ck_assert_int_eq(runs, 1);
    ck_assert(!epoch_is_pending(&domain));
    epoch_defer(&domain, &n, count_run, (void *)1);
    epoch_offline(&me);
    ck_assert_int_eq(runs, 2);
    epoch_unregister(&me);
    epoch_domain_destroy(&domain);
}
END_TEST

START_TEST(section_delays)
{
    EpochNode n, m;
    epoch_domain_init(&domain);
    EpochSection s = epoch_enter(&domain), inner = epoch_enter(&domain);
    epoch_defer(&domain, &n, count_run, (void *)1);
    epoch_leave(&domain, inner);
    ck_assert_int_eq(runs, 0);
    epoch_leave(&domain, s);
    ck_assert_int_eq(runs, 1);
    epoch_defer(&domain, &m, count_run, (void *)1);
    epoch_domain_destroy(&domain);
    ck_assert_int_eq(runs, 2);
}
END_TEST

START_TEST(many_sections)
{
    EpochSection s[200];
    EpochNode n;
    epoch_domain_init(&domain);
    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        s[i] = epoch_enter(&domain);
    epoch_defer(&domain, &n, count_run, (void *)1);
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        ck_assert_int_eq(runs, 0);
        epoch_leave(&domain, s[i]);
    }
    ck_assert_int_eq(runs, 1);
    epoch_domain_destroy(&domain);
}
END_TEST

/* A sleeping thread delays nobody, and what it left behind is run by others. */
static Event asleep, wake;

static void *sleeper(void *arg)
{
    static EpochNode left;
    EpochThread me;
    epoch_register(&domain, &me);
    epoch_online(&me);
    epoch_defer(&domain, &left, count_run, (void *)10);
    epoch_offline(&me);
    event_set(&asleep);
    event_wait(&wake);
    epoch_unregister(&me);
    return arg;
}

START_TEST(sleepers_are_quiescent)
{
    EpochThread me;
    EpochNode n;
    Thread t;
    epoch_domain_init(&domain);
    epoch_register(&domain, &me);
    epoch_online(&me);
    event_init(&asleep);
    event_init(&wake);
    ThreadOptions options = {.name = "sleeper"};
    ck_assert_int_eq(thread_create(&t, &options, sleeper, NULL), 0);
    event_wait(&asleep);
    ck_assert_int_eq(runs, 0); /* this thread is online since before */
    epoch_quiescent(&me);
    ck_assert_int_eq(runs, 10);
    epoch_defer(&domain, &n, count_run, (void *)1);
    for (int i = 0; runs < 11 && i < 100; i++) epoch_quiescent(&me); /* not each of them looks */
    ck_assert_int_eq(runs, 11);
    epoch_offline(&me);
    event_set(&wake);
    thread_join(&t);
    epoch_unregister(&me);
    epoch_domain_destroy(&domain);
}
END_TEST

/* Threads replace a shared object and read it; a freed one has its magic cleared. */
#define MAGIC UINT64_C(0x600D600D600D600D)
#define THREADS 4
#define ROUNDS 8000

typedef struct Object {
    EpochNode node;
    uint64_t magic;
} Object;

static _Atomic(Object *) current[8];
static atomic_word_t made, freed;

static Object *object_new(void)
{
    Object *o = MEM_NEW(SYS, Object);
    o->magic = MAGIC;
    add_relaxed(&made, 1);
    return o;
}

static void object_free(void *arg)
{
    Object *o = arg;
    o->magic = 0;
    MEM_DELETE(SYS, o);
    add_relaxed(&freed, 1);
}

static void read_and_replace(uint64_t *rng)
{
    uint64_t x = random_next(rng);
    Object *o = load_acquire(&current[x & 7]);
    ck_assert_uint_eq(o->magic, MAGIC);
    if (x & 0x100) {
        Object *old = swap_acq_rel(&current[x >> 3 & 7], object_new());
        epoch_defer(&domain, &old->node, object_free, old);
    }
    ck_assert_uint_eq(o->magic, MAGIC);
}

static void *managed(void *arg)
{
    EpochThread me;
    uint64_t rng = (uint64_t)(intptr_t)arg;
    epoch_register(&domain, &me);
    epoch_online(&me);
    for (int i = 0; i < ROUNDS; i++) {
        read_and_replace(&rng);
        if (rng % 3 == 0)
            epoch_quiescent(&me);
        if (rng % 64 == 0) {
            epoch_offline(&me);
            if (rng % 128 == 0)
                thread_yield();
            epoch_online(&me);
        }
    }
    epoch_offline(&me);
    epoch_unregister(&me);
    return NULL;
}

static void *unmanaged(void *arg)
{
    uint64_t rng = (uint64_t)(intptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        EpochSection s = epoch_enter(&domain);
        read_and_replace(&rng);
        epoch_leave(&domain, s);
    }
    return NULL;
}

START_TEST(stress)
{
    Thread t[2 * THREADS];
    ThreadOptions options = {.name = "stress"};
    epoch_domain_init(&domain);
    for (int i = 0; i < 8; i++)
        store_relaxed(&current[i], object_new());
    for (intptr_t i = 0; i < 2 * THREADS; i++)
        ck_assert_int_eq(
            thread_create(&t[i], &options, i < THREADS ? managed : unmanaged, (void *)i), 0);
    for (int i = 0; i < 2 * THREADS; i++)
        thread_join(&t[i]);
    for (int i = 0; i < 8; i++)
        object_free(load_relaxed(&current[i]));
    epoch_domain_destroy(&domain);
    ck_assert_uint_eq(load_relaxed(&made), load_relaxed(&freed));
}
END_TEST

START_TEST(deferred_free)
{
    epoch_domain_init(&domain);
    size_t before = mem_type_stats(MEM_TIMER).bytes;
    epoch_defer_free(&domain, MEM_TIMER, mem_alloc(MEM_TIMER, 77), 77);
    ck_assert_uint_eq(mem_type_stats(MEM_TIMER).bytes, before + 77);
    epoch_leave(&domain, epoch_enter(&domain));
    ck_assert_uint_eq(mem_type_stats(MEM_TIMER).bytes, before);
    epoch_domain_destroy(&domain);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("epoch");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, alone_runs_after_one_slice);
    tcase_add_test(t, section_delays);
    tcase_add_test(t, many_sections);
    tcase_add_test(t, sleepers_are_quiescent);
    tcase_add_test(t, deferred_free);
    tcase_add_test(t, stress);
    Suite *s = suite_create("epoch");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
