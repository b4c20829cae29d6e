/* SPDX-License-Identifier: Apache-2.0 */
/* sched_test - run queues, wake-ups, tasks, stopping the world, dirty threads and the poll set, with
 * processes that are nothing but their scheduling state and a function. */
#include <sys/resource.h>
#undef PRIO_MAX /* a macro of the C library, and one of our priorities */

#include "base/alloc.h"
#include "base/clock.h"
#include "base/epoch.h"
#include "proc/ptab.h"
#include "sched/sched_priv.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* What a test process does in each slice is in dirty_state. */
typedef enum RunResult SliceFn(Process *p);

static atomic_u32_t counter, in_world;
static atomic_u32_t stopped_violations;

static enum RunResult run(Sched *s UNUSED, Process *p)
{
    p->reds -= 100;
    return ((SliceFn *)p->dirty_state)(p);
}

static enum RunResult run_dirty(Sched *s, Process *p)
{
    ck_assert_int_ne(s->kind, SCHED_NORMAL);
    atomic_fetch_add(&counter, 1);
    p->ftrace = s->kind;
    return RUN_YIELD;
}

static bool handle_signals(Process *p, enum ProcPriority least UNUSED)
{
    atomic_fetch_and(&p->state, ~PS_SIGNALS);
    return true;
}

static Vm *start_vm(unsigned schedulers)
{
    Vm *vm = calloc(1, sizeof *vm);
    clock_init(CLOCK_NO_WARP);
    vm->epoch = mem_alloc_aligned(MEM_SYS, sizeof(EpochDomain), CACHE_LINE);
    epoch_domain_init(vm->epoch);
    vm->procs = calloc(1, sizeof *vm->procs);
    SchedConfig c = {.schedulers = schedulers, .online = schedulers, .dirty_cpu = 2, .dirty_io = 2};
    sched_init(vm, &c);
    vm->sched->ops = (SchedOps){.run = run, .run_dirty = run_dirty, .handle_signals = handle_signals};
    sched_start(vm);
    return vm;
}

static Process *volatile made[16384]; /* where the leak detector finds what a test forgets */
static size_t made_count;

static Process *new_process(Vm *vm, SliceFn *fn, enum ProcPriority prio)
{
    Process *p = mem_alloc_aligned(MEM_PROC, sizeof *p, CACHE_LINE);
    memset(p, 0, sizeof *p);
    if (made_count < ARRAY_LEN(made)) made[made_count++] = p;
    p->vm = vm;
    p->dirty_state = (void *)fn;
    atomic_init(&p->state, (uint32_t)prio << PS_PRIO_SHIFT);
    return p;
}

static void wait_for(atomic_u32_t *what, uint32_t value)
{
    for (int i = 0; i < 5000 && load_seq(what) != value; i++) thread_sleep_ns(NS_PER_MS);
    ck_assert_uint_eq(load_seq(what), value);
}

static Process *outside_new(Vm *vm, SliceFn *fn) { return new_process(vm, fn, PRIO_NORMAL); }

/* ---- run queues ---- */

START_TEST(priorities_are_kept)
{
    RunQueue q;
    Vm vm = {0};
    RunItem item;
    int low = 0, normal_before_low = 0;
    runq_init(&q, NULL);
    for (int i = 0; i < 16; i++) {
        runq_push(&q, new_process(&vm, NULL, PRIO_LOW), PRIO_LOW);
        runq_push(&q, new_process(&vm, NULL, PRIO_NORMAL), PRIO_NORMAL);
    }
    runq_push(&q, new_process(&vm, NULL, PRIO_HIGH), PRIO_HIGH);
    ck_assert_uint_eq(runq_push(&q, new_process(&vm, NULL, PRIO_MAX), PRIO_MAX), 34);
    ck_assert(runq_pop(&q, false, &item));
    ck_assert_int_eq(state_priority(load_relaxed(&item.p->state)), PRIO_MAX);
    ck_assert(runq_pop(&q, false, &item));
    ck_assert_int_eq(state_priority(load_relaxed(&item.p->state)), PRIO_HIGH);
    while (runq_pop(&q, false, &item)) {
        if (state_priority(load_relaxed(&item.p->state)) == PRIO_LOW)
            low++;
        else if (low == 0)
            normal_before_low++;
    }
    ck_assert_int_eq(normal_before_low, 7);
    ck_assert_int_eq(low, 16);
}
END_TEST

static const struct {
    unsigned normal, low;
} mixes[] = {{1, 1}, {16, 16}, {300, 2}, {2, 300}, {9000, 1}};

