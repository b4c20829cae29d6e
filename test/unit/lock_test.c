/* SPDX-License-Identifier: Apache-2.0 */
/* lock_test - mutual exclusion, waiting, events, and the order checker. */
#include "base/lock.h"
#include "base/thread.h"

#include <check.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 4
#define ROUNDS 20000

static Mutex mutex;
static RwLock rwlock;
static long counters[2];

static void *count_up(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        mutex_lock(&mutex);
        counters[0]++;
        mutex_unlock(&mutex);
        if (i % 4 == 0) {
            rwlock_write_lock(&rwlock);
            counters[1]++;
            rwlock_write_unlock(&rwlock);
        } else {
            rwlock_read_lock(&rwlock);
            ck_assert_int_ge(counters[1], 0);
            rwlock_read_unlock(&rwlock);
        }
    }
    return arg;
}

static void start(Thread *t, void *(*run)(void *), void *arg)
{
    ThreadOptions options = {.name = "locker", .stack_bytes = 256 * 1024};
    ck_assert_int_eq(thread_create(t, &options, run, arg), 0);
}

START_TEST(locks_exclude)
{
    Thread t[THREADS];
    mutex_init(&mutex, LOCK_SYSTEM);
    rwlock_init(&rwlock, LOCK_SYSTEM);
    for (int i = 0; i < THREADS; i++)
        start(&t[i], count_up, &t[i]);
    for (int i = 0; i < THREADS; i++)
        ck_assert_ptr_eq(thread_join(&t[i]), &t[i]);
    ck_assert_int_eq(counters[0], THREADS * ROUNDS);
    ck_assert_int_eq(counters[1], THREADS * ROUNDS / 4);
    ck_assert(mutex_try_lock(&mutex));
    ASSERT_LOCKED(&mutex);
    mutex_unlock(&mutex);
    mutex_destroy(&mutex);
    rwlock_destroy(&rwlock);
}
END_TEST

/* The holders give up their processor, so that the others sleep, readers as well as writers. */
static int pair[2];

static void *hold_long(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        if (i % 3 == 0) {
            rwlock_write_lock(&rwlock);
            pair[0]++;
            sched_yield();
            pair[1]++;
            rwlock_write_unlock(&rwlock);
        } else {
            rwlock_read_lock(&rwlock);
            if (i % 3 == 1) sched_yield();
            ck_assert_int_eq(pair[0], pair[1]);
            rwlock_read_unlock(&rwlock);
        }
    }
    return arg;
}

START_TEST(readers_and_writers_wake_each_other)
{
    Thread t[2 * THREADS];
    rwlock_init(&rwlock, LOCK_SYSTEM);
    for (int i = 0; i < 2 * THREADS; i++)
        start(&t[i], hold_long, NULL);
    for (int i = 0; i < 2 * THREADS; i++)
        thread_join(&t[i]);
    ck_assert_int_eq(pair[0], 2 * THREADS * 667);
    ck_assert(rwlock_try_read_lock(&rwlock));
    ck_assert(!rwlock_try_write_lock(&rwlock));
    rwlock_read_unlock(&rwlock);
    ck_assert(rwlock_try_write_lock(&rwlock));
    ck_assert(!rwlock_try_read_lock(&rwlock));
    rwlock_write_unlock(&rwlock);
    rwlock_destroy(&rwlock);
}
END_TEST

/* One slot between a producer and a consumer. */
static CondVar changed;
static int slot;

static void *produce(void *arg)
{
    for (int i = 1; i <= 5000; i++) {
        mutex_lock(&mutex);
        while (slot != 0)
            cond_wait(&changed, &mutex);
        slot = i;
        cond_broadcast(&changed);
        mutex_unlock(&mutex);
    }
    return arg;
}

START_TEST(condition_variables_wake)
{
    Thread t;
    long sum = 0;
    mutex_init(&mutex, LOCK_SYSTEM);
    cond_init(&changed);
    start(&t, produce, NULL);
    for (int i = 1; i <= 5000; i++) {
        mutex_lock(&mutex);
        while (slot == 0)
            cond_wait(&changed, &mutex);
        sum += slot;
        slot = 0;
        cond_signal(&changed);
        mutex_unlock(&mutex);
    }
    thread_join(&t);
    ck_assert_int_eq(sum, 5000L * 5001 / 2);
    mutex_lock(&mutex);
    ck_assert(!cond_wait_ns(&changed, &mutex, 1000000));
    mutex_unlock(&mutex);
}
END_TEST

static Event ping, pong;
static int shared;

static void *answer(void *arg)
{
    for (int i = 0; i < 5000; i++) {
        event_wait(&ping);
        event_reset(&ping);
        shared++;
        event_set(&pong);
    }
    return arg;
}

START_TEST(events_hand_over)
{
    Thread t;
    event_init(&ping);
    event_init(&pong);
    ck_assert(!event_wait_timeout_ns(&pong, 1000000));
    ck_assert(!event_wait_timeout_ns(&pong, 0));
    start(&t, answer, NULL);
    for (int i = 0; i < 5000; i++) {
        shared++;
        event_set(&ping);
        ck_assert(event_wait_timeout_ns(&pong, INT64_C(20000000000)));
        event_reset(&pong);
    }
    thread_join(&t);
    ck_assert_int_eq(shared, 10000);
    event_set(&ping);
    ck_assert(event_is_set(&ping));
    ck_assert(event_wait_timeout_ns(&ping, 0));
}
END_TEST

#ifdef JOIST_DEBUG
static void quiet(void)
{
    if (freopen("/dev/null", "w", stderr) == NULL)
        exit(2);
}

static Mutex outer = MUTEX_INIT(PROC_MAIN), inner = MUTEX_INIT(RUN_QUEUE);

START_TEST(order_is_permitted)
{
    mutex_lock(&outer);
    mutex_lock(&inner);
    ck_assert_int_eq(lock_held_count(), 2);
    mutex_unlock(&outer);
    mutex_unlock(&inner);
    ASSERT_NO_LOCKS();
}
END_TEST

START_TEST(wrong_order_panics)
{
    quiet();
    mutex_lock(&inner);
    mutex_lock(&outer);
}
END_TEST

START_TEST(twice_panics)
{
    quiet();
    mutex_lock(&outer);
    mutex_lock(&outer);
}
END_TEST

START_TEST(foreign_unlock_panics)
{
    quiet();
    mutex_unlock(&outer);
}
END_TEST
#endif

START_TEST(processors_are_counted)
{
    ck_assert_int_ge(thread_cpus_online(), 1);
    ck_assert_int_ge(thread_cpus_usable(), 1);
    ck_assert_int_le(thread_cpus_usable(), 4096);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("lock");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, locks_exclude);
    tcase_add_test(t, readers_and_writers_wake_each_other);
    tcase_add_test(t, condition_variables_wake);
    tcase_add_test(t, events_hand_over);
    tcase_add_test(t, processors_are_counted);
#ifdef JOIST_DEBUG
    tcase_add_test(t, order_is_permitted);
    tcase_add_test_raise_signal(t, wrong_order_panics, SIGABRT);
    tcase_add_test_raise_signal(t, twice_panics, SIGABRT);
    tcase_add_test_raise_signal(t, foreign_unlock_panics, SIGABRT);
#endif
    Suite *s = suite_create("lock");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
