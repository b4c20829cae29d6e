/* SPDX-License-Identifier: Apache-2.0 */
/* timer_test - the timer wheel: order, precision, cancelling. Time is made up: wheels are expired with the
 * times the test chooses. */
#include "base/clock.h"
#include "base/hash.h"
#include "proc/timer.h"

#include <check.h>
#include <stdlib.h>

typedef struct Probe {
    Timer t;
    int64_t fired_at; /* INT64_MIN: not yet */
} Probe;

static int64_t test_now;

static void probe_fire(Timer *t) { container_of(t, Probe, t)->fired_at = test_now; }

static struct TimerWheel *new_wheel(Vm *vm)
{
    clock_init(CLOCK_NO_WARP);
    timers_init(vm, 1, NULL);
    timer_wheel_self = timers_wheel(vm, 0);
    return timer_wheel_self;
}

static void probe_init(Probe *p, bool deliver)
{
    *p = (Probe){.fired_at = INT64_MIN};
    if (deliver)
        p->t.deliver = probe_fire;
    else
        p->t.fire = probe_fire;
}

/* Expire as a scheduler does: always at the time the wheel asks for; returns how many steps it took. */
static size_t run_until(struct TimerWheel *w, int64_t end)
{
    size_t steps = 0;
    while (timer_wheel_next(w) <= end) {
        test_now = MAX(test_now, timer_wheel_next(w));
        timer_wheel_expire(w, test_now);
        steps++;
    }
    test_now = end;
    timer_wheel_expire(w, end);
    return steps;
}

#define COUNT 5000

START_TEST(random_timers_fire_on_time)
{
    Vm vm = {0};
    struct TimerWheel *w = new_wheel(&vm);
    Probe *probes = calloc(COUNT, sizeof *probes);
    uint64_t seed = 7;
    int64_t start = test_now = clock_monotonic_ns(), last = start;
    for (int i = 0; i < COUNT; i++) {
        int64_t range = INT64_C(1) << (10 + random_next(&seed) % 44);
        int64_t due = start + (int64_t)(random_next(&seed) % (uint64_t)range);
        probe_init(&probes[i], i & 1);
        timer_set(&vm, &probes[i].t, due);
        last = MAX(last, due);
    }
    for (int i = 0; i < COUNT; i += 3) ck_assert(timer_cancel(&probes[i].t));
    ck_assert(!timer_cancel(&probes[0].t));
    run_until(w, last);
    for (int i = 0; i < COUNT; i++) {
        if (i % 3 == 0)
            ck_assert_int_eq(probes[i].fired_at, INT64_MIN);
        else
            ck_assert_int_eq(probes[i].fired_at, probes[i].t.due_ns);
    }
    ck_assert_int_eq(timer_wheel_next(w), TIMER_NEVER);
    free(probes);
}
END_TEST

START_TEST(late_expiry_fires_all_and_keeps_the_rest)
{
    Vm vm = {0};
    struct TimerWheel *w = new_wheel(&vm);
    Probe probes[100];
    int64_t start = test_now = clock_monotonic_ns();
    for (int i = 0; i < 100; i++) {
        probe_init(&probes[i], false);
        timer_set(&vm, &probes[i].t, start + i * NS_PER_MS * 37);
    }
    test_now = start + 50 * 37 * NS_PER_MS;
    ck_assert_uint_eq(timer_wheel_expire(w, test_now), 51);
    ck_assert(timer_is_set(&probes[51].t));
    ck_assert_int_eq(timer_wheel_next(w), probes[51].t.due_ns);
    run_until(w, start + 100 * 37 * NS_PER_MS);
    for (int i = 51; i < 100; i++) ck_assert_int_eq(probes[i].fired_at, probes[i].t.due_ns);
}
END_TEST

START_TEST(timers_of_the_past_fire_at_once)
{
    Vm vm = {0};
    struct TimerWheel *w = new_wheel(&vm);
    Probe p;
    test_now = clock_monotonic_ns() + NS_PER_S;
    timer_wheel_expire(w, test_now);
    probe_init(&p, false);
    timer_set(&vm, &p.t, test_now - NS_PER_S / 2);
    ck_assert_int_le(timer_wheel_next(w), test_now);
    ck_assert_uint_eq(timer_wheel_expire(w, test_now), 1);
    ck_assert_int_eq(p.fired_at, test_now);
}
END_TEST

START_TEST(sparse_timers_wake_rarely)
{
    Vm vm = {0};
    struct TimerWheel *w = new_wheel(&vm);
    Probe p;
    int64_t start = test_now = clock_monotonic_ns();
    probe_init(&p, false);
    timer_set(&vm, &p.t, start + 3600 * NS_PER_S);
    ck_assert_uint_le(run_until(w, start + 4000 * NS_PER_S), 8);
    ck_assert_int_eq(p.fired_at, p.t.due_ns);
}
END_TEST

START_TEST(timeout_values)
{
    uint64_t ms;
    ck_assert(receive_timeout_value(term_small(0), &ms) && ms == 0);
    ck_assert(receive_timeout_value(term_small(UINT32_MAX), &ms) && ms == UINT32_MAX);
    ck_assert(!receive_timeout_value(term_small((int64_t)UINT32_MAX + 1), &ms));
    ck_assert(!receive_timeout_value(term_small(-1), &ms));
    ck_assert(!receive_timeout_value(am_infinity, &ms));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("timer");
    TCase *t = tcase_create("wheel");
    tcase_add_test(t, random_timers_fire_on_time);
    tcase_add_test(t, late_expiry_fires_all_and_keeps_the_rest);
    tcase_add_test(t, timers_of_the_past_fire_at_once);
    tcase_add_test(t, sparse_timers_wake_rarely);
    tcase_add_test(t, timeout_values);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