/* Each low one gets an eighth of the turns of each normal one, whatever their numbers. */
START_TEST(low_ones_get_their_part)
{
    RunQueue q;
    Vm vm = {0};
    RunItem item;
    unsigned normal = mixes[_i].normal, low = mixes[_i].low, turns[PRIORITIES] = {0};
    runq_init(&q, NULL);
    for (unsigned i = 0; i < normal; i++) runq_push(&q, new_process(&vm, NULL, PRIO_NORMAL), PRIO_NORMAL);
    for (unsigned i = 0; i < low; i++) runq_push(&q, new_process(&vm, NULL, PRIO_LOW), PRIO_LOW);
    while (turns[PRIO_NORMAL] < 80 * normal) {
        ck_assert(runq_pop(&q, false, &item));
        enum ProcPriority prio = state_priority(load_relaxed(&item.p->state));
        turns[prio]++;
        runq_push(&q, item.p, prio);
    }
    ck_assert_uint_ge(turns[PRIO_LOW], 9 * low);
    ck_assert_uint_le(turns[PRIO_LOW], 10 * low);
}
END_TEST

START_TEST(thieves_take_half)
{
    RunQueue a, b;
    Vm vm = {0};
    runq_init(&a, NULL);
    runq_init(&b, NULL);
    for (int i = 0; i < 9; i++) runq_push(&a, new_process(&vm, NULL, PRIO_NORMAL), PRIO_NORMAL);
    ck_assert(runq_steal(&b, &a));
    ck_assert_uint_eq(runq_length(&a), 4);
    ck_assert_uint_eq(runq_length(&b), 5);
    while (runq_steal(&b, &a)) {
    }
    ck_assert_uint_eq(runq_length(&b), 9);
    ck_assert(!runq_steal(&b, &a));
}
END_TEST

/* ---- wake-ups ---- */

static enum RunResult count_and_wait(Process *p UNUSED)
{
    atomic_fetch_add(&counter, 1);
    return RUN_WAIT;
}

#define ROUNDS 2000

/* Each wake-up comes after the process has waited: each one must be seen. */
START_TEST(no_wake_up_is_lost)
{
    Vm *vm = start_vm(3);
    Process *p = outside_new(vm, count_and_wait);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        sched_wake(p, i & 1 ? PS_RUNNABLE : PS_SIGNALS);
        for (int spin = 0; spin < 2000000 && load_seq(&counter) != i; spin++) {
        }
        wait_for(&counter, i);
        while (process_state(p) & PS_RUNNING) {
        }
    }
}
END_TEST

static Process *partner[2];

static enum RunResult ping(Process *p)
{
    if (atomic_fetch_add(&counter, 1) < 20000) sched_wake(partner[p == partner[0]], PS_SIGNALS);
    return RUN_WAIT;
}

START_TEST(two_processes_play_ping_pong)
{
    Vm *vm = start_vm(2);
    partner[0] = outside_new(vm, ping);
    partner[1] = outside_new(vm, ping);
    sched_wake(partner[0], PS_RUNNABLE);
    wait_for(&counter, 20001);
}
END_TEST

static enum RunResult yield_ten_times(Process *p)
{
    if (p->ftrace++ < 10) return RUN_YIELD;
    atomic_fetch_add(&counter, 1);
    return RUN_EXIT;
}

START_TEST(many_processes_run_to_their_end)
{
    Vm *vm = start_vm(4);
    for (int i = 0; i < 5000; i++) {
        Process *p = new_process(vm, yield_ten_times, (enum ProcPriority)(i % 4));
        p->ftrace = 0;
        sched_wake(p, PS_RUNNABLE);
    }
    wait_for(&counter, 5000);
    /* The last slices are counted after they have ended. */
    for (int i = 0; i < 1000 && sched_total_reductions(vm) != 5000 * 11 * 100; i++) thread_sleep_ns(NS_PER_MS);
    ck_assert_uint_eq(sched_total_reductions(vm), 5000 * 11 * 100);
}
END_TEST

START_TEST(suspended_processes_wait_for_their_resume)
{
    Vm *vm = start_vm(2);
    Process *p = outside_new(vm, count_and_wait);
    atomic_fetch_or(&p->state, PS_SUSPENDED);
    sched_wake(p, PS_RUNNABLE);
    thread_sleep_ns(20 * NS_PER_MS);
    ck_assert_uint_eq(load_seq(&counter), 0);
    sched_resume(p);
    wait_for(&counter, 1);
}
END_TEST

/* ---- idle means idle ---- */

START_TEST(idle_schedulers_use_no_time)
{
    Vm *vm = start_vm(4);
    struct rusage before, after;
    thread_sleep_ns(50 * NS_PER_MS);
    getrusage(RUSAGE_SELF, &before);
    thread_sleep_ns(300 * NS_PER_MS);
    getrusage(RUSAGE_SELF, &after);
    long switches = after.ru_nvcsw - before.ru_nvcsw;
    ck_assert_int_le(switches, 10); /* a tick of 1 ms would make 1,200 */
    (void)vm;
}
END_TEST

