/* SPDX-License-Identifier: Apache-2.0 */
/* lend - brief dirty natives without a hand-off.
 *
 * A hand-off to a dirty thread and back is two wake-ups, some 50 us; to open or read a file that the kernel
 * has in memory takes 2 us. So a scheduler that has nothing else to do executes a native marked BIF_BRIEF
 * itself, with another Sched, as a dirty thread would, and lends its own meanwhile:
 *
 *   owner: lent := n --> native --> lent: n -> 0, goes on
 *                              \--> lent is not n any more: this thread is one too many and ends
 *   guard: sees the same n at two ticks --> a new thread: lent: n -> 0, is the owner
 *
 * What is lent looks like a scheduler asleep: in no slice, in no epoch. Whoever queues work there wakes an idle
 * one to steal it; the protocol is that of sleep.c:
 *   owner:  lent := n; look at my queue          } both sequentially consistent, so at least
 *   pusher: count the entry; look at lent        } one sees the other
 * The guard sleeps unless somebody lends. Layer: sched. See vm/doc/sched.md. */
#include "sched/sched_priv.h"

#include "base/affinity.h"
#include "base/checked.h"

#include <stdio.h>

#define TICK_NS NS_PER_MS
/* Threads that still execute a brief native after their scheduler was taken; no more are risked then. */
#define LATE_MAX 10
/* After its native took long, a scheduler does not lend for a while. */
#define PAUSE_NS (100 * NS_PER_MS)

/* ---- the guard ---- */

typedef struct Successor {
    Sched *s;
    uint64_t serial;
} Successor;

/* The calling thread and the Sched it executes with. */
static void thread_is(Sched *s)
{
    bool normal = s->kind == SCHED_NORMAL;
    sched_self = s;
    timer_wheel_self = s->wheel;
    literal_space_self = s->vm->literals;
    epoch_self = normal ? &s->priv->epoch : NULL;
}

static void succeed(Sched *s)
{
    Thread before = s->priv->thread;
    affinity_as(before.raw);
    thread_detach(&before);
    s->priv->thread.raw = pthread_self();
    s->priv->lend_after_ns = clock_monotonic_ns() + PAUSE_NS;
    s->priv->stand_in = NULL; /* stays with the thread that has it */
    thread_is(s);
    sched_run(s);
}

static void *successor_main(void *arg)
{
    Successor mine = *(Successor *)arg;
    SchedShared *sh = shared_of(mine.s->vm);
    MEM_DELETE(SCHED, (Successor *)arg);
    atomic_fetch_add(&sh->late, 1);
    if (atomic_compare_exchange_strong(&mine.s->priv->lent, &mine.serial, 0)) {
        succeed(mine.s);
    } else {
        atomic_fetch_sub(&sh->late, 1);
        pthread_detach(pthread_self());
    }
    return NULL;
}

static void take_over(Sched *s, uint64_t serial)
{
    Successor *next = MEM_NEW(SCHED, Successor);
    *next = (Successor){s, serial};
    char name[16];
    Thread thread;
    snprintf(name, sizeof name, "sched_%u", s->number);
    ThreadOptions options = {.name = name, .stack_bytes = shared_of(s->vm)->stack_bytes, .block_signals = true};
    if (thread_create(&thread, &options, successor_main, next)) MEM_DELETE(SCHED, next); /* tried again later */
}

/* One tick: true if somebody lends or has lent since the last one. */
static bool look_at_all(SchedSpace *space, uint64_t *seen)
{
    bool any = false;
    for (unsigned i = 0; i < space->count; i++) {
        SchedPriv *priv = space->scheds[i]->priv;
        uint64_t lends = load_relaxed(&priv->lends), lent = atomic_load(&priv->lent);
        bool long_since = lent && lent == seen[i];
        if (long_since) take_over(space->scheds[i], lent);
        any |= lent || lends != seen[i];
        seen[i] = long_since ? 0 : lends;
    }
    return any;
}

static void *guard_main(void *arg)
{
    SchedSpace *space = arg;
    SchedShared *sh = space->shared;
    uint64_t *seen = mem_alloc_zero(MEM_SCHED, space->count * sizeof *seen);
    for (;;) {
        event_wait(&sh->guard_event);
        do {
            event_reset(&sh->guard_event);
            thread_sleep_ns(TICK_NS);
        } while (look_at_all(space, seen));
    }
    return NULL;
}

/* Is there one? */
static bool guard_started(SchedSpace *space)
{
    SchedShared *sh = space->shared;
    uint32_t nobody = 0;
    if (load_relaxed(&sh->guarded)) return true;
    if (!atomic_compare_exchange_strong(&sh->guarded, &nobody, 1)) return true;
    Thread thread;
    ThreadOptions options = {.name = "sched_guard", .block_signals = true};
    bool started = !thread_create(&thread, &options, guard_main, space);
    if (!started) atomic_store(&sh->guarded, 0);
    return started;
}

/* ---- stand-ins: what a thread executes with while its own Sched is lent ---- */

static Sched *stand_in_for(Sched *s)
{
    SchedSpace *space = s->vm->sched;
    SchedShared *sh = space->shared;
    Sched *d = s->priv->stand_in;
    if (d) return d;
    mutex_lock(&sh->io.lock);
    d = sh->spare;
    if (d) sh->spare = d->priv->stand_in;
    mutex_unlock(&sh->io.lock);
    if (!d) d = sched_new(space, SCHED_DIRTY_IO, sh->io.first + 1);
    d->priv->stand_in = NULL;
    d->priv->stands_for = s;
    return s->priv->stand_in = d;
}

static void stand_in_is_spare(SchedShared *sh, Sched *d)
{
    mutex_lock(&sh->io.lock);
    d->priv->stand_in = sh->spare;
    sh->spare = d;
    mutex_unlock(&sh->io.lock);
}

/* ---- the owner ---- */

bool lend_plan(Sched *s, Process *p)
{
    SchedPriv *priv = s->priv;
    if (priv->brief || runq_total(s->runq) > 0 || load_relaxed(&shared_of(s->vm)->late) >= LATE_MAX) return false;
    if (UNLIKELY(priv->lend_after_ns)) {
        if (clock_monotonic_ns() < priv->lend_after_ns && !checked_lose()) return false;
        priv->lend_after_ns = 0;
    }
    if (!guard_started(s->vm->sched)) return false;
    stand_in_for(s);
    priv->brief = p;
    return true;
}

static uint64_t lend(Sched *s)
{
    SchedShared *sh = shared_of(s->vm);
    uint64_t serial = load_relaxed(&s->priv->lends) + 1;
    store_relaxed(&s->priv->lends, serial);
    epoch_offline(&s->priv->epoch);
    block_leave_slice(s);
    atomic_store(&s->priv->lent, serial);
    event_set(&sh->guard_event);
    if (runq_length(s->runq) > 0) sched_wake_idle(s->vm->sched);
    return serial;
}

bool lend_execute(Sched *s)
{
    SchedShared *sh = shared_of(s->vm);
    Process *p = s->priv->brief;
    Sched *d = s->priv->stand_in;
    s->priv->brief = NULL;
    uint64_t serial = lend(s);
    thread_is(d);
    dirty_run(d, p);
    while (checked_lose() && atomic_load(&s->priv->lent) == serial) thread_yield();
    if (!atomic_compare_exchange_strong(&s->priv->lent, &serial, 0)) {
        stand_in_is_spare(sh, d);
        atomic_fetch_sub(&sh->late, 1);
        return false;
    }
    thread_is(s);
    block_enter_slice(s);
    epoch_online(&s->priv->epoch);
    return true;
}