static void probe_fire(Timer *t UNUSED) { atomic_fetch_add(&counter, 1); }

START_TEST(timers_wake_sleeping_schedulers)
{
    Vm *vm = start_vm(2);
    static Timer t = {.fire = probe_fire};
    int64_t begin = clock_monotonic_ns();
    timer_set(vm, &t, begin + 30 * NS_PER_MS);
    wait_for(&counter, 1);
    ck_assert_int_ge(clock_monotonic_ns() - begin, 30 * NS_PER_MS);
}
END_TEST

/* ---- tasks and jobs ---- */

static atomic_u32_t task_inside;

static enum TaskResult task_run(Task *t UNUSED, Sched *s UNUSED)
{
    ck_assert_uint_eq(atomic_fetch_add(&task_inside, 1), 0);
    atomic_fetch_add(&counter, 1);
    atomic_fetch_sub(&task_inside, 1);
    return TASK_KEEP;
}

static Task the_task;
static atomic_u32_t finished;

static enum RunResult schedule_task(Process *p)
{
    task_schedule(p->vm, &the_task);
    if (p->ftrace++ < 500) return RUN_YIELD;
    atomic_fetch_add(&finished, 1);
    return RUN_EXIT;
}

START_TEST(tasks_run_one_at_a_time)
{
    Vm *vm = start_vm(4);
    task_init(&the_task, task_run);
    for (int i = 0; i < 4; i++) sched_wake(outside_new(vm, schedule_task), PS_RUNNABLE);
    wait_for(&finished, 4);
    ck_assert_uint_gt(load_seq(&counter), 1);
    uint32_t before = load_seq(&counter);
    task_schedule(vm, &the_task);
    for (int i = 0; i < 5000 && load_seq(&counter) == before; i++) thread_sleep_ns(NS_PER_MS);
    ck_assert_uint_gt(load_seq(&counter), before);
}
END_TEST

static void job(void *arg UNUSED) { atomic_fetch_add(&counter, sched_self->number); }

START_TEST(jobs_run_where_they_were_sent)
{
    Vm *vm = start_vm(3);
    sched_run_on(vm, 3, job, NULL);
    wait_for(&counter, 3);
    sched_run_on_all(vm, job, NULL, NULL);
    wait_for(&counter, 9);
}
END_TEST

/* ---- stop the world ---- */

static enum RunResult in_and_out(Process *p)
{
    atomic_fetch_add(&in_world, 1);
    for (int i = 0; i < 200; i++) load_seq(&counter);
    atomic_fetch_sub(&in_world, 1);
    (void)p;
    return RUN_YIELD;
}

static enum RunResult stopper(Process *p)
{
    sched_block_all(p->vm);
    if (load_seq(&in_world) != 0) atomic_fetch_add(&stopped_violations, 1);
    atomic_fetch_add(&counter, 1);
    if (load_seq(&in_world) != 0) atomic_fetch_add(&stopped_violations, 1);
    sched_unblock_all(p->vm);
    return p->ftrace++ < 200 ? RUN_YIELD : RUN_EXIT;
}

START_TEST(the_world_stops)
{
    Vm *vm = start_vm(4);
    for (int i = 0; i < 6; i++) sched_wake(outside_new(vm, in_and_out), PS_RUNNABLE);
    for (int i = 0; i < 2; i++) {
        Process *p = outside_new(vm, stopper);
        p->ftrace = 0;
        sched_wake(p, PS_RUNNABLE);
    }
    wait_for(&counter, 402);
    ck_assert_uint_eq(load_seq(&stopped_violations), 0);
}
END_TEST

/* ---- dirty threads ---- */

static enum RunResult go_dirty(Process *p)
{
    if (p->fvalue++ == 0) return p->gens ? RUN_DIRTY_IO : RUN_DIRTY_CPU;
    atomic_fetch_add(&counter, 1000);
    return RUN_EXIT;
}

START_TEST(dirty_work_comes_back)
{
    Vm *vm = start_vm(2);
    for (uint16_t i = 0; i < 20; i++) {
        Process *p = outside_new(vm, go_dirty);
        p->gens = i & 1;
        sched_wake(p, PS_RUNNABLE);
    }
    wait_for(&counter, 20020);
}
END_TEST

/* ---- descriptors ---- */

static int pipe_fds[2];

static void readable(PollFd *pf, uint32_t events)
{
    char c;
    if (events & POLL_READ && read(pf->fd, &c, 1) == 1) atomic_fetch_add(&counter, 1);
    poll_add(sched_self->vm, pf, POLL_READ);
}

START_TEST(descriptors_wake_an_idle_scheduler)
{
    static PollFd pf;
    Vm *vm = start_vm(2);
    ck_assert_int_eq(pipe(pipe_fds), 0);
    pollfd_init(&pf, pipe_fds[0], readable, NULL);
    ck_assert_int_eq(poll_add(vm, &pf, POLL_READ), 0);
    ck_assert_uint_eq(poll_count(vm), 1);
    for (uint32_t i = 1; i <= 100; i++) {
        ck_assert_int_eq(write(pipe_fds[1], "x", 1), 1);
        wait_for(&counter, i);
    }
    poll_remove(vm, &pf);
    ck_assert_int_eq(write(pipe_fds[1], "x", 1), 1);
    thread_sleep_ns(20 * NS_PER_MS);
    ck_assert_uint_eq(load_seq(&counter), 100);
}
END_TEST

static atomic_u32_t fired;

static void note_event(PollFd *pf UNUSED, uint32_t events UNUSED) { atomic_fetch_add(&fired, 1); }

/* /dev/null is always ready; the pipe that gets its number is not. */
START_TEST(a_number_of_something_else_starts_afresh)
{
    static PollFd pf;
    Vm *vm = start_vm(2);
    int fd = open("/dev/null", O_WRONLY);
    ck_assert_int_eq(pipe(pipe_fds), 0);
    pollfd_init(&pf, fd, note_event, NULL);
    ck_assert_int_eq(poll_add(vm, &pf, POLL_WRITE), 0);
    wait_for(&fired, 1);
    poll_remove(vm, &pf);
    ck_assert_int_eq(dup2(pipe_fds[0], fd), fd);
    ck_assert_int_eq(poll_add(vm, &pf, POLL_READ), 0);
    thread_sleep_ns(20 * NS_PER_MS);
    ck_assert_uint_eq(load_seq(&fired), 1);
    ck_assert_int_eq(write(pipe_fds[1], "x", 1), 1);
    wait_for(&fired, 2);
    poll_remove(vm, &pf);
}
END_TEST

static enum RunResult spin(Process *p UNUSED) { return RUN_YIELD; }

START_TEST(descriptors_are_seen_while_all_are_busy)
{
    static PollFd pf;
    Vm *vm = start_vm(2);
    ck_assert_int_eq(pipe(pipe_fds), 0);
    pollfd_init(&pf, pipe_fds[0], readable, NULL);
    for (int i = 0; i < 4; i++) sched_wake(outside_new(vm, spin), PS_RUNNABLE);
    ck_assert_int_eq(poll_add(vm, &pf, POLL_READ), 0);
    ck_assert_int_eq(write(pipe_fds[1], "x", 1), 1);
    wait_for(&counter, 1);
}
END_TEST

/* ---- online ---- */

static atomic_u32_t seen_schedulers;

static enum RunResult note_scheduler(Process *p UNUSED)
{
    atomic_fetch_or(&seen_schedulers, 1u << sched_self->number);
    return RUN_YIELD;
}

START_TEST(offline_schedulers_do_nothing)
{
    Vm *vm = start_vm(4);
    for (int i = 0; i < 8; i++) sched_wake(outside_new(vm, note_scheduler), PS_RUNNABLE);
    thread_sleep_ns(30 * NS_PER_MS);
    ck_assert_uint_eq(sched_set_online(vm, 1), 4);
    thread_sleep_ns(30 * NS_PER_MS);
    atomic_store(&seen_schedulers, 0);
    thread_sleep_ns(30 * NS_PER_MS);
    ck_assert_uint_eq(load_seq(&seen_schedulers), 2);
    ck_assert_uint_eq(sched_set_online(vm, 4), 1);
    while (load_seq(&seen_schedulers) == 2) thread_sleep_ns(NS_PER_MS);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sched");
    TCase *t = tcase_create("sched");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, priorities_are_kept);
    tcase_add_loop_test(t, low_ones_get_their_part, 0, (int)ARRAY_LEN(mixes));
    tcase_add_test(t, thieves_take_half);
    tcase_add_test(t, no_wake_up_is_lost);
    tcase_add_test(t, two_processes_play_ping_pong);
    tcase_add_test(t, many_processes_run_to_their_end);
    tcase_add_test(t, suspended_processes_wait_for_their_resume);
    tcase_add_test(t, idle_schedulers_use_no_time);
    tcase_add_test(t, timers_wake_sleeping_schedulers);
    tcase_add_test(t, tasks_run_one_at_a_time);
    tcase_add_test(t, jobs_run_where_they_were_sent);
    tcase_add_test(t, the_world_stops);
    tcase_add_test(t, dirty_work_comes_back);
    tcase_add_test(t, descriptors_wake_an_idle_scheduler);
    tcase_add_test(t, a_number_of_something_else_starts_afresh);
    tcase_add_test(t, descriptors_are_seen_while_all_are_busy);
    tcase_add_test(t, offline_schedulers_do_nothing);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
